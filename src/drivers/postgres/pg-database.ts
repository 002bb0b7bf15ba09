/** A Postgres server over TCP, by node-postgres. Values stay text; see database.ts. */
import { once } from "node:events";
import type { Client, Pool, PoolClient } from "pg";
import { OutgrowError } from "../../errors.ts";
import { maskPassword } from "../mask.ts";
import type { SqlDatabase, SqlParameter, SqlResult, SqlTransaction } from "./database.ts";
import { quote } from "./quote.ts";
import { sqlError } from "./sql-error.ts";

export interface PostgresOptions {
  /** How long one statement may take. Default 15 minutes. */
  readonly statementMs?: number;
  /** How long connecting may take. Default 10 seconds. */
  readonly connectMs?: number;
}

const SETTINGS =
  "-c timezone=UTC -c datestyle=ISO -c intervalstyle=postgres -c bytea_output=hex -c extra_float_digits=1 -c client_min_messages=warning";

/** Values as the server's text, whatever their type. */
const asText = { getTypeParser: () => (text: unknown) => text };

/**
 * Opens a pool on a Postgres server and checks that it answers.
 *
 * @throws {OutgrowError} TARGET_UNREACHABLE, TARGET_REFUSED (a wrong password or database)
 */
export async function openPostgres(
  url: string,
  options: PostgresOptions = {},
): Promise<SqlDatabase> {
  const { default: pg } = await import("pg");
  const statementMs = options.statementMs ?? 15 * 60_000;
  const pool = new pg.Pool({
    connectionString: url,
    max: 4,
    connectionTimeoutMillis: options.connectMs ?? 10_000,
    // A reply that never comes must not hold the run for ever.
    query_timeout: statementMs,
    keepAlive: true,
    application_name: "outgrow",
    options: SETTINGS,
  });
  pool.on("error", () => {}); // an idle connection was lost: the next checkout makes a new one
  const database = new PgDatabase(pool, maskPassword(url));
  try {
    await database.query("select 1");
  } catch (error) {
    await pool.end();
    throw error;
  }
  return database;
}

class PgDatabase implements SqlDatabase {
  readonly kind = "postgres";
  readonly label: string;
  readonly #pool: Pool;
  #closed = false;

  constructor(pool: Pool, label: string) {
    this.#pool = pool;
    this.label = label;
  }

  async query(text: string, parameters: readonly SqlParameter[] = []): Promise<SqlResult> {
    const client = await this.#connect();
    try {
      const result = await ask(client, text, parameters);
      client.release();
      return result;
    } catch (error) {
      const failure = sqlError(error);
      client.release(failure.code === "TARGET_UNREACHABLE");
      throw failure;
    }
  }

  async transaction<R>(
    work: (sql: SqlTransaction) => Promise<R>,
    options: { readonly readOnly?: boolean; readonly signal?: AbortSignal | undefined } = {},
  ): Promise<R> {
    options.signal?.throwIfAborted();
    const client = await this.#connect();
    const sql = new PgTransaction(client);
    let committing = false;
    try {
      await ask(
        client,
        options.readOnly ? "begin isolation level repeatable read read only" : "begin",
      );
      const result = await work(sql);
      sql.ended = true;
      committing = true;
      await ask(client, "commit");
      client.release();
      return result;
    } catch (error) {
      sql.ended = true;
      const failure =
        error instanceof OutgrowError || isDatabaseError(error) ? sqlError(error) : error;
      const lost = OutgrowError.is(failure, "TARGET_UNREACHABLE");
      const clean =
        !lost &&
        (await ask(client, "rollback").then(
          () => true,
          () => false,
        ));
      client.release(!clean);
      // A connection lost between COMMIT and its reply: the server may have committed or not.
      if (committing && lost) throw new OutgrowError("OUTCOME_UNKNOWN", {}, { cause: error });
      throw failure;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#pool.end();
  }

  async #connect(): Promise<PoolClient> {
    if (this.#closed) throw new OutgrowError("STORE_CLOSED");
    try {
      return await this.#pool.connect();
    } catch (error) {
      throw sqlError(error);
    }
  }
}

/** Whether an error came from the driver: it has a SQLSTATE or a system code, or speaks of the connection. */
function isDatabaseError(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code } = error as { code?: unknown };
  return typeof code === "string" || /connection|timeout|terminated/i.test(error.message);
}

async function ask(
  client: Client | PoolClient,
  text: string,
  parameters: readonly SqlParameter[] = [],
): Promise<SqlResult> {
  const values = parameters.map((value) =>
    value instanceof Uint8Array ? Buffer.from(value) : value,
  );
  const result = await client.query({
    text,
    ...(values.length === 0 ? {} : { values }),
    rowMode: "array",
    types: asText as never,
  });
  // Several statements in one text give several results: the last one answers.
  const last = Array.isArray(result) ? result.at(-1) : result;
  return { rows: last.rows as SqlResult["rows"], count: last.rowCount ?? last.rows.length };
}

class PgTransaction implements SqlTransaction {
  ended = false;
  readonly #client: PoolClient;
  #cursors = 0;

  constructor(client: PoolClient) {
    this.#client = client;
  }

  #check(): void {
    if (this.ended) throw new TypeError("The transaction has ended.");
  }

  async query(text: string, parameters: readonly SqlParameter[] = []): Promise<SqlResult> {
    this.#check();
    try {
      return await ask(this.#client, text, parameters);
    } catch (error) {
      throw sqlError(error);
    }
  }

  async copyIn(
    table: string,
    columns: readonly string[],
    chunks: readonly Uint8Array[],
  ): Promise<number> {
    this.#check();
    const { from } = await import("pg-copy-streams");
    const stream = this.#client.query(
      from(`copy ${table} (${columns.join(", ")}) from stdin with (format binary)`),
    );
    const done = new Promise<void>((resolve, reject) => {
      stream.once("finish", resolve);
      stream.once("error", reject);
    });
    done.catch(() => {}); // awaited below; a refusal may arrive while chunks are still being written
    try {
      for (const chunk of chunks) {
        if (!stream.write(chunk)) await Promise.race([once(stream, "drain"), done]);
      }
      stream.end();
      await done;
    } catch (error) {
      throw sqlError(error);
    }
    return stream.rowCount ?? 0;
  }

  async *cursor(
    text: string,
    parameters: readonly SqlParameter[],
    size: number,
  ): AsyncGenerator<SqlResult["rows"]> {
    yield* fetchAll(this, `cursor_${this.#cursors++}`, text, parameters, size);
  }
}

/** Declares a cursor and fetches from it until it is dry; shared by all kinds of database. */
export async function* fetchAll(
  sql: Pick<SqlTransaction, "query">,
  name: string,
  text: string,
  parameters: readonly SqlParameter[],
  size: number,
): AsyncGenerator<SqlResult["rows"]> {
  await sql.query(`declare ${quote(name)} no scroll cursor for ${text}`, parameters);
  for (;;) {
    const { rows } = await sql.query(`fetch ${size} from ${quote(name)}`);
    if (rows.length > 0) yield rows;
    if (rows.length < size) break;
  }
  await sql.query(`close ${quote(name)}`);
}
