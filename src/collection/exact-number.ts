/**
 * When is a JSON number more than a double? When the double, written down again, is another number.
 * `0.1` is fine: it comes back as 0.1. `9007199254740993`, `1e400` and `1e-400` do not come back.
 */
import { ExactNumber } from "./value.ts";

const numeral = /^(-?)(\d+)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/;

/**
 * One spelling for each decimal number: sign, digits without leading or trailing zeros, `e`, exponent.
 * `1200`, `12e2` and `1.2E+3` are all `12e2`; zero is `0e0`, with its sign.
 */
export function normaliseNumber(text: string): string {
  const parts = numeral.exec(text);
  if (parts === null) throw new TypeError("This is not a JSON number.");
  const [, sign = "", whole = "", fraction = "", exponent = "0"] = parts;
  let digits = whole + fraction;
  let start = 0;
  while (start < digits.length - 1 && digits[start] === "0") start++;
  let end = digits.length;
  while (end > start + 1 && digits[end - 1] === "0") end--;
  // BigInt: the exponent of hostile input may itself be beyond a double.
  const scale = BigInt(exponent) - BigInt(fraction.length) + BigInt(digits.length - end);
  digits = digits.slice(start, end);
  return digits === "0" ? `${sign}0e0` : `${sign}${digits}e${scale}`;
}

/** The number that a JSON numeral says: a double where that says the same, else an `ExactNumber`. */
export function readNumber(text: string): number | ExactNumber {
  const double = Number(text);
  if (text.length < 16 && !/[eE]/.test(text)) return double;
  if (!Number.isFinite(double)) return new ExactNumber(text);
  return normaliseNumber(Object.is(double, -0) ? "-0" : String(double)) === normaliseNumber(text)
    ? double
    : new ExactNumber(text);
}
