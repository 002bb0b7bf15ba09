/**
 * Codecs: how the values of one column are written and read. `encode` answers `undefined` for a value that it
 * would not give back exactly; the value then lies in the rest, and `refusal` says why in a word (a spill).
 */

import { readNumber } from "../collection/exact-number.ts";
import { decodeKey, encodeKey, isPlainKeyText, type Key } from "../collection/key.ts";
import { parseJson } from "../collection/parse-json.ts";
import { ExactNumber, isPlainObject, type Value } from "../collection/value.ts";
import { labelFor, textFor } from "./codec-enum.ts";
import { standingJson } from "./codec-json.ts";
import { fitDecimal, moneyAmount, plainDecimal, roundDecimal } from "./codec-number.ts";
import {
  dateMilliseconds,
  instantOf,
  isoDateMilliseconds,
  isoFromSql,
  isoMilliseconds,
  isoSecondsMilliseconds,
  offsetTime,
  patternMilliseconds,
  secondsFromSql,
  sqlMilliseconds,
  sqlTime,
  writeOffset,
  writePattern,
} from "./codec-time.ts";
import { derivedUuid, isUuid } from "./derived-uuid.ts";
import type { CodecName, Column, KeyColumn, SqlType, SqlValue } from "./layout.ts";

type Cell = Exclude<SqlValue, null>;

/** Which record's key a reference is made for. */
export interface KeySpace {
  readonly tenant: string;
}

export interface Codec {
  readonly sql: SqlType;
  /** The cell for this value; `undefined` when the column cannot hold it exactly. Never given null. */
  encode(value: Value, column: Column, space: KeySpace): Cell | undefined;
  /** The value of a cell, from Postgres' text output with the time zone at UTC. `form` is the offset column's. */
  decode(text: string, column: Column, form: string | null): Value;
  /**
   * A cell that stands for a value which the column cannot hold exactly, and what Postgres will say it holds.
   * Used where the layout's `coerce` allows it; `always` where it is what the codec is for.
   */
  readonly coerce?: (
    value: Value,
    column: Column,
    space: KeySpace,
  ) => { readonly cell: Cell; readonly text: string } | undefined;
  readonly always?: true;
}

const holdsNul = (text: string): boolean => text.includes("\u0000");
const isStorable = (value: Value): value is string =>
  typeof value === "string" && !holdsNul(value) && value.isWellFormed();

/** Characters as varchar counts them. */
function fits(text: string, column: Column): boolean {
  const { limit } = column;
  if (limit === undefined) return true;
  const padded = column.sqlType?.startsWith("char(") ?? false;
  if (text.length <= limit && !padded) return true;
  if (text.length > limit * 2) return false;
  const characters = [...text].length;
  return padded ? characters === limit && !text.endsWith(" ") : characters <= limit;
}

const WHOLE: Readonly<Partial<Record<SqlType, number>>> = { integer: 2 ** 31, smallint: 2 ** 15 };

function wholeFits(value: number, type: SqlType | undefined): boolean {
  const bound = WHOLE[type ?? "bigint"];
  return bound === undefined || (value >= -bound && value < bound);
}

/** What JSON.stringify writes of NUL and of a half of a surrogate pair; or a text that holds the like behind `\\`. */
const ESCAPED = /\\u(?:0000|d[89a-f])/;

/** The JSON text of a value that jsonb gives back: plain JSON, no -0, no NUL, no half of a surrogate pair. */
function toJsonb(value: Value): string | undefined {
  if (!isPlainJson(value, false)) return undefined;
  const text = JSON.stringify(value);
  // Looking at one long text costs less than looking at every short one in it.
  return ESCAPED.test(text) && !isPlainJson(value, true) ? undefined : text;
}

