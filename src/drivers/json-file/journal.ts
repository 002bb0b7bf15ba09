/**
 * What a live move has to know of a JSON file, in a file beside it: the revision of each key written since the move
 * began, the keys that the other side may not have yet, the fence, and what the records were when last looked at.
 * Lines are only added, each under the file's lock; a reader takes over those that came since it last looked.
 *
 * J1. A commit's line is on the disk before the file is (the intent, SEMANTICS row 3). It names the print of the
 *     file to come: when the file has that print the commit took place, when it has the print before it did not.
 * J2. A line that was being written when its process died has no end, and is cut off by the next writer.
 */
import {
  closeSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readSync,
  writeSync,
} from "node:fs";
import type { Revision } from "../../collection/revision.ts";
import { OutgrowError } from "../../errors.ts";
import type { OutboxEntry } from "../../store/side.ts";
import { replaceFile } from "./replace-file.ts";

/** What tells one state of the file from another: SHA-256, hex. `""` when there is no file. */
export type Print = string;

/** Collection, key, revision, digest (hex) or null when deleted, 1 when the other side has to hear of it. */
export type SetEntry = readonly [string, string, Revision, string | null, 0 | 1];

interface Line {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly fence?: number;
  readonly print?: Print;
  readonly set?: readonly SetEntry[];
  /** The commit of the last `set` did not take place. */
  readonly undone?: true;
  readonly done?: readonly (readonly [string, string, Revision])[];
  /** Digests of records as they were found, per collection. */
  readonly base?: Readonly<Record<string, readonly (readonly [string, string])[]>>;
  /** Records written past the store that were found, per collection. */
  readonly foreign?: Readonly<Record<string, number>>;
  /** Highest counter that was used. */
  readonly counter?: number;
}

export interface Known {
  /** `undefined`: not written since the move began. */
  readonly revision: Revision | undefined;
  /** `null`: there is no such record. */
  readonly digest: string | null;
  /** Since when the other side has to hear of it. */
  readonly waiting: number | undefined;
}

const COMPACT_BYTES = 4 * 1024 * 1024;

export class Journal {
  readonly path: string;
  /** Whether a move has begun. */
  begun = false;
  fence = 0;
  counter = 0;
  print: Print = "";
  /** The print that the file had before the last commit. */
  printBefore: Print = "";
  readonly foreign: Record<string, number> = {};
  #known = new Map<string, Map<string, Known>>();
  #before: (readonly [string, string, Known | undefined])[] = [];
  #inode = 0;
  #offset = 0;
  #compactAt = COMPACT_BYTES;

  constructor(path: string) {
    this.path = path;
  }

  known(collection: string, key: string): Known | undefined {
    return this.#known.get(collection)?.get(key);
  }

  *waiting(): Generator<OutboxEntry & { readonly since: number }> {
    for (const [collection, keys] of this.#known) {
      for (const [key, { revision, waiting }] of keys) {
        if (waiting === undefined || revision === undefined) continue;
        yield { tenant: "", collection, key, revision, since: waiting };
      }
    }
  }

  keys(collection: string): ReadonlyMap<string, Known> {
    return this.#known.get(collection) ?? new Map();
  }

