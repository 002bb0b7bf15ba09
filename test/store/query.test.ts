/** What a query means, on records in memory. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodeKey } from "../../src/collection/key.ts";
import { BlobValue, ExactNumber, type Value } from "../../src/collection/value.ts";
import { encodeWtf8 } from "../../src/collection/wtf8.ts";
import {
  compareValues,
  type Keyed,
  type Page,
  planQuery,
  type Query,
  runQuery,
} from "../../src/store/query.ts";
import { propertyRuns } from "../support/property.ts";

const notes = { name: "notes", indexes: ["title", "rank", "at"], keyProperty: "id" };
type AnyQuery = Query<Record<string, unknown>>;
const plan = (query: AnyQuery) => planQuery<Record<string, unknown>>(notes, query);

async function* batches(records: readonly Keyed[], size = 3): AsyncGenerator<readonly Keyed[]> {
  for (let at = 0; at < records.length; at += size) yield records.slice(at, at + size);
}
const recordOf = (id: number | string, value: Record<string, Value> = {}): Keyed => ({
  key: encodeKey(id),
  value: { id, ...value },
});
const ids = ({ records }: Page<Keyed>): Value[] =>
  records.map(({ value }) => (value as { id: Value }).id);
const ask = async (records: readonly Keyed[], query: AnyQuery): Promise<Value[]> =>
  ids(await runQuery(batches(records), plan(query)));

function codeOf(work: () => unknown): string {
  try {
    work();
    return "none";
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}

/** In order; those in one list are equal. */
// biome-ignore format: one row per class
const LADDER: readonly (readonly Value[])[] = [
  [undefined], [null], [false], [true],
  [Number.NaN], [Number.NEGATIVE_INFINITY], [new ExactNumber("-1e400")], [-1.5, new ExactNumber("-1.50")], [new ExactNumber("-1e-400")],
  [0, -0, 0n], [5e-324], [0.1, new ExactNumber("0.100")], [new ExactNumber("0.10000000000000000001")], [1, 1n, new ExactNumber("1")],
  [9007199254740992, 9007199254740992n], [9007199254740993n, new ExactNumber("9007199254740993")], [9007199254740994],
  [1e21, 10n ** 21n], [10n ** 400n, new ExactNumber("1e400")], [Number.POSITIVE_INFINITY],
  [new Date(Number.NaN)], [new Date(-1)], [new Date(0), new Date("1970-01-01")],
  [""], ["a"], ["a\u0000"], ["ab"], ["b"], ["\ud7ff"], ["\ud83d"], ["\ude00"], ["\ue000"], ["\uffff"], ["\u{1f600}"], ["\u{1f600}a"],
  [[], {}, [1], new Uint8Array(1), new Map(), /a/, Object(1) as Value, new BlobValue("", new Uint8Array())],
];

describe("the order of values", () => {
  test("absent < null < booleans < numbers < dates < text < all else", () => {
    for (const [lower, left] of LADDER.entries()) {
      for (const [higher, right] of LADDER.entries()) {
        for (const a of left) {
          for (const b of right) {
            expect(Math.sign(compareValues(a, b)), `${String(a)} and ${String(b)}`).toBe(
              Math.sign(lower - higher),
            );
          }
        }
      }
    }
  });

  test("text is in the order of its bytes in WTF-8", () => {
    const text = fc.string({
      unit: fc.constantFrom("a", "\ud83d", "\ude00", "\ue000", "\uffff", "\u0000", "é"),
    });
    fc.assert(
      fc.property(text, text, (a, b) => {
        const bytes = Buffer.compare(encodeWtf8(a), encodeWtf8(b));
        expect(Math.sign(compareValues(a, b))).toBe(bytes);
      }),
      propertyRuns(1000),
    );
  });
});

