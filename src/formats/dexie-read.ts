/** Reads the rows of a Dexie export, their marks applied. */
import { decodeKey, type Key } from "../collection/key.ts";
import { isPlainObject, type Value } from "../collection/value.ts";
import { Batcher } from "./batcher.ts";
import { decodeRawJson, decodeRecord, isBad, type RawPlace } from "./decode-record.ts";
import type { DexieEntry, DexieEnvelope } from "./dexie-envelope.ts";
import { MARKS, revive } from "./dexie-revive.ts";
import { decideDexie, inRows } from "./dexie-survey.ts";
import { TypeFault } from "./dexie-types.ts";
import type { BadRecord, Input, ReadOptions, SourceBatch, SourceRecord, Survey } from "./format.ts";
import { RecordReader } from "./record-reader.ts";
import { Scanner, type ScanState } from "./scanner.ts";

/** JSON-able. */
interface Resume {
  readonly batch: number;
  readonly scan: ScanState;
}

export async function* readDexie(
  input: Input,
  survey: Survey,
  options: ReadOptions = {},
): AsyncGenerator<SourceBatch> {
  const { entries } = survey.envelope as DexieEnvelope;
  const from = (options.from ?? undefined) as Resume | undefined;
  const batcher = new Batcher(options, from?.batch ?? 0);
  const scanner = new Scanner({
    decide: decideDexie("take"),
    repair: options.repair,
    from: from?.scan,
    file: input.name,
    reader: new RecordReader(options.digests),
  });
  const take = () =>
    batcher.take(scanner.offset, (batch): Resume => ({ batch, scan: scanner.state() }));
  for await (const events of scanner.over(input.open(from?.scan.offset ?? 0, options.signal))) {
    for (const event of events) {
      if (event.type === "leave") {
        const batch = take();
        if (batch !== undefined) yield batch;
      } else if (event.type === "slice" && inRows(scanner.within)) {
        const entry = entries[scanner.within[3]?.index ?? -1] as DexieEntry;
        const place = { key: undefined, position: event.index };
        const record = decodeRecord(event, place, options.duplicateNames);
        batcher.add(entry.collection, rowOf(record, entry), event.length);
        const batch = batcher.full ? take() : undefined;
        if (batch !== undefined) yield batch;
      }
    }
  }
}

/** The record that a row holds, with the key that stands beside it. */
function rowOf(row: SourceRecord | BadRecord, entry: DexieEntry): SourceRecord | BadRecord {
  if (isBad(row)) return row;
  const { compound } = entry;
  const isPlain = row.read !== undefined && !row.read.names.includes(MARKS);
  if (isPlain && entry.inbound && compound === undefined) return row;
  const { orders, key, position, offset, bytes } = row;
  try {
    const value = revive(row.value, orders);
    const revived = { value, orders, key, position, offset, bytes, raw: () => row.raw() };
    if (!entry.inbound) return { ...revived, ...pairOf(value) };
    return compound === undefined ? revived : { ...revived, key: compoundKey(value, compound) };
  } catch (error) {
    if (!(error instanceof TypeFault)) throw error;
    return { code: "TSON", detail: error.message, key, position, offset, raw: row.raw() };
  }
}

function pairOf(pair: Value): { readonly key: Key | undefined; readonly value: Value } {
  if (!Array.isArray(pair) || pair.length !== 2) {
    throw new TypeFault("a row of this table is a pair of key and value");
  }
  const [key, value] = pair as [Value, Value];
  return { key: isKey(key) ? key : undefined, value };
}

function isKey(value: Value): value is Key {
  if (typeof value === "string") return true;
  if (typeof value === "number") return !Number.isNaN(value);
  if (value instanceof Date) return !Number.isNaN(value.getTime());
  if (value instanceof ArrayBuffer || value instanceof Uint8Array) return true;
  return Array.isArray(value) && value.every(isKey);
}

function compoundKey(value: Value, paths: readonly string[]): Key | undefined {
  const parts = paths.map((path) => {
    let inner: Value = value;
    for (const name of path.split(".")) inner = isPlainObject(inner) ? inner[name] : undefined;
    return inner;
  });
  return isKey(parts) ? parts : undefined;
}

/** One row from bytes that lay in quarantine. */
export function decodeRawRow(
  raw: Uint8Array,
  survey: Survey,
  collection: string,
  place: RawPlace,
): SourceRecord | BadRecord {
  const read = decodeRawJson(raw, place);
  const { entries } = survey.envelope as DexieEnvelope;
  const entry = entries.find((one) => one.collection === collection);
  // What was rebuilt from a table is the record alone, without marks and without its key.
  if (place.rebuilt || entry === undefined) return read;
  const record = rowOf(read, entry);
  if (isBad(record) || record.key !== undefined || place.key === undefined) return record;
  return { ...record, key: decodeKey(place.key) };
}
