/** Reads a file and writes it again, and says what came by: what every format test needs. */
import { readNumber } from "../../src/collection/exact-number.ts";
import type { Key } from "../../src/collection/key.ts";
import { NameTemplates } from "../../src/collection/name-order.ts";
import type { Value } from "../../src/collection/value.ts";
import type {
  BadRecord,
  ExportCollection,
  ExportRecord,
  Format,
  Input,
  ReadOptions,
  SourceBatch,
  SourceRecord,
  Survey,
  SurveyOptions,
} from "../../src/formats/format.ts";
import { memoryInput } from "../../src/formats/input.ts";

export const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

export const inputOf = (
  text: string | Uint8Array,
  name = "file.json",
  chunkBytes?: number,
): Input => memoryInput(name, typeof text === "string" ? bytesOf(text) : text, chunkBytes);

export interface Read {
  readonly survey: Survey;
  readonly batches: readonly SourceBatch[];
  readonly records: ReadonlyMap<string, readonly SourceRecord[]>;
  readonly bad: readonly (BadRecord & { readonly collection: string })[];
}

/** JSON and back, as a ledger keeps it. */
const kept = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

export async function readAll(
  format: Format,
  input: Input,
  options: ReadOptions & SurveyOptions = {},
): Promise<Read> {
  const survey = kept(await format.survey(input, options));
  const batches: SourceBatch[] = [];
  for await (const batch of format.read(input, survey, options)) batches.push(batch);
  return { survey, batches, ...gather(survey, batches) };
}

function gather(survey: Survey, batches: readonly SourceBatch[]) {
  const records = new Map<string, SourceRecord[]>(
    survey.parts.map(({ collection }) => [collection, []]),
  );
  const bad: (BadRecord & { collection: string })[] = [];
  for (const batch of batches) {
    const list = records.get(batch.collection);
    if (list === undefined) throw new Error(`collection ${batch.collection} is in no part`);
    list.push(...batch.records);
    bad.push(...batch.bad.map((one) => ({ ...one, collection: batch.collection })));
  }
  return { records, bad };
}

/** What was read, as an export hands it to a writer. */
export function exportOf({ survey, records }: Read): ExportCollection[] {
  return survey.parts.map(({ collection, keyed }) => {
    const templates = new NameTemplates();
    const list = records.get(collection) ?? [];
    const exceptions = list.map((record) => templates.observe(record.value, record.orders));
    const exported = list.map(
      (record, index): ExportRecord => ({
        key: (record.key ?? record.position) as Key,
        value: record.value,
        names: templates.namesOf(record.value, exceptions[index]),
      }),
    );
    return exportCollection(collection, exported, keyed);
  });
}

export function exportCollection(
  name: string,
  records: readonly ExportRecord[],
  keyed = false,
): ExportCollection {
  return {
    name,
    keyPath: undefined,
    keyed,
    count: records.length,
    async *records() {
      // In twos, so that a writer that minds batches is found out.
      for (let at = 0; at < records.length; at += 2) yield records.slice(at, at + 2);
    },
  };
}

export async function writeAll(
  format: Format,
  survey: Survey | undefined,
  collections: readonly ExportCollection[],
) {
  let text = "";
  const report = await format.write(survey, "name", collections, async (piece) => {
    text += piece;
  });
  return { text, report };
}

export async function roundTrip(format: Format, input: Input, options: ReadOptions = {}) {
  const read = await readAll(format, input, options);
  const written = await writeAll(format, read.survey, exportOf(read));
  return { ...read, ...written };
}

/** The tokens of a JSON text: equal lists mean equal values in equal order, down to the digits. */
export function tokens(text: string): string[] {
  const found = text.match(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/gs) ?? [];
  return found.map((token) => {
    if (token.startsWith('"')) return JSON.stringify(JSON.parse(token));
    if (!/^-?\d/.test(token)) return token;
    const number = readNumber(token);
    return typeof number === "number" ? (Object.is(number, -0) ? "-0" : String(number)) : token;
  });
}

export const values = (read: Read, collection: string): Value[] =>
  (read.records.get(collection) ?? []).map(({ value }) => value);

/** Reads on from behind every batch, and gives what each of these readings gave. */
export async function resumeEverywhere(
  format: Format,
  input: Input,
  options: ReadOptions = {},
): Promise<{ whole: unknown[]; resumed: unknown[][] }> {
  const { survey, batches } = await readAll(format, input, options);
  const plain = (batch: SourceBatch) => ({
    ...batch,
    records: batch.records.map((record) => {
      const { value, key, position, offset, bytes, orders } = record;
      return { value, key, position, offset, bytes, orders, raw: [...record.raw()] };
    }),
  });
  const resumed: unknown[][] = [];
  for (const { resume } of batches) {
    const rest: unknown[] = [];
    const from = kept(resume);
    for await (const batch of format.read(input, survey, { ...options, from })) {
      rest.push(plain(batch));
    }
    resumed.push(rest);
  }
  return { whole: batches.map(plain), resumed };
}
