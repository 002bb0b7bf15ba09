/** The typed face: what application code holds. Written once, over any driver. */
import type { CollectionType } from "../collection/define.ts";
import { encodeKey, type Key } from "../collection/key.ts";
import type { CommitReport, Driver, RecordWrite, Stored, Target } from "./driver.ts";
import { planQuery, type Query, type QueryResult } from "./query.ts";
import { inTransaction, type Transaction } from "./transaction.ts";
import { deletion, present, refuseConflicts } from "./writes.ts";

/** A collection of one tenant. Records go through its schema on their way in. */
export interface Collection<In, Out> {
  get(key: Key): Promise<Out | undefined>;
  /** One answer per key, in the order asked. */
  getMany(keys: readonly Key[]): Promise<(Out | undefined)[]>;
  /** @throws {OutgrowError} RECORD_INVALID, KEY_INVALID, KEY_TYPE; KEY_TAKEN by a row that is not this move's */
  put(record: In): Promise<Out>;
  putMany(records: readonly In[]): Promise<readonly Out[]>;
  /** Replaces some properties of a record that is there; `undefined` when it is not. */
  patch(key: Key, change: Partial<In>): Promise<Out | undefined>;
  /** Whether there was something to delete. */
  delete(key: Key): Promise<boolean>;
  count(): Promise<number>;
  /**
   * Records by the collection's indexes, a page at a time.
   * @throws {OutgrowError} QUERY_INDEX, QUERY_INVALID, QUERY_CURSOR
   */
  query(query?: Query<Out>): Promise<QueryResult<Out>>;
  /** All records by ascending key, in batches. */
  batches(options?: {
    readonly size?: number;
    readonly signal?: AbortSignal;
  }): AsyncIterable<readonly Out[]>;
}

/** The collections of a store, for one tenant. */
export interface Store {
  readonly tenant: string;
  collection<In, Out>(type: CollectionType<In, Out>): Collection<In, Out>;
  /**
   * Reads and writes as one: what `work` wrote is stored only if nothing that it read has changed meanwhile, and all
   * of it together. Otherwise `work` runs again, so it must do nothing else that cannot be done twice.
   * @throws {OutgrowError} WRITE_CONFLICT when that went on for too long; what `work` throws: nothing is stored then.
   */
  transaction<T>(work: (transaction: Transaction) => Promise<T>): Promise<T>;
}

/**
 * Opens a move's collections for application code.
 *
 * @throws {OutgrowError} MOVE_UNKNOWN
 */
export async function openStore(
  target: Target,
  options: { readonly move: string; readonly tenant?: string },
): Promise<Store> {
  return storeOver(await target.open(options.move), options.tenant);
}

/** The typed face of any driver. */
export function storeOver(driver: Driver, tenant = "default"): Store {
  return {
    tenant,
    collection: (type) => face(driver, tenant, type),
    transaction: (work) => inTransaction(driver, tenant, work),
  };
}

function face<In, Out>(
  driver: Driver,
  tenant: string,
  type: CollectionType<In, Out>,
): Collection<In, Out> {
  const at = { tenant, collection: type.name };
  const valueIn = (stored: Stored | undefined): Out | undefined =>
    stored?.state === "present" ? (stored.value as Out) : undefined;
  const write = async (
    records: readonly Omit<RecordWrite, "revision">[],
  ): Promise<CommitReport> => {
    const revisions = await driver.issue(records.length);
    const issued = records.map((record, index) => ({
      ...record,
      revision: revisions[index] as RecordWrite["revision"],
    }));
    const report = await driver.commit({
      tenant,
      writes: [{ collection: type.name, records: issued }],
    });
    refuseConflicts(report);
    return report;
  };
  const self: Collection<In, Out> = {
    async get(key) {
      return (await self.getMany([key]))[0];
    },
    async getMany(keys) {
      const found = await driver.read(at, keys.map(encodeKey));
      return found.map(valueIn);
    },
    async put(record) {
      return (await self.putMany([record]))[0] as Out;
    },
    async putMany(records) {
      const parsed = await Promise.all(records.map((record) => type.parse(record)));
      // Of several records with one key the last is meant.
      const byKey = new Map(parsed.map((record) => [type.keyOf(record), record]));
      await write([...byKey].map(([key, record]) => present(key, record)));
      return parsed;
    },
    patch: (key, change) =>
      inTransaction(driver, tenant, async (transaction) => {
        const records = transaction.collection(type);
        const found = await records.get(key);
        if (found === undefined) return undefined;
        return records.put({ ...found, ...change } as unknown as In);
      }),
    async delete(key) {
      const [found] = await driver.read(at, [encodeKey(key)]);
      if (found?.state !== "present") return false;
      await write([deletion(encodeKey(key))]);
      return true;
    },
    count: () => driver.count(at),
    async query(query) {
      const { records, next } = await driver.query(at, planQuery<Out>(type, query));
      return { records: records.map(({ value }) => value as Out), next };
    },
    async *batches(options) {
      for await (const batch of driver.scan(at, options)) {
        yield batch.map((stored) => stored.value as Out);
      }
    },
  };
  return self;
}
