/**
 * Delivers what waits in one side's outbox to the other side, in either direction.
 *
 * What waits are keys: each is read when it is delivered, and stored under the revision that it has by then. So it
 * does not matter how often a delivery is tried, how many processes deliver at once, or how late one of them wakes:
 * the higher revision stays (D1). A delivery carries the epoch as a write does: one that slept until the target had
 * been emptied for another journey would outrank the new copy there with an old record.
 */
import { OutgrowError } from "../errors.ts";
import type { Commit, Driver, RecordWrite } from "../store/driver.ts";
import type { OutboxEntry, Side } from "../store/side.ts";
import { deletion } from "../store/writes.ts";

export interface Refused {
  readonly collection: string;
  readonly key: string;
  readonly code: string;
}

/** An entry that the other side did not take, with the code why. It stays in the outbox. */
export interface RefusedEntry {
  readonly entry: OutboxEntry;
  readonly code: string;
}

export interface Delivery {
  readonly delivered: number;
  readonly refused: readonly RefusedEntry[];
  /** Whether all that waits was looked at. */
  readonly isAll: boolean;
}

/** Entries to be left for later, and how many they are at the most. */
interface Later {
  readonly most: number;
  readonly has: (entry: OutboxEntry) => boolean;
}

const BATCH = 500;

/**
 * Delivers the longest waiting keys, once.
 * @param epoch of the stage by which this is delivered: a mirror that slept through a change delivers nothing.
 * @throws {OutgrowError} when a side cannot be reached; FENCED when the stage has changed.
 */
export async function deliver(
  from: Side,
  to: Pick<Side, "driver">,
  epoch: number,
  later?: Later,
): Promise<Delivery> {
  // Those that are left for later wait the longest: they are asked for on top.
  const limit = BATCH + (later?.most ?? 0);
  const waiting = await from.outbox.pending(limit);
  const entries = waiting.filter((entry) => later?.has(entry) !== true);
  const delivered: OutboxEntry[] = [];
  const refused: RefusedEntry[] = [];
  for (const [tenant, own] of byTenant(entries)) {
    const current = flat(inOrder(await currentOf(from.driver, tenant, own), to.driver));
    const codes = await commitAll(to.driver, { tenant, writes: [], epoch }, current);
    for (const { collection, record } of current) {
      // What was written again in between has been delivered with that; what is noted before it is written, not yet.
      const { key, revision } = record;
      const entry = { tenant, collection, key, revision };
      const code = codes.get(idOf(entry));
      if (code === undefined) delivered.push(entry);
      else refused.push({ entry, code });
    }
  }
  await from.outbox.settle(delivered);
  return { delivered: delivered.length, refused, isAll: waiting.length < limit };
}

const idOf = ({ collection, key }: Pick<OutboxEntry, "collection" | "key">): string =>
  JSON.stringify([collection, key]);

function byTenant(entries: readonly OutboxEntry[]): Map<string, OutboxEntry[]> {
  const tenants = new Map<string, OutboxEntry[]>();
  for (const entry of entries) {
    const own = tenants.get(entry.tenant) ?? [];
    tenants.set(entry.tenant, own);
    own.push(entry);
  }
  return tenants;
}

async function currentOf(
  driver: Driver,
  tenant: string,
  entries: readonly OutboxEntry[],
): Promise<Map<string, RecordWrite[]>> {
  const writes = new Map<string, RecordWrite[]>();
  for (const collection of new Set(entries.map((entry) => entry.collection))) {
    const own = entries.filter((entry) => entry.collection === collection);
    const keys = own.map(({ key }) => key);
    const found = await driver.read({ tenant, collection }, keys);
    // What has gone without a trace is gone.
    writes.set(
      collection,
      own.map(({ key, revision }, index) => found[index] ?? { ...deletion(key), revision }),
    );
  }
  return writes;
}

/** Records that others refer to come first, as the layouts have them; what goes, goes in one commit with them. */
function inOrder(
  writes: ReadonlyMap<string, readonly RecordWrite[]>,
  to: Driver,
): Commit["writes"] {
  const order = to.layouts.map(({ collection }) => collection);
  const rank = (collection: string): number => {
    const index = order.indexOf(collection);
    return index < 0 ? order.length : index;
  };
  return [...writes]
    .map(([collection, records]) => ({ collection, records }))
    .sort((a, b) => rank(a.collection) - rank(b.collection));
}

interface One {
  readonly collection: string;
  readonly record: RecordWrite;
}

function flat(writes: Commit["writes"]): One[] {
  return writes.flatMap(({ collection, records }) =>
    records.map((record) => ({ collection, record })),
  );
}

