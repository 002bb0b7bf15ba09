/**
 * Rows with their marks: the way out. What is written revives, in dexie-export-import as in dexie-revive.ts, to the
 * same value. Three kinds of values have no type there, and are written as Dexie itself would write them, counted:
 * errors (as an object of their parts), arrays of 64-bit integers (as an object of their elements), and numbers with
 * more digits than a double (as their digits, which an importer rounds). One place has no path: a property with the
 * empty name at the top of a row, whose marks would be those of the row itself.
 */
import { toBase64, viewBytes, viewName } from "../collection/bytes.ts";
import { errorParts } from "../collection/error-parts.ts";
import type { NamesOf, Path } from "../collection/tagged-json.ts";
import {
  BlobValue,
  ExactNumber,
  isPlainObject,
  type ObjectValue,
  Reference,
  type Value,
} from "../collection/value.ts";
import { childPath, referencePath } from "./dexie-revive.ts";

export class TypedWriter {
  /** Values without a type of their own so far. */
  untyped = 0;
  #types: Record<string, string> = {};
  #names: NamesOf | undefined;

  /** A row of an inbound table. */
  inbound(value: Value, names: NamesOf | undefined): string {
    this.#begin(names);
    const text = this.#value(value, "", undefined);
    return this.#row(text, isPlainObject(value) ? value : undefined);
  }

  /** A row of an outbound table: its key stands beside it. */
  outbound(key: Value, value: Value, names: NamesOf | undefined): string {
    this.#begin(names);
    const pair = [
      this.#value(key, "0", { parent: undefined, name: 0 }),
      this.#value(value, "1", undefined),
    ];
    return this.#row(`[${pair.join(",")}]`, undefined);
  }

  #begin(names: NamesOf | undefined): void {
    this.#types = {};
    this.#names = names;
  }

  #row(text: string, object: ObjectValue | undefined): string {
    const marked = Object.keys(this.#types).length > 0;
    const ownMarks = object !== undefined && Object.hasOwn(object, "$types");
    if (!marked) return ownMarks ? `{"$":${text},"$types":true}` : text;
    const types = JSON.stringify(this.#types);
    if (object === undefined || ownMarks || this.#types[""] !== undefined) {
      return `{"$":${text},"$types":{"$":${types}}}`;
    }
    return text === "{}" ? `{"$types":${types}}` : `${text.slice(0, -1)},"$types":${types}}`;
  }

  #mark(path: string, type: string, text: string): string {
    // Paths are data: `__proto__` is one of them.
    Object.defineProperty(this.#types, path, {
      value: type,
      enumerable: true,
      configurable: true,
      writable: true,
    });
    return text;
  }

  #value(value: Value, path: string, at: Path): string {
    switch (typeof value) {
      case "string":
        return JSON.stringify(value);
      case "boolean":
        return value ? "true" : "false";
      case "number":
        return this.#number(value, path);
      case "undefined":
        return this.#mark(path, "undef", "0");
      case "bigint":
        return this.#mark(path, "bigint", `"${value}"`);
      default:
        if (value === null) return "null";
        if (Array.isArray(value)) return this.#array(value, path, { parent: at, name: 0 });
        if (isPlainObject(value)) return this.#object(value, path, at);
        return this.#special(value as object, path);
    }
  }

  #number(value: number, path: string): string {
    if (Number.isNaN(value)) return this.#mark(path, "nan", '"NaN"');
    if (value === Number.POSITIVE_INFINITY) return this.#mark(path, "infinity", '"Infinity"');
    if (value === Number.NEGATIVE_INFINITY) {
      return this.#mark(path, "negativeInfinity", '"-Infinity"');
    }
    return Object.is(value, -0) ? "-0" : String(value);
  }

  #object(object: ObjectValue, path: string, at: Path): string {
    const members = (this.#names?.(object, at) ?? Object.keys(object)).map((name) => {
      const text = this.#value(object[name], childPath(path, name), { parent: at, name });
      return `${JSON.stringify(name)}:${text}`;
    });
    return `{${members.join(",")}}`;
  }

  #array(array: readonly Value[], path: string, inner: Path): string {
    const elements: string[] = [];
    for (let index = 0; index < array.length; index++) {
      const place = childPath(path, String(index));
      const hole = array[index] === undefined && !Object.hasOwn(array, index);
      elements.push(
        hole ? this.#mark(place, "sparseUndefined", "0") : this.#value(array[index], place, inner),
      );
    }
    return `[${elements.join(",")}]`;
  }

  #special(value: object, path: string): string {
    // No template speaks of places inside a special value.
    const inner: Path = { parent: undefined, name: "\u0000" };
    if (value instanceof Date) {
      const time = value.getTime();
      return this.#mark(path, "date", Number.isNaN(time) ? '"NaN"' : String(time));
    }
    if (value instanceof RegExp) {
      const { source, flags } = value;
      return this.#mark(path, "regexp", JSON.stringify({ source, flags }));
    }
    if (value instanceof Map) {
      const entries = [...(value as Map<Value, Value>)].map((pair): Value => pair);
      return this.#mark(path, "map", this.#array(entries, path, inner));
    }
    if (value instanceof Set) {
      return this.#mark(path, "set", this.#array([...(value as Set<Value>)], path, inner));
    }
    if (value instanceof Reference) {
      return this.#mark(path, "#", JSON.stringify(`#${referencePath(value)}`));
    }
    if (value instanceof Number) return this.#mark(path, "NumberObject", String(value.valueOf()));
    if (value instanceof Boolean) return this.#mark(path, "BooleanObject", String(value.valueOf()));
    if (value instanceof String) {
      return this.#mark(path, "StringObject", JSON.stringify(value.valueOf()));
    }
    if (value instanceof BigInt) return this.#mark(path, "bigintObject", `"${value.valueOf()}"`);
    return this.#bytes(value, path) ?? this.#untyped(value, path);
  }

  #bytes(value: object, path: string): string | undefined {
    if (value instanceof ArrayBuffer) {
      return this.#mark(path, "arraybuffer", `"${toBase64(new Uint8Array(value))}"`);
    }
    if (value instanceof BlobValue) return this.#blob(value, path);
    if (!ArrayBuffer.isView(value)) return undefined;
    const name = viewName(value);
    if (name === "BigInt64Array" || name === "BigUint64Array") return undefined;
    const encoded = toBase64(viewBytes(value));
    if (name === "DataView") {
      const parts = { encoded, byteOffset: 0, byteLength: value.byteLength };
      return this.#mark(path, "dataview", JSON.stringify(parts));
    }
    this.#mark(childPath(path, "buffer"), "arraybuffer", "");
    const parts = { buffer: encoded, byteOffset: 0, length: (value as Uint8Array).length };
    return this.#mark(path, `${name.toLowerCase()}2`, JSON.stringify(parts));
  }

  #blob({ type, bytes, name, lastModified }: BlobValue, path: string): string {
    if (name === undefined) {
      return this.#mark(path, "blob2", JSON.stringify({ type, data: toBase64(bytes) }));
    }
    let stringContents = "";
    for (const byte of bytes) stringContents += String.fromCharCode(byte);
    return this.#mark(path, "file", JSON.stringify({ type, stringContents, name, lastModified }));
  }

  #untyped(value: object, path: string): string {
    this.untyped++;
    if (value instanceof ExactNumber) return value.text;
    const parts = value instanceof Error ? errorParts(value) : { ...(value as ObjectValue) };
    return this.#object(parts, path, { parent: undefined, name: "\u0000" });
  }
}
