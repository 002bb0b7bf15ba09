/** What binding says of tables, one rule after the other. */
import { describe, expect, it } from "vitest";
import { encodeKey } from "../../src/collection/key.ts";
import type { Value } from "../../src/collection/value.ts";
import { type BindOptions, bindLayout } from "../../src/layout/bind.ts";
import { compileLayout } from "../../src/layout/compile.ts";
import {
  bindTo,
  catalogOf,
  codes,
  columnIn,
  columnNames,
  fatal,
  layoutIn,
  profileOf,
} from "./bind-catalog.ts";

const ID = "6f0e3f8e-0000-4000-8000-000000000001";

describe("the table", () => {
  it("is found by its name, in snake case, in any case, in the singular or plural: the surest first", async () => {
    const ddl =
      'create table saved_campaigns (id text primary key); create table "Order" (id text primary key)';
    const tableOf = async (name: string) =>
      layoutIn(await bindTo(ddl, name, [{ id: "a" }])).tables[0].name;
    expect(await tableOf("savedCampaigns")).toBe("saved_campaigns");
    expect(await tableOf("savedCampaign")).toBe("saved_campaigns");
    expect(await tableOf("orders")).toBe("Order");
  });

  it("has to be named where two would do, and where there is none", async () => {
    const ddl = `create table "User" (id text primary key); create table "user" (id text primary key)`;
    const two = await bindTo(ddl, "USERS", [{ id: "a" }]);
    expect(two.problems).toMatchObject([{ code: "NO_TABLE", fatal: true }]);
    const one = await bindTo(ddl, "user", [{ id: "a" }], { table: "User" });
    expect(layoutIn(one).tables[0].name).toBe("User");
    expect(codes((await bindTo(ddl, "things", [])).problems)).toEqual(["NO_TABLE"]);
    expect(codes((await bindTo(ddl, "things", [], { table: "gone" })).problems)).toEqual([
      "NO_TABLE",
    ]);
  });

  it("of another collection is not taken", async () => {
    const ddl = "create table notes (id text primary key)";
    const bound = await bindTo(ddl, "notes", [{ id: "a" }], { collections: { notes: "other" } });
    expect(codes(bound.problems)).toEqual(["NO_TABLE"]);
  });
});

