/** Tables with hostile contents for the tests of queries: what SQL holds, and the records that it stands for. */
import { expect } from "vitest";
import { encodeKey } from "../../src/collection/key.ts";
import { toTaggedMembers } from "../../src/collection/tagged-json.ts";
import { ExactNumber, type Value } from "../../src/collection/value.ts";
import type { SqlDatabase } from "../../src/drivers/postgres/database.ts";
import { pushed, type QueryContext, queryRows } from "../../src/drivers/postgres/query.ts";
import type { CodecName, Column, KeyColumn, Layout, SqlType } from "../../src/layout/layout.ts";
import { type Keyed, planQuery, type Query, runQuery } from "../../src/store/query.ts";

export type Fields = Record<string, Value>;
export type AnyQuery = Query<Record<string, unknown>>;

const UUID_A = "0a000000-0000-4000-8000-000000000000";
const UUID_B = "f0000000-0000-4000-8000-00000000000f";

/** A column of the test's tables, and what its cells can hold: a parameter's text, or nothing. */
export interface Kind {
  readonly codec: CodecName;
  readonly type: SqlType;
  readonly fill: string | number | boolean;
  readonly pool: readonly Value[];
  cell(value: Value): string | undefined;
  /** Cells that only SQL writes, and what they stand for. */
  readonly written?: readonly (readonly [cell: string, value: Value])[];
}

const exactly = (text: string, time: number): string | undefined =>
  Number.isNaN(time) || time < Date.parse("0001-01-01T00:00:00Z") ? undefined : text;
const storable = (value: Value): value is string =>
  typeof value === "string" && value.isWellFormed() && !value.includes("\u0000");
const iso = (value: Value, form: RegExp): string | undefined =>
  typeof value === "string" && form.test(value)
    ? exactly(value.replace(" ", "T").replace(/(:\d\d)$/, "$1Z"), Date.parse(value))
    : undefined;

const MICROS: readonly (readonly [string, Value])[] = [
  ["2026-01-01 00:00:00.000001+00", "2026-01-01T00:00:00.000001Z"],
  ["2026-01-01 00:00:00.00001+00", "2026-01-01T00:00:00.00001Z"],
  ["2025-12-31 23:59:59.999999+00", "2025-12-31T23:59:59.999999Z"],
  ["infinity", "infinityT.000Z"],
];

