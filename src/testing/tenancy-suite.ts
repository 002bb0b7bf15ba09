/** The tenancy suite: nothing done at one tenant's address can be seen from another's (D4). */
import { canonicalText } from "../collection/canonical.ts";
import { encodeKey } from "../collection/key.ts";
import { dumpRevision } from "../collection/revision.ts";
import type { Value } from "../collection/value.ts";
import type { Driver, RecordWrite } from "../store/driver.ts";
import { planQuery } from "../store/query.ts";
import { check, codeOf, same } from "./assert.ts";
import { Bench, type BenchCase, type SuiteOptions } from "./bench.ts";
import { HOSTILE_TENANTS } from "./hostile.ts";
import type { MoveAtHand } from "./move-at-hand.ts";
import type { Random } from "./random.ts";
import { deletion, heldText, record, twice } from "./records.ts";
import { type Suite, withGaps } from "./suite.ts";

const COLLECTION = "things";
const KEYS = ["a", "b", "c", "k0", "é"];
const TYPE = { name: COLLECTION, indexes: ["title", "count"], keyProperty: undefined };
const [ONE, TWO] = ["tenant one", "tenant two"];

type Step = (driver: Driver, tenant: string) => Promise<unknown>;

const write = (driver: Driver, tenant: string, records: readonly RecordWrite[]) =>
  driver.commit({ tenant, writes: [{ collection: COLLECTION, records }] });

/** All that one tenant can find out. */
async function seen(driver: Driver, tenant: string): Promise<unknown> {
  const at = { tenant, collection: COLLECTION };
  const scans: unknown[] = [];
  for (const order of ["key", "position"] as const) {
    for await (const batch of driver.scan(at, { order, size: 2 })) scans.push(batch.map(heldText));
  }
  const rows: unknown[] = [];
  for await (const batch of driver.rebuild(at)) {
    rows.push(...batch.map(({ key, value, foreign }) => [key, canonicalText(value), foreign]));
  }
  const pages: unknown[] = [];
  for (const query of [
    {},
    { where: { title: "t" }, limit: 2 },
    { orderBy: { property: "count", direction: "desc" } },
  ]) {
    const { records, next } = await driver.query(at, planQuery(TYPE, query as never));
    pages.push([records.map(heldText), next]);
  }
  const read = await driver.read(at, KEYS.map(encodeKey));
  return { scans, rows, pages, read: read.map(heldText), count: await driver.count(at) };
}

function stepOf(random: Random): Step {
  const keys = random.shuffled(KEYS).slice(0, random.whole(1, 4));
  const records = keys.map((key) => {
    const revision = dumpRevision(random.whole(1, 4));
    if (random.once(4)) return deletion(key, revision);
    const value: Value = { title: random.pick(["t", "u"]), count: random.whole(0, 3) };
    const position = random.whole(0, 9);
    return random.once(9)
      ? twice(key, value, revision)
      : record(key, value, { revision, position });
  });
  const probe = random.once(5);
  return async (driver, tenant) => [
    await driver.commit({ tenant, writes: [{ collection: COLLECTION, records }], probe }),
    await seen(driver, tenant),
  ];
}

/** The same steps of one tenant, alone and with another at work between them: every answer is the same. */
async function differential(bench: Bench): Promise<void> {
  await bench.histories(async (random) => {
    const mine = random.list(3, 6, () => stepOf(random));
    const theirs = mine.map(() => stepOf(random));
    const [alone, shared] = [await bench.move(), await bench.move()];
    const [one, two] = [shared.driver, await shared.of(TWO)];
    await theirs[0]?.(two, TWO);
    for (const [index, step] of mine.entries()) {
      const before = await seen(two, TWO);
      const [wanted, found] = [await step(alone.driver, ONE), await step(one, ONE)];
      same(found, wanted, "law D4: what one tenant is told, with and without another");
      same(await seen(two, TWO), before, "law D4: what another sees, before and after");
      const known = await seen(one, ONE);
      await theirs[index]?.(two, TWO);
      same(await seen(one, ONE), known, "law D4: what one sees, whatever another does");
    }
    const lonely = await seen(alone.driver, TWO);
    same(await seen(one, "tenant three"), lonely, "law D4: a tenant without records");
    // Where each has a move, none is told of another's through it.
    if (one !== two) same(await seen(one, TWO), lonely, "law D4: through another tenant's move");
  });
}

