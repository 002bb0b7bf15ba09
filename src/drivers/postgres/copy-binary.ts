/**
 * Rows as Postgres' binary COPY format (documentation of COPY, "Binary Format"): signature, then per row the
 * number of fields and each field's length and bytes, then the trailer. It spares the server all text parsing.
 */
import type { SqlType, SqlValue } from "../../layout/layout.ts";

/** What a binary column can be: those of layouts, and those of our own tables. */
export type CopyType = SqlType | "bytea";
export type CopyValue = SqlValue;

const SIGNATURE = Buffer.from("PGCOPY\n\u00ff\r\n\u0000", "latin1");
const CHUNK_BYTES = 256 * 1024;
const LONG_TEXT = 16 * 1024;
/** Milliseconds from 1970 to 2000, where Postgres counts from. */
const EPOCH_2000_MS = 946_684_800_000;
const DAY_MS = 86_400_000;
const TEXT_OID = 25;
const VARCHAR_OID = 1043;

/** Chunks that were sent. New ones would wait for the next collection of garbage, and are many times as much. */
const spare: Buffer[] = [];
const SPARE = 16;

const freshChunk = (): Buffer => spare.pop() ?? Buffer.allocUnsafe(CHUNK_BYTES);

/** Takes chunks back whose bytes nobody needs any more. */
export function reuse(chunks: readonly Uint8Array[]): void {
  for (const { buffer } of chunks) {
    // Larger ones were made for one long text; one that another thread has taken is empty.
    if (buffer.byteLength === CHUNK_BYTES && spare.length < SPARE) spare.push(Buffer.from(buffer));
  }
}

/** Writes into chunks that grow as needed and are never copied together. */
class Chunks {
  readonly done: Buffer[] = [];
  buffer = freshChunk();
  at = 0;
  /** Where the last text begins. */
  start = 0;

  room(bytes: number): void {
    if (this.at + bytes <= this.buffer.length) return;
    this.flush();
    if (bytes > this.buffer.length) this.buffer = Buffer.allocUnsafe(bytes);
  }

  flush(): void {
    if (this.at === 0) return;
    this.done.push(this.buffer.subarray(0, this.at));
    this.buffer = freshChunk();
    this.at = 0;
  }

  /** Gives up what was begun and not needed. */
  end(): void {
    reuse([this.buffer]);
  }

  int16(value: number): void {
    this.at = this.buffer.writeInt16BE(value, this.at);
  }

  int32(value: number): void {
    this.at = this.buffer.writeInt32BE(value, this.at);
  }

  int64(value: number): void {
    const high = Math.floor(value / 0x1_0000_0000);
    this.at = this.buffer.writeInt32BE(high, this.at);
    this.at = this.buffer.writeUInt32BE(value - high * 0x1_0000_0000, this.at);
  }

  /** Length and bytes of a text. @param before bytes to leave free in front of it, which count as its own. */
  text(text: string, before = 0): void {
    // A UTF-16 unit is at most three bytes: reserving for the worst saves measuring short texts first.
    const most = text.length < LONG_TEXT ? text.length * 3 : Buffer.byteLength(text);
    this.room(4 + before + most);
    this.start = this.at + 4;
    const bytes = before + this.buffer.write(text, this.start + before, "utf8");
    this.buffer.writeInt32BE(bytes, this.at);
    this.at = this.start + bytes;
  }

  bytes(bytes: Uint8Array): void {
    this.room(4 + bytes.length);
    this.int32(bytes.length);
    this.buffer.set(bytes, this.at);
    this.at += bytes.length;
  }
}

type Field = (chunks: Chunks, value: CopyValue) => void;

// biome-ignore format: one row per type
const FIELDS: Readonly<Record<CopyType, Field>> = {
  text:               (chunks, value) => typeof value === "string" ? chunks.text(value) : chunks.bytes(value as Uint8Array),
  json:               (chunks, value) => chunks.text(value as string),
  boolean:            (chunks, value) => { chunks.room(5); chunks.int32(1); chunks.buffer[chunks.at++] = value ? 1 : 0; },
  integer:            (chunks, value) => { chunks.room(8); chunks.int32(4); chunks.int32(value as number); },
  bigint:             (chunks, value) => { chunks.room(12); chunks.int32(8); chunks.int64(value as number); },
  "double precision": (chunks, value) => { chunks.room(12); chunks.int32(8); chunks.at = chunks.buffer.writeDoubleBE(value as number, chunks.at); },
  smallint:           (chunks, value) => { chunks.room(6); chunks.int32(2); chunks.int16(value as number); },
  real:               (chunks, value) => { chunks.room(8); chunks.int32(4); chunks.at = chunks.buffer.writeFloatBE(value as number, chunks.at); },
  numeric:            (chunks, value) => numeric(chunks, value as string),
  date:               (chunks, value) => { chunks.room(8); chunks.int32(4); chunks.int32(Math.floor(((value as number) - EPOCH_2000_MS) / DAY_MS)); },
  timestamp:          (chunks, value) => { chunks.room(12); chunks.int32(8); microseconds(chunks, value as number); },
  jsonb:              (chunks, value) => jsonb(chunks, value as string | Uint8Array),
  "text[]":           (chunks, value) => textList(chunks, value as readonly string[], TEXT_OID),
  "varchar[]":        (chunks, value) => textList(chunks, value as readonly string[], VARCHAR_OID),
  timestamptz:        (chunks, value) => { chunks.room(12); chunks.int32(8); microseconds(chunks, value as number); },
  uuid:               (chunks, value) => uuid(chunks, value as string),
  bytea:              (chunks, value) => chunks.bytes(value as Uint8Array),
};

