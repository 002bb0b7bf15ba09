/**
 * A source as the transfer sees it: one or more files, each with its format and survey, and one name for each
 * collection across all of them. Reading goes file by file; a batch knows which file it came from.
 */
import { basename } from "node:path";
import { encodeKey } from "../collection/key.ts";
import type { Value } from "../collection/value.ts";
import { OutgrowError, throwIfInterrupted } from "../errors.ts";
import type { Format, Input, Part, SourceBatch, Survey } from "../formats/format.ts";
import { detectFormat, FORMATS, fingerprint, openSource } from "../formats/index.ts";
import type { Fingerprint, SourceFile } from "../store/ledger.ts";
import type { RawRecord } from "./prepare.ts";
import { Meter, type OnProgress } from "./progress.ts";

export interface SourceOptions {
  /** Collections to take, and to leave out, by name. */
  readonly only?: readonly string[] | undefined;
  readonly exclude?: readonly string[] | undefined;
  /** At most so many records of each collection. */
  readonly limit?: number | undefined;
  readonly repair?: boolean | undefined;
  readonly duplicateNames?: "quarantine" | "last" | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: OnProgress | undefined;
  /**
   * What an earlier run of a move knows of its files, given the name that the source suggests for the move: files
   * that did not change are not surveyed again.
   */
  readonly known?: ((name: string) => Promise<readonly SourceFile[] | undefined>) | undefined;
}

/** A collection of the source, under its name in the move. */
export interface SourceCollection extends Part {
  /** Index of the file it lies in. */
  readonly file: number;
  /** Its name in that file's survey. */
  readonly nameInFile: string;
}

export interface OpenedFile extends SourceFile {
  readonly input: Input;
  readonly format: Format;
  readonly survey: Survey;
}

/** A batch of the source under the collection's name in the move. */
export interface FileBatch extends SourceBatch {
  readonly file: number;
}

export class Source implements AsyncDisposable {
  /** What it is called by default as a move: the stem of the file or the name of the folder. */
  readonly name: string;
  readonly files: readonly OpenedFile[];
  readonly collections: readonly SourceCollection[];
  readonly isDirectory: boolean;
  readonly #options: SourceOptions;
  readonly #close: () => Promise<void>;

  constructor(
    name: string,
    files: readonly OpenedFile[],
    collections: readonly SourceCollection[],
    isDirectory: boolean,
    options: SourceOptions,
    close: () => Promise<void>,
  ) {
    this.name = name;
    this.files = files;
    this.collections = collections;
    this.isDirectory = isDirectory;
    this.#options = options;
    this.#close = close;
  }

  get bytes(): number {
    return this.files.reduce((sum, file) => sum + file.input.bytes, 0);
  }

  /** Bytes of the files before this one: where its offsets begin in the progress of the whole. */
  bytesBefore(file: number): number {
    return this.files.slice(0, file).reduce((sum, { input }) => sum + input.bytes, 0);
  }

  /**
   * The batches of one file, without the collections that were left out.
   *
   * @param from the `resume` of the last batch that is done.
   * @param digests whether they are wanted.
   */
  async *read(file: number, from?: unknown, digests = true): AsyncGenerator<FileBatch> {
    const { input, format, survey, collections } = this.files[file] as OpenedFile;
    const { limit, repair, duplicateNames, signal } = this.#options;
    const wanted = new Set(this.collections.map(({ collection }) => collection));
    const batches = format.read(input, survey, {
      from,
      repair: repair ?? false,
      duplicateNames: duplicateNames ?? "quarantine",
      digests,
      signal,
    });
    for await (const batch of batches) {
      const collection = collections[batch.collection] ?? batch.collection;
      if (!wanted.has(collection)) {
        yield { ...batch, collection, file, records: [], bad: [] };
      } else if (limit === undefined) {
        yield { ...batch, collection, file };
      } else {
        const within = ({ position }: { readonly position: number }) => position < limit;
        const records = batch.records.filter(within);
        yield { ...batch, collection, file, records, bad: batch.bad.filter(within) };
      }
    }
  }