async function atOnce(bench: Bench): Promise<void> {
  const move = await bench.move();
  const tenants = ["t1", "t2", "t3"];
  const drivers: Driver[] = [];
  for (const tenant of tenants) drivers.push(await move.of(tenant));
  const value = (tenant: string, round: number): Value => ({ title: tenant, count: round });
  const work = async (driver: Driver, tenant: string): Promise<void> => {
    for (let round = 1; round <= 5; round++) {
      const revision = dumpRevision(round);
      const records = KEYS.map((key) => record(key, value(tenant, round), { revision }));
      const { applied } = await write(driver, tenant, records);
      same(applied, KEYS.length, "law D4: records of one of several writers");
      const read = await driver.read({ tenant, collection: COLLECTION }, KEYS.map(encodeKey));
      const values = read.map((one) => one?.value);
      same(
        values,
        KEYS.map(() => value(tenant, round)),
        "law D4: what it reads",
      );
    }
  };
  await Promise.all(drivers.map((driver, index) => work(driver, tenants[index] as string)));
}

/** A name that a store cannot hold is refused; one that it takes is nobody else's. */
async function hostileNames(bench: Bench): Promise<void> {
  const move = await bench.move();
  const taken = new Map<string, Driver>();
  const value = (tenant: string): Value => ({
    title: "of",
    count: HOSTILE_TENANTS.indexOf(tenant),
  });
  const settle = async (tenant: string): Promise<void> => {
    const driver = await move.of(tenant);
    await write(driver, tenant, [record("k", value(tenant)), record("gone", {})]);
    await write(driver, tenant, [deletion("gone", dumpRevision(2))]);
    taken.set(tenant, driver);
  };
  for (const tenant of HOSTILE_TENANTS) {
    await settle(tenant).catch((error: unknown) => {
      const isSaid = error instanceof TypeError || codeOf(error) !== undefined;
      check(isSaid, "a tenant is refused with an error that says nothing");
    });
  }
  check(taken.has("a") && taken.has("default"), "plain tenants are refused");
  for (const tenant of HOSTILE_TENANTS) {
    const driver = taken.get(tenant);
    const at = { tenant, collection: COLLECTION };
    const who = JSON.stringify(tenant);
    if (driver === undefined) {
      const left = await move.driver.read(at, ["sk", "sgone"]).catch(() => [undefined, undefined]);
      same(left, [undefined, undefined], `law D4: what the refused tenant ${who} reads`);
      continue;
    }
    const [found, gone] = await driver.read(at, ["sk", "sgone"]);
    const read = [found?.value, gone?.state];
    same(read, [value(tenant), "deleted"], `law D4: what the tenant ${who} reads`);
    same(await driver.count(at), 1, `law D4: records of the tenant ${who}`);
    const keys: string[] = [];
    for await (const batch of driver.scan(at)) keys.push(...batch.map(({ key }) => key));
    same(keys, ["sk"], `law D4: a scan of the tenant ${who}`);
  }
}

/** Where records carry no tenant, another tenant's are not mixed in: they are refused, or kept apart. */
async function single(bench: Bench): Promise<void> {
  const plain = new Bench(bench.options, undefined);
  try {
    await plain.use(async () => {
      const move = await plain.move();
      await move.put([record("a", { title: "default's" })]);
      const before = await seen(move.driver, "default");
      const nothing = await seen(move.driver, "other");
      const other = await write(move.driver, "other", [record("a", { title: "other's" })]).then(
        () => "kept apart",
        (error: unknown) => codeOf(error),
      );
      check(
        other === "kept apart" || other === "UNSUPPORTED",
        `another tenant's record is refused with ${other}`,
      );
      same(await seen(move.driver, "default"), before, "law D4: what the move's own tenant sees");
      if (other === "UNSUPPORTED")
        same(await seen(move.driver, "other"), nothing, "law D4: what another sees");
      const empty = JSON.stringify(nothing);
      check(!empty.includes("default's"), "law D4: another tenant sees records");
    });
  } finally {
    await plain.close();
  }
}