describe("conditions", () => {
  const records = [
    recordOf(0),
    recordOf(1, { title: null }),
    recordOf(2, { title: undefined }),
    recordOf(3, { title: "a\u{1f600}" }),
    recordOf(4, { title: 4 }),
    recordOf(5, { title: ["a"] }),
    recordOf(6, { title: -0 }),
    recordOf(7, { title: new Date(4) }),
    recordOf(8, { title: true }),
    { key: encodeKey(9), value: ["no object"] },
  ];
  // biome-ignore format: one row per condition
  const CASES: readonly (readonly [name: string, where: object, found: readonly (number | undefined)[]])[] = [
    ["eq null is not absent", { title: null }, [1]],
    ["eq of a list", { title: { eq: ["a"] } }, [5]],
    ["eq of zero", { title: 0 }, [6]],
    ["eq of a bigint", { title: 4n }, [4]],
    ["in", { title: { in: [null, 4, "x"] } }, [1, 4]],
    ["in nothing", { title: { in: [] } }, []],
    ["a range of numbers", { title: { gte: -0, lt: 5 } }, [4, 6]],
    ["a range above NaN", { title: { gt: Number.NaN } }, [4, 6]],
    ["a range of dates", { title: { lte: new Date(4) } }, [7]],
    ["a range of booleans", { title: { gt: false } }, [8]],
    ["absent", { title: { exists: false } }, [0, 2, undefined]],
    ["present", { title: { exists: true } }, [1, 3, 4, 5, 6, 7, 8]],
    ["startsWith", { title: { startsWith: "a" } }, [3]],
    ["startsWith half a character", { title: { startsWith: "a\ud83d" } }, []],
    ["two properties", { title: { exists: true }, id: { lt: 4 } }, [1, 3]],
  ];
  test.each(CASES)("%s", async (_, where, found) => {
    expect(await ask(records, { where: where as NonNullable<AnyQuery["where"]> })).toEqual(found);
  });
});

describe("pages", () => {
  const records = [
    recordOf(1, { rank: 1 }),
    recordOf(2, { rank: 2 }),
    recordOf(3, { rank: 1 }),
    recordOf(4),
  ];
  test("ties are broken by key, in the direction of the first order", async () => {
    expect(await ask(records, {})).toEqual([1, 2, 3, 4]);
    expect(await ask(records, { orderBy: "rank" })).toEqual([4, 1, 3, 2]);
    expect(await ask(records, { orderBy: { property: "rank", direction: "desc" } })).toEqual([
      2, 3, 1, 4,
    ]);
    expect(
      await ask(records, { orderBy: [{ property: "rank", direction: "desc" }, "id"] }),
    ).toEqual([2, 1, 3, 4]);
    expect(
      await ask(records, { orderBy: ["at", { property: "rank", direction: "desc" }] }),
    ).toEqual([2, 1, 3, 4]);
  });

  test("yield every record once, while others come and go", async () => {
    const value = fc.constantFrom<Value>(
      undefined,
      null,
      true,
      1,
      -0,
      Number.NaN,
      2n ** 70n,
      new ExactNumber("1e400"),
      new Date(0),
      new Date(Number.NaN),
      "a",
      "\ud800",
      "\u{1f600}",
      [],
    );
    const direction = fc.constantFrom("asc" as const, "desc" as const);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(value, value), { minLength: 1, maxLength: 20 }),
        fc.array(fc.boolean(), { minLength: 20, maxLength: 20 }),
        fc.tuple(direction, direction),
        fc.integer({ min: 1, max: 4 }),
        async (values, isPassing, [first, second], limit) => {
          const all = values.map(([title, rank], index) => recordOf(index, { title, rank }));
          const orderBy = [
            { property: "title", direction: first },
            { property: "rank", direction: second },
          ];
          const found: Value[] = [];
          let after: string | undefined;
          for (let page = 0; page === 0 || after !== undefined; page++) {
            // Passing records are there on every other page only.
            const there = all.filter((_, index) => !isPassing[index] || page % 2 === 0);
            const one = await runQuery(batches(there), plan({ orderBy, limit, after }));
            expect(one.records.length).toBeLessThanOrEqual(limit);
            found.push(...ids(one));
            after = one.next;
          }
          expect(new Set(found).size).toBe(found.length);
          const lasting = all.flatMap((_, index) => (isPassing[index] ? [] : [index]));
          expect(found).toEqual(expect.arrayContaining(lasting));
          const whole = await ask(all, { orderBy, limit: 100 });
          expect(found).toEqual(whole.filter((id) => found.includes(id)));
        },
      ),
      propertyRuns(300),
    );
  });

  test("keep no more than they need of a long scan", async () => {
    const many = Array.from({ length: 20_000 }, (_, index) => recordOf((index * 7919) % 20_000));
    expect(await ask(many, { orderBy: { property: "id", direction: "desc" }, limit: 3 })).toEqual([
      19_999, 19_998, 19_997,
    ]);
    expect(await ask(many, {})).toHaveLength(100);
  });
});

