/**
 * The narrow waist: all that a kind of store implements. Every method is plural; what is singular, typed or
 * pleasant is written once above it.
 *
 * D1. Of the writes to a key the highest revision stays, whatever their order, and however often each arrives.
 * D2. A write resolves only when its records are durable.
 * D3. A scan yields each key that exists throughout it exactly once.
 * D4. Nothing done at one tenant's address can be seen from another's.
 * T1. In every batch: applied + duplicate + stale + rejected = given.
 * T2. Data and checkpoint commit together.
 */
import type { Address, Change } from "../collection/change.ts";
import type { Exception, Templates } from "../collection/name-order.ts";
import type { Revision } from "../collection/revision.ts";
import type { Value } from "../collection/value.ts";
import type { OutgrowError } from "../errors.ts";
import type { Catalog } from "../layout/catalog.ts";
import type { Written } from "../layout/encode-row.ts";
import type { Layout } from "../layout/layout.ts";
import type { Control } from "./control.ts";
import type {
  CheckpointEntry,
  Lease,
  Ledger,
  Move,
  QuarantineEntry,
  SpillCount,
} from "./ledger.ts";
import type { Page, QueryPlan } from "./query.ts";
import type { Side } from "./side.ts";

/** What a backend does natively, in positive words. What it cannot do it refuses: UNSUPPORTED. */
export interface Capabilities {
  /** Data and checkpoint commit in one transaction. */
  readonly transaction: boolean;
  /** Survives the process: what resolved is there after a kill. */
  readonly durable: boolean;
  /** How many commits of one copy it takes at the same time, to any gain. Left out: one. */
  readonly commits?: number;
  /** The most that one commit should hold. */
  readonly batch: { readonly records: number; readonly bytes: number };
}

/** A record on its way into a store, with what its source knew of it. */
export interface RecordWrite extends Omit<Change, "state"> {
  /**
   * `conflict`: the source itself holds this key more than once in one batch, with different content. The key is
   * marked so in the sidecar, nothing is stored in the app's table (what was there with this revision goes to
   * quarantine), and this record is quarantined from its `origin`.
   */
  readonly state: Change["state"] | "conflict";
  /** SHA-256 of the canonical text: 32 bytes. Empty for a deletion. */
  readonly digest: Uint8Array;
  /** Ordinal in the source's collection: the order that an export restores. `undefined` for an app's writes. */
  readonly position: number | undefined;
  /** Orders of names that the collection's templates cannot say. */
  readonly exception: Exception | undefined;
  /** Where it came from and its bytes, asked for only if the commit has to quarantine it (ID_CONFLICT). */
  readonly origin?: () => {
    readonly file: string;
    readonly offset: number;
    readonly raw: Uint8Array;
  };
  /** The bytes of its members in the source, where they are JSON as the value says it. */
  readonly written?: Written | undefined;
  /**
   * Called by a driver that has encoded the record and needs its value no more, unless the commit fails: it may be
   * let go, and is read again from its bytes by whoever asks for it after all.
   */
  letGo?(): void;
}

/** A record as a store holds it. */
export type Stored = RecordWrite;

export interface Commit {
  readonly tenant: string;
  /** Keys are unique within one element; a collection stands in at most one element. */
  readonly writes: readonly {
    readonly collection: string;
    readonly records: readonly RecordWrite[];
  }[];
  /** Committed in the same transaction as the writes. */
  readonly ledger?: LedgerWrite | undefined;
  /** The mover's lease: a commit under a lease that was taken over is FENCED and changes nothing. */
  readonly lease?: Lease | undefined;
  /** Do everything, find out what the store would say, and roll back: how bad records are isolated. */
  readonly probe?: boolean | undefined;
  /** An app's write: the epoch of the stage it was routed by. FENCED when the store's fence stands above it. */
  readonly epoch?: number | undefined;
  /** Note the keys that this commit changed in the store's outbox, atomically with the records (side.ts). */
  readonly capture?: boolean | undefined;
  /** Store anything only while all of this holds: WRITE_CONFLICT otherwise, and nothing is stored. */
  readonly expects?: readonly Expectation[] | undefined;
}

/** What the writer has read of a key. `revision` is `null` where it found no record. */
export interface Expectation {
  readonly collection: string;
  readonly key: string;
  readonly revision: Revision | null;
}

export interface LedgerWrite {
  readonly checkpoint?: CheckpointEntry | undefined;
  readonly quarantine?: readonly QuarantineEntry[] | undefined;
  /** Learnt orders of names, per collection. */
  readonly templates?: Readonly<Record<string, Templates>> | undefined;
  /** How many records the source's batch held, per collection, quarantined ones included. */
  readonly read?: Readonly<Record<string, number>> | undefined;
  /** Identical repetitions inside the batch, which the caller has taken out already. */
  readonly duplicates?: Readonly<Record<string, number>> | undefined;
}

/**
 * The same key with the same revision but other content: never silent. Both are out of the app's table
 * afterwards and in quarantine (the earlier one as tagged JSON, with its position), and the sidecar keeps the
 * key with state `conflict`, so that a third record of that key is quarantined too.
 */
export interface Conflict {
  readonly collection: string;
  readonly key: string;
}

