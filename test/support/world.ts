/**
 * A world in which nothing happens by itself: every call of a process to a store waits until it is picked, one at a
 * time, by lot; timers go off when nothing else can happen, or early, by lot. So one number replays a whole history.
 *
 * On its way a call may fail before it has an effect, lose its answer behind it, have its effect much later, or be
 * the last one of its process: what that process knew is gone, what the stores hold is not.
 */
import { OutgrowError } from "../../src/errors.ts";
import { Random } from "../../src/testing/random.ts";
import { VirtualTime } from "./virtual-time.ts";

/** How often something goes wrong: once in so many calls; 0 for never. */
export interface Faults {
  /** Not answered, and without effect. */
  readonly refused: number;
  /** Done, and not answered. */
  readonly lost: number;
  /** A commit that is not answered, and takes place later, or never. */
  readonly late: number;
  /** The process ends, before or behind its call. */
  readonly crash: number;
  /** The process sleeps with its call under way. */
  readonly freeze: number;
  /** The store cannot be reached by anybody for a while: longer than a call is tried again. */
  readonly outage?: number;
}

export const NO_FAULTS: Faults = { refused: 0, lost: 0, late: 0, crash: 0, freeze: 0 };

/** Whoever calls: a process, as the world sees it. */
export class Actor {
  readonly name: string;
  isDead = false;
  /** Not picked before this moment: it sleeps, and knows nothing of it. */
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
/** Sleeps are mostly a nap, and now and then longer than a stage. */
const NAP = 300;
const LONG_SLEEP = 4000;
const LONGEST_OUTAGE_MS = 6000;

export class World {
  readonly random: Random;
  readonly time = new VirtualTime();
  faults: Faults = NO_FAULTS;
  /** Counts what has happened: the order in which calls began and ended. */
  clock = 0;
  /** Names of stores that cannot be reached now. */
  readonly down = new Set<string>();
  readonly #trace: string[] = [];
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
      const act = (): void => {
        try {
          resolve(this.#answer(actor, store, what, effect));
        } catch (error) {
          reject(error);
        }
      };
      this.#steps.push({ actor, act });
    });
  }

  #answer<T>(actor: Actor, store: string, what: string, effect: () => T): T {
    const name = `${actor.name} ${store}.${what}`;
    const { lost, late, refused, outage = 0 } = this.faults;
    if (this.#happens(outage)) this.#takeDown(store);
    if (this.down.has(store) || this.#happens(refused)) {
      this.note(`${name} is not answered`);
      throw new OutgrowError("TARGET_UNREACHABLE", { detail: store });
    }
    const unknown = what === "commit" ? "OUTCOME_UNKNOWN" : "TARGET_UNREACHABLE";
    if (what === "commit" && this.#happens(late)) {
      this.note(`${name} is on its way`);
      this.#later(name, effect);
      throw new OutgrowError(unknown, { detail: store });
    }
    this.note(name);
    const result = effect();
    if (!this.#happens(lost)) return result;
    this.note(`${name}: the answer is lost`);
    throw new OutgrowError(unknown, { detail: store });
  }

  #takeDown(store: string): void {
    if (this.down.has(store)) return;
    this.note(`${store} is gone`);
    this.down.add(store);
    setTimeout(() => this.down.delete(store), this.random.whole(100, LONGEST_OUTAGE_MS));
  }

  /** It takes place when its time comes; nobody waits for the answer any more. */
  #later(name: string, effect: () => unknown): void {
    const courier = new Actor("courier", false);
    courier.asleepUntil = this.clock + this.#length();
    const act = (): void => {
      this.note(`${name} arrives late`);
      try {
        effect();
      } catch (error) {
        if (!OutgrowError.is(error)) throw error;
      }
    };
    this.#steps.push({ actor: courier, act });
  }

  #length(): number {
    return this.random.whole(10, this.random.once(8) ? LONG_SLEEP : NAP);
  }

  #happens(onceIn: number): boolean {
    return onceIn > 0 && this.random.once(onceIn);
  }

  note(text: string): void {
    this.#trace.push(`${this.tick()} ${text}`);
  }

  /** What has happened last, or with `TRACE=1` all of it. */
  get tail(): string {
    return this.#trace.slice(process.env["TRACE"] === undefined ? -60 : 0).join("\n");
  }

  /** Lets things happen until this work has ended. */
  async until<T>(work: Promise<T>): Promise<T> {
    let hasEnded = false;
    const end = (): void => {
      hasEnded = true;
    };
    work.then(end, end);
    for (let steps = 0; ; steps++) {
      await new Promise<void>((resolve) => setImmediate(resolve));
      if (hasEnded) return work;
      if (steps > MOST_STEPS) throw new Error("this does not end");
      this.#happen();
    }
  }

  #happen(): void {
    const awake = this.#steps.filter(({ actor }) => actor.asleepUntil <= this.clock);
    if (awake.length === 0 || this.random.once(12)) {
      this.tick();
      const went = this.time.next();
      if (!went && awake.length === 0 && this.#steps.length === 0) {
        throw new Error("nothing can happen any more");
      }
      return;
    }
    const step = this.random.pick(awake);
    this.#steps.splice(this.#steps.indexOf(step), 1);
    const { actor } = step;
    if (actor.isDead) return;
    if (actor.isMortal && this.#happens(this.faults.crash)) {
      actor.isDead = true;
      this.note(`${actor.name} dies`);
      // By lot, its last call still has its effect.
      if (this.random.once(2)) return;
    } else if (actor.isMortal && this.#happens(this.faults.freeze)) {
      actor.asleepUntil = this.clock + this.#length();
      this.note(`${actor.name} sleeps until ${actor.asleepUntil}`);
      this.#steps.push(step);
      return;
    }
    step.act();
  }
}

/** A world that begins with this seed; time and chance are its own until it ends. */
export async function inWorld<T>(seed: number, work: (world: World) => Promise<T>): Promise<T> {
  const world = new World(seed);
  const chance = Math.random;
  Math.random = () => world.random.next();
  world.time.begin();
  try {
    return await work(world);
  } finally {
    world.time.end();
    Math.random = chance;
  }
}
