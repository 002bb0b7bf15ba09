/** What a case works with: handles of the store under test, and moves made in it, each with neighbours beside it. */
import type { Layout } from "../layout/layout.ts";
import type { Target } from "../store/driver.ts";
import type { NewMove } from "../store/ledger.ts";
import { codeOf } from "./assert.ts";
import { type LayoutParts, layoutOf, type WantedLayout } from "./layouts.ts";
import { MoveAtHand } from "./move-at-hand.ts";
import { Random } from "./random.ts";

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

export class Bench {
  readonly options: SuiteOptions;
  readonly tenant: string;
  /** Whether several tenants lie in one table. */
  readonly tenancy: boolean;
  readonly seed: number;
  readonly runs: number;
  #handle: Promise<Handle> | undefined;
  #moves: MoveAtHand[] = [];
  /** Moves that are there only for other tenants' records, by tenant and place. */
  readonly #siblings = new Map<string, string>();
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

  /** The name of another tenant's move, with the same collections in the same schema. */
  async sibling({ collections, schema }: NewMove, tenant: string): Promise<string> {
    const place = JSON.stringify([tenant, schema, collections.map(({ name }) => name)]);
    const known = this.#siblings.get(place);
    if (known !== undefined) return known;
    const { ledger } = await this.target();
    const name = this.nameOfMove();
    await ledger.create({ name, tenant, schema, collections, files: [] });
    this.#siblings.set(place, name);
    return name;
  }

  async #discard(name: string): Promise<void> {
    const { ledger } = await this.target();
    const left = await ledger.drop(name).then(() => "dropped", codeOf);
    if (left !== "MOVE_LEASED") return;
    // A lease that a case left behind keeps the move.
    await ledger.release(await ledger.acquire(name, 0));
    await ledger.drop(name);
  }

  /** Runs one case: afterwards neighbours are as they were, and its moves are gone. */
  async use(body: (bench: Bench) => Promise<void>): Promise<void> {
    try {
      await body(this);
      for (const move of this.#moves) await move.checkNeighbours();
    } finally {
      const names = [...this.#moves.map(({ name }) => name), ...this.#siblings.values()];
      this.#moves = [];
      this.#siblings.clear();
      // What a failed case leaves behind must not hide why it failed.
      for (const name of names) await this.#discard(name).catch(() => {});
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
