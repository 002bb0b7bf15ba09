/** Unique indexes of somebody else's tables, while what they look at passes from row to row; and keys of all kinds. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { canonicalText } from "../../src/collection/canonical.ts";
import { dumpRevision } from "../../src/collection/revision.ts";
import type { Value } from "../../src/collection/value.ts";
import { postgresTarget } from "../../src/drivers/postgres/index.ts";
import type { ChildTableLayout, Column, Layout } from "../../src/layout/layout.ts";
import { backends, type MakeMove, type Opened, record, workbench } from "./backends.ts";
import { ask, column, type Element, makeTables } from "./bound-tables.ts";

const UUIDS = [1, 2, 3].map((at) => `0a000000-0000-4000-8000-00000000000${at}`);
const DAYS = ["2026-01-01", "2026-01-02", "2026-01-03"];
const TIMES = DAYS.map((day) => `${day}T00:00:00.000Z`);

interface Case {
  /** Type and constraints of the column `cell`, and indexes. */
  readonly cell: string;
  readonly ddl: string;
  readonly column: Partial<Column> & Pick<Column, "codec">;
  readonly values: readonly Value[];
}

const within = "create unique index on elements (thing_id, cell)";
// biome-ignore format: one row per kind of column and index
const CASES: Readonly<Record<string, Case>> = {
  "text that can be NULL": { cell: "text", ddl: within, column: { codec: "text" }, values: ["a", "b", "c"] },
  "text with NULLs that are one": { cell: "text", ddl: "alter table elements add unique nulls not distinct (thing_id, cell)", column: { codec: "text" }, values: ["a", "b", "c"] },
  "text that cannot": { cell: "text not null", ddl: within, column: { codec: "text" }, values: ["a", "b", "c"] },
  "a varchar": { cell: "varchar(4) not null", ddl: within, column: { codec: "text", limit: 4 }, values: ["a", "b", "c"] },
  "a uuid": { cell: "uuid not null", ddl: within, column: { codec: "uuid" }, values: UUIDS },
  "a date": { cell: "date not null", ddl: within, column: { codec: "iso-date" }, values: DAYS },
  "a time": { cell: "timestamptz not null", ddl: within, column: { codec: "iso-timestamp" }, values: TIMES },
  "a number": { cell: "numeric(6, 2) not null", ddl: within, column: { codec: "decimal", precision: 6, scale: 2 }, values: [1.5, 2.5, 3.5] },
  "a double": { cell: "double precision not null check (cell > 0)", ddl: within, column: { codec: "number" }, values: [1, 2, 3] },
  "a domain of whole numbers": { cell: "small not null", ddl: within, column: { codec: "integer", type: "smallint" }, values: [3, 2, 1] },
  "the whole table": { cell: "bigint not null unique", ddl: "", column: { codec: "integer" }, values: [1, 2, 3] },
  "a constraint that waits": { cell: "text not null", ddl: "alter table elements add unique (thing_id, cell) deferrable initially deferred", column: { codec: "text" }, values: ["a", "b", "c"] },
  "an expression": { cell: "text not null", ddl: "create unique index on elements (thing_id, lower(cell))", column: { codec: "text" }, values: ["A", "b", "C"] },
  "a condition on itself": { cell: "text", ddl: `${within} where cell is not null`, column: { codec: "text" }, values: ["a", "b", "c"] },
  "a condition that holds for one": { cell: "boolean not null", ddl: "create unique index on elements (thing_id) where cell", column: { codec: "boolean" }, values: [true, false, false] },
  "a condition that fails for one": { cell: "boolean not null", ddl: "create unique index on elements (thing_id) where not cell", column: { codec: "boolean" }, values: [true, false, true] },
};

const PERMUTED: readonly (readonly number[])[] = [
  [1, 0, 2],
  [2, 0, 1],
  [2, 1, 0],
  [0, 1, 2],
  [1, 2, 0],
  [0, 1],
  [1, 0, 2],
  [2],
];

