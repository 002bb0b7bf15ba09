/**
 * The canonical text of what lies on a tape, straight from the bytes of its source: the bytes that `digest` hashes,
 * without the value. canonical.ts has the format.
 */
import {
  ARRAY,
  ESCAPED,
  FALSE,
  hexAt,
  type JsonTape,
  NUMBER,
  OBJECT,
  ODD_NUMBER,
  TEXT,
  TRUE,
} from "./json-tape.ts";
import { sha256 } from "./sha256.ts";
import type { Shape } from "./shape-tree.ts";

/** What a token may take up beyond its own bytes: a mark and a count, or a number of 25 digits written out. */
const TOKEN_BYTES = 32;
const FIRST_BYTES = 64 * 1024;
/** Bytes up to here are copied one by one: a call costs as much. */
const SHORT = 96;

const QUOTE = 0x22;
const COLON = 0x3a;
const SEMICOLON = 0x3b;

const utf8 = new TextEncoder();
const textOf = new TextDecoder();

export class TapeDigest {
  #out = new Uint8Array(FIRST_BYTES);
  #at = 0;
  /** Tokens of members whose names are not in order, of all objects that are being written. */
  readonly #members: number[] = [];

  /** The digest of a tape's whole value: 32 bytes. */
  digest(tape: JsonTape): Uint8Array {
    return sha256(this.text(tape));
  }

  /** The canonical text of a tape's whole value, good until the next one. */
  text(tape: JsonTape): Uint8Array {
    const most = (tape.ends[0] as number) - (tape.starts[0] as number) + tape.size * TOKEN_BYTES;
    if (most > this.#out.length) this.#out = new Uint8Array(most * 2);
    this.#at = 0;
    this.#value(tape, 0);
    return this.#out.subarray(0, this.#at);
  }

  #value(tape: JsonTape, token: number): void {
    const kind = tape.kinds[token] as number;
    if (kind === TEXT) {
      this.#head(QUOTE, tape.counts[token] as number);
      this.#copy(tape.bytes, tape.starts[token] as number, tape.ends[token] as number);
    } else if (kind === NUMBER) {
      this.#out[this.#at++] = 0x23;
      this.#copy(tape.bytes, tape.starts[token] as number, tape.ends[token] as number);
      this.#out[this.#at++] = SEMICOLON;
    } else if (kind === OBJECT) {
      this.#object(tape, token);
    } else if (kind === ARRAY) {
      const count = tape.counts[token] as number;
      this.#head(0x5b, count);
      let element = token + 1;
      for (let index = 0; index < count; index++) {
        this.#value(tape, element);
        element = tape.nexts[element] as number;
      }
    } else if (kind === ESCAPED) {
      this.#head(QUOTE, tape.counts[token] as number);
      this.#unescaped(tape.bytes, tape.starts[token] as number, tape.ends[token] as number);
    } else if (kind === ODD_NUMBER) {
      const text = textOf.decode(tape.bytes.subarray(tape.starts[token], tape.ends[token]));
      this.#at += utf8.encodeInto(`#${Number(text)};`, this.#out.subarray(this.#at)).written;
    } else {
      this.#out[this.#at++] = kind === TRUE ? 0x54 : kind === FALSE ? 0x46 : 0x5f;
    }
  }

  #object(tape: JsonTape, token: number): void {
    const { sorted, heads } = tape.shapes[token] as Shape;
    const members = this.#members;
    const first = members.length;
    this.#head(0x7b, sorted.length);
    let member = token + 1;
    for (let index = 0; index < sorted.length; index++) {
      members.push(member);
      member = tape.nexts[member] as number;
    }
    for (let index = 0; index < sorted.length; index++) {
      const place = sorted[index] as number;
      const head = heads[place] as Uint8Array;
      this.#copy(head, 0, head.length);
      this.#value(tape, members[first + place] as number);
    }
    members.length = first;
  }

  /** A mark, a count and the colon behind it. */
  #head(mark: number, count: number): void {
    const out = this.#out;
    let at = this.#at;
    out[at++] = mark;
    if (count >= 10) {
      let unit = 10;
      while (unit * 10 <= count) unit *= 10;
      for (; unit >= 10; unit = Math.trunc(unit / 10)) {
        out[at++] = 0x30 + (Math.trunc(count / unit) % 10);
      }
    }
    out[at++] = 0x30 + (count % 10);
    out[at++] = COLON;
    this.#at = at;
  }

  #copy(from: Uint8Array, start: number, end: number): void {
    const out = this.#out;
    let at = this.#at;
    if (end - start > SHORT) {
      out.set(from.subarray(start, end), at);
      this.#at = at + end - start;
      return;
    }
    for (let index = start; index < end; index++) out[at++] = from[index] as number;
    this.#at = at;
  }

  /** The characters of a text with escapes, all of which are known to be right. */
  #unescaped(from: Uint8Array, start: number, end: number): void {
    const out = this.#out;
    let at = this.#at;
    let index = start;
    while (index < end) {
      const byte = from[index++] as number;
      if (byte !== 0x5c) {
        out[at++] = byte;
        continue;
      }
      const mark = from[index++] as number;
      if (mark !== 0x75) {
        out[at++] = ESCAPED_BYTES[mark] as number;
        continue;
      }
      const unit = hexAt(from, index);
      index += 4;
      if (unit < 0x80) {
        out[at++] = unit;
      } else if (unit < 0x800) {
        out[at++] = 0xc0 | (unit >> 6);
        out[at++] = 0x80 | (unit & 0x3f);
      } else {
        out[at++] = 0xe0 | (unit >> 12);
        out[at++] = 0x80 | ((unit >> 6) & 0x3f);
        out[at++] = 0x80 | (unit & 0x3f);
      }
    }
    this.#at = at;
  }
}

/** What an escape's letter stands for. */
const ESCAPED_BYTES = new Uint8Array(256);
for (const [letter, character] of Object.entries({
  '"': '"',
  "\\": "\\",
  "/": "/",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
})) {
  ESCAPED_BYTES[letter.charCodeAt(0)] = character.charCodeAt(0);
}
