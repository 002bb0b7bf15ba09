/**
 * What one process knows of the stage, and for how long it may rely on that.
 *
 * A view is good for `leaseMs` from when it was asked for, by this process's own monotonic clock. A change of stage
 * waits until every process has confirmed it or has been silent for longer than that, so no call that begins on a
 * good view goes by a stage that is over. While a change is pending the view is asked for anew with each call.
 */
import { OutgrowError } from "../errors.ts";
import type { Versioned } from "../store/control.ts";
import { type MoveState, readState } from "./state.ts";
import { LATE, within } from "./within.ts";

export const LEASE_MS = 5000;

/** How long a call waits for the document where it may do without. */
const PATIENCE_MS = 1000;
/** How often it is asked for when that was in vain. */
const ASK_AGAIN_MS = 500;

export interface View {
  readonly state: MoveState;
  /** When it was read, by the store's clock. */
  readonly now: number;
  /** When it was asked for, by this process's monotonic clock. */
  readonly at: number;
}

export class Viewer {
  readonly #ask: () => Promise<Versioned<unknown> | undefined>;
  readonly #leaseMs: number;
  readonly #clock: () => number;
  readonly #adopted: (state: MoveState) => void;
  #view: View | undefined;
  #isDeaf = false;
  #askAgain = Number.NEGATIVE_INFINITY;
  #asking: Promise<View> | undefined;
  #next: Promise<View> | undefined;

  /**
   * @param ask reads the control document; it is also the process's heartbeat.
   * @param adopted told of each state before any call goes by it.
   */
  constructor(
    ask: () => Promise<Versioned<unknown> | undefined>,
    adopted: (state: MoveState) => void,
    leaseMs = LEASE_MS,
    clock: () => number = () => performance.now(),
  ) {
    this.#ask = ask;
    this.#adopted = adopted;
    this.#leaseMs = leaseMs;
    this.#clock = clock;
  }

  /** What was known last, however old it is. */
  get last(): View | undefined {
    return this.#view;
  }

  get #good(): MoveState | undefined {
    const view = this.#view;
    if (view === undefined || view.state.pending !== undefined) return undefined;
    return this.#clock() - view.at < this.#leaseMs ? view.state : undefined;
  }

  /**
   * A view that is good now.
   * @throws {OutgrowError} STAGE_UNREADABLE when the control document cannot be read and the last view has lapsed.
   */
  async current(): Promise<MoveState> {
    const good = this.#good;
    if (good !== undefined) return good;
    return (await this.refresh()).state;
  }

  /**
   * As `current`, within a time. When it was not told in time, no call waits for it until it is told again.
   * @throws {OutgrowError} STAGE_UNREADABLE
   */
  async soon(): Promise<MoveState> {
    const good = this.#good;
    if (good !== undefined) return good;
    if (this.#isDeaf) this.#askAside();
    else {
      try {
        return await within(PATIENCE_MS, this.current());
      } catch (error) {
        this.#isDeaf = true;
        if (error !== LATE) throw error;
      }
    }
    throw new OutgrowError("STAGE_UNREADABLE", { detail: "it is not told in time" });
  }

  #askAside(): void {
    if (this.#clock() < this.#askAgain) return;
    this.#askAgain = this.#clock() + ASK_AGAIN_MS;
    this.refresh().catch(() => {});
  }

  /** Asks for the document; the answer is from after the call. */
  refresh(): Promise<View> {
    if (this.#asking === undefined) return this.#start();
    // One is under way that may have been answered already: the next one is shared by all who come meanwhile.
    this.#next ??= this.#asking.then(
      () => this.#start(),
      () => this.#start(),
    );
    return this.#next;
  }

  #start(): Promise<View> {
    this.#next = undefined;
    const asking = this.#read().finally(() => {
      if (this.#asking === asking) this.#asking = undefined;
    });
    this.#asking = asking;
    return asking;
  }

  async #read(): Promise<View> {
    const at = this.#clock();
    let found: Versioned<unknown> | undefined;
    try {
      // An answer that comes later is no longer good; and a connection that hangs must not keep others from asking.
      found = await within(this.#leaseMs, this.#ask());
    } catch (error) {
      // The last known stage while it is good, never a default (SEMANTICS row 10).
      if (this.#view !== undefined && this.#good !== undefined) return this.#view;
      throw new OutgrowError("STAGE_UNREADABLE", {}, { cause: error });
    }
    if (found === undefined) throw new OutgrowError("STAGE_UNREADABLE", { detail: "it is gone" });
    const view = { state: readState(found.document), now: found.now, at };
    this.#isDeaf = false;
    // An answer that was overtaken by a later one says nothing new.
    if (this.#view === undefined || view.state.epoch >= this.#view.state.epoch) {
      this.#view = view;
      this.#adopted(view.state);
    }
    return this.#view as View;
  }
}
