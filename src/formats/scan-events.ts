/** What a scanner says, and what it is asked: see scanner.ts. */
import type { ReadObject, RecordReader } from "./record-reader.ts";
import type { ValueKind } from "./slice-walker.ts";

/** A container that the scanner is in. */
export interface Frame {
  readonly kind: "object" | "array";
  /** Its name in the object around it. */
  readonly name: string | undefined;
  /** Its ordinal in the container around it. */
  readonly index: number;
  /** How many of its members have begun. */
  readonly count: number;
  /** Offset of its opening bracket. */
  readonly offset: number;
}

/**
 * `enter` (containers only), `take` with its bytes, or `skip`: a slice that is counted but has no bytes.
 * @param within the containers around the value, outermost first; live, not to be kept.
 */
export type Decide = (
  kind: ValueKind,
  name: string | undefined,
  within: readonly Frame[],
) => "enter" | "take" | "skip";

/** A value that was taken or skipped. */
export interface Slice {
  readonly type: "slice";
  readonly kind: ValueKind;
  /** Its name, when it is a member of an object. */
  readonly name: string | undefined;
  /** Its ordinal in the container around it, from 0. */
  readonly index: number;
  /** Its bytes; `undefined` when it was skipped or is longer than `maxSlice`. May share memory with a chunk. */
  readonly bytes: Uint8Array | undefined;
  /** Offset of its first byte in the text. */
  readonly offset: number;
  readonly length: number;
  /** What a reader read of it, which has then judged all that the following are there for: they say nothing. */
  readonly read: ReadObject | undefined;
  /** Holds a number that a double may not hold. */
  readonly exact: boolean;
  /** Holds an object with a name that JavaScript would move to the front. */
  readonly digitName: boolean;
  /** Names in all its objects, repeated ones too. */
  readonly properties: number;
  /** Values in it, containers and itself included. */
  readonly nodes: number;
  /** Levels of containers; 0 for a scalar. */
  readonly depth: number;
  /** Bytes in strings that begin with `data:`, and the largest of them. */
  readonly dataUrlBytes: number;
  readonly largestDataUrl: number;
}

export interface Boundary {
  readonly type: "enter" | "leave";
  readonly kind: "object" | "array";
  readonly name: string | undefined;
  readonly index: number;
  /** Members; on `enter` always 0. */
  readonly count: number;
  /** Offset of the bracket. */
  readonly offset: number;
  /** Containers around it. */
  readonly depth: number;
}

export type ScanEvent = Slice | Boundary;

/**
 * What may come next: a value (`first`: or the closing bracket), a name (likewise), a colon, a comma or the closing
 * bracket (`more`), or nothing but space.
 */
export type Expect = "value" | "firstValue" | "name" | "firstName" | "colon" | "more" | "end";

/** JSON-able: where a scanner stands between two events. */
export interface ScanState {
  /** The next byte to be read. */
  readonly offset: number;
  readonly repairs: number;
  readonly expect: Expect;
  readonly within: readonly Frame[];
}

export interface ScannerOptions {
  readonly decide: Decide;
  /** Accept missing and doubled commas between members, counted in `repairs`. Default: no. */
  readonly repair?: boolean | undefined;
  /** Where another scanner stood; the first chunk then begins at its offset. */
  readonly from?: ScanState | undefined;
  /** Reads the objects that are taken. */
  readonly reader?: RecordReader | undefined;
  /** Longest slice that is kept, in bytes. Default 256 MiB. */
  readonly maxSlice?: number | undefined;
  /** Named in errors. */
  readonly file?: string | undefined;
}
