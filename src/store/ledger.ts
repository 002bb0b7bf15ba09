/**
 * The ledger: what a move has done, kept inside its target so that it commits together with the data.
 * Everything here is JSON-able and survives an upgrade: fields are added, never changed in meaning.
 */
import type { Templates } from "../collection/name-order.ts";
import type { ErrorCode } from "../errors.ts";
import type { Layout } from "../layout/layout.ts";

export const LEDGER_VERSION = 1;

/** What pins a source file between passes and runs. */
export interface Fingerprint {
  readonly name: string;
  readonly bytes: number;
  /** Milliseconds since 1970; 0 for standard input. */
  readonly modified: number;
  /** SHA-256 of the file, hex. */
  readonly sha256: string;
}

/** One source file of a move. `survey` is the format's own description: shape, envelope, counts. */
export interface SourceFile {
  readonly fingerprint: Fingerprint;
  /** Names of collections in the file -> in the move, where two files have a name in common. */
  readonly collections: Readonly<Record<string, string>>;
  readonly survey: unknown;
}

export interface MoveCollection {
  readonly name: string;
  readonly layout: Layout;
}

export interface NewMove {
  readonly name: string;
  readonly tenant: string;
  /** Postgres schema of the app's tables. */
  readonly schema: string;
  readonly files: readonly SourceFile[];
  readonly collections: readonly MoveCollection[];
}

/** Per collection, since the move began its current run. read = applied + duplicate + stale + quarantined. */
export interface CollectionCounts {
  readonly read: number;
  /** Records that the store holds because of this run. */
  readonly applied: number;
  /** Of those, the ones that an earlier run had brought just so. Left out where there are none, or none are counted. */
  readonly unchanged?: number;
  /** Came again within this run. */
  readonly duplicate: number;
  /** Lost to something newer, such as an app's write. */
  readonly stale: number;
  readonly quarantined: number;
}

export interface Move extends NewMove {
  readonly id: number;
  /** Number of the current copy, from 1: the counter of its revisions. */
  readonly run: number;
  readonly phase: "copying" | "copied" | "verified";
  readonly counts: Readonly<Record<string, CollectionCounts>>;
  readonly templates: Readonly<Record<string, Templates>>;
  readonly createdAt: string;
  readonly updatedAt: string;
  /** Whether a mover holds a live lease. */
  readonly leased: boolean;
}

/** A finished piece of the source. Pieces may finish in any order; reading goes on behind the last gapless one. */
export interface CheckpointEntry {
  readonly run: number;
  /** Index of the source file. */
  readonly file: number;
  /** Number of the batch within the file, from 0. */
  readonly batch: number;
  /** Byte offset in the file behind the batch. */
  readonly offset: number;
  /** What the format's reader needs to go on from there. */
  readonly resume: unknown;
  /** Set on the last batch of a file. */
  readonly last: boolean;
}

export interface QuarantineEntry {
  readonly collection: string;
  /** Ledger text of the key where there is one. */
  readonly key: string | undefined;
  readonly code: ErrorCode;
  /** SQLSTATE, path or limit; never a value of the record. */
  readonly detail: string | undefined;
  readonly file: string;
  /** Byte offset of the record in the file as read. */
  readonly offset: number;
  /** Ordinal in the collection. */
  readonly position: number;
  /** The record's bytes as the source has them. */
  readonly raw: Uint8Array;
}

export interface Quarantined extends QuarantineEntry {
  readonly id: number;
  readonly run: number;
  readonly state: "open" | "replayed" | "accepted";
  readonly note: string | undefined;
}

/** How often a column could not hold a value, which then lies in the rest. */
export interface SpillCount {
  readonly collection: string;
  readonly column: string;
  /** Why: STR_NUL, STR_SURROGATE, NUM_NAN, NUM_EXACT, NEG_ZERO, TYPE_MISMATCH, DATE_FORM … */
  readonly code: string;
  readonly count: number;
}

