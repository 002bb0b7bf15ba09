/**
 * From a slice of bytes to a record, or to the reason why not. The checks stand in this order, each before the work
 * that the next one costs: size, depth, nodes, UTF-8, syntax, repeated names. Every value comes out as it was
 * written: numbers beyond a double stay exact, text is never mended, and `__proto__` is a name like any other.
 */
import { decodeKey, type Key } from "../collection/key.ts";
import { type NameOrders, parseJson } from "../collection/parse-json.ts";
import { fromTaggedJson } from "../collection/tagged-json.ts";
import { LIMITS, type Value } from "../collection/value.ts";
import { type ErrorCode, OutgrowError } from "../errors.ts";
import type { BadRecord, ReadOptions, SourceRecord } from "./format.ts";
import type { ReadObject } from "./record-reader.ts";
import { type Slice, scanWhole } from "./scanner.ts";

export type DuplicateNames = NonNullable<ReadOptions["duplicateNames"]>;

/** The value of a slice. */
export interface DecodedValue {
  readonly value: Value;
  readonly orders: NameOrders | undefined;
}

/** Why there is none. */
export interface Fault {
  readonly code: ErrorCode;
  readonly detail: string | undefined;
}

/** Where a record stands. */
export interface RecordPlace {
  readonly key: Key | undefined;
  readonly position: number;
}

const EMPTY = new Uint8Array(0);
const textOf = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export function isFault(decoded: DecodedValue | Fault): decoded is Fault {
  return "code" in decoded;
}

export function isBad(record: SourceRecord | BadRecord): record is BadRecord {
  return "code" in record;
}

/** Reads a slice that was taken. Never throws for what the slice holds. */
export function decodeRecord(
  slice: Slice,
  place: RecordPlace,
  duplicateNames: DuplicateNames = "quarantine",
): SourceRecord | BadRecord {
  if (slice.read !== undefined) return new ReadRecord(slice.read, slice.offset, place);
  return makeRecord(decodeValue(slice, duplicateNames), slice, place);
}

/** Puts what a slice was read as where it belongs. */
function makeRecord(
  decoded: DecodedValue | Fault,
  slice: Slice,
  { key, position }: RecordPlace,
): SourceRecord | BadRecord {
  const { offset } = slice;
  const raw = slice.bytes ?? EMPTY;
  if (isFault(decoded)) return { ...decoded, key, position, offset, raw };
  const { value, orders } = decoded;
  return { value, orders, key, position, offset, bytes: slice.length, raw: () => raw };
}

/** A record of which a reader has read all but its value. */
export class ReadRecord implements SourceRecord {
  readonly read: ReadObject;
  readonly offset: number;
  readonly key: Key | undefined;
  readonly position: number;
  readonly orders = undefined;
  #value: Value;

  constructor(read: ReadObject, offset: number, { key, position }: RecordPlace) {
    this.read = read;
    this.offset = offset;
    this.key = key;
    this.position = position;
  }

  get bytes(): number {
    return this.read.bytes.length;
  }

  get value(): Value {
    this.#value ??= this.read.value();
    return this.#value;
  }

  raw(): Uint8Array {
    return this.read.bytes;
  }
}

/** The value of a slice alone, for formats in which it is not yet the record. */
export function decodeValue(
  slice: Slice,
  duplicateNames: DuplicateNames = "quarantine",
): DecodedValue | Fault {
  const beyond = beyondLimits(slice);
  if (beyond !== undefined) return beyond;
  let text: string;
  try {
    text = textOf.decode(slice.bytes);
  } catch {
    return { code: "UTF8_INVALID", detail: undefined };
  }
  const decoded = slice.exact || slice.digitName ? parseSlowly(text) : parseFast(text, slice);
  if (isFault(decoded)) return decoded;
  if (slice.properties > LIMITS.properties && !objectsFit(decoded.value)) {
    return { code: "TOO_MANY_NODES", detail: `an object of more than ${LIMITS.properties} names` };
  }
  if (decoded.duplicate !== undefined && duplicateNames === "quarantine") {
    return { code: "DUP_KEY", detail: decoded.duplicate.slice(0, 200) };
  }
  return decoded;
}

interface Parsed extends DecodedValue {
  readonly duplicate: string | undefined;
}

