/**
 * A world in which nothing happens by itself: every call of a process to a store waits until it is picked, one at a
 * time, by lot; timers go off when nothing else can happen, or early, by lot. So one number replays a whole history.
 *
 * On its way a call may fail before it has an effect, lose its answer behind it, have its effect much later, or be
 * the last one of its process: what that process knew is gone, what the stores hold is not.
 */
import { vi } from "vitest";
import { OutgrowError } from "../../src/errors.ts";
import { Random } from "../../src/testing/random.ts";

/** How often something goes wrong: once in so many calls; 0 for never. */
export interface Faults {
  readonly refused: number;
  readonly lost: number;
  readonly late: number;
  readonly crash: number;
  readonly freeze: number;
}

export const NO_FAULTS: Faults = { refused: 0, lost: 0, late: 0, crash: 0, freeze: 0 };

/** Whoever calls: a process, as the world sees it. */
export class Actor {
  readonly name: string;
  isDead = false;
  /** Not picked before this step: it sleeps, and knows nothing of it. */
  asleepUntil = 0;
  /** Whether the world may end it, or send it to sleep. */
  readonly isMortal: boolean;

  constructor(name: string, isMortal = true) {
    this.name = name;
    this.isMortal = isMortal;
  }
}

interface Step {
  readonly actor: Actor;
  readonly act: () => void;
}

/** So many steps without an end mean that something waits for ever. */
const MOST_STEPS = 60_000;
const LONGEST_SLEEP = 400;

export class World {
  readonly random: Random;
  faults: Faults = NO_FAULTS;
  /** Counts what has happened: the order in which calls began and ended. */
  clock = 0;
  /** Names of stores that cannot be reached now. */
  readonly down = new Set<string>();
  readonly trace: string[] = [];
  #steps: Step[] = [];

  constructor(seed: number) {
    this.random = new Random(seed);
  }

  /** One moment of history. */
  tick(): number {
    return ++this.clock;
  }

  /** A call of an actor to a store, whose effect happens at once, when it happens. */
  call<T>(actor: Actor, store: string, what: string, effect: () => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#steps.push({
        actor,
        act: () => {
          const { lost, late, refused } = this.faults;
          const name = `${actor.name} ${store}.${what}`;
          if (this.down.has(store) || this.#happens(refused)) {
            this.#note(`${name} is not answered`);
            return reject(new OutgrowError("TARGET_UNREACHABLE", { detail: store }));
          }
          const unknown = new OutgrowError(
            what === "commit" ? "OUTCOME_UNKNOWN" : "TARGET_UNREACHABLE",
            { detail: store },
          );
          if (what === "commit" && this.#happens(late)) {
            this.#note(`${name} is on its way`);
            this.#steps.push({
              actor: new Actor(`${actor.name}'s late`, false),
              act: () => {
                this.#note(`${name} arrives late`);
                try {
                  effect();
                } catch {
                  // Nobody waits for the answer any more.
                }
              },
            });
            return reject(unknown);
          }
          this.#note(name);
          try {
            const result = effect();
            if (this.#happens(lost)) {
              this.#note(`${name}: the answer is lost`);
              reject(unknown);
            } else resolve(result);
          } catch (error) {
            reject(error);
          }
        },
      });
    });
  }

  #happens(onceIn: number): boolean {
    return onceIn > 0 && this.random.once(onceIn);
  }

  #note(text: string): void {
    this.trace.push(`${this.tick()} ${text}`);
    if (this.trace.length > 600) this.trace.splice(0, 300);
  }

  note(text: string): void {
    this.#note(text);
  }

  /** Lets things happen until this work has ended. */
  async until<T>(work: Promise<T>): Promise<T> {
    let hasEnded = false;
    work.then(
      () => {
        hasEnded = true;
      },
      () => {
        hasEnded = true;
      },
    );
    for (let steps = 0; ; steps++) {
      await new Promise<void>((resolve) => setImmediate(resolve));
      if (hasEnded) return work;
      if (steps > MOST_STEPS) throw new Error(`this does not end\n${this.tail()}`);
      this.#one(steps);
    }
  }

  tail(): string {
    return this.trace.slice(-150).join("\n");
  }

  #one(now: number): void {
    const awake = this.#steps.filter(({ actor }) => actor.asleepUntil <= this.clock);
    const isIdle = awake.length === 0;
    if (isIdle && this.#steps.length > 0 && vi.getTimerCount() === 0) {
      this.clock += LONGEST_SLEEP;
      return;
    }
    if (isIdle || this.random.once(12)) {
      if (isIdle && vi.getTimerCount() === 0) throw new Error(`nothing can happen\n${this.tail()}`);
      this.tick();
      vi.advanceTimersToNextTimer();
      return;
    }
    const step = this.random.pick(awake);
    this.#steps = this.#steps.filter((one) => one !== step);
    const { actor } = step;
    if (actor.isDead) return;
    if (actor.isMortal && now > 0) {
      if (this.#happens(this.faults.crash)) {
        actor.isDead = true;
        this.#note(`${actor.name} dies`);
        // By lot, its last call still has its effect.
        if (this.random.once(2)) step.act();
        return;
      }
      if (this.#happens(this.faults.freeze)) {
        actor.asleepUntil = this.clock + this.random.whole(20, LONGEST_SLEEP);
        this.#note(`${actor.name} sleeps until ${actor.asleepUntil}`);
        this.#steps.push(step);
        return;
      }
    }
    step.act();
  }
}

/** A world that begins with this seed; timers and chance are its own until it ends. */
export async function inWorld<T>(seed: number, work: (world: World) => Promise<T>): Promise<T> {
  const world = new World(seed);
  vi.useFakeTimers({
    toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "performance", "Date"],
    now: 1_700_000_000_000,
  });
  const chance = vi.spyOn(Math, "random").mockImplementation(() => world.random.next());
  try {
    return await work(world);
  } finally {
    chance.mockRestore();
    vi.useRealTimers();
  }
}
