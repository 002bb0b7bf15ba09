/** Names of collections as files give them. */
import { checkCollectionName } from "../collection/define.ts";
import { LIMITS } from "../collection/value.ts";
import { OutgrowError } from "../errors.ts";
import type { Part } from "./format.ts";

/** `base`, or a name made from it that nobody has; the same every time. */
export function freeCollectionName(base: string, taken: ReadonlySet<string>): string {
  let name = base;
  for (let number = 2; taken.has(name); number++) name = `${base}_${number}`;
  return name;
}

export function isCollectionName(name: string): boolean {
  try {
    checkCollectionName(name);
    return true;
  } catch {
    return false;
  }
}

/** Checks all parts of a file. @throws {OutgrowError} COLLECTION_NAME, LIMIT */
export function checkParts(parts: readonly Part[], file: string): void {
  if (parts.length > LIMITS.collections) {
    const detail = `more than ${LIMITS.collections} collections`;
    throw new OutgrowError("LIMIT", { file, detail });
  }
  for (const { collection } of parts) {
    try {
      checkCollectionName(collection);
    } catch (cause) {
      if (!OutgrowError.is(cause)) throw cause;
      throw new OutgrowError("COLLECTION_NAME", { file, detail: cause.site.detail }, { cause });
    }
  }
}

/** A part of a format that declares nothing. */
export function plainPart(collection: string, keyed: boolean, records: number): Part {
  return { collection, keyed, keyPath: undefined, indexes: [], records, claimed: undefined };
}