export interface CommitReport {
  /** Records that the store now holds because of this commit (unchanged ones of an earlier run included). */
  readonly applied: number;
  /** Same key, same revision, same digest: already there. */
  readonly duplicate: number;
  /** Lost to a higher revision: not an error. */
  readonly stale: number;
  /** Not stored; both records were quarantined by the commit (see RecordWrite.origin). */
  readonly conflicts: readonly Conflict[];
  readonly spills: readonly SpillCount[];
}

export interface ScanOptions {
  /** Records per batch. */
  readonly size?: number;
  /** `key`: ascending ledger keys (default). `position`: as the source had them, app-written ones last. */
  readonly order?: "key" | "position";
  readonly signal?: AbortSignal | undefined;
}

/** A record as the app's own tables say it. */
export interface Rebuilt {
  readonly key: string;
  readonly value: Value;
  /** A row of somebody else's, in a table that the move was bound to. */
  readonly foreign: boolean;
}

/** @param foreign see `Rebuilt`; of such a row the digest says nothing. */
export type TakeDigest = (key: string, digest: Uint8Array, foreign: boolean) => void;

/** One move's collections in one store. */
export interface Driver {
  readonly kind: string;
  readonly can: Capabilities;
  readonly layouts: readonly Layout[];
  /** One answer per key, in the order asked; `undefined` where there is none. Tombstones are answered. */
  read(from: Address, keys: readonly string[]): Promise<readonly (Stored | undefined)[]>;
  /** Present records with all that is known of them. */
  scan(from: Address, options?: ScanOptions): AsyncIterable<readonly Stored[]>;
  /**
   * What the app's own tables say, rebuilt, without any help of the ledger: what `verify` compares.
   * In the order of the table's key.
   */
  rebuild(from: Address, options?: ScanOptions): AsyncIterable<readonly Rebuilt[]>;
  /** The same in any order where only digests are wanted, of stores that are quicker to tell those. */
  digests?(from: Address, take: TakeDigest, options?: ScanOptions): Promise<void>;
  /**
   * @throws {OutgrowError} RECORD_REFUSED when the store refuses some record (nothing was committed);
   * WRITE_CONFLICT, FENCED, OUTCOME_UNKNOWN, TARGET_FULL, TARGET_BUSY, TARGET_UNREACHABLE, LOST_ROW.
   */
  commit(commit: Commit): Promise<CommitReport>;
  /**
   * Which records of a commit the store refuses, and why, each tried behind all others that it does not: of stores
   * that can say so in one go. Nothing is stored. It may leave out what it cannot tell; by a commit's `probe` the
   * others are found.
   * @throws {OutgrowError} as `commit`, without RECORD_REFUSED.
   */
  refusals?(commit: Commit): Promise<ReadonlyMap<RecordWrite, OutgrowError>>;
  count(of: Address): Promise<number>;
  /** The next page of a checked query: the same in every driver. `runQuery` over a scan will do. */
  query(from: Address, plan: QueryPlan): Promise<Page<Stored>>;
  /**
   * Revisions of an epoch for an app's own writes, each higher than all that this store has issued in that epoch
   * and than any copy's. `epoch` is 1 where there are no stages.
   */
  issue(count: number, epoch?: number): Promise<readonly Revision[]>;
}

/** A store that moves can be made in. */
export interface Target extends AsyncDisposable {
  readonly kind: string;
  /** For messages: the address with its password masked. */
  readonly label: string;
  /** The folder of an embedded database on this machine, whose disk can be looked at. */
  readonly directory?: string | undefined;
  readonly ledger: Ledger;
  /** The tables that are there, for binding to them. @throws {OutgrowError} UNSUPPORTED */
  catalog(schema: string): Promise<Catalog>;
  /** @throws {OutgrowError} MOVE_UNKNOWN */
  open(move: string): Promise<Driver>;
  /** For a person: where each collection of a move lies. Left out: in the root tables of their layouts. */
  places?(move: Move): ReadonlyMap<string, readonly string[]>;
  /** What a live move needs; `undefined` where a store of this kind cannot be the target of one. */
  readonly live?: LiveTarget | undefined;
}

export interface LiveTarget {
  readonly control: Control;
  /** The target as a side of a move. @throws {OutgrowError} MOVE_UNKNOWN before the first copy. */
  side(move: string): Promise<Side>;
  /**
   * The clean exit: takes all away that is ours, ledger and stages, and leaves the app's data exactly as it is. Where a
   * store has none, the ledger stays.
   * @param keep gets what lies in the ledger and nowhere else, which is gone once it has resolved.
   * @throws {OutgrowError} LEDGER_HOLDS without `keep`, where there is such; nothing is taken away then
   */
  leave?(move: string, keep?: (held: AsyncIterable<HeldHere>) => Promise<void>): Promise<void>;
}

/** What of a move's data lies in the ledger and nowhere else. */
export type HeldHere =
  | {
      readonly what: "rest";
      readonly collection: string;
      readonly tenant: string;
      readonly key: string;
      /** The key of the row that the record has in its table. */
      readonly row: string;
      /** JSON as it was written; `undefined` where only the key is kept. */
      readonly rest: string | undefined;
    }
  | {
      readonly what: "quarantine";
      readonly collection: string;
      readonly tenant: string;
      readonly key: string | undefined;
      readonly code: string;
      readonly raw: Uint8Array;
    };
