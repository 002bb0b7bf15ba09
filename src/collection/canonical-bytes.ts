/**
 * Canonical texts written straight as WTF-8 bytes, for digests: the same bytes as those of `canonicalText`, without
 * the text. Records of a collection mostly have the same names, so what a list of names needs (their order, their
 * bytes) is made once.
 *
 * What `bytes` gives is good until the next value is begun.
 */
import { compareText } from "./key.ts";
import type { ObjectValue, Value } from "./value.ts";
import { encodeWtf8 } from "./wtf8.ts";

const FIRST_BYTES = 64 * 1024;
/** A buffer that grew beyond this for one record is not kept for the next. */
const KEPT_BYTES = 1024 * 1024;
/** Texts from here on are measured before room is made for them. */
const LONG = 64 * 1024;
/** Texts up to here are written by hand: a call into the encoder costs as much as some sixty characters. */
const SHORT = 64;
/** Lists of names that are remembered, and how many that begin with the same one. */
const MAX_STARTS = 1000;
const MAX_SIBLINGS = 8;

const QUOTE = 0x22;
const COLON = 0x3a;
const SEMICOLON = 0x3b;

const utf8 = new TextEncoder();

/** Own enumerable names in the order of their WTF-8 bytes. */
export function sortedNames(object: object): string[] {
  return sortNames(Object.keys(object));
}

function sortNames(names: string[]): string[] {
  if (names.length > 32) return names.sort(compareText);
  // Most objects are small and often in order already, where insertion beats a general sort.
  for (let index = 1; index < names.length; index++) {
    const name = names[index] as string;
    let place = index - 1;
    while (place >= 0 && compareText(names[place] as string, name) > 0) {
      names[place + 1] = names[place] as string;
      place--;
    }
    names[place + 1] = name;
  }
  return names;
}

/** A list of names as an object had it, and what stands before each value in its canonical text. */
interface Shape {
  readonly names: readonly string[];
  readonly sorted: readonly string[];
  readonly heads: readonly Uint8Array[];
}

export class CanonicalBytes {
  readonly #special: (value: object) => string | undefined;
  #bytes = new Uint8Array(FIRST_BYTES);
  #at = 0;
  /** By the first name. */
  readonly #shapes = new Map<string, Shape[]>();

  /** @param special the canonical text of what is neither plain object nor array, if `value` is such a thing. */
  constructor(special: (value: object) => string | undefined) {
    this.#special = special;
  }

  /** Drops what was written. */
  begin(): void {
    this.#at = 0;
    if (this.#bytes.length > KEPT_BYTES) this.#bytes = new Uint8Array(FIRST_BYTES);
  }

  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#at);
  }

  /** Bytes as they are. */
  append(bytes: Uint8Array): void {
    this.#copy(bytes);
  }

  /** Begins an object: its members follow, each name's text and then its value. */
  object(members: number): void {
    this.#byte(0x7b);
    this.#count(members);
  }

  /** A string of well-formed UTF-8. */
  text(bytes: Uint8Array, start: number, end: number): void {
    let units = 0;
    for (let index = start; index < end; index++) {
      const byte = bytes[index] as number;
      // Bytes behind the first of a character are none; a character of four is a pair of units.
      if (byte < 0x80 || byte >= 0xc0) units += byte >= 0xf0 ? 2 : 1;
    }
    this.#byte(QUOTE);
    this.#count(units);
    this.append(bytes.subarray(start, end));
  }

  write(value: Value): void {
    switch (typeof value) {
      case "string":
        this.#string(value);
        break;
      case "number":
        this.#byte(0x23);
        this.#ascii(Object.is(value, -0) ? "-0" : String(value));
        this.#byte(SEMICOLON);
        break;
      case "boolean":
        this.#byte(value ? 0x54 : 0x46);
        break;
      case "undefined":
        this.#byte(0x75);
        break;
      case "bigint":
        this.#ascii(`i${value};`);
        break;
      default:
        if (value === null) this.#byte(0x5f);
        else if (Array.isArray(value)) this.#array(value as readonly Value[]);
        else this.#object(value as object);
    }
  }

