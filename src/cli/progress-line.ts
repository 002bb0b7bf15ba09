/** One line on standard error that follows a run, where there is a terminal to show it. */
import type { OnProgress, Progress } from "../transfer/progress.ts";
import { bytes, duration, visible } from "./screen.ts";

const VERBS: Readonly<Record<Progress["phase"], string>> = {
  survey: "Looking at",
  infer: "Reading types of",
  plan: "Trying",
  copy: "Copying",
  verify: "Verifying",
  export: "Exporting",
};

export interface ProgressLine {
  readonly onProgress: OnProgress | undefined;
  /** Wipes the line, so that what is printed next stands alone. */
  clear(): void;
}

export function progressLine(quiet: boolean): ProgressLine {
  if (quiet || process.stderr.isTTY !== true) return { onProgress: undefined, clear() {} };
  return {
    onProgress(progress) {
      process.stderr.write(
        `\r\u001b[2K${describe(progress).slice(0, (process.stderr.columns ?? 100) - 1)}`,
      );
    },
    clear() {
      process.stderr.write("\r\u001b[2K");
    },
  };
}

/** `Copying generations  45 %  12,400 records  31,000/s  28.4 MiB/s  9 s left` */
export function describe(progress: Progress): string {
  const parts = [`${VERBS[progress.phase]} ${visible(progress.subject)}`];
  if (progress.totalBytes > 0) {
    const share = Math.min(progress.bytes / progress.totalBytes, 1);
    parts.push(`${Math.floor(share * 100)} %`);
  }
  if (progress.records > 0) {
    parts.push(`${progress.records.toLocaleString("en-US")} records`);
    parts.push(`${progress.recordsPerSecond.toLocaleString("en-US")}/s`);
  }
  if (progress.bytesPerSecond > 0) parts.push(`${bytes(progress.bytesPerSecond)}/s`);
  if (progress.secondsLeft !== undefined && progress.totalBytes > 0) {
    parts.push(`${duration(progress.secondsLeft)} left`);
  }
  return parts.join("  ");
}