  /** How to read records of a collection once more, one by one; `undefined` where they may come out otherwise. */
  readerOf({ file, collection }: FileBatch): ((record: RawRecord) => Value) | undefined {
    if (this.#options.duplicateNames === "last") return undefined;
    const { format, survey } = this.files[file] as OpenedFile;
    const part = this.collections.find((one) => one.file === file && one.collection === collection);
    return ({ raw, position, formatKey }) => {
      const key = formatKey === undefined ? undefined : encodeKey(formatKey);
      const place = { position, key, rebuilt: false };
      const read = format.decodeRaw(raw, survey, part?.nameInFile ?? collection, place);
      if ("code" in read) throw new Error(`A record that was read is now ${read.code}.`);
      return read.value;
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
  }
}

/**
 * Opens a source and surveys it: nothing is written anywhere.
 *
 * @param spec a path, several paths, `-` for standard input, each with an optional `format:` before it.
 * @throws {OutgrowError} SOURCE_*, FORMAT_*, BUNDLE_SYNTAX, ENCODING, VERSION, COLLECTION_NAME, LIMIT
 */
export async function openSurveyed(
  spec: string | readonly string[],
  options: SourceOptions = {},
): Promise<Source> {
  const opened = await openSource(spec);
  try {
    const name = opened.isDirectory
      ? basename(opened.name)
      : (opened.inputs[0]?.stem ?? opened.name);
    const known = await options.known?.(name);
    const files = await surveyFiles(opened.inputs, opened.format, options, known ?? []);
    const collections = filtered(nameCollections(files), options);
    const named = files.map((file, index) => ({
      ...file,
      collections: Object.fromEntries(
        collections
          .filter((entry) => entry.file === index)
          .map((entry) => [entry.nameInFile, entry.collection]),
      ),
    }));
    return new Source(name, named, collections, opened.isDirectory, options, () => opened.close());
  } catch (error) {
    await opened.close();
    throw error;
  }
}

async function surveyFiles(
  inputs: readonly Input[],
  forced: Format["name"] | undefined,
  options: SourceOptions,
  earlier: readonly SourceFile[],
): Promise<OpenedFile[]> {
  const total = inputs.reduce((sum, input) => sum + input.bytes, 0);
  const meter = new Meter("survey", total, options.onProgress);
  const files: OpenedFile[] = [];
  let before = 0;
  for (const input of inputs) {
    throwIfInterrupted(options.signal);
    const print: Fingerprint = await fingerprint(input);
    const known = earlier.find(({ fingerprint: old }) => samePrint(old, print));
    const format =
      FORMATS[forced ?? (known?.survey as Survey)?.format ?? (await detectFormat(input))];
    const survey =
      (known?.survey as Survey | undefined) ??
      (await format.survey(input, {
        repair: options.repair ?? false,
        signal: options.signal,
        onProgress: (bytes) => meter.advance(input.name, 0, before + bytes),
      }));
    before += input.bytes;
    files.push({ input, format, survey, fingerprint: print, collections: {} });
  }
  meter.finish();
  return files;
}

export function samePrint(a: Fingerprint, b: Fingerprint): boolean {
  return a.name === b.name && a.bytes === b.bytes && a.sha256 === b.sha256;
}

/** One name for each collection: that of its file, told apart by the file's stem where two files share one. */
function nameCollections(files: readonly OpenedFile[]): SourceCollection[] {
  const taken = new Set<string>();
  const collections: SourceCollection[] = [];
  for (const [file, { survey, input }] of files.entries()) {
    for (const part of survey.parts) {
      let collection = part.collection;
      if (taken.has(collection)) collection = `${input.stem}_${part.collection}`;
      for (let number = 2; taken.has(collection); number++) {
        collection = `${input.stem}_${part.collection}_${number}`;
      }
      taken.add(collection);
      collections.push({ ...part, collection, file, nameInFile: part.collection });
    }
  }
  return collections;
}

function filtered(
  collections: readonly SourceCollection[],
  { only, exclude }: SourceOptions,
): SourceCollection[] {
  const names = new Set(collections.map(({ collection }) => collection));
  for (const name of [...(only ?? []), ...(exclude ?? [])]) {
    if (!names.has(name)) {
      throw new OutgrowError("USAGE", {
        detail: `the source has no collection ${name}; it has ${[...names].join(", ")}`,
      });
    }
  }
  return collections.filter(
    ({ collection }) =>
      (only === undefined || only.length === 0 || only.includes(collection)) &&
      !(exclude ?? []).includes(collection),
  );
}
