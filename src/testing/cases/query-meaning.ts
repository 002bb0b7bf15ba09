/** What a query says of values of every kind, spelled out: order, ties, conditions, pages. */
import { revision } from "../../collection/revision.ts";
import type { Value } from "../../collection/value.ts";
import { planQuery, type Query } from "../../store/query.ts";
import { same } from "../assert.ts";
import type { Bench, BenchCase } from "../bench.ts";
import type { MoveAtHand } from "../move-at-hand.ts";
import { deletion, record } from "../records.ts";

/** With a column of text, of integers, of times, and with none. */
const PROPERTIES = ["title", "count", "madeAt", "score"];
const TYPE = { name: "things", indexes: PROPERTIES, keyProperty: undefined };
const ABSENT = Symbol("absent");

/** Ascending; what stands together in a row is one place in the order. */
const PLACES: readonly (readonly (Value | typeof ABSENT)[])[] = [
  [ABSENT, undefined],
  [null],
  [false],
  [true],
  [Number.NaN],
  [-1],
  [0, -0],
  [1.5],
  [2, 2n],
  [10],
  [new Date(0)],
  [""],
  ["10"],
  ["2"],
  ["B"],
  ["a"],
  ["\u00e9"],
  ["\ue000"],
  ["\u{1f600}"],
  [[], {}],
];
const FLAT = PLACES.flat();
/** Keys are in another order than what they lead to. */
const keyOf = (index: number): string => `k${String((index * 7) % FLAT.length).padStart(2, "0")}`;
let counted = 0;
const KEYS = PLACES.map((row) => row.map(() => keyOf(counted++)).sort());

/** The keys of these values, in no order. */
function keysOf(...wanted: readonly (Value | typeof ABSENT)[]): string[] {
  const isWanted = (value: Value | typeof ABSENT) => wanted.some((one) => Object.is(one, value));
  return FLAT.flatMap((value, index) => (isWanted(value) ? [keyOf(index)] : [])).sort();
}

const EMPTY_LIST = FLAT.find((value) => Array.isArray(value)) as Value;
const TEXTS = FLAT.filter((value) => typeof value === "string");
const EPOCH = FLAT.find((value) => value instanceof Date) as Value;

/** A condition on one property, and the values that meet it. */
const CONDITIONS: readonly (readonly [
  condition: Value,
  met: readonly (Value | typeof ABSENT)[],
])[] = [
  [null, [null]],
  [0, [0, -0]],
  [2, [2, 2n]],
  ["a", ["a"]],
  [{ eq: [] }, [EMPTY_LIST]],
  [{ in: [null, true, "2"] }, [null, true, "2"]],
  [{ in: [] }, []],
  [{ exists: false }, [ABSENT, undefined]],
  [{ gt: false }, [true]],
  [{ gte: 0 }, [0, -0, 1.5, 2, 2n, 10]],
  [{ gt: 0, lt: 2 }, [1.5]],
  [{ lt: 0 }, [Number.NaN, -1]],
  [{ lt: "a" }, ["", "10", "2", "B"]],
  [{ gte: "\ue000" }, ["\ue000", "\u{1f600}"]],
  [{ gte: new Date(0) }, [EPOCH]],
  [{ startsWith: "" }, TEXTS],
  [{ startsWith: "1" }, ["10"]],
  [{ startsWith: "\ud83d" }, []],
];

async function filled(bench: Bench): Promise<MoveAtHand> {
  const move = await bench.move();
  await move.put(
    FLAT.map((value, index) => {
      const held = value === ABSENT ? [] : PROPERTIES.map((name) => [name, value] as const);
      return record(keyOf(index), Object.fromEntries(held));
    }),
  );
  return move;
}

interface Asked {
  readonly where?: object;
  readonly orderBy?: unknown;
  readonly limit?: number;
}

/** The keys of all pages, a list for each; `under` is done behind the first. */
async function pagesOf(
  move: MoveAtHand,
  query: Asked,
  under: () => Promise<unknown> = async () => {},
): Promise<string[][]> {
  const pages: string[][] = [];
  let after: string | undefined;
  do {
    const plan = planQuery(TYPE, { ...query, after } as Query<Record<string, unknown>>);
    const { records, next } = await move.driver.query(move.at(), plan);
    pages.push(records.map(({ key }) => key.slice(1)));
    if (pages.length === 1) await under();
    after = next;
  } while (after !== undefined && pages.length <= FLAT.length);
  return pages;
}

async function ordering(bench: Bench): Promise<void> {
  const move = await filled(bench);
  const ascending = KEYS.flat();
  for (const property of PROPERTIES) {
    for (const direction of ["asc", "desc"] as const) {
      const [found] = await pagesOf(move, { orderBy: { property, direction } });
      const wanted = direction === "asc" ? ascending : [...ascending].reverse();
      same(found, wanted, `keys by ${property}, ${direction}`);
    }
  }
  // The second property breaks the first one's ties; both directions are its own.
  const orderBy = [{ property: "extra" }, { property: "title", direction: "desc" }];
  const both = { ...TYPE, indexes: [...PROPERTIES, "extra"] };
  const plan = planQuery(both, { orderBy } as Query<Record<string, unknown>>);
  const { records } = await move.driver.query(move.at(), plan);
  const wanted = [...KEYS].reverse().flat();
  same(
    records.map(({ key }) => key.slice(1)),
    wanted,
    "keys by a property that none has, and another",
  );
}

async function matching(bench: Bench): Promise<void> {
  const move = await filled(bench);
  for (const property of PROPERTIES) {
    for (const [condition, met] of CONDITIONS) {
      const [found = []] = await pagesOf(move, { where: { [property]: condition } });
      const asked = JSON.stringify(condition);
      same(found, keysOf(...met), `keys whose ${property} is ${asked}`);
    }
  }
  const [both = []] = await pagesOf(move, {
    where: { title: { gte: 0 }, count: { lt: 2 } },
  });
  same(both, keysOf(0, -0, 1.5), "keys that meet two conditions");
}

async function paging(bench: Bench): Promise<void> {
  const move = await filled(bench);
  const ascending = KEYS.flat();
  for (const limit of [1, 4, ascending.length - 1, ascending.length, ascending.length + 1]) {
    const pages = await pagesOf(move, { orderBy: "score", limit });
    const wanted = Array.from({ length: Math.ceil(ascending.length / limit) }, (_, page) =>
      ascending.slice(page * limit, (page + 1) * limit),
    );
    same(pages, wanted, `pages of ${limit}`);
  }
  // A page follows on the place of the last record, whether that is there any more or not.
  const [last, next] = [ascending[4] as string, ascending[5] as string];
  const at = revision(1, 1);
  const under = () =>
    move.commit([
      deletion(last, at),
      deletion(ascending[0] as string, at),
      record("new, before", {}, { revision: at }),
      record("new, behind", { score: {} }, { revision: at }),
    ]);
  const pages = await pagesOf(move, { orderBy: "score", limit: 5 }, under);
  same(pages[1]?.[0], next, "what follows a page whose last record has gone since");
  same(
    pages.slice(1).flat(),
    [...ascending.slice(5), "new, behind"],
    "what follows a page while others write",
  );
}

export const QUERY_MEANING_CASES: readonly BenchCase[] = [
  { name: "contract: a query orders values of every kind, ties by key", run: ordering },
  { name: "contract: a query's conditions tell null, absent and kinds apart", run: matching },
  { name: "contract: a query's pages hold as many as the limit says, none twice", run: paging },
];
