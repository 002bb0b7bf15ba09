/**
 * The types that Dexie's export format marks values with (typeson's registry, as dexie-export-import uses it), and
 * what each payload stands for. A payload that does not fit its type is a fault of the record, never of the file.
 */
import { fromBase64, makeView, VIEW_NAMES, type ViewName } from "../collection/bytes.ts";
import { makeError } from "../collection/error-parts.ts";
import { BlobValue, isPlainObject, type ObjectValue, type Value } from "../collection/value.ts";

/** Why a record's marks cannot be applied. Caught where the record is read. */
export class TypeFault extends Error {}

/**
 * What outlives one value: a buffer that several DataViews share is written with the first of them, then by number.
 * Buffers that stand alone, or in a typed array, are not counted: Dexie has an `arraybuffer` type of its own, which
 * keeps no list.
 */
export interface ReviveState {
  readonly buffers: ArrayBuffer[];
}

export type Reviver = (payload: Value, state: ReviveState) => Value;

function wrong(type: string): never {
  throw new TypeFault(`a payload is no ${type}`);
}

function object(payload: Value, type: string): ObjectValue {
  return isPlainObject(payload) ? payload : wrong(type);
}

function list(payload: Value, type: string): readonly Value[] {
  return Array.isArray(payload) ? (payload as readonly Value[]) : wrong(type);
}

function text(payload: Value, type: string): string {
  return typeof payload === "string" ? payload : wrong(type);
}

function count(payload: Value, type: string): number {
  return Number.isSafeInteger(payload) && (payload as number) >= 0
    ? (payload as number)
    : wrong(type);
}

function base64(payload: Value, type: string): Uint8Array {
  return fromBase64(text(payload, type)) ?? wrong(type);
}

/**
 * Text with one byte in each character, as FileReader's binary strings are. Read by a request with the charset
 * x-user-defined, as the exporter also does, bytes from 0x80 on come as U+F780 and up.
 */
function binary(payload: Value, type: string): Uint8Array {
  const characters = text(payload, type);
  const bytes = new Uint8Array(characters.length);
  for (let index = 0; index < characters.length; index++) {
    const code = characters.charCodeAt(index);
    if (code > 0xff && (code < 0xf780 || code > 0xf7ff)) wrong(type);
    bytes[index] = code & 0xff;
  }
  return bytes;
}

function buffer(payload: Value): ArrayBuffer {
  return base64(payload, "buffer").slice().buffer as ArrayBuffer;
}

function sharedBuffer(parts: ObjectValue, state: ReviveState): ArrayBuffer {
  if ("index" in parts) return state.buffers[count(parts["index"], "buffer")] ?? wrong("buffer");
  const made = buffer(parts["encoded"]);
  state.buffers.push(made);
  return made;
}

/** A view in either of its forms: `{encoded | index, byteOffset, length}` or `{buffer, byteOffset, length}`. */
function view(name: ViewName): Reviver {
  return (payload, state) => {
    const parts = object(payload, name);
    const held =
      parts["buffer"] instanceof ArrayBuffer ? parts["buffer"] : sharedBuffer(parts, state);
    const elements = globalThis[name] as unknown as { BYTES_PER_ELEMENT?: number };
    const size = elements.BYTES_PER_ELEMENT ?? 1;
    const length = count(parts[name === "DataView" ? "byteLength" : "length"], name) * size;
    const offset = count(parts["byteOffset"], name);
    if (offset + length > held.byteLength) wrong(name);
    return makeView(name, new Uint8Array(held, offset, length)) ?? wrong(name);
  };
}

function date(payload: Value): Date {
  if (payload === "NaN") return new Date(Number.NaN);
  return typeof payload === "number" ? new Date(payload) : wrong("date");
}

function regexp(payload: Value): RegExp {
  const { source, flags } = object(payload, "regexp");
  try {
    return new RegExp(text(source, "regexp"), text(flags, "regexp"));
  } catch {
    return wrong("regexp");
  }
}

function bigint(payload: Value): bigint {
  const digits = text(payload, "bigint");
  return /^-?\d+$/.test(digits) ? BigInt(digits) : wrong("bigint");
}

function map(payload: Value): Value {
  const entries = list(payload, "map").map((entry) => {
    const pair = list(entry, "map");
    return pair.length === 2 ? ([pair[0], pair[1]] as const) : wrong("map");
  });
  return new Map(entries);
}

function file(payload: Value): BlobValue {
  const { type, stringContents, name, lastModified } = object(payload, "file");
  const modified = lastModified === undefined ? undefined : count(lastModified, "file");
  return new BlobValue(
    text(type, "file"),
    binary(stringContents, "file"),
    text(name, "file"),
    modified,
  );
}

function blob(payload: Value): BlobValue {
  const { type, stringContents } = object(payload, "blob");
  return new BlobValue(text(type, "blob"), binary(stringContents, "blob"));
}

function blob2(payload: Value): BlobValue {
  const { type, data } = object(payload, "blob");
  return new BlobValue(text(type, "blob"), base64(data, "blob"));
}

/** Arrays that carry names beside their elements are written as objects: nothing of ours holds such a thing. */
function plainArray(payload: Value): Value {
  return list(payload, "array without names of its own") as Value;
}

const ERRORS = [
  "Error",
  "TypeError",
  "RangeError",
  "SyntaxError",
  "ReferenceError",
  "EvalError",
  "URIError",
];

function revivers(): Map<string, Reviver> {
  const all = new Map<string, Reviver>([
    ["undef", () => undefined],
    ["nan", () => Number.NaN],
    ["infinity", () => Number.POSITIVE_INFINITY],
    ["negativeInfinity", () => Number.NEGATIVE_INFINITY],
    ["date", date],
    ["regexp", regexp],
    ["bigint", bigint],
    ["bigintObject", (payload) => Object(bigint(payload)) as Value],
    ["StringObject", (payload) => Object(text(payload, "StringObject")) as Value],
    [
      "NumberObject",
      (payload) => (typeof payload === "number" ? Object(payload) : wrong("NumberObject")),
    ],
    [
      "BooleanObject",
      (payload) => (typeof payload === "boolean" ? Object(payload) : wrong("BooleanObject")),
    ],
    ["map", map],
    ["set", (payload) => new Set(list(payload, "set"))],
    ["arraybuffer", buffer],
    ["file", file],
    ["blob", blob],
    ["blob2", blob2],
    ["arrayNonindexKeys", plainArray],
    ["userObject", (payload) => object(payload, "userObject")],
    ["error", (payload) => makeError(object(payload, "error"))],
  ]);
  for (const name of VIEW_NAMES) {
    all.set(name.toLowerCase(), view(name));
    if (name !== "DataView") all.set(`${name.toLowerCase()}2`, view(name));
  }
  for (const name of ERRORS) {
    all.set(name, (payload) => makeError({ ...object(payload, "error"), name }));
  }
  return all;
}

/** By the name of the type. `#` (a reference) and `sparseUndefined` (a hole) are the walker's own. */
export const REVIVERS: ReadonlyMap<string, Reviver> = revivers();
