/**
 * A store as one side of a live move: what it needs beyond `Driver` so that an app's writes can pass from one
 * authority to the other and back. Both sides have the same parts, whatever their kind.
 *
 * S3, S4. A commit with `capture` notes its keys in the outbox of the store that it writes to, in the same
 *         transaction; where a store has none, as an intent that is durable before the records are written.
 * S5.     A commit with an `epoch` below the store's fence changes nothing, even from a process that slept through
 *         the change of stage: the store itself refuses it.
 */
import type { Revision } from "../collection/revision.ts";
import type { Driver } from "./driver.ts";

/** A key that the other side may not have yet. What it holds is read when it is delivered. */
export interface OutboxEntry {
  readonly tenant: string;
  readonly collection: string;
  /** Ledger text. */
  readonly key: string;
  /** The newest revision that was captured for the key. */
  readonly revision: Revision;
}

/** Keys that wait to be delivered: each stands once, however often it was written. */
export interface Outbox {
  /** The longest waiting first. */
  pending(limit: number): Promise<readonly OutboxEntry[]>;
  /**
   * Takes delivered entries away. One that was written again since, and so has a higher revision, stays, and waits
   * from now on: what is always written again would seem to have waited for ever.
   */
  settle(delivered: readonly OutboxEntry[]): Promise<void>;
  /** `oldestMs`: how long the longest waiting one has waited; `undefined` when none does. */
  depth(): Promise<{ readonly count: number; readonly oldestMs: number | undefined }>;
}

/** The lowest epoch whose writes a store takes. It only rises. */
export interface Fence {
  current(): Promise<number>;
  /**
   * Durable when it resolves: no commit of a lower epoch succeeds from then on, and none is under way.
   * A lower epoch than the current one changes nothing.
   */
  raise(epoch: number): Promise<void>;
}

export interface Side {
  readonly driver: Driver;
  readonly outbox: Outbox;
  readonly fence: Fence;
  /** Writes that came past the store and were found since the last call, by collection: they are captured as well. */
  foreignWrites(): Promise<Readonly<Record<string, number>>>;
  /**
   * What has to be done before this side becomes the authority, when nobody writes to it any more: what numbers
   * records by itself goes on above all that were delivered (SEMANTICS row 14). It can be done again.
   */
  takeOver?(): Promise<void>;
  /**
   * What has to be done when this side is the authority no more, or has no other side to deliver to. It can be done
   * again, and may be left out when whoever does it dies: it clears away.
   */
  standDown?(): Promise<void>;
}

/** A consistent copy of a source's state, as a file that `copy` and `verify` read. */
export interface Snapshot extends AsyncDisposable {
  /** A source spec as the commands take it. */
  readonly spec: string;
}

export interface SourceSide extends Side {
  snapshot(): Promise<Snapshot>;
  /** Takes away what the move has put beside the source; the source's own data stays. */
  leave(): Promise<void>;
}
