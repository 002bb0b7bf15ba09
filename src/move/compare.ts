/**
 * Shadow comparison: a sample of reads is asked of the other side too, behind the app's back, and compared by digest.
 * The app never waits for it, and never hears of its failures. What is being written meanwhile is looked at again:
 * only records that have come to rest and differ are mismatches.
 */
import type { Address } from "../collection/change.ts";
import { digestHex } from "../collection/digest-sum.ts";
import type { Driver, Stored } from "../store/driver.ts";
import type { Outbox } from "../store/side.ts";
import type { Counts } from "./counts.ts";
import type { Mismatch } from "./state.ts";

export interface CompareOptions {
  /** Share of reads that are compared, 0 to 1. Default 0.1. */
  readonly sample?: number | undefined;
  /** Milliseconds until the other side's answer counts as unknown. Default 2000. */
  readonly timeoutMs?: number | undefined;
  /** Comparisons at a time; more are dropped and counted. Default 4. */
  readonly atOnce?: number | undefined;
}

export interface Pair {
  readonly served: Driver;
  readonly other: Driver;
  /** Where keys of the authority wait for the other side. */
  readonly outbox: Outbox;
}

/** After so many failures in a row the other side is left alone for a while. */
const FAILURES = 5;
const OPEN_MS = 10_000;
/** How often a record that differs is looked at again, and after how long: doubled each time. */
const LOOKS = 5;
const FIRST_LOOK_MS = 50;
const KEPT_MISMATCHES = 20;

export class Comparer {
  readonly mismatches: Mismatch[] = [];
  readonly #counts: Counts;
  readonly #options: Required<{ [K in keyof CompareOptions]: number }>;
  #running = new Set<Promise<void>>();
  #failures = 0;
  #openUntil = 0;

  constructor(counts: Counts, options: CompareOptions = {}) {
    const { sample = 0.1, timeoutMs = 2000, atOnce = 4 } = options;
    this.#counts = counts;
    this.#options = { sample, timeoutMs, atOnce };
  }

  /** Compares what was served, or not: by lot. Returns at once. */
  offer(from: Address, keys: readonly string[], pair: Pair): void {
    if (keys.length === 0 || Math.random() >= this.#options.sample) return;
    if (this.#running.size >= this.#options.atOnce || performance.now() < this.#openUntil) {
      this.#counts.compared("dropped");
      return;
    }
    const running = this.#compare(from, keys, pair).finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  /** Resolves when no comparison is under way. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  async #compare(from: Address, keys: readonly string[], pair: Pair): Promise<void> {
    try {
      let unequal = keys;
      for (let look = 0; look < LOOKS && unequal.length > 0; look++) {
        if (look > 0) await sleep(FIRST_LOOK_MS * 2 ** (look - 1));
        const left = await this.#differing(from, unequal, pair);
        for (let n = left.length; n < unequal.length; n++) this.#counts.compared("equal");
        unequal = left;
      }
      this.#failures = 0;
      await this.#judge(from, unequal, pair);
    } catch {
      this.#counts.compared("unknown");
      if (++this.#failures >= FAILURES) this.#openUntil = performance.now() + OPEN_MS;
    }
  }

  async #differing(from: Address, keys: readonly string[], pair: Pair): Promise<string[]> {
    const [served, other] = await within(
      this.#options.timeoutMs,
      Promise.all([pair.served.read(from, keys), pair.other.read(from, keys)]),
    );
    return keys.filter((_, index) => digestOf(served[index]) !== digestOf(other[index]));
  }

  /** Records that still differ after the last look. */
  async #judge(from: Address, keys: readonly string[], pair: Pair): Promise<void> {
    for (const key of keys) {
      const waiting = await pair.outbox.pending(10_000);
      const isWaiting = waiting.some(
        (one) => one.key === key && one.collection === from.collection,
      );
      const [served] = await pair.served.read(from, [key]);
      const [other] = await pair.other.read(from, [key]);
      if (digestOf(served) === digestOf(other)) this.#counts.compared("equal");
      else if (isWaiting) this.#counts.compared("busy");
      else {
        this.#counts.compared("mismatched");
        this.mismatches.push({
          collection: from.collection,
          key,
          served: digestOf(served),
          other: digestOf(other),
        });
        this.mismatches.splice(0, this.mismatches.length - KEPT_MISMATCHES);
      }
    }
  }
}

function digestOf(stored: Stored | undefined): string | null {
  return stored?.state === "present" ? digestHex(stored.digest) : null;
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** What ends late is let go: its result, and its failure. */
async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("late")), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
    work.catch(() => {});
  }
}
