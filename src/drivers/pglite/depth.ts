/**
 * PGlite overflows its stack on JSON nested some 7,000 levels deep, drops the row without an error,
 * and hangs at the next one. So nothing nested that deep may reach it, whoever sends it.
 */
import { OutgrowError } from "../../errors.ts";
import type { SqlParameter } from "../postgres/database.ts";

/** Far above what a record may have (128), far below what PGlite survives. */
const MAX_DEPTH = 1_000;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/**
 * Looks at text parameters that may be JSON or an array: those that start with `{` or `[`.
 *
 * @throws {OutgrowError} DEPTH
 */
export function refuseDeep(parameters: readonly SqlParameter[]): void {
  for (const parameter of parameters) {
    if (typeof parameter !== "string" || parameter.length <= MAX_DEPTH) continue;
    if (/^\s*[[{]/.test(parameter) && isDeeperThan(parameter, MAX_DEPTH)) {
      throw new OutgrowError("DEPTH", { detail: "a statement's parameter" });
    }
  }
}

/** Counts brackets outside of strings, without recursion. */
function isDeeperThan(text: string, limit: number): boolean {
  let depth = 0;
  let quoted = false;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    if (quoted) {
      if (unit === BACKSLASH) index++;
      else if (unit === QUOTE) quoted = false;
      continue;
    }
    if (unit === QUOTE) quoted = true;
    else if (unit === 0x5b || unit === 0x7b) {
      if (++depth > limit) return true;
    } else if (unit === 0x5d || unit === 0x7d) depth--;
  }
  return false;
}
