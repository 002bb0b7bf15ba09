/**
 * A move in a world of faults: processes of an app that read and write, and conductors who change its stage, forward
 * and back, while any of them may die, sleep, or lose an answer. At the end all is well again, and what was
 * acknowledged is looked for.
 */
import { dumpRevision, revision } from "../../src/collection/revision.ts";
import { OutgrowError } from "../../src/errors.ts";
import { openMove, type Stage, type StageName, stageOf } from "../../src/move/index.ts";
import type { LiveMove } from "../../src/move/live-move.ts";
import { changeMove, readMove } from "../../src/move/transition.ts";
import type { Target } from "../../src/store/driver.ts";
import type { Ledger, Move } from "../../src/store/ledger.ts";
import type { Side } from "../../src/store/side.ts";
import {
  type Flaws,
  MemoryControlState,
  MemoryState,
  memoryControl,
  memorySide,
} from "./memory-side.ts";
import { AT, Broken, Callers, firstRecords } from "./move-callers.ts";
import { Actor, type Faults, inWorld, NO_FAULTS, type World } from "./world.ts";

/** What happens in most histories. */
export const FAULTS: Faults = {
  refused: 60,
  lost: 60,
  late: 60,
  crash: 150,
  freeze: 60,
  // What is refused once is asked again: only what lasts is heard of by those who call.
  outage: 400,
};

/** Nobody dies, but many sleep, for longer than a stage lasts, and commits arrive when they are long forgotten. */
export const SLEEPS: Faults = { refused: 0, lost: 0, late: 40, crash: 0, freeze: 25 };

type Step = "advance" | "back" | "down" | "up";

/** Through all stages, with both changes of authority in both directions. */
export const ROUNDS: readonly Step[] = [
  ...(["advance", "advance", "advance", "back", "advance", "back", "advance"] as const),
  ...(["advance", "back", "advance", "advance"] as const),
];
/** Into dualwrite, back to `off`, and into it again. */
export const JOURNEYS: readonly Step[] = [
  ...(["advance", "advance", "back", "back", "advance", "advance", "advance"] as const),
];

const NAME = "m";
const MOVE = { run: 1, phase: "copied", counts: {} } as Move;

export interface Model {
  readonly faults?: Faults;
  readonly processes?: number;
  /** Calls of each process. */
  readonly calls?: number;
  /** The app's processes live and are awake; only conductors are not. */
  readonly appIsWell?: boolean;
  /** Milliseconds from one conductor to the next. By lot when left out. */
  readonly restMs?: number;
  /** What the conductors do, one after another; by lot when left out. */
  readonly steps?: readonly Step[];
  readonly source?: Flaws;
  readonly target?: Flaws;
  /** What is broken in how the copy is made. */
  readonly copy?: "before capture" | "checkpoint early" | "outranks" | "heedless";
  /** Whether a call that fails is a failure of the move. */
  readonly mustSucceed?: boolean;
  /** What is changed in the table of stages. */
  readonly table?: { readonly stage: StageName; readonly row: Partial<Stage> };
}

/** What a run has reached: a run that reached nothing proves nothing. */
export interface Reached {
  stages: Record<string, number>;
  calls: number;
  /** Of them, those that began while the target could not be reached. */
  whileDown: number;
  unknown: number;
  deaths: number;
  compared: number;
}

/** One history, from its number. @throws when a law is broken, with the number and what happened. */
export async function history(seed: number, model: Model = {}): Promise<Reached> {
  return inWorld(seed, async (world) => {
    const row = model.table === undefined ? {} : stageOf(model.table.stage);
    const before = { ...row };
    try {
      Object.assign(row, model.table?.row);
      return await new Run(world, model).all();
    } catch (error) {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
      throw new Error(`SEED=${seed}: ${text}\n${world.tail}`);
    } finally {
      Object.assign(row, before);
    }
  });
}

/** The first of these numbers whose history breaks a law, with the sentence; `undefined` when none does. */
export async function counterexample(
  seeds: number,
  model: Model,
): Promise<{ readonly seed: number; readonly message: string } | undefined> {
  for (let seed = 1; seed <= seeds; seed++) {
    try {
      await history(seed, model);
    } catch (error) {
      return { seed, message: (error as Error).message };
    }
  }
  return undefined;
}

class Run {
  readonly #world: World;
  readonly #model: Model;
  readonly #source: MemoryState;
  readonly #target: MemoryState;
  readonly #control = new MemoryControlState();
  readonly #callers: Callers;
  readonly #reached = { stages: {} as Record<string, number>, deaths: 0, compared: 0 };
  readonly #isBound: boolean;
  #runs = 0;
  #lease = 0;
  #born = 0;
  #hasEnded = false;

