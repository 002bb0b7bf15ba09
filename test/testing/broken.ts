/** Stores that break the contract in one way each, made from a good one. The suites must reject all of them. */
import { encodeKey } from "../../src/collection/key.ts";
import { isPlainObject, type Value } from "../../src/collection/value.ts";
import { OutgrowError } from "../../src/errors.ts";
import type {
  Commit,
  CommitReport,
  Driver,
  RecordWrite,
  Stored,
  Target,
} from "../../src/store/driver.ts";
import type { Ledger, Quarantined } from "../../src/store/ledger.ts";
import { runQuery } from "../../src/store/query.ts";

export interface Broken {
  readonly name: string;
  /** A case that fails says so in its name. */
  readonly law: RegExp;
  wrap(target: Target): Target;
}

/** The same object but for these methods. */
function but<T extends object>(good: T, changes: Partial<T>): T {
  return new Proxy(good, {
    get(_, name) {
      if (Object.hasOwn(changes, name)) return Reflect.get(changes, name);
      const found: unknown = Reflect.get(good, name, good);
      return typeof found === "function" ? found.bind(good) : found;
    },
  });
}

const driver =
  (change: (good: Driver, target: Target, move: string) => Partial<Driver>) => (target: Target) =>
    but(target, {
      open: async (move) => {
        const good = await target.open(move);
        return but(good, change(good, target, move));
      },
    });
const ledger = (change: (good: Ledger) => Partial<Ledger>) => (target: Target) =>
  but(target, { ledger: but(target.ledger, change(target.ledger)) });
/** Records are changed on their way in. */
const records = (
  change: (list: readonly RecordWrite[], commit: Commit) => readonly RecordWrite[],
) =>
  driver((good) => ({
    commit: (commit) =>
      good.commit({
        ...commit,
        writes: commit.writes.map((one) => ({ ...one, records: change(one.records, commit) })),
      }),
  }));
/** Batches of a scan are changed on their way out. */
const scanned = (change: (batch: readonly Stored[], number: number) => readonly Stored[]) =>
  driver((good) => ({
    async *scan(from, options) {
      let number = 0;
      for await (const batch of good.scan(from, options)) yield change(batch, number++);
    },
  }));
/** Some values become others, wherever they stand. */
const coerced = (change: (value: Value) => Value) => {
  const deep = (value: Value): Value => {
    if (Array.isArray(value)) return value.map(deep);
    if (!isPlainObject(value)) return change(value);
    return Object.fromEntries(Object.entries(value).map(([name, held]) => [name, deep(held)]));
  };
  return records((list) => list.map((one) => ({ ...one, value: deep(one.value) })));
};

const counted = ({ read, ...more }: NonNullable<Commit["ledger"]>, by: number) => ({
  ...more,
  ...(read === undefined
    ? {}
    : {
        read: Object.fromEntries(Object.entries(read).map(([name, count]) => [name, count + by])),
      }),
});
const plus = (report: CommitReport, applied: number): CommitReport => ({
  ...report,
  applied: report.applied + applied,
});
const at = (commit: Commit, index = 0) => ({
  tenant: commit.tenant,
  collection: commit.writes[index]?.collection ?? "",
});

