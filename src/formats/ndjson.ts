/**
 * NDJSON: one value a line. A line that cannot be read is quarantined and the others go on.
 *
 * A file whose every line is `{"collection":…,"key":…,"value":…}`, as the writer below makes it for several
 * collections, is read back into those; `key` is null where the record carries its own key or has none.
 */

import { JsonWriter } from "../collection/json-text.ts";
import { decodeKey, encodeKey, type Key } from "../collection/key.ts";
import { fromTaggedJson, toTaggedJson } from "../collection/tagged-json.ts";
import type { Value } from "../collection/value.ts";
import { Batcher } from "./batcher.ts";
import { checkParts, plainPart } from "./collection-names.ts";
import {
  decodeRawJson,
  decodeRecord,
  faultOf,
  ReadRecord,
  type RecordPlace,
} from "./decode-record.ts";
import type {
  BadRecord,
  ExportCollection,
  Format,
  Input,
  Part,
  ReadOptions,
  Sink,
  SourceBatch,
  SourceRecord,
  Survey,
  SurveyOptions,
  WriteReport,
} from "./format.ts";
import { hasMark } from "./json-survey.ts";
import { isBlank, type Line, LineSplitter } from "./lines.ts";
import { RecordReader } from "./record-reader.ts";
import { Scanner, type Slice, scanWhole } from "./scanner.ts";
import { TextOut } from "./text-out.ts";

interface NdjsonEnvelope {
  /** `named`: each line names its collection. */
  readonly lines: "plain" | "named";
  readonly bom: boolean;
}

/** JSON-able. */
interface Resume {
  readonly batch: number;
  readonly offset: number;
  /** Records so far, by collection; pairs, since any name may be a collection's. */
  readonly positions: readonly (readonly [string, number])[];
}

interface NamedLine {
  readonly collection: string;
  readonly key: Key | undefined;
  readonly value: Slice;
}

async function survey(input: Input, options: SurveyOptions = {}): Promise<Survey> {
  const splitter = new LineSplitter();
  let count = 0;
  /** Until a line is not of our own making. */
  let named: Map<string, { records: number; keyed: boolean }> | undefined = new Map();
  for await (const lines of splitter.over(input.open(0, options.signal))) {
    for (const line of lines) {
      if (isBlank(line)) continue;
      count++;
      if (named === undefined) continue;
      const found = readNamed(line);
      if (found === undefined) {
        named = undefined;
        continue;
      }
      const { collection, key } = found;
      const sofar = named.get(collection) ?? { records: 0, keyed: false };
      sofar.records++;
      sofar.keyed ||= key !== undefined;
      named.set(collection, sofar);
    }
    options.onProgress?.(splitter.offset);
  }
  const parts: Part[] =
    named === undefined || named.size === 0
      ? [plainPart(input.stem, false, count)]
      : Array.from(named, ([name, { keyed, records }]) => plainPart(name, keyed, records));
  checkParts(parts, input.name);
  const lines = named === undefined || named.size === 0 ? "plain" : "named";
  const envelope: NdjsonEnvelope = { lines, bom: hasMark(input) };
  const { name, notes } = input;
  return { format: "ndjson", name, parts, envelope, repairs: 0, notes };
}

async function* read(
  input: Input,
  { parts, envelope }: Survey,
  options: ReadOptions = {},
): AsyncGenerator<SourceBatch> {
  const from = (options.from ?? undefined) as Resume | undefined;
  const batcher = new Batcher(options, from?.batch ?? 0);
  const splitter = new LineSplitter(from?.offset ?? 0);
  const positions = new Map(from?.positions);
  const named = (envelope as NdjsonEnvelope).lines === "named";
  const own = parts[0]?.collection ?? input.stem;
  const reader = new RecordReader(options.digests);
  const take = (offset: number) =>
    batcher.take(offset, (batch): Resume => ({ batch, offset, positions: [...positions] }));
  for await (const lines of splitter.over(input.open(from?.offset ?? 0, options.signal))) {
    for (const line of lines) {
      if (isBlank(line)) continue;
      const found = named ? readNamed(line) : undefined;
      const collection = found?.collection ?? own;
      if (batcher.collection !== undefined && batcher.collection !== collection) {
        const batch = take(line.offset);
        if (batch !== undefined) yield batch;
      }
      const position = positions.get(collection) ?? 0;
      positions.set(collection, position + 1);
      const place = { key: found?.key, position };
      const record =
        found === undefined
          ? readLine(line, place, reader, options.duplicateNames)
          : decodeRecord(found.value, place, options.duplicateNames);
      batcher.add(collection, record, line.length);
      const batch = batcher.full ? take(splitter.offset) : undefined;
      if (batch !== undefined) yield batch;
    }
  }
  const batch = take(splitter.offset);
  if (batch !== undefined) yield batch;
}

