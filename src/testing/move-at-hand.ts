/** A move under test, and what cases do with its collections. */
import { canonicalText, digestText } from "../collection/canonical.ts";
import type { Address } from "../collection/change.ts";
import { digestHex } from "../collection/digest-sum.ts";
import { dumpRevision } from "../collection/revision.ts";
import type { Value } from "../collection/value.ts";
import type {
  Commit,
  CommitReport,
  Driver,
  LedgerWrite,
  RecordWrite,
  ScanOptions,
  Stored,
  Target,
} from "../store/driver.ts";
import type {
  CollectionCounts,
  Lease,
  Ledger,
  Move,
  Quarantined,
  Settlement,
} from "../store/ledger.ts";
import { check, codeOf, same } from "./assert.ts";
import type { Bench } from "./bench.ts";
import { heldText, record } from "./records.ts";

/** Whose records lie beside, where the suite runs through a tenant. They are never to change. */
const NEIGHBOURS = ["neighbour", "default"];
const PLANTED = ["a", "b", "c", "d", "e", "f", "k0", "k1", "k2"];

export class MoveAtHand {
  readonly bench: Bench;
  readonly name: string;
  readonly made: Move;
  readonly driver: Driver;
  readonly #hasNeighbours: boolean;
  readonly #target: Target | undefined;
  /** By tenant, the name of the move that has its records. */
  readonly #homes: Map<string, string>;

  /** @param target the handle to look through. Default: the one that the cases share. */
  constructor(
    bench: Bench,
    made: Move,
    driver: Driver,
    hasNeighbours: boolean,
    target?: Target,
    homes: Map<string, string> = new Map(),
  ) {
    this.bench = bench;
    this.#target = target;
    this.#homes = homes;
    this.name = made.name;
    this.made = made;
    this.driver = driver;
    this.#hasNeighbours = hasNeighbours;
  }