/** jsonb_recv: a version, then the text. */
function jsonb(chunks: Chunks, text: string | Uint8Array): void {
  if (typeof text === "string") {
    chunks.text(text, 1);
    chunks.buffer[chunks.start] = 1;
    return;
  }
  chunks.room(5 + text.length);
  chunks.int32(1 + text.length);
  chunks.buffer[chunks.at++] = 1;
  chunks.buffer.set(text, chunks.at);
  chunks.at += text.length;
}

const HEX = new Uint8Array(256);
for (const [digit, character] of [..."0123456789abcdef"].entries()) {
  HEX[character.charCodeAt(0)] = digit;
  HEX[character.toUpperCase().charCodeAt(0)] = digit;
}

/** uuid_recv: sixteen bytes. */
function uuid(chunks: Chunks, text: string): void {
  chunks.room(20);
  chunks.int32(16);
  const { buffer } = chunks;
  let at = chunks.at;
  for (let index = 0; index < text.length; index += 2) {
    // A hyphen stands before an even number of digits.
    if (text.charCodeAt(index) === 0x2d) index++;
    const high = HEX[text.charCodeAt(index)] as number;
    buffer[at++] = (high << 4) | (HEX[text.charCodeAt(index + 1)] as number);
  }
  chunks.at = at;
}

/** array_recv: dimensions, no NULLs, the type of the elements; length and lower bound; the elements. */
function textList(chunks: Chunks, items: readonly string[], oid: number): void {
  const bytes = items.map((item) => Buffer.from(item, "utf8"));
  const dimensions = items.length === 0 ? 0 : 1;
  const size = 12 + dimensions * 8 + bytes.reduce((sum, item) => sum + 4 + item.length, 0);
  chunks.room(4 + size);
  for (const number of [size, dimensions, 0, oid]) chunks.int32(number);
  if (dimensions === 1) for (const number of [items.length, 1]) chunks.int32(number);
  for (const item of bytes) chunks.bytes(item);
}

/** numeric_recv: digits in base 10,000, the weight of the first, the sign, the digits behind the point. */
function numeric(chunks: Chunks, text: string): void {
  const negative = text.startsWith("-");
  const [whole = "", fraction = ""] = (negative ? text.slice(1) : text).split(".");
  const left = whole.padStart(Math.ceil(whole.length / 4) * 4, "0");
  const right = fraction.padEnd(Math.ceil(fraction.length / 4) * 4, "0");
  const groups = (left + right).match(/\d{4}/g)?.map(Number) ?? [];
  let weight = left.length / 4 - 1;
  while (groups[0] === 0) {
    groups.shift();
    weight--;
  }
  while (groups.at(-1) === 0) groups.pop();
  if (groups.length === 0) weight = 0;
  chunks.room(4 + 8 + groups.length * 2);
  chunks.int32(8 + groups.length * 2);
  for (const number of [groups.length, weight, 0, fraction.length]) chunks.int16(number);
  // The sign is an unsigned 0x4000 for minus.
  if (negative) chunks.buffer.writeUInt16BE(0x4000, chunks.at - 4);
  for (const group of groups) chunks.int16(group);
}

/** Milliseconds times 1,000 may leave a double's exact range: the two halves of the product are made apart. */
function microseconds(chunks: Chunks, milliseconds: number): void {
  const time = milliseconds - EPOCH_2000_MS;
  const high = Math.floor(time / 0x1_0000_0000);
  const low = (time - high * 0x1_0000_0000) * 1000;
  const carry = Math.floor(low / 0x1_0000_0000);
  chunks.at = chunks.buffer.writeInt32BE(high * 1000 + carry, chunks.at);
  chunks.at = chunks.buffer.writeUInt32BE(low - carry * 0x1_0000_0000, chunks.at);
}

/**
 * The complete COPY stream of these rows.
 *
 * @param types one per cell of a row, in order.
 */
export function copyBinary(
  types: readonly CopyType[],
  rows: Iterable<readonly CopyValue[]>,
): readonly Uint8Array[] {
  const fields = types.map((type) => FIELDS[type]);
  const chunks = new Chunks();
  chunks.buffer.set(SIGNATURE, 0);
  chunks.at = SIGNATURE.length;
  chunks.int32(0);
  chunks.int32(0);
  for (const row of rows) {
    chunks.room(2);
    chunks.int16(fields.length);
    for (let index = 0; index < fields.length; index++) {
      const value = row[index];
      if (value === null || value === undefined) {
        chunks.room(4);
        chunks.int32(-1);
      } else {
        (fields[index] as Field)(chunks, value);
      }
    }
  }
  chunks.room(2);
  chunks.int16(-1);
  chunks.flush();
  chunks.end();
  return chunks.done;
}
