/** A side of a move in memory, and the control document: what they hold survives the processes that call them. */
import type { Address } from "../../src/collection/change.ts";
import { digestHex } from "../../src/collection/digest-sum.ts";
import { compareText } from "../../src/collection/key.ts";
import { type Revision, revision } from "../../src/collection/revision.ts";
import { OutgrowError } from "../../src/errors.ts";
import type { Control, Versioned } from "../../src/store/control.ts";
import type { Commit, CommitReport, Driver, Stored } from "../../src/store/driver.ts";
import { runQuery } from "../../src/store/query.ts";
import type { OutboxEntry, SourceSide } from "../../src/store/side.ts";
import type { Actor, World } from "./world.ts";

interface Captured extends OutboxEntry {
  readonly since: number;
}

/** What is broken in a store on purpose. */
export interface Flaws {
  /** Takes writes of every epoch. */
  readonly noFence?: boolean;
  /** Whatever arrives last stays. */
  readonly lastWins?: boolean;
  /** Notes nothing in the outbox. */
  readonly noCapture?: boolean;
  /** Takes an entry away though it was written again meanwhile. */
  readonly settlesAll?: boolean;
  /** A deletion leaves nothing behind. */
  readonly noTombstones?: boolean;
  /** Conditions are not looked at. */
  readonly noExpect?: boolean;
}

/** What a store holds. */
export class MemoryState {
  readonly name: string;
  readonly flaws: Flaws;
  /** Key: tenant, collection and key, as JSON. */
  readonly records = new Map<string, Stored>();
  readonly outbox = new Map<string, Captured>();
  /** How far the copies have come: what is kept of them together with the records. */
  readonly checkpoints = new Map<string, number>();
  fence = 0;
  issued = 0;
  /** Counts how often the move was made in here; 0 where it is not. */
  made = 0;
  isThere = true;
  /** Captures nothing for now. */
  isDeaf = false;

  constructor(name: string, flaws: Flaws = {}) {
    this.name = name;
    this.flaws = flaws;
  }

  /** Takes the move and its records away; the fence and the outbox stay, as they do beside a ledger. */
  drop(): void {
    this.isThere = false;
    this.records.clear();
    this.checkpoints.clear();
  }

  make(): void {
    if (this.isThere) return;
    this.isThere = true;
    this.made++;
  }

  at({ tenant, collection }: Address, key: string): Stored | undefined {
    return this.records.get(JSON.stringify([tenant, collection, key]));
  }

  all({ tenant, collection }: Address): Stored[] {
    const found = [...this.records].filter(([id]) => {
      const [ofTenant, ofCollection] = JSON.parse(id) as [string, string];
      return ofTenant === tenant && ofCollection === collection;
    });
    return found.map(([, stored]) => stored).sort((a, b) => compareText(a.key, b.key));
  }

  commit(commit: Commit, now: number, lastWins = this.flaws.lastWins === true): CommitReport {
    const { flaws } = this;
    if (!flaws.noFence && commit.epoch !== undefined && commit.epoch < this.fence) {
      throw new OutgrowError("FENCED", { detail: `${commit.epoch} < ${this.fence}` });
    }
    for (const { collection, key, revision: wanted } of commit.expects ?? []) {
      const there = this.at({ tenant: commit.tenant, collection }, key);
      const found = there?.state === "present" ? there.revision : null;
      if (!flaws.noExpect && found !== wanted) {
        throw new OutgrowError("WRITE_CONFLICT", { collection, key });
      }
    }
    const report = { applied: 0, duplicate: 0, stale: 0, conflicts: [], spills: [] };
    for (const { collection, records } of commit.writes) {
      for (const record of records) {
        const id = JSON.stringify([commit.tenant, collection, record.key]);
        const there = this.records.get(id);
        if (!lastWins && there !== undefined && there.revision >= record.revision) {
          if (there.revision > record.revision) report.stale++;
          else if (sameContent(there, record)) report.duplicate++;
          else throw new Error(`${this.name}: one revision, two contents: ${record.revision}`);
          continue;
        }
        report.applied++;
        if (commit.probe) continue;
        if (record.state === "deleted" && flaws.noTombstones) this.records.delete(id);
        else this.records.set(id, record);
        if (commit.capture && !flaws.noCapture && !this.isDeaf) {
          const { tenant } = commit;
          const { key, revision: r } = record;
          const since = this.outbox.get(id)?.since ?? now;
          this.outbox.set(id, { tenant, collection, key, revision: r, since });
        }
      }
    }
    return report;
  }

  settle(delivered: readonly OutboxEntry[]): void {
    for (const { tenant, collection, key, revision: r } of delivered) {
      const id = JSON.stringify([tenant, collection, key]);
      const there = this.outbox.get(id);
      if (there !== undefined && (this.flaws.settlesAll || there.revision <= r)) {
        this.outbox.delete(id);
      } else if (there !== undefined) {
        this.outbox.set(id, { ...there, since: performance.now() });
      }
    }
  }
}

