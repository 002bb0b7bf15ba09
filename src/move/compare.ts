/**
 * Shadow comparison: a sample of reads is asked of the other side too, behind the app's back, and compared by digest.
 * The app never waits for it, and never hears of its failures. What is being written meanwhile is looked at again:
 * only records that have come to rest and differ are mismatches.
 */
import type { Address } from "../collection/change.ts";
import { digestHex } from "../collection/digest-sum.ts";
import { OutgrowError } from "../errors.ts";
import type { Driver, Stored } from "../store/driver.ts";
import type { Outbox } from "../store/side.ts";
import type { Counts } from "./counts.ts";
import type { SideName } from "./stages.ts";
import type { Mismatch } from "./state.ts";
import { LATE, within } from "./within.ts";

export interface CompareOptions {
  /** Share of reads that are compared, 0 to 1. Default 0.1. */
  readonly sample?: number | undefined;
  /** Milliseconds until the other side's answer counts as unknown. Default 2000. */
  readonly timeoutMs?: number | undefined;
  /** Comparisons at a time; more are dropped and counted. Default 4. */
  readonly atOnce?: number | undefined;
}

export interface Pair {
  /** The authority's: no stage serves reads from anywhere else. */
  readonly served: Driver;
  readonly other: Driver;
  readonly otherName: SideName;
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
  offer(from: Address, keys: readonly string[], pairOf: () => Promise<Pair>): void {
    if (keys.length === 0 || Math.random() >= this.#options.sample) return;
    if (this.#running.size >= this.#options.atOnce || performance.now() < this.#openUntil) {
      this.#counts.compared("dropped");
      return;
    }
    const running = this.#compare(from, keys, pairOf).finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  /** Resolves when no comparison is under way. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  async #compare(
    from: Address,
    keys: readonly string[],
    pairOf: () => Promise<Pair>,
  ): Promise<void> {
    let pair: Pair | undefined;
    let left = keys;
    try {
      pair = await this.#within(pairOf());
      left = await this.#quickly(from, keys, pair);
      this.#failures = 0;
      if (left.length > 0) await this.#settle(from, left, pair);
    } catch (error) {
      // What one side cannot say of a record that the other has served is a difference.
      if (pair === undefined || isPassing(error)) this.#unknown();
      else for (const key of left) await this.#alone(from, key, pair);
    }
  }

  /** The keys that differ at first sight: most often none. */
  async #quickly(from: Address, keys: readonly string[], pair: Pair): Promise<readonly string[]> {
    const asked = () =>
      this.#counts.timed(pair.otherName, "reads", () => pair.other.read(from, keys));
    const [served, other] = await this.#within(
      Promise.all([pair.served.read(from, keys), asked()]),
    );
    const left = keys.filter((_, index) => digestOf(served[index]) !== digestOf(other[index]));
    for (let n = left.length; n < keys.length; n++) this.#counts.compared("equal");
    return left;
  }

  /** Looks again, and again, until nothing differs or it is known why. */
  async #settle(from: Address, keys: readonly string[], pair: Pair): Promise<void> {
    let unequal: readonly Look[] = [];
    let asked = keys;
    for (let look = 0; look < LOOKS && asked.length > 0; look++) {
      await sleep(FIRST_LOOK_MS * 2 ** look);
      unequal = (await this.#within(lookAt(from, asked, pair))).filter(isUnequal);
      asked = unequal.map(({ key }) => key);
    }
    for (let n = unequal.length; n < keys.length; n++) this.#counts.compared("equal");
    for (const look of unequal) this.#unequal(from, look);
  }

  async #alone(from: Address, key: string, pair: Pair): Promise<void> {
    try {
      const [look] = await this.#within(lookAt(from, [key], pair));
      if (look === undefined || !isUnequal(look)) this.#counts.compared("equal");
      else this.#unequal(from, look);
    } catch (error) {
      if (isPassing(error)) this.#unknown();
      else {
        const failed = OutgrowError.is(error) ? error.code : "INTERNAL";
        this.#unequal(from, { key, verdict: "different", failed });
      }
    }
  }

  #unequal({ collection }: Address, look: Look): void {
    const { key, verdict, served = null, other = null, failed } = look;
    this.#counts.compared(verdict === "moving" ? "busy" : "mismatched");
    if (verdict === "moving") return;
    this.mismatches.push({ collection, key, served, other, ...(failed && { failed }) });
    this.mismatches.splice(0, this.mismatches.length - KEPT_MISMATCHES);
  }

  #unknown(): void {
    this.#counts.compared("unknown");
    if (++this.#failures >= FAILURES) this.#openUntil = performance.now() + OPEN_MS;
  }

  #within<T>(work: Promise<T>): Promise<T> {
    return within(this.#options.timeoutMs, work);
  }
}

/** What one careful look found of a key. */
interface Look {
  readonly key: string;
  readonly verdict: "equal" | "moving" | "different";
  readonly served?: string | null;
  readonly other?: string | null;
  /** The code with which a side could not say what it holds. */
  readonly failed?: string;
}

const isUnequal = ({ verdict }: Look): boolean => verdict !== "equal";

/** More may wait than this: then any key may be among them. */
const MOST_WAITING = 10_000;

/**
 * A key differs only if the authority held one revision of it throughout, and that had been delivered before the
 * other side was asked: what is settled in the outbox has arrived.
 */
async function lookAt(from: Address, keys: readonly string[], pair: Pair): Promise<Look[]> {
  const before = await pair.served.read(from, keys);
  const waiting = await pair.outbox.pending(MOST_WAITING);
  const other = await pair.other.read(from, keys);
  const after = await pair.served.read(from, keys);
  const waits = new Set(
    waiting
      .filter((one) => one.tenant === from.tenant && one.collection === from.collection)
      .map(({ key }) => key),
  );
  return keys.map((key, index): Look => {
    const [ours, theirs] = [digestOf(after[index]), digestOf(other[index])];
    if (ours === theirs) return { key, verdict: "equal" };
    const moves =
      waiting.length >= MOST_WAITING ||
      waits.has(key) ||
      before[index]?.revision !== after[index]?.revision;
    return { key, verdict: moves ? "moving" : "different", served: ours, other: theirs };
  });
}

/** It may be otherwise the next time: nothing is known of the record. */
function isPassing(error: unknown): boolean {
  return error === LATE || (OutgrowError.is(error) && error.retry);
}

function digestOf(stored: Stored | undefined): string | null {
  return stored?.state === "present" ? digestHex(stored.digest) : null;
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
