/** Time that passes only when it is told to: timers, and the clocks that are read. */

interface Timer {
  readonly id: number;
  readonly at: number;
  readonly ring: () => void;
}

const BEGINNING = 1_700_000_000_000;

export class VirtualTime {
  #now = 1000;
  #made = 0;
  #timers: Timer[] = [];
  #before: (() => void) | undefined;

  /** The milliseconds that `performance.now` answers. */
  get now(): number {
    return this.#now;
  }

  /** Takes the clocks and timers of this process over. */
  begin(): void {
    const { setTimeout, clearTimeout } = globalThis;
    const [now, date] = [performance.now, Date.now];
    this.#before = () => {
      Object.assign(globalThis, { setTimeout, clearTimeout });
      Object.assign(performance, { now });
      Date.now = date;
    };
    const set = (work: (...args: unknown[]) => void, ms = 0, ...args: unknown[]) => {
      const timer = { id: ++this.#made, at: this.#now + ms, ring: () => work(...args) };
      this.#timers.push(timer);
      const handle = { id: timer.id, ref: () => handle, unref: () => handle };
      return handle;
    };
    const clear = (handle: { readonly id: number } | undefined): void => {
      this.#timers = this.#timers.filter(({ id }) => id !== handle?.id);
    };
    Object.assign(globalThis, { setTimeout: set, clearTimeout: clear });
    Object.assign(performance, { now: () => this.#now });
    Date.now = () => BEGINNING + this.#now;
  }

  /** Gives them back. Timers that have not gone off never will. */
  end(): void {
    this.#before?.();
    this.#timers = [];
  }

  /** Lets the next timer go off, at its time. @returns whether there was one. */
  next(): boolean {
    const [first, ...others] = this.#timers;
    if (first === undefined) return false;
    const timer = others.reduce((soonest, one) => (one.at < soonest.at ? one : soonest), first);
    this.#timers.splice(this.#timers.indexOf(timer), 1);
    this.#now = Math.max(this.#now, timer.at);
    timer.ring();
    return true;
  }
}
