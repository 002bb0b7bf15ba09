/** Queries give the same pages in every driver: those that a scan gives. */

import { dumpRevision } from "../../collection/revision.ts";
import type { Value } from "../../collection/value.ts";
import { planQuery, type Query, type QueryPlan, runQuery } from "../../store/query.ts";
import { check, same } from "../assert.ts";
import type { Bench, BenchCase } from "../bench.ts";
import { HOSTILE_VALUES } from "../hostile.ts";
import type { MoveAtHand } from "../move-at-hand.ts";
import type { Random } from "../random.ts";
import { deletion, record } from "../records.ts";

/** A query as text would have it: which properties there are, no type says. */
interface Any {
  readonly where?: Readonly<Record<string, unknown>>;
  readonly orderBy?: unknown;
  readonly limit?: number;
}
const TYPE = {
  name: "things",
  indexes: ["title", "count", "madeAt", "score"],
  keyProperty: undefined,
};

/** What the queried properties hold: values beside each other in every order, and of every kind. */
const POOL: readonly Value[] = [
  ...[
    "",
    "a",
    "A",
    "ab",
    "b",
    "é",
    "\ue000",
    "\u{1f600}",
    "a\u0000",
    "2026-01-01T00:00:00.000Z",
    "2026-01-01T00:00:00.001Z",
  ],
  ...[0, -0, 1, 2, 1.5, -1, 10, 1e21, 5n, null, undefined, true, false, new Date(0), [], {}],
];
const DIRECTIONS = ["asc", "desc"] as const;

async function fill(move: MoveAtHand, random: Random, isText = false): Promise<void> {
  const odd = HOSTILE_VALUES.map(([, value]) => value);
  const value = (): Value => (random.once(8) ? random.pick(odd) : random.pick(POOL));
  const records = Array.from({ length: 60 }, (_, index) => {
    const named = TYPE.indexes
      .filter(() => !random.once(4))
      .map((name) => [name, value()] as const);
    const whole = random.once(20) ? value() : (Object.fromEntries(named) as Value);
    return record(isText || random.once(2) ? `k${index}` : index, whole);
  });
  await move.put(records);
  const gone = records.filter((_, index) => index % 9 === 0);
  await move.put(gone.map(({ key }) => ({ ...deletion("", dumpRevision(2)), key })));
}

function condition(random: Random): object {
  const value = random.pick(POOL.filter((one) => one !== undefined));
  const ranged = random.pick(
    POOL.filter(
      (one) =>
        one !== undefined && one !== null && (typeof one !== "object" || one instanceof Date),
    ),
  );
  switch (random.whole(0, 4)) {
    case 0:
      return { eq: value };
    case 1:
      return { in: [value, ranged, null] };
    case 2:
      return { [random.pick(["gt", "gte", "lt", "lte"])]: ranged };
    case 3:
      return { exists: random.once(2) };
    default:
      return { startsWith: random.pick(["", "a", "2026-", "\ud83d"]) };
  }
}

function anyQuery(random: Random): Any {
  const where = random.list(0, 2, () => [random.pick(TYPE.indexes), condition(random)] as const);
  const order = random.shuffled(TYPE.indexes).slice(0, random.whole(0, 2));
  return {
    where: Object.fromEntries(where),
    orderBy: order.map((property) => ({ property, direction: random.pick(DIRECTIONS) })),
    limit: random.pick([1, 3, 7, 100]),
  };
}

/** All pages, one behind the other, are those of a scan. */
async function samePages(move: MoveAtHand, query: Any): Promise<number> {
  let after: string | undefined;
  let pages = 0;
  do {
    const plan: QueryPlan = planQuery(TYPE, { ...query, after } as Query<Record<string, unknown>>);
    const wanted = await runQuery(move.driver.scan(move.at()), plan);
    const found = await move.driver.query(move.at(), plan);
    const keys = (page: typeof found): unknown =>
      page.records.map(({ key, revision }) => [key, revision]);
    const asked = JSON.stringify(query, (_, one: unknown) =>
      typeof one === "bigint" ? `${one}n` : one,
    );
    same(keys(found), keys(wanted), `the records of page ${pages} of ${asked}`);
    same(found.next, wanted.next, `what follows page ${pages} of ${asked}`);
    after = wanted.next;
    pages++;
  } while (after !== undefined && pages < 9);
  return pages;
}

const FIXED: readonly Any[] = [
  {},
  { limit: 7 },
  ...TYPE.indexes.flatMap((property) =>
    DIRECTIONS.map((direction): Any => ({ orderBy: { property, direction }, limit: 11 })),
  ),
  { where: { title: "a" } },
  { where: { title: null } },
  { where: { title: { exists: false } } },
  { where: { title: { startsWith: "a" } }, orderBy: "title" },
  { where: { count: { gte: 0, lt: 2 } }, orderBy: "count" },
  { where: { count: { in: [0, 1, 5, null] } } },
  { where: { madeAt: { gt: "2026-01-01T00:00:00.000Z" } } },
  { where: { score: { gte: 1 }, title: { exists: true } }, limit: 3 },
];

async function fixed(bench: Bench): Promise<void> {
  await bench.histories(async (random) => {
    const move = await bench.move();
    await fill(move, random);
    let pages = 0;
    for (const query of FIXED) pages += await samePages(move, query);
    check(pages > FIXED.length, "no query had a second page");
  }, 1);
}

async function derived(bench: Bench): Promise<void> {
  await bench.histories(async (random) => {
    const move = await bench.move({ parts: () => ({ key: "derived-uuid", rest: false }) });
    await fill(move, random, true);
    for (const query of FIXED) await samePages(move, query);
  }, 1);
}

async function random(bench: Bench): Promise<void> {
  await bench.histories(
    async (dice) => {
      const move = await bench.move();
      await fill(move, dice);
      for (let asked = 0; asked < 12; asked++) await samePages(move, anyQuery(dice));
    },
    Math.max(1, Math.ceil(bench.runs / 3)),
  );
}

export const QUERY_CASES: readonly BenchCase[] = [
  { name: "contract: a query's pages are those of a scan", run: fixed },
  { name: "contract: a query's pages are those of a scan where keys are made", run: derived },
  { name: "contract: any query's pages are those of a scan", run: random },
];
