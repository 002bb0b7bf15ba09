/**
 * Delivers what waits in one side's outbox to the other side, in either direction.
 *
 * What waits are keys: each is read when it is delivered, and stored under the revision that it has by then. So it
 * does not matter how often a delivery is tried, how many processes deliver at once, or how late one of them wakes:
 * the higher revision stays (D1).
 */
import { OutgrowError } from "../errors.ts";
import type { Commit, Driver, RecordWrite, Stored } from "../store/driver.ts";
import type { OutboxEntry, Side } from "../store/side.ts";

export interface Refused {
  readonly collection: string;
  readonly key: string;
  readonly code: string;
}

export interface Delivery {
  readonly delivered: number;
  /** They stay in the outbox. */
  readonly refused: readonly Refused[];
}

const BATCH = 500;

/** Delivers the longest waiting keys, once. @throws {OutgrowError} when a side cannot be reached. */
export async function deliver(from: Side, to: Pick<Side, "driver">): Promise<Delivery> {
  const entries = await from.outbox.pending(BATCH);
  const delivered: OutboxEntry[] = [];
  const refused: Refused[] = [];
  for (const [tenant, own] of byTenant(entries)) {
    const writes = await currentOf(from.driver, tenant, own);
    const commit = { tenant, writes: inOrder(writes, to.driver) };
    const result = await commitAll(to.driver, commit);
    const failed = new Set(result.map(({ collection, key }) => JSON.stringify([collection, key])));
    refused.push(...result);
    delivered.push(
      ...own.filter((entry) => !failed.has(JSON.stringify([entry.collection, entry.key]))),
    );
  }
  await from.outbox.settle(delivered);
  return { delivered: delivered.length, refused };
}

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
    const keys = entries.filter((entry) => entry.collection === collection).map(({ key }) => key);
    const found = await driver.read({ tenant, collection }, keys);
    writes.set(
      collection,
      found.filter((stored): stored is Stored => stored !== undefined),
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

/** All at once; where some record is refused, one by one, so that it holds nobody else up. */
async function commitAll(driver: Driver, commit: Commit): Promise<Refused[]> {
  if (commit.writes.every(({ records }) => records.length === 0)) return [];
  try {
    await driver.commit(commit);
    return [];
  } catch (error) {
    if (!OutgrowError.is(error, "RECORD_REFUSED")) throw error;
  }
  const refused: Refused[] = [];
  for (const { collection, records } of commit.writes) {
    for (const record of records) {
      try {
        await driver.commit({ ...commit, writes: [{ collection, records: [record] }] });
      } catch (error) {
        if (!OutgrowError.is(error, "RECORD_REFUSED")) throw error;
        refused.push({ collection, key: record.key, code: error.sqlState ?? error.code });
      }
    }
  }
  return refused;
}

const IDLE_MS = 200;
const LONGEST_MS = 5000;

/** Delivers in the background of a process: when it is asked to, and now and then for what others left behind. */
export class Mirror {
  refused: readonly Refused[] = [];
  readonly #sides: () => Promise<{ readonly from: Side; readonly to: Side } | undefined>;
  #wake: (() => void) | undefined;
  #asked = false;
  #stopped = false;
  #work: Promise<void> | undefined;

  /** @param sides whom the stage in force delivers from and to; `undefined` when to nobody. */
  constructor(sides: () => Promise<{ readonly from: Side; readonly to: Side } | undefined>) {
    this.#sides = sides;
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
      try {
        const sides = await this.#sides();
        if (sides !== undefined) {
          const { delivered, refused } = await deliver(sides.from, sides.to);
          this.refused = refused;
          more = delivered >= BATCH;
        }
        failures = 0;
      } catch {
        // S4: nobody's write waits for this. The outbox keeps the keys, and gates keep closed while it has some.
        failures++;
      }
      if (!more) await this.#pause(Math.min(IDLE_MS * 2 ** failures, LONGEST_MS), failures > 0);
    }
  }

  async #pause(ms: number, whole: boolean): Promise<void> {
    if (this.#stopped || (this.#asked && !whole)) return;
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
