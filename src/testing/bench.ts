/** What a case works with: handles of the store under test, and moves made in it, each with neighbours beside it. */

import { canonicalText } from "../collection/canonical.ts";
import type { Address } from "../collection/change.ts";
import { dumpRevision } from "../collection/revision.ts";
import type { Value } from "../collection/value.ts";
import type { Layout } from "../layout/layout.ts";
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
import type { CollectionCounts, Ledger, Move, NewMove, Quarantined } from "../store/ledger.ts";
import { check, same } from "./assert.ts";
import { type LayoutParts, layoutOf, type WantedLayout } from "./layouts.ts";
import { Random } from "./random.ts";
import { heldText, record } from "./records.ts";

/** A way to the store under test. Closing it leaves what is stored. */
export interface Handle extends AsyncDisposable {
  readonly target: Target;
}

export interface SuiteOptions {
  /** Stands before the cases in a runner's report. */
  readonly name?: string;
  /** Opens the store under test. Called again, it opens the same store: what was put there is there. */
  open(): Promise<Handle>;
  /**
   * Sets the property `title` of a record by the store's own means (an `update` in SQL, a `SET` in Redis), as an app
   * or a person would: how a case finds out that `rebuild` looks at what is there. Without it that case fails.
   */
  alter?(row: AlteredRow): Promise<void>;
  /** Layouts for a store that has its own. Default: relational ones of many kinds. */
  readonly layouts?: (wanted: WantedLayout) => Layout;
  /** Cases that are known to fail, by name, each with a reason. Once one passes, that is an error. */
  readonly gaps?: Readonly<Record<string, string>>;
  /** Replays the random histories of a failure, whose message tells it. */
  readonly seed?: number;
  /** Random histories of each kind. Default 6. */
  readonly runs?: number;
}

export interface AlteredRow {
  readonly move: NewMove;
  readonly collection: string;
  readonly tenant: string;
  /** Ledger text. */
  readonly key: string;
  readonly title: string;
}

/** A case of a suite, before it is bound to a store. */
export interface BenchCase {
  readonly name: string;
  run(bench: Bench): Promise<void>;
}

export interface MoveOptions {
  /** Names of collections. Default: `things`. */
  readonly collections?: readonly string[];
  readonly parts?: (table: string) => LayoutParts;
  readonly move?: Partial<NewMove>;
}

/** Whose records lie beside, where the suite runs through a tenant. They are never to change. */
const NEIGHBOURS = ["neighbour", "default"];
const PLANTED = ["a", "b", "c", "d", "e", "f", "k0", "k1", "k2"];

export class Bench {
  readonly options: SuiteOptions;
  readonly tenant: string;
  /** Whether several tenants lie in one table. */
  readonly tenancy: boolean;
  readonly seed: number;
  readonly runs: number;
  #handle: Promise<Handle> | undefined;
  #moves: MoveAtHand[] = [];
  #made = 0;
  readonly #mark: string;

  readonly #hasNeighbours: boolean;

  /**
   * @param tenant through which one the cases go; none, and tables are of one tenant.
   * @param hasNeighbours whether other tenants' records lie beside.
   */
  constructor(
    options: SuiteOptions,
    tenant: string | undefined,
    hasNeighbours = tenant !== undefined,
  ) {
    this.options = options;
    this.#hasNeighbours = hasNeighbours;
    this.tenant = tenant ?? "default";
    this.tenancy = tenant !== undefined;
    this.seed = options.seed ?? Math.floor(Math.random() * 2 ** 31);
    this.runs = options.runs ?? 6;
    // Several suites may run in one store, at once and again.
    this.#mark = Math.floor(Math.random() * 2 ** 40).toString(36);
  }

