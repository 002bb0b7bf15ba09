/** Times as text: which spellings a column gives back, and how they are written again from Postgres' output. */

// Years 1 to 9999: what both JavaScript's ISO form and Postgres' text write with four digits.
const FIRST_MS = Date.parse("0001-01-01T00:00:00.000Z");
const LAST_MS = Date.parse("9999-12-31T23:59:59.999Z");

const isoPattern = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const secondsPattern = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;
const sqlPattern = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/;
const datePattern = /^\d{4}-\d\d-\d\d$/;
const offsetPattern =
  /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d)(?::(\d\d)(?:\.(\d{1,3}))?)?(Z|[+-]\d\d:\d\d)$/;

const inRange = (time: number): boolean => time >= FIRST_MS && time <= LAST_MS;

/** Milliseconds of a Date that Postgres can hold and give back. */
export function dateMilliseconds(date: Date): number | undefined {
  const time = date.getTime();
  return inRange(time) ? time : undefined;
}

/** Epoch milliseconds of a text that `Date.prototype.toISOString` would write just so, else `undefined`. */
export function isoMilliseconds(text: string): number | undefined {
  if (text.length !== 24 || !isoPattern.test(text)) return undefined;
  const [year, month, day] = [digits(text, 0, 4), digits(text, 5, 2), digits(text, 8, 2)];
  // What is no day of the calendar, or needs a closer look for being one, goes the long way.
  if (year < 100 || month < 1 || month > 12 || day < 1 || day > 28) return exact(text, text);
  const [hour, minute, second] = [digits(text, 11, 2), digits(text, 14, 2), digits(text, 17, 2)];
  if (hour > 23 || minute > 59 || second > 59) return undefined;
  return Date.UTC(year, month - 1, day, hour, minute, second, digits(text, 20, 3));
}

/** The number that these characters of a text write, all of them digits. */
function digits(text: string, from: number, count: number): number {
  let number = 0;
  for (let at = from; at < from + count; at++) number = number * 10 + text.charCodeAt(at) - 0x30;
  return number;
}

/** Of `2026-02-06T00:45:19Z`. */
export function isoSecondsMilliseconds(text: string): number | undefined {
  if (text.length !== 20 || !secondsPattern.test(text)) return undefined;
  return exact(text, `${text.slice(0, 19)}.000Z`);
}

/** Of `2025-08-24 15:51:55`, taken as UTC. */
export function sqlMilliseconds(text: string): number | undefined {
  if (text.length !== 19 || !sqlPattern.test(text)) return undefined;
  const iso = `${text.slice(0, 10)}T${text.slice(11)}.000Z`;
  return exact(iso, iso);
}

/** Of `2026-02-06`: its midnight in UTC. */
export function isoDateMilliseconds(text: string): number | undefined {
  if (text.length !== 10 || !datePattern.test(text)) return undefined;
  const iso = `${text}T00:00:00.000Z`;
  return exact(iso, iso);
}

/** Whole numbers from here on (March 1973) are milliseconds: seconds get there in the year 5138. */
const MILLISECONDS = 1e11;

/**
 * The instant that a value stands for, in whichever spelling that some codec knows: a Date, milliseconds since 1970,
 * text with its zone, or text without one, taken as UTC. `undefined` where it is none, or not to the millisecond.
 */
export function instantOf(value: unknown): number | undefined {
  if (value instanceof Date) return dateMilliseconds(value);
  if (typeof value === "number") {
    return Number.isSafeInteger(value) && value >= MILLISECONDS && inRange(value)
      ? value
      : undefined;
  }
  if (typeof value !== "string") return undefined;
  return (
    isoMilliseconds(value) ??
    isoSecondsMilliseconds(value) ??
    sqlMilliseconds(value) ??
    isoDateMilliseconds(value) ??
    offsetTime(value)?.time
  );
}

/** 30 February is parsed as 2 March, 24:00 as the next day: only what is written again the same is that time. */
function exact(text: string, canonical: string): number | undefined {
  const time = Date.parse(text);
  return inRange(time) && new Date(time).toISOString() === canonical ? time : undefined;
}

