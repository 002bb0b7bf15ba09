/**
 * Keys: what they may be, how they are written down, and how they compare.
 *
 * The ledger text of a key is type-tagged and order-preserving: comparing two texts by code point (which is
 * how `collate "C"` and UTF-8 bytes compare) orders the keys as IndexedDB does: numbers < dates < strings <
 * bytes < arrays. `1` and `"1"` are different keys. The text is well-formed Unicode without NUL, so that every
 * store can hold it.
 *
 *   number   n + 16 hex digits of the double, made sortable      date   p + the same of its epoch milliseconds
 *   string   s + the characters, escaped                          bytes  x + two hex digits a byte
 *   array    y + per element: its text, escaped, closed by U+0001 U+0001
 *
 * Escapes: U+0000 and U+0001 become U+0001 and U+0002 or U+0003; a lone surrogate becomes U+0001, U+0004 and
 * its four hex digits. The first two keep their place in the order; a lone surrogate sorts beside them, which
 * is a total order all the same, though not that of its code point.
 */
import { OutgrowError } from "../errors.ts";

export type Key = string | number | Date | ArrayBuffer | Uint8Array | readonly Key[];

const view = new DataView(new ArrayBuffer(8));

/** The sortable hexadecimal form of a double: positive numbers with the sign bit set, negative ones inverted. */
function sortableHex(number: number): string {
  view.setFloat64(0, number === 0 ? 0 : number); // -0 and 0 are one key, as in IndexedDB
  let high = view.getUint32(0);
  let low = view.getUint32(4);
  if (high >= 0x8000_0000) {
    high = ~high >>> 0;
    low = ~low >>> 0;
  } else {
    high = (high | 0x8000_0000) >>> 0;
  }
  return high.toString(16).padStart(8, "0") + low.toString(16).padStart(8, "0");
}

function fromSortableHex(hex: string): number {
  let high = Number.parseInt(hex.slice(0, 8), 16);
  let low = Number.parseInt(hex.slice(8, 16), 16);
  if (high >= 0x8000_0000) {
    high = (high & 0x7fff_ffff) >>> 0;
  } else {
    high = ~high >>> 0;
    low = ~low >>> 0;
  }
  view.setUint32(0, high);
  view.setUint32(4, low);
  return view.getFloat64(0);
}

const needsEscape =
  /[\u0000\u0001]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;
const needsEscapeAll = new RegExp(needsEscape.source, "g");

function escapeText(text: string): string {
  if (!needsEscape.test(text)) return text;
  return text.replace(needsEscapeAll, (character) => {
    if (character === "\u0000") return "\u0001\u0002";
    if (character === "\u0001") return "\u0001\u0003";
    return `\u0001\u0004${character.charCodeAt(0).toString(16)}`;
  });
}

function unescapeText(text: string): string {
  if (!text.includes("\u0001")) return text;
  return text.replace(/\u0001(?:\u0002|\u0003|\u0004([0-9a-f]{4}))/g, (whole, hex?: string) => {
    if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16));
    return whole === "\u0001\u0002" ? "\u0000" : "\u0001";
  });
}

/** Whether the ledger text of this string is `s` and the string itself: true for nearly every key there is. */
export function isPlainKeyText(text: string): boolean {
  return !needsEscape.test(text);
}

function bytesOf(key: ArrayBuffer | Uint8Array): Uint8Array {
  return key instanceof Uint8Array ? key : new Uint8Array(key);
}

/**
 * The ledger text of a key.
 *
 * @throws {OutgrowError} KEY_INVALID for anything that is no key, NaN and invalid dates among them.
 */
export function encodeKey(key: unknown): string {
  if (typeof key === "string") return `s${escapeText(key)}`;
  if (typeof key === "number") {
    if (Number.isNaN(key)) throw new OutgrowError("KEY_INVALID", { detail: "NaN" });
    return `n${sortableHex(key)}`;
  }
  if (key instanceof Date) {
    const time = key.getTime();
    if (Number.isNaN(time)) throw new OutgrowError("KEY_INVALID", { detail: "an invalid date" });
    return `p${sortableHex(time)}`;
  }
  if (key instanceof ArrayBuffer || key instanceof Uint8Array) {
    let hex = "x";
    for (const byte of bytesOf(key)) hex += byte.toString(16).padStart(2, "0");
    return hex;
  }
  if (Array.isArray(key)) {
    let text = "y";
    for (const part of key) text += `${escapeText(encodeKey(part))}\u0001\u0001`;
    return text;
  }
  throw new OutgrowError("KEY_INVALID", {
    detail: key === null ? "null" : typeof key,
  });
}

/** The key that a ledger text stands for. @throws {OutgrowError} KEY_INVALID when it is not one. */
export function decodeKey(text: string): Key {
  const body = text.slice(1);
  switch (text[0]) {
    case "s":
      return unescapeText(body);
    case "n":
      return fromSortableHex(body);
    case "p":
      return new Date(fromSortableHex(body));
    case "x":
      return Uint8Array.from(body.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
    case "y":
      return body === ""
        ? []
        : body
            .slice(0, -2)
            .split("\u0001\u0001")
            .map((part) => decodeKey(unescapeText(part)));
    default:
      throw new OutgrowError("KEY_INVALID", { detail: "not a ledger key" });
  }
}

/**
 * Orders two strings by code point, which is the order of their UTF-8 (and WTF-8) bytes. JavaScript's `<` is not:
 * it goes by code units, in which pairs of surrogates come before U+E000 to U+FFFF.
 */
export function compareText(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index++) {
    const left = a.charCodeAt(index);
    const right = b.charCodeAt(index);
    if (left === right) continue;
    if (left < 0xd800 || right < 0xd800) return left - right;
    // The second half of a pair in one of them: the code points begin one before.
    const inPair = (isLow(left) || isLow(right)) && isHigh(a.charCodeAt(index - 1));
    const start = inPair ? index - 1 : index;
    return (a.codePointAt(start) as number) - (b.codePointAt(start) as number);
  }
  return a.length - b.length;
}

const isHigh = (unit: number): boolean => unit >= 0xd800 && unit < 0xdc00;
const isLow = (unit: number): boolean => unit >= 0xdc00 && unit < 0xe000;

/** A key as a person reads it: in messages, on screens. Never parsed again. */
export function displayKey(text: string): string {
  const key = decodeKey(text);
  const shown =
    typeof key === "string"
      ? JSON.stringify(key)
      : key instanceof Date
        ? key.toISOString()
        : typeof key === "number"
          ? String(key)
          : Array.isArray(key)
            ? JSON.stringify(key)
            : `bytes ${text.slice(1)}`;
  return shown.length > 200 ? `${shown.slice(0, 200)}…` : shown;
}