  constructor(world: World, model: Model) {
    this.#world = world;
    this.#model = model;
    this.#source = new MemoryState("source", model.source);
    this.#target = new MemoryState("target", model.target);
    this.#target.isThere = false;
    this.#source.isDeaf = model.copy === "before capture";
    this.#isBound = world.random.once(2);
    for (const record of firstRecords()) {
      this.#source.records.set(JSON.stringify([AT.tenant, AT.collection, record.key]), record);
    }
    this.#callers = new Callers(world, model.mustSucceed === true);
  }

  async all(): Promise<Reached> {
    const { processes = 2, calls = 40, faults = NO_FAULTS } = this.#model;
    const world = this.#world;
    const first = new Actor("first", false);
    await world.until(this.#open(first));
    world.faults = faults;
    const conducting = this.#conduct().finally(() => {
      this.#hasEnded = true;
    });
    const working = Array.from({ length: processes }, (_, index) => this.#work(index, calls));
    await world.until(Promise.all([...working, conducting]));
    world.faults = NO_FAULTS;
    world.down.clear();
    await world.until(this.#end());
    const { calls: made, whileDown, unknown } = this.#callers;
    return { ...this.#reached, calls: made, whileDown, unknown };
  }

  #open(actor: Actor): Promise<LiveMove> {
    const world = this.#world;
    const control = memoryControl(world, actor, "target", this.#control);
    const state = this.#target;
    const onTarget = <T>(what: string, effect: () => T) =>
      world.call(actor, "target", what, effect);
    const ledger: Partial<Ledger> = {
      find: () => onTarget("find", () => (state.isThere ? { ...MOVE, id: state.made } : undefined)),
      drop: (_name, id) =>
        onTarget("drop", () => {
          if (id === state.made) state.drop();
          return { tables: [] };
        }),
      quarantined: async () => [],
    };
    const side = (): Promise<Side> =>
      onTarget("open", () => {
        if (!state.isThere) throw new OutgrowError("MOVE_UNKNOWN", { detail: NAME });
        return memorySide(world, actor, state, this.#isBound);
      });
    const target: Target = {
      kind: "memory",
      label: "memory",
      ledger: ledger as Ledger,
      catalog: () => Promise.reject(new OutgrowError("UNSUPPORTED")),
      open: async () => (await side()).driver,
      live: { control, side },
      async [Symbol.asyncDispose]() {},
    };
    return openMove({
      name: NAME,
      source: memorySide(world, actor, this.#source),
      target,
      by: actor.name,
      limits: { minCompared: 0, holdMs: 0, goodLatencyMs: 1e9, maxMismatchRate: 0 },
      compare: { sample: 0.3 },
    });
  }

  #actor(kind: string): Actor {
    return new Actor(`${kind}${++this.#born}`, kind === "c" || this.#model.appIsWell !== true);
  }

  /** A process of the app, and whoever takes its place when it dies. */
  async #work(index: number, calls: number): Promise<void> {
    for (let left = calls; left > 0 && !this.#hasEnded; ) {
      const actor = this.#actor(`p${index}.`);
      const life = async (): Promise<void> => {
        const store = await (await this.#patiently(() => this.#open(actor))).store();
        while (left > 0 && !this.#hasEnded) {
          left--;
          await this.#callers.call(actor, store);
          // In bursts, over the whole of the journey.
          if (this.#world.random.once(3)) await pause(this.#world.random.whole(1, 600));
        }
      };
      await this.#untilDeath(actor, life);
    }
  }

  /** Does something until it succeeds: an app that cannot start is started again. */
  async #patiently<T>(work: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await work();
      } catch (error) {
        if (!OutgrowError.is(error)) throw error;
        await pause(100);
      }
    }
  }

  /** @returns whether it ended by itself. */
  async #untilDeath(actor: Actor, life: () => Promise<void>): Promise<boolean> {
    let hasEnded = false;
    let failure: unknown;
    life().then(
      () => {
        hasEnded = true;
      },
      (error: unknown) => {
        hasEnded = true;
        failure = error;
      },
    );
    while (!hasEnded && !actor.isDead) await pause(20);
    if (actor.isDead) this.#reached.deaths++;
    else if (failure !== undefined && !OutgrowError.is(failure)) throw failure;
    return hasEnded && failure === undefined;
  }

  /** Those who change the stage, one after another. */
  async #conduct(): Promise<void> {
    const { random } = this.#world;
    const steps = [
      ...(this.#model.steps ??
        Array.from({ length: 8 }, () =>
          random.pick(["advance", "advance", "advance", "back"] as const),
        )),
    ];
    for (let tries = 0; steps.length > 0 && tries < 60; tries++) {
      if (steps[0] === "down" || steps[0] === "up") {
        // Every process has heard of the stage. One that has not knows by the fence only that there is another.
        await pause(3000);
        if (steps.shift() === "down") this.#world.down.add("target");
        else this.#world.down.delete("target");
        await pause(8000);
        continue;
      }
      const actor = this.#actor("c");
      const step = steps[0] as "advance" | "back";
      const done = await this.#untilDeath(actor, async () => {
        const move = await this.#open(actor);
        await move.resume({ abort: random.once(4) });
        await (step === "advance" ? this.#advance(actor, move) : this.#back(move));
      });
      if (done || random.once(4)) steps.shift();
      await pause(this.#model.restMs ?? random.whole(1, 400));
    }
  }

