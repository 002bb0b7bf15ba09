/**
 * Transactions over any driver, without locks: what is read is remembered with its revision, what is written is
 * gathered, and one commit stores all of it on condition that every revision still stands. (Optimistic concurrency
 * control after Kung and Robinson, 1981, validated by the store in the commit itself.)
 */
import type { CollectionType } from "../collection/define.ts";
import { encodeKey, type Key } from "../collection/key.ts";
import type { Revision } from "../collection/revision.ts";
import { OutgrowError } from "../errors.ts";
import type { Driver, Expectation, RecordWrite } from "./driver.ts";
import { deletion, present, refuseConflicts } from "./writes.ts";

/** Records within a transaction: its own writes are seen by its reads. */
export interface TransactionCollection<In, Out> {
  get(key: Key): Promise<Out | undefined>;
  /** @throws {OutgrowError} RECORD_INVALID, KEY_INVALID */
  put(record: In): Promise<Out>;
  /** Whether there was something to delete. */
  delete(key: Key): Promise<boolean>;
}

export interface Transaction {
  collection<In, Out>(type: CollectionType<In, Out>): TransactionCollection<In, Out>;
}

const ATTEMPTS = 50;
const FIRST_DELAY_MS = 2;
const LONGEST_DELAY_MS = 200;

type Unissued = Omit<RecordWrite, "revision">;

/** One attempt: what it read and what it means to write, by collection and key. */
class Attempt implements Transaction {
  readonly #driver: Driver;
  readonly #tenant: string;
  readonly #read = new Map<string, Expectation>();
  readonly #writes = new Map<string, Map<string, Unissued>>();

  constructor(driver: Driver, tenant: string) {
    this.#driver = driver;
    this.#tenant = tenant;
  }

  collection<In, Out>(type: CollectionType<In, Out>): TransactionCollection<In, Out> {
    const get = async (key: string): Promise<Out | undefined> => {
      const own = this.#writes.get(type.name)?.get(key);
      if (own !== undefined) return own.state === "present" ? (own.value as Out) : undefined;
      const at = { tenant: this.#tenant, collection: type.name };
      const [found] = await this.#driver.read(at, [key]);
      const there = found?.state === "present" ? found : undefined;
      const id = JSON.stringify([type.name, key]);
      const seen = { collection: type.name, key, revision: there?.revision ?? null };
      const before = this.#read.get(id);
      // Read twice with different results: what this attempt decided upon is no state there ever was.
      if (before !== undefined && before.revision !== seen.revision) {
        throw new OutgrowError("WRITE_CONFLICT", { collection: type.name, key });
      }
      this.#read.set(id, seen);
      return there?.value as Out | undefined;
    };
    return {
      get: (key) => get(encodeKey(key)),
      put: async (record) => {
        const parsed = await type.parse(record);
        const key = type.keyOf(parsed);
        this.#write(type.name, present(key, parsed));
        return parsed;
      },
      delete: async (key) => {
        const there = (await get(encodeKey(key))) !== undefined;
        if (there) this.#write(type.name, deletion(encodeKey(key)));
        return there;
      },
    };
  }

  #write(collection: string, record: Unissued): void {
    const records = this.#writes.get(collection) ?? new Map<string, Unissued>();
    this.#writes.set(collection, records.set(record.key, record));
  }

  /** What was only read needs no commit: each read was of a state that stood at that time. */
  async commit(): Promise<void> {
    const records = [...this.#writes.values()].flatMap((keys) => [...keys.values()]);
    if (records.length === 0) return;
    const revisions = (await this.#driver.issue(records.length)) as Revision[];
    const issued = new Map(records.map((record, index) => [record, revisions[index] as Revision]));
    const writes = [...this.#writes].map(([collection, keys]) => ({
      collection,
      records: [...keys.values()].map((record): RecordWrite => {
        return { ...record, revision: issued.get(record) as Revision };
      }),
    }));
    const expects = [...this.#read.values()];
    // A key that was written without being read may be stale: then this came just before that other write.
    refuseConflicts(await this.#driver.commit({ tenant: this.#tenant, writes, expects }));
  }
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Runs work until its commit meets what it read. @throws {OutgrowError} WRITE_CONFLICT after fifty attempts. */
export async function inTransaction<T>(
  driver: Driver,
  tenant: string,
  work: (transaction: Transaction) => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      const transaction = new Attempt(driver, tenant);
      const result = await work(transaction);
      await transaction.commit();
      return result;
    } catch (error) {
      if (!OutgrowError.is(error, "WRITE_CONFLICT") || attempt >= ATTEMPTS) throw error;
      await sleep(Math.random() * Math.min(FIRST_DELAY_MS * 2 ** attempt, LONGEST_DELAY_MS));
    }
  }
}