function layoutOf(
  child: Pick<ChildTableLayout, "key" | "columns"> & Partial<ChildTableLayout>,
): Layout {
  return {
    version: 2,
    collection: "things",
    key: { from: "property", path: ["id"] },
    tables: [
      {
        name: "things",
        bound: true,
        key: { name: "id", codec: "text" },
        columns: [column("title", "text")],
      },
      {
        name: "elements",
        bound: true,
        parent: 0,
        path: ["list"],
        holds: "list",
        emptyMeans: "absent",
        ...child,
      },
    ],
  };
}

describe.each(backends)("$name", (backend) => {
  let opened: Opened;
  let move: MakeMove;
  let number = 0;
  beforeAll(async () => {
    opened = await backend.open();
    move = workbench(postgresTarget(opened.database));
  });
  afterAll(() => opened[Symbol.asyncDispose]());

  async function bound(layout: Layout, ddl: string) {
    const schema = `unique-${number++}`;
    const things = "create table things (id text primary key, title text);";
    await makeTables(opened.database, schema, `${things} ${ddl}`);
    const made = await move([layout], { schema });
    let run = 0;
    const put = async (...values: readonly Element[]) => {
      run++;
      const revision = dumpRevision(run);
      return made.put(
        values.map((value) => record(value["id"] as string, value, { revision, position: 0 })),
      );
    };
    return { ...made, put, say: (query: string) => ask(opened.database, schema, query) };
  }

  const OWN = {
    by: "own",
    column: "id",
    parent: "thing_id",
    from: ["id"],
    place: "place",
  } as const;
  const made = ({ cell, ddl }: Case) => `create domain small as smallint check (value > 0);
    create table elements (id uuid primary key, thing_id text references things, place bigint, ref text, cell ${cell},
      extra text); ${ddl}`;

  test.each(Object.entries(CASES))("law L1: elements exchange their cells: %s", async (_, one) => {
    const columns = [
      column("ref", "text", { path: ["id"] }),
      column("cell", one.column.codec, one.column),
    ];
    const { put, rows, say } = await bound(layoutOf({ key: OWN, columns }), made(one));
    // In the whole table, what is next to the highest of the record is taken.
    const taken = one.ddl === "" ? 4 : (one.values[0] as Value);
    const beside = { id: "z", list: [{ id: "0", cell: taken }] };
    const of = (order: readonly number[]): Element => ({
      id: "a",
      title: order.join(" "),
      list: order.map((at, index) => ({ id: String(index), cell: one.values[at] as Value })),
    });
    await put(of([0, 1, 2]), beside);
    await say("update elements set extra = 'x' || ref");
    for (const order of PERMUTED) {
      await put(of(order));
      expect(canonicalText((await rows())["a"])).toBe(canonicalText(of(order)));
      expect(
        await say(
          "select ref || extra from elements where thing_id = 'a' and extra is not null and ref = '0'",
        ),
      ).toEqual(["0x0"]);
    }
    expect(await say("select extra from elements where thing_id = 'z'")).toEqual(["x0"]);
  });

  test("law T2: what cannot be moved out of the way is refused by its index's name, and nothing is lost", async () => {
    const ddl = `create type side as enum ('left', 'right');
      create table elements (id uuid primary key, thing_id text references things, place bigint, cell side not null,
        extra text, constraint one_of_each unique (thing_id, cell))`;
    const labels = { left: "left", right: "right" };
    const columns = [column("cell", "enum", { labels, sqlType: "side" })];
    const { put, rows, say } = await bound(layoutOf({ key: OWN, columns }), ddl);
    const of = (...cells: readonly string[]): Element => ({
      id: "a",
      list: cells.map((cell, at) => ({ id: String(at), cell })),
    });
    await put(of("left", "right"));
    await say("update elements set extra = 'kept'");
    await expect(put(of("right", "left"))).rejects.toMatchObject({
      code: "RECORD_REFUSED",
      site: { detail: expect.stringContaining("one_of_each") },
    });
    expect(canonicalText((await rows())["a"])).toBe(canonicalText(of("left", "right")));
    // One after the other it goes, and what an update leaves free is there for a new row.
    await put(of("left"));
    await put(of("right", "left"));
    expect(await say("select cell, extra from elements order by 1")).toEqual([
      "left -",
      "right kept",
    ]);
  });

  const COUNTED = {
    "without places": { place: undefined, ddl: "" },
    "with places": { place: "place", ddl: ", place bigint not null" },
  } as const;

  test.each(Object.entries(COUNTED))(
    "law L1: rows that the database numbers, %s, are known by their order",
    async (_, { place, ddl }) => {
      const key = {
        by: "place",
        parent: ["thing_id"],
        counted: "id",
        ...(place === undefined ? {} : { place }),
      } as const;
      const { put, rows, say } = await bound(
        layoutOf({ key, columns: [column("cell", "text")] }),
        `create table elements (id bigint generated always as identity primary key,
           thing_id text not null references things, cell text, extra text ${ddl})`,
      );
      const of = (id: string, cells: string): Element => ({
        id,
        title: cells,
        ...(cells === "" ? {} : { list: [...cells].map((cell) => ({ cell })) }),
      });
      const landed = async (...values: readonly Element[]) => {
        await put(...values);
        const found = await rows();
        for (const value of values) {
          expect(canonicalText(found[value["id"] as string])).toBe(canonicalText(value));
        }
      };
      await landed(of("a", "klm"), of("b", "xyz"));
      await say("update elements set extra = id::text");
      await landed(of("b", "zyx"), of("a", "mk"));
      const seen = "select thing_id, cell, extra from elements order by thing_id, id";
      expect(await say(seen)).toEqual(["a m 1", "a k 2", "b z 4", "b y 5", "b x 6"]);
      await landed(of("a", "mkqrs"), of("b", ""), of("c", "cba"));
      expect(await say(seen)).toEqual([
        "a m 1",
        "a k 2",
        "a q -",
        "a r -",
        "a s -",
        "c c -",
        "c b -",
        "c a -",
      ]);
    },
  );

  test("law L1: members of a map and a nested object keep what the app has beside them", async () => {
    const map = { by: "own", column: "id", parent: "thing_id", place: "name" } as const;
    const elements = layoutOf({
      key: map,
      holds: "map",
      path: ["map"],
      columns: [column("cell", "text")],
    });
    const layout = {
      ...elements,
      tables: [
        ...elements.tables,
        {
          name: "owners",
          bound: true,
          parent: 0,
          path: ["owner"],
          holds: "object",
          emptyMeans: "absent",
          key: { by: "place", parent: ["thing_id"] },
          columns: [column("mail", "text")],
        },
      ],
    } as Layout;
    const { put, rows, say } = await bound(
      layout,
      `create table elements (id uuid primary key, thing_id text references things, name text not null, cell text,
         extra text, unique (thing_id, name), unique (thing_id, cell));
       create table owners (thing_id text primary key references things, mail text, extra text)`,
    );
    await put({
      id: "a",
      map: { k: { cell: "1" }, l: { cell: "2" }, m: { cell: "3" } },
      owner: { mail: "x" },
    });
    await say("update elements set extra = name; update owners set extra = 'o'");
    const next = {
      id: "a",
      map: { m: { cell: "2" }, l: { cell: "3" }, n: { cell: "1" } },
      owner: { mail: "y" },
    };
    await put(next);
    expect(canonicalText((await rows())["a"])).toBe(canonicalText(next));
    expect(await say("select name, cell, extra from elements order by 1")).toEqual([
      "l 3 l",
      "m 2 m",
      "n 1 -",
    ]);
    expect(await say("select mail, extra from owners")).toEqual(["y o"]);
  });
});
