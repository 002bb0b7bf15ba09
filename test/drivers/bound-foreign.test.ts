/** Tables that somebody else made hold rows of others: a move's records are those that its sidecar knows. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { collection } from "../../src/collection/define.ts";
import { dumpRevision } from "../../src/collection/revision.ts";
import { shape } from "../../src/collection/shape.ts";
import type { Value } from "../../src/collection/value.ts";
import { postgresTarget } from "../../src/drivers/postgres/index.ts";
import { pushed } from "../../src/drivers/postgres/query.ts";
import { rootSql } from "../../src/drivers/postgres/root-sql.ts";
import { compileLayout } from "../../src/layout/compile.ts";
import type { Layout, TableLayout } from "../../src/layout/layout.ts";
import { planQuery, type Query } from "../../src/store/query.ts";
import { storeOver } from "../../src/store/store.ts";
import { backends, deletion, type MakeMove, type Opened, record, workbench } from "./backends.ts";
import { ask, column, makeTables } from "./bound-tables.ts";

interface Thing {
  readonly title: string;
  readonly count: number;
}

interface Case {
  readonly ddl: string;
  readonly root: Partial<TableLayout> & Pick<TableLayout, "key">;
  readonly keys: readonly (string | number)[];
  /** Rows of others; behind that, one with the key of a record that was deleted. */
  readonly foreign: string;
  readonly again: string;
}

const UUID = "0a000000-0000-4000-8000-00000000000";
const CASES: Readonly<Record<string, Case>> = {
  text: {
    ddl: "create table things (id text primary key, title text, count bigint)",
    root: { key: { name: "id", codec: "text" } },
    keys: ["b", "d", "a\u0001", "f", "gone"],
    foreign: "insert into things values ('a', 'theirs', 1), ('c', 'theirs', 2), ('z', 'theirs', 9)",
    again: "insert into things values ('gone', 'theirs', 3)",
  },
  integer: {
    ddl: "create table things (id bigint primary key, title text, count bigint)",
    root: { key: { name: "id", codec: "integer" } },
    keys: [2, 4, -7, 60, 77],
    foreign: "insert into things values (1, 'theirs', 1), (3, 'theirs', 2), (99, 'theirs', 9)",
    again: "insert into things values (77, 'theirs', 3)",
  },
  "made uuid": {
    ddl: "create table things (id uuid primary key default gen_random_uuid(), title text, count bigint)",
    root: { key: { name: "id", codec: "derived-uuid" } },
    keys: ["b", "d", `${UUID}4`, "f", `${UUID}5`],
    foreign: "insert into things (title, count) values ('theirs', 1), ('theirs', 2), ('theirs', 9)",
    again: `insert into things values ('${UUID}5', 'theirs', 3)`,
  },
  tenant: {
    ddl: `create table things (org text, id text, title text, count bigint, kind text not null default 'a',
      primary key (org, id))`,
    root: {
      key: { name: "id", codec: "text" },
      tenantColumn: "org",
      constants: [{ name: "kind", type: "text", cell: "a" }],
    },
    keys: ["b", "d", "e", "f", "gone"],
    foreign: `insert into things values ('default', 'a', 'theirs', 1, 'a'), ('default', 'c', 'theirs', 2, 'a'),
      ('default', 'z', 'theirs', 9, 'a'), ('two', 'b', 'theirs', 1, 'a'), ('default', 'x', 'theirs', 1, 'b')`,
    again: "insert into things values ('default', 'gone', 'theirs', 3)",
  },
};

const TYPE = { name: "things", indexes: ["title", "count"], keyProperty: undefined };
const AT = { tenant: "default", collection: "things" };

