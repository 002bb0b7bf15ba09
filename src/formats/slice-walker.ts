/**
 * Walks over one JSON value, byte by byte and without parsing it, to find where it ends and what a decoder should
 * know beforehand. The value may be cut into chunks at any byte.
 *
 * 1. Brackets must pair and names must be strings: what breaks this leaves no way to tell where a record ends.
 *    All other faults (a bad literal, a missing comma) stay inside the value, for the decoder to find.
 * 2. Bytes inside strings are looked at only for `"`, `\` and the first five; long strings go to native search.
 */
import { readNumber } from "../collection/exact-number.ts";
import { OutgrowError } from "../errors.ts";

const OTHER = 0;
const SPACE = 1;
const QUOTE = 2;
const OPEN = 3;
const CLOSE = 4;
const COLON = 5;
const COMMA = 6;
const NUMBER = 7;
/** Quotes and slashes of other languages: no JSON holds them outside strings. */
const NEVER = 8;

/** What a byte means outside strings. */
const CLASSES = new Uint8Array(256);
for (const [bytes, meaning] of [
  [" \t\r\n", SPACE],
  ['"', QUOTE],
  ["{[", OPEN],
  ["}]", CLOSE],
  [":", COLON],
  [",", COMMA],
  ["-0123456789", NUMBER],
  ["'/`", NEVER],
] as const) {
  for (const character of bytes) CLASSES[character.charCodeAt(0)] = meaning;
}

const DIGIT = 1;
const MARK = 2;
const EXPONENT = 3;
/** What a byte means inside a number; 0 ends it. */
const NUMERAL = new Uint8Array(256);
for (const character of "0123456789") NUMERAL[character.charCodeAt(0)] = DIGIT;
for (const character of "+-.") NUMERAL[character.charCodeAt(0)] = MARK;
for (const character of "eE") NUMERAL[character.charCodeAt(0)] = EXPONENT;

const DATA_URL = [0x64, 0x61, 0x74, 0x61, 0x3a]; // data:
/** Strings longer than this are searched natively: a call costs as much as some 40 bytes of looking. */
const SHORT = 48;
/** Levels whose brackets are checked against each other; deeper ones are only counted. */
const CHECKED_LEVELS = 4096;
/** Digits that every double can tell apart. */
const SAFE_DIGITS = 15;

export type ValueKind = "object" | "array" | "string" | "scalar";

export class SliceWalker {
  /** Holds a number that a double may not hold. `-0` is none: `JSON.parse` keeps it. */
  exact = false;
  /** Has a name that looks like an array index, which JavaScript would move to the front. */
  digitName = false;
  /** Names in all objects, repeated ones too. */
  properties = 0;
  /** Values, containers included. */
  nodes = 1;
  /** Levels of containers; 0 for a scalar. */
  depth = 0;
  /** Bytes in strings that begin with `data:`. */
  dataUrlBytes = 0;
  largestDataUrl = 0;

  #kind: ValueKind = "scalar";
  #level = 0;
  /** Class of the last thing that was no space. */
  #last = OTHER;
  readonly #open = new Uint8Array(CHECKED_LEVELS);
  #inString = false;
  #escaped = false;
  /** First byte of the string, for names that look like an index. */
  #first = 0;
  #stringBytes = 0;
  /** The string is long, cut, or has escapes. */
  #slow = false;
  /** Bytes of `data:` seen at the string's start; -1 when it begins with something else. */
  #matched = 0;
  #inNumber = false;
  #digits = 0;

  readonly #file: string | undefined;

  constructor(file?: string) {
    this.#file = file;
  }

  /** Starts a new value. */
  begin(kind: ValueKind): void {
    this.exact = false;
    this.digitName = false;
    this.properties = 0;
    this.nodes = 1;
    this.depth = 0;
    this.dataUrlBytes = 0;
    this.largestDataUrl = 0;
    this.#kind = kind;
    this.#level = 0;
    this.#last = OTHER;
    this.#inString = false;
    this.#inNumber = false;
    this.#digits = 0;
  }

