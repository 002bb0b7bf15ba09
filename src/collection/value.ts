/**
 * What a record may hold: all of JSON, and all that IndexedDB's structured clone keeps.
 *
 * A value is a tree. Plain objects and arrays (holes included), strings with lone surrogates, `undefined`,
 * -0, NaN, bigint, Date, RegExp, Map, Set, Error, boxed primitives, ArrayBuffer and its views stand for
 * themselves. Three things have no JavaScript value of their own and get a class here.
 */

/**
 * A JSON number that a double cannot hold: `9007199254740993`, `1e400`.
 * `text` is the JSON spelling; two spellings of one number are the same value.
 */
export class ExactNumber {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** A Blob or a File, with its bytes at hand. `name` and `lastModified` are there when it is a File. */
export class BlobValue {
  readonly type: string;
  readonly bytes: Uint8Array;
  readonly name: string | undefined;
  readonly lastModified: number | undefined;
  constructor(type: string, bytes: Uint8Array, name?: string, lastModified?: number) {
    this.type = type;
    this.bytes = bytes;
    this.name = name;
    this.lastModified = lastModified;
  }
}

/**
 * A second way to a value that stands elsewhere in the same record: shared and cyclic references.
 * `path` leads from the record to the place that holds the value, as property names and indices.
 */
export class Reference {
  readonly path: readonly (string | number)[];
  constructor(path: readonly (string | number)[]) {
    this.path = path;
  }
}

export type Value =
  | null
  | undefined
  | boolean
  | number
  | bigint
  | string
  | ExactNumber
  | BlobValue
  | Reference
  | Date
  | RegExp
  | Error
  | ArrayBuffer
  | ArrayBufferView
  | Map<Value, Value>
  | Set<Value>
  | readonly Value[]
  | { readonly [name: string]: Value };

/** A record whose parts are named; what most collections hold. */
export type ObjectValue = { readonly [name: string]: Value };

/** Whether `value` is a plain object, as opposed to an array or one of the classes above. */
export function isPlainObject(value: unknown): value is ObjectValue {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Object.prototype || prototype === null) return true;
  // An object of another realm (a frame, a vm context): its prototype is that realm's Object.prototype.
  return (
    Object.getPrototypeOf(prototype) === null &&
    Object.prototype.toString.call(value) === "[object Object]"
  );
}

/** Whether `value` is an object around a primitive, as `Object(5)` makes one. */
export function isBoxed(value: object): boolean {
  return (
    value instanceof Number ||
    value instanceof String ||
    value instanceof Boolean ||
    value instanceof BigInt
  );
}

/** An own property, whatever its name is: `constructor` is nothing that an object has by itself. */
export function getOwn<T>(object: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}

/** Sets an own property whatever its name is: `__proto__` becomes data, never a prototype. */
export function setOwn(object: object, name: string, value: unknown): void {
  if (name === "__proto__") {
    Object.defineProperty(object, name, {
      value,
      enumerable: true,
      configurable: true,
      writable: true,
    });
  } else {
    (object as Record<string, unknown>)[name] = value;
  }
}

export const LIMITS = {
  /** Levels of nesting in one record. */
  depth: 128,
  /** Values in one record, containers included. */
  nodes: 250_000,
  /** Properties of one object. */
  properties: 10_000,
  /** Bytes of one record without its data URLs and blobs. */
  recordBytes: 8 * 1024 * 1024,
  /** Bytes of one data URL or blob. */
  blobBytes: 25 * 1024 * 1024,
  /** Bytes of one key in its ledger spelling. */
  keyBytes: 1024,
  /** Collections in one source. */
  collections: 10_000,
  /** Characters in the name of a collection. */
  collectionName: 200,
} as const;
