/** All visitors: they come, go on until they are told to leave, and stand still while the books are compared. */
import { setTimeout as sleep } from "node:timers/promises";
import { Visitor } from "./visitor.mjs";

/** So many may be answered by a process that sleeps: the others keep the traffic going. */
const MEET_SLEEPERS = 2;

export class Crowd {
  visitors = [];
  #seed;
  #seeded;
  #world;
  #going = true;
  #paused;
  #resume = () => {};
  #still = 0;
  #traffic = [];

  constructor({ seed, seeded, world }) {
    this.#seed = seed;
    this.#seeded = seeded;
    this.#world = world;
  }

  async enter(count) {
    const come = Array.from({ length: count }, () => {
      const index = this.visitors.length;
      const visitor = new Visitor({
        name: `user${index}`,
        random: this.#seeded(this.#seed + index + 1),
        meetsSleepers: index < MEET_SLEEPERS,
        world: this.#world,
      });
      this.visitors.push(visitor);
      return visitor;
    });
    await Promise.all(come.map((visitor) => visitor.register()));
    for (const visitor of come) {
      const stays = this.#stay(visitor);
      stays.catch(() => {});
      this.#traffic.push(stays);
    }
  }

  async #stay(visitor) {
    while (this.#going) {
      if (this.#paused !== undefined) {
        this.#still++;
        await this.#paused;
        this.#still--;
        continue;
      }
      await visitor.act();
      await sleep(40 + visitor.random() * 120);
    }
  }

  /** Resolves when nobody has a request under way. */
  async pause() {
    this.#paused = new Promise((resolve) => {
      this.#resume = resolve;
    });
    while (this.#still < this.visitors.length) await sleep(20);
  }

  resume() {
    this.#paused = undefined;
    this.#resume();
  }

  async leave() {
    this.#going = false;
    this.resume();
    await Promise.all(this.#traffic);
  }
}
