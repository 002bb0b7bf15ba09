/**
 * Reads records from their bytes without making values: what it reads has its digest, its key and most of its columns
 * from there. What it does not read (see json-tape.ts) is read the slower way, which comes to the same.
 */
import { ESCAPED, FALSE, JsonTape, NULL, TEXT, TRUE } from "../collection/json-tape.ts";
import type { Form, Shape } from "../collection/shape-tree.ts";
import { TapeDigest } from "../collection/tape-digest.ts";
import type { Value } from "../collection/value.ts";
import type { Written } from "../layout/encode-row.ts";
import { skipSpace } from "./scan-whole.ts";

/** So many records are tried before it is asked whether trying is worth it. */
const TRIES = 500;
/** Numbers that are kept of a member: its kind, where it begins and ends, its UTF-16 units. */
const WIDTH = 4;

const textOf = new TextDecoder("utf-8", { ignoreBOM: true });

/** What `subarray` gives, at a fraction of what that costs. */
function viewOf(bytes: Uint8Array, start: number, end: number): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset + start, end - start);
}

export class RecordReader {
  readonly #tape = new JsonTape();
  readonly #digest = new TapeDigest();
  readonly #withDigests: boolean;
  #tried = 0;
  #read = 0;

  /** @param digests whether anybody asks for them: they cost as much as all the rest. */
  constructor(digests = true) {
    this.#withDigests = digests;
  }

  /** The object that begins at `at`; `undefined` when it is to be read the slower way, if it is one at all. */
  read(bytes: Uint8Array, at: number): ReadObject | undefined {
    // Records whose names are data, say: all of them will be like the last ones.
    if (this.#tried >= TRIES && this.#read * 2 < this.#tried) return undefined;
    this.#tried++;
    const tape = this.#tape;
    const end = tape.read(bytes, at);
    if (end < 0) return undefined;
    this.#read++;
    return new ReadObject(tape, at, end, this.#withDigests ? this.#digest.digest(tape) : undefined);
  }

  /** The same of bytes that hold nothing else but space. */
  readWhole(bytes: Uint8Array): ReadObject | undefined {
    const at = skipSpace(bytes, 0);
    const read = this.read(bytes, at);
    if (read === undefined) return undefined;
    return skipSpace(bytes, at + read.bytes.length) === bytes.length ? read : undefined;
  }
}

/** An object of the source, with the places of its members. */
export class ReadObject implements Written {
  readonly bytes: Uint8Array;
  /** Where they begin in what they were read from. */
  readonly at: number;
  /** SHA-256 of the canonical text, where readers were asked for digests. */
  readonly digest: Uint8Array | undefined;
  readonly form: Form;
  readonly names: readonly string[];
  readonly tagged: Uint8Array | undefined;
  readonly #members: number[];

  constructor(tape: JsonTape, at: number, end: number, digest: Uint8Array | undefined) {
    this.bytes = viewOf(tape.bytes, at, end);
    this.at = at;
    this.digest = digest;
    this.form = tape.form;
    this.tagged = tape.isSpaced || tape.form.looksTagged ? undefined : this.bytes;
    const { names } = tape.shapes[0] as Shape;
    this.names = names;
    const members = new Array<number>(names.length * WIDTH);
    this.#members = members;
    let token = 1;
    for (let index = 0; index < names.length; index++) {
      const kind = tape.kinds[token] as number;
      const quote = kind === TEXT || kind === ESCAPED ? 1 : 0;
      const start = (tape.starts[token] as number) - at - quote;
      const place = index * WIDTH;
      members[place] = kind;
      members[place + 1] = start;
      members[place + 2] = (tape.ends[token] as number) - at + quote;
      members[place + 3] = tape.counts[token] as number;
      token = tape.nexts[token] as number;
    }
  }

  /** The whole value, made anew. */
  value(): Value {
    return JSON.parse(textOf.decode(this.bytes)) as Value;
  }

  isNull(index: number): boolean {
    return this.#members[index * WIDTH] === NULL;
  }

  json(index: number): Uint8Array {
    const at = index * WIDTH;
    return viewOf(this.bytes, this.#members[at + 1] as number, this.#members[at + 2] as number);
  }

  text(index: number): Uint8Array | undefined {
    const at = index * WIDTH;
    if (this.#members[at] !== TEXT) return undefined;
    const [start, end] = [this.#members[at + 1] as number, this.#members[at + 2] as number];
    return viewOf(this.bytes, start + 1, end - 1);
  }

  units(index: number): number {
    return this.#members[index * WIDTH + 3] as number;
  }

  member(index: number): Value {
    const kind = this.#members[index * WIDTH] as number;
    if (kind === TEXT) return textOf.decode(this.text(index));
    if (kind === NULL) return null;
    if (kind === TRUE || kind === FALSE) return kind === TRUE;
    return JSON.parse(textOf.decode(this.json(index))) as Value;
  }
}
