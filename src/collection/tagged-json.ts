/**
 * Values as JSON text, all of them: what JSON has no word for becomes an object with one property whose name
 * begins with `$`. A user's own object of that shape is wrapped as `{"$object": …}`, so that data which looks
 * like a tag is never revived. For a value that is JSON already (nearly all) this is plain JSON.
 *
 *   {"$undefined":true}  {"$number":"NaN" | "-0" | "1e400"}  {"$bigint":"12"}  {"$date":0 | null}
 *   {"$sparse":{"length":3,"items":[[0,…]]}}  {"$map":[[k,v]]}  {"$set":[…]}  {"$regexp":["a+","g"]}
 *   {"$bytes":["Uint8Array","…base64…"]}  {"$blob":{type,bytes,name?,lastModified?}}  {"$error":{…}}
 *   {"$boxed":…}  {"$reference":["a",0]}
 *   and, in a rest only, {"$absent":true}  {"$spelt":["4.99","$ 4.99"]}  {"$rows":[[0,{…}],[2,["text"]]]}
 *
 * JSON text escapes NUL and lone surrogates, so a column of type json (not jsonb) holds it exactly.
 */
import {
  fromBase64,
  makeView,
  toBase64,
  VIEW_NAMES,
  type ViewName,
  viewBytes,
  viewName,
} from "./bytes.ts";
import { errorParts, makeError } from "./error-parts.ts";
import {
  BlobValue,
  ExactNumber,
  isBoxed,
  isPlainObject,
  type ObjectValue,
  Reference,
  setOwn,
  type Value,
} from "./value.ts";

/** Stands in the members of a rest for a property that the record does not have. No record holds it. */
export const ABSENT: ObjectValue = Object.freeze(Object.create(null) as ObjectValue);

/**
 * Stands in a rest for a value of which a column holds only what `cell` says, in Postgres' text output. As long as
 * the cell says that, the value is this one; a cell that was changed since speaks for itself.
 */
export class Spelt {
  readonly cell: string | null;
  readonly value: Value;

  constructor(cell: string | null, value: Value) {
    this.cell = cell;
    this.value = value;
  }
}

/** The rest of a child row: members that no column holds, or, in a list, the whole element. */
export type RowRest = ObjectValue | readonly [Value] | undefined;

/** Stands in a rest for a list or map whose elements are child rows: by index, name, or the row's own key. */
export class Rows {
  readonly entries: readonly (readonly [id: string | number, rest: RowRest])[];

  constructor(entries: Rows["entries"]) {
    this.entries = entries;
  }
}

/** The names of an object in the order to write them. Default: as the object has them. */
export type NamesOf = (object: ObjectValue, path: Path) => readonly string[];
/** Where a value stands: property names, and `0` for any index. Linked, so that walking allocates little. */
export type Path = { readonly parent: Path; readonly name: string | 0 } | undefined;

export interface TaggedOptions {
  readonly names?: NamesOf;
  /** Called once for each value that had to be tagged. */
  readonly onTag?: () => void;
}

export function toTaggedJson(value: Value, options: TaggedOptions = {}): string {
  return new Writer(options).write(value, undefined);
}

class Writer {
  readonly #names: NamesOf | undefined;
  readonly #onTag: (() => void) | undefined;

  constructor(options: TaggedOptions) {
    this.#names = options.names;
    this.#onTag = options.onTag;
  }

  write(value: Value, path: Path): string {
    switch (typeof value) {
      case "string":
        return JSON.stringify(value);
      case "boolean":
        return value ? "true" : "false";
      case "number":
        return Number.isFinite(value) && !Object.is(value, -0)
          ? String(value)
          : this.#tag("number", JSON.stringify(Object.is(value, -0) ? "-0" : String(value)));
      case "undefined":
        return this.#tag("undefined", "true");
      case "bigint":
        return this.#tag("bigint", `"${value}"`);
      default:
        if (value === null) return "null";
        if (Array.isArray(value)) return this.#array(value, path);
        if (value === ABSENT) return this.#tag("absent", "true");
        if (isPlainObject(value)) {
          const text = this.members(value, path);
          return looksTagged(value) ? this.#tag("object", text) : text;
        }
        return this.#special(value as object, path);
    }
  }

