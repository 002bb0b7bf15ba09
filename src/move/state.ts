/** What the control document says: all of a move that outlives its processes. Plain JSON; fields are only added. */
import { OutgrowError } from "../errors.ts";
import type { StageName } from "./stages.ts";

/** Version of this document and of what processes say of themselves. */
export const PROTOCOL = 1;

/** A change of stage under way. Whoever finds one may finish it or take it back. */
export interface Pending {
  readonly to: StageName;
  readonly epoch: number;
  readonly by: string;
  /** By the store's clock. */
  readonly at: number;
}

export interface Passed {
  readonly stage: StageName;
  readonly epoch: number;
  readonly at: number;
  readonly by: string;
}

export interface Verification {
  readonly at: number;
  /** The run of the copy that it looked at. */
  readonly run: number;
  readonly source: number;
  readonly missing: number;
  readonly different: number;
  readonly extra: number;
  /** Differences of records that were being written, which settled when looked at again. */
  readonly settled: number;
}

export interface Backup {
  readonly at: number;
  readonly file: string;
  readonly sha256: string;
  readonly records: number;
  /** Whether it was copied into a scratch move, and every record was found equal there. */
  readonly restored: boolean;
}

export interface MoveState {
  readonly protocol: number;
  readonly stage: StageName;
  /** Grows with each change of stage. */
  readonly epoch: number;
  /** When this stage began, by the store's clock. */
  readonly since: number;
  readonly pending?: Pending | undefined;
  /** The newest last; bounded. */
  readonly history: readonly Passed[];
  /** The epoch in which dualwrite was entered from `off`: what was copied and verified is of this journey. */
  readonly journey?: number | undefined;
  /** The run of the copy that was finished in this journey. */
  readonly copied?: { readonly at: number; readonly run: number } | undefined;
  readonly verified?: Verification | undefined;
  readonly backup?: Backup | undefined;
  /** Who said by name that there is no way back from here. */
  readonly confirmed?: { readonly at: number; readonly by: string } | undefined;
}

export const HISTORY = 100;

export function firstState(now: number, by: string): MoveState {
  return {
    protocol: PROTOCOL,
    stage: "off",
    epoch: 1,
    since: now,
    history: [{ stage: "off", epoch: 1, at: now, by }],
  };
}

/** @throws {OutgrowError} LEDGER_VERSION for a document of a later protocol. */
export function readState(document: unknown): MoveState {
  const state = document as MoveState;
  if (typeof state.protocol !== "number" || state.protocol > PROTOCOL) {
    throw new OutgrowError("LEDGER_VERSION", { detail: `${state.protocol}, this is ${PROTOCOL}` });
  }
  return state;
}

/** How long calls of one kind took, in classes that double. */
export const LATENCY_CLASSES_MS = [
  1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096,
] as const;

export interface SideCounts {
  readonly reads: number;
  readonly writes: number;
  readonly errors: number;
  /** How long the answered calls took together. */
  readonly ms: number;
  /** Calls per class of `LATENCY_CLASSES_MS`, and one more for those above. */
  readonly latency: readonly number[];
}

/** What shadow comparison found. compared = equal + mismatched; the others are told apart. */
export interface Comparisons {
  readonly equal: number;
  readonly mismatched: number;
  /** Being written meanwhile, and not settled when looked at again. */
  readonly busy: number;
  /** The other side did not answer in time, or failed. */
  readonly unknown: number;
  /** Not asked, to spare the other side. */
  readonly dropped: number;
}

export interface Mismatch {
  readonly collection: string;
  readonly key: string;
  /** Digests, hex; `null` where a side has no such record. */
  readonly served: string | null;
  readonly other: string | null;
  /** Code of the error with which a side could not say what it holds. */
  readonly failed?: string;
}

/** What a process says of itself with each beat. Counts are those of the stage's epoch. */
export interface ProcessReport {
  readonly protocol: number;
  /** The epoch that all calls of this process which begin from now on go by, or the pending one it waits for. */
  readonly confirmed: number;
  /** The epoch of the counts. */
  readonly epoch: number;
  readonly host: string;
  readonly pid: number;
  readonly sides: Readonly<Record<"source" | "target", SideCounts>>;
  readonly comparisons: Comparisons;
  /** The last few. */
  readonly mismatches: readonly Mismatch[];
  /** Records that the other side refused, with the code why. They wait in the outbox. */
  readonly refused: readonly {
    readonly collection: string;
    readonly key: string;
    readonly code: string;
  }[];
  /** Writes past the store that were found, by collection. */
  readonly foreign: Readonly<Record<string, number>>;
}
