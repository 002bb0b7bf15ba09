/**
 * Reads one JSON object from its bytes without making values: its tokens lie on a tape, a row of numbers for each
 * value in the order of the text (the idea is simdjson's, Langdale and Lemire 2019, without its vectors).
 *
 * It is strict and it is shy. What it reads is JSON in well-formed UTF-8 that `JSON.parse` would take, and says
 * nothing that a JavaScript value would not hold; of all else (a lone surrogate, a number beyond a double, a name
 * twice or with escapes, more than a tape's room) it says that it has not read it, and somebody else does.
 *
 * A tape is good until the next object is read.
 */
import { readNumber } from "./exact-number.ts";
import type { Form, Place, Shape } from "./shape-tree.ts";
import { ShapeTree } from "./shape-tree.ts";

/** What a token is. */
export const TEXT = 0;
/** A text with escapes. */
export const ESCAPED = 1;
/** A number that is written as JavaScript would. */
export const NUMBER = 2;
/** Any other. */
export const ODD_NUMBER = 3;
export const TRUE = 4;
export const FALSE = 5;
export const NULL = 6;
export const OBJECT = 7;
export const ARRAY = 8;

const TOKENS = 8192;
const DEPTH = 64;
/** Bytes of a record that is read so: one that is larger has long texts, which native code is faster with. */
const MAX_BYTES = 1024 * 1024;
/** Digits that every double can tell apart. */
const SAFE_DIGITS = 15;
/** Zeros behind the point from which on JavaScript writes an exponent. */
const SMALL = 6;

const QUOTE = 0x22;
const COMMA = 0x2c;
const MINUS = 0x2d;
const POINT = 0x2e;
const ZERO = 0x30;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const U = 0x75;

/** Bytes that a text may hold without anything to be looked at: ASCII but quotes, backslashes and controls. */
const PLAIN = new Uint8Array(256);
PLAIN.fill(1, 0x20, 0x80);
PLAIN[QUOTE] = 0;
PLAIN[BACKSLASH] = 0;

/** What may follow a backslash, apart from `u`. */
const ESCAPES = new Uint8Array(256);
for (const character of '"\\/bfnrt') ESCAPES[character.charCodeAt(0)] = 1;

const textOf = new TextDecoder();

export class JsonTape {
  /** One of the kinds above, by token. */
  readonly kinds = new Uint8Array(TOKENS);
  /** Where a value begins and ends in the bytes, of a text without its quotes. */
  readonly starts = new Int32Array(TOKENS);
  readonly ends = new Int32Array(TOKENS);
  /** UTF-16 units of a text, members of a container. */
  readonly counts = new Int32Array(TOKENS);
  /** The token behind a value and all that is in it. */
  readonly nexts = new Int32Array(TOKENS);
  /** By token of an object. */
  readonly shapes: (Shape | undefined)[] = [];
  /** Tokens that are in use. */
  size = 0;
  form: Form;
  /** Whether there is space between its tokens. */
  isSpaced = false;
  bytes: Uint8Array = new Uint8Array(0);
  readonly #tree = new ShapeTree();
  #given: Uint8Array | undefined;
  /** Where reading ends in any case. */
  #last = 0;

  constructor() {
    this.form = this.#tree.noForm;
  }

  /**
   * Reads the object that begins at `at`.
   * @returns the index behind it; -1 when it has not been read, for whatever reason.
   */
  read(bytes: Uint8Array, at: number): number {
    this.#begin(bytes, at, bytes.length);
    if (bytes[at] !== 0x7b) return -1;
    return this.#object(at, this.#tree.root, 0);
  }

  /**
   * Reads the value that lies from `start` to `end`, and nothing else with it.
   * @param place of the value, among those that this tape is to know.
   */
  readValue(bytes: Uint8Array, start: number, end: number, place: Place): boolean {
    this.#begin(bytes, start, end);
    return this.#value(start, place, 0) === end;
  }