describe("what is no query", () => {
  // biome-ignore format: one row per query
  const CASES: readonly (readonly [code: string, query: object])[] = [
    ["QUERY_INDEX", { where: { secret: 1 } }], ["QUERY_INDEX", { orderBy: "secret" }], ["QUERY_INDEX", { where: { constructor: 1 } }],
    ["QUERY_INVALID", { where: { title: undefined } }], ["QUERY_INVALID", { where: { title: { eq: undefined } } }],
    ["QUERY_INVALID", { where: { title: {} } }], ["QUERY_INVALID", { where: { title: ["a"] } }], ["QUERY_INVALID", { where: { title: { ne: 1 } } }],
    ["QUERY_INVALID", { where: { title: { gt: null } } }], ["QUERY_INVALID", { where: { title: { gt: [] } } }],
    ["QUERY_INVALID", { where: { title: { in: "a" } } }], ["QUERY_INVALID", { where: { title: { in: Array(1001).fill(1) } } }],
    ["QUERY_INVALID", { where: { title: { exists: 1 } } }], ["QUERY_INVALID", { where: { title: { startsWith: 1 } } }],
    ["QUERY_INVALID", { where: { title: () => 1 } }], ["QUERY_INVALID", { where: { title: { eq: Symbol("a") } } }],
    ["QUERY_INVALID", { limit: 0 }], ["QUERY_INVALID", { limit: 10_001 }], ["QUERY_INVALID", { limit: 1.5 }],
    ["QUERY_INVALID", { orderBy: ["title", "title"] }], ["QUERY_INVALID", { orderBy: { property: "title", direction: "up" } }],
    ["QUERY_CURSOR", { after: "" }], ["QUERY_CURSOR", { after: "e30" }], ["QUERY_CURSOR", { after: "!" }], ["QUERY_CURSOR", { after: 5 }],
  ];
  test.each(CASES)("%s", (code, query) => {
    expect(codeOf(() => plan(query as AnyQuery))).toBe(code);
  });

  test("a cursor of another order, or one that somebody changed", async () => {
    const records = [recordOf(1), recordOf(2)];
    const { next } = await runQuery(batches(records), plan({ limit: 1 }));
    const after = next as string;
    expect(await ask(records, { after })).toEqual([2]);
    expect(codeOf(() => plan({ after, orderBy: "title" }))).toBe("QUERY_CURSOR");
    const forged = (parts: unknown) => Buffer.from(JSON.stringify(parts)).toString("base64url");
    // biome-ignore format: one row per forgery
    const forgeries: readonly unknown[] = [
      [1, ["+title"], [[3, "1; drop"]], "s"], [1, ["+title"], [[5, 1]], "s"], [1, ["+title"], [], "s"], [1, ["+title"], [[1]], "q"],
      [1, ["+title"], [[1]], "s\ud800"], [1, ["+title"], [[4, 1e20]], "s"], [1, ["+title"], [["1"]], "s"], [2, ["+title"], [[1]], "s"], null,
    ];
    for (const one of forgeries) {
      expect(codeOf(() => plan({ after: forged(one), orderBy: "title" }))).toBe("QUERY_CURSOR");
    }
    expect(
      codeOf(() => plan({ after: forged([1, ["+title"], [[1]], "s"]), orderBy: "title" })),
    ).toBe("none");
  });
});
