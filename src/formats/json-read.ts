/** Reads the records of a JSON file by what its survey found: collections as they come, the document last. */
import { Batcher } from "./batcher.ts";
import { decodeRecord } from "./decode-record.ts";
import type { BadRecord, Input, ReadOptions, SourceBatch, SourceRecord, Survey } from "./format.ts";
import type { JsonEnvelope, JsonMember } from "./json-shape.ts";
import { RecordReader } from "./record-reader.ts";
import {
  type Decide,
  type Frame,
  Scanner,
  type ScanState,
  type Slice,
  scanWhole,
} from "./scanner.ts";

/** JSON-able. Without `scan` all that is left is the document; with `done` nothing is. */
interface Resume {
  readonly batch: number;
  readonly scan?: ScanState;
  readonly done?: boolean;
}

/** The collection that the scanner is in. */
interface Here {
  readonly collection: string;
  readonly keyed: boolean;
}

export async function* readJson(
  input: Input,
  survey: Survey,
  options: ReadOptions = {},
): AsyncGenerator<SourceBatch> {
  const envelope = survey.envelope as JsonEnvelope;
  const from = (options.from ?? undefined) as Resume | undefined;
  if (from?.done) return;
  const batcher = new Batcher(options, from?.batch ?? 0);
  if (envelope.top !== "value" && (from === undefined || from.scan !== undefined)) {
    yield* readCollections(input, survey, envelope, options, batcher, from?.scan);
  }
  const { document } = envelope;
  if (document === undefined) return;
  const record = await readDocument(input, envelope, options);
  batcher.add(document, record, 0);
  const last = batcher.take(envelope.bytes, (batch): Resume => ({ batch, done: true }));
  if (last !== undefined) yield last;
}

async function* readCollections(
  input: Input,
  survey: Survey,
  envelope: JsonEnvelope,
  options: ReadOptions,
  batcher: Batcher,
  from: ScanState | undefined,
): AsyncGenerator<SourceBatch> {
  const map = new MemberMap(envelope, survey);
  const scanner = new Scanner({
    decide: map.decide,
    repair: options.repair,
    from,
    file: input.name,
    reader: new RecordReader(options.digests),
  });
  const take = () =>
    batcher.take(scanner.offset, (batch): Resume => ({ batch, scan: scanner.state() }));
  let here = map.at(scanner.within);
  for await (const events of scanner.over(input.open(from?.offset ?? 0, options.signal))) {
    for (const event of events) {
      if (event.type !== "slice") {
        here = map.at(scanner.within);
        const batch = event.type === "leave" ? take() : undefined;
        if (batch !== undefined) yield batch;
        continue;
      }
      if (here === undefined) continue;
      const key = here.keyed ? event.name : undefined;
      const record = decodeRecord(event, { key, position: event.index }, options.duplicateNames);
      batcher.add(here.collection, record, event.length);
      if (!batcher.full) continue;
      const batch = take();
      if (batch !== undefined) yield batch;
    }
  }
}

/** Knows for each place in the file which collection it is in. */
class MemberMap {
  readonly #top: JsonEnvelope["top"];
  /** By ordinal in the file. */
  readonly #members: ReadonlyMap<number, JsonMember>;
  readonly #whole: Here | undefined;
  readonly #ofMember: ReadonlyMap<number, Here>;

  constructor({ top, members }: JsonEnvelope, survey: Survey) {
    this.#top = top;
    const taken = members.filter((member) => member.collection !== undefined);
    this.#members = new Map(taken.map((member) => [member.at, member]));
    this.#ofMember = new Map(
      taken.map(({ at, collection, shape }) => [
        at,
        { collection: collection as string, keyed: shape !== "array" },
      ]),
    );
    const [part] = survey.parts;
    if (top !== "members" && part !== undefined) {
      this.#whole = { collection: part.collection, keyed: top !== "array" };
    }
  }

  /** How many containers lie around a record here. */
  #levels(within: readonly Frame[]): number {
    if (this.#top === "adapter") return 2;
    if (this.#top !== "members") return 1;
    return this.#members.get(within[1]?.index ?? -1)?.shape === "adapter" ? 3 : 2;
  }

  readonly decide: Decide = (_kind, name, within) => {
    const depth = within.length;
    if (depth === 0) return "enter";
    if (depth === 1 && this.#top === "members") {
      // The count of the top is the ordinal of the member that begins.
      return this.#members.has(within[0]?.count ?? -1) ? "enter" : "skip";
    }
    if (depth === this.#levels(within)) return "take";
    return name === "entities" ? "enter" : "skip";
  };

  /** The collection whose records come next, inside these containers. */
  at(within: readonly Frame[]): Here | undefined {
    if (within.length === 0 || within.length !== this.#levels(within)) return undefined;
    return this.#top === "members" ? this.#ofMember.get(within[1]?.index ?? -1) : this.#whole;
  }
}

/** Members beyond this many bytes are not gathered: the document is far too large by then. */
const GATHER = 256 * 1024 * 1024;
const encoder = new TextEncoder();

/**
 * The document: what is no collection, put together as one record. Its bytes are those of the file, with the
 * collections left out.
 */
async function readDocument(
  input: Input,
  envelope: JsonEnvelope,
  options: ReadOptions,
): Promise<SourceRecord | BadRecord> {
  const whole = envelope.top === "value";
  const collections = new Set(
    envelope.members.filter(({ shape }) => shape !== "document").map(({ at }) => at),
  );
  let gathered = 0;
  const decide: Decide = (_kind, _name, within) => {
    const [top] = within;
    if (top === undefined) return whole ? "take" : "enter";
    return collections.has(top.count) || gathered > GATHER ? "skip" : "take";
  };
  const scanner = new Scanner({ decide, repair: options.repair, file: input.name });
  const slices: Slice[] = [];
  let lost = false;
  for await (const events of scanner.over(input.open(0, options.signal))) {
    for (const event of events) {
      if (event.type !== "slice" || (!whole && collections.has(event.index))) continue;
      gathered += event.length;
      lost ||= event.bytes === undefined;
      slices.push(lost ? { ...event, bytes: undefined } : event);
    }
  }
  const place = { key: undefined, position: 0 };
  const [first] = slices;
  if (whole && first !== undefined) return decodeRecord(first, place, options.duplicateNames);
  const offset = first?.offset ?? 0;
  const slice = lost
    ? { ...(first as Slice), bytes: undefined, length: gathered, dataUrlBytes: 0, offset }
    : { ...scanWhole(objectOf(slices)), offset };
  return decodeRecord(slice, place, options.duplicateNames);
}

/** The bytes of an object that has these members. */
function objectOf(slices: readonly Slice[]): Uint8Array {
  const pieces: Uint8Array[] = [];
  for (const [index, { name, bytes }] of slices.entries()) {
    pieces.push(encoder.encode(`${index === 0 ? "{" : ","}${JSON.stringify(name)}:`));
    pieces.push(bytes as Uint8Array);
  }
  pieces.push(encoder.encode(slices.length === 0 ? "{}" : "}"));
  const joined = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    joined.set(piece, at);
    at += piece.length;
  }
  return joined;
}
