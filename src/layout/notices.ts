/**
 * What `inspect` notices about single values, as counts per property. A notice never changes what is stored; it
 * says what an engineer should know before the app's next feature is written on the table.
 */
import { ExactNumber, isPlainObject, type Value } from "../collection/value.ts";
import { textForm } from "./profile-text.ts";

// biome-ignore format: one row per notice
export const NOTICES = {
  STR_NUL:            "text with NUL characters, which a text column cannot hold (kept in the rest)",
  STR_SURROGATE:      "text with half a surrogate pair, cut in the middle of an emoji (kept in the rest)",
  NUM_EXACT:          "numbers with more digits than a double holds (kept digit for digit)",
  NEG_ZERO:           "negative zero (kept)",
  NUM_NAN:            "NaN or Infinity (kept in the rest)",
  MONEY_TEXT:         "money written as text, such as $4.99",
  NUMBER_TEXT:        "numbers written as text",
  DATE_TEXT_AMBIGUOUS:"dates that read differently by country, such as 01/02/2024",
  DATE_TEXT:          "dates in a form that is not ISO 8601 in UTC with milliseconds",
  DATE_IMPOSSIBLE:    "dates that do not exist, such as 30 February",
  DATA_URL:           "files as data URLs inside the record",
  LIKELY_STRINGIFIED: "text such as [object Object], undefined or null: a bug of the app wrote it",
  SECRET_LIKE:        "what looks like a token, a password hash or a session key",
  EMAIL:              "e-mail addresses",
  PLACEHOLDER:        "placeholders such as [IMAGE_DATA_PLACEHOLDER] where content was",
} as const;

export type NoticeCode = keyof typeof NOTICES;
/** property name -> code -> count. The empty name stands for the record itself. */
export type NoticeCounts = Map<string, Map<NoticeCode, number>>;

const PROPERTIES = 1000;
const DEPTH = 32;
const LONG = 200;

/**
 * Counts what there is to say of a value and of what lies inside it, under the name of its property.
 *
 * @returns whether jsonb holds all of it, as far as it was looked at.
 */
export function notice(counts: NoticeCounts, property: string, value: Value, depth = 0): boolean {
  switch (typeof value) {
    case "string": {
      const code = textNotice(value);
      if (code === undefined) return true;
      add(counts, property, code);
      return code !== "STR_NUL" && code !== "STR_SURROGATE";
    }
    case "number":
      if (!Number.isFinite(value)) add(counts, property, "NUM_NAN");
      else if (Object.is(value, -0)) add(counts, property, "NEG_ZERO");
      else return true;
      return false;
    case "boolean":
      return true;
    case "object":
      return value === null || depth >= DEPTH || noticeInside(counts, property, value, depth);
    default:
      return false;
  }
}

function noticeInside(
  counts: NoticeCounts,
  property: string,
  value: Value & object,
  depth: number,
): boolean {
  let isJson = true;
  if (value instanceof ExactNumber) {
    add(counts, property, "NUM_EXACT");
    return false;
  }
  if (Array.isArray(value)) {
    for (const element of value as readonly Value[]) {
      if (!notice(counts, property, element, depth + 1)) isJson = false;
    }
    return isJson;
  }
  if (!isPlainObject(value)) return false;
  for (const name of Object.keys(value)) {
    if (!notice(counts, property, value[name], depth + 1)) isJson = false;
  }
  return isJson;
}

function add(counts: NoticeCounts, property: string, code: NoticeCode): void {
  let codes = counts.get(property);
  if (codes === undefined) {
    if (counts.size >= PROPERTIES) return;
    codes = new Map();
    counts.set(property, codes);
  }
  codes.set(code, (codes.get(code) ?? 0) + 1);
}

const money = /^[-+]?\s?(?:[$€£¥₺₽]\s?\d[\d.,]*|\d[\d.,]*\s?[$€£¥₺₽])$/;
const numberText = /^[-+]?\d+(?:[.,]\d+)?$/;
const slashDate = /^\d{1,2}[/.]\d{1,2}[/.]\d{4}$/;
const isoDate =
  /^(\d{4})-(\d\d)-(\d\d)(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?$/;
const email = /^[^\s@]{1,64}@[^\s@]+\.[^\s@]+$/;
const secret =
  /^(?:\$2[aby]\$\d\d\$|eyJ[\w-]+\.[\w-]+\.|sk_(?:live|test)_|sk-[\w-]{16}|xox[abp]-|gh[pousr]_|AKIA[0-9A-Z]{16}$|-----BEGIN [A-Z ]*PRIVATE KEY)/;
const placeholder = /^\[[A-Za-z ]*(?:PLACEHOLDER|Not Stored)\]$|_PLACEHOLDER\]$/;
const stringified = new Set(["[object Object]", "undefined", "null", "NaN", "[object Promise]"]);

/** What a secret begins with: most text begins with none of these, and never meets the regex. */
const SECRET_FIRST = new Set([..."$esxgA-"].map((character) => character.charCodeAt(0)));

function isSecret(text: string): boolean {
  return SECRET_FIRST.has(text.charCodeAt(0)) && secret.test(text);
}

function isEmail(text: string): boolean {
  return text.includes("@") && email.test(text);
}

function textNotice(text: string): NoticeCode | undefined {
  if (text.length > LONG) {
    if (text.startsWith("data:")) return "DATA_URL";
    if (isSecret(text)) return "SECRET_LIKE";
    return unstorable(text);
  }
  if (text.length === 0) return undefined;
  const form = textForm(text);
  if (form !== undefined)
    return form === "uuid" || form === "iso-timestamp" ? undefined : "DATE_TEXT";
  const bad = unstorable(text);
  if (bad !== undefined) return bad;
  if (stringified.has(text)) return "LIKELY_STRINGIFIED";
  const first = text.charCodeAt(0);
  // Letters begin no money, number or date: most text ends its checks here.
  if (first >= 0x41 && first <= 0x7a && first !== 0x5b) {
    if (text.startsWith("data:")) return "DATA_URL";
    if (isEmail(text)) return "EMAIL";
    return isSecret(text) ? "SECRET_LIKE" : undefined;
  }
  if (numberText.test(text)) return "NUMBER_TEXT";
  if (money.test(text)) return "MONEY_TEXT";
  if (slashDate.test(text)) return "DATE_TEXT_AMBIGUOUS";
  if (placeholder.test(text)) return "PLACEHOLDER";
  if (isSecret(text)) return "SECRET_LIKE";
  if (isEmail(text)) return "EMAIL";
  return dateNotice(text);
}

function unstorable(text: string): NoticeCode | undefined {
  if (text.includes("\u0000")) return "STR_NUL";
  return text.isWellFormed() ? undefined : "STR_SURROGATE";
}

function dateNotice(text: string): NoticeCode | undefined {
  const parts = isoDate.exec(text);
  if (parts === null) return undefined;
  const [, year, month, day] = parts.map(Number);
  const date = new Date(Date.UTC(year as number, (month as number) - 1, day));
  if (date.getUTCMonth() !== (month as number) - 1 || date.getUTCDate() !== day) {
    return "DATE_IMPOSSIBLE";
  }
  return "DATE_TEXT";
}
