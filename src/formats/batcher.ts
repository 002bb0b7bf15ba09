/** Gathers the records of one collection into batches bounded by count and by bytes of source. */
import { isBad } from "./decode-record.ts";
import type { BadRecord, ReadOptions, SourceBatch, SourceRecord } from "./format.ts";

/** Several are in memory at a time, as values that take some four times as much. */
export const BATCH_BYTES = 1024 * 1024;
export const BATCH_RECORDS = 10_000;

export class Batcher {
  /** Number of the next batch within the file. */
  number: number;
  readonly #maxBytes: number;
  readonly #maxRecords: number;
  #collection: string | undefined;
  #records: SourceRecord[] = [];
  #bad: BadRecord[] = [];
  #bytes = 0;

  constructor(options: Pick<ReadOptions, "batchBytes" | "batchRecords">, firstNumber: number) {
    this.#maxBytes = options.batchBytes ?? BATCH_BYTES;
    this.#maxRecords = options.batchRecords ?? BATCH_RECORDS;
    this.number = firstNumber;
  }

  /** The collection of what is gathered; `undefined` when nothing is. */
  get collection(): string | undefined {
    return this.#collection;
  }

  /** Whether the batch should be taken before more comes. */
  get full(): boolean {
    return (
      this.#bytes >= this.#maxBytes || this.#records.length + this.#bad.length >= this.#maxRecords
    );
  }

  /** @param bytes what the record takes up in the source. */
  add(collection: string, record: SourceRecord | BadRecord, bytes: number): void {
    if (this.#collection !== undefined && this.#collection !== collection) {
      throw new TypeError("A batch holds records of one collection.");
    }
    this.#collection = collection;
    if (isBad(record)) this.#bad.push(record);
    else this.#records.push(record);
    this.#bytes += bytes;
  }

  /** What was gathered, if anything was. `resume` makes the state behind it, given the next batch's number. */
  take(offset: number, resume: (next: number) => unknown): SourceBatch | undefined {
    const collection = this.#collection;
    if (collection === undefined) return undefined;
    const batch = this.number++;
    const [records, bad] = [this.#records, this.#bad];
    this.#collection = undefined;
    this.#records = [];
    this.#bad = [];
    this.#bytes = 0;
    return { collection, batch, records, bad, offset, resume: resume(this.number) };
  }
}