describe("the key", () => {
  const keyOf = async (type: string, records: readonly Value[], options: BindOptions = {}) => {
    const bound = await bindTo(
      `create table notes (id ${type} primary key)`,
      "notes",
      records,
      options,
    );
    return bound.layout?.tables[0].key ?? codes(fatal(bound));
  };

  it("lies in a column that holds all keys", async () => {
    expect(await keyOf("text", [{ id: "a" }])).toEqual({ name: "id", codec: "text" });
    expect(await keyOf("varchar(30)", [{ id: "a" }])).toMatchObject({
      codec: "text",
      sqlType: "character varying(30)",
    });
    expect(await keyOf("text", [{ id: "a" }, { id: 1 }])).toMatchObject({ codec: "ledger-key" });
    expect(await keyOf("uuid", [{ id: ID }])).toEqual({ name: "id", codec: "uuid" });
    expect(await keyOf("uuid", [{ id: ID }, { id: 5 }])).toEqual({
      name: "id",
      codec: "derived-uuid",
    });
    expect(await keyOf("bigint", [{ id: 1 }])).toEqual({ name: "id", codec: "integer" });
    expect(await keyOf("smallint", [{ id: 1 }])).toEqual({
      name: "id",
      codec: "integer",
      type: "smallint",
    });
    expect(await keyOf("double precision", [{ id: 1.5 }])).toEqual({ name: "id", codec: "number" });
  });

  it("is a problem in a column that does not", async () => {
    for (const [type, id] of [
      ["integer", "a"],
      ["bigint", 1.5],
      ["char(5)", "a"],
      ["varchar(3)", "abcd"],
      ["varchar(3)", 1],
      ["numeric", 1],
      ["timestamptz", "a"],
      ["real", "a"],
      ["text[]", "a"],
    ] as const) {
      expect(await keyOf(type, [{ id }]), `${type} ${id}`).toEqual(["KEY_TYPE id"]);
    }
  });

  it("sets those aside that its column does not hold, when the options say so", async () => {
    const records = [{ id: 1 }, { id: "2" }, { id: 3 }];
    const bind = async (type: string, options: BindOptions, seen: readonly Value[] = records) => {
      const catalog = await catalogOf(`create table notes (id ${type} primary key)`);
      return bindLayout(profileOf("notes", seen), catalog, options);
    };
    for (const [type, codec] of [
      ["bigint", "integer"],
      ["integer", "integer"],
      ["double precision", "number"],
      ["real", "number"],
    ] as const) {
      const refused = await bind(type, {});
      expect(codes(fatal(refused)), type).toEqual(["KEY_TYPE id"]);
      expect(fatal(refused)[0]?.next).toContain("setAsideKeys: true");
      const bound = await bind(type, { setAsideKeys: true });
      expect(codes(fatal(bound)), type).toEqual([]);
      expect(bound.problems[0]?.message).toContain("1 of 3 keys is no");
      const { tables } = layoutIn(bound);
      expect(tables[0].key, type).toMatchObject({ name: "id", codec });
      const compiled = compileLayout(layoutIn(bound));
      expect([1, "2", 3].map((key) => compiled.keyFits(encodeKey(key)))).toEqual([
        true,
        false,
        true,
      ]);
    }
    // Where none fits there is nothing to copy.
    const none = await bind("integer", { setAsideKeys: true }, [{ id: "a" }, { id: "b" }]);
    expect(codes(fatal(none))).toEqual(["KEY_TYPE id"]);
    expect(fatal(none)[0]?.next).not.toContain("setAsideKeys");
  });

  it("is one column, or one behind the tenant's", async () => {
    const records = [{ id: "a", title: "t" }];
    const pair = "create table notes (owner text, id text, title text, primary key (owner, id))";
    expect(codes(fatal(await bindTo(pair, "notes", records)))).toEqual(["COMPOUND_KEY"]);
    const told = await bindTo(pair, "notes", records, { tenantColumn: "owner" });
    expect(layoutIn(told).tables[0]).toMatchObject({ tenantColumn: "owner", key: { name: "id" } });
    const tenant = await bindTo(pair.replaceAll("owner", "tenant_id"), "notes", records);
    expect(layoutIn(tenant).tables[0].tenantColumn).toBe("tenant_id");
    const typed = await bindTo(
      pair.replaceAll("owner text", "tenant_id uuid").replaceAll("owner", "tenant_id"),
      "notes",
      records,
    );
    expect(codes(fatal(typed))).toEqual(["KEY_TYPE tenant_id"]);
    const behind = await bindTo(pair, "notes", records, { tenantColumn: "id" });
    expect(codes(fatal(behind))).toEqual(["COMPOUND_KEY"]);
  });

  it("may be another unique column, when the options say which", async () => {
    const ddl =
      "create table notes (id serial primary key, legacy_id text not null unique, code text, title text)";
    const bound = await bindTo(ddl, "notes", [{ id: "a", title: "t" }], { key: "legacy_id" });
    expect(layoutIn(bound).tables[0].key).toEqual({ name: "legacy_id", codec: "text" });
    expect(columnNames(bound)).toEqual(["title"]);
    expect(fatal(bound)).toEqual([]);
    expect(codes((await bindTo(ddl, "notes", [{ id: "a" }], { key: "code" })).problems)).toEqual([
      "NO_KEY code",
    ]);
    expect(
      codes((await bindTo("create table notes (id text)", "notes", [{ id: "a" }])).problems),
    ).toEqual(["NO_KEY"]);
    const late = "create table notes (id text primary key deferrable)";
    expect(codes((await bindTo(late, "notes", [{ id: "a" }])).problems)).toEqual(["NO_KEY id"]);
  });

  it("is the property of the column that the options name, seen as a key or not", async () => {
    const ddl =
      "create table notes (id serial primary key, sku text unique, nr uuid unique, code integer unique, size double precision unique)";
    const records = [1, 2].map((at) => ({
      id: at,
      sku: `s${at}`,
      nr: `${ID.slice(0, -1)}${at}`,
      code: at,
      size: at / 4,
      meta: { code: `c${at}` },
    }));
    const keyOf = async (key: string, options: BindOptions = {}) => {
      const bound = bindLayout(profileOf("notes", records), await catalogOf(ddl), {
        key,
        ...options,
      });
      const { key: rule, tables } = layoutIn(bound);
      expect(fatal(bound)).toEqual([]);
      return [rule, tables[0].key];
    };
    const at = (...path: string[]) => ({ from: "property", path });
    expect(await keyOf("sku")).toEqual([at("sku"), { name: "sku", codec: "text" }]);
    expect(await keyOf("nr")).toEqual([at("nr"), { name: "nr", codec: "uuid" }]);
    expect(await keyOf("code")).toMatchObject([at("code"), { name: "code", codec: "integer" }]);
    expect(await keyOf("size")).toEqual([at("size"), { name: "size", codec: "number" }]);
    expect(await keyOf("sku", { columns: { sku: ["meta", "code"] } })).toEqual([
      at("meta", "code"),
      { name: "sku", codec: "text" },
    ]);
    const wrong = bindLayout(
      profileOf("notes", [...records, { id: 3, code: "x" }]),
      await catalogOf(ddl),
      { key: "code" },
    );
    expect(codes(fatal(wrong))).toEqual(["KEY_TYPE code"]);
    expect(fatal(wrong)[0]?.message).toContain("1 of 3 keys");
    const lone = bindLayout(profileOf("notes", [{ id: 1, sku: "\ud83d" }]), await catalogOf(ddl), {
      key: "sku",
    });
    expect(layoutIn(lone).tables[0].key.codec).toBe("ledger-key");
  });

  it("lies where it is unique by itself rather than beside another column", async () => {
    const ddl =
      "create table notes (owner text, tenant text, id text, sku text unique, primary key (owner, id), unique (owner, sku), unique (tenant, sku))";
    const records = [{ id: "a", sku: "s", owner: "o" }];
    const single = await bindTo(ddl, "notes", records, { key: "sku" });
    expect(layoutIn(single).tables[0]).toMatchObject({ key: { name: "sku" } });
    expect(layoutIn(single).tables[0].tenantColumn).toBeUndefined();
    const both = await bindTo(ddl, "notes", records, { key: "sku", tenantColumn: "tenant" });
    expect(layoutIn(both).tables[0]).toMatchObject({
      key: { name: "sku" },
      tenantColumn: "tenant",
    });
    const compound = ddl.replace("sku text unique", "sku text");
    const refused = await bindTo(compound, "notes", records, { key: "sku" });
    expect(codes(fatal(refused))).toEqual(["COMPOUND_KEY"]);
  });

  it("may lie in a column of its own as well", async () => {
    const ddl = "create table notes (id uuid primary key, legacy_id text)";
    const bound = await bindTo(ddl, "notes", [{ id: "a" }], { columns: { legacy_id: ["id"] } });
    expect(columnIn(bound, "legacy_id").path).toEqual(["id"]);
  });
});

