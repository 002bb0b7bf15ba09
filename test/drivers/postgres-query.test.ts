/** Queries answered by Postgres give the very pages that a scan gives, whatever lies in the columns and the rest. */
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { encodeKey } from "../../src/collection/key.ts";
import type { Value } from "../../src/collection/value.ts";
import { pushed, queryRows } from "../../src/drivers/postgres/query.ts";
import type { Column, Layout } from "../../src/layout/layout.ts";
import { planQuery } from "../../src/store/query.ts";
import { propertyRuns } from "../support/property.ts";
import { backends, type Opened } from "./backends.ts";
import {
  type AnyQuery,
  comparePages,
  contextOf,
  type Fields,
  fill,
  HOSTILE,
  KEYS,
  KINDS,
  type Kind,
  type Made,
  make,
  makeTable,
  NAMES,
  type Part,
  VARIANTS,
  type Variant,
} from "./query-tables.ts";

const part = (kind: Kind): fc.Arbitrary<Part> =>
  fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(...kind.pool).map((value) => ({ value })) },
    { weight: 2, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: fc.constantFrom(...HOSTILE).map((value) => ({ value })) },
    { weight: 2, arbitrary: fc.nat(3).map((written) => ({ written })) },
  );
const parts = fc.record(Object.fromEntries(NAMES.map((name) => [name, part(KINDS[name] as Kind)])));
const rows = fc.array(parts, { maxLength: 10 });

const RANGES = ["gt", "gte", "lt", "lte"] as const;
const condition = (name: string): fc.Arbitrary<[string, object]> => {
  const pool = KINDS[name]?.pool ?? (KEYS["text"] as readonly Value[]);
  const written = (KINDS[name]?.written ?? []).map(([, value]) => value);
  const any = fc.constantFrom(
    ...pool,
    ...written,
    ...HOSTILE.filter((value) => value !== undefined),
  );
  const ranged = fc.constantFrom(...pool.filter((value) => value !== null), ...written);
  const texts = [...pool, "", "2026-01", "a", "\ud83d", "\u{10ffff}"].filter(
    (value) => typeof value === "string",
  );
  return fc
    .oneof(
      {
        weight: 4,
        arbitrary: fc
          .tuple(fc.constantFrom(...RANGES), ranged)
          .map(([op, value]) => ({ [op]: value })),
      },
      { weight: 1, arbitrary: fc.tuple(ranged, ranged).map(([gte, lt]) => ({ gte, lt })) },
      { weight: 2, arbitrary: any.map((eq) => ({ eq })) },
      { weight: 1, arbitrary: fc.array(any, { maxLength: 4 }).map((list) => ({ in: list })) },
      { weight: 1, arbitrary: fc.boolean().map((exists) => ({ exists })) },
      { weight: 1, arbitrary: fc.constantFrom(...texts).map((startsWith) => ({ startsWith })) },
    )
    .map((one) => [name, one]);
};
const queries = (names: readonly string[]): fc.Arbitrary<AnyQuery> => {
  const name = fc.constantFrom(...names);
  return fc
    .record({
      where: fc.array(name.chain(condition), { maxLength: 2 }),
      orderBy: fc.uniqueArray(
        fc.record({ property: name, direction: fc.constantFrom("asc" as const, "desc" as const) }),
        { maxLength: 3, selector: ({ property }) => property },
      ),
      limit: fc.integer({ min: 1, max: 6 }),
    })
    .map(({ where, ...query }) => ({ ...query, where: Object.fromEntries(where) }) as AnyQuery);
};

