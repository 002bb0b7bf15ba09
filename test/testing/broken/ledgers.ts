/** Stores that break what is said of moves and of tenants: quarantine, runs, drop (S6), isolation (D4), discretion. */
import { dumpRevision } from "../../../src/collection/revision.ts";
import { OutgrowError } from "../../../src/errors.ts";
import type { Driver, Stored } from "../../../src/store/driver.ts";
import type { Move, Quarantined } from "../../../src/store/ledger.ts";
import { acrossTenants, type Broken, driver, ledger } from "./wrap.ts";

/** What a move held is there again when another of its name is made. */
function clinging(): Broken["wrap"] {
  const kept = new Map<string, Stored[]>();
  return ledger((good, target) => ({
    async drop(name) {
      const move = await good.find(name);
      const held: Stored[] = [];
      const from = { tenant: move?.tenant ?? "", collection: "things" };
      const store = await target.open(name);
      for await (const batch of store.scan(from)) held.push(...batch);
      kept.set(name, held);
      return good.drop(name);
    },
    async create(wanted) {
      const made = await good.create(wanted);
      const store = await target.open(wanted.name);
      const writes = [{ collection: "things", records: kept.get(wanted.name) ?? [] }];
      await store.commit({ tenant: wanted.tenant, writes });
      return made;
    },
  }));
}

/** Keeps quarantine of dropped moves. */
function resentful(): Broken["wrap"] {
  const kept = new Map<string, readonly Quarantined[]>();
  return ledger((good) => ({
    async drop(name) {
      kept.set(name, kept.get(name) ?? (await good.quarantined(name)));
      return good.drop(name);
    },
    async quarantined(name, filter) {
      return [...(kept.get(name) ?? []), ...(await good.quarantined(name, filter))];
    },
  }));
}

function countingOn(): Broken["wrap"] {
  let before: Move | undefined;
  return ledger((good) => ({
    async startRun(name, ...run) {
      before = await good.find(name);
      return good.startRun(name, ...run);
    },
    async find(name) {
      const found = await good.find(name);
      if (found === undefined || before?.name !== name || before.run >= found.run) return found;
      return { ...found, counts: { ...found.counts, ...before.counts } };
    },
  }));
}

const ruthless = ledger((good, target) => ({
  async prune(name, lease) {
    const pruned = await good.prune(name, lease);
    const [move, store] = [await good.find(name), await target.open(name)];
    const [tenant, collection] = [move?.tenant ?? "", "things"];
    for await (const batch of store.scan({ tenant, collection })) {
      for (const one of batch) {
        if (one.revision < dumpRevision(99)) continue;
        const [revision = one.revision] = await store.issue(1);
        const gone = { ...one, state: "deleted", value: undefined, revision } as const;
        const records = [{ ...gone, digest: new Uint8Array() }];
        await store.commit({ tenant, writes: [{ collection, records }] });
      }
    }
    return pruned;
  },
}));

const secretive = driver((good) => ({
  commit: (commit) =>
    good.commit(commit).catch((cause: unknown) => {
      const said = commit.writes.flatMap(({ records }) => records.map(({ key }) => key));
      throw new OutgrowError("RECORD_REFUSED", { detail: said.join() }, { cause });
    }),
}));

const QUARANTINE = "ledger: quarantined bytes can be listed, edited while open, and closed";
const PRUNED = "ledger: prune deletes what a newer run lacks, and no app's write";
const DROPPED = "law S6: drop leaves nothing of the move, and all of others";

const MOVES: readonly Broken[] = [
  {
    name: "hides the record that a conflict displaced",
    fails: "law D1: equal revision and other content: both are quarantined, and a third",
    wrap: ledger((good) => ({
      async quarantined(name, filter) {
        const all = await good.quarantined(name, filter);
        return all.filter((one) => one.code !== "ID_CONFLICT" || one.position !== 3);
      },
    })),
  },
  {
    name: "edits closed entries",
    fails: QUARANTINE,
    wrap: ledger((good) => ({
      async updateQuarantined(name, id, change) {
        if (change.raw !== undefined) await good.updateQuarantined(name, id, { state: "open" });
        return good.updateQuarantined(name, id, change);
      },
    })),
  },
  {
    name: "lists every state of quarantine, whichever was asked for",
    fails: QUARANTINE,
    wrap: ledger((good) => ({
      quarantined: (name, { state: _, ...filter } = {}) => good.quarantined(name, filter),
    })),
  },
  {
    name: "lists the quarantine of all moves",
    fails: "contract: two moves side by side see nothing of each other",
    wrap: ledger((good) => ({
      async quarantined(name, filter) {
        const others = (await good.moves()).filter((move) => move.name !== name);
        const names = [name, ...others.map((move) => move.name)];
        return (await Promise.all(names.map((one) => good.quarantined(one, filter)))).flat();
      },
    })),
  },
  {
    name: "a new run keeps its counts",
    fails: "ledger: a new run counts from zero, keeps records, and takes new collections",
    wrap: countingOn(),
  },
  { name: "prune deletes what an app wrote", fails: PRUNED, wrap: ruthless },
  {
    name: "prune deletes nothing",
    fails: PRUNED,
    wrap: ledger(() => ({ prune: async () => 0 })),
  },
  { name: "drop leaves records behind", fails: DROPPED, wrap: clinging() },
  { name: "drop leaves quarantine behind", fails: DROPPED, wrap: resentful() },
  {
    name: "a move is made twice",
    fails: "ledger: a move is not made twice, and a refusal leaves nothing",
    wrap: ledger((good) => ({
      create: async (move) => (await good.find(move.name)) ?? good.create(move),
    })),
  },
  {
    name: "errors tell what records hold",
    fails: "contract: errors have codes and tell nothing of records",
    wrap: secretive,
  },
];