  /** Takes over what was added since the last look. */
  refresh(): void {
    let file: number;
    try {
      file = openSync(this.path, "r");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      if (this.begun) this.#reset();
      return;
    }
    try {
      const { ino, size } = fstatSync(file);
      if (ino !== this.#inode || size < this.#offset) this.#reset();
      this.#inode = ino;
      if (size === this.#offset) return;
      const bytes = Buffer.alloc(size - this.#offset);
      let filled = 0;
      while (filled < bytes.length) {
        const read = readSync(file, bytes, filled, bytes.length - filled, this.#offset + filled);
        if (read === 0) break;
        filled += read;
      }
      const end = bytes.lastIndexOf(10, filled - 1) + 1;
      for (const text of bytes.toString("utf8", 0, end).split("\n")) {
        if (text !== "") this.#take(this.#parse(text));
      }
      this.#offset += end;
    } finally {
      closeSync(file);
    }
  }

  /** Adds a line; the caller holds the lock and has refreshed. `durable` waits for the disk. */
  append(line: Omit<Line, "at">, durable: boolean): void {
    const file = openSync(this.path, "a+", 0o600);
    try {
      ftruncateSync(file, this.#offset);
      const whole = { at: Date.now(), ...line };
      const bytes = Buffer.from(`${JSON.stringify(whole)}\n`);
      let written = 0;
      while (written < bytes.length) written += writeSync(file, bytes, written);
      if (durable) fsyncSync(file);
      this.#inode = fstatSync(file).ino;
      this.#offset += bytes.length;
      this.#take(whole);
    } finally {
      closeSync(file);
    }
  }

  /** Writes what is known anew, when the lines have become many times as long. The caller holds the lock. */
  compact(): void {
    if (this.#offset < this.#compactAt) return;
    const lines: Line[] = [{ at: Date.now(), fence: this.fence, counter: this.counter }];
    lines.push({ at: Date.now(), foreign: { ...this.foreign }, print: this.print });
    for (const [collection, keys] of this.#known) {
      const base: [string, string][] = [];
      for (const [key, { revision, digest, waiting }] of keys) {
        if (revision === undefined) base.push([key, digest as string]);
        else {
          const set: SetEntry = [collection, key, revision, digest, waiting === undefined ? 0 : 1];
          lines.push({ at: waiting ?? Date.now(), set: [set] });
        }
      }
      lines.push({ at: Date.now(), base: { [collection]: base } });
    }
    replaceFile(this.path, lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
    this.refresh();
    this.#compactAt = Math.max(COMPACT_BYTES, this.#offset * 4);
  }

  #parse(text: string): Line {
    try {
      return JSON.parse(text) as Line;
    } catch {
      throw new OutgrowError("SOURCE_UNREADABLE", { file: this.path, detail: "its journal" });
    }
  }

  #reset(): void {
    this.begun = false;
    this.fence = 0;
    this.counter = 0;
    this.print = "";
    this.printBefore = "";
    this.#known = new Map();
    this.#before = [];
    this.#offset = 0;
    for (const name of Object.keys(this.foreign)) delete this.foreign[name];
  }

  #take(line: Line): void {
    this.begun = true;
    if (line.fence !== undefined) this.fence = Math.max(this.fence, line.fence);
    if (line.counter !== undefined) this.counter = Math.max(this.counter, line.counter);
    if (line.print !== undefined) {
      this.printBefore = this.print;
      this.print = line.print;
    }
    if (line.undone) {
      for (const [collection, key, known] of this.#before) this.#put(collection, key, known);
      this.#before = [];
    }
    if (line.set !== undefined) this.#takeSet(line.set, line.at);
    for (const [collection, key, revision] of line.done ?? []) {
      const known = this.known(collection, key);
      if (known?.waiting === undefined || known.revision === undefined) continue;
      if (known.revision === revision) {
        this.#put(collection, key, { ...known, waiting: undefined });
      } else if (known.revision > revision) {
        this.#put(collection, key, { ...known, waiting: Math.max(known.waiting, line.at) });
      }
    }
    for (const [collection, rows] of Object.entries(line.base ?? {})) {
      for (const [key, digest] of rows) {
        const known = this.known(collection, key);
        this.#put(collection, key, { revision: undefined, waiting: undefined, ...known, digest });
      }
    }
    for (const [collection, count] of Object.entries(line.foreign ?? {})) {
      this.foreign[collection] = (this.foreign[collection] ?? 0) + count;
    }
  }

  #takeSet(entries: readonly SetEntry[], at: number): void {
    this.#before = [];
    for (const [collection, key, revision, digest, captured] of entries) {
      const known = this.known(collection, key);
      this.#before.push([collection, key, known]);
      const waiting = captured === 1 ? (known?.waiting ?? at) : known?.waiting;
      this.#put(collection, key, { revision, digest, waiting });
      this.counter = Math.max(this.counter, Number(revision.split(".")[1]));
    }
  }

  #put(collection: string, key: string, known: Known | undefined): void {
    let keys = this.#known.get(collection);
    if (keys === undefined) {
      keys = new Map();
      this.#known.set(collection, keys);
    }
    if (known === undefined) keys.delete(key);
    else keys.set(key, known);
  }
}
