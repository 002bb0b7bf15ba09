/** The values of a localStorage dump: text inside JSON strings, which is often JSON itself. */
import { canonicalText } from "../collection/canonical.ts";
import { JsonWriter } from "../collection/json-text.ts";
import { type NameOrders, parseJson } from "../collection/parse-json.ts";
import type { NamesOf } from "../collection/tagged-json.ts";
import type { Value } from "../collection/value.ts";
import {
  type DecodedValue,
  type DuplicateNames,
  decodeRecord,
  decodeValue,
  type Fault,
  faultOf,
  isFault,
  type RecordPlace,
} from "./decode-record.ts";
import type { Holding } from "./dump-keys.ts";
import type { BadRecord, SourceRecord } from "./format.ts";
import { Scanner, type Slice, scanWhole } from "./scanner.ts";

const textOf = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/** The text of a value, out of its JSON string. */
export function valueText({ bytes, length }: Slice): string | Fault {
  if (bytes === undefined) return { code: "RECORD_TOO_LARGE", detail: `${length} bytes` };
  let string: string;
  try {
    string = textOf.decode(bytes);
  } catch {
    return { code: "UTF8_INVALID", detail: undefined };
  }
  try {
    return JSON.parse(string) as string;
  } catch {
    return { code: "JSON_SYNTAX", detail: "the string around the value" };
  }
}

/** Text as bytes. A surrogate without its other half, which UTF-8 cannot hold, becomes the escape that says it. */
export function textBytes(text: string): Uint8Array {
  if (text.isWellFormed()) return encoder.encode(text);
  const lone = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;
  return encoder.encode(
    text.replace(lone, (half) => `\\u${half.charCodeAt(0).toString(16).padStart(4, "0")}`),
  );
}

export interface Held {
  readonly holding: Holding;
  /** Elements of an array, and how many of them are objects. */
  readonly count: number;
  readonly objects: number;
}

/** What a value holds, without parsing what is large. */
export function holdingOf(text: string): Held {
  const first = /\S/.exec(text)?.[0];
  if (first === "[" || first === "{") {
    try {
      return first === "[" ? countElements(text) : isObject(text);
    } catch (error) {
      faultOf(error);
      return { holding: "broken", count: 0, objects: 0 };
    }
  }
  return { holding: isJson(text) ? "json" : "text", count: 0, objects: 0 };
}

function isObject(text: string): Held {
  scanWhole(textBytes(text));
  return { holding: "object", count: 0, objects: 0 };
}

function countElements(text: string): Held {
  let count = 0;
  let objects = 0;
  for (const { kind } of elements(textBytes(text), "skip")) {
    count++;
    if (kind === "object") objects++;
  }
  return { holding: "array", count, objects };
}

/** The elements of an array in memory. @throws {OutgrowError} BUNDLE_SYNTAX */
export function* elements(bytes: Uint8Array, choice: "take" | "skip"): Generator<Slice> {
  const scanner = new Scanner({
    decide: (_kind, _name, within) => (within.length === 0 ? "enter" : choice),
  });
  scanner.push(bytes);
  for (const event of scanner.events()) if (event.type === "slice") yield event;
  scanner.end();
  scanner.next();
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** Reads a value as one record. `offset` is that of the value in the file. */
export function decodeText(
  text: string,
  holding: Holding,
  offset: number,
  place: RecordPlace,
  duplicateNames?: DuplicateNames,
): SourceRecord | BadRecord {
  const quoted = holding === "text";
  const raw = textBytes(text);
  let slice: Slice;
  try {
    slice = scanWhole(quoted ? encoder.encode(JSON.stringify(text)) : raw);
  } catch (error) {
    return { ...faultOf(error), ...place, offset, raw };
  }
  const record = decodeRecord({ ...slice, offset }, place, duplicateNames);
  if (!quoted || !text.isWellFormed()) return record;
  // A bare string goes into quarantine as it stands, not in quotes.
  return "code" in record ? { ...record, raw } : { ...record, raw: () => raw };
}

/** How a value was spelt, where `JSON.stringify` would spell it otherwise. */
export type Spelling =
  | undefined
  /** Each `/` as `\/`, as some browsers' tools write it. */
  | { readonly slashes: true }
  | { readonly raw: string };

/** @param text JSON. */
export function spellingOf(text: string): Spelling {
  const read = readText(text);
  if (read === undefined) return undefined;
  const plain = new JsonWriter().write(read.value, namesOf(read.orders));
  if (plain === text) return undefined;
  return withSlashes(plain) === text ? { slashes: true } : { raw: text };
}

/** Within JSON, `/` stands in strings only. */
export function withSlashes(text: string): string {
  return text.replaceAll("/", "\\/");
}

/** Whether a raw text still says this value. */
export function saysStill(raw: string, value: Value): boolean {
  const read = readText(raw);
  return read !== undefined && canonicalText(read.value) === canonicalText(value);
}

function readText(text: string): DecodedValue | undefined {
  try {
    const slice = scanWhole(textBytes(text));
    if (slice.kind !== "array") {
      const decoded = decodeValue(slice, "last");
      return isFault(decoded) ? undefined : decoded;
    }
    // The limits are those of its elements, each of which is a record.
    for (const element of elements(slice.bytes as Uint8Array, "take")) {
      if (isFault(decodeValue(element, "last"))) return undefined;
    }
    if (slice.exact || slice.digitName) return parseJson(text);
    return { value: JSON.parse(text) as Value, orders: undefined };
  } catch (error) {
    faultOf(error);
    return undefined;
  }
}

function namesOf(orders: NameOrders | undefined): NamesOf | undefined {
  return orders && ((object) => orders.get(object) ?? Object.keys(object));
}