  #begin(bytes: Uint8Array, start: number, end: number): void {
    this.size = 0;
    this.isSpaced = false;
    this.form = this.#tree.noForm;
    if (bytes !== this.#given) {
      this.#given = bytes;
      // Of one class, whoever gave them: looking at bytes of two classes takes V8 several times as long.
      this.bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
    }
    this.#last = Math.min(end, start + MAX_BYTES);
  }

  #value(at: number, place: Place, depth: number): number {
    if (this.size >= TOKENS) return -1;
    const byte = this.bytes[at] as number;
    if (byte === QUOTE) return this.#text(at + 1);
    if (byte === MINUS || (byte >= ZERO && byte <= 0x39)) return this.#number(at);
    if (byte === 0x7b) return this.#object(at, place, depth);
    if (byte === 0x5b) return this.#array(at, place.elements, depth);
    if (byte === 0x74) return this.#word(at, TRUE, "true");
    if (byte === 0x66) return this.#word(at, FALSE, "false");
    if (byte === 0x6e) return this.#word(at, NULL, "null");
    return -1;
  }

  #object(start: number, place: Place, depth: number): number {
    const { bytes } = this;
    const token = this.size++;
    let node = place.start;
    let count = 0;
    let at = this.#space(start + 1);
    if (depth >= DEPTH) return -1;
    if (bytes[at] === 0x7d) at++;
    else {
      for (;;) {
        if (bytes[at] !== QUOTE) return -1;
        const next = node.follow(bytes, at + 1, this.#tree);
        if (next === undefined) return -1;
        node = next;
        count++;
        at += node.bytes.length + 2;
        if (bytes[at] !== COLON) at = this.#space(at);
        if (bytes[at] !== COLON) return -1;
        at = this.#space(at + 1);
        at = this.#value(at, node.value, depth + 1);
        if (at < 0) return -1;
        if (bytes[at] !== COMMA) at = this.#space(at);
        const byte = bytes[at++];
        if (byte === 0x7d) break;
        if (byte !== COMMA) return -1;
        at = this.#space(at);
      }
    }
    const { shape } = node;
    this.shapes[token] = shape;
    const form = this.form.with(shape, this.#tree);
    if (form === undefined) return -1;
    this.form = form;
    return this.#close(token, OBJECT, start, at, count);
  }

  #array(start: number, place: Place, depth: number): number {
    const { bytes } = this;
    const token = this.size++;
    let count = 0;
    let at = this.#space(start + 1);
    if (depth >= DEPTH) return -1;
    if (bytes[at] === 0x5d) return this.#close(token, ARRAY, start, at + 1, 0);
    for (;;) {
      at = this.#value(at, place, depth + 1);
      if (at < 0) return -1;
      count++;
      if (bytes[at] !== COMMA) at = this.#space(at);
      const byte = bytes[at++];
      if (byte === 0x5d) return this.#close(token, ARRAY, start, at, count);
      if (byte !== COMMA) return -1;
      at = this.#space(at);
    }
  }

  /** Fills a container's token in, which was there before those of what is in it. */
  #close(token: number, kind: number, start: number, end: number, count: number): number {
    if (end > this.#last) return -1;
    this.kinds[token] = kind;
    this.starts[token] = start;
    this.ends[token] = end;
    this.counts[token] = count;
    this.nexts[token] = this.size;
    return end;
  }

  #add(kind: number, start: number, end: number, count: number): void {
    const token = this.size++;
    this.kinds[token] = kind;
    this.starts[token] = start;
    this.ends[token] = end;
    this.counts[token] = count;
    this.nexts[token] = token + 1;
  }

  #space(at: number): number {
    const { bytes } = this;
    for (; at < this.#last; at++) {
      const byte = bytes[at] as number;
      if (byte > 0x20 || (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09)) break;
      this.isSpaced = true;
    }
    return at;
  }

  /** A text from behind its quote. */
  #text(start: number): number {
    const { bytes } = this;
    const last = this.#last;
    let at = start;
    while (at < last && PLAIN[bytes[at] as number] === 1) at++;
    if (at >= last) return -1;
    if (bytes[at] !== QUOTE) return this.#oddText(start, at);
    this.#add(TEXT, start, at, at - start);
    return at + 1;
  }

  /** A text that is not plain from `at` on. */
  #oddText(start: number, at: number): number {
    const { bytes } = this;
    const last = this.#last;
    /** Bytes that are no unit of their own. */
    let surplus = 0;
    let kind = TEXT;
    while (at < last) {
      const byte = bytes[at] as number;
      if (byte === QUOTE) {
        this.#add(kind, start, at, at - start - surplus);
        return at + 1;
      }
      if (byte === BACKSLASH) {
        kind = ESCAPED;
        const width = escapeWidth(bytes, at + 1);
        if (width === 0) return -1;
        surplus += width;
        at += 1 + width;
      } else {
        const width = byte < 0x80 ? 0 : utf8Width(bytes, at, byte);
        if (width === 0) return -1;
        // A character of four bytes is a pair of units.
        surplus += width === 4 ? 2 : width - 1;
        at += width;
      }
      while (at < last && PLAIN[bytes[at] as number] === 1) at++;
    }
    return -1;
  }

  #number(start: number): number {
    const { bytes } = this;
    let at = start;
    const minus = bytes[at] === MINUS;
    if (minus) at++;
    const first = at;
    at = this.#digits(at);
    if (at === first || (bytes[first] === ZERO && at > first + 1)) return -1;
    let digits = at - first;
    let isPlain = true;
    if (bytes[at] === POINT) {
      const point = at;
      at = this.#digits(at + 1);
      if (at === point + 1) return -1;
      digits += at - point - 1;
      isPlain = bytes[at - 1] !== ZERO && (bytes[first] !== ZERO || !isSmall(bytes, point + 1));
    }
    const byte = bytes[at];
    if (byte === 0x65 || byte === 0x45) return this.#oddNumber(start, this.#exponent(at + 1));
    if (at >= this.#last) return -1;
    const isZero = digits === 1 && bytes[first] === ZERO;
    if (!isPlain || digits > SAFE_DIGITS || (minus && isZero)) return this.#oddNumber(start, at);
    this.#add(NUMBER, start, at, 0);
    return at;
  }

  #digits(at: number): number {
    const { bytes } = this;
    for (; at < this.#last; at++) {
      const byte = bytes[at] as number;
      if (byte < ZERO || byte > 0x39) break;
    }
    return at;
  }

  #exponent(at: number): number {
    const sign = this.bytes[at];
    const first = sign === MINUS || sign === 0x2b ? at + 1 : at;
    const end = this.#digits(first);
    return end === first ? -1 : end;
  }

  /** A number that may be written in another way than its own, or be no double at all. */
  #oddNumber(start: number, end: number): number {
    if (end < 0 || end >= this.#last || end - start > 40) return -1;
    const text = textOf.decode(this.bytes.subarray(start, end));
    const double = Number(text);
    if (double === 0 && text.startsWith("-")) return -1;
    if (String(double) === text) {
      this.#add(NUMBER, start, end, 0);
      return end;
    }
    if (typeof readNumber(text) !== "number") return -1;
    this.#add(ODD_NUMBER, start, end, 0);
    return end;
  }

  #word(at: number, kind: number, word: string): number {
    const { bytes } = this;
    for (let index = 1; index < word.length; index++) {
      if (bytes[at + index] !== word.charCodeAt(index)) return -1;
    }
    this.#add(kind, at, at + word.length, 0);
    return at + word.length;
  }
}

