/** A move, as an app serves it and as a person conducts it. */
import { OutgrowError } from "../errors.ts";
import type { HeldHere, Target } from "../store/driver.ts";
import type { Side, SourceSide } from "../store/side.ts";
import { type Store, storeOver } from "../store/store.ts";
import type { CopyOptions, CopyResult } from "../transfer/copy.ts";
import type { CompareOptions } from "./compare.ts";
import { DEFAULT_LIMITS, type Gate, type GateLimits, judgeGates } from "./gates.ts";
import { writeHeld } from "./held-file.ts";
import type { MoveObserver } from "./observer.ts";
import { persist } from "./persist.ts";
import { MoveProcess } from "./process.ts";
import { type SideName, type Stage, type StageName, stageAfter, stageOf } from "./stages.ts";
import { type Backup, firstState, type MoveState } from "./state.ts";
import { gatherStatus, type MoveStatus } from "./status.ts";
import { catchUp, changeMove, changeStage, finish, readMove, takeBack } from "./transition.ts";
import {
  backUp,
  copyUnderWrites,
  type LiveVerification,
  verifyUnderWrites,
  type WorkOptions,
  type WorkParts,
} from "./work.ts";

export interface MoveOptions {
  readonly name: string;
  readonly source: SourceSide;
  readonly target: Target;
  /** Whose data it is. Default: `default`. */
  readonly tenant?: string | undefined;
  /** Layouts, rules and tables of the target, as `copy` takes them. */
  readonly layout?: WorkParts["layout"] | undefined;
  readonly limits?: Partial<GateLimits> | undefined;
  readonly compare?: CompareOptions | undefined;
  /** Who measures it: `outgrow/opentelemetry` makes one. */
  readonly observer?: MoveObserver | undefined;
  /** How often a serving process asks for the stage, in milliseconds. Default 500. */
  readonly refreshMs?: number | undefined;
  /** Who conducts it, for the history. Default: `outgrow`. */
  readonly by?: string | undefined;
  /** `false`: a move that nobody has opened yet is MOVE_UNKNOWN, and nothing is written. */
  readonly begin?: boolean | undefined;
}

export interface LiveMove extends AsyncDisposable {
  readonly name: string;
  /**
   * The app's store, whatever the stage. The first call registers this process: from then on changes of stage wait
   * for it. @throws {OutgrowError} STAGE_UNREADABLE
   */
  store(): Promise<Store>;
  status(): Promise<MoveStatus>;
  /** The gates into the next stage; none where there is no next. */
  gates(): Promise<{ readonly to: StageName | undefined; readonly gates: readonly Gate[] }>;
  /**
   * One stage forward. A store that does not answer is waited for, for a minute; so in `back` and `resume`.
   * @throws {OutgrowError} GATE_CLOSED with the first sentence; STAGE_TAKEN, STAGE_CHANGING, STAGE_FINAL
   */
  advance(to?: StageName): Promise<MoveState>;
  /** One stage back, losing nothing. @throws {OutgrowError} STAGE_FINAL, STAGE_TAKEN, STAGE_CHANGING */
  back(): Promise<MoveState>;
  /** Ends a change of stage that its conductor did not end: forward, or with `abort` where it began. */
  resume(options?: { readonly abort?: boolean }): Promise<MoveState>;
  /** @throws {OutgrowError} GATE_CLOSED unless writes are captured; as `copy` */
  copy(options?: WorkOptions): Promise<CopyResult>;
  verify(options?: WorkOptions): Promise<LiveVerification>;
  /** Exports the target and proves by restoring it beside that the file is whole. */
  backup(folder: string, options?: WorkOptions): Promise<Backup>;
  /** Says by name that there is no way back from `complete`. */
  confirm(by: string): Promise<void>;
  /**
   * After `complete`: takes away what the move put beside the source. That it is complete stays said: a process that
   * opens the move without that would begin at `off` again, with data of long ago (law S6).
   * @param options forget: that too, once no process opens the move any more, and with it all that is ours in the
   * target: the app's tables stay as they are. restTo: a new file for what lies in the ledger and nowhere else.
   * @throws {OutgrowError} GATE_CLOSED; LEDGER_HOLDS without `restTo` where there is such; EXPORT_EXISTS, STORE_WRITE
   */
  leave(options?: LeaveOptions): Promise<void>;
}

export interface LeaveOptions {
  readonly forget?: boolean | undefined;
  readonly restTo?: string | undefined;
}

