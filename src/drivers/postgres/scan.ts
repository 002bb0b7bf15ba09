/** Reading: by key with the sidecar's knowledge, in the source's order, and rebuilt from the app's tables alone. */
import type { Address } from "../../collection/change.ts";
import type { Exception } from "../../collection/name-order.ts";
import { dumpRevision, type Revision } from "../../collection/revision.ts";
import { OutgrowError } from "../../errors.ts";
import type { CompiledLayout } from "../../layout/compile.ts";
import type { Family } from "../../layout/decode-row.ts";
import type { Rebuilt, ScanOptions, Stored } from "../../store/driver.ts";
import type { SqlDatabase, SqlResult, SqlTransaction } from "./database.ts";
import { fetchFamily } from "./family.ts";
import { textArray } from "./quote.ts";
import { type RootSql, rootSql } from "./root-sql.ts";

const PAGE = 2000;

export interface ScanContext {
  readonly database: SqlDatabase;
  readonly schema: string;
  readonly id: number;
  readonly compiled: CompiledLayout;
}

type Row = readonly (string | null)[];

const SIDECAR = "r.revision, r.digest, r.state, r.position, r.form";
const SIDECAR_WIDTH = 5;
/** What a row that the app wrote by SQL has, as long as nothing of ours knows it: the lowest revision. */
const UNKNOWN = dumpRevision(0);

const sqlOf = ({ schema, compiled, id }: ScanContext, { tenant }: Address): RootSql =>
  rootSql(schema, compiled, { id, tenant });

