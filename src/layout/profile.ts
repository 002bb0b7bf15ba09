/**
 * What the values of a collection really are, gathered record by record in bounded memory. Inference chooses a
 * layout from it, and `inspect` tells the findings.
 */
import { encodeKey, isPlainKeyText, type Key } from "../collection/key.ts";
import { isPlainObject, LIMITS, type ObjectValue, type Value } from "../collection/value.ts";
import { KeySet } from "./key-set.ts";
import { type NoticeCounts, notice } from "./notices.ts";
import { singularOf, stemsOf } from "./profile-names.ts";
import { Bounds, type PropertyProfile, ShapeProfile } from "./profile-properties.ts";
import { textForm } from "./profile-text.ts";

export type { PropertyProfile } from "./profile-properties.ts";

/** Properties counted by name in one collection; beyond it they are only counted together. */
const PROPERTIES = 1000;
/** Keys compared by their looks: 16 MiB. */
const LOOKS = 1_000_000;

/** What was seen of one possible key. */
export class KeyProfile {
  readonly path: readonly string[];
  present = 0;
  strings = 0;
  integers = 0;
  numbers = 0;
  others = 0;
  uuids = 0;
  /** Strings that a text column cannot hold as a key: NUL or lone surrogates. */
  unclean = 0;
  tooLong = 0;
  readonly distinct = new KeySet();
  /** The keys as they look: without their type, their case, and the blanks around them. */
  readonly #looks = new KeySet(LOOKS);

  constructor(path: readonly string[]) {
    this.path = path;
  }

  /** Distinct keys that look like one of the others: `1` and `"1"`, `a` and `A`. */
  get lookAlikeKeys(): number {
    return this.#looks.repeated;
  }

  observe(key: Key | undefined): void {
    if (key === undefined) return;
    this.present++;
    const text = encodeKey(key);
    // One code unit is at most three bytes of UTF-8.
    if (text.length * 3 > LIMITS.keyBytes && keyBytes(text) > LIMITS.keyBytes) this.tooLong++;
    const isNew = this.distinct.add(text);
    if (typeof key === "string") {
      this.strings++;
      if (textForm(key) === "uuid") this.uuids++;
      if (!isPlainKeyText(key) && (key.includes("\u0000") || !key.isWellFormed())) this.unclean++;
      if (isNew && key.length <= LIMITS.keyBytes) {
        this.#looks.add(key.trim().toLowerCase().normalize());
      }
    } else if (typeof key === "number") {
      if (Number.isSafeInteger(key)) this.integers++;
      else this.numbers++;
      if (isNew) this.#looks.add(String(key));
    } else {
      this.others++;
    }
  }
}

export interface ProfileOptions {
  /** Records come with a key of their own. */
  readonly keyed?: boolean | undefined;
  /** Declared key path, when the format declares one. */
  readonly declaredKey?: string | undefined;
  /** Declared indexes, as a Part has them. */
  readonly indexes?: readonly string[] | undefined;
  /** The names of all collections of the source: without them only names such as `userId` count as references. */
  readonly collections?: readonly string[] | undefined;
}

export class CollectionProfile {
  readonly name: string;
  readonly declaredKey: string | undefined;
  readonly keyed: boolean;
  readonly indexes: readonly string[];
  records = 0;
  bytes = 0;
  largest = 0;
  readonly shape: ShapeProfile;
  readonly keys: readonly KeyProfile[];
  readonly notices: NoticeCounts = new Map();

  constructor(name: string, options: ProfileOptions = {}) {
    this.name = name;
    this.keyed = options.keyed ?? false;
    this.declaredKey = options.declaredKey;
    this.indexes = options.indexes ?? [];
    const stems = new Set((options.collections ?? []).flatMap(stemsOf));
    this.shape = new ShapeProfile(PROPERTIES, new Bounds(stems), 0);
    this.keys = (this.keyed ? [[]] : candidatePaths(name, this.declaredKey)).map(
      (path) => new KeyProfile(path),
    );
  }

  /** Records that are plain objects. */
  get objects(): number {
    return this.shape.objects;
  }

  get properties(): ReadonlyMap<string, PropertyProfile> {
    return this.shape.properties;
  }

  get unnamedProperties(): number {
    return this.shape.unnamed;
  }

  /** @param bytes the record's size in the source. */
  observe(value: Value, key: Key | undefined, bytes: number): void {
    this.records++;
    this.bytes += bytes;
    if (bytes > this.largest) this.largest = bytes;
    for (const candidate of this.keys) {
      candidate.observe(candidate.path.length === 0 ? key : keyAt(value, candidate.path));
    }
    if (!isPlainObject(value)) {
      notice(this.notices, "", value);
      return;
    }
    this.shape.objects++;
    for (const name of Object.keys(value)) {
      const held = value[name];
      const property = this.shape.property(name);
      if (property === undefined) continue;
      property.observe(held);
      const isJson = notice(this.notices, name, held);
      if (!isJson && typeof held === "object") property.notJson++;
    }
  }
}

/** Where a key may be, the most likely first (DECISIONS 19). */
function candidatePaths(collection: string, declared: string | undefined): string[][] {
  if (declared !== undefined) return [declared.split(".")];
  const singular = collection.replace(/ies$/i, "y").replace(/s$/i, "");
  const names = ["id", "_id", "uuid", "key", `${singular}Id`, `${singular}_id`];
  names.push(`${singularOf(collection)}Id`, `${singularOf(collection)}_id`);
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
export function asKey(value: Value): Key | undefined {
  if (typeof value === "string") return value;
  if (typeof value === "number") return Number.isNaN(value) ? undefined : value;
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? undefined : value;
  if (value instanceof ArrayBuffer || value instanceof Uint8Array) return value;
  if (!Array.isArray(value)) return undefined;
  const parts = (value as readonly Value[]).map(asKey);
  return parts.includes(undefined) ? undefined : (parts as Key[]);
}

const utf8 = new TextEncoder();

/** Bytes of a ledger key as UTF-8. */
export function keyBytes(ledgerKey: string): number {
  return utf8.encode(ledgerKey).length;
}
