/**
 * Whether the calls upon one key can have happened one after another, each at one moment between its beginning and
 * its end, so that every read saw what was written last (Herlihy and Wing, 1990; searched as Wing and Gong, 1993).
 */

/** A call upon a key. `null` is no record. */
export interface Call {
  readonly kind: "read" | "write";
  readonly value: string | null;
  readonly start: number;
  /** When it was answered; `undefined` where it is not known whether it took place. */
  readonly end: number | undefined;
  readonly by: string;
}

/** @returns a sentence when there is no such order; `undefined` when there is one. */
export function disorder(first: string | null, calls: readonly Call[]): string | undefined {
  // A read that was not answered saw nothing; a write that nobody saw, and was not answered, need not have been.
  const seen = new Set(calls.filter(({ kind }) => kind === "read").map(({ value }) => value));
  const told = calls
    .filter((call) => call.end !== undefined || (call.kind === "write" && seen.has(call.value)))
    .sort((a, b) => a.start - b.start);
  const failed = new Set<string>();
  const search = (done: bigint, held: string | null): boolean => {
    const id = `${done} ${held}`;
    if (failed.has(id)) return false;
    let soonest = Number.POSITIVE_INFINITY;
    let left = 0;
    for (const [index, { end }] of told.entries()) {
      if ((done >> BigInt(index)) & 1n) continue;
      if (end === undefined) continue;
      left++;
      soonest = Math.min(soonest, end);
    }
    if (left === 0) return true;
    for (const [index, call] of told.entries()) {
      if ((done >> BigInt(index)) & 1n) continue;
      if (call.start > soonest) break;
      if (call.kind === "read" && call.value !== held) continue;
      if (search(done | (1n << BigInt(index)), call.kind === "write" ? call.value : held)) {
        return true;
      }
    }
    failed.add(id);
    return false;
  };
  if (search(0n, first)) return undefined;
  const lines = told.map(
    ({ kind, value, start, end, by }) => `  ${start}-${end ?? "?"} ${by} ${kind}s ${value}`,
  );
  return `these calls, beginning with ${first}, have no order:\n${lines.join("\n")}`;
}