  /** The members of an object between braces, whether it looks like a tag or not. */
  members(object: ObjectValue, path: Path): string {
    const names = this.#names?.(object, path) ?? Object.keys(object);
    let text = "{";
    for (const name of names) {
      if (text.length > 1) text += ",";
      text += `${JSON.stringify(name)}:${this.write(object[name], { parent: path, name })}`;
    }
    return `${text}}`;
  }

  #tag(name: string, text: string): string {
    this.#onTag?.();
    return `{"$${name}":${text}}`;
  }

  #array(array: readonly Value[], path: Path): string {
    const inner: Path = { parent: path, name: 0 };
    const items: string[] = [];
    let holes = false;
    for (let index = 0; index < array.length; index++) {
      if (array[index] === undefined && !Object.hasOwn(array, index)) holes = true;
      else items.push(holes ? "" : this.write(array[index], inner));
    }
    if (!holes) return `[${items.join(",")}]`;
    const entries = Object.keys(array).map(
      (index) => `[${index},${this.write(array[Number(index)], inner)}]`,
    );
    return this.#tag("sparse", `{"length":${array.length},"items":[${entries.join(",")}]}`);
  }

  #row([id, rest]: Rows["entries"][number], path: Path): string {
    const name = JSON.stringify(id);
    if (rest === undefined) return `[${name}]`;
    return Array.isArray(rest)
      ? `[${name},[${this.write((rest as readonly [Value])[0], path)}]]`
      : `[${name},${this.members(rest as ObjectValue, path)}]`;
  }

  #special(value: object, path: Path): string {
    // What lies inside a special value is at no path that a template speaks of.
    const inner: Path = { parent: path, name: "\u0000" };
    const list = (values: Iterable<Value>): string =>
      `[${Array.from(values, (entry) => this.write(entry, inner)).join(",")}]`;
    if (value instanceof Date) {
      const time = value.getTime();
      return this.#tag("date", Number.isNaN(time) ? "null" : String(time));
    }
    if (value instanceof ExactNumber) return this.#tag("number", JSON.stringify(value.text));
    if (value instanceof Map) {
      return this.#tag("map", `[${Array.from(value as Map<Value, Value>, list).join(",")}]`);
    }
    if (value instanceof Set) return this.#tag("set", list(value as Set<Value>));
    if (value instanceof RegExp) return this.#tag("regexp", list([value.source, value.flags]));
    if (ArrayBuffer.isView(value)) {
      return this.#tag("bytes", list([viewName(value), toBase64(viewBytes(value))]));
    }
    if (value instanceof ArrayBuffer) {
      return this.#tag("bytes", list(["ArrayBuffer", toBase64(new Uint8Array(value))]));
    }
    if (value instanceof BlobValue) return this.#tag("blob", this.members(blobParts(value), inner));
    if (value instanceof Error) return this.#tag("error", this.members(errorParts(value), inner));
    if (value instanceof Reference) return this.#tag("reference", list(value.path));
    if (isBoxed(value)) {
      return this.#tag("boxed", this.write(value.valueOf() as Value, inner));
    }
    if (value instanceof Spelt) {
      return this.#tag(
        "spelt",
        `[${JSON.stringify(value.cell)},${this.write(value.value, inner)}]`,
      );
    }
    if (value instanceof Rows) {
      return this.#tag(
        "rows",
        `[${value.entries.map((entry) => this.#row(entry, inner)).join(",")}]`,
      );
    }
    throw new TypeError(
      `A record cannot hold a ${Object.prototype.toString.call(value).slice(8, -1)}.`,
    );
  }
}

function revivedRow([id, rest]: [string | number, RowRest | null]): Rows["entries"][number] {
  if (rest === undefined || rest === null) return [id, undefined];
  if (Array.isArray(rest)) return [id, [untag(rest[0] as Value)]];
  return [id, untagMembers(rest as ObjectValue)];
}