  /**
   * Walks on through `chunk` from `at`.
   *
   * @param base offset of the chunk in the text, for messages.
   * @returns the index behind the value, or -1 when the chunk ends before the value does.
   * @throws {OutgrowError} BUNDLE_SYNTAX
   */
  walk(chunk: Uint8Array, at: number, base: number): number {
    if (this.#inString) {
      at = this.#string(chunk, at);
      if (at < 0 || this.#level === 0) return at;
    }
    if (this.#kind === "scalar") return this.#scalar(chunk, at);
    if (this.#inNumber) at = this.#number(chunk, at);
    return this.#container(chunk, at, base);
  }

  #container(chunk: Uint8Array, at: number, base: number): number {
    const end = chunk.length;
    const open = this.#open;
    let last = this.#last;
    let level = this.#level;
    while (at < end) {
      const byte = chunk[at] as number;
      const meaning = CLASSES[byte] as number;
      at++;
      if (meaning === SPACE) continue;
      if (meaning === QUOTE) {
        at = this.#shortString(chunk, at);
        if (at < 0) {
          this.#level = level;
          this.#last = QUOTE;
          return -1;
        }
        if (level === 0) return at;
      } else if (meaning === COLON) {
        if (last !== QUOTE) this.#fail(base + at - 1, "a name without quotes");
        this.properties++;
        if (this.#first < 0x3a || this.#slow) this.#noteIndex();
      } else if (meaning === COMMA) {
        this.nodes++;
      } else if (meaning === NUMBER) {
        this.#digits = 0;
        at = this.#number(chunk, at - 1);
      } else if (meaning === OPEN) {
        if (level < CHECKED_LEVELS) open[level] = byte;
        if (++level > this.depth) this.depth = level;
      } else if (meaning === CLOSE) {
        level--;
        // Both closing brackets lie two behind their opening ones.
        if (level < CHECKED_LEVELS && open[level] !== byte - 2) {
          this.#fail(base + at - 1, "a closing bracket that does not fit");
        }
        if (last !== OPEN) this.nodes++;
        if (level === 0) return at;
      } else if (meaning === NEVER) {
        this.#fail(base + at - 1, "a comment or a quote that JSON does not know");
      }
      last = meaning;
    }
    this.#level = level;
    this.#last = last;
    return -1;
  }

  /** A string from behind its quote; the common case of one that ends soon, in this chunk. */
  #shortString(chunk: Uint8Array, start: number): number {
    const limit = Math.min(chunk.length, start + SHORT);
    let at = start;
    while (at < limit) {
      const byte = chunk[at] as number;
      if (byte === 0x22) {
        this.#first = chunk[start] as number;
        this.#stringBytes = at - start;
        this.#slow = false;
        if (this.#first === 0x64) {
          this.#matched = 0;
          this.#matchData(chunk, start);
          this.#endString();
        }
        return at + 1;
      }
      if (byte === 0x5c) break;
      at++;
    }
    this.#inString = true;
    this.#slow = true;
    this.#escaped = false;
    this.#matched = 0;
    this.#stringBytes = 0;
    return this.#string(chunk, start);
  }

  /** A string from anywhere in it, of any length. */
  #string(chunk: Uint8Array, start: number): number {
    const end = chunk.length;
    if (start >= end) return -1;
    if (this.#stringBytes === 0) this.#first = chunk[start] as number;
    if (this.#matched >= 0) this.#matchData(chunk, start);
    let at = start;
    if (this.#escaped) {
      this.#escaped = false;
      at++;
    }
    while (at < end) {
      // Looking byte by byte for a while: escapes come in crowds.
      const limit = Math.min(end, at + SHORT);
      while (at < limit) {
        const byte = chunk[at] as number;
        if (byte === 0x22) return this.#closeString(start, at);
        at += byte === 0x5c ? 2 : 1;
      }
      if (at >= end) break;
      const quote = chunk.indexOf(0x22, at);
      const stop = quote < 0 ? end : quote;
      let slashes = 0;
      while (stop - 1 - slashes >= at && chunk[stop - 1 - slashes] === 0x5c) slashes++;
      const odd = slashes % 2 === 1;
      if (quote >= 0 && !odd) return this.#closeString(start, quote);
      at = stop + (odd ? 1 : 0);
    }
    this.#escaped = at > end;
    this.#stringBytes += end - start;
    return -1;
  }

  #closeString(start: number, at: number): number {
    this.#stringBytes += at - start;
    this.#inString = false;
    this.#endString();
    return at + 1;
  }

  #matchData(chunk: Uint8Array, at: number): void {
    while (this.#matched < DATA_URL.length && at < chunk.length) {
      if (chunk[at++] !== DATA_URL[this.#matched]) {
        this.#matched = -1;
        return;
      }
      this.#matched++;
    }
  }

  #endString(): void {
    if (this.#matched !== DATA_URL.length) return;
    this.dataUrlBytes += this.#stringBytes;
    if (this.#stringBytes > this.largestDataUrl) this.largestDataUrl = this.#stringBytes;
  }

  /** Called for names only. An index has ten digits at most, each of them six bytes long as an escape. */
  #noteIndex(): void {
    const digit = this.#first >= 0x30 && this.#first <= 0x39;
    if (this.#slow) {
      if ((digit || this.#first === 0x5c) && this.#stringBytes <= 60) this.digitName = true;
    } else if (digit && this.#stringBytes <= 10) {
      this.digitName = true;
    }
  }

  /** A number from its first byte, or from where the last chunk was cut. */
  #number(chunk: Uint8Array, start: number): number {
    let digits = this.#digits;
    let at = start;
    let exponent = false;
    for (; at < chunk.length; at++) {
      const meaning = NUMERAL[chunk[at] as number] as number;
      if (meaning === DIGIT) digits++;
      else if (meaning === EXPONENT) exponent = true;
      else if (meaning !== MARK) break;
    }
    const whole = !this.#inNumber && at < chunk.length;
    this.#inNumber = at === chunk.length;
    this.#digits = digits;
    if ((exponent || digits > SAFE_DIGITS) && !this.exact) {
      this.exact = !whole || !isDouble(chunk, start, at);
    }
    return at;
  }

  #scalar(chunk: Uint8Array, at: number): number {
    for (; at < chunk.length; at++) {
      const byte = chunk[at] as number;
      const meaning = CLASSES[byte] as number;
      if (meaning !== OTHER && meaning !== NUMBER) return at;
      // At the top there is one number at most, so looking closely costs nothing.
      this.#digits = NUMERAL[byte] === DIGIT ? this.#digits + 1 : this.#digits;
      if (NUMERAL[byte] === EXPONENT || this.#digits > SAFE_DIGITS) this.exact = true;
    }
    return -1;
  }

  #fail(offset: number, detail: string): never {
    throw new OutgrowError("BUNDLE_SYNTAX", { file: this.#file, offset, detail });
  }
}

/** Whether a long spelling says no more than a double holds: `0.30000000000000004` is one of many. */
function isDouble(chunk: Uint8Array, start: number, end: number): boolean {
  if (end - start > 40) return false;
  let text = "";
  for (let at = start; at < end; at++) text += String.fromCharCode(chunk[at] as number);
  if (String(Number(text)) === text) return true;
  try {
    return typeof readNumber(text) === "number";
  } catch {
    return true; // not a number at all: the decoder says so
  }
}
