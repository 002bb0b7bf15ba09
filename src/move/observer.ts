/** What somebody who measures a move is told of it, in the process that serves it. */
import type { SideName } from "./stages.ts";
import type { Comparisons } from "./state.ts";
import type { MoveStatus } from "./status.ts";

export interface ObservedCall {
  readonly side: SideName;
  readonly kind: "reads" | "writes";
  /** How long it took, in milliseconds. */
  readonly ms: number;
  /** The code of the error that it ended with. */
  readonly failed?: string | undefined;
}

/** Nothing waits for it, and nothing that it throws reaches the app. */
export interface MoveObserver {
  /** After each call of the app that this process made of a side. */
  called?(call: ObservedCall): void;
  /** After each read that was compared between the sides. */
  compared?(outcome: keyof Comparisons): void;
  /**
   * The move has been opened. Returns what is to be called when it is closed.
   * @param status asks the target for where the move is now.
   */
  opened?(name: string, status: () => Promise<MoveStatus>): () => void;
}
