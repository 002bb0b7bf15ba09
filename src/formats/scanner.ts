/**
 * Walks the structure of a JSON text that comes in chunks, and hands out complete values as slices of bytes without
 * parsing them. For each value the caller decides whether to go into it, to take it or to skip it; so a file of
 * any size is read in constant memory, and what is parsed is one record at a time.
 *
 * 1. The text may be cut into chunks at any byte, and everything comes out the same.
 * 2. Outside slices the structure is checked: what is not JSON is BUNDLE_SYNTAX with its byte offset.
 * 3. Between two events the scanner's state is a few JSON-able fields, from which another scanner goes on.
 * 4. A slice beyond `maxSlice` is counted, not kept.
 *
 *   const scanner = new Scanner({ decide: (kind, name, within) => (within.length < 2 ? "enter" : "take") });
 *   for await (const events of scanner.over(input.open())) for (const event of events) …
 */
import { OutgrowError } from "../errors.ts";
import type { ReadObject, RecordReader } from "./record-reader.ts";
import type {
  Boundary,
  Decide,
  Expect,
  Frame,
  ScanEvent,
  ScannerOptions,
  ScanState,
  Slice,
} from "./scan-events.ts";
import { kindOf, skipSpace, sliceOf } from "./scan-whole.ts";
import { SliceWalker, type ValueKind } from "./slice-walker.ts";

export type * from "./scan-events.ts";
export { scanWhole } from "./scan-whole.ts";
export type { ValueKind } from "./slice-walker.ts";

type OpenFrame = { -readonly [Field in keyof Frame]: Frame[Field] };

