/** The ledger of a store in memory. */
import { digestHex } from "../../src/collection/digest-sum.ts";
import { dumpRevision, revision } from "../../src/collection/revision.ts";
import { OutgrowError } from "../../src/errors.ts";
import type { LedgerWrite } from "../../src/store/driver.ts";
import type {
  CheckpointEntry,
  CollectionCounts,
  Lease,
  Ledger,
  Move,
  MoveCollection,
  NewMove,
  Quarantined,
  QuarantineEntry,
  SourceFile,
} from "../../src/store/ledger.ts";
import { pruned, type Records } from "./memory-target.ts";

export interface MemoryMove extends NewMove {
  readonly id: number;
  run: number;
  phase: Move["phase"];
  files: readonly SourceFile[];
  collections: readonly MoveCollection[];
  counts: Map<string, CollectionCounts>;
  readonly templates: Map<string, Move["templates"][string]>;
  /** By tenant and collection, as JSON. */
  readonly records: Map<string, Records>;
  readonly checkpoints: Map<string, CheckpointEntry & { readonly read: string }>;
  readonly quarantine: Map<number, Quarantined>;
  readonly lease: { number: number; beat: number | undefined };
  readonly createdAt: string;
  updatedAt: string;
}

export interface MemoryStore {
  readonly moves: Map<string, MemoryMove>;
  issued: number;
  made: number;
}

export const memoryStore = (): MemoryStore => ({ moves: new Map(), issued: 0, made: 0 });

const NOTHING: CollectionCounts = { read: 0, applied: 0, duplicate: 0, stale: 0, quarantined: 0 };
export const bytesOf = (bytes: Uint8Array): string => digestHex(bytes);

interface Part {
  readonly collection: string;
  readonly applied: number;
  readonly duplicate: number;
  readonly stale: number;
  readonly displaced: number;
  readonly conflicts: readonly unknown[];
}

/** An own property, and never one of a prototype. */
const own = <T>(object: Readonly<Record<string, T>> | undefined, name: string): T | undefined =>
  object !== undefined && Object.hasOwn(object, name) ? object[name] : undefined;

export class MemoryLedger implements Ledger {
  readonly #store: MemoryStore;

  constructor(store: MemoryStore) {
    this.#store = store;
  }

  known(name: string): MemoryMove {
    const move = this.#store.moves.get(name);
    if (move === undefined) throw new OutgrowError("MOVE_UNKNOWN", { detail: name });
    return move;
  }

  async moves() {
    return [...this.#store.moves.values()].map(told);
  }

  async find(name: string) {
    const move = this.#store.moves.get(name);
    return move && told(move);
  }

  async create(wanted: NewMove) {
    if (this.#store.moves.has(wanted.name))
      throw new OutgrowError("MOVE_TAKEN", { detail: wanted.name });
    const now = new Date().toISOString();
    this.#store.moves.set(wanted.name, {
      ...structuredClone(wanted),
      id: ++this.#store.made,
      run: 1,
      phase: "copying",
      counts: zeros(wanted.collections),
      templates: new Map(),
      records: new Map(),
      checkpoints: new Map(),
      quarantine: new Map(),
      lease: { number: 0, beat: undefined },
      createdAt: now,
      updatedAt: now,
    });
    return told(this.known(wanted.name));
  }

  async startRun(
    name: string,
    files: readonly SourceFile[],
    added: readonly MoveCollection[],
    lease?: Lease,
  ) {
    const move = this.known(name);
    this.fence(move, lease);
    move.run++;
    move.phase = "copying";
    move.files = files;
    move.collections = [...move.collections, ...added];
    move.counts = zeros(move.collections);
    move.checkpoints.clear();
    return told(move);
  }

  async settle(name: string, lease: Lease) {
    this.fence(this.known(name), lease);
    return { dangling: [], made: [], refused: [], sequences: [] };
  }

  async setPhase(name: string, phase: Move["phase"], lease?: Lease) {
    const move = this.known(name);
    this.fence(move, lease);
    move.phase = phase;
  }