/** @param withTexts whether texts are looked at, too. */
function isPlainJson(value: Value, withTexts: boolean): boolean {
  switch (typeof value) {
    case "string":
      return !withTexts || isStorable(value);
    case "number":
      return Number.isFinite(value) && !Object.is(value, -0);
    case "boolean":
      return true;
    case "object":
      if (value === null) return true;
      if (Array.isArray(value)) {
        for (let index = 0; index < value.length; index++) {
          // A hole reads as undefined.
          if (!isPlainJson(value[index] as Value, withTexts)) return false;
        }
        return true;
      }
      if (!isPlainObject(value)) return false;
      for (const name of Object.keys(value)) {
        if ((withTexts && !isStorable(name)) || !isPlainJson(value[name], withTexts)) return false;
      }
      return true;
    default:
      return false;
  }
}

/** Longer runs of digits may be more than a double holds, when SQL wrote them. */
const LONG_NUMBER = /[\d.]{16}/;

function fromJsonb(text: string): Value {
  return LONG_NUMBER.test(text) ? parseJson(text).value : (JSON.parse(text) as Value);
}

/** The elements of a text[] in Postgres' output: `{a,"b c",NULL}`. */
function fromTextArray(text: string): Value {
  const items: (string | null)[] = [];
  for (const [, quoted, bare] of text.slice(1, -1).matchAll(/"((?:[^"\\]|\\.)*)"|([^,{}"]+)/gs)) {
    if (quoted !== undefined) items.push(quoted.replace(/\\(.)/gs, "$1"));
    else items.push(bare === "NULL" ? null : (bare as string));
  }
  return items;
}

const timeType = (column: Column): "timestamptz" | "timestamp" | "date" =>
  (column.type ?? "timestamptz") as "timestamptz";

type Stand = ReturnType<NonNullable<Codec["coerce"]>>;

/** Another spelling of an instant, in a column that holds it to the millisecond. In a date, its day. */
function standingTime(value: Value, column: Column, sql: SqlType): Stand {
  const time = instantOf(value);
  if (time === undefined) return undefined;
  const type = timeType({ ...column, type: column.type ?? sql });
  const digits = /\((\d)\)/.exec(column.sqlType ?? "")?.[1];
  if (type !== "date" && digits !== undefined && time % 10 ** Math.max(0, 3 - Number(digits)) !== 0)
    return undefined;
  return { cell: time, text: sqlTime(time, type) };
}

function textTime(
  encode: (text: string) => number | undefined,
  decode: (text: string) => Value,
  sql: SqlType = "timestamptz",
): Codec {
  return {
    sql,
    encode: (value) => (typeof value === "string" ? encode(value) : undefined),
    decode,
    coerce: (value, column) => standingTime(value, column, sql),
  };
}

function epochTime(unit: number): Codec {
  return {
    sql: "timestamptz",
    coerce: (value, column) => standingTime(value, column, "timestamptz"),
    encode: (value) =>
      typeof value === "number" && Number.isSafeInteger(value) && !Object.is(value, -0)
        ? dateMilliseconds(new Date(value * unit))
        : undefined,
    decode: (text) => Date.parse(isoFromSql(text)) / unit,
  };
}

function coercedDecimal(
  text: string | undefined,
  { precision, scale }: Column,
): { cell: string; text: string } | undefined {
  const rounded = text === undefined ? undefined : roundDecimal(text, precision, scale);
  return rounded === undefined ? undefined : { cell: rounded, text: rounded };
}

const decimalText = (value: Value): string | undefined => {
  if (typeof value === "number" && Number.isFinite(value)) return plainDecimal(value);
  return typeof value === "string" ? moneyAmount(value) : undefined;
};

