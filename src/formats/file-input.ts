/** Files as inputs: opened at any offset, inflated where they are gzip, standard input by way of a spooled file. */
import { createHash } from "node:crypto";
import { createReadStream, createWriteStream, rmSync } from "node:fs";
import { mkdtemp, open, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { OutgrowError, throwIfInterrupted } from "../errors.ts";
import type { Fingerprint } from "../store/ledger.ts";
import type { Input } from "./format.ts";
import { dropBytes, isGzip, makeInput, type OpenRaw, SNIFF_BYTES, sniffEncoding } from "./input.ts";

/** Large enough that the work per chunk vanishes, small enough that several in flight cost nothing. */
const CHUNK = 256 * 1024;

interface OnDisk {
  readonly path: string;
  readonly modified: number;
}

/** Which file an input reads, for its fingerprint: the interface itself knows nothing of disks. */
const files = new WeakMap<Input, OnDisk>();

/**
 * Opens a file.
 *
 * @param name what it is called in messages; default the file's name.
 * @throws {OutgrowError} SOURCE_NOT_FOUND, SOURCE_EMPTY, SOURCE_UNREADABLE, ENCODING
 */
export async function openFile(path: string, name: string = basename(path)): Promise<Input> {
  const { bytes, modified, head } = await look(path, name);
  const notes: string[] = [];
  let raw: OpenRaw = (offset, signal) => readFile(path, name, offset, signal);
  let start: Uint8Array = head;
  const gzip = isGzip(head);
  if (gzip) {
    notes.push("gzip");
    raw = (offset, signal) => dropBytes(inflate(path, name, signal), offset);
    start = await firstBytes(raw(0));
    if (start.length === 0) throw new OutgrowError("SOURCE_EMPTY", { file: name });
  }
  const sniffed = sniffEncoding(start, name);
  const input = makeInput({ name, bytes, seekable: !gzip, notes }, sniffed, raw);
  files.set(input, { path, modified });
  return input;
}

/** The fingerprint of an input's file; of its text, where it is no file. @throws {OutgrowError} SOURCE_UNREADABLE */
export async function fingerprint(input: Input): Promise<Fingerprint> {
  const file = files.get(input);
  const hash = createHash("sha256");
  const chunks = file === undefined ? input.open() : readFile(file.path, input.name, 0);
  for await (const chunk of chunks) hash.update(chunk);
  const { name, bytes } = input;
  return { name, bytes, modified: file?.modified ?? 0, sha256: hash.digest("hex") };
}

async function look(path: string, name: string) {
  try {
    const handle = await open(path, "r");
    try {
      const info = await handle.stat();
      if (!info.isFile()) {
        throw new OutgrowError("SOURCE_UNREADABLE", { file: name, detail: "it is not a file" });
      }
      if (info.size === 0) throw new OutgrowError("SOURCE_EMPTY", { file: name });
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(SNIFF_BYTES), 0, SNIFF_BYTES, 0);
      const modified = Math.round(info.mtimeMs);
      return { bytes: info.size, modified, head: buffer.subarray(0, bytesRead) };
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw readError(error, path, name);
  }
}

/** The error that says what is wrong with a path; errors that say it already pass. */
export function readError(error: unknown, path: string, name: string): unknown {
  if (error instanceof OutgrowError || !(error instanceof Error)) return error;
  const code = (error as NodeJS.ErrnoException).code;
  if (code === undefined) return error;
  if (code === "ENOENT" || code === "ENOTDIR") {
    return new OutgrowError("SOURCE_NOT_FOUND", { file: path }, { cause: error });
  }
  return new OutgrowError("SOURCE_UNREADABLE", { file: name, detail: code }, { cause: error });
}

async function* readFile(
  path: string,
  name: string,
  offset: number,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const stream = createReadStream(path, { start: offset, highWaterMark: CHUNK });
  try {
    for await (const chunk of stream) {
      throwIfInterrupted(signal);
      yield chunk as Buffer;
    }
  } catch (error) {
    throwIfInterrupted(signal);
    throw readError(error, path, name);
  }
}

/** Constant memory whatever the ratio: a bomb is as long as it is, and is read piece by piece. */
async function* inflate(
  path: string,
  name: string,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const gunzip = createGunzip({ chunkSize: CHUNK });
  const source = createReadStream(path, { highWaterMark: CHUNK });
  const done = pipeline(source, gunzip);
  done.catch(() => {}); // the same error comes out of the loop below
  let inflated = 0;
  try {
    for await (const chunk of gunzip) {
      throwIfInterrupted(signal);
      yield chunk as Buffer;
      inflated += (chunk as Buffer).length;
    }
  } catch (error) {
    throwIfInterrupted(signal);
    const code = (error as NodeJS.ErrnoException).code;
    if (code?.startsWith("Z_") === true) {
      const detail = "the gzip data is damaged or cut off";
      throw new OutgrowError(
        "BUNDLE_SYNTAX",
        { file: name, offset: inflated, detail },
        { cause: error },
      );
    }
    throw readError(error, path, name);
  } finally {
    source.destroy();
    gunzip.destroy();
  }
}

async function firstBytes(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  let head: Uint8Array = new Uint8Array(0);
  for await (const chunk of chunks) {
    const joined = new Uint8Array(head.length + chunk.length);
    joined.set(head);
    joined.set(chunk, head.length);
    head = joined.subarray(0, SNIFF_BYTES);
    if (head.length >= SNIFF_BYTES) break;
  }
  return head;
}

interface Spool {
  readonly input: Input;
  remove(): Promise<void>;
}

const spools = new WeakMap<NodeJS.ReadableStream, Promise<Spool>>();

/**
 * Standard input, written to a temporary file first: it is read more than once. A stream is spooled once, however
 * often it is opened. The file of `process.stdin` stays until the process exits, others until `remove`.
 *
 * @throws {OutgrowError} SOURCE_EMPTY, SOURCE_UNREADABLE, ENCODING
 */
export function spool(stream: NodeJS.ReadableStream): Promise<Spool> {
  const known = spools.get(stream);
  if (known !== undefined) return known;
  const made = makeSpool(stream);
  spools.set(stream, made);
  return made;
}

async function makeSpool(stream: NodeJS.ReadableStream): Promise<Spool> {
  const folder = await mkdtemp(join(tmpdir(), "outgrow-"));
  const path = join(folder, "stdin");
  const removeNow = () => rmSync(folder, { recursive: true, force: true });
  process.once("exit", removeNow);
  try {
    await pipeline(stream, createWriteStream(path, { mode: 0o600 }));
    const input = await openFile(path, "stdin");
    files.set(input, { path, modified: 0 });
    return {
      input,
      async remove() {
        if (stream === process.stdin) return;
        process.removeListener("exit", removeNow);
        spools.delete(stream);
        await rm(folder, { recursive: true, force: true });
      },
    };
  } catch (error) {
    removeNow();
    throw readError(error, "-", "stdin");
  }
}

/** Whether a path is a folder. @throws {OutgrowError} SOURCE_NOT_FOUND, SOURCE_UNREADABLE */
export async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    throw readError(error, path, basename(path));
  }
}