const MAX_SLICE = 256 * 1024 * 1024;
const MAX_NAME = 1024 * 1024;
/** Levels that a caller may enter: formats have few, and a state must stay small. */
const MAX_LEVELS = 64;
const EMPTY = new Uint8Array(0);
const textOf = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export class Scanner {
  /** Faults accepted so far. */
  repairs: number;
  readonly #decide: Decide;
  readonly #repair: boolean;
  readonly #maxSlice: number;
  readonly #file: string | undefined;
  readonly #reader: RecordReader | undefined;
  readonly #walker: SliceWalker;
  readonly #within: OpenFrame[];
  #expect: Expect;
  #chunk: Uint8Array = EMPTY;
  #at = 0;
  /** Offset of the chunk's first byte in the text. */
  #base: number;
  #ended = false;
  /** Name of the value under way. */
  #name: string | undefined;
  #busy: "none" | "slice" | "name" = "none";
  #kind: ValueKind = "scalar";
  #keep = true;
  #start = 0;
  /** What lies in earlier chunks of the value or name under way. */
  #parts: Uint8Array[] = [];

  constructor(options: ScannerOptions) {
    const { from } = options;
    this.#decide = options.decide;
    this.#repair = options.repair ?? false;
    this.#maxSlice = options.maxSlice ?? MAX_SLICE;
    this.#file = options.file;
    this.#reader = options.reader;
    this.#walker = new SliceWalker(options.file);
    // JSON has no undefined: a name that was none has vanished on the way through it.
    this.#within = (from?.within ?? []).map((frame) => ({ ...frame, name: frame.name }));
    this.#expect = from?.expect ?? "value";
    this.#base = from?.offset ?? 0;
    this.repairs = from?.repairs ?? 0;
  }

  /** Offset of the next byte to be read. */
  get offset(): number {
    return this.#base + this.#at;
  }

  /** The containers that the scanner is in, outermost first; live. */
  get within(): readonly Frame[] {
    return this.#within;
  }

  /** Where this scanner stands. Only between two events: right after one came, before the next is asked for. */
  state(): ScanState {
    if (this.#busy !== "none" || this.#name !== undefined) {
      throw new TypeError("The scanner is in the middle of a value.");
    }
    return {
      offset: this.offset,
      repairs: this.repairs,
      expect: this.#expect,
      within: this.#within.map((frame) => ({ ...frame })),
    };
  }

  /**
   * Goes through all chunks. Each turn gives the events of one chunk, to be gone through before the next turn.
   * @throws {OutgrowError} BUNDLE_SYNTAX, LIMIT (a name of megabytes), ENCODING (a name that is not UTF-8)
   */
  async *over(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Iterable<ScanEvent>> {
    for await (const chunk of chunks) {
      this.push(chunk);
      yield this.events();
    }
    this.end();
    yield this.events();
  }

  /** The events that are complete so far. */
  *events(): Generator<ScanEvent> {
    for (let event = this.next(); event !== undefined; event = this.next()) yield event;
  }

  /** Hands the next chunk over, which must not change any more. All events of the last one must have been taken. */
  push(chunk: Uint8Array): void {
    if (this.#at < this.#chunk.length) throw new TypeError("The last chunk is not done.");
    this.#base += this.#chunk.length;
    this.#chunk = chunk;
    this.#at = 0;
  }

  /** Says that no chunk follows; `next` then gives what is left. */
  end(): void {
    this.push(EMPTY);
    this.#ended = true;
  }

  /** The next event; `undefined` when more bytes are needed, or after `end`, when all is done. */
  next(): ScanEvent | undefined {
    for (;;) {
      if (this.#busy === "slice") return this.#finishSlice();
      if (this.#busy === "name" && !this.#finishName()) return undefined;
      const byte = this.#peek();
      if (byte < 0) return undefined;
      const event = this.#step(byte);
      if (event !== undefined) return event;
    }
  }

  /** The next byte that is no space; -1 when the chunk is through. */
  #peek(): number {
    this.#at = skipSpace(this.#chunk, this.#at);
    if (this.#at < this.#chunk.length) return this.#chunk[this.#at] as number;
    if (this.#ended && this.#expect !== "end") this.#fail("the text ends too early");
    return -1;
  }

  #step(byte: number): ScanEvent | undefined {
    const expect = this.#expect;
    if (expect === "end") this.#fail("something follows behind the end");
    if (expect === "colon") {
      if (byte !== 0x3a) this.#fail("a colon is missing");
      this.#at++;
      this.#expect = "value";
      return undefined;
    }
    const frame = this.#within.at(-1);
    if (frame === undefined || this.#name !== undefined) return this.#value(byte);
    const first = expect === "firstValue" || expect === "firstName";
    if (byte === (frame.kind === "array" ? 0x5d : 0x7d)) {
      if (!first && expect !== "more") this.#mend("a comma before the closing bracket");
      return this.#leave(frame);
    }
    if (byte === 0x2c) {
      if (expect !== "more") this.#mend("a comma without a value");
      this.#at++;
      if (!first) this.#expect = frame.kind === "array" ? "value" : "name";
      return undefined;
    }
    if (expect === "more") {
      if (byte === 0x5d || byte === 0x7d) this.#fail("a closing bracket that does not fit");
      this.#mend("a comma is missing");
    }
    return frame.kind === "array" ? this.#value(byte) : this.#beginName(byte);
  }

  #leave({ kind, name, index, count }: OpenFrame): Boundary {
    this.#within.pop();
    const offset = this.offset;
    const depth = this.#within.length;
    this.#at++;
    this.#expect = depth === 0 ? "end" : "more";
    return { type: "leave", kind, name, index, count, offset, depth };
  }

  #value(byte: number): ScanEvent | undefined {
    const kind = kindOf(byte) ?? this.#fail("no value begins like this");
    const name = this.#name;
    const choice = this.#decide(kind, name, this.#within);
    const around = this.#within.at(-1);
    const index = around === undefined ? 0 : around.count++;
    const offset = this.offset;
    if (choice === "enter" && (kind === "object" || kind === "array")) {
      const depth = this.#within.length;
      if (depth >= MAX_LEVELS) throw new TypeError("Entered too many levels.");
      this.#within.push({ kind, name, index, count: 0, offset });
      this.#name = undefined;
      this.#at++;
      this.#expect = kind === "array" ? "firstValue" : "firstName";
      return { type: "enter", kind, name, index, count: 0, offset, depth };
    }
    this.#busy = "slice";
    this.#kind = kind;
    this.#keep = choice !== "skip";
    this.#start = offset;
    if (kind === "object" && this.#keep && this.#reader !== undefined) {
      const read = this.#reader.read(this.#chunk, this.#at);
      if (read !== undefined) return this.#readSlice(read);
    }
    this.#walker.begin(kind);
    return this.#finishSlice();
  }

  #readSlice(read: ReadObject): Slice {
    const { bytes } = read;
    this.#at += bytes.length;
    this.#walker.begin("object");
    return this.#endSlice(sliceOf(this.#walker, "object", this.#place(), bytes, read));
  }

  #finishSlice(): Slice | undefined {
    const walker = this.#walker;
    const from = this.#at;
    let to = walker.walk(this.#chunk, from, this.#base);
    if (to < 0 && this.#ended) {
      if (this.#kind !== "scalar") this.#fail("the text ends too early");
      to = from;
    }
    if (to < 0) {
      if (this.#keep) this.#collect(this.#chunk.subarray(from));
      this.#at = this.#chunk.length;
      return undefined;
    }
    this.#at = to;
    const wasCut = this.#parts.length > 0;
    const bytes = this.#keep
      ? this.#joined(this.#chunk.subarray(from, to), this.#maxSlice)
      : undefined;
    const read = wasCut && bytes !== undefined ? this.#reader?.readWhole(bytes) : undefined;
    return this.#endSlice(sliceOf(walker, this.#kind, this.#place(), bytes, read));
  }

  /** Where the value is that has just ended. */
  #place(): Pick<Slice, "name" | "index" | "offset" | "length"> {
    const around = this.#within.at(-1);
    return {
      name: this.#name,
      index: around === undefined ? 0 : around.count - 1,
      offset: this.#start,
      length: this.offset - this.#start,
    };
  }

  #endSlice(slice: Slice): Slice {
    this.#name = undefined;
    this.#busy = "none";
    this.#expect = this.#within.length === 0 ? "end" : "more";
    return slice;
  }

  /** Keeps a piece of the value under way, until it is too long. */
  #collect(piece: Uint8Array): void {
    if (this.#base + this.#chunk.length - this.#start > this.#maxSlice) {
      this.#keep = false;
      this.#parts = [];
    } else if (piece.length > 0) {
      this.#parts.push(piece);
    }
  }

  #joined(last: Uint8Array, most: number): Uint8Array | undefined {
    const parts = this.#parts;
    this.#parts = [];
    const length = this.offset - this.#start;
    if (length > most) return undefined;
    if (parts.length === 0) return last;
    const joined = new Uint8Array(length);
    let at = 0;
    parts.push(last);
    for (const part of parts) {
      joined.set(part, at);
      at += part.length;
    }
    return joined;
  }

  #beginName(byte: number): undefined {
    if (byte !== 0x22) this.#fail("a name must stand in quotes");
    this.#busy = "name";
    this.#start = this.offset;
    this.#walker.begin("string");
    this.#finishName();
  }

  /** Whether the name is complete; if so, a colon must follow. */
  #finishName(): boolean {
    const chunk = this.#chunk;
    const from = this.#at;
    const to = this.#walker.walk(chunk, from, this.#base);
    this.#at = to < 0 ? chunk.length : to;
    if (this.offset - this.#start > MAX_NAME) {
      this.#stop("LIMIT", `a name longer than ${MAX_NAME} bytes`, this.#start);
    }
    if (to < 0) {
      if (this.#ended) this.#fail("the text ends too early");
      this.#parts.push(chunk.subarray(from));
      return false;
    }
    this.#name = this.#readName(this.#joined(chunk.subarray(from, to), MAX_NAME) ?? EMPTY);
    this.#busy = "none";
    this.#expect = "colon";
    return true;
  }

  #readName(bytes: Uint8Array): string {
    let text: string;
    try {
      text = textOf.decode(bytes);
    } catch {
      this.#stop("ENCODING", "a name outside the records", this.#start);
    }
    try {
      return JSON.parse(text) as string;
    } catch {
      this.#stop("BUNDLE_SYNTAX", "a name that is no JSON string", this.#start);
    }
  }

  /** Lets a fault pass and counts it, when that was asked for. */
  #mend(fault: string): void {
    if (!this.#repair) this.#fail(fault);
    this.repairs++;
  }

  #fail(detail: string): never {
    this.#stop("BUNDLE_SYNTAX", detail, this.offset);
  }

  #stop(code: "BUNDLE_SYNTAX" | "LIMIT" | "ENCODING", detail: string, offset: number): never {
    throw new OutgrowError(code, { file: this.#file, offset, detail });
  }
}