  /** The handle that the cases share. */
  async target(): Promise<Target> {
    this.#handle ??= this.options.open();
    return (await this.#handle).target;
  }

  async close(): Promise<void> {
    const handle = await this.#handle;
    this.#handle = undefined;
    await handle?.[Symbol.asyncDispose]();
  }

  /** Does something through a handle of its own. */
  async through<T>(work: (target: Target) => Promise<T>): Promise<T> {
    const handle = await this.options.open();
    try {
      return await work(handle.target);
    } finally {
      await handle[Symbol.asyncDispose]();
    }
  }

  nameOfMove(): string {
    return `suite-${this.#mark}-${this.#made++}`;
  }

  layout(collection: string, table: string, parts?: (table: string) => LayoutParts): Layout {
    const wanted = { collection, table, tenancy: this.tenancy };
    return this.options.layouts?.(wanted) ?? layoutOf(wanted, parts?.(table));
  }

  newMove({ collections = ["things"], parts, move }: MoveOptions = {}): NewMove {
    const name = move?.name ?? this.nameOfMove();
    return {
      name,
      tenant: this.tenant,
      schema: name,
      files: [],
      collections: collections.map((one, index) => {
        const table = /^\w+$/.test(one) && one === one.toLowerCase() ? one : `table_${index}`;
        return { name: one, layout: this.layout(one, table, parts) };
      }),
      ...move,
    };
  }

  /** Makes a move with empty collections; other tenants' records are beside it where the suite runs through one. */
  async move(options: MoveOptions = {}): Promise<MoveAtHand> {
    const target = await this.target();
    const wanted = this.newMove(options);
    const made = await target.ledger.create(wanted);
    const driver = await target.open(made.name);
    // Neighbours hold keys that not every layout can.
    const isPlain = options.parts === undefined;
    const move = new MoveAtHand(this, made, driver, this.#hasNeighbours && isPlain);
    this.#moves.push(move);
    await move.plant();
    return move;
  }

  /** Runs one case: afterwards neighbours are as they were, and its moves are gone. */
  async use(body: (bench: Bench) => Promise<void>): Promise<void> {
    this.#moves = [];
    try {
      await body(this);
      for (const move of this.#moves) await move.checkNeighbours();
    } finally {
      const moves = this.#moves;
      this.#moves = [];
      // What a failed case leaves behind must not hide why it failed.
      for (const move of moves) await move.discard().catch(() => {});
    }
  }

  /** Tries random histories; a failure tells the seed that gives it again. */
  async histories(
    body: (random: Random) => Promise<void>,
    runs: number = this.runs,
  ): Promise<void> {
    for (let run = 0; run < runs; run++) {
      try {
        await body(new Random(this.seed + run));
      } catch (error) {
        if (error instanceof Error) {
          error.message += ` (seed: ${this.seed + run}, runs: 1 gives this history again)`;
        }
        throw error;
      }
    }
  }
}

/** A move under test, and what cases do with its collections. */
export class MoveAtHand {
  readonly bench: Bench;
  readonly name: string;
  readonly made: Move;
  readonly driver: Driver;
  readonly #hasNeighbours: boolean;
  readonly #target: Target | undefined;

  /** @param target the handle to look through. Default: the one that the cases share. */
  constructor(bench: Bench, made: Move, driver: Driver, hasNeighbours: boolean, target?: Target) {
    this.bench = bench;
    this.#target = target;
    this.name = made.name;
    this.made = made;
    this.driver = driver;
    this.#hasNeighbours = hasNeighbours;
  }

  /** The same move through another handle. */
  through(target: Target, driver: Driver): MoveAtHand {
    return new MoveAtHand(this.bench, this.made, driver, this.#hasNeighbours, target);
  }

  /** The driver through the handle that is open now. */
  async reopened(): Promise<MoveAtHand> {
    const target = await this.bench.target();
    return this.through(target, await target.open(this.name));
  }

  /** Through a handle of its own, unless nobody but the handle that made the move can see it. */
  async beside<T>(work: (target: Target) => Promise<T>): Promise<T> {
    return this.driver.can.durable ? this.bench.through(work) : work(await this.bench.target());
  }

  async ledger(): Promise<Ledger> {
    return (this.#target ?? (await this.bench.target())).ledger;
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
    return Object.fromEntries([...found].sort(([a], [b]) => (a < b ? -1 : 1)));
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
        await this.driver.commit({
          tenant,
          writes: [{ collection: name, records: planted(tenant) }],
        });
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
      for (const { name } of this.made.collections) {
        const held = await move.scan({}, { tenant, collection: name });
        same(held.map(heldText), planted(tenant).map(heldText), "law D4: a neighbour's records");
      }
    }
  }

  async discard(): Promise<void> {
    const { ledger } = await this.bench.target();
    if ((await ledger.find(this.name)) === undefined) return;
    // A lease that a case left behind would keep the move.
    const lease = await ledger.acquire(this.name, 0);
    await ledger.release(lease);
    await ledger.drop(this.name);
  }
}

function planted(tenant: string): RecordWrite[] {
  // One revision would win over nearly all of a case's, the other is what its first run writes.
  const options = { revision: dumpRevision(tenant === "default" ? 1 : 99), position: 1 };
  return PLANTED.map((key) => record(key, { title: `${tenant}'s`, count: 7 }, options));
}