function sameContent(a: Stored, b: Stored): boolean {
  return a.state === b.state && digestHex(a.digest) === digestHex(b.digest);
}

/**
 * A store as one process sees it: each call is one step of the world.
 *
 * @param isBound whether what is opened now is of no use once the move has been dropped and made anew.
 */
export function memorySide(
  world: World,
  actor: Actor,
  state: MemoryState,
  isBound = false,
): SourceSide {
  const { made } = state;
  const call = <T>(what: string, effect: () => T): Promise<T> =>
    world.call(actor, state.name, what, () => {
      const needsMove = ["read", "scan", "commit", "count"].includes(what);
      if (needsMove && (!state.isThere || (isBound && made !== state.made))) {
        throw new OutgrowError("MOVE_UNKNOWN", { detail: state.name });
      }
      return effect();
    });
  const scan = async function* (from: Address) {
    const all = await call("scan", () => state.all(from));
    yield all.filter((stored) => stored.state === "present");
  };
  const driver: Driver = {
    kind: "memory",
    can: { transaction: true, durable: true, batch: { records: 1000, bytes: 1e6 } },
    layouts: [],
    read: (from, keys) => call("read", () => keys.map((key) => state.at(from, key))),
    scan,
    async *rebuild(from) {
      for await (const batch of scan(from)) {
        yield batch.map(({ key, value }) => ({ key, value, foreign: false }));
      }
    },
    commit: (commit) => call("commit", () => state.commit(commit, performance.now())),
    count: async (of) => (await call("count", () => state.all(of))).length,
    query: (from, plan) => runQuery(scan(from), plan),
    issue: (count, epoch = 1) =>
      call("issue", () =>
        Array.from({ length: count }, (): Revision => revision(epoch, ++state.issued)),
      ),
  };
  return {
    driver,
    outbox: {
      pending: (limit) =>
        call("pending", () =>
          [...state.outbox.values()].sort((a, b) => a.since - b.since).slice(0, limit),
        ),
      settle: (delivered) => call("settle", () => state.settle(delivered)),
      depth: () =>
        call("depth", () => {
          const waits = [...state.outbox.values()].map(({ since }) => performance.now() - since);
          return {
            count: waits.length,
            oldestMs: waits.length === 0 ? undefined : Math.max(...waits),
          };
        }),
    },
    fence: {
      current: () => call("fence", () => state.fence),
      raise: (epoch) =>
        call("raise", () => {
          state.fence = Math.max(state.fence, epoch);
        }),
    },
    foreignWrites: async () => ({}),
    async snapshot() {
      throw new OutgrowError("UNSUPPORTED", { detail: "a file of this" });
    },
    async leave() {},
  };
}

/** The control documents of a target. */
export class MemoryControlState {
  readonly moves = new Map<string, { readonly version: number; readonly text: string }>();
  readonly beats = new Map<string, Map<string, { readonly text: string; readonly at: number }>>();
}

/** @param store the name under which the world may take it down: the target's. */
export function memoryControl(
  world: World,
  actor: Actor,
  store: string,
  state: MemoryControlState,
): Control {
  const call = <T>(what: string, effect: () => T): Promise<T> =>
    world.call(actor, store, what, effect);
  const found = (move: string): Versioned<unknown> | undefined => {
    const there = state.moves.get(move);
    if (there === undefined) return undefined;
    return { version: there.version, document: JSON.parse(there.text), now: performance.now() };
  };
  const beatsOf = (move: string) => {
    const beats = state.beats.get(move) ?? new Map<string, { text: string; at: number }>();
    state.beats.set(move, beats);
    return beats;
  };
  return {
    read: (move) => call("control", () => found(move)),
    replace: (move, version, document) =>
      call("replace", () => {
        if ((state.moves.get(move)?.version ?? 0) !== version) return false;
        state.moves.set(move, { version: version + 1, text: JSON.stringify(document) });
        return true;
      }),
    beat: (move, process, document) =>
      call("beat", () => {
        if (!state.moves.has(move)) return undefined;
        beatsOf(move).set(process, { text: JSON.stringify(document), at: performance.now() });
        return found(move);
      }),
    processes: (move) =>
      call("processes", () =>
        [...beatsOf(move)].map(([process, { text, at }]) => ({
          process,
          document: JSON.parse(text) as unknown,
          ageMs: performance.now() - at,
        })),
      ),
    forget: (move, process) => call("forget", () => void beatsOf(move).delete(process)),
    remove: (move) =>
      call("remove", () => {
        state.moves.delete(move);
        state.beats.delete(move);
      }),
  };
}