function blobParts(blob: BlobValue): ObjectValue {
  const parts: Record<string, Value> = {
    type: blob.type,
    bytes: toBase64(blob.bytes),
  };
  if (blob.name !== undefined) parts["name"] = blob.name;
  if (blob.lastModified !== undefined) parts["lastModified"] = blob.lastModified;
  return parts;
}

function looksTagged(object: ObjectValue): boolean {
  let first: string | undefined;
  for (const name of Object.keys(object)) {
    if (first !== undefined) return false;
    first = name;
  }
  return first?.[0] === "$";
}

/** The members of a record whose own braces are never a tag: what the rest column holds. */
export function toTaggedMembers(object: ObjectValue): string {
  return new Writer({}).members(object, undefined);
}

/** The inverse of `toTaggedJson`. @throws {SyntaxError} when the text is not JSON or a tag is not one of ours. */
export function fromTaggedJson(text: string): Value {
  const value = JSON.parse(text) as Value;
  return text.includes('"$') ? untag(value) : value;
}

/** The inverse of `toTaggedMembers`. */
export function fromTaggedMembers(text: string): ObjectValue {
  const object = JSON.parse(text) as ObjectValue;
  return text.includes('"$') ? untagMembers(object) : object;
}

function untagMembers(object: ObjectValue): ObjectValue {
  const result: Record<string, Value> = {};
  for (const name of Object.keys(object)) setOwn(result, name, untag(object[name]));
  return result;
}

function untag(value: Value): Value {
  if (Array.isArray(value)) return value.map(untag);
  if (typeof value !== "object" || value === null) return value;
  if (!looksTagged(value as ObjectValue)) return untagMembers(value as ObjectValue);
  const [name = "", payload] = Object.entries(value as ObjectValue)[0] ?? [];
  const revive = revivers[name];
  if (revive === undefined) throw new SyntaxError("unknown tag in a stored record");
  return revive(payload as never);
}

const revivers: Readonly<Record<string, (payload: never) => Value>> = {
  __proto__: null as never,
  $object: (payload: ObjectValue) => untagMembers(payload),
  $absent: () => ABSENT,
  $spelt: ([cell, value]: [string | null, Value]) =>
    new Spelt(cell, untag(value)) as unknown as Value,
  $rows: (entries: [string | number, RowRest | null][]) =>
    new Rows(entries.map(revivedRow)) as unknown as Value,
  $undefined: () => undefined,
  $number: (text: string) =>
    ["-0", "NaN", "Infinity", "-Infinity"].includes(text) ? Number(text) : new ExactNumber(text),
  $bigint: (text: string) => BigInt(text),
  $date: (time: number | null) => new Date(time ?? Number.NaN),
  $sparse: ({ length, items }: { length: number; items: [number, Value][] }) => {
    const array: Value[] = new Array(length);
    for (const [index, entry] of items) array[index] = untag(entry);
    return array;
  },
  $map: (entries: [Value, Value][]) =>
    new Map(entries.map(([key, entry]) => [untag(key), untag(entry)])),
  $set: (entries: Value[]) => new Set(entries.map(untag)),
  $regexp: ([source, flags]: [string, string]) => new RegExp(source, flags),
  $bytes: ([name, text]: [string, string]) => reviveBytes(name, text),
  $blob: (parts: { type: string; bytes: string; name?: string; lastModified?: number }) =>
    new BlobValue(parts.type, strictBytes(parts.bytes), parts.name, parts.lastModified),
  $error: (parts: ObjectValue) => makeError(untagMembers(parts)),
  $boxed: (payload: Value) => Object(untag(payload)) as Value,
  $reference: (path: (string | number)[]) => new Reference(path),
};

function strictBytes(text: string): Uint8Array {
  const bytes = fromBase64(text);
  if (bytes === undefined) throw new SyntaxError("stored bytes are not base64");
  return bytes;
}

function reviveBytes(name: string, text: string): Value {
  const bytes = strictBytes(text);
  if (name === "ArrayBuffer") return bytes.buffer as ArrayBuffer;
  const view = VIEW_NAMES.includes(name as ViewName)
    ? makeView(name as ViewName, bytes)
    : undefined;
  if (view === undefined) throw new SyntaxError("stored bytes have no such view");
  return view;
}
