/** Reading: by key with the sidecar's knowledge, in the source's order, and rebuilt from the app's tables alone. */
import type { Address } from "../../collection/change.ts";
import type { Exception } from "../../collection/name-order.ts";
import { dumpRevision, type Revision } from "../../collection/revision.ts";
import { OutgrowError } from "../../errors.ts";
import { keyCell } from "../../layout/codec.ts";
import type { CompiledLayout } from "../../layout/compile.ts";
import type { ScanOptions, Stored } from "../../store/driver.ts";
import type { SqlDatabase } from "./database.ts";
import { qualified, quote, textArray } from "./quote.ts";
import { columnList, ledgerKeySql } from "./tables.ts";

const PAGE = 2000;

export interface ScanContext {
  readonly database: SqlDatabase;
  readonly schema: string;
  readonly id: number;
  readonly compiled: CompiledLayout;
}

interface TableSql {
  readonly place: string;
  readonly cells: string;
  /** The key's column, and its type. Its order is that of the ledger's texts: see collection/key.ts. */
  readonly key: string;
  readonly keyType: string;
  /** Ledger text of a row's key. */
  readonly ledgerKey: string;
  /** `and t.tenant = $N`, where rows carry a tenant. */
  tenantIs(parameter: number): string;
}

function tableSql({ schema, compiled }: ScanContext): TableSql {
  const [table] = compiled.tables;
  const [root] = compiled.layout.tables;
  if (table === undefined) throw new TypeError("A layout has a table.");
  const { tenantColumn, key } = root;
  return {
    place: qualified(schema, table.name),
    cells: columnList(table, "t").join(", "),
    key: `t.${quote(key.name)}`,
    keyType: table.columns[table.keyWidth - 1]?.type ?? "text",
    ledgerKey: ledgerKeySql(key.codec, `t.${quote(key.name)}`),
    tenantIs: (parameter) =>
      tenantColumn === undefined ? "" : ` and t.${quote(tenantColumn)} = $${parameter}`,
  };
}

const SIDECAR = "r.revision, r.digest, r.state, r.position, r.form";
const SIDECAR_WIDTH = 5;
/** What a row that the app wrote by SQL has, as long as nothing of ours knows it: the lowest revision. */
const UNKNOWN = dumpRevision(0);

function stored(context: ScanContext, row: readonly (string | null)[]): Stored {
  const [revision, digest, , position, form] = row;
  const { key, value } = context.compiled.decode(row.slice(SIDECAR_WIDTH));
  return {
    key,
    value,
    state: "present",
    revision: (revision as Revision | null) ?? UNKNOWN,
    digest: Buffer.from((digest ?? "\\x").slice(2), "hex"),
    position: position === null || position === undefined ? undefined : Number(position),
    exception: form === null || form === undefined ? undefined : (JSON.parse(form) as Exception),
  };
}

/** All rows of the table, those that the sidecar knows in the order of the source, the app's own behind them. */
export async function* scan(
  context: ScanContext,
  from: Address,
  options: ScanOptions = {},
): AsyncGenerator<readonly Stored[]> {
  const sql = tableSql(context);
  const order = options.order === "position" ? `r.position nulls last, ${sql.key}` : sql.key;
  const query = `select ${SIDECAR}, ${sql.cells} from ${sql.place} t
    left join outgrow.record r on r.collection = $1 and r.tenant = $2 and r.key = ${sql.ledgerKey} and r.state = 'present'
    where true${sql.tenantIs(2)} order by ${order}`;
  const parameters = [String(context.id), from.tenant];
  for await (const rows of cursor(context.database, query, parameters, options)) {
    yield rows.map((row) => stored(context, row));
  }
}

export async function* rebuild(
  context: ScanContext,
  from: Address,
  options: ScanOptions = {},
): AsyncGenerator<readonly { readonly key: string; readonly value: Stored["value"] }[]> {
  const sql = tableSql(context);
  const byTenant = sql.tenantIs(1);
  const query = `select ${sql.cells} from ${sql.place} t where true${byTenant} order by ${sql.key}`;
  const parameters = byTenant === "" ? [] : [from.tenant];
  for await (const rows of cursor(context.database, query, parameters, options)) {
    yield rows.map((row) => context.compiled.decode(row));
  }
}

