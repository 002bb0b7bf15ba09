/** How a long run tells its caller where it is: rates over the last seconds, and the time left. */

export interface Progress {
  readonly phase: "survey" | "infer" | "plan" | "copy" | "verify" | "export";
  /** What is being worked on: a file or a collection. */
  readonly subject: string;
  /** Records handled in this phase. */
  readonly records: number;
  /** Bytes of the source handled, and in all; 0 where bytes are no measure. */
  readonly bytes: number;
  readonly totalBytes: number;
  readonly recordsPerSecond: number;
  readonly bytesPerSecond: number;
  /** `undefined` while it cannot be told. */
  readonly secondsLeft: number | undefined;
}

export type OnProgress = (progress: Progress) => void;

const WINDOW_MS = 5000;
const EVERY_MS = 100;

/** Turns counts into progress reports, at most ten a second, with rates over a sliding window. */
export class Meter {
  readonly #phase: Progress["phase"];
  readonly #totalBytes: number;
  readonly #report: OnProgress | undefined;
  #subject = "";
  #records = 0;
  #bytes = 0;
  #reportedAt = 0;
  readonly #samples: { at: number; records: number; bytes: number }[] = [];

  constructor(phase: Progress["phase"], totalBytes: number, report: OnProgress | undefined) {
    this.#phase = phase;
    this.#totalBytes = totalBytes;
    this.#report = report;
  }

  /** @param bytes absolute position in the source, when that is known. */
  advance(subject: string, records: number, bytes?: number): void {
    this.#subject = subject;
    this.#records += records;
    if (bytes !== undefined) this.#bytes = bytes;
    const now = performance.now();
    if (this.#report !== undefined && now - this.#reportedAt >= EVERY_MS) this.#emit(now);
  }

  /** The last report of the phase, whenever the one before it was. */
  finish(): void {
    if (this.#report !== undefined) this.#emit(performance.now());
  }

  #emit(now: number): void {
    this.#reportedAt = now;
    this.#samples.push({ at: now, records: this.#records, bytes: this.#bytes });
    while (this.#samples.length > 2 && now - (this.#samples[0]?.at ?? now) > WINDOW_MS) {
      this.#samples.shift();
    }
    const first = this.#samples[0] ?? { at: now, records: 0, bytes: 0 };
    const seconds = Math.max((now - first.at) / 1000, 0.001);
    const bytesPerSecond = (this.#bytes - first.bytes) / seconds;
    const left = this.#totalBytes - this.#bytes;
    this.#report?.({
      phase: this.#phase,
      subject: this.#subject,
      records: this.#records,
      bytes: this.#bytes,
      totalBytes: this.#totalBytes,
      recordsPerSecond: Math.round((this.#records - first.records) / seconds),
      bytesPerSecond: Math.round(bytesPerSecond),
      secondsLeft: bytesPerSecond > 0 && left >= 0 ? left / bytesPerSecond : undefined,
    });
  }
}