/**
 * Opens a move that has stages. The first to open it puts it at `off`.
 *
 * @throws {OutgrowError} UNSUPPORTED for a target that no live move can be made into; MOVE_UNKNOWN with `begin: false`;
 * TARGET_*, LEDGER_VERSION
 */
export async function openMove(options: MoveOptions): Promise<LiveMove> {
  const { name, target } = options;
  const { live } = target;
  if (live === undefined) {
    throw new OutgrowError("UNSUPPORTED", { detail: `live moves into ${target.kind}` });
  }
  const by = options.by ?? "outgrow";
  if ((await live.control.read(name)) === undefined) {
    if (options.begin === false) throw new OutgrowError("MOVE_UNKNOWN", { detail: name });
    // Of several that find none, one makes it.
    await live.control.replace(name, 0, firstState(Date.now(), by));
  }
  await readMove(live.control, name);
  return new OpenMove(options, { ...parts(options), live });
}

function parts({ name, source, target, tenant, layout }: MoveOptions): Omit<WorkParts, "live"> {
  return { name, tenant: tenant ?? "default", source, target, layout: layout ?? {} };
}

/** The sides of a move, opened when they are asked for and kept. */
class Sides {
  readonly #work: WorkParts;
  #target: Promise<Side> | undefined;

  constructor(work: WorkParts) {
    this.#work = work;
  }

  readonly side = async (name: SideName): Promise<Side> => {
    if (name === "source") return this.#work.source;
    this.#target ??= this.#work.live.side(this.#work.name);
    try {
      return await this.#target;
    } catch (error) {
      // It is there once it has been copied to.
      this.#target = undefined;
      throw error;
    }
  };

  /** What is there now may be another journey's. */
  reopen(): void {
    this.#target = undefined;
  }
}

class OpenMove implements LiveMove {
  readonly name: string;
  readonly #options: MoveOptions;
  readonly #work: WorkParts;
  readonly #limits: GateLimits;
  readonly #unobserved: (() => void) | undefined;
  #process: Promise<MoveProcess> | undefined;

  constructor(options: MoveOptions, work: WorkParts) {
    this.name = options.name;
    this.#options = options;
    this.#work = work;
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#unobserved = options.observer?.opened?.(this.name, () => this.status());
  }

