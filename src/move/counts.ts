/** What a process counts of its calls, until the stage changes. */
import { OutgrowError } from "../errors.ts";
import type { MoveObserver } from "./observer.ts";
import type { SideName } from "./stages.ts";
import { type Comparisons, LATENCY_CLASSES_MS, type SideCounts } from "./state.ts";

class CallCounts {
  reads = 0;
  writes = 0;
  errors = 0;
  ms = 0;
  readonly latency: number[] = Array.from({ length: LATENCY_CLASSES_MS.length + 1 }, () => 0);

  add(kind: "reads" | "writes", ms: number): void {
    this[kind]++;
    this.ms += ms;
    const found = LATENCY_CLASSES_MS.findIndex((bound) => ms <= bound);
    const index = found < 0 ? LATENCY_CLASSES_MS.length : found;
    this.latency[index] = (this.latency[index] ?? 0) + 1;
  }

  get plain(): SideCounts {
    const { reads, writes, errors, ms, latency } = this;
    return { reads, writes, errors, ms, latency: [...latency] };
  }
}

const NO_COMPARISONS: Comparisons = { equal: 0, mismatched: 0, busy: 0, unknown: 0, dropped: 0 };

export class Counts {
  readonly #sides = { source: new CallCounts(), target: new CallCounts() };
  #comparisons = { ...NO_COMPARISONS };
  readonly #observer: MoveObserver | undefined;

  /** @param observer is told of each call and comparison. What it throws is its own affair. */
  constructor(observer?: MoveObserver) {
    this.#observer = observer;
  }

  /** Calls a side, and counts how long that took. */
  async timed<T>(side: SideName, kind: "reads" | "writes", call: () => Promise<T>): Promise<T> {
    const counts = this.#sides[side];
    const started = performance.now();
    try {
      const result = await call();
      const ms = performance.now() - started;
      counts.add(kind, ms);
      this.#tell((observer) => observer.called?.({ side, kind, ms }));
      return result;
    } catch (error) {
      counts.errors++;
      const failed = OutgrowError.is(error) ? error.code : "INTERNAL";
      const ms = performance.now() - started;
      this.#tell((observer) => observer.called?.({ side, kind, ms, failed }));
      throw error;
    }
  }

  compared(outcome: keyof Comparisons): void {
    this.#comparisons[outcome]++;
    this.#tell((observer) => observer.compared?.(outcome));
  }

  /** The app's call goes on, whatever becomes of its measure. */
  #tell(what: (observer: MoveObserver) => void): void {
    try {
      if (this.#observer !== undefined) what(this.#observer);
    } catch {
      // Its own affair.
    }
  }

  get sides(): Record<SideName, SideCounts> {
    return { source: this.#sides.source.plain, target: this.#sides.target.plain };
  }

  get comparisons(): Comparisons {
    return { ...this.#comparisons };
  }
}

export function addSides(a: SideCounts, b: SideCounts): SideCounts {
  return {
    reads: a.reads + b.reads,
    writes: a.writes + b.writes,
    errors: a.errors + b.errors,
    // A process of an earlier version does not say it.
    ms: a.ms + (b.ms ?? 0),
    latency: a.latency.map((count, index) => count + (b.latency[index] ?? 0)),
  };
}

export function addComparisons(a: Comparisons, b: Comparisons): Comparisons {
  return {
    equal: a.equal + b.equal,
    mismatched: a.mismatched + b.mismatched,
    busy: a.busy + b.busy,
    unknown: a.unknown + b.unknown,
    dropped: a.dropped + b.dropped,
  };
}

export const NO_CALLS: SideCounts = new CallCounts().plain;
export { NO_COMPARISONS };

/** The least class of milliseconds within which so large a share of calls ended; `undefined` without calls. */
export function percentile({ latency }: SideCounts, share: number): number | undefined {
  const all = latency.reduce((sum, count) => sum + count, 0);
  if (all === 0) return undefined;
  let seen = 0;
  for (const [index, count] of latency.entries()) {
    seen += count;
    if (seen >= all * share) return LATENCY_CLASSES_MS[index] ?? Number.POSITIVE_INFINITY;
  }
  return Number.POSITIVE_INFINITY;
}