const WITH_AND_WITHOUT =
  "law D4: with and without another tenant's records, every answer is the same";

const folded = <A extends { readonly tenant: string }>(one: A): A => ({
  ...one,
  tenant: one.tenant.toLowerCase().trim(),
});

const lower = (good: Driver): Partial<Driver> => ({
  commit: (commit) => good.commit(folded(commit)),
  read: (from, keys) => good.read(folded(from), keys),
  scan: (from, options) => good.scan(folded(from), options),
  rebuild: (from, options) => good.rebuild(folded(from), options),
  count: (of) => good.count(folded(of)),
  query: (from, plan) => good.query(folded(from), plan),
});

const TENANTS: readonly Broken[] = [
  {
    name: "a scan forgets the tenant",
    fails: WITH_AND_WITHOUT,
    wrap: acrossTenants((good, tenants) => ({
      async *scan(from, options) {
        for (const tenant of new Set([from.tenant, ...tenants])) {
          yield* good.scan({ ...from, tenant }, options);
        }
      },
    })),
  },
  {
    name: "read answers with what another tenant holds",
    fails: WITH_AND_WITHOUT,
    wrap: acrossTenants((good, tenants) => ({
      async read(from, keys) {
        let found = await good.read(from, keys);
        for (const tenant of tenants) {
          const other = await good.read({ ...from, tenant }, keys);
          found = found.map((one, index) => one ?? other[index]);
        }
        return found;
      },
    })),
  },
  {
    name: "counts all tenants",
    fails: WITH_AND_WITHOUT,
    wrap: acrossTenants((good, tenants) => ({
      async count(of) {
        const all = [...new Set([...tenants, of.tenant])];
        const counts = await Promise.all(all.map((tenant) => good.count({ ...of, tenant })));
        return counts.reduce((sum, count) => sum + count, 0);
      },
    })),
  },
  {
    name: "deletes in all tenants",
    fails: "law D4: one tenant's conflicts and deletions are its own",
    wrap: acrossTenants((good, tenants) => ({
      async commit(commit) {
        const report = await good.commit(commit);
        const gone = commit.writes.map((one) => ({
          ...one,
          records: one.records.filter(({ state }) => state === "deleted"),
        }));
        for (const tenant of commit.probe ? [] : tenants) {
          if (tenant !== commit.tenant) await good.commit({ tenant, writes: gone });
        }
        return report;
      },
    })),
  },
  {
    name: "tenants are told apart without their case",
    fails: "law D4: tenants of hostile names are kept apart or refused",
    wrap: driver(lower),
  },
  {
    name: "a table of one tenant shows its records to all",
    fails: "law D4: a table of one tenant takes no other's records",
    wrap: driver((good) => ({
      read: (from, keys) => good.read({ ...from, tenant: "default" }, keys),
    })),
  },
  {
    name: "prunes all tenants",
    fails: "law D4: pruning and settling touch the move's own tenant only",
    wrap: ledger((good, target) => ({
      async prune(name, lease) {
        const pruned = await good.prune(name, lease);
        const store = await target.open(name);
        const at = { tenant: "tenant two", collection: "things" };
        for await (const batch of store.scan(at)) {
          const records = batch.map(({ key }) => ({
            key,
            state: "deleted" as const,
            value: undefined,
            revision: dumpRevision(2),
            digest: new Uint8Array(),
            position: undefined,
            exception: undefined,
          }));
          await store.commit({
            tenant: at.tenant,
            writes: [{ collection: at.collection, records }],
          });
        }
        return pruned;
      },
    })),
  },
];

export const BROKEN_LEDGERS: readonly Broken[] = [...MOVES, ...TENANTS];