function readLine(
  line: Line,
  place: RecordPlace,
  reader: RecordReader,
  duplicateNames: ReadOptions["duplicateNames"],
): SourceRecord | BadRecord {
  const { bytes, offset, length } = line;
  if (bytes === undefined) {
    const raw = new Uint8Array(0);
    return { code: "RECORD_TOO_LARGE", detail: `${length} bytes`, ...place, offset, raw };
  }
  try {
    const read = reader.readWhole(bytes);
    if (read !== undefined) return new ReadRecord(read, offset + read.at, place);
    const slice = scanWhole(bytes);
    return decodeRecord({ ...slice, offset: offset + slice.offset }, place, duplicateNames);
  } catch (error) {
    return { ...faultOf(error), ...place, offset, raw: bytes };
  }
}

/** A line of our own making; `undefined` for any other. */
function readNamed({ bytes, offset }: Line): NamedLine | undefined {
  if (bytes === undefined) return undefined;
  const base = { offset, repairs: 0, expect: "value", within: [] } as const;
  const decide = (_kind: string, _name: unknown, within: readonly unknown[]) =>
    within.length === 0 ? "enter" : "take";
  const scanner = new Scanner({ decide, from: base });
  try {
    scanner.push(bytes);
    const events = [...scanner.events()];
    scanner.end();
    scanner.next();
    const [enter, collection, key, value, leave] = events;
    if (events.length !== 5 || enter?.type !== "enter" || leave?.type !== "leave") return undefined;
    if (!isNamed(collection, "collection") || !isNamed(key, "key") || !isNamed(value, "value")) {
      return undefined;
    }
    const name: unknown = JSON.parse(textOf.decode(collection.bytes));
    if (typeof name !== "string") return undefined;
    const keyValue = fromTaggedJson(textOf.decode(key.bytes));
    // Through its ledger text: what is no key throws, and equal keys become one.
    const read = keyValue === null ? undefined : decodeKey(encodeKey(keyValue));
    return { collection: name, key: read, value };
  } catch {
    return undefined; // whatever it is, it is not ours; read as a plain line, it says what is wrong
  }
}

const textOf = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function isNamed(
  event: { type: string; name?: unknown } | undefined,
  name: string,
): event is Slice {
  return event?.type === "slice" && event.name === name;
}

async function write(
  survey: Survey | undefined,
  _name: string,
  collections: readonly ExportCollection[],
  sink: Sink,
): Promise<WriteReport> {
  const envelope = survey?.envelope as NdjsonEnvelope | undefined;
  const [only] = collections;
  const plain = envelope?.lines !== "named" && collections.length === 1 && only?.keyed !== true;
  const out = new TextOut(sink);
  const json = new JsonWriter();
  if (envelope?.bom) out.add("\ufeff");
  let records = 0;
  for (const collection of collections) {
    const { name, keyed } = collection;
    const before = `{"collection":${JSON.stringify(name)},"key":`;
    for await (const batch of collection.records()) {
      for (const { key, value, names } of batch) {
        const text = json.write(value, names);
        const keyText = keyed ? toTaggedJson(key as Value) : "null";
        out.add(plain ? `${text}\n` : `${before}${keyText},"value":${text}}\n`);
        records++;
        if (out.full) await out.flush();
      }
    }
  }
  await out.flush();
  return { records, tagged: json.tagged };
}

export const ndjson: Format = {
  name: "ndjson",
  survey,
  read,
  decodeRaw: (raw, _survey, _collection, place) => decodeRawJson(raw, place),
  write,
};
