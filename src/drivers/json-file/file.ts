/**
 * One JSON file that several processes read and write: what it holds, and commits to it.
 *
 * D2. A commit resolves when the file is on the disk. Commits that come together are written together.
 * S5. The fence is looked at under the lock under which the file is written.
 * Writes that went around us are found by the file's print, and captured like our own.
 */
import { createHash, randomBytes } from "node:crypto";
import {
  copyFileSync,
  mkdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { setImmediate as breathe, setTimeout as sleep } from "node:timers/promises";
import { digestHex } from "../../collection/digest-sum.ts";
import { type Revision, revision } from "../../collection/revision.ts";
import { OutgrowError } from "../../errors.ts";
import { failpoint } from "../../failpoint.ts";
import type { Commit, CommitReport } from "../../store/driver.ts";
import type { OutboxEntry } from "../../store/side.ts";
import { Contents, type FileCollection } from "./contents.ts";
import { Journal, type Print, type SetEntry } from "./journal.ts";
import { judge, type Pending } from "./judge.ts";
import { replaceFile } from "./replace-file.ts";
import { lockInTurn, noteBeside } from "./turn.ts";

/** A file that is written while it is read is read again so often. */
const READS = 5;
/** Records between two looks at what else there is to do. */
const BREATH = 128;

interface Waiting {
  readonly commit: Commit;
  readonly resolve: (report: CommitReport) => void;
  readonly reject: (error: unknown) => void;
}

/** The file and its journal, as they fit together. */
interface State {
  readonly contents: Contents;
  readonly journal: Journal;
}

export class JsonFile {
  readonly path: string;
  readonly tenant: string;
  readonly #collections: readonly FileCollection[];
  /** What we put beside the file. */
  readonly #folder: string;
  readonly #journal: Journal;
  readonly #install = randomBytes(8).reduce((text, byte) => text + (byte % 36).toString(36), "");
  #contents:
    | { readonly contents: Contents; readonly print: Print; readonly stamp: string }
    | undefined;
  readonly #queue: Waiting[] = [];
  #writing = false;
  /** The highest counter that this process has issued. */
  #issued = 0;
  #toldForeign: Record<string, number> = {};

  constructor(path: string, collections: readonly FileCollection[], tenant: string) {
    this.path = path;
    this.tenant = tenant;
    this.#collections = collections;
    this.#folder = join(dirname(path), ".outgrow", basename(path));
    this.#journal = new Journal(join(this.#folder, "journal.ndjson"));
  }

  /**
   * What the file holds now; where somebody is writing, what it holds behind that.
   * @param look is called while file and journal fit together: a turn later a commit of this process may have noted
   * the revisions of rows that are not written yet.
   */
  async state<T>(look: (state: State) => T): Promise<T> {
    for (let attempt = 0; attempt < READS; attempt++) {
      this.#journal.refresh();
      const { print, contents } = this.#read();
      this.#journal.refresh();
      if (!this.#journal.begun || this.#journal.print === print) {
        return look({ contents, journal: this.#journal });
      }
      await sleep(attempt);
    }
    return this.#locked(() => look(this.#settled()));
  }

  commit(commit: Commit): Promise<CommitReport> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ commit, resolve, reject });
      if (!this.#writing) void this.#write();
    });
  }

  async issue(count: number, epoch: number): Promise<Revision[]> {
    this.#journal.refresh();
    // The journal, written anew by somebody else, does not know what was issued here and is not written yet.
    const from = Math.max(this.#journal.counter, this.#issued);
    this.#issued = from + count;
    this.#journal.counter = this.#issued;
    return Array.from({ length: count }, (_, index) =>
      revision(epoch, from + index + 1, this.#install),
    );
  }

  async fence(): Promise<number> {
    this.#journal.refresh();
    return this.#journal.fence;
  }

  async raise(epoch: number): Promise<void> {
    // The journal begins with what every record is. Nearly all of that is found out while others may write.
    this.#journal.refresh();
    if (!this.#journal.begun) await this.#digestAll();
    await this.#locked(() => {
      mkdirSync(this.#folder, { recursive: true });
      const { contents } = this.#settled();
      if (!this.#journal.begun) this.#begin(contents);
      if (this.#journal.fence < epoch) this.#journal.append({ fence: epoch }, true);
    });
  }

  async settle(delivered: readonly OutboxEntry[]): Promise<void> {
    if (delivered.length === 0) return;
    await this.#locked(() => {
      this.#journal.refresh();
      const done = delivered.map(
        ({ collection, key, revision: r }) => [collection, key, r] as const,
      );
      // Not waited for: what is forgotten here is delivered once more, which changes nothing.
      this.#journal.append({ done }, false);
    });
  }

  async foreignWrites(): Promise<Record<string, number>> {
    await this.state(() => {});
    const found: Record<string, number> = {};
    for (const [name, count] of Object.entries(this.#journal.foreign)) {
      const untold = count - (this.#toldForeign[name] ?? 0);
      if (untold > 0) found[name] = untold;
    }
    this.#toldForeign = { ...this.#journal.foreign };
    return found;
  }

  /**
   * A copy of the file as it is between two commits. Collections that it does not have yet are there, and empty: what
   * is copied is where their first records will go.
   */
  async snapshot(): Promise<string> {
    const folder = join(this.#folder, `snapshot-${randomBytes(6).toString("hex")}`);
    const copy = join(folder, basename(this.path));
    await this.#locked(() => {
      const { contents } = this.#settled();
      mkdirSync(folder, { recursive: true });
      if (contents.complete) copyFileSync(this.path, copy);
      else writeFileSync(copy, contents.print(new Map(), true));
    });
    return copy;
  }

  async leave(): Promise<void> {
    await this.#locked(() => {});
    rmSync(noteBeside(this.#lock), { force: true });
    rmSync(this.#folder, { recursive: true, force: true });
    try {
      rmdirSync(dirname(this.#folder));
    } catch {
      // Something else lies there as well.
    }
    this.#journal.refresh();
  }

  async #write(): Promise<void> {
    this.#writing = true;
    // Those that are asked for in this turn of the event loop go together.
    await Promise.resolve();
    while (this.#queue.length > 0) {
      const group = this.#queue.splice(0);
      try {
        await this.#locked(() => this.#writeGroup(group));
      } catch (error) {
        this.#contents = undefined;
        for (const { reject } of group) reject(storageError(error, this.path));
      }
    }
    this.#writing = false;
  }

  async #writeGroup(group: readonly Waiting[]): Promise<void> {
    const { contents } = this.#settled();
    const changes = new Map<string, Map<string, Pending>>();
    const answers = group.map(({ commit, resolve, reject }) => {
      try {
        const report = judge(
          commit,
          { contents, journal: this.#journal, tenant: this.tenant },
          changes,
        );
        return () => resolve(report);
      } catch (error) {
        return () => reject(error);
      }
    });
    if (changes.size > 0) await this.#writeChanges(contents, changes);
    for (const answer of answers) answer();
  }

  async #writeChanges(
    contents: Contents,
    changes: ReadonlyMap<string, ReadonlyMap<string, Pending>>,
  ): Promise<void> {
    const rows = new Map(
      [...changes].map(([name, keys]) => [
        name,
        new Map([...keys].map(([key, { row }]) => [key, row] as const)),
      ]),
    );
    const text = contents.print(rows);
    const print = printOf(text);
    if (this.#journal.begun) {
      const set = [...changes].flatMap(([name, keys]) =>
        [...keys].map(([key, { row, revision: r, capture }]): SetEntry => {
          return [name, key, r, row === undefined ? null : digestHex(row.digest), capture ? 1 : 0];
        }),
      );
      this.#journal.append({ set, print }, true);
    }
    await failpoint("jsonfile.intent");
    replaceFile(this.path, text);
    await failpoint("jsonfile.replaced");
    contents.apply(rows);
    this.#contents = { contents, print, stamp: stampOf(this.path) };
    this.#journal.compact();
  }

  /** File and journal, made to fit together. The caller holds the lock. */
  #settled(): State {
    const journal = this.#journal;
    journal.refresh();
    const { contents, print } = this.#read();
    if (journal.begun && journal.print !== print) {
      // A commit that died before its file was written; anything else is somebody else's write.
      if (print === journal.printBefore) journal.append({ undone: true, print }, true);
      else this.#takeForeign(contents, print);
    }
    return { contents, journal };
  }

  /** A row that stays as it is keeps its digest. */
  async #digestAll(): Promise<void> {
    const { contents } = this.#read();
    for (const name of contents.names) {
      let count = 0;
      for (const row of contents.rows(name).values()) {
        void row.digest;
        if (++count % BREATH === 0) await breathe();
      }
    }
  }

  #begin(contents: Contents): void {
    const base: Record<string, [string, string][]> = {};
    for (const name of contents.names) {
      base[name] = [...contents.rows(name)].map(([key, { digest }]) => [key, digestHex(digest)]);
    }
    this.#journal.append({ base, print: this.#contents?.print ?? "" }, true);
  }

  /** Finds what somebody wrote past us, by the records' digests, and captures it. */
  #takeForeign(contents: Contents, print: Print): void {
    const journal = this.#journal;
    const set: SetEntry[] = [];
    const foreign: Record<string, number> = {};
    let { counter } = journal;
    const found = (name: string, key: string, digest: string | null): void => {
      set.push([name, key, revision(journal.fence, ++counter, this.#install), digest, 1]);
      foreign[name] = (foreign[name] ?? 0) + 1;
    };
    for (const name of contents.names) {
      const rows = contents.rows(name);
      for (const [key, row] of rows) {
        const digest = digestHex(row.digest);
        if (journal.known(name, key)?.digest !== digest) found(name, key, digest);
      }
      for (const [key, { digest }] of journal.keys(name)) {
        if (digest !== null && !rows.has(key)) found(name, key, null);
      }
    }
    journal.append({ set, print, foreign }, true);
  }

  #read(): { readonly contents: Contents; readonly print: Print } {
    const stamp = stampOf(this.path);
    if (this.#contents?.stamp === stamp) return this.#contents;
    const text = this.#text(stamp);
    const before = this.#contents?.contents;
    const contents = new Contents(text === "" ? "{}" : text, this.path, this.#collections, before);
    this.#contents = { contents, print: text === "" ? "" : printOf(text), stamp };
    return this.#contents;
  }

  #text(stamp: string): string {
    // A file that was there and is gone, or was cut to nothing, is an accident and not an empty store.
    if (stamp === ABSENT_STAMP) {
      const before = this.#journal.begun ? this.#journal.print : (this.#contents?.print ?? "");
      if (before !== "") {
        throw new OutgrowError("SOURCE_NOT_FOUND", { file: this.path });
      }
      return "";
    }
    const bytes = this.#bytes();
    if (bytes.length === 0) throw new OutgrowError("SOURCE_EMPTY", { file: this.path });
    try {
      return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    } catch {
      throw new OutgrowError("ENCODING", { file: this.path });
    }
  }

  #bytes(): Buffer {
    try {
      return readFileSync(this.path);
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException;
      throw new OutgrowError("SOURCE_UNREADABLE", { file: this.path, detail: code }, { cause });
    }
  }

  async #locked<T>(work: () => T | Promise<T>): Promise<T> {
    mkdirSync(dirname(this.#folder), { recursive: true });
    const lock = await lockInTurn(this.#lock, this.path);
    try {
      return await work();
    } finally {
      lock.release();
    }
  }

  get #lock(): string {
    return join(dirname(this.#folder), `${basename(this.path)}.lock`);
  }
}

const ABSENT_STAMP = "absent";

/** Changes whenever the file does: a rename gives another inode, a write in place another time. */
function stampOf(path: string): string {
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stat === undefined ? ABSENT_STAMP : `${stat.ino}.${stat.size}.${stat.mtimeNs}`;
}

function printOf(text: string): Print {
  return createHash("sha256").update(text).digest("hex");
}

function storageError(error: unknown, file: string): unknown {
  if (OutgrowError.is(error)) return error;
  const { code } = error as NodeJS.ErrnoException;
  if (code === "ENOSPC" || code === "EDQUOT") {
    return new OutgrowError("TARGET_FULL", { file }, { cause: error });
  }
  if (code === undefined) return error;
  return new OutgrowError("STORE_WRITE", { file, detail: code }, { cause: error });
}
