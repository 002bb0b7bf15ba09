/** The tenancy suite: nothing done at one tenant's address can be seen from another's (D4). */
import { canonicalText } from "../collection/canonical.ts";
import { encodeKey } from "../collection/key.ts";
import { dumpRevision } from "../collection/revision.ts";
import type { Value } from "../collection/value.ts";
import type { Driver, RecordWrite } from "../store/driver.ts";
import { planQuery } from "../store/query.ts";
import { check, codeOf, same } from "./assert.ts";
import { Bench, type BenchCase, type MoveAtHand, type SuiteOptions } from "./bench.ts";
import { HOSTILE_TENANTS } from "./hostile.ts";
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
    await theirs[0]?.(shared.driver, TWO);
    for (const [index, step] of mine.entries()) {
      const before = await seen(shared.driver, TWO);
      const [wanted, found] = [await step(alone.driver, ONE), await step(shared.driver, ONE)];
      same(found, wanted, "law D4: what one tenant is told, with and without another");
      same(await seen(shared.driver, TWO), before, "law D4: what another sees, before and after");
      const known = await seen(shared.driver, ONE);
      await theirs[index]?.(shared.driver, TWO);
      same(await seen(shared.driver, ONE), known, "law D4: what one sees, whatever another does");
    }
    const lonely = await seen(alone.driver, TWO);
    const nobody = await seen(shared.driver, "tenant three");
    same(nobody, lonely, "law D4: a tenant without records");
  });
}

async function atOnce(bench: Bench): Promise<void> {
  const { driver } = await bench.move();
  const tenants = ["t1", "t2", "t3"];
  const value = (tenant: string, round: number): Value => ({ title: tenant, count: round });
  await Promise.all(
    tenants.map(async (tenant) => {
      for (let round = 1; round <= 5; round++) {
        const revision = dumpRevision(round);
        const report = await write(
          driver,
          tenant,
          KEYS.map((key) => record(key, value(tenant, round), { revision })),
        );
        same(report.applied, KEYS.length, "law D4: records of one of several writers");
        const read = await driver.read({ tenant, collection: COLLECTION }, KEYS.map(encodeKey));
        same(
          read.map((one) => one?.value),
          KEYS.map(() => value(tenant, round)),
          "law D4: what it reads",
        );
      }
    }),
  );
}

/** A name that a store cannot hold is refused; one that it takes is nobody else's. */
async function hostileNames(bench: Bench): Promise<void> {
  const { driver } = await bench.move();
  const taken: string[] = [];
  const value = (tenant: string): Value => ({
    title: "of",
    count: HOSTILE_TENANTS.indexOf(tenant),
  });
  for (const tenant of HOSTILE_TENANTS) {
    const error = await write(driver, tenant, [record("k", value(tenant)), record("gone", {})])
      .then(() => write(driver, tenant, [deletion("gone", dumpRevision(2))]))
      .then(
        () => undefined,
        (failed: unknown) => failed,
      );
    if (error === undefined) taken.push(tenant);
    else
      check(
        error instanceof TypeError || codeOf(error) !== undefined,
        "a tenant is refused with an error that says nothing",
      );
  }
  check(taken.includes("a") && taken.includes("default"), "plain tenants are refused");
  for (const tenant of HOSTILE_TENANTS) {
    const at = { tenant, collection: COLLECTION };
    const reading = driver.read(at, ["sk", "sgone"]).catch(() => [undefined, undefined]);
    const [found, gone] = await reading;
    if (!taken.includes(tenant)) {
      same(
        [found, gone],
        [undefined, undefined],
        `law D4: what the refused tenant ${JSON.stringify(tenant)} reads`,
      );
      continue;
    }
    same(
      [found?.value, gone?.state],
      [value(tenant), "deleted"],
      `law D4: what the tenant ${JSON.stringify(tenant)} reads`,
    );
    same(await driver.count(at), 1, `law D4: records of the tenant ${JSON.stringify(tenant)}`);
    const keys: string[] = [];
    for await (const batch of driver.scan(at)) keys.push(...batch.map(({ key }) => key));
    same(keys, ["sk"], `law D4: a scan of the tenant ${JSON.stringify(tenant)}`);
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
  const move: MoveAtHand = await bench.move({ move: { tenant: ONE } });
  for (const tenant of [ONE, TWO]) {
    await write(move.driver, tenant, [
      record("a", { title: tenant }),
      record("b", { title: tenant }),
    ]);
  }
  const before = await seen(move.driver, TWO);
  await ledger.startRun(move.name, [], []);
  const again = await move.reopened();
  await write(again.driver, ONE, [record("a", { title: "again" }, { revision: dumpRevision(2) })]);
  same(await ledger.prune(move.name), 1, "records of the move's tenant that are pruned");
  same(await seen(again.driver, TWO), before, "law D4: another tenant's, behind pruning");
  await ledger.settle(move.name);
  same(await seen(again.driver, TWO), before, "law D4: another tenant's, behind settling");
}

const CASES: readonly BenchCase[] = [
  {
    name: "law D4: with and without another tenant's records, every answer is the same",
    run: differential,
  },
  { name: "law D4: tenants that write at once lose and see nothing of each other", run: atOnce },
  { name: "law D4: tenants of hostile names are kept apart or refused", run: hostileNames },
  { name: "law D4: a table of one tenant takes no other's records", run: single },
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
