/**
 * The durable part of the stage machine: one document per move, replaced by compare-and-set, and the processes that
 * serve it. It lies in the target, beside the ledger; all of its meaning is in `src/move`, so that every kind of
 * target needs only these few calls. Ages are by the store's clock: no process's clock decides anything.
 */

export interface Versioned<T> {
  /** Grows by one with each replacement. */
  readonly version: number;
  readonly document: T;
  /** Milliseconds since 1970 by the store's clock, when it was read. */
  readonly now: number;
}

/** What a process last said of itself. */
export interface Beat<T> {
  readonly process: string;
  readonly document: T;
  /** Milliseconds since it said so, by the store's clock. */
  readonly ageMs: number;
}

export interface Control {
  /** `undefined` when no such move has stages yet. */
  read(move: string): Promise<Versioned<unknown> | undefined>;
  /**
   * Replaces the document if it still has this version (0: if there is none). Returns whether it did: of several
   * callers with one version, one succeeds. Durable when it resolves.
   */
  replace(move: string, version: number, document: unknown): Promise<boolean>;
  /** Says that a process is alive, and what it knows. Returns the document in force, in the same round trip. */
  beat(move: string, process: string, document: unknown): Promise<Versioned<unknown> | undefined>;
  /** All processes that said something and did not leave. */
  processes(move: string): Promise<readonly Beat<unknown>[]>;
  forget(move: string, process: string): Promise<void>;
  /** Takes the document and the processes of a move away, at its clean exit. */
  remove(move: string): Promise<void>;
}