function storedRecord(context: ScanContext, sql: RootSql, row: Row, family: Family): Stored {
  const [revision, digest, , position, form] = row;
  const { key, value } = context.compiled.decode(sql.stored(row.slice(SIDECAR_WIDTH), family));
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

/** The child rows of these root rows. @param width of what stands before the root's cells. */
function familyOf(
  sql: Pick<SqlTransaction, "query">,
  { schema, compiled }: ScanContext,
  { tenant }: Address,
  rows: readonly Row[],
  width: number,
): Promise<Family> | Family {
  if (compiled.tables.length === 1) return [];
  const before = width + (compiled.restInLedger ? 2 : 0);
  const roots = rows.map((row) => row.slice(before));
  return fetchFamily(sql, { schema, compiled, tenant }, roots);
}

/** This move's records, those that the sidecar knows in the order of the source, the app's own behind them. */
export async function* scan(
  context: ScanContext,
  from: Address,
  options: ScanOptions = {},
): AsyncGenerator<readonly Stored[]> {
  const sql = sqlOf(context, from);
  const order = options.order === "position" ? `r.position nulls last, ${sql.key}` : sql.key;
  const query = `select ${SIDECAR}, ${sql.cells} from ${sql.from}
    ${sql.join} outgrow.record r on ${sql.known} where ${sql.scope} order by ${order}`;
  const make = async (transaction: SqlTransaction, rows: readonly Row[]): Promise<Stored[]> => {
    const family = await familyOf(transaction, context, from, rows, SIDECAR_WIDTH);
    return rows.map((row) => storedRecord(context, sql, row, family));
  };
  yield* cursor(context.database, query, options, make);
}

/** All rows, without any help of the ledger; `bound` ones with whether they are this move's in front. */
export function rebuildQuery(
  context: ScanContext,
  from: Address,
): Pick<RootSql, "bound" | "stored" | "key"> & { readonly text: string } {
  const sql = sqlOf(context, from);
  const { bound, stored, key } = sql;
  // In somebody else's table only the ledger knows which rows are this move's.
  const [ours, beside] = bound
    ? ["r.key is not null, ", ` left join outgrow.record r on ${sql.known}`]
    : ["", ""];
  const text = `select ${ours}${sql.cells} from ${sql.from}${beside} where ${sql.scope}`;
  return { text, bound, stored, key };
}

export async function* rebuild(
  context: ScanContext,
  from: Address,
  options: ScanOptions = {},
): AsyncGenerator<readonly Rebuilt[]> {
  const sql = rebuildQuery(context, from);
  const { bound } = sql;
  const query = `${sql.text} order by ${sql.key}`;
  const width = bound ? 1 : 0;
  const make = async (transaction: SqlTransaction, rows: readonly Row[]): Promise<Rebuilt[]> => {
    const family = await familyOf(transaction, context, from, rows, width);
    return rows.map((row) => ({
      ...context.compiled.decode(sql.stored(width === 0 ? row : row.slice(width), family)),
      foreign: bound && row[0] !== "t",
    }));
  };
  yield* cursor(context.database, query, options, make);
}

/**
 * All rows are wanted, and tables just filled have no statistics: left to itself the planner would go for the
 * first rows and look each one's sidecar row up by a scan over all of them.
 */
export async function wantAll(sql: SqlTransaction): Promise<void> {
  await sql.query("set local enable_nestloop = off");
}

/** A cursor in a read-only transaction of its own: one snapshot, constant memory. */
async function* cursor<T>(
  database: SqlDatabase,
  query: string,
  { size = PAGE, signal }: ScanOptions,
  make: (sql: SqlTransaction, rows: SqlResult["rows"]) => Promise<readonly T[]>,
): AsyncGenerator<readonly T[]> {
  // A transaction is a callback and a generator is not: batches are handed over one by one between the two.
  const handover = new Handover<readonly T[]>();
  const done = database
    .transaction(
      async (sql) => {
        await sql.query("set local cursor_tuple_fraction = 1");
        await wantAll(sql);
        for await (const rows of sql.cursor(query, [], size)) {
          if (!(await handover.give(await make(sql, rows)))) return;
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
  const work = (sql: Pick<SqlTransaction, "query">): Promise<(Stored | undefined)[]> =>
    readWith(sql, context, from, keys);
  // A record of several tables is read in one snapshot.
  return context.compiled.tables.length === 1
    ? work(context.database)
    : context.database.transaction(work, { readOnly: true });
}

/** The same, inside somebody's transaction. */
export async function readWith(
  transaction: Pick<SqlTransaction, "query">,
  context: ScanContext,
  from: Address,
  keys: readonly string[],
): Promise<(Stored | undefined)[]> {
  const sql = sqlOf(context, from);
  const cells = keys.flatMap((key) => {
    const cell = context.compiled.rowKey(key, from.tenant);
    return cell === undefined ? [] : [String(cell)];
  });
  // `limit 1` leaves the planner no other way than the sidecar's index: it knows nothing of a table just filled.
  const { rows } = await transaction.query(
    `select ${SIDECAR}, ${sql.cells} from ${sql.from}
     ${sql.join} lateral (select * from outgrow.record r where ${sql.known} limit 1) r on true
     where ${sql.key} = any($1::${sql.keyType}[]) and ${sql.scope}`,
    [textArray(cells)],
  );
  // Nearly always all are there.
  const gone = rows.length === keys.length ? [] : await goneOf(transaction, context, from, keys);
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
  const family = await familyOf(transaction, context, from, rows, SIDECAR_WIDTH);
  for (const row of rows) {
    const one = storedRecord(context, sql, row, family);
    found.set(one.key, one);
  }
  return keys.map((key) => found.get(key));
}

/** The deleted ones of these keys. */
async function goneOf(
  sql: Pick<SqlTransaction, "query">,
  { id }: ScanContext,
  { tenant }: Address,
  keys: readonly string[],
): Promise<SqlResult["rows"]> {
  const { rows } = await sql.query(
    `select key, revision, position from outgrow.record
     where collection = $1 and tenant = $2 and state = 'deleted' and key = any($3::text[])`,
    [String(id), tenant, textArray(keys)],
  );
  return rows;
}

export async function count(context: ScanContext, of: Address): Promise<number> {
  const { bound, place, from, known, scope } = sqlOf(context, of);
  const beside = bound ? `${from} join outgrow.record r on ${known}` : `${place} t`;
  const text = `select count(*) from ${beside} where ${scope}`;
  const ask = async (sql: Pick<SqlTransaction, "query">): Promise<number> => {
    const [cell] = (await sql.query(text)).rows[0] ?? [];
    if (cell === null || cell === undefined) throw new OutgrowError("TARGET_REFUSED");
    return Number(cell);
  };
  if (!bound) return ask(context.database);
  return context.database.transaction(
    async (sql) => {
      await wantAll(sql);
      return ask(sql);
    },
    { readOnly: true },
  );
}