// biome-ignore format: one row per codec
export const CODECS: Readonly<Record<CodecName, Codec>> = {
  text: {
    sql: "text",
    encode: (value, column) => isStorable(value) && fits(value, column) ? value : undefined,
    decode: (text) => text,
  },
  boolean: {
    sql: "boolean",
    encode: (value) => (typeof value === "boolean" ? value : undefined),
    decode: (text) => text === "t",
  },
  integer: {
    sql: "bigint",
    encode: (value, column) => typeof value === "number" && Number.isSafeInteger(value) && !Object.is(value, -0) && wholeFits(value, column.type) ? value : undefined,
    // An app may write beyond a double by SQL: that is kept exact too.
    decode: (text) => { const number = Number(text); return Number.isSafeInteger(number) ? number : new ExactNumber(text); },
  },
  number: {
    sql: "double precision",
    encode: (value, column) => typeof value === "number" && Number.isFinite(value) && (column.type !== "real" || Math.fround(value) === value) ? value : undefined,
    decode: (text, column) => column.type === "real" ? Math.fround(Number(text)) : Number(text),
  },
  decimal: {
    sql: "numeric",
    encode: (value, { precision, scale }) => typeof value === "number" && Number.isFinite(value) && !Object.is(value, -0) ? fitDecimal(plainDecimal(value), precision, scale) : undefined,
    decode: (text) => readNumber(text),
    coerce: (value, column) => coercedDecimal(decimalText(value), column),
  },
  money: {
    sql: "numeric",
    encode: (value, { prefix = "", precision, scale = 2 }) => {
      if (typeof value !== "string" || !value.startsWith(prefix)) return undefined;
      const digits = value.slice(prefix.length);
      // Only what is written with all its digits, and no more, is written the same again.
      return fitDecimal(digits, precision, scale) === digits ? digits : undefined;
    },
    decode: (text, { prefix = "" }) => `${prefix}${text}`,
    coerce: (value, column) => coercedDecimal(decimalText(value), column),
  },
  uuid: {
    sql: "uuid",
    encode: (value) => (typeof value === "string" && isUuid(value) ? value : undefined),
    decode: (text) => text,
  },
  "iso-timestamp": textTime(isoMilliseconds, isoFromSql),
  "iso-seconds": textTime(isoSecondsMilliseconds, secondsFromSql),
  "sql-timestamp": textTime(sqlMilliseconds, (text) => text.replace(/\+00$/, ""), "timestamp"),
  "iso-date": textTime(isoDateMilliseconds, (text) => text.slice(0, 10), "date"),
  "offset-timestamp": {
    sql: "timestamptz",
    encode: (value) => (typeof value === "string" ? offsetTime(value)?.time : undefined),
    decode: (text, _column, form) => form === null ? isoFromSql(text) : writeOffset(Date.parse(isoFromSql(text)), form),
    coerce: (value, column) => standingTime(value, column, "timestamptz"),
  },
  "date-text": {
    sql: "date",
    encode: (value, { pattern = "YYYY-MM-DD" }) => typeof value === "string" ? patternMilliseconds(value, pattern) : undefined,
    decode: (text, { pattern = "YYYY-MM-DD" }) => {
      const iso = isoFromSql(text);
      return iso.endsWith("T00:00:00.000Z") ? writePattern(iso.slice(0, 10), pattern) : iso;
    },
    coerce: (value, column) => {
      const time = typeof value === "string" ? (isoMilliseconds(value) ?? isoDateMilliseconds(value.slice(0, 10))) : undefined;
      if (time === undefined) return undefined;
      const type = (column.type ?? "date") as "date";
      return { cell: time, text: sqlTime(time, type) };
    },
  },
  "epoch-ms": epochTime(1),
  "epoch-s": epochTime(1000),
  date: {
    sql: "timestamptz",
    encode: (value) => (value instanceof Date ? dateMilliseconds(value) : undefined),
    decode: (text) => new Date(isoFromSql(text)),
    coerce: (value, column) => standingTime(value, column, "timestamptz"),
  },
  jsonb: {
    sql: "jsonb",
    encode: toJsonb,
    decode: fromJsonb,
    coerce: (value) => {
      const json = standingJson(value);
      return json === undefined ? undefined : { cell: json, text: json };
    },
  },
  "text-list": {
    sql: "text[]",
    encode: (value) => Array.isArray(value) && Object.keys(value).length === value.length && value.every(isStorable) ? (value as string[]) : undefined,
    decode: fromTextArray,
  },
  enum: {
    sql: "text",
    encode: (value, { labels = {} }) => typeof value === "string" && Object.hasOwn(labels, value) ? labels[value] : undefined,
    decode: (text, { labels = {} }) => textFor(text, labels),
    coerce: (value, { labels = {} }) => {
      const label = typeof value === "string" ? labelFor(value, labels) : undefined;
      return label === undefined ? undefined : { cell: label, text: label };
    },
  },
  reference: {
    sql: "uuid",
    encode: (value) => (typeof value === "string" && isUuid(value) ? value : undefined),
    decode: (text) => text,
    coerce: (value, column, space) => {
      if (typeof value !== "string" && typeof value !== "number") return undefined;
      if (typeof value === "number" && Number.isNaN(value)) return undefined;
      const uuid = derivedUuid(space.tenant, column.to ?? "", encodeKey(value));
      return { cell: uuid, text: uuid };
    },
    always: true,
  },
  "ledger-key": {
    sql: "text",
    encode: (value) => encodeKey(value),
    decode: (text) => decodeKey(text) as Value,
  },
};

