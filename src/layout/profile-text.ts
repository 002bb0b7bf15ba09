/**
 * Which exact form a text has, without a regex: this runs for every string of a source. A form is recognised only
 * where its codec writes just this text again: calendar dates that exist, years 0001 to 9999, no leap seconds.
 */

export type TextForm = "uuid" | "iso-timestamp" | "iso-seconds" | "sql-timestamp" | "iso-date";

const DASH = 0x2d;
const COLON = 0x3a;
const DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

export function textForm(text: string): TextForm | undefined {
  // The length tells the forms apart, so that most text costs one comparison.
  switch (text.length) {
    case 10:
      return isDate(text) ? "iso-date" : undefined;
    case 19:
      return text[10] === " " && isDate(text) && isClock(text) ? "sql-timestamp" : undefined;
    case 20:
      return text[19] === "Z" && isIsoSeconds(text) ? "iso-seconds" : undefined;
    case 24:
      return text[23] === "Z" && text[19] === "." && isIsoSeconds(text) && digits(text, 20, 3) >= 0
        ? "iso-timestamp"
        : undefined;
    case 36:
      return isLowerUuid(text) ? "uuid" : undefined;
    default:
      return undefined;
  }
}

function isIsoSeconds(text: string): boolean {
  return text[10] === "T" && isDate(text) && isClock(text);
}

/** The number that `count` ASCII digits write, or -1. */
function digits(text: string, from: number, count: number): number {
  let number = 0;
  for (let index = from; index < from + count; index++) {
    const digit = text.charCodeAt(index) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    number = number * 10 + digit;
  }
  return number;
}

function isDate(text: string): boolean {
  if (text.charCodeAt(4) !== DASH || text.charCodeAt(7) !== DASH) return false;
  const year = digits(text, 0, 4);
  const month = digits(text, 5, 2);
  const day = digits(text, 8, 2);
  if (year < 1 || month < 1 || month > 12 || day < 1) return false;
  const leap = month === 2 && year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return day <= (DAYS[month - 1] as number) + (leap ? 1 : 0);
}

function isClock(text: string): boolean {
  if (text.charCodeAt(13) !== COLON || text.charCodeAt(16) !== COLON) return false;
  const hour = digits(text, 11, 2);
  const minute = digits(text, 14, 2);
  const second = digits(text, 17, 2);
  return hour >= 0 && hour < 24 && minute >= 0 && minute < 60 && second >= 0 && second < 60;
}

function isLowerUuid(text: string): boolean {
  for (let index = 0; index < 36; index++) {
    const code = text.charCodeAt(index);
    if (index === 8 || index === 13 || index === 18 || index === 23) {
      if (code !== DASH) return false;
    } else if (!(code >= 0x30 && code <= 0x39) && !(code >= 0x61 && code <= 0x66)) {
      return false;
    }
  }
  return true;
}
