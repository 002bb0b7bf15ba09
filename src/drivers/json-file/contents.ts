/**
 * What a JSON file holds, as collections of rows. A row keeps its text: printing the file again changes only what
 * was written in between.
 */
import { digest } from "../../collection/canonical.ts";
import { JsonWriter } from "../../collection/json-text.ts";
import { decodeKey, encodeKey } from "../../collection/key.ts";
import { parseJson } from "../../collection/parse-json.ts";
import { isPlainObject, type ObjectValue, setOwn, type Value } from "../../collection/value.ts";
import { OutgrowError } from "../../errors.ts";
import { type Member, type Slice, SlicedText } from "./slices.ts";

/** A collection of the file: a list of records at its top, or an object of them by their keys. */
export interface FileCollection {
  readonly name: string;
  /** The property that holds the key. In an object of records, its names are the keys. */
  readonly key: string;
  /** The member of the file's top object. Default: the collection's name. */
  readonly at?: string | undefined;
}

/** All else at the top of the file is the one record of this collection. */
export const DOCUMENT = "document";
/** The key that a dump's single record gets from its place. */
const DOCUMENT_KEY = encodeKey(0);

/** Numbers that a double may not hold, or not spell alike: only such texts need the slower parser. */
const UNUSUAL_NUMBER = /\d{16}|\d[eE]|-0/;

/** One record and its text. Immutable: a write makes another. */
export class Row {
  readonly text: string;
  #value: { readonly value: Value } | undefined;
  #digest: Uint8Array | undefined;

  constructor(text: string, value?: { readonly value: Value }) {
    this.text = text;
    this.#value = value;
  }

  get value(): Value {
    this.#value ??= { value: parsed(this.text) };
    return this.#value.value;
  }

  get digest(): Uint8Array {
    this.#digest ??= digest(this.value);
    return this.#digest;
  }
}

function parsed(text: string): Value {
  return UNUSUAL_NUMBER.test(text) ? parseJson(text).value : (JSON.parse(text) as Value);
}

type Rows = Map<string, Row>;

/** Changes that are not in the file yet: a row, or `undefined` for a deletion. */
export type Changes = ReadonlyMap<string, ReadonlyMap<string, Row | undefined>>;

/** The parts of the top object in their order: a collection, or a member that belongs to the document. */
interface Part {
  readonly name: string;
  readonly collection: string | undefined;
  readonly keyed: boolean;
}

export class Contents {
  readonly #rows = new Map<string, Rows>();
  readonly #parts: Part[] = [];
  readonly #indent: string;
  readonly #end: string;
  readonly #collections: readonly FileCollection[];

  /**
   * @param before an earlier state of the same file, whose rows are used again where the text is the same.
   * @throws {OutgrowError} BUNDLE_SYNTAX, and ID_MISSING, KEY_INVALID, ID_CONFLICT for records without a key of
   * their own: a file in use cannot set records aside.
   */
  constructor(
    text: string,
    file: string,
    collections: readonly FileCollection[],
    before?: Contents,
  ) {
    this.#collections = collections;
    const sliced = new SlicedText(text, file);
    this.#indent = /^\s*\{\r?\n([ \t]+)"/.exec(text)?.[1] ?? "";
    this.#end = /\n\s*$/.test(text) ? "\n" : "";
    for (const { name } of collections) this.#rows.set(name, new Map());
    const loose: Member[] = [];
    for (const member of sliced.members(sliced.whole())) {
      const collection = collections.find(({ name, at }) => (at ?? name) === member.name);
      const keyed = collection !== undefined && text[member.start] === "{";
      this.#parts.push({ name: member.name, collection: collection?.name, keyed });
      if (collection === undefined) loose.push(member);
      else this.#read(sliced, member, collection, keyed, before?.rows(collection.name));
    }
    this.#rows.set(DOCUMENT, documentOf(sliced, loose));
  }

  rows(collection: string): ReadonlyMap<string, Row> {
    const rows = this.#rows.get(collection);
    if (rows === undefined) throw new OutgrowError("MOVE_UNKNOWN", { collection });
    return rows;
  }