async function undoing(bench: Bench): Promise<void> {
  const { ledger } = await bench.target();
  const move: MoveAtHand = await bench.move();
  const beside = await move.of(TWO);
  for (const [driver, tenant] of [
    [move.driver, ONE],
    [beside, TWO],
  ] as const) {
    const records = ["a", "b"].map((key) => record(key, { title: tenant }));
    await write(driver, tenant, records);
  }
  const before = await seen(beside, TWO);
  const lease = await ledger.acquire(move.name);
  await ledger.startRun(move.name, [], [], lease);
  const again = await move.reopened();
  const [mine, theirs] = [again.driver, await again.of(TWO)];
  await write(mine, ONE, [record("a", { title: "again" }, { revision: dumpRevision(2) })]);
  same(await ledger.prune(move.name, lease), 1, "records of the move's tenant that are pruned");
  same(await seen(theirs, TWO), before, "law D4: another tenant's, behind pruning");
  await ledger.settle(move.name, lease);
  same(await seen(theirs, TWO), before, "law D4: another tenant's, behind settling");
}

/** What goes wrong for one tenant goes wrong for it alone: its conflicts, its tombstones, its probe, its errors. */
async function misfortune(bench: Bench): Promise<void> {
  const move = await bench.move();
  const beside = await move.of(TWO);
  await write(beside, TWO, [record("a", { title: "theirs" }), record("b", { title: "theirs" })]);
  const before = await seen(beside, TWO);
  await write(move.driver, ONE, [record("a", { title: "one" }), record("b", {})]);
  const clash = await write(move.driver, ONE, [record("a", { title: "other" }), twice("c", {})]);
  same(clash.conflicts.length, 2, "law D4: one tenant's conflicts");
  await write(move.driver, ONE, [deletion("b", dumpRevision(99))]);
  const writes = [{ collection: COLLECTION, records: [deletion("a", dumpRevision(99))] }];
  await move.driver.commit({ tenant: ONE, writes, probe: true });
  same(await seen(beside, TWO), before, "law D4: what another sees of one tenant's misfortunes");
  // The same revision, with one's content: neither a duplicate nor stale by what another holds.
  const fresh = await write(beside, TWO, [
    record("c", {}),
    record("b", {}, { revision: dumpRevision(2) }),
  ]);
  same([fresh.applied, fresh.conflicts], [2, []], "law D4: another's own writes of these keys");
}

const CASES: readonly BenchCase[] = [
  {
    name: "law D4: with and without another tenant's records, every answer is the same",
    run: differential,
  },
  { name: "law D4: tenants that write at once lose and see nothing of each other", run: atOnce },
  { name: "law D4: tenants of hostile names are kept apart or refused", run: hostileNames },
  { name: "law D4: a table of one tenant takes no other's records", run: single },
  { name: "law D4: one tenant's conflicts and deletions are its own", run: misfortune },
  { name: "law D4: pruning and settling touch the move's own tenant only", run: undoing },
];

/**
 * All cases of tenancy, for the store that `open` opens.
 *
 * @throws {TypeError} for a gap that names no case.
 */
export function tenancySuite(options: SuiteOptions): Suite {
  const bench = new Bench(options, ONE, false);
  const cases = CASES.map(({ name, run }) => ({ name, run: () => bench.use(run) }));
  return {
    name: options.name ?? "tenancy",
    cases: withGaps(cases, options.gaps),
    close: () => bench.close(),
  };
}