/** Whether six zeros or more stand here. */
function isSmall(bytes: Uint8Array, at: number): boolean {
  for (let index = 0; index < SMALL; index++) if (bytes[at + index] !== ZERO) return false;
  return true;
}

/** Bytes of an escape behind its backslash; 0 for none, and for a half of a surrogate pair or NUL. */
function escapeWidth(bytes: Uint8Array, at: number): number {
  const byte = bytes[at] as number;
  if (ESCAPES[byte] === 1) return 1;
  if (byte !== U) return 0;
  const unit = hexAt(bytes, at + 1);
  return unit <= 0 || (unit >= 0xd800 && unit <= 0xdfff) ? 0 : 5;
}

/** The four hexadecimal digits here as a number; -1 for anything else. */
export function hexAt(bytes: Uint8Array, at: number): number {
  let unit = 0;
  for (let index = at; index < at + 4; index++) {
    const byte = bytes[index] as number;
    if (byte >= ZERO && byte <= 0x39) unit = unit * 16 + byte - ZERO;
    else if (byte >= 0x61 && byte <= 0x66) unit = unit * 16 + byte - 0x57;
    else if (byte >= 0x41 && byte <= 0x46) unit = unit * 16 + byte - 0x37;
    else return -1;
  }
  return unit;
}

const isTail = (byte: number | undefined): boolean => byte !== undefined && byte >> 6 === 2;

/** Bytes of the character that begins here, by RFC 3629's table; 0 where none does. */
function utf8Width(bytes: Uint8Array, at: number, first: number): number {
  const second = bytes[at + 1] as number;
  if (first < 0xc2 || !isTail(second)) return 0;
  if (first < 0xe0) return 2;
  if (!isTail(bytes[at + 2])) return 0;
  if (first < 0xf0) {
    if (first === 0xe0 && second < 0xa0) return 0;
    return first === 0xed && second > 0x9f ? 0 : 3;
  }
  if (!isTail(bytes[at + 3]) || first > 0xf4) return 0;
  if (first === 0xf0 && second < 0x90) return 0;
  return first === 0xf4 && second > 0x8f ? 0 : 4;
}