/** Codecs whose cells are times: what a coerced or filled cell looks like in Postgres' output depends on the type. */
export function cellText(cell: SqlValue, column: Column): string | null {
  if (cell === null) return null;
  if (typeof cell === "boolean") return cell ? "t" : "f";
  const type = column.type ?? CODECS[column.codec].sql;
  if (typeof cell === "number" && ["timestamptz", "timestamp", "date"].includes(type)) {
    return sqlTime(cell, timeType({ ...column, type }));
  }
  if (type === "numeric") {
    return fitDecimal(String(cell), column.precision, column.scale) ?? String(cell);
  }
  if (Array.isArray(cell)) return cell.length === 0 ? "{}" : null;
  return String(cell);
}

/** What the offset column holds beside an offset-timestamp. */
export function offsetForm(value: Value): string | null {
  return typeof value === "string" ? (offsetTime(value)?.form ?? null) : null;
}

const KEY: Column = { name: "", codec: "text", path: [""], nullMeans: "absent" };

/** The cell of a key in its column, or `undefined` when the column cannot hold it (KEY_TYPE). */
export function keyCell(
  { codec, type }: Pick<KeyColumn, "codec" | "type">,
  ledgerKey: string,
  collection: string,
  tenant: string,
): string | number | undefined {
  if (codec === "ledger-key") return ledgerKey;
  if (codec === "derived-uuid") return derivedUuid(tenant, collection, ledgerKey);
  if (codec === "text" || codec === "uuid") {
    if (ledgerKey[0] !== "s") return undefined;
    const text = ledgerKey.slice(1);
    if (text.includes("\u0001")) {
      const key = decodeKey(ledgerKey) as string;
      return codec === "text" && isStorable(key) ? key : undefined;
    }
    return codec === "text" || isUuid(text) ? text : undefined;
  }
  if (ledgerKey[0] !== "n") return undefined;
  const number = decodeKey(ledgerKey) as number;
  return CODECS[codec].encode(number, { ...KEY, type }, { tenant }) as number | undefined;
}

/** The ledger text of a key column's cell. */
export function ledgerKeyOf(codec: KeyColumn["codec"], text: string): string {
  if (codec === "ledger-key") return text;
  if (codec === "uuid" || codec === "derived-uuid") return `s${text}`;
  if (codec === "text" && isPlainKeyText(text)) return `s${text}`;
  return encodeKey(CODECS[codec].decode(text, KEY, null) as Key);
}

/** The SQL type of a key's column. */
export function keyType({ codec, type }: Pick<KeyColumn, "codec" | "type">): SqlType {
  return type ?? (codec === "derived-uuid" ? "uuid" : CODECS[codec].sql);
}

/** The SQL type of a column. */
export function columnType(column: Pick<Column, "codec" | "type">): SqlType {
  return column.type ?? CODECS[column.codec].sql;
}

export { isoMilliseconds } from "./codec-time.ts";
export { isUuid } from "./derived-uuid.ts";
