/**
 * A declared layout, compiled both ways: a record to the cells that its app expects, and back.
 *
 * L1. What is decoded is what was encoded. A cell is written only for what it gives back; the rest keeps the others.
 */
import { encodeKey } from "../../collection/key.ts";
import { isPlainObject, type ObjectValue, setOwn, type Value } from "../../collection/value.ts";
import { OutgrowError } from "../../errors.ts";
import type { KeyRule, Layout } from "../../layout/layout.ts";
import { keyAt } from "../../layout/profile.ts";
import type { RedisCell } from "../../layout/redis-layout.ts";
import { textValue, valueText } from "./known.ts";
import { globPrefix } from "./names.ts";

/** Longest name of a key that a value may make: a text of an app's, in a name, is short. */
const LONGEST_NAME = 1024;
/** Begins what is ours in any database. */
const OURS = /^(?:\{|outgrow:)/;

type Part = string | { readonly property: string };

interface Compiled {
  readonly cell: RedisCell;
  readonly key: readonly Part[];
  readonly value: readonly Part[];
}

/** What the script is given for a record. */
export interface EncodedCells {
  /** JSON: for each cell `[name, text]`, or the place `-`, `-N` or `-T` of one that there is not. */
  readonly cells: string;
  /** The record without what its counters hold. */
  readonly body: string;
}

/** Where a cell of a stored record is. */
export type Place =
  | { readonly at: "key"; readonly name: string }
  | { readonly at: "rest"; readonly text: string }
  | { readonly at: "nowhere"; readonly why: string };

/** An entry of the hash `rest`. */
export interface Entry {
  readonly places: readonly Place[];
  /** The record's text, where no cell holds it. */
  readonly body: string;
}

/** Whether the app's own keys say the whole record. */
export function hasAllInCells({ places, body }: Entry): boolean {
  return body === "" && places.every(({ at }) => at !== "rest");
}

export interface Cells {
  /** For the scripts: the kind of each cell, and a counter's property and offset. */
  readonly shape: string;
  readonly cells: readonly RedisCell[];
  encode(value: Value): EncodedCells;
  /** @throws {TypeError} for an entry that is none */
  entry(text: string): Entry;
  /**
   * The record that the cells say: `undefined` when what held it is gone. A cell that somebody changed shows.
   *
   * @param texts of the places that are keys, by their place; of a list, the record's element.
   */
  decode(entry: Entry, texts: readonly (string | null)[]): Value | undefined;
  /** The ledger key of a list's element; `undefined` for what is no record of this collection. */
  keyOf(element: string): string | undefined;
  /** Patterns that the names of all cells match. */
  readonly patterns: readonly string[];
}

/** @throws {OutgrowError} CONFIG_INVALID for a layout that names keys which are not the app's, or cannot be told apart */
export function compileCells({ collection, key: rule, redis }: Layout): Cells | undefined {
  if (redis === undefined) return undefined;
  const refuse = (detail: string): never => {
    throw new OutgrowError("CONFIG_INVALID", { collection, detail });
  };
  if (redis.cells.length === 0) refuse("a Redis layout has at least one cell");
  const compiled = redis.cells.map((cell): Compiled => {
    const key = partsOf(cell.key);
    const [first] = key;
    if (typeof first !== "string" || OURS.test(first)) {
      refuse(`${cell.key}: a key begins with a text of its own, and not with { or outgrow:`);
    }
    if (cell.kind === "list" && rule.from !== "property") {
      refuse(`${cell.key}: an element of a list holds the record's key as a property`);
    }
    const value = cell.kind === "pointer" ? partsOf(cell.value) : [];
    if (cell.kind === "pointer" && propertiesOf(value).length === 0) {
      refuse(`${cell.key}: what a pointer says names a property`);
    }
    if (cell.kind === "counter" && !Number.isSafeInteger(cell.offset ?? 0)) {
      refuse(`${cell.key}: an offset is a whole number`);
    }
    return { cell, key, value };
  });
  const counted = redis.cells.flatMap((cell) => (cell.kind === "counter" ? [cell.property] : []));
  if (new Set(counted).size < counted.length) refuse("one counter for each property");
  const isListed = redis.cells.some(({ kind }) => kind === "list");
  if (isListed && rule.from === "property" && counted.includes(rule.path[0] as string)) {
    refuse("an element of a list holds the record's key, so no counter does");
  }
  return compiledCells(compiled, rule);
}

function compiledCells(compiled: readonly Compiled[], rule: KeyRule): Cells {
  const cells = compiled.map(({ cell }) => cell);
  return {
    shape: JSON.stringify(cells.map(shapeOf)),
    cells,
    encode: (value) => encode(compiled, value),
    entry: (text) => entryOf(cells, text),
    decode: (entry, texts) => decode(compiled, entry, texts),
    keyOf(element) {
      const key = rule.from === "property" ? keyAt(textValue(element), rule.path) : undefined;
      return key === undefined ? undefined : encodeKey(key);
    },
    patterns: compiled.map(({ key }) =>
      key.map((part) => (typeof part === "string" ? globPrefix(part).slice(0, -1) : "*")).join(""),
    ),
  };
}

function shapeOf(cell: RedisCell): readonly (string | number)[] {
  if (cell.kind === "counter") return [cell.kind, cell.property, cell.offset ?? 0];
  return [cell.kind === "list" ? cell.push : cell.kind];
}

function partsOf(template: string): readonly Part[] {
  const parts = template.split(/\{([^{}]*)\}/);
  return parts.flatMap((part, index): Part[] =>
    index % 2 === 1 ? [{ property: part }] : part === "" ? [] : [part],
  );
}

function propertiesOf(parts: readonly Part[]): readonly string[] {
  return parts.flatMap((part) => (typeof part === "string" ? [] : [part.property]));
}

/** @returns `undefined` when a property is not there, or no part of a name */
function fill(parts: readonly Part[], value: Value): string | undefined {
  let name = "";
  for (const part of parts) {
    if (typeof part === "string") name += part;
    else {
      const held = own(value, part.property);
      if (typeof held !== "string" && !isWhole(held)) return undefined;
      if (held === "") return undefined;
      name += held;
    }
  }
  return name.length <= LONGEST_NAME && name.isWellFormed() ? name : undefined;
}

function own(value: Value, property: string): Value {
  return isPlainObject(value) && Object.hasOwn(value, property)
    ? (value as ObjectValue)[property]
    : undefined;
}

const isWhole = (value: Value): value is number =>
  Number.isSafeInteger(value) && !Object.is(value, -0);

function encode(compiled: readonly Compiled[], value: Value): EncodedCells {
  const counted = new Set<string>();
  const cells = compiled.map(({ cell, key, value: said }) => {
    if (cell.kind === "counter") {
      const number = own(value, cell.property);
      if (number === undefined) return "-";
      const shown = isWhole(number) ? number + (cell.offset ?? 0) : Number.NaN;
      if (!isWhole(shown)) return "-T";
      const name = fill(key, value);
      if (name === undefined) return "-N";
      counted.add(cell.property);
      return [name, String(shown)];
    }
    const name = fill(key, value);
    const text = cell.kind === "pointer" ? fill(said, value) : "";
    return name === undefined || text === undefined ? "-N" : [name, text];
  });
  return { cells: JSON.stringify(cells), body: valueText(without(value, counted)) };
}

function without(value: Value, names: ReadonlySet<string>): Value {
  if (names.size === 0) return value;
  const left: ObjectValue = {};
  for (const name of Object.keys(value as ObjectValue)) {
    if (!names.has(name)) setOwn(left, name, (value as ObjectValue)[name]);
  }
  return left;
}

function entryOf(cells: readonly RedisCell[], text: string): Entry {
  const line = text.indexOf("\n");
  const held = JSON.parse(text.slice(0, line)) as string[];
  const places = held.map((one, index): Place => {
    if (one[0] === "=") return { at: "rest", text: one.slice(1) };
    if (one[0] !== "+") return { at: "nowhere", why: one.slice(1) };
    const name = cells[index]?.kind === "list" ? one.slice(one.indexOf(":") + 1) : one.slice(1);
    return { at: "key", name };
  });
  return { places, body: text.slice(line + 1) };
}

function decode(
  compiled: readonly Compiled[],
  { places, body }: Entry,
  texts: readonly (string | null)[],
): Value | undefined {
  const text = body === "" ? bodyOf(compiled, places, texts) : body;
  if (text === undefined) return undefined;
  const value = textValue(text);
  const isObject = isPlainObject(value);
  for (const [index, { cell }] of compiled.entries()) {
    const place = places[index];
    if (cell.kind !== "counter" || place === undefined || place.at === "nowhere") continue;
    const number = place.at === "rest" ? place.text : texts[index];
    // Somebody else's object, where the counters have no place any more.
    if (!isObject) return value;
    if (number !== null && number !== undefined) {
      setOwn(value, cell.property, counted(number, cell.offset ?? 0));
    }
  }
  for (const [index, { cell, value: said }] of compiled.entries()) {
    if (cell.kind !== "pointer" || places[index]?.at !== "key" || !isObject) continue;
    const found = texts[index] ?? undefined;
    const [property = ""] = propertiesOf(said);
    // It leads elsewhere, or nowhere: then so does the property that it stands for.
    if (found !== fill(said, value)) setOwn(value, property, found);
  }
  return value;
}

/** The text of the record's object or element. Of several, one that somebody changed. */
function bodyOf(
  compiled: readonly Compiled[],
  places: readonly Place[],
  texts: readonly (string | null)[],
): string | undefined {
  const found = compiled.flatMap(({ cell }, index) =>
    (cell.kind === "object" || cell.kind === "list") && places[index]?.at === "key"
      ? [texts[index] ?? null]
      : [],
  );
  const changed = found.find((text) => text !== found[0]);
  return (changed === undefined ? found[0] : changed) ?? undefined;
}

/** What a counter says. Whatever is no number as we write it is shown as it is. */
function counted(text: string, offset: number): Value {
  const number = Number(text);
  if (String(number) !== text || !isWhole(number)) return text;
  return isWhole(number - offset) ? number - offset : text;
}
