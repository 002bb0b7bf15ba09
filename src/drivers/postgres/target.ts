/** A Postgres database as a target: its ledger, and a driver for each move in it. */
import type { Address } from "../../collection/change.ts";
import { OutgrowError } from "../../errors.ts";
import { compileLayout } from "../../layout/compile.ts";
import type { Layout } from "../../layout/layout.ts";
import type { Capabilities, Commit, CommitReport, Driver, Target } from "../../store/driver.ts";
import { type CommitCollection, commitTo } from "./commit.ts";
import type { SqlDatabase } from "./database.ts";
import { PostgresLedger } from "./ledger.ts";
import { qualified } from "./quote.ts";
import { count, read, rebuild, type ScanContext, scan } from "./scan.ts";

const CAPABILITIES: Capabilities = {
  transaction: true,
  durable: true,
  batch: { records: 10_000, bytes: 8 * 1024 * 1024 },
};

/** @param options.directory where an embedded database lies. Closing the target closes the database. */
export function postgresTarget(
  database: SqlDatabase,
  options: { readonly directory?: string } = {},
): Target {
  const ledger = new PostgresLedger(database);
  return {
    kind: database.kind,
    label: database.label,
    directory: options.directory,
    ledger,
    async open(name) {
      const move = await ledger.find(name);
      if (move === undefined) throw new OutgrowError("MOVE_UNKNOWN", { detail: name });
      return new PostgresDriver(database, move, await collectionsOf(database, move));
    },
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  };
}

interface OpenMove {
  readonly id: number;
  readonly name: string;
  readonly schema: string;
  readonly run: number;
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
    // COPY is refused where row security is forced upon the table's owner.
    const { rows: forced } = await database.query(
      "select coalesce((select relforcerowsecurity from pg_class where oid = to_regclass($1)), false)",
      [table],
    );
    collections.set(name as string, {
      id: Number(id),
      compiled,
      loading: loading === "t" && forced[0]?.[0] === "f",
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

  #context(of: Address): ScanContext {
    const collection = this.#collections.get(of.collection);
    if (collection === undefined)
      throw new OutgrowError("MOVE_UNKNOWN", { collection: of.collection });
    const { id, compiled } = collection;
    return { database: this.#database, schema: this.#move.schema, id, compiled };
  }

  read(from: Address, keys: readonly string[]): ReturnType<Driver["read"]> {
    return read(this.#context(from), from, keys);
  }

  scan(from: Address, options?: Parameters<Driver["scan"]>[1]): ReturnType<Driver["scan"]> {
    return scan(this.#context(from), from, options);
  }

  rebuild(
    from: Address,
    options?: Parameters<Driver["rebuild"]>[1],
  ): ReturnType<Driver["rebuild"]> {
    return rebuild(this.#context(from), from, options);
  }

  commit(commit: Commit): Promise<CommitReport> {
    return commitTo(
      { database: this.#database, move: this.#move, collections: this.#collections },
      commit,
    );
  }

  count(of: Address): Promise<number> {
    return count(this.#context(of), of);
  }
}
