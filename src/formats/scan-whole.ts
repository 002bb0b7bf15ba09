/** One JSON text in memory, and what that has in common with a text that comes in chunks. */
import { OutgrowError } from "../errors.ts";
import type { ReadObject } from "./record-reader.ts";
import type { Slice } from "./scan-events.ts";
import { SliceWalker, type ValueKind } from "./slice-walker.ts";

/** What begins with this byte; `undefined` when no value does. */
export function kindOf(byte: number): ValueKind | undefined {
  if (byte === 0x7b) return "object";
  if (byte === 0x5b) return "array";
  if (byte === 0x22) return "string";
  // Words and numbers, right or wrong: `NaN` is the decoder's to refuse. No bracket, comma or quote is one.
  return /[\w+\-.]/.test(String.fromCharCode(byte)) ? "scalar" : undefined;
}

/** One for all texts in memory: a walk ends before the next one begins. */
const wholeWalker = new SliceWalker();

/**
 * Walks one complete JSON text that is in memory; offsets are within it.
 * @throws {OutgrowError} BUNDLE_SYNTAX
 */
export function scanWhole(bytes: Uint8Array): Slice {
  const walker = wholeWalker;
  const fail = (offset: number, detail: string): never => {
    throw new OutgrowError("BUNDLE_SYNTAX", { offset, detail });
  };
  const start = skipSpace(bytes, 0);
  if (start === bytes.length) fail(start, "the text ends too early");
  const kind = kindOf(bytes[start] as number) ?? fail(start, "no value begins like this");
  walker.begin(kind);
  let end = walker.walk(bytes, start, 0);
  if (end < 0 && kind !== "scalar") fail(bytes.length, "the text ends too early");
  if (end < 0) end = bytes.length;
  const rest = skipSpace(bytes, end);
  if (rest < bytes.length) fail(rest, "something follows behind the end");
  const place = { name: undefined, index: 0, offset: start, length: end - start };
  return sliceOf(walker, kind, place, bytes.subarray(start, end));
}

/** The index of the next byte that is no space, or the length. */
export function skipSpace(bytes: Uint8Array, at: number): number {
  for (; at < bytes.length; at++) {
    const byte = bytes[at] as number;
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) break;
  }
  return at;
}

/** The slice that a walker has just come to the end of. */
export function sliceOf(
  walker: SliceWalker,
  kind: ValueKind,
  place: Pick<Slice, "name" | "index" | "offset" | "length">,
  bytes: Uint8Array | undefined,
  read?: ReadObject,
): Slice {
  return {
    type: "slice",
    kind,
    name: place.name,
    index: place.index,
    bytes,
    offset: place.offset,
    length: place.length,
    read,
    exact: walker.exact,
    digitName: walker.digitName,
    properties: walker.properties,
    nodes: walker.nodes,
    depth: walker.depth,
    dataUrlBytes: walker.dataUrlBytes,
    largestDataUrl: walker.largestDataUrl,
  };
}
