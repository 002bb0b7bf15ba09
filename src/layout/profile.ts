/**
 * What the values of a collection really are, gathered record by record in bounded memory. Inference chooses a
 * layout from it, and `inspect` tells the findings.
 */
import { encodeKey, isPlainKeyText, type Key } from "../collection/key.ts";
import {
  ExactNumber,
  isPlainObject,
  LIMITS,
  type ObjectValue,
  type Value,
} from "../collection/value.ts";
import { isoMilliseconds, isUuid } from "./codec.ts";
import { KeySet } from "./key-set.ts";
import { type NoticeCounts, notice } from "./notices.ts";

/** Properties counted by name in one collection; beyond it they are only counted together. */
const PROPERTIES = 1000;

export type Kind =
  | "string"
  | "integer"
  | "number"
  | "boolean"
  | "date"
  | "null"
  | "undefined"
  | "object"
  | "array"
  | "other";

/** What was seen under one property name. */
export interface PropertyProfile {
  readonly name: string;
  readonly kinds: Map<Kind, number>;
  /** Of the strings: how many are lower-case UUIDs, how many are ISO timestamps as toISOString writes them. */
  uuids: number;
  isoTimestamps: number;
  /** Of the numbers: how many are only exact as text. */
  exact: number;
}

/** What was seen of one possible key. */
export interface KeyProfile {
  readonly path: readonly string[];
  present: number;
  strings: number;
  integers: number;
  numbers: number;
  others: number;
  uuids: number;
  /** Strings that a text column cannot hold as a key: NUL or lone surrogates. */
  unclean: number;
  tooLong: number;
  readonly distinct: KeySet;
}

export class CollectionProfile {
  readonly name: string;
  /** Declared key path, when the format declares one. */
  readonly declaredKey: string | undefined;
  readonly keyed: boolean;
  records = 0;
  objects = 0;
  bytes = 0;
  largest = 0;
  unnamedProperties = 0;
  readonly properties = new Map<string, PropertyProfile>();
  readonly keys: readonly KeyProfile[];
  readonly notices: NoticeCounts = new Map();

  constructor(name: string, options: { keyed?: boolean; declaredKey?: string | undefined } = {}) {
    this.name = name;
    this.keyed = options.keyed ?? false;
    this.declaredKey = options.declaredKey;
    this.keys = this.keyed
      ? [keyProfile([])]
      : candidatePaths(name, this.declaredKey).map(keyProfile);
  }

  /** @param bytes the record's size in the source. */
  observe(value: Value, key: Key | undefined, bytes: number): void {
    this.records++;
    this.bytes += bytes;
    this.largest = Math.max(this.largest, bytes);
    for (const candidate of this.keys) {
      observeKey(candidate, candidate.path.length === 0 ? key : keyAt(value, candidate.path));
    }
    if (!isPlainObject(value)) {
      notice(this.notices, "", value);
      return;
    }
    this.objects++;
    for (const name of Object.keys(value)) this.#observeProperty(name, value[name]);
  }

  #observeProperty(name: string, value: Value): void {
    let property = this.properties.get(name);
    if (property === undefined) {
      if (this.properties.size >= PROPERTIES) {
        this.unnamedProperties++;
        return;
      }
      property = {
        name,
        kinds: new Map(),
        uuids: 0,
        isoTimestamps: 0,
        exact: 0,
      };
      this.properties.set(name, property);
    }
    const kind = kindOf(value);
    property.kinds.set(kind, (property.kinds.get(kind) ?? 0) + 1);
    if (typeof value === "string") {
      if (isUuid(value)) property.uuids++;
      else if (isoMilliseconds(value) !== undefined) property.isoTimestamps++;
    } else if (value instanceof ExactNumber) {
      property.exact++;
    }
    notice(this.notices, name, value);
  }
}

function kindOf(value: Value): Kind {
  switch (typeof value) {
    case "string":
      return "string";
    case "number":
      return Number.isSafeInteger(value) && !Object.is(value, -0) ? "integer" : "number";
    case "boolean":
      return "boolean";
    case "undefined":
      return "undefined";
    case "bigint":
      return "other";
    default:
      if (value === null) return "null";
      if (Array.isArray(value)) return "array";
      if (value instanceof ExactNumber) return "number";
      if (value instanceof Date) return "date";
      return isPlainObject(value) ? "object" : "other";
  }
}

function keyProfile(path: readonly string[]): KeyProfile {
  return {
    path,
    present: 0,
    strings: 0,
    integers: 0,
    numbers: 0,
    others: 0,
    uuids: 0,
    unclean: 0,
    tooLong: 0,
    distinct: new KeySet(),
  };
}

/** Where a key may be, the most likely first (DECISIONS 19). */
function candidatePaths(collection: string, declared: string | undefined): string[][] {
  if (declared !== undefined) return [declared.split(".")];
  const singular = collection.replace(/ies$/i, "y").replace(/s$/i, "");
  const names = ["id", "_id", "uuid", "key", `${singular}Id`, `${singular}_id`];
  return [...new Set(names)].map((name) => [name]);
}

/** A key at a path of the record; `undefined` where there is none that could be a key. */
export function keyAt(record: Value, path: readonly string[]): Key | undefined {
  let value: Value = record;
  for (const name of path) {
    if (!isPlainObject(value) || !Object.hasOwn(value, name)) return undefined;
    value = (value as ObjectValue)[name];
  }
  return asKey(value);
}

/** A value as a key, when it is one. */
function asKey(value: Value): Key | undefined {
  if (typeof value === "string") return value;
  if (typeof value === "number") return Number.isNaN(value) ? undefined : value;
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? undefined : value;
  if (value instanceof ArrayBuffer || value instanceof Uint8Array) return value;
  if (!Array.isArray(value)) return undefined;
  const parts = (value as readonly Value[]).map(asKey);
  return parts.includes(undefined) ? undefined : (parts as Key[]);
}

function observeKey(profile: KeyProfile, key: Key | undefined): void {
  if (key === undefined) return;
  profile.present++;
  const text = encodeKey(key);
  // One code unit is at most three bytes of UTF-8.
  if (text.length * 3 > LIMITS.keyBytes && keyBytes(text) > LIMITS.keyBytes) profile.tooLong++;
  profile.distinct.add(text);
  if (typeof key === "string") {
    profile.strings++;
    if (isUuid(key)) profile.uuids++;
    if (!isPlainKeyText(key) && (key.includes("\u0000") || !key.isWellFormed())) profile.unclean++;
  } else if (typeof key === "number") {
    if (Number.isSafeInteger(key)) profile.integers++;
    else profile.numbers++;
  } else {
    profile.others++;
  }
}

const utf8 = new TextEncoder();

/** Bytes of a ledger key as UTF-8. */
export function keyBytes(ledgerKey: string): number {
  return utf8.encode(ledgerKey).length;
}
