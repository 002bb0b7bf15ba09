/**
 * Bytes of any source as UTF-8 without a byte order mark. Which encoding it is, is told from the first bytes; what
 * cannot be told for sure is refused, never guessed: one wrong guess would turn text into other text.
 */
import { OutgrowError, throwIfInterrupted } from "../errors.ts";
import type { Input } from "./format.ts";

type Encoding = "utf-8" | "utf-16le" | "utf-16be";

export interface Sniffed {
  readonly encoding: Encoding;
  /** Bytes of the byte order mark. */
  readonly mark: number;
}

/** Bytes that `sniffEncoding` and `isGzip` look at. */
export const SNIFF_BYTES = 4;

export function isGzip(head: Uint8Array): boolean {
  return head[0] === 0x1f && head[1] === 0x8b;
}

/** @throws {OutgrowError} ENCODING for UTF-16 without a mark and for UTF-32. */
export function sniffEncoding(head: Uint8Array, file: string): Sniffed {
  const [a, b, c, d] = head;
  if (a === 0xef && b === 0xbb && c === 0xbf) return { encoding: "utf-8", mark: 3 };
  if (a === 0xff && b === 0xfe && !(c === 0 && d === 0)) return { encoding: "utf-16le", mark: 2 };
  if (a === 0xfe && b === 0xff) return { encoding: "utf-16be", mark: 2 };
  const guess = zeroPattern(head);
  if (guess !== undefined) throw new OutgrowError("ENCODING", { file, offset: 0, detail: guess });
  return { encoding: "utf-8", mark: 0 };
}

/** A JSON text begins with two ASCII characters, so zeros among its first bytes give wider encodings away. */
function zeroPattern(head: Uint8Array): string | undefined {
  const pattern = Array.from(head.subarray(0, SNIFF_BYTES), (byte) =>
    byte === 0 ? "0" : byte < 0x80 ? "a" : "?",
  ).join("");
  if (/^(0a0a|0a)$/.test(pattern)) return "it looks like UTF-16BE without a byte order mark";
  if (/^(a0a0|a0)$/.test(pattern)) return "it looks like UTF-16LE without a byte order mark";
  if (/^(000a|a000)$/.test(pattern) || (head[0] === 0xff && head[1] === 0xfe)) {
    return "it looks like UTF-32";
  }
  return undefined;
}

/** Turns UTF-16 behind its mark into UTF-8, chunk by chunk. @throws {OutgrowError} ENCODING */
async function* transcode(
  chunks: AsyncIterable<Uint8Array>,
  encoding: Encoding,
  file: string,
): AsyncGenerator<Uint8Array> {
  const decoder = new TextDecoder(encoding, { fatal: true, ignoreBOM: true });
  const encoder = new TextEncoder();
  let read = 0;
  const decode = (chunk?: Uint8Array): string => {
    try {
      return chunk === undefined ? decoder.decode() : decoder.decode(chunk, { stream: true });
    } catch (cause) {
      const detail = `not ${encoding} as its byte order mark says`;
      throw new OutgrowError("ENCODING", { file, offset: read, detail }, { cause });
    }
  };
  for await (const chunk of chunks) {
    const text = decode(chunk);
    read += chunk.length;
    if (text !== "") yield encoder.encode(text);
  }
  decode();
}

/** Drops the first `count` bytes of a stream that cannot be entered in the middle. */
export async function* dropBytes(
  chunks: AsyncIterable<Uint8Array>,
  count: number,
): AsyncGenerator<Uint8Array> {
  let left = count;
  for await (const chunk of chunks) {
    if (left >= chunk.length) {
      left -= chunk.length;
    } else {
      yield left === 0 ? chunk : chunk.subarray(left);
      left = 0;
    }
  }
}

/** `db.json.gz` is called `db`: what collections are named after. */
function stemOf(name: string): string {
  const plain = name.replace(/\.gz$/i, "");
  const stem = plain.replace(/\.[^.]+$/, "");
  return stem === "" ? plain.replaceAll(".", "") || "data" : stem;
}

/** What stands behind an `Input`: raw bytes from any offset. */
export type OpenRaw = (offset: number, signal?: AbortSignal) => AsyncIterable<Uint8Array>;

/** Builds an `Input` over raw bytes whose encoding is known. `raw` gives them as stored, gzip already inflated. */
export function makeInput(
  about: {
    readonly name: string;
    readonly bytes: number;
    readonly seekable: boolean;
    readonly notes: readonly string[];
  },
  { encoding, mark }: Sniffed,
  raw: OpenRaw,
): Input {
  const wide = encoding !== "utf-8";
  const notes = [...about.notes, ...(wide ? [encoding] : []), ...(mark > 0 ? ["bom"] : [])];
  return {
    name: about.name,
    stem: stemOf(about.name),
    bytes: about.bytes,
    seekable: about.seekable && !wide,
    notes,
    open(offset = 0, signal) {
      if (wide) return dropBytes(transcode(raw(mark, signal), encoding, about.name), offset);
      return raw(mark + offset, signal);
    },
  };
}

/** An `Input` over bytes in memory: what a browser has after a file was picked. */
export function memoryInput(name: string, bytes: Uint8Array, chunkBytes = 256 * 1024): Input {
  const sniffed = sniffEncoding(bytes.subarray(0, SNIFF_BYTES), name);
  return makeInput(
    { name, bytes: bytes.length, seekable: true, notes: [] },
    sniffed,
    async function* (offset, signal) {
      for (let at = offset; at < bytes.length; at += chunkBytes) {
        throwIfInterrupted(signal);
        yield bytes.subarray(at, at + chunkBytes);
      }
    },
  );
}