describe.each(backends)("foreign rows on $name", (backend) => {
  let opened: Opened;
  let move: MakeMove;
  beforeAll(async () => {
    opened = await backend.open();
    move = workbench(postgresTarget(opened.database));
  });
  afterAll(() => opened[Symbol.asyncDispose]());

  describe.each(Object.entries(CASES))("key: %s", (name, { ddl, root, keys, foreign, again }) => {
    const schema = `foreign-${name}`;
    const layout: Layout = {
      version: 2,
      collection: "things",
      key: { from: "format" },
      tables: [
        {
          name: "things",
          bound: true,
          columns: [column("title", "text"), column("count", "integer")],
          ...root,
        },
      ],
    };
    const [gone = "", ...kept] = [...keys].reverse();
    const own = kept.reverse();
    const thing = (at: number): Value => ({ title: `ours ${at}`, count: at });
    let driver: Awaited<ReturnType<MakeMove>>["driver"];
    let put: Awaited<ReturnType<MakeMove>>["put"];
    const say = (query: string) => ask(opened.database, schema, query);

    beforeAll(async () => {
      await makeTables(opened.database, schema, ddl);
      ({ driver, put } = await move([layout], { schema }));
      await say(foreign);
      await put(keys.map((key, position) => record(key, thing(position), { position })));
      await put([deletion(gone, dumpRevision(2))]);
      await say(again);
    });

    const titles = (values: readonly Value[]): unknown[] =>
      values.map((value) => (value as { title: unknown }).title);
    const scanned = async (order: "key" | "position"): Promise<unknown[]> => {
      const found: Value[] = [];
      for await (const batch of driver.scan(AT, { order })) {
        for (const { value, revision } of batch) {
          expect(revision).toBe(dumpRevision(1));
          found.push(value);
        }
      }
      return titles(found);
    };

    test("law D3: scan and count have this move's records only, in both orders", async () => {
      const expected = own.map((_, at) => `ours ${at}`);
      expect(await scanned("position")).toEqual(expected);
      expect((await scanned("key")).sort()).toEqual(expected);
      expect(await driver.count(AT)).toBe(own.length);
      expect(await say("select count(*) from things where title = 'theirs'")).not.toEqual(["0"]);
    });

    test("law D4: read answers for this move's keys only; what it deleted stays deleted to it", async () => {
      const found = await driver.read(
        AT,
        [...keys].map((key) => record(key, {}).key),
      );
      expect(found.map((one) => one?.state)).toEqual([...own.map(() => "present"), "deleted"]);
      const theirs = typeof keys[0] === "number" ? [1, 99] : ["a", "z"];
      expect(
        await driver.read(
          AT,
          theirs.map((key) => record(key, {}).key),
        ),
      ).toEqual([undefined, undefined]);
    });

    test("law D2: a write to a key that a row of others has is no success", async () => {
      const type = collection("things", {
        schema: shape<Thing>({ title: ["string"] }),
        key: () => gone,
      });
      const store = storeOver(driver);
      const before = await say("select count(*) from things where title = 'theirs'");
      const mine = { title: "mine", count: 5 };
      const taken = { code: "KEY_TAKEN", site: { collection: "things" } };
      await expect(store.collection(type).put(mine)).rejects.toMatchObject(taken);
      await expect(
        store.transaction((transaction) => transaction.collection(type).put(mine)),
      ).rejects.toMatchObject(taken);
      expect(await say("select count(*) from things where title = 'theirs'")).toEqual(before);
      expect(await say("select count(*) from things where title = 'mine'")).toEqual(["0"]);
    });

    // biome-ignore format: one query per line
    const queries: readonly Query<Thing>[] = [
      {}, { limit: 2 }, { where: { count: { lt: 3 } } }, { orderBy: { property: "count", direction: "desc" }, limit: 2 },
      { where: { title: "theirs" } }, { orderBy: "title" }, { orderBy: ["count", "title"], limit: 3 },
    ];

    test("law D3: queries answer from columns, without rows of others and without a scan", async () => {
      const compiled = compileLayout(layout);
      const { rows } = await opened.database.query(
        "select c.id from outgrow.collection c join outgrow.move m on m.id = c.move where m.schema = $1",
        [schema],
      );
      const { alone } = rootSql(schema, compiled, { id: Number(rows[0]?.[0]), tenant: "default" });
      for (const query of queries) {
        const plan = planQuery(TYPE, query);
        const page = await pushed(
          {
            database: opened.database,
            schema,
            layout,
            tenant: "default",
            ...alone,
            fetch: (asked) => driver.read(AT, asked),
            scan: () => {
              throw new Error("It was scanned.");
            },
          },
          plan,
        );
        const answer = await driver.query(AT, plan);
        expect(page?.records.map(({ key }) => key)).toEqual(answer.records.map(({ key }) => key));
        const all = titles(answer.records.map(({ value }) => value));
        expect(all.filter((title) => title === "theirs")).toEqual([]);
        const { limit = 100, where } = query;
        const wanted = where?.title === "theirs" ? 0 : where?.count === undefined ? own.length : 3;
        expect(all).toHaveLength(Math.min(limit, wanted));
      }
    });

    test("law D4: rebuild tells rows of others apart, each once", async () => {
      const found: [unknown, boolean][] = [];
      for await (const batch of driver.rebuild(AT)) {
        for (const { value, foreign: isForeign } of batch) {
          found.push([titles([value])[0], isForeign]);
        }
      }
      const isOurs = ([title]: [unknown, boolean]) => String(title).startsWith("ours");
      expect(found.filter(isOurs)).toHaveLength(own.length);
      expect(found.filter(([, isForeign]) => isForeign)).toHaveLength(4);
      expect(found.every((one) => one[1] !== isOurs(one))).toBe(true);
    });
  });

  test("law D3: in a table of our own, rows that an app adds by SQL are records", async () => {
    const { driver, put, schema } = await move();
    await put([record("a", { title: "first" }, { position: 0 })]);
    await ask(opened.database, schema, "insert into things (id, title) values ('b', 'by SQL')");
    expect(await driver.count(AT)).toBe(2);
    const [a, b] = await driver.read(AT, ["sa", "sb"]);
    expect([a?.revision, b?.revision]).toEqual([dumpRevision(1), dumpRevision(0)]);
    const page = await driver.query(AT, planQuery(TYPE, { orderBy: "title" }));
    expect(page.records.map(({ key }) => key)).toEqual(["sb", "sa"]);
  });
});
