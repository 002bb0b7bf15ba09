/** What a commit did to one collection, and what is told of it. */
import type { CommitReport, Conflict } from "../../store/driver.ts";
import type { SpillCount } from "../../store/ledger.ts";

/** applied + duplicate + stale + conflicts = the records that were given: law T1. */
export interface Counted {
  readonly applied: number;
  /** Of those, the ones that an earlier run had brought just so. */
  readonly unchanged: number;
  readonly duplicate: number;
  readonly stale: number;
  /** Records of the batch that went to quarantine. */
  readonly conflicts: readonly Conflict[];
  /** Records of earlier commits of this run that went from the table to quarantine: no longer applied. */
  readonly displaced: number;
  readonly spills: readonly SpillCount[];
}

export const NOTHING_COUNTED: Counted = {
  applied: 0,
  unchanged: 0,
  duplicate: 0,
  stale: 0,
  conflicts: [],
  displaced: 0,
  spills: [],
};

export function reportOf(counted: ReadonlyMap<string, Counted>): CommitReport {
  const all = [...counted.values()];
  const sum = (count: (one: Counted) => number): number =>
    all.reduce((total, one) => total + count(one), 0);
  return {
    applied: sum(({ applied }) => applied),
    duplicate: sum(({ duplicate }) => duplicate),
    stale: sum(({ stale }) => stale),
    conflicts: all.flatMap(({ conflicts }) => conflicts),
    spills: all.flatMap(({ spills }) => spills),
  };
}

/** Sums up the spills of records, per column and code. */
export function spillsOf(
  collection: string,
  spilled: Iterable<readonly (readonly [column: string, code: string])[]>,
): SpillCount[] {
  const counts = new Map<string, SpillCount>();
  for (const spills of spilled) {
    for (const [column, code] of spills) {
      const id = `${code} ${column}`;
      const count = (counts.get(id)?.count ?? 0) + 1;
      counts.set(id, { collection, column, code, count });
    }
  }
  return [...counts.values()];
}