  #object(value: object): void {
    const prototype = Object.getPrototypeOf(value);
    if (prototype !== Object.prototype && prototype !== null) {
      const text = this.#special(value);
      if (text !== undefined) {
        this.#text(text);
        return;
      }
    }
    const { sorted, heads } = this.#shapeOf(value);
    this.object(sorted.length);
    for (let index = 0; index < sorted.length; index++) {
      this.#copy(heads[index] as Uint8Array);
      this.write((value as ObjectValue)[sorted[index] as string]);
    }
  }

  #array(array: readonly Value[]): void {
    this.#byte(0x5b);
    this.#count(array.length);
    for (let index = 0; index < array.length; index++) {
      const element = array[index];
      if (element === undefined && !Object.hasOwn(array, index)) this.#byte(0x68);
      else this.write(element);
    }
  }

  #shapeOf(object: object): Shape {
    const names = Object.keys(object);
    const first = names[0] ?? "";
    const siblings = this.#shapes.get(first);
    if (siblings !== undefined) {
      for (const shape of siblings) if (areSame(shape.names, names)) return shape;
    }
    const sorted = sortNames([...names]);
    const heads = sorted.map((name) => encodeWtf8(`"${name.length}:${name}`));
    const shape = { names, sorted, heads };
    if (siblings !== undefined) {
      if (siblings.length >= MAX_SIBLINGS) siblings.shift();
      siblings.push(shape);
    } else {
      // Names that are data would fill the memory.
      if (this.#shapes.size >= MAX_STARTS) this.#shapes.clear();
      this.#shapes.set(first, [shape]);
    }
    return shape;
  }

  #string(text: string): void {
    this.#byte(QUOTE);
    this.#count(text.length);
    this.#text(text);
  }

  /** A length, and the colon behind it. */
  #count(count: number): void {
    this.#ascii(String(count));
    this.#byte(COLON);
  }

  #text(text: string): void {
    const { length } = text;
    if (length >= LONG) {
      this.#copy(encodeWtf8(text));
      return;
    }
    // A code unit takes three bytes at most.
    this.#room(length * 3);
    const bytes = this.#bytes;
    let at = this.#at;
    if (length <= SHORT) {
      let index = 0;
      for (; index < length; index++) {
        const unit = text.charCodeAt(index);
        if (unit >= 0x80) break;
        bytes[at++] = unit;
      }
      if (index === length) {
        this.#at = at;
        return;
      }
    }
    // The encoder would mend a lone surrogate.
    if (text.isWellFormed()) this.#at += utf8.encodeInto(text, bytes.subarray(this.#at)).written;
    else this.#copy(encodeWtf8(text));
  }

  #ascii(text: string): void {
    this.#room(text.length);
    const bytes = this.#bytes;
    let at = this.#at;
    for (let index = 0; index < text.length; index++) bytes[at++] = text.charCodeAt(index);
    this.#at = at;
  }

  #byte(byte: number): void {
    this.#room(1);
    this.#bytes[this.#at++] = byte;
  }

  #copy(from: Uint8Array): void {
    this.#room(from.length);
    if (from.length > SHORT) {
      this.#bytes.set(from, this.#at);
    } else {
      const bytes = this.#bytes;
      for (let index = 0; index < from.length; index++) {
        bytes[this.#at + index] = from[index] as number;
      }
    }
    this.#at += from.length;
  }

  #room(bytes: number): void {
    if (this.#at + bytes <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(this.#at + bytes, this.#bytes.length * 2));
    larger.set(this.#bytes.subarray(0, this.#at));
    this.#bytes = larger;
  }
}

function areSame(a: readonly string[], b: readonly string[]): boolean {
  if (a.length !== b.length) return false;
  for (let index = 0; index < a.length; index++) if (a[index] !== b[index]) return false;
  return true;
}