  async #advance(actor: Actor, move: LiveMove): Promise<void> {
    const { state } = await move.status();
    if (state.stage === "complete") return;
    if (state.stage === "dualwrite") {
      await this.#copy(actor);
      await this.#verified(actor);
    }
    if (state.stage === "rampdown") {
      await move.confirm("somebody");
      const control = memoryControl(this.#world, actor, "target", this.#control);
      await changeMove(control, NAME, (now, at) => {
        return { ...now, backup: { at, file: "f", sha256: "", records: 0, restored: true } };
      });
    }
    const { stage } = await move.advance();
    this.#reached.stages[stage] = (this.#reached.stages[stage] ?? 0) + 1;
  }

  async #back(move: LiveMove): Promise<void> {
    const { state } = await move.status();
    if (stageOf(state.stage).back !== undefined) await move.back();
  }

  /** As src/move/work.ts makes it, under a lease: a snapshot is taken, batches follow. */
  async #copy(actor: Actor): Promise<void> {
    const world = this.#world;
    const control = memoryControl(world, actor, "target", this.#control);
    const { document: before } = await readMove(control, NAME);
    const { copy } = this.#model;
    const run = ++this.#runs;
    const lease = await world.call(actor, "target", "lease", () => {
      this.#target.make();
      return ++this.#lease;
    });
    const all = await world.call(actor, "source", "snapshot", () =>
      this.#source.all(AT).filter(({ state }) => state === "present"),
    );
    const step = (what: string, effect: () => void) =>
      world.call(actor, "target", what, () => {
        if (lease !== this.#lease) throw new OutgrowError("FENCED", { detail: "lease" });
        if (!this.#target.isThere) throw new OutgrowError("MOVE_UNKNOWN");
        effect();
      });
    for (let at = 0; at < all.length; at += 2) {
      const high = revision(before.epoch, 10 ** 13 + run);
      const records = all.slice(at, at + 2).map((record) => {
        return { ...record, revision: copy === "outranks" ? high : dumpRevision(run) };
      });
      const commit = { tenant: AT.tenant, writes: [{ collection: AT.collection, records }] };
      if (copy === "checkpoint early") {
        if ((this.#target.checkpoints.get(NAME) ?? -1) >= at) continue;
        await step("checkpoint", () => this.#target.checkpoints.set(NAME, at));
      }
      await step("copy", () => this.#target.commit(commit, 0, copy === "heedless"));
    }
    this.#source.isDeaf = false;
    await changeMove(control, NAME, (now, when) => {
      // The journey that this copy was for may be over.
      if (now.journey !== before.journey) throw new OutgrowError("STAGE_TAKEN", { detail: NAME });
      return { ...now, copied: { at: when, run }, verified: undefined };
    });
  }

  /** Says that all was found equal: what the laws are to make true without anybody looking. */
  async #verified(actor: Actor): Promise<void> {
    const control = memoryControl(this.#world, actor, "target", this.#control);
    await changeMove(control, NAME, (now, at) => {
      const run = now.copied?.run ?? 0;
      const verified = { at, run, source: 0, missing: 0, different: 0, extra: 0, settled: 0 };
      return { ...now, verified };
    });
  }

  /** All is well again: what is under way ends, what waits is delivered, and everything is looked at. */
  async #end(): Promise<void> {
    const actor = new Actor("last", false);
    const move = await this.#open(actor);
    await move.resume();
    const store = await this.#patiently(() => move.store());
    const { state } = await move.status();
    const stage = stageOf(state.stage);
    const isKept = stage.mirrored !== undefined && state.copied !== undefined;
    while (isKept && ((await move.status()).outbox?.count ?? 0) > 0) await pause(500);
    await this.#callers.judge(actor, store);
    const authority = stage.authority === "source" ? this.#source : this.#target;
    this.#callers.balanced(authority);
    if (isKept) this.#equal(stage.name);
  }

  /** Both sides hold the same records. */
  #equal(stage: StageName): void {
    const held = (side: MemoryState): string =>
      JSON.stringify(
        side
          .all(AT)
          .filter(({ state }) => state === "present")
          .map(({ value }) => value),
        null,
        1,
      );
    this.#reached.compared++;
    const [source, target] = [held(this.#source), held(this.#target)];
    if (source !== target) {
      throw new Broken(`at ${stage} the source holds\n${source}\nand the target\n${target}`);
    }
    this.#callers.balanced(this.#source);
    this.#callers.balanced(this.#target);
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