/** A cursor in a read-only transaction of its own: one snapshot, constant memory. */
async function* cursor(
  database: SqlDatabase,
  query: string,
  parameters: readonly string[],
  { size = PAGE, signal }: ScanOptions,
): AsyncGenerator<readonly (readonly (string | null)[])[]> {
  // A transaction is a callback and a generator is not: batches are handed over one by one between the two.
  const handover = new Handover<readonly (readonly (string | null)[])[]>();
  const done = database
    .transaction(
      async (sql) => {
        // All rows are wanted, and tables just filled have no statistics: left to itself the planner would go for
        // the first rows and look each one's sidecar row up by a scan over all of them.
        await sql.query("set local cursor_tuple_fraction = 1");
        await sql.query("set local enable_nestloop = off");
        for await (const rows of sql.cursor(query, parameters, size)) {
          if (!(await handover.give(rows))) return;
          if (signal?.aborted) throw new OutgrowError("INTERRUPTED");
        }
      },
      { readOnly: true, signal },
    )
    .then(
      () => handover.end(),
      (error: unknown) => handover.fail(error),
    );
  try {
    yield* handover;
  } finally {
    handover.stop();
    await done;
  }
}

/** One producer, one consumer, one item at a time. */
class Handover<T> implements AsyncIterable<T> {
  #item: { readonly value: T } | undefined;
  #state: "open" | "ended" | "stopped" = "open";
  #error: { readonly error: unknown } | undefined;
  #wake: () => void = () => {};

  #changed(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  /** Resolves when the item was taken; `false` when no more is wanted. */
  async give(value: T): Promise<boolean> {
    this.#item = { value };
    this.#wake();
    while (this.#item !== undefined && this.#state === "open") await this.#changed();
    return this.#state === "open";
  }

  end(): void {
    if (this.#state === "open") this.#state = "ended";
    this.#wake();
  }

  fail(error: unknown): void {
    this.#error = { error };
    this.end();
  }

  stop(): void {
    this.#state = "stopped";
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    for (;;) {
      while (this.#item === undefined && this.#state === "open") await this.#changed();
      if (this.#item !== undefined) {
        const { value } = this.#item;
        yield value;
        this.#item = undefined;
        this.#wake();
        continue;
      }
      if (this.#error !== undefined) throw this.#error.error;
      return;
    }
  }
}

export async function read(
  context: ScanContext,
  from: Address,
  keys: readonly string[],
): Promise<(Stored | undefined)[]> {
  const sql = tableSql(context);
  const [root] = context.compiled.layout.tables;
  const pairs = keys.map((key) => [key, keyCell(root.key.codec, key)] as const);
  const cells = pairs.flatMap(([, cell]) => (cell === undefined ? [] : [String(cell)]));
  // `limit 1` leaves the planner no other way than the sidecar's index: it knows nothing of a table just filled.
  const { rows } = await context.database.query(
    `select ${SIDECAR}, ${sql.cells} from ${sql.place} t
     left join lateral (select * from outgrow.record o where o.collection = $1 and o.tenant = $2
       and o.key = ${sql.ledgerKey} and o.state = 'present' limit 1) r on true
     where ${sql.key} = any($3::${sql.keyType}[])${sql.tenantIs(2)}`,
    [String(context.id), from.tenant, textArray(cells)],
  );
  const { rows: gone } = await context.database.query(
    `select key, revision, position from outgrow.record
     where collection = $1 and tenant = $2 and state = 'deleted' and key = any($3::text[])`,
    [String(context.id), from.tenant, textArray(keys)],
  );
  const found = new Map<string, Stored>();
  for (const [key, revision, position] of gone) {
    found.set(key as string, {
      key: key as string,
      state: "deleted",
      value: undefined,
      revision: revision as Revision,
      digest: new Uint8Array(),
      position: position === null ? undefined : Number(position),
      exception: undefined,
    });
  }
  for (const row of rows) {
    const one = stored(context, row);
    found.set(one.key, one);
  }
  return keys.map((key) => found.get(key));
}

export async function count(context: ScanContext, of: Address): Promise<number> {
  const sql = tableSql(context);
  const byTenant = sql.tenantIs(1);
  const { rows } = await context.database.query(
    `select count(*) from ${sql.place} t where true${byTenant}`,
    byTenant === "" ? [] : [of.tenant],
  );
  const [cell] = rows[0] ?? [];
  if (cell === null || cell === undefined) throw new OutgrowError("TARGET_REFUSED");
  return Number(cell);
}
