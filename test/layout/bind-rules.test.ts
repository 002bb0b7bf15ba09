/** Rules for columns of tables that are there: what they make of values, and those that are none. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Value } from "../../src/collection/value.ts";
import type { BindOptions, ColumnRule } from "../../src/layout/bind-types.ts";
import { standingJson } from "../../src/layout/codec-json.ts";
import { copy } from "../../src/transfer/copy.ts";
import { verify } from "../../src/transfer/verify.ts";
import { VALUES } from "../collection/values.ts";
import { backends } from "../drivers/backends.ts";
import { workplace } from "../support/moving.ts";
import { propertyRuns } from "../support/property.ts";
import { sql } from "../support/sql.ts";
import { anyRecord } from "./any-layout.ts";
import { bindTo, codes, columnIn, fatal } from "./bind-catalog.ts";

const TYPES = "create type state as enum ('PENDING', 'PAID', 'in-review');";
const TABLE = `${TYPES} create table notes (id text primary key, state state, title text, amount numeric,
  price numeric(8, 2), at timestamptz, day date, doc jsonb, flag boolean)`;

describe("rules that are none", () => {
  const problemsOf = async (rule: Record<string, ColumnRule>) => {
    const records = [{ id: "a", state: "x", title: "t", amount: 1, price: 1, at: "", day: "" }];
    return fatal(await bindTo(TABLE, "notes", records, { rules: rule }));
  };

  it("law L1: two texts with one label, a label that the enum does not have", async () => {
    for (const [column, rule] of [
      ["state", { labels: { paid: "PAID", Paid: "PAID" } }],
      ["state", { labels: { paid: "PAYED" } }],
      ["title", { codec: "enum", labels: { a: "x", b: "x" } }],
    ] as const) {
      const problems = await problemsOf({ [column]: rule });
      expect(codes(problems), JSON.stringify(rule)).toEqual([`RULE_INVALID ${column}`]);
    }
    expect((await problemsOf({ state: { labels: { paid: "PAYED" } } }))[0]?.message).toContain(
      '"PAYED"',
    );
  });

  it("parts that mean nothing for the column's codec, or not what they say", async () => {
    for (const [column, rule] of [
      ["title", { coerce: true }],
      ["flag", { coerce: true }],
      ["title", { prefix: "$" }],
      ["at", { pattern: "M/D/YYYY" }],
      ["title", { codec: "text", labels: { a: "b" } }],
      ["at", { offsetColumn: "title" }],
      ["doc", { scale: 2 }],
      ["price", { codec: "money", scale: 3 }],
    ] as const) {
      const records = [{ id: "a", title: "t", flag: true, at: "x", doc: {}, price: 1 }];
      const bound = await bindTo(TABLE, "notes", records, { rules: { [column]: rule } });
      expect(codes(fatal(bound)), JSON.stringify(rule)).toEqual([`RULE_INVALID ${column}`]);
    }
  });

  it("are no problem where they mean something", async () => {
    expect(
      await problemsOf({
        state: { labels: { paid: "PAID", PAID: "PENDING" } },
        title: { labels: { a: "b" } },
        amount: { codec: "money", scale: 3 },
        price: { codec: "money", scale: 2, coerce: true },
        at: { coerce: true },
        day: { codec: "date-text", pattern: "D.M.YYYY", coerce: true },
      }),
    ).toEqual([]);
  });
});

describe("labels", () => {
  const ddl = `${TYPES} create table notes (id text primary key, state state not null default 'PENDING')`;
  const statesOf = async (states: readonly string[], options: BindOptions = {}) => {
    const records = states.map((state, at) => ({ id: `n${at}`, state }));
    return await bindTo(ddl, "notes", records, options);
  };

  it("are matched without their case where the records have one spelling of them", async () => {
    const bound = await statesOf(["pending", "Paid", "paid", "In Review"]);
    expect(columnIn(bound, "state").labels).toEqual({
      pending: "PENDING",
      PAID: "PAID",
      "In Review": "in-review",
    });
    // Two of four values have no label: with its default they lie in the rest.
    expect(bound.problems.find(({ code }) => code === "SPILLS")?.message).toContain("2 values");
  });

  it("are shared by all their spellings where a rule says so, and the rest tells these apart", async () => {
    await using place = await workplace();
    await sql(place.url, ddl);
    const states = ["pending", "Paid", "paid", "PAID", "In Review", "unknown", "in_review"];
    const notes = states.map((state, at) => ({ id: `n${at}`, state }));
    const source = await place.file("notes.json", JSON.stringify({ notes, n: 1 }));
    const rules = { state: { coerce: true } };
    const copied = await copy(source, place.target, { bind: { notes: { rules } } });
    expect(await sql(place.url, "select state::text from notes order by id")).toEqual(
      ["PENDING", "PAID", "PAID", "PAID", "in-review", "PENDING", "in-review"].map((state) => ({
        state,
      })),
    );
    expect(copied.spills.map(({ code, count }) => [code, count])).toEqual([
      ["ENUM_LABEL", 1],
      ["RULE_ENUM", 4],
    ]);
    expect((await verify(source, place.target)).clean).toBe(true);
  });
});

describe("coerce", () => {
  it("takes every spelling of an instant, and no other time", async () => {
    await using place = await workplace();
    await sql(
      place.url,
      "create table notes (id text primary key, at timestamptz not null, secs timestamp(0), day date, ms timestamptz)",
    );
    const at = [
      "2025-01-02T03:04:05.678Z",
      "2025-01-02T03:04:05Z",
      "2025-01-02 03:04:05",
      "2025-01-02T05:04:05.6+02:00",
      "2025-01-02",
      1_735_787_045_678,
    ];
    const notes = [
      ...at.map((one, index) => ({ id: `n${index}`, at: one, secs: one, day: one, ms: one })),
      { id: "o", at: at[0], secs: "2025-02-30T00:00:00Z", day: "soon", ms: 5 },
    ];
    const source = await place.file("notes.json", JSON.stringify({ notes, n: 1 }));
    const copied = await copy(source, place.target, {
      bind: {
        notes: {
          rules: {
            at: { coerce: true },
            secs: { codec: "iso-seconds", coerce: true },
            day: { coerce: true },
            ms: { codec: "epoch-ms", coerce: true },
          },
        },
      },
    });
    const text = "to_char(at at time zone 'UTC', 'HH24:MI:SS.MS')";
    expect(
      await sql(
        place.url,
        `select id, ${text} as at, secs::text, day::text, ms = at as same from notes order by id`,
      ),
    ).toEqual([
      { id: "n0", at: "03:04:05.678", secs: null, day: "2025-01-02", same: true },
      { id: "n1", at: "03:04:05.000", secs: "2025-01-02 03:04:05", day: "2025-01-02", same: true },
      { id: "n2", at: "03:04:05.000", secs: "2025-01-02 03:04:05", day: "2025-01-02", same: true },
      { id: "n3", at: "03:04:05.600", secs: null, day: "2025-01-02", same: true },
      { id: "n4", at: "00:00:00.000", secs: "2025-01-02 00:00:00", day: "2025-01-02", same: true },
      { id: "n5", at: "03:04:05.678", secs: null, day: "2025-01-02", same: true },
      // Five milliseconds are an instant like any other to who says that they are milliseconds.
      { id: "o", at: "03:04:05.678", secs: null, day: null, same: false },
    ]);
    expect(copied.spills.map(({ column, code, count }) => [column, code, count])).toEqual([
      ["at", "RULE_ISO-TIMESTAMP", 5],
      ["day", "DATE_FORM", 1],
      ["day", "RULE_ISO-DATE", 5],
      ["ms", "RULE_EPOCH-MS", 5],
      ["secs", "DATE_FORM", 3],
      ["secs", "RULE_ISO-SECONDS", 2],
      ["secs", "TYPE_MISMATCH", 1],
    ]);
    expect((await verify(source, place.target)).clean).toBe(true);
  });

  it("law L1: JSON that stands for what jsonb refuses is spelt as Postgres spells it", async () => {
    const [postgres] = backends;
    if (postgres === undefined) throw new Error("There is no server.");
    await using opened = await postgres.open();
    const told: string[] = [];
    const tell = (value: Value): void => {
      const text = standingJson(value);
      if (text !== undefined) told.push(text);
    };
    for (const [, value] of VALUES) tell(value);
    tell({ b: "a\u0000b", a: "\ud83d", "\u0000": -0, aa: [Number.NaN, undefined], é: new Date(0) });
    fc.assert(fc.property(anyRecord, tell), propertyRuns(300));
    expect(told.length).toBeGreaterThan(300);
    const { rows } = await opened.database.query(
      "select said, said::jsonb::text from unnest($1::text[]) said",
      [`{${told.map((text) => `"${text.replace(/[\\"]/g, "\\$&")}"`).join(",")}}`],
    );
    expect(rows).toHaveLength(told.length);
    for (const [said, jsonb] of rows) expect(jsonb).toBe(said);
  });
});