/** A copy of the record with a revision of its own: it wins whatever it was. */
const winning = (
  good: Driver,
  wins: (before: Stored, record: RecordWrite) => boolean,
): Partial<Driver> => ({
  async commit(commit) {
    const writes = await Promise.all(
      commit.writes.map(async ({ collection, records: list }) => {
        const before = await good.read(
          { tenant: commit.tenant, collection },
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
});

const secretive = (good: Driver): Partial<Driver> => ({
  commit: (commit) =>
    good.commit(commit).catch((error: unknown) => {
      const keys = commit.writes.flatMap((one) =>
        one.records.map(({ value, key }) =>
          JSON.stringify([key, value], (_, held: unknown) => String(held)),
        ),
      );
      throw new OutgrowError("RECORD_REFUSED", { detail: keys.join() }, { cause: error });
    }),
});

/** Says that all is well and writes later, when it is next asked through the same handle. */
function buffered(target: Target): Target {
  let waiting: (() => Promise<unknown>)[] = [];
  const flush = async (): Promise<void> => {
    const all = waiting;
    waiting = [];
    for (const one of all) await one();
  };
  const lazily = <T extends object>(good: T): T =>
    new Proxy(good, {
      get(_, name) {
        const found: unknown = Reflect.get(good, name, good);
        if (name === "commit") {
          return async (commit: Commit) => {
            await flush();
            const report = await (good as Driver).commit({ ...commit, probe: true });
            if (!commit.probe) waiting.push(() => (good as Driver).commit(commit));
            return report;
          };
        }
        if (typeof found !== "function") return found;
        if (name === "scan" || name === "rebuild") {
          return async function* (...given: unknown[]) {
            await flush();
            yield* found.apply(good, given);
          };
        }
        return async (...given: unknown[]) => {
          await flush();
          return found.apply(good, given);
        };
      },
    });
  return but(target, {
    ledger: lazily(target.ledger),
    open: async (move) => lazily(await target.open(move)),
    [Symbol.asyncDispose]: flush,
  });
}

/** Remembers what other tenants were given, and answers with it. */
function leaking(target: Target): Target {
  const tenants = new Set<string>();
  return driver(
    (good) =>
      ({
        commit(commit) {
          tenants.add(commit.tenant);
          return good.commit(commit);
        },
        async read(from, keys) {
          const own = [...(await good.read(from, keys))];
          for (const tenant of tenants) {
            if (tenant === from.tenant) continue;
            const other = await good.read({ ...from, tenant }, keys);
            for (const [index, one] of own.entries())
              if (one === undefined) own.splice(index, 1, other[index]);
          }
          return own;
        },
      }) as Partial<Driver>,
  )(target);
}

/** Keeps quarantine of dropped moves. */
function clinging(target: Target): Target {
  const kept = new Map<string, readonly Quarantined[]>();
  return ledger((good) => ({
    async drop(name) {
      kept.set(name, kept.get(name) ?? (await good.quarantined(name)));
      return good.drop(name);
    },
    async quarantined(name, filter) {
      return [...(kept.get(name) ?? []), ...(await good.quarantined(name, filter))];
    },
  }))(target);
}

/** Knows who holds the lease, and does not take a commit for a sign of life. */
function restless(target: Target): Target {
  let newest = 0;
  const told = ledger((good) => ({
    async acquire(name, ttlMs) {
      const lease = await good.acquire(name, ttlMs);
      newest = lease.number;
      return lease;
    },
  }))(target);
  return driver((good) => ({
    async commit({ lease, ...commit }) {
      if (lease !== undefined && lease.number !== newest) throw new OutgrowError("FENCED");
      return good.commit(commit);
    },
  }))(told);
}

/** Pages by how many came before: what is deleted meanwhile moves the others up. */
const byOffset = driver((good) => ({
  async *scan(from, { size = 100, ...options } = {}) {
    for (let first = 0; ; first += size) {
      const all: Stored[] = [];
      for await (const batch of good.scan(from, options)) all.push(...batch);
      const page = all.slice(first, first + size);
      if (page.length === 0) return;
      yield page;
    }
  },
}));

const lower = (good: Driver): Partial<Driver> => {
  const folded = <A extends { readonly tenant: string }>(one: A): A => ({
    ...one,
    tenant: one.tenant.toLowerCase().trim(),
  });
  return {
    commit: (commit) => good.commit(folded(commit)),
    read: (from, keys) => good.read(folded(from), keys),
    scan: (from, options) => good.scan(folded(from), options),
    rebuild: (from, options) => good.rebuild(folded(from), options),
    count: (of) => good.count(folded(of)),
    query: (from, plan) => good.query(folded(from), plan),
  };
};

// biome-ignore format: one paragraph per store
export const BROKEN: readonly Broken[] = [
  { name: "loses the last write of a batch", law: /law (D1|T1)/, wrap: driver((good) => ({
    async commit(commit) {
      const writes = commit.writes.map((one) => ({ ...one, records: one.records.slice(0, -1) }));
      const lost = commit.writes.filter((one) => one.records.length > 0).length;
      return plus(await good.commit({ ...commit, writes, ledger: commit.ledger && counted(commit.ledger, -lost) }), lost);
    } })) },
  { name: "applies stale revisions", law: /law D1/, wrap: driver((good) => winning(good, (before, one) => before.revision > one.revision)) },
  { name: "overwrites a conflict in silence", law: /law D1/, wrap: driver((good) => winning(good, (before, one) => before.revision === one.revision && String(before.digest) !== String(one.digest))) },
  { name: "ignores deletions", law: /law D1/, wrap: driver((good) => ({
    async commit(commit) {
      const writes = commit.writes.map((one) => ({ ...one, records: one.records.filter(({ state }) => state !== "deleted") }));
      const gone = commit.writes.flatMap((one) => one.records).filter(({ state }) => state === "deleted").length;
      return plus(await good.commit({ ...commit, writes, ledger: commit.ledger && counted(commit.ledger, -gone) }), gone);
    } })) },
  { name: "forgets tombstones", law: /law D1|tombstones/, wrap: driver((good) => ({ read: async (from, keys) => (await good.read(from, keys)).map((one) => (one?.state === "deleted" ? undefined : one)) })) },
  { name: "takes no revision over when the content is the same", law: /law D1/, wrap: driver((good) => ({
    async *scan(from, options) { for await (const batch of good.scan(from, options)) yield batch.map((one) => ({ ...one, revision: one.revision.replace(/3(?=\.\w+$)/, "1") as Stored["revision"] })); } })) },
  { name: "a scan repeats a key", law: /law D3/, wrap: scanned((batch, number) => (number === 1 ? [...batch, batch[0] as Stored] : batch)) },
  { name: "a scan misses a key at a page's end", law: /law D3/, wrap: scanned((batch, number) => (number === 1 ? batch.slice(0, -1) : batch)) },
  { name: "a scan is in no order", law: /law D3/, wrap: scanned((batch) => [...batch].reverse()) },
  { name: "a scan is in the order of UTF-16", law: /law D3/, wrap: driver((good) => ({
    async *scan(from, { size = 100, ...options } = {}) {
      const all: Stored[] = [];
      for await (const batch of good.scan(from, options)) all.push(...batch);
      if (options.order !== "position") all.sort((a, b) => (a.key < b.key ? -1 : 1));
      for (let first = 0; first < all.length; first += size) yield all.slice(first, first + size);
    } })) },
  { name: "a scan goes on by a count", law: /law D3.*others write/, wrap: byOffset },
  { name: "a scan by position is by key", law: /law D3/, wrap: driver((good) => ({ scan: (from, options) => good.scan(from, { ...options, order: "key" }) })) },
  { name: "a scan cannot be interrupted", law: /law D3/, wrap: driver((good) => ({ scan: (from, options) => good.scan(from, { ...options, signal: undefined }) })) },
  { name: "data first, checkpoint in a commit of its own", law: /law T2/, wrap: driver((good) => ({
    async commit(commit) {
      if (commit.probe || commit.ledger === undefined) return good.commit(commit);
      const report = await good.commit({ ...commit, ledger: undefined });
      await good.commit({ ...commit, writes: [], ledger: { ...commit.ledger, read: {} } });
      return report;
    } })) },
  { name: "a probe is a commit", law: /law T2.*probe/, wrap: driver((good) => ({ commit: (commit) => good.commit({ ...commit, probe: false }) })) },
  { name: "counts the same batch twice", law: /law T2.*twice/, wrap: driver((good) => {
    let batch = 0;
    return { commit: (commit) => good.commit(commit.ledger?.checkpoint === undefined ? commit : { ...commit, ledger: { ...commit.ledger, checkpoint: { ...commit.ledger.checkpoint, batch: batch++ } } }) };
  }) },
  { name: "commits what does not add up", law: /law T1/, wrap: driver((good) => ({
    commit: (commit) => good.commit(commit).catch((error: unknown) => {
      if (!String(error).includes("law T1")) throw error;
      return good.commit({ ...commit, ledger: undefined });
    }) })) },
  { name: "acknowledges before it is durable", law: /law D2/, wrap: buffered },
  { name: "keeps revisions in the process", law: /issued|law D2/, wrap: driver(() => { let last = 0; return { issue: async (count) => Array.from({ length: count }, () => `00000001.${String(++last).padStart(14, "0")}.00000000` as Stored["revision"]) }; }) },
  { name: "a number becomes text", law: /law L1/, wrap: coerced((value) => (value === 1 ? "1" : value)) },
  { name: "-0 becomes 0", law: /law L1/, wrap: coerced((value) => (Object.is(value, -0) ? 0 : value)) },
  { name: "undefined becomes null", law: /law L1/, wrap: coerced((value) => value ?? null) },
  { name: "a Date becomes text", law: /law L1/, wrap: coerced((value) => (value instanceof Date && !Number.isNaN(value.getTime()) ? value.toISOString() : value)) },
  { name: "NUL is cut out", law: /law L1/, wrap: coerced((value) => (typeof value === "string" ? value.replaceAll("\u0000", "") : value)) },
  { name: "half a pair becomes U+FFFD", law: /law L1/, wrap: coerced((value) => (typeof value === "string" ? value.toWellFormed() : value)) },
  { name: "text is put into its composed form", law: /law L1/, wrap: coerced((value) => (typeof value === "string" ? value.normalize() : value)) },
  { name: "a bigint becomes a number", law: /law L1/, wrap: coerced((value) => (typeof value === "bigint" && value < 2n ** 53n ? Number(value) : value)) },
  { name: "keys are read without their case", law: /law L1.*key/, wrap: driver((good) => ({ read: (from, keys) => good.read(from, keys.map((key) => (key === encodeKey("A") ? encodeKey("a") : key))) })) },
  { name: "a rebuild answers from memory", law: /law L1.*rebuild/, wrap: (() => {
    const written = new Map<string, Value>();
    return driver((good, _, move) => ({
      commit(commit) {
        for (const [index, one] of commit.writes.entries()) for (const { key, value } of one.records) written.set(JSON.stringify([move, at(commit, index), key]), value);
        return good.commit(commit);
      },
      async *rebuild(from, options) {
        for await (const batch of good.rebuild(from, options)) {
          yield batch.map((one) => ({ ...one, value: "title" in Object(one.value) && isPlainObject(one.value) && one.value["title"] === "altered" ? written.get(JSON.stringify([move, from, one.key])) : one.value }));
        }
      } }));
  })() },
  { name: "positions are forgotten", law: /law (D1|D3|L1)/, wrap: records((list) => list.map((one) => ({ ...one, position: undefined }))) },
  { name: "orders of names are forgotten", law: /law L1.*names/, wrap: records((list) => list.map((one) => ({ ...one, exception: undefined }))) },
  { name: "read answers in its own order", law: /order asked/, wrap: driver((good) => ({ read: (from, keys) => good.read(from, [...keys].sort()) })) },
  { name: "read answers each key once", law: /order asked/, wrap: driver((good) => ({ read: (from, keys) => good.read(from, [...new Set(keys)]) })) },
  { name: "count is off by one", law: /law (D1|D3)/, wrap: driver((good) => ({ count: async (of) => (await good.count(of)) + 1 })) },
  { name: "count counts tombstones", law: /law D1/, wrap: driver((good) => ({ count: async (of) => (await good.count(of)) + (await good.read(of, ["sa", "sb", "sc"])).filter((one) => one?.state === "deleted").length })) },
  { name: "issue gives a revision again", law: /issued/, wrap: driver((good) => { let last: Stored["revision"] | undefined; return { issue: async (count) => { const some = [...(await good.issue(count))]; if (last !== undefined && some.length > 0) some[0] = last; last = some.at(-1) ?? last; return some; } }; }) },
  { name: "a query forgets where it was", law: /query/, wrap: driver((good) => ({ query: (from, plan) => good.query(from, { ...plan, after: undefined }) })) },
  { name: "a query breaks ties the other way", law: /query/, wrap: driver((good) => ({ query: (from, plan) => runQuery(good.scan(from), { ...plan, order: plan.order.map((one) => (one.property === "count" ? { ...one, descending: !one.descending } : one)) }) })) },
  { name: "errors tell what records hold", law: /tell nothing/, wrap: driver(secretive) },
  { name: "a large batch is cut", law: /batch of the size/, wrap: driver((good) => ({
    async commit(commit) {
      const cut = commit.writes.map((one) => ({ ...one, records: one.records.slice(0, 1900) }));
      const lost = commit.writes.reduce((sum, one) => sum + Math.max(0, one.records.length - 1900), 0);
      return plus(await good.commit({ ...commit, writes: cut, ledger: commit.ledger && counted(commit.ledger, -lost) }), lost);
    } })) },
  { name: "ignores the lease", law: /fault F04.*fenced|law T2/, wrap: driver((good) => ({ commit: (commit) => good.commit({ ...commit, lease: undefined }) })) },
  { name: "gives a lease to anybody", law: /fault F04/, wrap: ledger((good) => ({ acquire: (name) => good.acquire(name, 0) })) },
  { name: "a commit is no heartbeat", law: /fault F04.*heartbeat/, wrap: restless },
  { name: "loses an entry of quarantine", law: /law T1/, wrap: driver((good) => ({
    commit(commit) {
      const { quarantine = [], read, ...more } = commit.ledger ?? {};
      if (quarantine.length === 0) return good.commit(commit);
      const { collection = "" } = quarantine[0] ?? {};
      const duplicates = { ...more.duplicates, [collection]: (more.duplicates?.[collection] ?? 0) + 1 };
      return good.commit({ ...commit, ledger: { ...more, duplicates, ...(read === undefined ? {} : { read }), quarantine: quarantine.slice(1) } });
    } })) },
  { name: "hides the record that a conflict displaced", law: /law (D1|T1)/, wrap: ledger((good) => ({ quarantined: async (name, filter) => (await good.quarantined(name, filter)).filter(({ code, position }) => code !== "ID_CONFLICT" || position !== 3) })) },
  { name: "edits closed entries", law: /ledger: quarantined/, wrap: ledger((good) => ({
    async updateQuarantined(name, id, change) {
      if (change.raw !== undefined) await good.updateQuarantined(name, id, { state: "open" });
      return good.updateQuarantined(name, id, change);
    } })) },
  { name: "a new run keeps its counts", law: /new run/, wrap: ledger((good) => { let before: Awaited<ReturnType<Ledger["find"]>>; return {
    async startRun(name, files, added) { before = await good.find(name); return good.startRun(name, files, added); },
    async find(name) { const found = await good.find(name); return found && before?.name === name && before.run < found.run ? { ...found, counts: { ...found.counts, ...before.counts } } : found; },
  }; }) },
  { name: "prune deletes what an app wrote", law: /prune/, wrap: (target) => ledger((good) => ({
    async prune(name) {
      const pruned = await good.prune(name);
      const [move, store] = [await good.find(name), await target.open(name)];
      const from = { tenant: move?.tenant ?? "", collection: "things" };
      for await (const batch of store.scan(from)) for (const one of batch) {
        if (one.revision < "00000001") continue;
        const [revision = one.revision] = await store.issue(1);
        await store.commit({ tenant: from.tenant, writes: [{ collection: "things", records: [{ ...one, state: "deleted", value: undefined, digest: new Uint8Array(), revision }] }] });
      }
      return pruned;
    } }))(target) },
  { name: "drop leaves quarantine behind", law: /law S6/, wrap: clinging },
  { name: "a move is made twice", law: /not made twice/, wrap: ledger((good) => ({ create: async (move) => (await good.find(move.name)) ?? good.create(move) })) },
  { name: "leaks what other tenants hold", law: /law D4/, wrap: leaking },
  { name: "tenants are read without their case", law: /law D4/, wrap: driver(lower) },
  { name: "counts all tenants", law: /law D4/, wrap: (() => { const tenants = new Set<string>(); return driver((good) => ({
    commit(commit) { tenants.add(commit.tenant); return good.commit(commit); },
    async count(of) { let sum = 0; for (const tenant of new Set([...tenants, of.tenant])) sum += await good.count({ ...of, tenant }); return sum; },
  })); })() },
  { name: "deletes in all tenants", law: /law D4/, wrap: (() => { const tenants = new Set<string>(); return driver((good) => ({
    async commit(commit) {
      tenants.add(commit.tenant);
      const report = await good.commit(commit);
      const gone = commit.writes.map((one) => ({ ...one, records: one.records.filter(({ state }) => state === "deleted") }));
      if (!commit.probe) for (const tenant of tenants) if (tenant !== commit.tenant) await good.commit({ tenant, writes: gone });
      return report;
    } })); })() },
  { name: "without transactions, checkpoints are left out in silence", law: /law T2/, wrap: driver((good) => ({ can: { ...good.can, transaction: false }, commit: ({ ledger: told, ...commit }) => good.commit({ ...commit, ledger: told && { ...told, checkpoint: undefined } }) })) },
];
