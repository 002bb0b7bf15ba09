/** A queue of one: PGlite is one backend, so transactions of all clients come one after another. */
import { OutgrowError } from "../../errors.ts";

export type Release = () => void;

interface Waiter {
  readonly start: (release: Release) => void;
  readonly timer: NodeJS.Timeout | undefined;
}

export class Turns {
  #taken = false;
  readonly #waiting: Waiter[] = [];

  /**
   * Resolves when it is the caller's turn, with the function that ends it.
   *
   * @param waitMs how long to wait; without a limit if left out.
   * @throws {OutgrowError} TARGET_BUSY
   */
  take(waitMs?: number): Promise<Release> {
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        start: resolve,
        timer:
          waitMs === undefined
            ? undefined
            : setTimeout(() => {
                this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
                const detail = `waited ${waitMs} ms for another transaction`;
                reject(new OutgrowError("TARGET_BUSY", { detail }));
              }, waitMs),
      };
      this.#waiting.push(waiter);
      this.#next();
    });
  }

  #next(): void {
    if (this.#taken) return;
    const waiter = this.#waiting.shift();
    if (waiter === undefined) return;
    clearTimeout(waiter.timer);
    this.#taken = true;
    let released = false;
    waiter.start(() => {
      if (released) return;
      released = true;
      this.#taken = false;
      this.#next();
    });
  }
}