  async checkpoints(name: string) {
    const all = [...(this.#store.moves.get(name)?.checkpoints.values() ?? [])];
    return all
      .map(({ read: _, ...entry }) => entry)
      .sort((a, b) => a.file - b.file || a.batch - b.batch);
  }

  async acquire(name: string, ttlMs = 30_000): Promise<Lease> {
    const { lease } = this.known(name);
    if (lease.beat !== undefined && lease.beat > performance.now() - ttlMs) {
      throw new OutgrowError("MOVE_LEASED", { detail: "another mover" });
    }
    lease.beat = performance.now();
    return { move: name, number: ++lease.number };
  }

  /** Proves a lease and keeps it alive. */
  fence(move: MemoryMove, lease: Lease | undefined): void {
    if (lease === undefined) return;
    if (lease.number !== move.lease.number) throw new OutgrowError("FENCED", { detail: move.name });
    move.lease.beat = performance.now();
  }

  async heartbeat(lease: Lease) {
    this.fence(this.known(lease.move), lease);
  }

  async release(lease: Lease) {
    const { lease: held } = this.known(lease.move);
    if (held.number === lease.number) held.beat = undefined;
  }

  async quarantined(name: string, filter: Parameters<Ledger["quarantined"]>[1] = {}) {
    const move = this.#store.moves.get(name);
    return [...(move?.quarantine.values() ?? [])]
      .filter(({ run }) => run === move?.run)
      .filter(({ state }) => filter.state === undefined || state === filter.state)
      .filter(({ id }) => filter.id === undefined || id === filter.id)
      .map((entry) => ({ ...entry, raw: filter.raw === false ? new Uint8Array() : entry.raw }));
  }

  async updateQuarantined(
    name: string,
    id: number,
    change: Parameters<Ledger["updateQuarantined"]>[2],
  ) {
    const { quarantine } = this.known(name);
    const entry = quarantine.get(id);
    if (entry === undefined || (change.raw !== undefined && entry.state !== "open")) {
      throw new OutgrowError("QUARANTINE_UNKNOWN", { detail: String(id) });
    }
    quarantine.set(id, { ...entry, ...change });
  }

  async spills() {
    return [];
  }

  async prune(name: string, lease: Lease) {
    const move = this.known(name);
    this.fence(move, lease);
    let count = 0;
    for (const [address, { app, known }] of move.records) {
      if ((JSON.parse(address) as string[])[0] !== move.tenant) continue;
      for (const key of [...app.keys()]) {
        const at = known.get(key)?.revision ?? "";
        if (at >= dumpRevision(move.run) || at >= revision(1, 0)) continue;
        app.delete(key);
        known.set(key, pruned(move.run));
        count++;
      }
    }
    return count;
  }

  async drop(name: string, id?: number) {
    const { lease, id: there } = this.known(name);
    if (id !== undefined && id !== there) return { tables: [] };
    if (lease.beat !== undefined) await this.acquire(name);
    this.#store.moves.delete(name);
    return { tables: [] };
  }

  isFinished(move: MemoryMove, ledger: LedgerWrite | undefined): boolean {
    const checkpoint = ledger?.checkpoint;
    if (checkpoint === undefined) return false;
    const before = move.checkpoints.get(placeOf(checkpoint));
    return (
      before?.offset === checkpoint.offset && before.read === JSON.stringify(ledger?.read ?? {})
    );
  }

  /** Law T1, before anything is done. */
  sums(
    move: MemoryMove,
    ledger: LedgerWrite | undefined,
    parts: readonly Part[],
  ): Map<string, CollectionCounts> {
    const sums = new Map<string, CollectionCounts>();
    for (const { name } of move.collections) {
      const read = own(ledger?.read, name);
      if (read === undefined) continue;
      const part = parts.find(({ collection }) => collection === name);
      const { applied = 0, stale = 0, displaced = 0 } = part ?? {};
      const duplicate = (part?.duplicate ?? 0) + (own(ledger?.duplicates, name) ?? 0);
      const entries = (ledger?.quarantine ?? []).filter(({ collection }) => collection === name);
      const quarantined = entries.length + (part?.conflicts.length ?? 0);
      if (applied + stale + duplicate + quarantined !== read) throw new Error("law T1 is broken");
      sums.set(name, {
        read,
        applied: applied - displaced,
        duplicate,
        stale,
        quarantined: quarantined + displaced,
      });
    }
    return sums;
  }

  setAside(move: MemoryMove, entry: QuarantineEntry): void {
    const id = ++this.#store.made;
    move.quarantine.set(id, { ...entry, id, run: move.run, state: "open", note: undefined });
  }

  write(
    move: MemoryMove,
    ledger: LedgerWrite | undefined,
    sums: ReadonlyMap<string, CollectionCounts>,
  ): void {
    for (const entry of ledger?.quarantine ?? []) this.setAside(move, entry);
    for (const [name, sum] of sums) {
      const before = move.counts.get(name) ?? NOTHING;
      const entries = Object.entries(before) as [keyof CollectionCounts, number][];
      move.counts.set(
        name,
        Object.fromEntries(
          entries.map(([what, count]) => [what, count + (sum[what] ?? 0)]),
        ) as unknown as CollectionCounts,
      );
    }
    for (const { name } of move.collections) {
      const templates = own(ledger?.templates, name);
      if (templates !== undefined) move.templates.set(name, templates);
    }
    const checkpoint = ledger?.checkpoint;
    if (checkpoint !== undefined) {
      move.checkpoints.set(placeOf(checkpoint), {
        ...checkpoint,
        read: JSON.stringify(ledger?.read ?? {}),
      });
    }
  }
}

const placeOf = ({ run, file, batch }: CheckpointEntry): string => `${run} ${file} ${batch}`;
const zeros = (collections: readonly MoveCollection[]): Map<string, CollectionCounts> =>
  new Map(collections.map(({ name }) => [name, NOTHING]));

function told(move: MemoryMove): Move {
  const { id, name, tenant, schema, run, phase, files, collections, createdAt, updatedAt } = move;
  return {
    ...{ id, name, tenant, schema, run, phase, files, collections, createdAt, updatedAt },
    counts: Object.fromEntries(move.counts),
    templates: Object.fromEntries(move.templates),
    leased: move.lease.beat !== undefined && move.lease.beat > performance.now() - 30_000,
  };
}