  /** The same move through another handle. */
  through(target: Target, driver: Driver): MoveAtHand {
    return new MoveAtHand(this.bench, this.made, driver, this.#hasNeighbours, target, this.#homes);
  }

  /** The driver through the handle that is open now. */
  async reopened(): Promise<MoveAtHand> {
    const target = await this.bench.target();
    return this.through(target, await target.open(this.name));
  }

  /**
   * The driver that has a tenant's records in this place: the move's own, or, in a store whose moves are of one tenant
   * each, that of a move which this tenant has in the same schema, with the same collections.
   */
  async of(tenant: string): Promise<Driver> {
    let home = this.#homes.get(tenant);
    if (home === undefined) {
      home = (await this.#takes(tenant)) ? this.name : await this.bench.sibling(this.made, tenant);
      this.#homes.set(tenant, home);
    }
    if (home === this.name) return this.driver;
    return (this.#target ?? (await this.bench.target())).open(home);
  }

  async #takes(tenant: string): Promise<boolean> {
    if (tenant === this.made.tenant) return true;
    const writes = this.made.collections.map(({ name }) => ({ collection: name, records: [] }));
    try {
      await this.driver.commit({ tenant, writes, probe: true });
      return true;
    } catch (error) {
      if (codeOf(error) !== "UNSUPPORTED") throw error;
      return false;
    }
  }

  /** Through a handle of its own, unless nobody but the handle that made the move can see it. */
  async beside<T>(work: (target: Target) => Promise<T>): Promise<T> {
    return this.driver.can.durable ? this.bench.through(work) : work(await this.bench.target());
  }

  async ledger(): Promise<Ledger> {
    return (this.#target ?? (await this.bench.target())).ledger;
  }

  /** Does something as a mover does: under a lease that it takes, and gives back. */
  async asMover<T>(work: (lease: Lease) => Promise<T>): Promise<T> {
    const ledger = await this.ledger();
    const lease = await ledger.acquire(this.name);
    try {
      return await work(lease);
    } finally {
      await ledger.release(lease);
    }
  }

  settle(): Promise<Settlement> {
    return this.asMover(async (lease) => (await this.ledger()).settle(this.name, lease));
  }

  prune(): Promise<number> {
    return this.asMover(async (lease) => (await this.ledger()).prune(this.name, lease));
  }

  at(collection: string = this.made.collections[0]?.name ?? ""): Address {
    return { tenant: this.bench.tenant, collection };
  }

  /** Commits as the copy loop does, with the counts that belong to it. */
  put(records: readonly RecordWrite[], ledger: LedgerWrite = {}): Promise<CommitReport> {
    const { collection } = this.at();
    const aside = (ledger.quarantine ?? []).length + (ledger.duplicates?.[collection] ?? 0);
    return this.commit(records, {
      ledger: { read: { [collection]: records.length + aside }, ...ledger },
    });
  }

  commit(records: readonly RecordWrite[], more: Partial<Commit> = {}): Promise<CommitReport> {
    const { tenant, collection } = this.at();
    return this.driver.commit({ tenant, writes: [{ collection, records }], ...more });
  }

  async scan(options?: ScanOptions, from = this.at()): Promise<Stored[]> {
    const found: Stored[] = [];
    for await (const batch of this.driver.scan(from, options)) found.push(...batch);
    return found;
  }

  /** What the app's own tables say: canonical text by key. */
  async rows(from = this.at()): Promise<Record<string, string>> {
    const found = new Map<string, string>();
    for await (const batch of this.driver.rebuild(from)) {
      for (const { key, value } of batch) {
        check(!found.has(key), `rebuild gives the key ${JSON.stringify(key)} twice`);
        found.set(key, canonicalText(value));
      }
    }
    await this.#tellsDigests(from, found);
    return Object.fromEntries([...found].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  /** A store that tells digests tells those of what it rebuilds, each once. */
  async #tellsDigests(from: Address, rebuilt: ReadonlyMap<string, string>): Promise<void> {
    const told = new Map<string, string>();
    await this.driver.digests?.(from, (key, found) => {
      check(!told.has(key), `digests tells of the key ${JSON.stringify(key)} twice`);
      told.set(key, digestHex(found));
    });
    if (this.driver.digests === undefined) return;
    const wanted = [...rebuilt].map(([key, text]) => [key, digestHex(digestText(text))] as const);
    same(new Map([...told].sort()), new Map([...wanted].sort()), "digests of what is rebuilt");
  }

  /** Rebuild, scan and count all say that these records, and no others, are there. */
  async holds(records: Readonly<Record<string, Value>>, what: string): Promise<void> {
    const expected = Object.entries(records).map(
      ([key, value]) => [`s${key}`, canonicalText(value)] as const,
    );
    same(await this.rows(), Object.fromEntries(expected), `${what}: rebuild`);
    const scanned = (await this.scan()).map(({ key, value }) => [key, canonicalText(value)]);
    same(
      new Map(scanned.sort() as [string, string][]),
      new Map([...expected].sort()),
      `${what}: scan`,
    );
    same(await this.driver.count(this.at()), expected.length, `${what}: count`);
  }

  async find(): Promise<Move> {
    const found = await (await this.ledger()).find(this.name);
    check(found !== undefined, "the move cannot be found");
    return found;
  }

  /** Of the first collection. They add up, and what is quarantined is listed. */
  async counts(): Promise<CollectionCounts> {
    const { collection } = this.at();
    const counts = (await this.find()).counts[collection];
    check(counts !== undefined, "the move has no counts of its collection");
    const { read, applied, duplicate, stale, quarantined } = counts;
    same(applied + duplicate + stale + quarantined, read, "law T1: the parts of what was read");
    const listed = (await this.quarantined()).filter((entry) => entry.collection === collection);
    same(listed.length, quarantined, "law T1: entries in quarantine");
    return counts;
  }

  async quarantined(filter?: {
    readonly state?: Quarantined["state"];
    readonly id?: number;
    readonly raw?: boolean;
  }): Promise<readonly Quarantined[]> {
    return (await this.ledger()).quarantined(this.name, filter);
  }

  /** All that there is to see of the move: equal texts before and after mean that nothing changed. */
  async everything(keys: readonly string[] = []): Promise<unknown> {
    const ledger = await this.ledger();
    const { updatedAt: _, leased: __, ...move } = await this.find();
    const collections = [];
    for (const { name } of move.collections) {
      const at = this.at(name);
      const read = await this.driver.read(at, keys);
      collections.push({
        rows: await this.rows(at),
        scan: (await this.scan({}, at)).map(heldText),
        read: read.map(heldText),
        count: await this.driver.count(at),
      });
    }
    return {
      move,
      collections,
      checkpoints: await ledger.checkpoints(this.name),
      quarantined: await this.quarantined(),
      spills: await ledger.spills(this.name),
    };
  }

  /** Other tenants' records under the keys that the cases use. */
  async plant(): Promise<void> {
    if (!this.#hasNeighbours) return;
    for (const tenant of NEIGHBOURS) {
      for (const { name } of this.made.collections) {
        const driver = await this.of(tenant);
        await driver.commit({ tenant, writes: [{ collection: name, records: planted(tenant) }] });
      }
    }
  }

  async checkNeighbours(): Promise<void> {
    const { bench } = this;
    if (!this.#hasNeighbours) return;
    const { ledger } = await bench.target();
    if ((await ledger.find(this.name)) === undefined) return;
    // A case may have closed the handle that it began with.
    const move = await this.reopened();
    for (const tenant of NEIGHBOURS) {
      const beside = await move.of(tenant);
      for (const { name } of this.made.collections) {
        const held: Stored[] = [];
        for await (const batch of beside.scan({ tenant, collection: name })) held.push(...batch);
        same(held.map(heldText), planted(tenant).map(heldText), "law D4: a neighbour's records");
      }
    }
  }
}

function planted(tenant: string): RecordWrite[] {
  // One revision would win over nearly all of a case's, the other is what its first run writes.
  const options = { revision: dumpRevision(tenant === "default" ? 1 : 99), position: 1 };
  return PLANTED.map((key) => record(key, { title: `${tenant}'s`, count: 7 }, options));
}
