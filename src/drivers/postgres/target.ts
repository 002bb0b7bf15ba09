/** A Postgres database as a target: its ledger, and a driver for each move in it. */
import type { Address } from "../../collection/change.ts";
import { type Revision, revision } from "../../collection/revision.ts";
import { OutgrowError } from "../../errors.ts";
import { compileLayout } from "../../layout/compile.ts";
import type { Layout } from "../../layout/layout.ts";
import type {
  Capabilities,
  Commit,
  CommitReport,
  Driver,
  ScanOptions,
  Stored,
  TakeDigest,
  Target,
} from "../../store/driver.ts";
import type { Page, QueryPlan } from "../../store/query.ts";
import { readCatalog } from "./catalog.ts";
import { type CommitCollection, commitTo } from "./commit.ts";
import { postgresControl } from "./control.ts";
import type { SqlDatabase } from "./database.ts";
import { digests } from "./digests.ts";
import { leaveMove } from "./leave.ts";
import { PostgresLedger } from "./ledger.ts";
import { postgresSide } from "./live.ts";
import { queryRows } from "./query.ts";
import { isStorable, qualified } from "./quote.ts";
import { refusalsOf } from "./refusals.ts";
import { rootSql } from "./root-sql.ts";
import { count, read, rebuild, type ScanContext, scan } from "./scan.ts";

const CAPABILITIES: Capabilities = {
  transaction: true,
  durable: true,
  commits: 3,
  batch: { records: 10_000, bytes: 8 * 1024 * 1024 },
};

/** Writes of an app outrank every copy, which has epoch 0. */
const APP_EPOCH = 1;

/** @param options.directory where an embedded database lies. Closing the target closes the database. */
export function postgresTarget(
  database: SqlDatabase,
  options: { readonly directory?: string } = {},
): Target {
  const ledger = new PostgresLedger(database);
  const open = async (name: string): Promise<Driver> => {
    const move = await ledger.find(name);
    if (move === undefined) throw new OutgrowError("MOVE_UNKNOWN", { detail: name });
    return new PostgresDriver(database, move, await collectionsOf(database, move));
  };
  return {
    kind: database.kind,
    label: database.label,
    directory: options.directory,
    ledger,
    catalog: (schema) => readCatalog(database, schema),
    open,
    live: {
      control: postgresControl(database),
      side: async (name) => postgresSide(database, name, await open(name)),
      leave: (name, keep) => leaveMove(database, name, keep),
    },
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  };
}

interface OpenMove {
  readonly id: number;
  readonly name: string;
  readonly schema: string;
  readonly tenant: string;
}

async function collectionsOf(
  database: SqlDatabase,
  move: OpenMove,
): Promise<Map<string, CommitCollection>> {
  const { rows } = await database.query(
    "select id, name, layout, loading from outgrow.collection where move = $1 order by id",
    [String(move.id)],
  );
  const collections = new Map<string, CommitCollection>();
  for (const [id, name, layout, loading] of rows) {
    const compiled = compileLayout(JSON.parse(layout as string) as Layout);
    const table = qualified(move.schema, compiled.tables[0]?.name ?? "");
    // COPY is refused where row security applies to whoever asks: those rows go through the staged path.
    const { rows: secured } = await database.query(
      "select coalesce(row_security_active(to_regclass($1)), false)",
      [table],
    );
    collections.set(name as string, {
      id: Number(id),
      compiled,
      loading: loading === "t",
      secured: secured[0]?.[0] === "t",
      collisions: 0,
    });
  }
  return collections;
}

class PostgresDriver implements Driver {
  readonly kind: string;
  readonly can = CAPABILITIES;
  readonly #database: SqlDatabase;
  readonly #move: OpenMove;
  readonly #collections: ReadonlyMap<string, CommitCollection>;

  constructor(
    database: SqlDatabase,
    move: OpenMove,
    collections: ReadonlyMap<string, CommitCollection>,
  ) {
    this.kind = database.kind;
    this.#database = database;
    this.#move = move;
    this.#collections = collections;
  }

  get layouts(): readonly Layout[] {
    return [...this.#collections.values()].map(({ compiled }) => compiled.layout);
  }

  /** `undefined` for an address where nothing can be: another tenant's, in a table of one tenant. */
  #context(of: Address): ScanContext | undefined {
    const collection = this.#collections.get(of.collection);
    if (collection === undefined) {
      throw new OutgrowError("MOVE_UNKNOWN", { collection: of.collection });
    }
    if (!isStorable(of.tenant)) throw new TypeError("A tenant is well-formed text without NUL.");
    const { id, compiled } = collection;
    const [{ tenantColumn }] = compiled.layout.tables;
    if (tenantColumn === undefined && of.tenant !== this.#move.tenant) return undefined;
    return { database: this.#database, schema: this.#move.schema, id, compiled };
  }

  async read(from: Address, keys: readonly string[]): ReturnType<Driver["read"]> {
    const context = this.#context(from);
    return context === undefined ? keys.map(() => undefined) : read(context, from, keys);
  }

  scan(from: Address, options?: ScanOptions): ReturnType<Driver["scan"]> {
    const context = this.#context(from);
    return context === undefined ? nothing() : scan(context, from, options);
  }

  rebuild(from: Address, options?: ScanOptions): ReturnType<Driver["rebuild"]> {
    const context = this.#context(from);
    return context === undefined ? nothing() : rebuild(context, from, options);
  }

  async digests(from: Address, take: TakeDigest, options: ScanOptions = {}): Promise<void> {
    const context = this.#context(from);
    if (context !== undefined) await digests(context, from, take, options.signal);
  }

  async issue(many: number, epoch = APP_EPOCH): Promise<readonly Revision[]> {
    const { rows } = await this.#database.query(
      "select nextval('outgrow.revision') from generate_series(1, $1::integer)",
      [String(many)],
    );
    return rows.map(([number]) => revision(epoch, Number(number)));
  }

  async count(of: Address): Promise<number> {
    const context = this.#context(of);
    return context === undefined ? 0 : count(context, of);
  }

  async query(from: Address, plan: QueryPlan): Promise<Page<Stored>> {
    const context = this.#context(from);
    if (context === undefined) return { records: [], next: undefined };
    const { database, schema, id, compiled } = context;
    const { alone } = rootSql(schema, compiled, { id, tenant: from.tenant });
    return queryRows(
      {
        database,
        schema,
        layout: compiled.layout,
        tenant: from.tenant,
        ...alone,
        fetch: (keys) => read(context, from, keys),
        scan: () => scan(context, from),
      },
      plan,
    );
  }

  refusals(commit: Commit): ReturnType<NonNullable<Driver["refusals"]>> {
    return refusalsOf(
      { database: this.#database, move: this.#move, collections: this.#collections },
      commit,
    );
  }

  /** @throws {OutgrowError} also UNSUPPORTED, for another tenant's records in a table of one tenant. */
  async commit(commit: Commit): Promise<CommitReport> {
    for (const { collection } of commit.writes) {
      if (this.#context({ tenant: commit.tenant, collection }) === undefined) {
        throw new OutgrowError("UNSUPPORTED", { collection, detail: "its table has no tenant" });
      }
    }
    return commitTo(
      { database: this.#database, move: this.#move, collections: this.#collections },
      commit,
    );
  }
}

async function* nothing(): AsyncGenerator<never> {}
