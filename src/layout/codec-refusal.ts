/** Why a column refused a value, in a word. */
import { ExactNumber, type Value } from "../collection/value.ts";
import type { CodecName, Column } from "./layout.ts";

const holdsNul = (text: string): boolean => text.includes("\u0000");

/** Why a codec refused a value: the code of the spill. */
export function refusal(column: Column, value: Value): string {
  const { codec } = column;
  if (value === undefined) return "UNDEFINED";
  if (typeof value === "string" && (holdsNul(value) || !value.isWellFormed())) {
    return holdsNul(value) ? "STR_NUL" : "STR_SURROGATE";
  }
  if (typeof value === "string" && codec === "text") return "TOO_LONG";
  if (value instanceof ExactNumber) return "NUM_EXACT";
  if (typeof value === "number" && NUMERIC.has(codec)) {
    if (!Number.isFinite(value)) return "NUM_NAN";
    if (Object.is(value, -0)) return "NEG_ZERO";
    return codec === "integer" && Number.isSafeInteger(value) ? "NUM_RANGE" : "NUM_FRACTION";
  }
  if (typeof value === "string" && codec === "money") return "MONEY_FORM";
  if (typeof value === "string" && DATED.has(codec)) return "DATE_FORM";
  if (codec === "date" && value instanceof Date) return "DATE_RANGE";
  if (codec === "uuid" && typeof value === "string") return "UUID_FORM";
  if (codec === "enum" && typeof value === "string") return "ENUM_LABEL";
  if (codec === "jsonb") return "NOT_JSON";
  return "TYPE_MISMATCH";
}

const NUMERIC: ReadonlySet<CodecName> = new Set(["integer", "number", "decimal", "money"]);
const DATED: ReadonlySet<CodecName> = new Set([
  "iso-timestamp",
  "iso-seconds",
  "sql-timestamp",
  "iso-date",
  "offset-timestamp",
  "date-text",
]);
