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

/** What a copy of a source of this size may take of the target's disk. */
export function estimateBytes(sourceBytes: number): number {
  return Math.ceil(sourceBytes * GROWTH);
}

/** Only an embedded target's disk can be looked at from here; `undefined` for a server elsewhere. */
async function freeBytes({ directory }: Target): Promise<number | undefined> {
  if (directory === undefined) return undefined;
  const { bavail, bsize } = await statfs(directory);
  return bavail * bsize;
}

/** @throws {OutgrowError} DISK_SPACE when the embedded database's disk is too small for this source. */
export async function checkDisk(source: Source, target: Target): Promise<void> {
  const needed = estimateBytes(source.bytes);
  const free = await freeBytes(target);
  if (free !== undefined && free < needed) {
    const gib = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GiB`;
    throw new OutgrowError("DISK_SPACE", {
      detail: `about ${gib(needed)} are needed and ${gib(free)} are free`,
    });
  }
}