describe("columns", () => {
  it("that fit several properties wait for a word", async () => {
    const ddl = "create table notes (id text primary key, my_title text)";
    const records = [{ id: "a", "my-title": "x", MyTITLE: "y" }];
    const bound = await bindTo(ddl, "notes", records);
    expect(codes(bound.problems)).toEqual(["AMBIGUOUS my_title"]);
    const told = await bindTo(ddl, "notes", records, { columns: { my_title: ["my-title"] } });
    expect(columnIn(told, "my_title").path).toEqual(["my-title"]);
    const gone = await bindTo(ddl, "notes", records, { columns: { nothing: ["x"] } });
    expect(codes(fatal(gone))).toEqual(["NO_COLUMN nothing"]);
  });

  it("take what lies in an object by names joined, where the object has no column", async () => {
    const records = [{ id: "a", metadata: { sku: "s", tags: [] }, size: { a: 1 } }];
    const bound = await bindTo(
      "create table notes (id text primary key, metadata_sku text, metadata_of_it text, size jsonb, size_a integer)",
      "notes",
      records,
    );
    expect(columnNames(bound)).toEqual(["metadata_sku", "size"]);
    expect(columnIn(bound, "metadata_sku").path).toEqual(["metadata", "sku"]);
    const told = await bindTo(
      "create table notes (id text primary key, sku text, metadata jsonb)",
      "notes",
      records,
      { columns: { sku: ["metadata", "sku"] } },
    );
    expect(columnNames(told)).toEqual(["sku"]);
    expect(told.choices).toContainEqual(
      expect.objectContaining({
        subject: "notes.metadata",
        why: expect.stringContaining("sku already"),
      }),
    );
  });

  it("of types that no codec writes stay the database's own", async () => {
    const ddl = `create type pair as (a int, b int); create table notes (id text primary key, span interval, pair pair, bytes bytea not null default '', odd numeric(3, -1),
      short varchar(3)[], at timestamptz(2), need inet not null)`;
    const records = [
      {
        id: "a",
        span: "1",
        pair: {},
        bytes: "x",
        odd: 10,
        short: ["abcd"],
        at: "2025-01-01T00:00:00.000Z",
        need: "1.2.3.4",
      },
    ];
    const bound = await bindTo(ddl, "notes", records);
    expect(columnNames(bound)).toEqual([]);
    expect(codes(bound.problems)).toEqual([
      "NOT_NULL need",
      "TYPE at",
      "TYPE bytes",
      "TYPE need",
      "TYPE odd",
      "TYPE pair",
      "TYPE short",
      "TYPE span",
    ]);
    expect(codes(fatal(bound))).toEqual(["NOT_NULL need"]);
  });

  it("take rules only for what they can write", async () => {
    const ddl =
      "create table notes (id text primary key, at timestamptz, n bigint, s varchar(10), d date)";
    const records = [{ id: "a", at: "2024-01-02T03:04:05+02:00", n: 5, s: ID, d: "6/18/2025" }];
    const bound = await bindTo(ddl, "notes", records, {
      rules: {
        at: { codec: "offset-timestamp" },
        n: { codec: "epoch-ms" },
        s: { codec: "uuid" },
        d: { codec: "date-text", pattern: "M/D/YYYY" },
      },
    });
    expect(codes(bound.problems)).toEqual(["TYPE at", "TYPE n", "TYPE s"]);
    expect(columnIn(bound, "d")).toMatchObject({ codec: "date-text", pattern: "M/D/YYYY" });
  });

  it("hold the same in all rows where the options say so", async () => {
    const ddl =
      "create type kind as enum ('note', 'task'); create table notes (id text primary key, kind kind not null, n int)";
    const bound = await bindTo(ddl, "notes", [{ id: "a", kind: "x" }], {
      constants: { kind: "note" },
    });
    expect(layoutIn(bound).tables[0].constants).toEqual([
      { name: "kind", type: "text", cell: "note" },
    ]);
    expect(fatal(bound)).toEqual([]);
    const wrong = await bindTo(ddl, "notes", [{ id: "a" }], {
      constants: { kind: "none", gone: 1, n: "x" },
    });
    expect(codes(fatal(wrong))).toEqual(["FILL kind", "FILL n", "NOT_NULL kind", "NO_COLUMN gone"]);
  });

  it("that are filled are filled with what they hold", async () => {
    const ddl =
      "create table notes (id text primary key, a text not null, b int not null, c jsonb not null, d varchar(2) not null unique)";
    const bound = await bindTo(ddl, "notes", [{ id: "a" }, { id: "b", a: "x", c: { d: 1 } }], {
      fills: { a: "", b: 0, c: "[]", d: "no" },
    });
    expect(fatal(bound)).toEqual([]);
    expect(bound.problems).toMatchObject([
      { code: "UNIQUE", column: "d", message: expect.stringContaining("filled with the same") },
    ]);
    const wrong = await bindTo(ddl, "notes", [{ id: "a" }], {
      fills: { a: "\u0000", b: 1.5, c: '{"a":1}', d: "abc" },
    });
    expect(codes(fatal(wrong)).filter((code) => code.startsWith("FILL"))).toEqual([
      "FILL a",
      "FILL b",
      "FILL c",
      "FILL d",
    ]);
  });

  it("have no fill from a default that is computed", async () => {
    for (const expression of [
      "now()::text",
      "'a'::text || current_user",
      "upper('a')",
      "gen_random_uuid()::text",
    ]) {
      const bound = await bindTo(
        `create table notes (id text primary key, a text not null default ${expression})`,
        "notes",
        [{ id: "a" }, { id: "b", a: "x" }],
      );
      expect(codes(fatal(bound)), expression).toEqual(["NOT_NULL a"]);
      expect(fatal(bound)[0]?.next).toContain('columns: { "a": null }');
    }
  });

  it("of json take the rest, unless UUIDs stand for keys", async () => {
    const ddl = "create table notes (id text primary key, title text, rest json, other jsonb)";
    const bound = await bindTo(ddl, "notes", [{ id: "a", more: 1 }], { rest: "rest" });
    expect(layoutIn(bound).tables[0].restColumn).toBe("rest");
    const wrong = await bindTo(ddl, "notes", [{ id: "a" }], { rest: "other" });
    expect(codes(fatal(wrong))).toEqual(["TYPE other"]);
    const derived = await bindTo(ddl.replace("id text", "id uuid"), "notes", [{ id: "a" }], {
      rest: "rest",
    });
    expect(codes(fatal(derived))).toEqual(["TYPE rest"]);
  });
});
