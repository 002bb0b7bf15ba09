/** A store in memory that keeps the contract: quick enough to be broken in many ways, and nothing like Postgres. */
import { compareText } from "../../src/collection/key.ts";
import { dumpRevision, type Revision, revision } from "../../src/collection/revision.ts";
import { fromTaggedJson, toTaggedJson } from "../../src/collection/tagged-json.ts";
import type { ObjectValue } from "../../src/collection/value.ts";
import { OutgrowError, throwIfInterrupted } from "../../src/errors.ts";
import type {
  Capabilities,
  Commit,
  CommitReport,
  Driver,
  RecordWrite,
  ScanOptions,
  Stored,
  Target,
} from "../../src/store/driver.ts";
import type { QuarantineEntry } from "../../src/store/ledger.ts";
import { runQuery } from "../../src/store/query.ts";
import type { AlteredRow } from "../../src/testing/index.ts";
import { bytesOf, MemoryLedger, type MemoryMove, type MemoryStore } from "./memory-ledger.ts";

/** What the sidecar knows of a key. */
export interface Known {
  readonly revision: Revision;
  readonly state: RecordWrite["state"];
  readonly digest: Uint8Array;
  readonly position: number | undefined;
  readonly exception: RecordWrite["exception"];
}

/** One tenant's records of one collection: the app's own, as tagged JSON, and what is known of them. */
export interface Records {
  readonly app: Map<string, string>;
  readonly known: Map<string, Known>;
}

export const MEMORY_CAPABILITIES: Capabilities = {
  transaction: true,
  durable: true,
  batch: { records: 2000, bytes: 1024 * 1024 },
};

export function memoryTarget(store: MemoryStore, can = MEMORY_CAPABILITIES): Target {
  const ledger = new MemoryLedger(store);
  return {
    kind: "memory",
    label: "memory",
    ledger,
    async catalog() {
      throw new OutgrowError("UNSUPPORTED", { detail: "there are no tables" });
    },
    async open(name) {
      return new MemoryDriver(store, ledger.known(name), can);
    },
    async [Symbol.asyncDispose]() {},
  };
}

interface Verdict {
  readonly why: "written" | "duplicate" | "stale" | "conflict";
  readonly displaced: Known | undefined;
}

function judge(before: Known | undefined, record: RecordWrite): Verdict {
  const displaced =
    before?.state === "present" && before.revision === record.revision ? before : undefined;
  if (before !== undefined && before.revision > record.revision)
    return { why: "stale", displaced: undefined };
  if (record.state === "conflict") return { why: "conflict", displaced };
  if (before === undefined || before.revision < record.revision)
    return { why: "written", displaced: undefined };
  const isSame = before.state === record.state && bytesOf(before.digest) === bytesOf(record.digest);
  return isSame ? { why: "duplicate", displaced: undefined } : { why: "conflict", displaced };
}

class MemoryDriver implements Driver {
  readonly kind = "memory";
  readonly #store: MemoryStore;
  readonly #move: MemoryMove;
  readonly can: Capabilities;

  constructor(store: MemoryStore, move: MemoryMove, can: Capabilities) {
    this.#store = store;
    this.#move = move;
    this.can = can;
  }

  get layouts() {
    return this.#move.collections.map(({ layout }) => layout);
  }