/** What was done behind a load. */
export interface Settlement {
  /** References whose record is not there: the cell is NULL, the rest keeps the value. */
  readonly dangling: readonly {
    readonly collection: string;
    readonly table: string;
    readonly column: string;
    readonly count: number;
  }[];
  /** Names of indexes and foreign keys that there are now. */
  readonly made: readonly string[];
  /** Those that the data does not bear out. */
  readonly refused: readonly { readonly name: string; readonly sqlState: string }[];
  /** Sequences that were raised to the highest key. */
  readonly sequences: readonly string[];
}

/** The right to write a move. Its number grows with each holder: whatever an earlier one still does is FENCED. */
export interface Lease {
  readonly move: string;
  readonly number: number;
}

export interface Ledger {
  moves(): Promise<readonly Move[]>;
  find(name: string): Promise<Move | undefined>;
  /**
   * Makes the move and its tables, in one transaction.
   * @throws {OutgrowError} TABLE_TAKEN when a wanted table exists; nothing is made then.
   */
  create(move: NewMove): Promise<Move>;
  /**
   * Starts the next copy of a move from new (or the same) files: run + 1, counts from zero, no checkpoints.
   * Collections that the move did not have get their tables; layouts of known ones stay.
   * @param lease the mover's: a run that another has begun since is not ended by one that slept.
   * @throws {OutgrowError} FENCED, TABLE_TAKEN
   */
  startRun(
    name: string,
    files: readonly SourceFile[],
    added: readonly MoveCollection[],
    lease?: Lease,
  ): Promise<Move>;
  /**
   * Makes indexes and foreign keys, writes what waited for other records, raises sequences. Idempotent. Each step
   * under the lease: a foreign key that comes late would refuse the records of a run that another has begun.
   * @throws {OutgrowError} FENCED, MOVE_UNKNOWN
   */
  settle(name: string, lease: Lease): Promise<Settlement>;
  setPhase(name: string, phase: Move["phase"], lease?: Lease): Promise<void>;
  /** Gapless finished batches of the current run come first; all are returned, ordered by file and batch. */
  checkpoints(name: string): Promise<readonly CheckpointEntry[]>;
  /**
   * Takes the lease: free, lapsed (no heartbeat for `ttlMs`), or held by a process of this machine that is dead.
   * @throws {OutgrowError} MOVE_LEASED naming the holder.
   */
  acquire(name: string, ttlMs?: number): Promise<Lease>;
  /** Every commit is a heartbeat; this one is for the time in between. @throws {OutgrowError} FENCED */
  heartbeat(lease: Lease): Promise<void>;
  release(lease: Lease): Promise<void>;
  quarantined(
    name: string,
    filter?: {
      readonly state?: Quarantined["state"];
      readonly id?: number;
      readonly raw?: boolean;
    },
  ): Promise<readonly Quarantined[]>;
  /** Replaces the raw bytes of an open entry (edit), or closes it. */
  updateQuarantined(
    name: string,
    id: number,
    change: {
      readonly raw?: Uint8Array;
      readonly key?: string;
      readonly state?: Quarantined["state"];
      readonly note?: string;
    },
  ): Promise<void>;
  spills(name: string): Promise<readonly SpillCount[]>;
  /**
   * Deletes records whose revision is of an earlier run and no app's: what a newer dump lacks. Returns how many.
   * "Earlier" is earlier than the run of the lease's holder, and that is looked at together with the lease, under
   * the same lock: a mover that slept would delete what another's run is about to bring again.
   * @throws {OutgrowError} FENCED, MOVE_UNKNOWN
   */
  prune(name: string, lease: Lease): Promise<number>;
  /**
   * Drops the move's tables (only those it made) and its rows of the ledger; the schema too when it was the last.
   * @param id of the move that is meant: one that was made under its name since is left alone.
   * @throws {OutgrowError} MOVE_UNKNOWN, MOVE_LEASED, DROP_REFUSED
   */
  drop(name: string, id?: number): Promise<{ readonly tables: readonly string[] }>;
}
