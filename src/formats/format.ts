/**
 * A format is a file's way of holding collections: a stream reader and a stream writer. Four are read:
 * `dexie`, `localstorage`, `json`, `ndjson`; the rest is recognised and answered with the way round.
 *
 * A source is read in passes: `survey` walks a file once without parsing its records and says where collections
 * lie; `read` yields the records, in batches bounded by bytes, from the start or from any batch's resume point.
 * What is not a record (the envelope: names, order, headers, empty tables) is in the survey, JSON-able, so that
 * `write` can put the file together again.
 */
import type { Key } from "../collection/key.ts";
import type { NameOrders } from "../collection/parse-json.ts";
import type { NamesOf } from "../collection/tagged-json.ts";
import type { Value } from "../collection/value.ts";
import type { ErrorCode } from "../errors.ts";
import type { ReadObject } from "./record-reader.ts";

export type FormatName = "dexie" | "localstorage" | "json" | "ndjson";

/** The bytes of one file as UTF-8: inflated, transcoded, without a byte order mark. */
export interface Input {
  /** The file's name without folders, as shown in messages. */
  readonly name: string;
  /** The name without folders and endings: what collections are named after. */
  readonly stem: string;
  /** Size of the file on disk, for progress; offsets count bytes as read, which differ when `seekable` is false. */
  readonly bytes: number;
  /** Whether `open(offset)` jumps; otherwise it reads and drops what lies before. */
  readonly seekable: boolean;
  /** What was done to get UTF-8, to be said in a receipt: `bom`, `utf-16le`, `gzip`. */
  readonly notes: readonly string[];
  open(offset?: number, signal?: AbortSignal): AsyncIterable<Uint8Array>;
}

/** One collection of a file, as the survey found it. */
export interface Part {
  readonly collection: string;
  /** Records come with a key of their own (`SourceRecord.key`). */
  readonly keyed: boolean;
  /** Declared primary key path, where the format has one (Dexie, inbound). */
  readonly keyPath: string | undefined;
  /** Declared indexes, where the format has them. */
  readonly indexes: readonly string[];
  /** Records counted by the survey. */
  readonly records: number;
  /** What the file itself claims, when it claims another number. */
  readonly claimed: number | undefined;
}

/** JSON-able. `envelope` belongs to the format alone. */
export interface Survey {
  readonly format: FormatName;
  readonly name: string;
  readonly parts: readonly Part[];
  readonly envelope: unknown;
  /** Syntax faults accepted under `repair`. */
  readonly repairs: number;
  /** Notes of the input, see Input.notes. */
  readonly notes: readonly string[];
}

export interface SurveyOptions {
  /** Accept the known faults of writers (commas missing or doubled), counted. */
  readonly repair?: boolean;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((bytes: number) => void) | undefined;
}

export interface SourceRecord {
  readonly value: Value;
  /** The key that the format gives beside the value. */
  readonly key: Key | undefined;
  /** Ordinal in its collection within this file, from 0; bad records count too. */
  readonly position: number;
  /** Byte offset in the input, and length there. */
  readonly offset: number;
  readonly bytes: number;
  /** Orders that JavaScript objects could not keep. */
  readonly orders: NameOrders | undefined;
  /** What the source wrote of this very value, where a reader read it. `value` then is made when it is asked for. */
  readonly read?: ReadObject | undefined;
  /** The record's bytes as the source has them, for quarantine. */
  raw(): Uint8Array;
}

/** A record that cannot be read: quarantined with its bytes. */
export interface BadRecord {
  readonly code: ErrorCode;
  readonly detail: string | undefined;
  readonly key: Key | undefined;
  readonly position: number;
  readonly offset: number;
  readonly raw: Uint8Array;
}

/** Records of one collection that lie together. `batch` counts from 0 within the file. */
export interface SourceBatch {
  readonly collection: string;
  readonly batch: number;
  readonly records: readonly SourceRecord[];
  readonly bad: readonly BadRecord[];
  /** Byte offset in the input behind this batch. */
  readonly offset: number;
  /** JSON-able: handed back to `read`, it goes on with the next batch, numbered on. */
  readonly resume: unknown;
}

export interface ReadOptions {
  /** `resume` of the last batch that is done. */
  readonly from?: unknown;
  /** Bytes of source per batch. Default 1 MiB. */
  readonly batchBytes?: number;
  /** Records per batch. Default 10,000. */
  readonly batchRecords?: number;
  /** What to do with a record that names a property twice. Default `quarantine`. */
  readonly duplicateNames?: "quarantine" | "last";
  readonly repair?: boolean;
  /** Whether records are read with their digests. Default yes. */
  readonly digests?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A record on its way into a file. */
export interface ExportRecord {
  readonly key: Key;
  readonly value: Value;
  readonly names: NamesOf | undefined;
}

export interface ExportCollection {
  readonly name: string;
  /** Path of the property that holds the key; `undefined` when the key stands beside the record or is a position. */
  readonly keyPath: readonly string[] | undefined;
  /** Whether the key must be written beside the record (it is neither in it nor a mere position). */
  readonly keyed: boolean;
  readonly count: number;
  /** In the source's order. May be called more than once. */
  records(): AsyncIterable<readonly ExportRecord[]>;
}

export interface WriteReport {
  readonly records: number;
  /** Values that the format has no word for, written as tagged JSON (`{"$date":…}`). 0 for dexie. */
  readonly tagged: number;
}

/** Receives the file piece by piece; resolves when more may come. */
export type Sink = (text: string) => Promise<void>;

export interface Format {
  readonly name: FormatName;
  /**
   * @throws {OutgrowError} BUNDLE_SYNTAX with the byte offset, VERSION, ENCODING, COLLECTION_NAME, LIMIT:
   * the file cannot be taken at all, and nothing has been written anywhere.
   */
  survey(input: Input, options?: SurveyOptions): Promise<Survey>;
  read(input: Input, survey: Survey, options?: ReadOptions): AsyncIterable<SourceBatch>;
  /**
   * One record from bytes that lay in quarantine, possibly edited since.
   *
   * @param place what the quarantine knows of it: its ordinal, its key where the format gave one, and whether the
   * bytes are tagged JSON that was rebuilt from a table instead of the file's own.
   */
  decodeRaw(
    raw: Uint8Array,
    survey: Survey,
    collection: string,
    place: {
      readonly position: number;
      readonly key: string | undefined;
      readonly rebuilt: boolean;
    },
  ): SourceRecord | BadRecord;
  /** Writes a file with the survey's envelope; without a survey, in the format's plainest shape. */
  write(
    survey: Survey | undefined,
    name: string,
    collections: readonly ExportCollection[],
    sink: Sink,
  ): Promise<WriteReport>;
}