  /** For one piece of work: another journey's copy is another move of the ledger, for which the target opens anew. */
  get #transition() {
    const { control } = this.#work.live;
    const { side } = new Sides(this.#work);
    const closed = (into: Stage) => this.#closed(into);
    return { name: this.name, control, side, by: this.#options.by ?? "outgrow", closed };
  }

  /** What came before the fence may have been set aside by its delivery: the target does not have it then. */
  async #closed(into: Stage): Promise<string | undefined> {
    const names = into.gates.filter((name) => name === "quarantine");
    const shut = judgeGates(names, await this.status(), this.#limits).find((gate) => gate.closed);
    return shut?.closed;
  }

  async store(): Promise<Store> {
    this.#process ??= this.#serve();
    try {
      return storeOver((await this.#process).router, this.#work.tenant);
    } catch (error) {
      // A process that could not begin begins with the next call.
      this.#process = undefined;
      throw error;
    }
  }

  async #serve(): Promise<MoveProcess> {
    const { compare, refreshMs, observer } = this.#options;
    const { control } = this.#work.live;
    const sides = new Sides(this.#work);
    const serving = new MoveProcess({
      name: this.name,
      control,
      side: sides.side,
      entered: () => sides.reopen(),
      rescue: () => finish(this.#transition),
      compare,
      refreshMs,
      observer,
    });
    await serving.start();
    return serving;
  }

  async status(): Promise<MoveStatus> {
    const { live, target } = this.#work;
    const found = await readMove(live.control, this.name);
    const stage = stageOf(found.document.stage);
    const move = await target.ledger.find(this.name);
    const open =
      move && (await target.ledger.quarantined(this.name, { state: "open", raw: false }));
    const authority =
      stage.mirrored === undefined ? undefined : await this.#transition.side(stage.authority);
    return gatherStatus(this.name, found, await live.control.processes(this.name), {
      outbox: await authority?.outbox.depth(),
      copy: move && { phase: move.phase, run: move.run, counts: move.counts },
      openQuarantine: open?.length ?? 0,
    });
  }

  async gates(): ReturnType<LiveMove["gates"]> {
    const status = await this.status();
    const next = stageAfter(status.state.stage);
    return { to: next?.name, gates: judgeGates(next?.gates ?? [], status, this.#limits) };
  }

  async advance(to?: StageName): Promise<MoveState> {
    const { state, next } = await persist(() => this.#entrance(to));
    return changeStage(this.#transition, state, next);
  }

  /** Where the move is and what comes next, when its gates are open. */
  async #entrance(to?: StageName): Promise<{ state: MoveState; next: StageName }> {
    const status = await this.status();
    const { stage } = status.state;
    const next = stageAfter(stage);
    if (next === undefined) throw new OutgrowError("STAGE_FINAL", { detail: stage });
    if (to !== undefined && to !== next.name) {
      const detail = `from ${stage} the next stage is ${next.name}, not ${to}`;
      throw new OutgrowError("GATE_CLOSED", { detail });
    }
    const closed = judgeGates(next.gates, status, this.#limits).find((gate) => gate.closed);
    if (closed !== undefined) {
      const detail = `${next.name}: ${closed.closed}`.replace(/\.$/, "");
      throw new OutgrowError("GATE_CLOSED", { detail });
    }
    if (stageOf(stage).mirrored === undefined && next.mirrored === "target") await this.#empty();
    return { state: status.state, next: next.name };
  }

  /**
   * What an earlier journey left may be older than what the app has written since, without a trace of when. Found
   * before this journey begins, it is of no other, however late it is dropped.
   */
  async #empty(): Promise<void> {
    const { ledger } = this.#work.target;
    const left = await ledger.find(this.name);
    if (left === undefined) return;
    // Still at `off`, or it is another journey's by now.
    const { document: state } = await readMove(this.#work.live.control, this.name);
    if (stageOf(state.stage).mirrored === undefined) await ledger.drop(this.name, left.id);
  }

  async back(): Promise<MoveState> {
    const { document: state } = await persist(() => readMove(this.#work.live.control, this.name));
    const { back } = stageOf(state.stage);
    if (back === undefined) throw new OutgrowError("STAGE_FINAL", { detail: state.stage });
    return changeStage(this.#transition, state, back);
  }

  async resume({ abort = false }: { readonly abort?: boolean } = {}): Promise<MoveState> {
    const { document: state } = await persist(() => readMove(this.#work.live.control, this.name));
    const { pending } = state;
    if (pending === undefined || !abort) return persist(() => finish(this.#transition));
    return persist(() => takeBack(this.#transition, pending.epoch));
  }

  async copy(options: Pick<CopyOptions, "signal" | "onProgress"> = {}): Promise<CopyResult> {
    const { document: state } = await readMove(this.#work.live.control, this.name);
    const result = await copyUnderWrites(this.#work, state, options);
    const target = await this.#work.live.side(this.name);
    await catchUp(this.#work.source, target, state.epoch, 60_000);
    return result;
  }

  verify(options: WorkOptions = {}): Promise<LiveVerification> {
    return verifyUnderWrites(this.#work, options);
  }

  backup(folder: string, options: WorkOptions = {}): Promise<Backup> {
    return backUp(this.#work, folder, options);
  }

  async confirm(by: string): Promise<void> {
    await changeMove(this.#work.live.control, this.name, (state, at) => {
      return { ...state, confirmed: { at, by } };
    });
  }

  async leave({ forget = false, restTo }: LeaveOptions = {}): Promise<void> {
    const { live, source } = this.#work;
    const { document: state } = await readMove(live.control, this.name);
    if (stageAfter(state.stage) !== undefined) {
      const detail = `at ${state.stage}: a move is left when it is complete`;
      throw new OutgrowError("GATE_CLOSED", { detail });
    }
    await source.leave();
    // Whoever made the move complete may have died before it had cleared away.
    if ((await this.#work.target.ledger.find(this.name)) !== undefined) {
      await (await live.side(this.name)).standDown?.();
    }
    if (!forget) return;
    const serving = (await this.status()).processes.find(({ alive }) => alive);
    if (serving !== undefined) {
      const detail = `the process ${serving.name} still opens the move: deploy without it first`;
      throw new OutgrowError("GATE_CLOSED", { detail });
    }
    const keep = restTo && ((held: AsyncIterable<HeldHere>) => writeHeld(restTo, held));
    if (live.leave !== undefined) await live.leave(this.name, keep || undefined);
    else await live.control.remove(this.name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#unobserved?.();
    await (await this.#process?.catch(() => undefined))?.[Symbol.asyncDispose]();
  }
}