/** A time with an offset: the instant, and what its spelling needs beside it. */
export function offsetTime(
  text: string,
): { readonly time: number; readonly form: string } | undefined {
  const parts = offsetPattern.exec(text);
  if (parts === null) return undefined;
  const [, date = "", minutes = "", seconds, fraction, offset = ""] = parts;
  const time = Date.parse(text);
  // Digits after the seconds: `m` none at all, else how many.
  const digits = seconds === undefined ? "m" : String(fraction?.length ?? 0);
  const form = `${digits}${offset}`;
  const local = exact(
    `${date}T${minutes}:${seconds ?? "00"}.${(fraction ?? "").padEnd(3, "0")}Z`,
    `${date}T${minutes}:${seconds ?? "00"}.${(fraction ?? "").padEnd(3, "0")}Z`,
  );
  if (local === undefined || !inRange(time)) return undefined;
  return writeOffset(time, form) === text ? { time, form } : undefined;
}

/** The inverse of `offsetTime`. */
export function writeOffset(time: number, form: string): string {
  const digits = form[0] ?? "3";
  const offset = form.slice(1);
  const local = new Date(time + offsetMinutes(offset) * 60_000).toISOString();
  if (digits === "m") return `${local.slice(0, 16)}${offset}`;
  if (digits === "0") return `${local.slice(0, 19)}${offset}`;
  return `${local.slice(0, 20 + Number(digits))}${offset}`;
}

function offsetMinutes(offset: string): number {
  if (offset === "Z" || offset === "") return 0;
  const minutes = Number(offset.slice(1, 3)) * 60 + Number(offset.slice(4, 6));
  return offset[0] === "-" ? -minutes : minutes;
}

/** `2026-02-06 00:45:19.27+00` as `2026-02-06T00:45:19.270Z`; digits below the millisecond stay. */
export function isoFromSql(text: string): string {
  // By far the most are of this form, with a year of four digits and no more than milliseconds.
  if (text.length <= 26 && text[10] === " " && text[19] === "." && text.endsWith("+00")) {
    return `${text.slice(0, 10)}T${text.slice(11, -3).padEnd(12, "0")}Z`;
  }
  const [date = "", clock] = text.split(" ");
  // `infinity`, and dates: there is no clock.
  if (clock === undefined) return /^\d/.test(text) ? `${date}T00:00:00.000Z` : text;
  const [seconds = "", fraction = ""] = clock.replace(/\+00$/, "").split(".");
  return `${date}T${seconds}.${fraction.padEnd(3, "0")}Z`;
}

/** `2026-02-06T00:45:19Z`, or with its fraction where SQL wrote one. */
export function secondsFromSql(text: string): string {
  return isoFromSql(text).replace(".000Z", "Z");
}

/** Postgres' text output for these milliseconds in a timestamptz, timestamp or date. */
export function sqlTime(time: number, type: "timestamptz" | "timestamp" | "date"): string {
  const iso = new Date(time).toISOString();
  if (type === "date") return iso.slice(0, 10);
  const fraction = iso.slice(19, 23).replace(/\.?0+$/, "");
  return `${iso.slice(0, 10)} ${iso.slice(11, 19)}${fraction}${type === "timestamptz" ? "+00" : ""}`;
}

const TOKENS = /YYYY|MM|M|DD|D/g;
const patterns = new Map<string, { readonly match: RegExp; readonly order: readonly string[] }>();

function compiled(pattern: string): { readonly match: RegExp; readonly order: readonly string[] } {
  const known = patterns.get(pattern);
  if (known !== undefined) return known;
  const order = pattern.match(TOKENS) ?? [];
  const escaped = pattern.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&");
  const source = escaped.replace(TOKENS, (token) => (token === "YYYY" ? "(\\d{4})" : "(\\d{1,2})"));
  const made = { match: new RegExp(`^${source}$`), order };
  patterns.set(pattern, made);
  return made;
}

/** Midnight UTC of a date in the app's own spelling: `M/D/YYYY`. `undefined` when it is not just so. */
export function patternMilliseconds(text: string, pattern: string): number | undefined {
  const { match, order } = compiled(pattern);
  const parts = match.exec(text);
  if (parts === null) return undefined;
  const part = (first: string): string =>
    parts[order.findIndex((token) => token.startsWith(first)) + 1] ?? "";
  const iso = `${part("Y")}-${part("M").padStart(2, "0")}-${part("D").padStart(2, "0")}`;
  const time = isoDateMilliseconds(iso);
  return time !== undefined && writePattern(iso, pattern) === text ? time : undefined;
}

/** A date as `YYYY-MM-DD` in the app's spelling. */
export function writePattern(date: string, pattern: string): string {
  const [year = "", month = "", day = ""] = date.split("-");
  // biome-ignore format: one row per token
  const words: Readonly<Record<string, string>> = {
    YYYY: year, MM: month, M: String(Number(month)), DD: day, D: String(Number(day)),
  };
  return pattern.replace(TOKENS, (token) => words[token] ?? token);
}
