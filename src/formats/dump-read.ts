/**
 * Reads the records of a localStorage dump. Its collections lie mixed, so keys are gathered until there is a batch's
 * worth of them, and then given out collection by collection: a unit. A batch in the middle of a unit is resumed by
 * gathering the unit again, which gives the same batches, and leaving out those that are done.
 */
import { BATCH_BYTES, BATCH_RECORDS, Batcher } from "./batcher.ts";
import { type DuplicateNames, decodeRecord } from "./decode-record.ts";
import { type DumpEnvelope, type DumpKey, dumpScanner } from "./dump-survey.ts";
import { decodeText, elements, textBytes, valueText } from "./dump-values.ts";
import type { BadRecord, Input, ReadOptions, SourceBatch, SourceRecord, Survey } from "./format.ts";
import type { ScanState, Slice } from "./scanner.ts";

/** JSON-able. */
interface Resume {
  readonly batch: number;
  /** Where the unit begins; the start of the file when left out. */
  readonly scan?: ScanState;
  /** Batches of the unit that are done. */
  readonly done: number;
  /** What bounds units: another bound would make other batches. */
  readonly bytes: number;
  readonly records: number;
}

type Item = readonly [SourceRecord | BadRecord, bytes: number];

export async function* readDump(
  input: Input,
  survey: Survey,
  options: ReadOptions = {},
): AsyncGenerator<SourceBatch> {
  const from = (options.from ?? undefined) as Resume | undefined;
  const bytes = from?.bytes ?? options.batchBytes ?? BATCH_BYTES;
  const records = from?.records ?? options.batchRecords ?? BATCH_RECORDS;
  const plan = new Plan(survey.envelope as DumpEnvelope);
  const scanner = dumpScanner(input, options, from?.scan);
  let unit = new Unit();
  let start = from?.scan;
  let done = from?.done ?? 0;
  let number = from?.batch ?? 0;
  const finish = (): SourceBatch[] => {
    const end = scanner.state();
    const all = unit.batches({ batchBytes: bytes, batchRecords: records }, number - done);
    const left = all.slice(done).map((batch, index): SourceBatch => {
      const last = done + index === all.length - 1;
      const scan = last ? end : start;
      const resume: Resume = {
        batch: batch.batch + 1,
        ...(scan === undefined ? {} : { scan }),
        done: last ? 0 : done + index + 1,
        bytes,
        records,
      };
      return { ...batch, offset: scanner.offset, resume };
    });
    number += left.length;
    done = 0;
    start = end;
    unit = new Unit();
    return left;
  };
  for await (const events of scanner.over(input.open(from?.scan?.offset ?? 0, options.signal))) {
    for (const event of events) {
      if (event.type === "slice") plan.read(event, unit, options.duplicateNames);
      if (unit.bytes >= bytes || unit.records >= records) yield* finish();
    }
  }
  yield* finish();
}

/** Records of some keys, by collection. */
class Unit {
  bytes = 0;
  records = 0;
  readonly #items = new Map<string, Item[]>();

  add(collection: string, record: SourceRecord | BadRecord, bytes: number): void {
    const items = this.#items.get(collection);
    if (items === undefined) this.#items.set(collection, [[record, bytes]]);
    else items.push([record, bytes]);
    this.bytes += bytes;
    this.records++;
  }

  batches(bounds: { batchBytes: number; batchRecords: number }, first: number): SourceBatch[] {
    const batcher = new Batcher(bounds, first);
    const batches: SourceBatch[] = [];
    const take = () => {
      const batch = batcher.take(0, () => undefined);
      if (batch !== undefined) batches.push(batch);
    };
    for (const [collection, items] of this.#items) {
      for (const [record, bytes] of items) {
        batcher.add(collection, record, bytes);
        if (batcher.full) take();
      }
      take();
    }
    return batches;
  }
}

/** What each key of the file is, and where its record stands among those of its collection. */
class Plan {
  readonly #keys: readonly DumpKey[];
  readonly #positions: number[] = [];
  readonly #prefixes: ReadonlyMap<string, string>;

  constructor({ keys, families }: DumpEnvelope) {
    this.#keys = keys;
    this.#prefixes = new Map(families.map(([prefix, collection]) => [collection, prefix]));
    const counts = new Map<string, number>();
    for (const { collection, whole } of keys) {
      const position = whole ? 0 : (counts.get(collection) ?? 0);
      this.#positions.push(position);
      if (!whole) counts.set(collection, position + 1);
    }
  }

  /** Reads the value of a key into a unit. */
  read(slice: Slice, unit: Unit, duplicateNames: DuplicateNames | undefined): void {
    const { index, offset, length } = slice;
    const { key, collection, holding, whole } = this.#keys[index] as DumpKey;
    const text = valueText(slice);
    if (whole && typeof text === "string") {
      for (const element of elements(textBytes(text), "take")) {
        const place = { key: undefined, position: element.index };
        const record = decodeRecord({ ...element, offset }, place, duplicateNames);
        unit.add(collection, record, element.length);
      }
      return;
    }
    const prefix = this.#prefixes.get(collection) ?? "";
    const place = { key: key.slice(prefix.length), position: this.#positions[index] as number };
    const record =
      typeof text === "string"
        ? decodeText(text, holding, offset, place, duplicateNames)
        : { ...text, ...place, offset, raw: slice.bytes ?? new Uint8Array(0) };
    unit.add(collection, record, length);
  }
}
