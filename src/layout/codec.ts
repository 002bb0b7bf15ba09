/**
 * Codecs: how the values of one column are written and read. `encode` answers `undefined` for a value that it
 * would not give back exactly; the value then lies in the rest, and `refusal` says why in a word (a spill).
 */
import { decodeKey, encodeKey, isPlainKeyText, type Key } from "../collection/key.ts";
import { ExactNumber, type Value } from "../collection/value.ts";
import type { CodecName, KeyColumn, SqlType, SqlValue } from "./layout.ts";

export interface Codec {
  readonly sql: SqlType;
  /** The cell for this value; `undefined` when the column cannot hold it exactly. Never given null. */
  encode(value: Value): Exclude<SqlValue, null> | undefined;
  /** The value of a cell, from Postgres' text output with the time zone at UTC. */
  decode(text: string): Value;
}

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const isoPattern = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
// Years 1 to 9999: what both JavaScript's ISO form and Postgres' text write with four digits.
const FIRST_MS = Date.parse("0001-01-01T00:00:00.000Z");
const LAST_MS = Date.parse("9999-12-31T23:59:59.999Z");

export function isUuid(text: string): boolean {
  return text.length === 36 && uuidPattern.test(text);
}

/** Epoch milliseconds of a text that `Date.prototype.toISOString` would write just so, else `undefined`. */
export function isoMilliseconds(text: string): number | undefined {
  if (text.length !== 24 || !isoPattern.test(text)) return undefined;
  const time = Date.parse(text);
  if (!(time >= FIRST_MS && time <= LAST_MS)) return undefined;
  return new Date(time).toISOString() === text ? time : undefined;
}

/** `2026-02-06 00:45:19.27+00` as `2026-02-06T00:45:19.270Z`; digits below the millisecond stay. */
function isoFromSql(text: string): string {
  const [date = "", clock = ""] = text.split(" ");
  const [seconds = "", fraction = ""] = clock.replace(/\+00$/, "").split(".");
  return `${date}T${seconds}.${fraction.padEnd(3, "0")}Z`;
}

const holdsNul = (text: string): boolean => text.includes("\u0000");

// biome-ignore format: one row per codec
export const CODECS: Readonly<Record<CodecName, Codec>> = {
  text: {
    sql: "text",
    encode: (value) => typeof value === "string" && !holdsNul(value) && value.isWellFormed() ? value : undefined,
    decode: (text) => text,
  },
  boolean: {
    sql: "boolean",
    encode: (value) => (typeof value === "boolean" ? value : undefined),
    decode: (text) => text === "t",
  },
  integer: {
    sql: "bigint",
    encode: (value) => typeof value === "number" && Number.isSafeInteger(value) && !Object.is(value, -0) ? value : undefined,
    // An app may write beyond a double by SQL: that is kept exact too.
    decode: (text) => { const number = Number(text); return Number.isSafeInteger(number) ? number : new ExactNumber(text); },
  },
  number: {
    sql: "double precision",
    encode: (value) => (typeof value === "number" && Number.isFinite(value) ? value : undefined),
    decode: (text) => Number(text),
  },
  uuid: {
    sql: "uuid",
    encode: (value) => (typeof value === "string" && isUuid(value) ? value : undefined),
    decode: (text) => text,
  },
  "iso-timestamp": {
    sql: "timestamptz",
    encode: (value) => (typeof value === "string" ? isoMilliseconds(value) : undefined),
    decode: (text) => isoFromSql(text),
  },
  date: {
    sql: "timestamptz",
    encode: (value) => {
      const time = value instanceof Date ? value.getTime() : Number.NaN;
      return time >= FIRST_MS && time <= LAST_MS ? time : undefined;
    },
    decode: (text) => new Date(isoFromSql(text)),
  },
  "ledger-key": {
    sql: "text",
    encode: (value) => encodeKey(value),
    decode: (text) => decodeKey(text) as Value,
  },
};

/** Why a codec refused a value: the code of the spill. */
export function refusal(codec: CodecName, value: Value): string {
  if (value === undefined) return "UNDEFINED";
  if (typeof value === "string" && codec === "text") {
    return holdsNul(value) ? "STR_NUL" : "STR_SURROGATE";
  }
  if (value instanceof ExactNumber) return "NUM_EXACT";
  if (typeof value === "number" && (codec === "integer" || codec === "number")) {
    if (!Number.isFinite(value)) return "NUM_NAN";
    return Object.is(value, -0) ? "NEG_ZERO" : "NUM_FRACTION";
  }
  if (codec === "iso-timestamp" && typeof value === "string") return "DATE_FORM";
  if (codec === "date" && value instanceof Date) return "DATE_RANGE";
  if (codec === "uuid" && typeof value === "string") return "UUID_FORM";
  return "TYPE_MISMATCH";
}

/** The cell of a key in its column, or `undefined` when the column cannot hold it (KEY_TYPE). */
export function keyCell(codec: KeyColumn["codec"], ledgerKey: string): string | number | undefined {
  if (codec === "ledger-key") return ledgerKey;
  if (codec === "text" || codec === "uuid") {
    if (ledgerKey[0] !== "s") return undefined;
    const text = ledgerKey.slice(1);
    if (text.includes("\u0001")) {
      const key = decodeKey(ledgerKey) as string;
      return codec === "text" && !holdsNul(key) && key.isWellFormed() ? key : undefined;
    }
    return codec === "text" || isUuid(text) ? text : undefined;
  }
  if (ledgerKey[0] !== "n") return undefined;
  const number = decodeKey(ledgerKey) as number;
  return CODECS[codec].encode(number) as number | undefined;
}

/** The ledger text of a key column's cell. */
export function ledgerKeyOf(codec: KeyColumn["codec"], text: string): string {
  if (codec === "ledger-key") return text;
  if (codec === "uuid" || (codec === "text" && isPlainKeyText(text))) return `s${text}`;
  return encodeKey(CODECS[codec].decode(text) as Key);
}