/** All at once; where some are refused, by halves, so that they hold nobody else up. @returns codes by `idOf` */
async function commitAll(
  driver: Driver,
  commit: Commit,
  all: readonly One[],
): Promise<Map<string, string>> {
  if (all.length === 0) return new Map();
  try {
    await driver.commit({ ...commit, writes: grouped(all) });
    return new Map();
  } catch (error) {
    if (!isOfRecords(error)) throw error;
    const [first] = all as [One];
    if (all.length === 1) {
      const code = OutgrowError.is(error) ? (error.sqlState ?? error.code) : "INTERNAL";
      return new Map([[idOf({ collection: first.collection, key: first.record.key }), code]]);
    }
  }
  const middle = Math.ceil(all.length / 2);
  const codes = await commitAll(driver, commit, all.slice(0, middle));
  for (const [id, code] of await commitAll(driver, commit, all.slice(middle))) codes.set(id, code);
  return codes;
}

function grouped(all: readonly One[]): Commit["writes"] {
  const groups = new Map<string, RecordWrite[]>();
  for (const { collection, record } of all) {
    const records = groups.get(collection) ?? [];
    groups.set(collection, records);
    records.push(record);
  }
  return [...groups].map(([collection, records]) => ({ collection, records }));
}

/** Whether another record could have fared better: the store answers, and the stage is the same. */
function isOfRecords(error: unknown): boolean {
  if (!OutgrowError.is(error)) return true;
  return !error.retry && error.code !== "TARGET_FULL" && error.code !== "STORE_CLOSED";
}

const fullIdOf = ({ tenant, collection, key }: OutboxEntry): string =>
  JSON.stringify([tenant, collection, key]);

const IDLE_MS = 200;
const LONGEST_MS = 5000;
/** Times as long as a delivery took, the mirror rests: a file is written as a whole, and the app waits meanwhile. */
const REST = 3;
const LONGEST_REST_MS = 1000;

/** Whom the stage in force delivers from and to. */
export interface Direction {
  readonly from: Side;
  readonly to: Side;
  readonly epoch: number;
}

interface Held extends RefusedEntry {
  /** When it is tried again. */
  readonly again: number;
}

/** Delivers in the background of a process: when it is asked to, and now and then for what others left behind. */
export class Mirror {
  readonly #direction: () => Promise<Direction | undefined>;
  /** What was refused, by tenant, collection and key. */
  readonly #held = new Map<string, Held>();
  #epoch: number | undefined;
  #wake: (() => void) | undefined;
  #asked = false;
  #stopped = false;
  #work: Promise<void> | undefined;

  /** @param direction `undefined` when nothing is delivered to anybody. */
  constructor(direction: () => Promise<Direction | undefined>) {
    this.#direction = direction;
  }

  get refused(): readonly Refused[] {
    return [...this.#held.values()].map(({ entry: { collection, key }, code }) => {
      return { collection, key, code };
    });
  }

  start(): void {
    this.#work ??= this.#run();
  }

  /** There is something to deliver. Returns at once. */
  wake(): void {
    this.#asked = true;
    this.#wake?.();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#wake?.();
    await this.#work;
  }

  async #run(): Promise<void> {
    let failures = 0;
    while (!this.#stopped) {
      this.#asked = false;
      let more = false;
      let rest = 0;
      try {
        const direction = await this.#direction();
        if (direction?.epoch !== this.#epoch) this.#held.clear();
        this.#epoch = direction?.epoch;
        if (direction !== undefined) {
          const startedAt = performance.now();
          const delivered = await this.#deliver(direction);
          more = delivered >= BATCH;
          if (delivered > 0) rest = REST * (performance.now() - startedAt);
        }
        failures = 0;
      } catch (error) {
        // S4: nobody's write waits for this. The outbox keeps the keys, and gates keep closed while it has some.
        if (!OutgrowError.is(error, "FENCED")) failures++;
      }
      if (more) continue;
      await this.#pause(Math.min(rest, LONGEST_REST_MS), true);
      await this.#pause(Math.min(IDLE_MS * 2 ** failures, LONGEST_MS), failures > 0);
    }
  }

  async #deliver({ from, to, epoch }: Direction): Promise<number> {
    const now = performance.now();
    const seen = new Set<string>();
    const left = new Set<string>();
    const has = (entry: OutboxEntry): boolean => {
      const id = fullIdOf(entry);
      seen.add(id);
      const held = this.#held.get(id);
      // Written again, it may be taken.
      if (held === undefined || held.entry.revision !== entry.revision) return false;
      if (now < held.again) left.add(id);
      return now < held.again;
    };
    const later = { most: this.#held.size, has };
    const { delivered, refused, isAll } = await deliver(from, to, epoch, later);
    for (const id of this.#held.keys()) {
      if (!left.has(id) && (isAll || seen.has(id))) this.#held.delete(id);
    }
    for (const one of refused) {
      this.#held.set(fullIdOf(one.entry), { ...one, again: now + LONGEST_MS });
    }
    return delivered;
  }

  async #pause(ms: number, whole: boolean): Promise<void> {
    if (this.#stopped || ms === 0 || (this.#asked && !whole)) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        if (whole && !this.#stopped) return;
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = undefined;
  }
}