// biome-ignore format: one row per column
export const KINDS: Readonly<Record<string, Kind>> = {
  title: { codec: "text", type: "text", fill: "a", cell: (value) => (storable(value) ? value : undefined),
    pool: ["", "a", "a\u0001", "a\u0000b", "ab", "a\ud83d", "a\ud83d\ude00", "a\ue000", "a\uffff", "\udc00", "Z", "é", "%", "\\"] },
  count: { codec: "integer", type: "bigint", fill: 0, cell: (value) => (Number.isSafeInteger(value) && !Object.is(value, -0) ? String(value) : undefined),
    pool: [0, -0, 1, 2, 1.5, -1, 1e21, 5n, 2n ** 70n, new ExactNumber("1.25"), 2 ** 53, 9007199254740991],
    written: [["9007199254740993", new ExactNumber("9007199254740993")]] },
  score: { codec: "number", type: "double precision", fill: 0, cell: (value) => (typeof value === "number" && Number.isFinite(value) ? (Object.is(value, -0) ? "-0" : String(value)) : undefined),
    pool: [0, -0, 0.1, new ExactNumber("0.10000000000000000001"), 1e21, 10n ** 21n, 1e23, 99999999999999991611392n, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, new ExactNumber("1e400"), new ExactNumber("-1e-400"), 5e-324],
    written: [["NaN", Number.NaN], ["Infinity", Number.POSITIVE_INFINITY]] },
  price: { codec: "decimal", type: "numeric", fill: 1, cell: (value) => (typeof value === "number" && /^-?\d{1,6}(\.\d{1,2})?$/.test(String(value)) && !Object.is(value, -0) ? String(value) : undefined),
    pool: [0, 0.1, 0.15, 0.125, 1, 1e21, new ExactNumber("0.1000000000000000000001"), new ExactNumber("1e2000"), new ExactNumber("-1e2000"), 7n],
    written: [["NaN", Number.NaN]] },
  done: { codec: "boolean", type: "boolean", fill: false, cell: (value) => (typeof value === "boolean" ? String(value) : undefined), pool: [true, false, 0, 1] },
  ref: { codec: "uuid", type: "uuid", fill: UUID_A, cell: (value) => (value === UUID_A || value === UUID_B ? value : undefined),
    pool: [UUID_A, UUID_B, UUID_B.toUpperCase(), "0", "0a00", "f", "~", ""] },
  madeAt: { codec: "iso-timestamp", type: "timestamptz", fill: Date.parse("2026-01-01T00:00:00.000Z"), cell: (value) => iso(value, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    pool: ["2026-01-01T00:00:00.000Z", "2026-01-01T00:00:00.001Z", "2025-12-31T23:59:59.999Z", "2026-01-01T00:00:00Z", "2026-01", "2026", "", "infinity", "0000-01-01T00:00:00.000Z", "\ud800", "9999-12-31T23:59:59.999Z"],
    written: MICROS },
  loggedAt: { codec: "sql-timestamp", type: "timestamp", fill: 0, cell: (value) => iso(value, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/),
    pool: ["2026-01-01 00:00:00", "2026-01-01 00:00:01", "1970-01-01 00:00:00", "2026-01-01", "2026-01-01T00:00:00Z"],
    written: [["2026-01-01 00:00:00.5", "2026-01-01 00:00:00.5"], ["2026-01-01 00:00:00.000001", "2026-01-01 00:00:00.000001"]] },
  dueOn: { codec: "iso-date", type: "date", fill: 0, cell: (value) => iso(value, /^\d{4}-\d\d-\d\d$/)?.slice(0, 10),
    pool: ["2026-01-01", "2026-01-02", "1970-01-01", "2026-01", "2026-01-01T00:00:00.000Z", "0001-01-01", "9999-12-31", "0000-12-31"] },
  seenAt: { codec: "date", type: "timestamptz", fill: 0, cell: (value) => (value instanceof Date && value.getTime() >= Date.parse("0001-01-01T00:00:00Z") ? value.toISOString() : undefined),
    pool: [new Date(0), new Date(1), new Date("2026-01-01T00:00:00.000Z"), new Date(Number.NaN), new Date(-1e14), 0, "1970-01-01T00:00:00.000Z"],
    written: [["1970-01-01 00:00:00.000999+00", new Date(0)], ["1970-01-01 00:00:00.0015+00", new Date(1)]] },
  at: { codec: "epoch-ms", type: "timestamptz", fill: 0, cell: (value) => (Number.isSafeInteger(value) && Math.abs(value as number) < 1e13 && !Object.is(value, -0) ? new Date(value as number).toISOString() : undefined),
    pool: [0, 1, -1, 0.5, 1767225600000, 1e21, 3n],
    written: [["1970-01-01 00:00:00.0009+00", 0]] },
};
export const NAMES = Object.keys(KINDS);
export const HOSTILE: readonly Value[] = [
  null,
  undefined,
  true,
  0,
  "a",
  new Date(0),
  [],
  {},
  { title: 1 },
  "title",
];

export interface Variant {
  readonly name: string;
  readonly key: KeyColumn["codec"];
  readonly nullMeans: "absent" | "null";
  readonly isFilled?: boolean;
  readonly tenantColumn?: string;
  readonly keyedBy?: string;
  /** The app's keys are made by a function: the layout's key property may say something else, or be absent. */
  readonly isUntold?: boolean;
}
export const VARIANTS: readonly Variant[] = [
  { name: "absent", key: "text", nullMeans: "absent" },
  { name: "null", key: "integer", nullMeans: "null", tenantColumn: "tenant_id" },
  { name: "filled", key: "uuid", nullMeans: "absent", isFilled: true },
  { name: "keyed", key: "text", nullMeans: "absent", keyedBy: "id" },
  { name: "untold", key: "text", nullMeans: "absent", keyedBy: "id", isUntold: true },
  { name: "ledger", key: "ledger-key", nullMeans: "null" },
];
// biome-ignore format: one row per codec
export const KEYS: Readonly<Record<string, readonly (string | number)[]>> = {
  text: ["", "a", "a\u0001", "a\u0001b", "ab", "B", "é", "\ue000", "\u{1f600}", "z"],
  integer: [-5, -1, 0, 1, 2, 3, 10, 100, 2 ** 40, -(2 ** 40)],
  uuid: Array.from({ length: 10 }, (_, index) => `${(index * 7919 + 4096).toString(16).padStart(8, "0")}-0000-4000-8000-000000000000`),
  "ledger-key": ["", "a", 1, -1, "\ud800", "a\u0000", 0.5, "\ue000", 1e21, "1"],
};

function layoutOf(variant: Variant): Layout {
  const columns = NAMES.map((name): Column => {
    const { codec, type, fill } = KINDS[name] as Kind;
    const { nullMeans } = variant;
    return {
      name: `c_${name}`,
      codec,
      type,
      path: [name],
      nullMeans,
      ...(variant.isFilled ? { fill } : {}),
    };
  });
  const { tenantColumn } = variant;
  return {
    version: 2,
    collection: "things",
    key:
      variant.keyedBy === undefined
        ? { from: "format" }
        : { from: "property", path: [variant.keyedBy] },
    tables: [
      {
        name: variant.name,
        key: { name: "k", codec: variant.key },
        columns,
        restColumn: "rest",
        tenantColumn,
      },
    ],
  };
}

const SQL_KEY: Readonly<Record<string, string>> = {
  text: "text",
  "ledger-key": "text",
  integer: "bigint",
  uuid: "uuid",
};

export async function makeTable(database: SqlDatabase, variant: Variant): Promise<void> {
  const columns = NAMES.map(
    (name) => `"c_${name}" ${KINDS[name]?.type}${variant.isFilled ? " not null" : ""}`,
  );
  const tenant = variant.tenantColumn === undefined ? "" : `"${variant.tenantColumn}" text,`;
  await database.query(
    `create table "${variant.name}" (${tenant} k ${SQL_KEY[variant.key]} primary key, ${columns.join(", ")}, rest json)`,
  );
}

/** One property of one record: a value as an app puts it, or a cell as SQL writes it. */
export type Part = { readonly value: Value } | { readonly written: number } | undefined;
export interface Made {
  readonly record: Keyed;
  readonly cells: readonly (string | null)[];
  readonly rest: string | null;
}

export function make(variant: Variant, index: number, parts: Readonly<Record<string, Part>>): Made {
  const key = KEYS[variant.key]?.[index] as string | number;
  const value: Fields = variant.keyedBy === undefined ? {} : { [variant.keyedBy]: key };
  const rest: Record<string, Value> = {};
  const cells = NAMES.map((name): string | null => {
    const kind = KINDS[name] as Kind;
    const part = parts[name];
    const fill = variant.isFilled ? fillCell(kind) : null;
    if (part !== undefined && "written" in part && kind.written !== undefined) {
      const [cell, meant] = kind.written[part.written % kind.written.length] as readonly [
        string,
        Value,
      ];
      value[name] = meant;
      return cell;
    }
    if (part === undefined || !("value" in part)) {
      // The rest says what the test's reader never reads: only that it speaks of the property counts.
      if (variant.isFilled || variant.nullMeans === "null") rest[name] = "absent";
      return fill;
    }
    value[name] = part.value;
    if (part.value === null && variant.nullMeans === "null" && !variant.isFilled) return null;
    const cell =
      part.value === null || part.value === undefined ? undefined : kind.cell(part.value);
    if (cell !== undefined) return cell;
    rest[name] = part.value;
    return fill;
  });
  if (variant.isUntold && index % 3 > 0) {
    rest["id"] = "other";
    if (index % 3 === 1) value["id"] = "other";
    else delete value["id"];
  }
  const text = Object.keys(rest).length === 0 ? null : toTaggedMembers(rest);
  return {
    record: { key: encodeKey(key), value },
    cells: [keyText(variant, key), ...cells],
    rest: text,
  };
}

const keyText = ({ key }: Variant, value: string | number): string =>
  key === "ledger-key" ? encodeKey(value) : String(value);
const fillCell = ({ fill, type }: Kind): string =>
  /time|date/.test(type) ? new Date(fill as number).toISOString() : String(fill);

export async function fill(
  database: SqlDatabase,
  variant: Variant,
  made: readonly Made[],
): Promise<void> {
  await database.query(`delete from "${variant.name}"`);
  for (const { cells, rest } of made) {
    const all = [...(variant.tenantColumn === undefined ? [] : ["me"]), ...cells, rest];
    const places = all.map((_, index) => `$${index + 1}`).join(", ");
    await database.query(`insert into "${variant.name}" values (${places})`, all);
  }
}

export function contextOf(
  database: SqlDatabase,
  variant: Variant,
  made: readonly Made[],
): QueryContext<Keyed> {
  const records = new Map(made.map(({ record }) => [record.key, record]));
  return {
    database,
    schema: "public",
    layout: layoutOf(variant),
    tenant: "me",
    fetch: async (keys) => keys.map((key) => records.get(key)),
    async *scan() {
      yield [...records.values()];
    },
  };
}

/** Walks through all pages, as Postgres gives them and as a scan does. */
export async function comparePages(
  context: QueryContext<Keyed>,
  type: Parameters<typeof planQuery>[0],
  query: AnyQuery,
  isPushed: boolean,
): Promise<void> {
  let after: string | undefined;
  do {
    const plan = planQuery(type, { ...query, after });
    const wanted = await runQuery(context.scan(), plan);
    const found = isPushed ? await pushed(context, plan) : await queryRows(context, plan);
    expect(found?.records.map(({ key }) => key)).toEqual(wanted.records.map(({ key }) => key));
    expect(found?.next).toBe(wanted.next);
    after = wanted.next;
  } while (after !== undefined);
}
