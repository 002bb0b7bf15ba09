/** How a good store is broken: the same object but for a method or two. */
import { isPlainObject, type Value } from "../../../src/collection/value.ts";
import type {
  Commit,
  CommitReport,
  Driver,
  RecordWrite,
  Stored,
  Target,
} from "../../../src/store/driver.ts";
import type { Ledger } from "../../../src/store/ledger.ts";

export type Wrap = (target: Target) => Target;

/** A store that breaks the contract in one way. */
export interface Broken {
  /** What it does. */
  readonly name: string;
  /** The case that has to notice. */
  readonly fails: string;
  readonly wrap: Wrap;
}

/** The same object but for these methods. */
export function but<T extends object>(good: T, changes: Partial<T>): T {
  return new Proxy(good, {
    get(_, name) {
      if (Object.hasOwn(changes, name)) return Reflect.get(changes, name);
      const found: unknown = Reflect.get(good, name, good);
      return typeof found === "function" ? found.bind(good) : found;
    },
  });
}

export const driver =
  (change: (good: Driver, move: string) => Partial<Driver>): Wrap =>
  (target) =>
    but(target, {
      open: async (move) => {
        const good = await target.open(move);
        return but(good, change(good, move));
      },
    });

export const ledger =
  (change: (good: Ledger, target: Target) => Partial<Ledger>): Wrap =>
  (target) =>
    but(target, { ledger: but(target.ledger, change(target.ledger, target)) });

/** Records are changed on their way in. */
export const records = (change: (list: readonly RecordWrite[]) => readonly RecordWrite[]): Wrap =>
  driver((good) => ({
    commit: (commit) =>
      good.commit({
        ...commit,
        writes: commit.writes.map((one) => ({ ...one, records: change(one.records) })),
      }),
  }));

/** Batches of a scan are changed on their way out. */
export const scanned = (
  change: (batch: readonly Stored[], number: number) => readonly Stored[],
): Wrap =>
  driver((good) => ({
    async *scan(from, options) {
      let number = 0;
      for await (const batch of good.scan(from, options)) yield change(batch, number++);
    },
  }));

/** Some values become others, wherever they stand. */
export const coerced = (change: (value: Value) => Value): Wrap => {
  const deep = (value: Value): Value => {
    if (Array.isArray(value)) return value.map(deep);
    if (!isPlainObject(value)) return change(value);
    return Object.fromEntries(Object.entries(value).map(([name, held]) => [name, deep(held)]));
  };
  return records((list) => list.map((one) => ({ ...one, value: deep(one.value) })));
};

export const coercedText = (change: (text: string) => string): Wrap =>
  coerced((value) => (typeof value === "string" ? change(value) : value));

/** Swallows some records, and says that all is well. */
export const swallowing = (
  keep: (record: RecordWrite, list: readonly RecordWrite[]) => boolean,
): Wrap =>
  driver((good) => ({
    async commit(commit) {
      const writes = commit.writes.map((one) => ({
        ...one,
        records: one.records.filter((record) => keep(record, one.records)),
      }));
      const lost = sizeOf(commit.writes) - sizeOf(writes);
      const ledger = commit.ledger && readLess(commit.ledger, lost);
      const report = await good.commit({ ...commit, writes, ledger });
      return { ...report, applied: report.applied + lost };
    },
  }));

const sizeOf = (writes: Commit["writes"]): number => writes.flatMap((one) => one.records).length;

function readLess(told: NonNullable<Commit["ledger"]>, by: number): NonNullable<Commit["ledger"]> {
  if (told.read === undefined) return told;
  const read = Object.entries(told.read).map(([name, count]) => [name, count - by] as const);
  return { ...told, read: Object.fromEntries(read) };
}

/** A record for which this holds gets a revision of its own: it wins, whatever it was. */
export const winning = (wins: (before: Stored, record: RecordWrite) => boolean): Wrap =>
  driver((good) => ({
    async commit(commit): Promise<CommitReport> {
      const writes = await Promise.all(
        commit.writes.map(async ({ collection, records: list }) => {
          const at = { tenant: commit.tenant, collection };
          const before = await good.read(
            at,
            list.map(({ key }) => key),
          );
          const revisions = await good.issue(list.length);
          const changed = list.map((record, index) => {
            const there = before[index];
            const revision = revisions[index] ?? record.revision;
            return there !== undefined && wins(there, record) ? { ...record, revision } : record;
          });
          return { collection, records: changed };
        }),
      );
      return good.commit({ ...commit, writes });
    },
  }));

/** Knows which tenants there are, which is what a store that mixes them up does. */
export const acrossTenants = (
  change: (good: Driver, tenants: ReadonlySet<string>) => Partial<Driver>,
): Wrap => {
  const tenants = new Set<string>();
  return driver((good) => {
    const changed = change(good, tenants);
    const commit = changed.commit ?? ((one: Commit) => good.commit(one));
    return {
      ...changed,
      commit(one) {
        tenants.add(one.tenant);
        return commit(one);
      },
    };
  });
};

/** Knows the newest lease of all. */
export const withNewestLease = (change: (good: Target, newest: () => number) => Target): Wrap => {
  return (target) => {
    let newest = 0;
    const told = ledger((good) => ({
      async acquire(name, ttlMs) {
        const lease = await good.acquire(name, ttlMs);
        newest = lease.number;
        return lease;
      },
    }))(target);
    return change(told, () => newest);
  };
};

export const isSame = (a: Uint8Array, b: Uint8Array): boolean => String(a) === String(b);