  /** Whether the file has a member for each of its collections. */
  get complete(): boolean {
    return this.#collections.every(({ name }) => {
      return this.#parts.some((part) => part.collection === name);
    });
  }

  get names(): readonly string[] {
    return [...this.#rows.keys()];
  }

  #read(
    sliced: SlicedText,
    member: Member,
    { name: collection, key: property }: FileCollection,
    keyed: boolean,
    before: ReadonlyMap<string, Row> | undefined,
  ): void {
    const rows = this.#rows.get(collection) as Rows;
    const known = before === undefined ? [] : [...before];
    const slices: readonly (Slice & { readonly name?: string })[] = keyed
      ? sliced.members(member)
      : sliced.elements(member);
    for (const [index, { start, end, name }] of slices.entries()) {
      const text = sliced.text.slice(start, end);
      // Nearly always most rows are those of before, in their places.
      const [knownKey, knownRow] = known[index] ?? [];
      const same = knownRow?.text === text && (name === undefined || knownKey === encodeKey(name));
      const row = same ? (knownRow as Row) : rowOf(sliced, start, text);
      const own =
        name === undefined ? () => keyOf(row, property, collection) : () => encodeKey(name);
      const key = same ? (knownKey as string) : own();
      if (rows.has(key)) throw new OutgrowError("ID_CONFLICT", { collection, key });
      rows.set(key, row);
    }
  }

  /** A row for a record that is written. @throws {OutgrowError} RECORD_REFUSED for what JSON has no word for. */
  rowFor(collection: string, key: string, value: Value): Row {
    const writer = new JsonWriter();
    const depth = collection === DOCUMENT ? 0 : 2;
    const compact = writer.write(value, undefined);
    if (writer.tagged > 0 || !isPlainObject(value)) {
      const detail = "a JSON file holds objects of JSON values only";
      throw new OutgrowError("RECORD_REFUSED", { collection, key, detail });
    }
    if (this.#indent === "" || UNUSUAL_NUMBER.test(compact)) return new Row(compact, { value });
    const lines = JSON.stringify(value, null, this.#indent).split("\n");
    return new Row(lines.join(`\n${this.#indent.repeat(depth)}`), { value });
  }

  /**
   * The file's text with changes in it.
   * @param complete with collections that the file does not have yet, as empty lists.
   */
  print(changes: Changes, complete = false): string {
    const [line, gap] = this.#indent === "" ? ["", ""] : ["\n", " "];
    const one = `${line}${this.#indent}`;
    const members: string[] = [];
    const done = new Set<string>();
    const document = merged(this.rows(DOCUMENT), changes.get(DOCUMENT)).get(DOCUMENT_KEY);
    const loose = document === undefined ? {} : (document.value as ObjectValue);
    for (const part of this.#parts) {
      const { name, collection } = part;
      if (collection !== undefined) {
        done.add(collection);
        members.push(`${JSON.stringify(name)}:${gap}${this.#printRows(part, collection, changes)}`);
      } else if (Object.hasOwn(loose, name)) {
        members.push(`${JSON.stringify(name)}:${gap}${this.#printValue(loose[name])}`);
      }
    }
    for (const { name, at } of this.#collections) {
      if (done.has(name) || (!complete && (changes.get(name)?.size ?? 0) === 0)) continue;
      const part = { name: at ?? name, collection: name, keyed: false };
      members.push(`${JSON.stringify(part.name)}:${gap}${this.#printRows(part, name, changes)}`);
    }
    const known = new Set(this.#parts.map(({ name }) => name));
    for (const [name, value] of Object.entries(loose)) {
      if (!known.has(name))
        members.push(`${JSON.stringify(name)}:${gap}${this.#printValue(value)}`);
    }
    if (members.length === 0) return `{}${this.#end}`;
    return `{${one}${members.join(`,${one}`)}${line}}${this.#end}`;
  }

  #printRows(part: Part, collection: string, changes: Changes): string {
    const rows = merged(this.rows(collection), changes.get(collection));
    const [open, close] = part.keyed ? ["{", "}"] : ["[", "]"];
    if (rows.size === 0) return `${open}${close}`;
    const line = this.#indent === "" ? "" : "\n";
    const gap = this.#indent === "" ? "" : " ";
    const two = `${line}${this.#indent.repeat(2)}`;
    const items = part.keyed
      ? [...rows].map(([key, { text }]) => `${JSON.stringify(decodeKey(key))}:${gap}${text}`)
      : [...rows.values()].map(({ text }) => text);
    return `${open}${two}${items.join(`,${two}`)}${line}${this.#indent}${close}`;
  }

  #printValue(value: Value): string {
    const compact = new JsonWriter().write(value, undefined);
    if (this.#indent === "" || UNUSUAL_NUMBER.test(compact)) return compact;
    return JSON.stringify(value, null, this.#indent).replaceAll("\n", `\n${this.#indent}`);
  }

  /** Takes over changes that the file has now. */
  apply(changes: Changes): void {
    for (const [collection, rows] of changes) {
      this.#rows.set(collection, merged(this.rows(collection), rows));
    }
    for (const { name, at } of this.#collections) {
      const there = this.#parts.some((part) => part.collection === name);
      if (there || (changes.get(name)?.size ?? 0) === 0) continue;
      this.#parts.push({ name: at ?? name, collection: name, keyed: false });
    }
    for (const { value } of this.rows(DOCUMENT).values()) {
      for (const name of Object.keys(value as ObjectValue)) {
        if (this.#parts.some((part) => part.name === name)) continue;
        this.#parts.push({ name, collection: undefined, keyed: false });
      }
    }
  }
}

/** Rows keep their places; new ones come last. */
function merged(
  rows: ReadonlyMap<string, Row>,
  changes: ReadonlyMap<string, Row | undefined> | undefined,
): Rows {
  if (changes === undefined || changes.size === 0) return rows as Rows;
  const all = new Map(rows);
  for (const [key, row] of changes) {
    if (row === undefined) all.delete(key);
    else all.set(key, row);
  }
  return all;
}

function documentOf(sliced: SlicedText, members: readonly Member[]): Rows {
  if (members.length === 0) return new Map();
  const value: Record<string, Value> = {};
  for (const { name, start, end } of members) {
    setOwn(value, name, rowOf(sliced, start, sliced.text.slice(start, end)).value);
  }
  return new Map([[DOCUMENT_KEY, new Row("", { value })]]);
}

/**
 * A text of its own. What `slice` gives is a view of the whole file's text and would keep that for as long as the row
 * lives: one such text for each time that somebody has written the file.
 */
const ownText = (text: string): string => Buffer.from(text, "utf8").toString("utf8");

function rowOf(sliced: SlicedText, start: number, text: string): Row {
  const row = new Row(ownText(text));
  try {
    void row.value;
    return row;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    const offset = Buffer.byteLength(sliced.text.slice(0, start));
    throw new OutgrowError("BUNDLE_SYNTAX", { offset });
  }
}

function keyOf(row: Row, property: string, collection: string): string {
  const { value } = row;
  const key = isPlainObject(value) ? value[property] : undefined;
  if (key === undefined || key === null) throw new OutgrowError("ID_MISSING", { collection });
  return encodeKey(key);
}