describe.each(backends)("$name", (backend) => {
  let opened: Opened;
  beforeAll(async () => {
    opened = await backend.open();
    for (const variant of VARIANTS) await makeTable(opened.database, variant);
  });
  afterAll(() => opened[Symbol.asyncDispose]());

  test.each(VARIANTS)("pages of a table ($name) are those of a scan", async (variant) => {
    const names = [...NAMES, ...(variant.keyedBy === undefined ? [] : [variant.keyedBy])];
    const type = {
      name: "things",
      indexes: names,
      keyProperty: variant.isUntold ? undefined : variant.keyedBy,
    };
    await fc.assert(
      fc.asyncProperty(
        rows,
        fc.array(queries(names), { minLength: 6, maxLength: 6 }),
        async (list, asked) => {
          const made = list.map((one, index) => make(variant, index, one));
          await fill(opened.database, variant, made);
          const context = contextOf(opened.database, variant, made);
          for (const query of asked) await comparePages(context, type, query, true);
        },
      ),
      propertyRuns(backend.name === "postgres" ? 60 : 20),
    );
  });

  const simple: Variant = { name: "simple", key: "integer", nullMeans: "absent" };
  const MANY = 3000;

  /** Records that a table of many rows holds, made by SQL. */
  async function manyRows(cells: string, value: (index: number) => Fields): Promise<Made[]> {
    await opened.database.query(
      `drop table if exists simple; drop table if exists ledger_rest; create table simple
         (k bigint primary key, c_title text, "c_madeAt" timestamptz, kind text, rest json)`,
    );
    await opened.database.query(
      `insert into simple select i, ${cells}, 'thing', null from generate_series(0, ${MANY - 1}) as i`,
    );
    return Array.from({ length: MANY }, (_, index) => ({
      record: { key: encodeKey(index), value: value(index) },
      cells: [],
      rest: null,
    }));
  }
  const simpleType = { name: "things", indexes: ["title", "madeAt"], keyProperty: undefined };
  const start = Date.parse("2026-01-01T00:00:00.000Z");

  test("times that SQL wrote to the microsecond are found in pages, and in a scan when they crowd", async () => {
    const iso = (ms: number, micros: string) =>
      new Date(ms).toISOString().replace("Z", `${micros}Z`);
    const made = await manyRows(
      "null, timestamptz '2026-01-01Z' + i * interval '1 second' + (i % 2) * interval '7 microseconds'",
      (index) => ({ madeAt: iso(start + index * 1000, index % 2 === 1 ? "007" : "") }),
    );
    const context = contextOf(opened.database, simple, made);
    for (const direction of ["asc", "desc"] as const) {
      const query: AnyQuery = { orderBy: { property: "madeAt", direction }, limit: 900 };
      await comparePages(context, simpleType, query, true);
    }
    await opened.database.query(`update simple set "c_madeAt" = '2026-01-01 00:00:00.000007Z'`);
    const crowd = made.map(({ record: { key } }) => ({
      record: { key, value: { madeAt: "2026-01-01T00:00:00.000007Z" } },
      cells: [],
      rest: null,
    }));
    const crowded = contextOf(opened.database, simple, crowd);
    const plan = planQuery(simpleType, { orderBy: "madeAt", limit: 5 } as AnyQuery);
    expect(await pushed(crowded, plan)).toBeUndefined();
    await comparePages(crowded, simpleType, { orderBy: "madeAt", limit: 800 }, false);
  });

  test("a scan answers what columns cannot: too many open rows, coerced and spread values", async () => {
    const made = await manyRows("null, null", (index) => ({ title: `\ud800${index}` }));
    await opened.database.query(`update simple set rest = '{"title":"\\ud8000"}'`);
    const context = contextOf(opened.database, simple, made);
    const plan = planQuery(simpleType, { orderBy: "title" } as AnyQuery);
    expect(await pushed(context, plan)).toBeUndefined();
    expect((await queryRows(context, plan)).records).toHaveLength(100);
    const [root] = context.layout.tables;
    const title: Column = { name: "c_title", codec: "text", path: ["title"], nullMeans: "absent" };
    // biome-ignore format: one row per layout
    const others: readonly Layout["tables"][] = [
      [{ ...root, columns: [{ ...title, coerce: true }] }],
      [{ ...root, columns: [{ ...title, codec: "enum", labels: {} }] }],
      [{ ...root, columns: [{ ...title, path: ["title", "short"] }] }],
      [{ ...root, columns: [{ ...title, sqlType: "citext" }] }],
      [{ ...root, columns: [title, { ...title, name: "c_two", path: ["title", "short"] }] }],
      [{ ...root, columns: [] }],
      [{ ...root, columns: [title] }, { name: "c", parent: 0, path: ["title"], holds: "list", emptyMeans: "absent", columns: [], key: { by: "place", parent: ["k"] } }],
    ];
    for (const tables of others) {
      const other = { ...context, layout: { ...context.layout, tables } };
      expect(await pushed(other, plan)).toBeUndefined();
    }
  });

  test("records that change between the answer and their reading are asked for again", async () => {
    const made = await manyRows("'t' || lpad(i::text, 4, '0'), null", (index) => ({
      title: `t${String(index).padStart(4, "0")}`,
    }));
    const context = contextOf(opened.database, simple, made);
    const plan = planQuery(simpleType, { orderBy: "title", limit: 3 } as AnyQuery);
    let times = 0;
    const fetch: typeof context.fetch = async (keys) => {
      const records = await context.fetch(keys);
      if (times++ > 0) return records;
      await opened.database.query("delete from simple where k = 1");
      return records.map((record) => (record?.key === encodeKey(1) ? undefined : record));
    };
    const page = await pushed({ ...context, fetch }, plan);
    expect(page?.records.map(({ key }) => key)).toEqual([0, 2, 3].map(encodeKey));
    expect(times).toBe(2);
    const never = {
      ...context,
      fetch: async (keys: readonly string[]) => keys.map(() => undefined),
    };
    expect(await pushed(never, plan)).toBeUndefined();
    expect((await queryRows(never, plan)).records).toHaveLength(3);
  });

  test("rests and keys of the ledger, and rows of other collections in the same table", async () => {
    const made = await manyRows("'t' || (i % 7), null", (index) => ({ title: `t${index % 7}` }));
    await opened.database.query(
      `update simple set kind = 'other' where k >= 10; update simple set c_title = null where k = 3;
       create table ledger_rest (k bigint, key text, rest json); insert into ledger_rest
         select k, case k when 5 then 'sz' else 'sk' || k end, case k when 3 then '{"title":null}'::json end from simple`,
    );
    const mine = made.slice(0, 10).map(({ record }, index) => ({
      record: {
        key: index === 5 ? "sz" : `sk${index}`,
        value: index === 3 ? { title: null } : record.value,
      },
      cells: [],
      rest: null,
    }));
    const inner = contextOf(opened.database, simple, mine);
    const [root] = inner.layout.tables;
    const table = {
      ...root,
      restColumn: undefined,
      key: { name: "k", codec: "derived-uuid" as const },
      constants: [{ name: "kind", type: "text" as const, cell: "thing" }],
    };
    const context = {
      ...inner,
      layout: { ...inner.layout, tables: [table] as const },
      rest: "(select l.rest::text from ledger_rest l where l.k = t.k)",
      key: "(select l.key from ledger_rest l where l.k = t.k)",
    };
    for (const direction of ["asc", "desc"] as const) {
      const query: AnyQuery = { orderBy: [{ property: "title", direction }], limit: 3 };
      await comparePages(context, simpleType, query, true);
      await comparePages(context, simpleType, { ...query, where: { title: null } }, true);
    }
    const unseen = { ...context, rest: undefined };
    await comparePages(unseen, simpleType, { orderBy: "title", limit: 4 }, true);
    const keyless = { ...context, key: undefined };
    expect(await pushed(keyless, planQuery(simpleType))).toBeUndefined();
  });
});
