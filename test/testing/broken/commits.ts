/** Stores that break what is said of commits: counts (T1), all or nothing (T2), durability (D2), leases (F04). */
import { OutgrowError } from "../../../src/errors.ts";
import type { Commit, Driver, Stored, Target } from "../../../src/store/driver.ts";
import { type Broken, but, driver, ledger, withNewestLease } from "./wrap.ts";

/** Says that all is well and writes later, when it is next asked through the same handle. */
function buffered(target: Target): Target {
  let waiting: (() => Promise<unknown>)[] = [];
  const flush = async (): Promise<void> => {
    const all = waiting;
    waiting = [];
    for (const one of all) await one();
  };
  const later =
    (good: Driver): Driver["commit"] =>
    async (commit) => {
      await flush();
      const report = await good.commit({ ...commit, probe: true });
      if (!commit.probe) waiting.push(() => good.commit(commit));
      return report;
    };
  const lazily = <T extends object>(good: T): T =>
    new Proxy(good, {
      get(_, name) {
        if (name === "commit") return later(good as Driver);
        const found: unknown = Reflect.get(good, name, good);
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

/** Whatever was made through a handle goes with it. */
function vanishing(target: Target): Target {
  return but(target, {
    async [Symbol.asyncDispose]() {
      for (const { name } of await target.ledger.moves()) await target.ledger.drop(name);
    },
  });
}

const ADD_UP = "law T1: applied, duplicate, stale and rejected add up in every batch";
const COUNTED = "law T1: a load, its repetition, a later run and a late batch are counted";

const COUNTS: readonly Broken[] = [
  {
    name: "counts duplicates as applied",
    fails: COUNTED,
    wrap: driver((good) => ({
      async commit(commit) {
        const report = await good.commit(commit);
        return { ...report, applied: report.applied + report.duplicate, duplicate: 0 };
      },
    })),
  },
  {
    name: "does not say what was stale",
    fails: ADD_UP,
    wrap: driver((good) => ({
      commit: async (commit) => ({ ...(await good.commit(commit)), stale: 0 }),
    })),
  },
  {
    name: "counts an app's writes as the copy's",
    fails: COUNTED,
    wrap: driver((good) => ({
      commit(commit) {
        if (commit.ledger !== undefined) return good.commit(commit);
        const read = commit.writes.map((one) => [one.collection, one.records.length] as const);
        return good.commit({ ...commit, ledger: { read: Object.fromEntries(read) } });
      },
    })),
  },
  {
    name: "commits what does not add up",
    fails: "law T1: a batch that does not add up commits nothing",
    wrap: driver((good) => ({
      commit: (commit) =>
        good.commit(commit).catch((error: unknown) => {
          if (!String(error).includes("law T1")) throw error;
          return good.commit({ ...commit, ledger: undefined });
        }),
    })),
  },
  {
    name: "tells of spills that no commit told of",
    fails: "law T3: what spills is counted, once",
    wrap: ledger(() => ({
      spills: async () => [{ collection: "things", column: "title", code: "STR_NUL", count: 1 }],
    })),
  },
];

const TOGETHER = "law T2: data, checkpoint, quarantine, templates and counts commit together";
const REFUSED = "law T2: a commit that is refused leaves neither data nor checkpoint";

/** A part of what is committed with the records is left out. */
const without = (change: (told: NonNullable<Commit["ledger"]>) => Commit["ledger"]) =>
  driver((good) => ({
    commit: (commit) => good.commit({ ...commit, ledger: commit.ledger && change(commit.ledger) }),
  }));

const TRANSACTIONS: readonly Broken[] = [
  {
    name: "commits the checkpoint before the data",
    fails: REFUSED,
    wrap: driver((good) => ({
      async commit(commit) {
        if (commit.probe || commit.ledger === undefined) return good.commit(commit);
        const { read: _, duplicates: __, ...before } = commit.ledger;
        await good.commit({ ...commit, writes: [], lease: undefined, ledger: before });
        const { read, duplicates, quarantine } = commit.ledger;
        return good.commit({ ...commit, ledger: { read, duplicates, quarantine } });
      },
    })),
  },
  {
    name: "commits the data before the checkpoint",
    fails: "law T2: the same checkpointed batch twice is a no-op",
    wrap: driver((good) => ({
      async commit(commit) {
        if (commit.probe || commit.ledger === undefined) return good.commit(commit);
        const { checkpoint, templates, ...counts } = commit.ledger;
        const report = await good.commit({ ...commit, ledger: counts });
        await good.commit({ ...commit, writes: [], ledger: { checkpoint, templates } });
        return report;
      },
    })),
  },
  {
    name: "loses an entry of quarantine",
    fails: TOGETHER,
    wrap: without(({ quarantine = [], duplicates, ...told }) => {
      const [lost, ...kept] = quarantine;
      if (lost === undefined) return { ...told, duplicates };
      const counted = (duplicates?.[lost.collection] ?? 0) + 1;
      return {
        ...told,
        quarantine: kept,
        duplicates: { ...duplicates, [lost.collection]: counted },
      };
    }),
  },
  {
    name: "loses templates",
    fails: TOGETHER,
    wrap: without((told) => ({ ...told, templates: undefined })),
  },
  {
    name: "without transactions, leaves checkpoints out in silence",
    fails: TOGETHER,
    wrap: driver((good) => ({
      can: { ...good.can, transaction: false },
      commit: (commit) =>
        good.commit({
          ...commit,
          ledger: commit.ledger && { ...commit.ledger, checkpoint: undefined },
        }),
    })),
  },
  {
    name: "a probe is a commit",
    fails: "law T2: a probe says what the store would say, and changes nothing",
    wrap: driver((good) => ({ commit: (commit) => good.commit({ ...commit, probe: false }) })),
  },
  {
    name: "counts the same batch twice",
    fails: "law T2: the same checkpointed batch twice is a no-op",
    wrap: (() => {
      let batch = 0;
      return without(({ checkpoint, ...told }) =>
        checkpoint === undefined
          ? told
          : { ...told, checkpoint: { ...checkpoint, batch: batch++ } },
      );
    })(),
  },
];

const DURABILITY: readonly Broken[] = [
  {
    name: "acknowledges before others can see it",
    fails: "law D2: what has resolved is there for others at once",
    wrap: buffered,
  },
  {
    name: "says that it lasts, and is gone when it is closed",
    fails: "law D2: closed and opened again, all of it is there",
    wrap: vanishing,
  },
  {
    name: "keeps the counter of revisions in the process",
    fails: "law D2: closed and opened again, all of it is there",
    wrap: driver(() => {
      let last = 0;
      const next = () => `00000001.${String(++last).padStart(14, "0")}.00000000`;
      return {
        issue: async (count) => Array.from({ length: count }, next) as Stored["revision"][],
      };
    }),
  },
];

const FENCED = "fault F04: a lapsed lease is taken over, and the old mover is fenced";
const HEARTBEAT = "fault F04: a heartbeat or a commit keeps a lease alive";
const SLEPT = "fault F04: a mover that was taken over neither prunes nor settles";

const LEASES: readonly Broken[] = [
  {
    name: "a commit ignores the lease",
    fails: FENCED,
    wrap: driver((good) => ({ commit: (commit) => good.commit({ ...commit, lease: undefined }) })),
  },
  {
    name: "a phase ignores the lease",
    fails: FENCED,
    wrap: ledger((good) => ({ setPhase: (name, phase) => good.setPhase(name, phase) })),
  },
  {
    name: "a release frees another's lease",
    fails: FENCED,
    wrap: withNewestLease((target, newest) =>
      ledger((good) => ({
        release: ({ move }) => good.release({ move, number: newest() }),
      }))(target),
    ),
  },
  {
    name: "prune ignores the lease",
    fails: SLEPT,
    wrap: withNewestLease((target, newest) =>
      ledger((good) => ({
        prune: (name) => good.prune(name, { move: name, number: newest() }),
      }))(target),
    ),
  },
  {
    name: "settle ignores the lease",
    fails: SLEPT,
    wrap: withNewestLease((target, newest) =>
      ledger((good) => ({
        settle: (name) => good.settle(name, { move: name, number: newest() }),
      }))(target),
    ),
  },
  {
    name: "a run is begun without a look at the lease",
    fails: SLEPT,
    wrap: ledger((good) => ({
      startRun: (name, files, added) => good.startRun(name, files, added),
    })),
  },
  {
    name: "gives a lease to anybody",
    fails: "fault F04: one mover at a time",
    wrap: ledger((good) => ({ acquire: (name) => good.acquire(name, 0) })),
  },
  {
    name: "a commit is no heartbeat",
    fails: HEARTBEAT,
    wrap: withNewestLease((target, newest) =>
      driver((good) => ({
        async commit({ lease, ...commit }) {
          if (lease !== undefined && lease.number !== newest()) throw new OutgrowError("FENCED");
          return good.commit(commit);
        },
      }))(target),
    ),
  },
];

export const BROKEN_COMMITS: readonly Broken[] = [
  ...COUNTS,
  ...TRANSACTIONS,
  ...DURABILITY,
  ...LEASES,
];
