import { statfs } from "node:fs/promises";
import { OutgrowError } from "../errors.ts";
import type { Target } from "../store/driver.ts";
import type { Source } from "./source.ts";

/**
 * How much larger than its file a copy may become: rows, indexes, the ledger's row per record, and the write-ahead
 * log until the next checkpoint. Measured on records of about 1 kB; small records are dearer, so it is a floor
 * for refusing, not a promise.
 */
const GROWTH = 2.5;

export interface DiskEstimate {
  readonly neededBytes: number;
  /** `undefined` where the target's disk cannot be asked: a server elsewhere. */
  readonly freeBytes: number | undefined;
}

/** Estimates the disk that a copy needs. Only an embedded target's disk can be looked at from here. */
export async function estimateDisk(sourceBytes: number, target: Target): Promise<DiskEstimate> {
  const neededBytes = Math.ceil(sourceBytes * GROWTH);
  const directory = target.directory;
  if (directory === undefined) return { neededBytes, freeBytes: undefined };
  const { bavail, bsize } = await statfs(directory);
  return { neededBytes, freeBytes: bavail * bsize };
}

/** @throws {OutgrowError} DISK_SPACE when the embedded database's disk is too small for this source. */
export async function checkDisk(source: Source, target: Target): Promise<void> {
  const { neededBytes, freeBytes } = await estimateDisk(source.bytes, target);
  if (freeBytes !== undefined && freeBytes < neededBytes) {
    const gib = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GiB`;
    throw new OutgrowError("DISK_SPACE", {
      detail: `about ${gib(neededBytes)} are needed and ${gib(freeBytes)} are free`,
    });
  }
}
