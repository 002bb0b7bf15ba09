/** One process of an app in a move: its view of the stage, its router, its deliveries, and what it says of itself. */
import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import type { Control } from "../store/control.ts";
import type { Side } from "../store/side.ts";
import { type CompareOptions, Comparer } from "./compare.ts";
import { Counts } from "./counts.ts";
import { type Direction, Mirror } from "./mirror.ts";
import type { MoveObserver } from "./observer.ts";
import { Router } from "./router.ts";
import { type SideName, stageOf } from "./stages.ts";
import { type MoveState, PROTOCOL, type ProcessReport } from "./state.ts";
import { LEASE_MS, Viewer } from "./view.ts";

export interface ProcessOptions {
  readonly name: string;
  readonly control: Control;
  readonly side: (name: SideName) => Promise<Side>;
  /** Called when another epoch has begun, before any call goes by it. */
  readonly entered?: (() => void) | undefined;
  /** Ends a change of stage whose conductor has not ended it. */
  readonly rescue?: (() => Promise<unknown>) | undefined;
  readonly compare?: CompareOptions | undefined;
  readonly observer?: MoveObserver | undefined;
  /** How often the stage is asked for. Default 500 milliseconds. */
  readonly refreshMs?: number | undefined;
  readonly leaseMs?: number | undefined;
}

const REFRESH_MS = 500;
/** A change of stage that lasts longer has probably lost its conductor, and writes may be waiting for its end. */
const RESCUE_MS = 3000;

export class MoveProcess implements AsyncDisposable {
  readonly id = `${hostname()}-${process.pid}-${randomUUID().slice(0, 8)}`;
  readonly router: Router;
  readonly #options: ProcessOptions;
  readonly #viewer: Viewer;
  readonly #mirror: Mirror;
  #counts: Counts;
  #comparer: Comparer;
  #epoch = 0;
  #confirmed = 0;
  #foreign: Record<string, number> = {};
  #timer: ReturnType<typeof setTimeout> | undefined;
  #looking = Promise.resolve();
  #closed = false;
  #rescuing = false;

  constructor(options: ProcessOptions) {
    this.#options = options;
    this.#counts = new Counts(options.observer);
    this.#comparer = new Comparer(this.#counts, options.compare);
    this.#viewer = new Viewer(
      () => options.control.beat(options.name, this.id, this.report()),
      (state) => this.#adopt(state),
      options.leaseMs ?? LEASE_MS,
    );
    this.#mirror = new Mirror(() => this.#delivery());
    this.router = new Router({
      viewer: this.#viewer,
      side: options.side,
      counts: () => this.#counts,
      comparer: () => this.#comparer,
      captured: () => this.#mirror.wake(),
    });
  }

  /** @throws {OutgrowError} STAGE_UNREADABLE */
  async start(): Promise<void> {
    await this.#look();
    this.#mirror.start();
    this.#later();
  }

  report(): ProcessReport {
    return {
      protocol: PROTOCOL,
      confirmed: this.#confirmed,
      epoch: this.#epoch,
      host: hostname(),
      pid: process.pid,
      sides: this.#counts.sides,
      comparisons: this.#counts.comparisons,
      mismatches: [...this.#comparer.mismatches],
      refused: this.#mirror.refused,
      foreign: this.#foreign,
    };
  }

  #later(): void {
    if (this.#closed) return;
    this.#timer = setTimeout(() => void this.#tick(), this.#options.refreshMs ?? REFRESH_MS);
    this.#timer.unref();
  }

  async #tick(): Promise<void> {
    // What fails here fails for the next call too, which then says so.
    this.#looking = this.#look().catch(() => {});
    await this.#looking;
    if (this.#closed) return;
    await this.#lookForForeign().catch(() => {});
    this.#rescue();
    this.#later();
  }

  /** Any number of processes may finish a change: each step can be done again. By lot, so that not all do at once. */
  #rescue(): void {
    const { state, now } = this.#viewer.last ?? {};
    const { rescue } = this.#options;
    if (rescue === undefined || state?.pending === undefined || this.#rescuing) return;
    if ((now ?? 0) - state.pending.at < RESCUE_MS * (1 + Math.random())) return;
    this.#rescuing = true;
    rescue()
      .catch(() => {})
      .finally(() => {
        this.#rescuing = false;
      });
  }

  async #look(): Promise<void> {
    const before = this.#confirmed;
    await this.#viewer.refresh();
    // Whoever changes the stage waits for this to be said.
    if (this.#confirmed !== before) await this.#viewer.refresh();
  }

  /** From here on every call goes by this state, so it may be confirmed with the next beat. */
  #adopt(state: MoveState): void {
    this.#confirmed = state.pending?.epoch ?? state.epoch;
    if (state.epoch === this.#epoch) return;
    this.#epoch = state.epoch;
    this.#options.entered?.();
    this.#counts = new Counts(this.#options.observer);
    this.#comparer = new Comparer(this.#counts, this.#options.compare);
    this.#mirror.wake();
  }

  async #lookForForeign(): Promise<void> {
    const state = this.#viewer.last?.state;
    if (state === undefined || stageOf(state.stage).mirrored === undefined) return;
    const { authority } = stageOf(state.stage);
    const found = await (await this.#options.side(authority)).foreignWrites();
    for (const [collection, count] of Object.entries(found)) {
      this.#foreign = { ...this.#foreign, [collection]: (this.#foreign[collection] ?? 0) + count };
      this.#mirror.wake();
    }
  }

  async #delivery(): Promise<Direction | undefined> {
    const { stage, epoch } = await this.#viewer.current();
    const { authority, mirrored } = stageOf(stage);
    if (mirrored === undefined) return undefined;
    const { side } = this.#options;
    return { from: await side(authority), to: await side(mirrored), epoch };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#mirror.stop();
    await this.#comparer.idle();
    // A beat that is under way would say behind our back that we are here.
    await this.#looking;
    await this.#options.control.forget(this.#options.name, this.id).catch(() => {});
  }
}
