/**
 * How queries compare values, in every driver alike:
 *
 *   absent < null < false < true < numbers < dates < text < everything else
 *
 * Absent is a property that the record does not have, or has as `undefined`. Numbers compare as the decimals that
 * JSON writes for them, whether double, bigint or ExactNumber: NaN lowest, -0 equal to 0. Dates compare by time,
 * invalid ones lowest. Text compares by code point, a lone surrogate being one: that is the order of its bytes in
 * UTF-8, or WTF-8. All else (lists, objects, bytes, …) has one place and no order; `eq` alone tells these apart.
 */
import { canonicalText } from "../collection/canonical.ts";
import { normaliseNumber } from "../collection/exact-number.ts";
import { ExactNumber, type Value } from "../collection/value.ts";

export const RANK = {
  absent: 0,
  null: 1,
  boolean: 2,
  number: 3,
  date: 4,
  text: 5,
  other: 6,
} as const;
export type Rank = (typeof RANK)[keyof typeof RANK];
type NumberValue = number | bigint | ExactNumber;

export function rankOf(value: Value): Rank {
  switch (typeof value) {
    case "undefined":
      return RANK.absent;
    case "boolean":
      return RANK.boolean;
    case "number":
    case "bigint":
      return RANK.number;
    case "string":
      return RANK.text;
    default:
      if (value === null) return RANK.null;
      if (value instanceof Date) return RANK.date;
      return value instanceof ExactNumber ? RANK.number : RANK.other;
  }
}

/** The total order of all values; 0 for any two of which neither comes first. */
export function compareValues(a: Value, b: Value): number {
  const rank = rankOf(a);
  const difference = rank - rankOf(b);
  if (difference !== 0) return difference;
  switch (rank) {
    case RANK.boolean:
      return Number(a) - Number(b);
    case RANK.number:
      return compareNumbers(a as NumberValue, b as NumberValue);
    case RANK.date:
      return compareDoubles((a as Date).getTime(), (b as Date).getTime());
    case RANK.text:
      return compareCodePoints(a as string, b as string);
    default:
      return 0;
  }
}

/** What `eq` and `in` mean. */
export function sameValue(a: Value, b: Value): boolean {
  if (compareValues(a, b) !== 0) return false;
  return rankOf(a) !== RANK.other || canonicalText(a) === canonicalText(b);
}

/** NaN first. */
function compareDoubles(a: number, b: number): number {
  if (a < b) return -1;
  if (a > b) return 1;
  if (a === b) return 0;
  return Number(Number.isNaN(b)) - Number(Number.isNaN(a));
}

function compareNumbers(a: NumberValue, b: NumberValue): number {
  if (typeof a === "number" && typeof b === "number") return compareDoubles(a, b);
  if (typeof a === "bigint" && typeof b === "bigint") return a < b ? -1 : a > b ? 1 : 0;
  // What is no decimal stands at an end, whatever the other one is.
  const ends = endOf(a) - endOf(b);
  if (ends !== 0 || endOf(a) !== 0) return ends;
  return compareDecimals(decimalOf(a), decimalOf(b));
}

function endOf(value: NumberValue): number {
  if (typeof value !== "number" || Number.isFinite(value)) return 0;
  return Number.isNaN(value) ? -2 : Math.sign(value);
}

interface Decimal {
  readonly sign: number;
  /** Without zeros at either end. */
  readonly digits: string;
  /** The power of ten behind the last digit, and the one before the first. */
  readonly exponent: bigint;
  readonly top: bigint;
}

export function decimalOf(value: NumberValue): Decimal {
  const text = value instanceof ExactNumber ? value.text : String(value);
  const [, minus, digits = "", power = ""] =
    /^(-?)(\d+)e(-?\d+)$/.exec(normaliseNumber(text)) ?? [];
  const exponent = BigInt(power);
  const sign = digits === "0" ? 0 : minus === "-" ? -1 : 1;
  return { sign, digits, exponent, top: exponent + BigInt(digits.length) };
}

function compareDecimals(a: Decimal, b: Decimal): number {
  if (a.sign !== b.sign || a.sign === 0) return a.sign - b.sign;
  if (a.top !== b.top) return a.top < b.top ? -a.sign : a.sign;
  // No zeros follow: the shorter of two that begin alike is the smaller.
  return a.digits === b.digits ? 0 : a.digits < b.digits ? -a.sign : a.sign;
}

const isLow = (text: string, at: number): boolean => (text.charCodeAt(at) & 0xfc00) === 0xdc00;
const isHigh = (text: string, at: number): boolean => (text.charCodeAt(at) & 0xfc00) === 0xd800;

/** Unlike `compareText`, which counts a lone surrogate among the characters that begin with it. */
function compareCodePoints(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  let at = 0;
  while (at < length && a.charCodeAt(at) === b.charCodeAt(at)) at++;
  if (at === a.length && at === b.length) return 0;
  // The second half of a character differs, so the character does.
  if (at > 0 && isHigh(a, at - 1) && (isLow(a, at) || isLow(b, at))) at--;
  return (a.codePointAt(at) ?? -1) - (b.codePointAt(at) ?? -1);
}

/** Whether a text begins with another, by code points: half of an emoji is no beginning of it. */
export function startsWith(text: string, prefix: string): boolean {
  if (!text.startsWith(prefix)) return false;
  return !(isHigh(prefix, prefix.length - 1) && isLow(text, prefix.length));
}