function beyondLimits(slice: Slice): Fault | undefined {
  const { bytes, length, dataUrlBytes, largestDataUrl, depth, nodes } = slice;
  if (length - dataUrlBytes > LIMITS.recordBytes) {
    return { code: "RECORD_TOO_LARGE", detail: `${length - dataUrlBytes} bytes` };
  }
  if (largestDataUrl > LIMITS.blobBytes) {
    return { code: "BLOB_TOO_LARGE", detail: `${largestDataUrl} bytes` };
  }
  if (bytes === undefined) return { code: "RECORD_TOO_LARGE", detail: `${length} bytes in all` };
  if (depth > LIMITS.depth) return { code: "DEPTH", detail: `${depth} levels` };
  if (nodes > LIMITS.nodes) return { code: "TOO_MANY_NODES", detail: `${nodes} values` };
  return undefined;
}

function parseFast(text: string, slice: Slice): Parsed | Fault {
  let value: Value;
  try {
    value = JSON.parse(text) as Value;
  } catch {
    return syntaxFault(text);
  }
  // Fewer names in the value than colons in the text: one of them stood twice. Which one, the slow way tells.
  if (slice.properties > 0 && countNames(value) !== slice.properties) return parseSlowly(text);
  return { value, orders: undefined, duplicate: undefined };
}

function parseSlowly(text: string): Parsed | Fault {
  try {
    const { value, orders, duplicate } = parseJson(text);
    return { value, orders: orders.size === 0 ? undefined : orders, duplicate };
  } catch (error) {
    if (error instanceof SyntaxError) return { code: "JSON_SYNTAX", detail: error.message };
    throw error;
  }
}

/** What V8 says of a syntax error quotes the text; this says the place only. */
function syntaxFault(text: string): Fault {
  const slow = parseSlowly(text);
  return isFault(slow) ? slow : { code: "JSON_SYNTAX", detail: undefined };
}

function countNames(value: Value): number {
  if (typeof value !== "object" || value === null) return 0;
  let count = 0;
  if (Array.isArray(value)) {
    for (const element of value) if (typeof element === "object") count += countNames(element);
    return count;
  }
  // What JSON.parse makes has no enumerable names but its own, and for-in takes V8's shortest way.
  for (const name in value) {
    count++;
    const inner = (value as Record<string, Value>)[name];
    if (typeof inner === "object") count += countNames(inner);
  }
  return count;
}

function objectsFit(value: Value): boolean {
  if (typeof value !== "object" || value === null) return true;
  if (Array.isArray(value)) return value.every(objectsFit);
  const inner = Object.values(value);
  return inner.length <= LIMITS.properties && inner.every(objectsFit);
}

/** The fault that a failed walk over one text in memory amounts to. @throws whatever is no fault of the text. */
export function faultOf(error: unknown): Fault {
  if (!OutgrowError.is(error, "BUNDLE_SYNTAX")) throw error;
  const { offset, detail } = error.site;
  return { code: "JSON_SYNTAX", detail: `${detail ?? "not JSON"} at byte ${offset ?? 0}` };
}

/** What the quarantine knows of a record whose bytes are to be read again. */
export interface RawPlace {
  readonly position: number;
  /** Ledger text of the key, where the format gave one. */
  readonly key: string | undefined;
  /** Whether the bytes are tagged JSON that was rebuilt from a table. */
  readonly rebuilt: boolean;
}

/** Reads the bytes of one record that lay in quarantine and may have been edited: JSON, unless they were rebuilt. */
export function decodeRawJson(raw: Uint8Array, place: RawPlace): SourceRecord | BadRecord {
  const { position } = place;
  const key = place.key === undefined ? undefined : decodeKey(place.key);
  const bad = (fault: Fault): BadRecord => ({ ...fault, key, position, offset: 0, raw });
  let slice: Slice;
  try {
    slice = scanWhole(raw);
  } catch (error) {
    return bad(faultOf(error));
  }
  const decoded = decodeValue(slice);
  if (isFault(decoded)) return bad(decoded);
  if (!place.rebuilt) return makeRecord(decoded, { ...slice, bytes: raw }, { key, position });
  try {
    const value = fromTaggedJson(textOf.decode(raw));
    return makeRecord({ value, orders: undefined }, { ...slice, bytes: raw }, { key, position });
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return bad({ code: "JSON_SYNTAX", detail: "a tag that outgrow did not write" });
  }
}