  #records({
    tenant,
    collection,
  }: {
    readonly tenant: string;
    readonly collection: string;
  }): Records {
    if (this.#move.collections.every(({ name }) => name !== collection)) {
      throw new OutgrowError("MOVE_UNKNOWN", { collection });
    }
    const address = JSON.stringify([tenant, collection]);
    const records = this.#move.records.get(address) ?? { app: new Map(), known: new Map() };
    this.#move.records.set(address, records);
    return records;
  }

  #stored(records: Records, key: string): Stored | undefined {
    const text = records.app.get(key);
    const known = records.known.get(key);
    if (text !== undefined && known?.state === "present") {
      return { ...known, key, value: fromTaggedJson(text) };
    }
    return known?.state === "deleted" ? { ...known, key, value: undefined } : undefined;
  }

  async read(from: Parameters<Driver["read"]>[0], keys: readonly string[]) {
    const records = this.#records(from);
    return keys.map((key) => this.#stored(records, key));
  }

  async *scan(from: Parameters<Driver["scan"]>[0], options: ScanOptions = {}) {
    const records = this.#records(from);
    const all = [...records.app.keys()]
      .sort(compareText)
      .map((key) => this.#stored(records, key) as Stored);
    if (options.order === "position") {
      const place = ({ position }: Stored) => position ?? Number.POSITIVE_INFINITY;
      all.sort((a, b) => (place(a) === place(b) ? 0 : place(a) - place(b)));
    }
    yield* batches(all, options);
  }

  async *rebuild(from: Parameters<Driver["rebuild"]>[0], options: ScanOptions = {}) {
    const rows = [...this.#records(from).app].sort(([a], [b]) => compareText(a, b));
    const all = rows.map(([key, text]) => ({ key, value: fromTaggedJson(text), foreign: false }));
    yield* batches(all, options);
  }

  async count(of: Parameters<Driver["count"]>[0]) {
    return this.#records(of).app.size;
  }

  async query(from: Parameters<Driver["query"]>[0], plan: Parameters<Driver["query"]>[1]) {
    return runQuery(this.scan(from), plan);
  }

  async issue(count: number, epoch = 1) {
    return Array.from({ length: count }, () => revision(epoch, ++this.#store.issued));
  }

  async commit(commit: Commit): Promise<CommitReport> {
    const move = this.#move;
    for (const { collection } of commit.writes)
      this.#records({ tenant: commit.tenant, collection });
    const ledger = new MemoryLedger(this.#store);
    if (
      !this.can.transaction &&
      commit.ledger?.checkpoint !== undefined &&
      commit.writes.length > 0
    ) {
      throw new OutgrowError("UNSUPPORTED", { detail: "data and checkpoint together" });
    }
    ledger.fence(move, commit.lease);
    const given = commit.writes.flatMap(({ records }) => records).length;
    const nothing = { applied: 0, duplicate: 0, stale: 0, conflicts: [], spills: [] };
    if (ledger.isFinished(move, commit.ledger)) return { ...nothing, duplicate: given };
    // Everything is found out before anything is done.
    for (const { collection, key, revision: wanted } of commit.expects ?? []) {
      const { known } = this.#records({ tenant: commit.tenant, collection });
      const { state, revision: there } = known.get(key) ?? { state: "deleted", revision: null };
      if (wanted === (state === "deleted" ? null : there)) continue;
      throw new OutgrowError("WRITE_CONFLICT", { collection, key });
    }
    const parts = commit.writes.map(({ collection, records }) => {
      const { app, known } = this.#records({ tenant: commit.tenant, collection });
      const verdicts = records.map((record) => ({
        record,
        ...judge(known.get(record.key), record),
      }));
      const count = (why: Verdict["why"]) => verdicts.filter((one) => one.why === why).length;
      const conflicts = verdicts
        .filter(({ why }) => why === "conflict")
        .map(({ record: { key } }) => ({ collection, key }));
      const displaced = verdicts.filter((one) => one.displaced !== undefined).length;
      return {
        collection,
        app,
        known,
        verdicts,
        displaced,
        conflicts,
        applied: count("written"),
        duplicate: count("duplicate"),
        stale: count("stale"),
      };
    });
    const sums = ledger.sums(move, commit.ledger, parts);
    const sum = (name: "applied" | "duplicate" | "stale") =>
      parts.reduce((all, part) => all + part[name], 0);
    const report = {
      ...nothing,
      applied: sum("applied"),
      duplicate: sum("duplicate"),
      stale: sum("stale"),
      conflicts: parts.flatMap(({ conflicts }) => conflicts),
    };
    if (commit.probe) return report;
    for (const { collection, app, known, verdicts } of parts) {
      for (const { record, why, displaced } of verdicts) {
        const before = app.get(record.key);
        if (why === "conflict") {
          if (displaced !== undefined)
            ledger.setAside(move, rebuilt(collection, record.key, displaced, before ?? ""));
          ledger.setAside(move, lost(collection, record));
        }
        if (why === "duplicate" || why === "stale") continue;
        const { key, revision, digest, position, exception } = record;
        known.set(key, {
          revision,
          digest,
          position,
          exception,
          state: why === "conflict" ? "conflict" : record.state,
        });
        if (why === "written" && record.state === "present")
          app.set(key, toTaggedJson(record.value));
        else app.delete(key);
      }
    }
    ledger.write(move, commit.ledger, sums);
    return report;
  }
}

async function* batches<T>(all: readonly T[], { size = 100, signal }: ScanOptions) {
  throwIfInterrupted(signal);
  for (let from = 0; from < all.length; from += size) {
    yield all.slice(from, from + size);
    throwIfInterrupted(signal);
  }
}

const utf8 = new TextEncoder();

function lost(collection: string, record: RecordWrite): QuarantineEntry {
  const origin = record.origin?.() ?? {
    file: "",
    offset: 0,
    raw: utf8.encode(toTaggedJson(record.value)),
  };
  return {
    collection,
    key: record.key,
    code: "ID_CONFLICT",
    detail: undefined,
    position: record.position ?? 0,
    ...origin,
  };
}

function rebuilt(collection: string, key: string, known: Known, text: string): QuarantineEntry {
  const { position = 0 } = known;
  return {
    collection,
    key,
    code: "ID_CONFLICT",
    detail: "what was there",
    file: "",
    offset: 0,
    position,
    raw: utf8.encode(text),
  };
}

/** The tombstone that pruning leaves. */
export const pruned = (run: number): Known => ({
  revision: dumpRevision(run),
  state: "deleted",
  digest: new Uint8Array(),
  position: undefined,
  exception: undefined,
});

/** As an app would write past the driver. */
export const alterIn =
  (store: MemoryStore) =>
  async ({ move, collection, tenant, key, title }: AlteredRow): Promise<void> => {
    const app = store.moves.get(move.name)?.records.get(JSON.stringify([tenant, collection]))?.app;
    const value = fromTaggedJson(app?.get(key) ?? "") as ObjectValue;
    app?.set(key, toTaggedJson({ ...value, title }));
  };
