/** A Postgres server over TCP, by node-postgres. Values stay text; see database.ts. */
import { once } from "node:events";
import type { Pool, PoolClient } from "pg";
import { OutgrowError } from "../../errors.ts";
import { maskPassword } from "../mask.ts";
import { copyOut } from "./copy-out.ts";
import type { SqlDatabase, SqlParameter, SqlResult, SqlTransaction } from "./database.ts";
import { quote } from "./quote.ts";
import { sqlError } from "./sql-error.ts";

export interface PostgresOptions {
  /** How long one statement may take. Default 15 minutes. */
  readonly statementMs?: number;
  /** How long connecting may take. Default 10 seconds. */
  readonly connectMs?: number;
}

/**
 * Said at the begin of every transaction rather than at connecting: poolers refuse unknown startup parameters, and
 * give a session's settings to whoever comes next.
 */
const SETTINGS = [
  "timezone = 'UTC'",
  "datestyle = 'ISO, MDY'",
  "intervalstyle = 'postgres'",
  "bytea_output = 'hex'",
  "extra_float_digits = 1",
  "client_min_messages = 'warning'",
];

/**
 * A mover that is frozen inside of a transaction that writes (a laptop that was closed, a container that was paused)
 * holds its locks: on the row of the move, on the rows and keys that it has written. For so long at most, then the
 * server ends the session. We wait for nothing inside of such a transaction but the server itself. A server that is
 * set to less patience keeps that.
 */
const FROZEN = `select set_config('idle_in_transaction_session_timeout', '60s', true)
  where current_setting('idle_in_transaction_session_timeout')::interval not between '1ms' and '60s'`;

/** One statement that leaves nothing behind. */
const ASKS = /^\s*select\b[^;]*$/i;

/** How much longer than the server's own deadline a reply is waited for. */
const REPLY_GRACE_MS = 5_000;

/** How long a server may send nothing of a table that is being read. It answers no sooner than its query does. */
const SILENCE_MS = 15 * 60_000;

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
  if (!URL.canParse(url)) throw new OutgrowError("TARGET_ADDRESS", { detail: maskPassword(url) });
  const statementMs = options.statementMs ?? 15 * 60_000;
  const pool = new pg.Pool({
    connectionString: url,
    max: 4,
    connectionTimeoutMillis: options.connectMs ?? 10_000,
    // The server ends a statement at its deadline; a server that says nothing at all is not waited for.
    query_timeout: statementMs + REPLY_GRACE_MS,
    keepAlive: true,
    application_name: "outgrow",
  });
  pool.on("error", () => {}); // an idle connection was lost: the next checkout makes a new one
  // For as long as a connection lives: it can be lost between two statements, or in the very piece of the server's
  // answer with which it is handed over, and without a listener that would end the process.
  pool.on("connect", (client) => client.on("error", () => {}));
  const settings = [...SETTINGS, `statement_timeout = ${statementMs}`]
    .map((setting) => `set local ${setting}`)
    .join("; ");
  const database = new PgDatabase(pool, maskPassword(url), settings);
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
  readonly #settings: string;
  #closed = false;

  constructor(pool: Pool, label: string, settings: string) {
    this.#pool = pool;
    this.label = label;
    this.#settings = settings;
  }

  query(text: string, parameters: readonly SqlParameter[] = []): Promise<SqlResult> {
    // What only asks may be asked again: whether its COMMIT came through does not matter.
    if (ASKS.test(text)) return this.#ask(text, parameters);
    return this.transaction((sql) => sql.query(text, parameters));
  }

  /** A question and the transaction around it in one round trip. */
  async #ask(text: string, parameters: readonly SqlParameter[]): Promise<SqlResult> {
    const client = await this.#connect();
    const begin = `begin isolation level read committed, read write; ${this.#settings}`;
    const [, asked, ended] = await together(client, [[begin], [text, parameters], ["commit"]]);
    // A COMMIT that was answered ended the transaction, whatever became of the question.
    client.release(ended?.status !== "fulfilled");
    return answerOf(asked);
  }

  async transaction<R>(
    work: (sql: SqlTransaction) => Promise<R>,
    options: {
      readonly readOnly?: boolean;
      readonly signal?: AbortSignal | undefined;
    } = {},
  ): Promise<R> {
    const { readOnly = false, signal } = options;
    if (signal?.aborted) throw new OutgrowError("INTERRUPTED");
    const client = await this.#connect();
    const begin = readOnly
      ? `begin isolation level repeatable read, read only; ${this.#settings}`
      : `begin isolation level read committed, read write; ${this.#settings}; ${FROZEN}`;
    const sql = new PgTransaction(client, begin);
    let committing = false;
    // Ending the client cuts off what it is waiting for; the server then rolls back. A COMMIT is waited for.
    const interrupt = (): void => {
      if (!committing) void client.end().catch(() => {});
    };
    signal?.addEventListener("abort", interrupt, { once: true });
    let reusable = false;
    try {
      const result = await work(sql);
      // With the client ended a COMMIT would not be sent, which looks as if its reply were lost.
      if (signal?.aborted) throw new OutgrowError("INTERRUPTED");
      committing = true;
      await sql.commit();
      reusable = true;
      return result;
    } catch (error) {
      const lost = OutgrowError.is(error, "TARGET_UNREACHABLE");
      // A connection lost between COMMIT and its reply: the server may have committed or not.
      if (committing && lost && !readOnly) {
        throw new OutgrowError("OUTCOME_UNKNOWN", {}, { cause: error });
      }
      if (!committing && signal?.aborted) {
        throw new OutgrowError("INTERRUPTED", {}, { cause: error });
      }
      reusable = !lost && (await sql.rollback());
      throw error;
    } finally {
      sql.ended = true;
      signal?.removeEventListener("abort", interrupt);
      client.release(!reusable);
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

async function ask(
  client: PoolClient,
  text: string,
  parameters: readonly SqlParameter[] = [],
): Promise<SqlResult & { readonly command: string }> {
  const values = parameters.map((value) =>
    value instanceof Uint8Array ? Buffer.from(value) : value,
  );
  try {
    const result = await client.query({
      text,
      ...(values.length === 0 ? {} : { values }),
      rowMode: "array",
      types: asText as never,
    });
    // Several statements in one text give several results: the last one answers.
    const last = Array.isArray(result) ? result.at(-1) : result;
    return { rows: last.rows, count: last.rowCount ?? last.rows.length, command: last.command };
  } catch (error) {
    throw sqlError(error);
  }
}

type Settled = PromiseSettledResult<SqlResult & { readonly command: string }>;

/** Statements that are sent without waiting for each other's answers. */
async function together(
  client: PoolClient & { pipeline?: boolean },
  statements: readonly (readonly [text: string, parameters?: readonly SqlParameter[]])[],
): Promise<Settled[]> {
  // COPY is not possible in this mode: it is on for these alone.
  client.pipeline = true;
  try {
    return await Promise.allSettled(
      statements.map(([text, parameters]) => ask(client, text, parameters)),
    );
  } finally {
    client.pipeline = false;
  }
}

function answerOf(settled: Settled | undefined): SqlResult {
  if (settled?.status === "fulfilled") return settled.value;
  throw settled?.reason;
}

class PgTransaction implements SqlTransaction {
  ended = false;
  readonly #client: PoolClient;
  /** Not sent yet. */
  #begin: string | undefined;
  #cursors = 0;

  constructor(client: PoolClient, begin: string) {
    this.#client = client;
    this.#begin = begin;
  }

  async #open(): Promise<void> {
    if (this.ended) throw new TypeError("The transaction has ended.");
    const begin = this.#begin;
    this.#begin = undefined;
    if (begin !== undefined) await ask(this.#client, begin);
  }

  async query(text: string, parameters: readonly SqlParameter[] = []): Promise<SqlResult> {
    const begin = this.#begin;
    if (this.ended || begin === undefined || !ASKS.test(text)) {
      await this.#open();
      return ask(this.#client, text, parameters);
    }
    // A question does no harm, should there be no transaction around it after all.
    this.#begin = undefined;
    const [begun, asked] = await together(this.#client, [[begin], [text, parameters]]);
    answerOf(begun);
    return answerOf(asked);
  }

  async commit(): Promise<void> {
    this.ended = true;
    if (this.#begin !== undefined) return;
    const { command } = await ask(this.#client, "commit");
    // After a failed statement COMMIT rolls back, and the server calls that success.
    if (command !== "COMMIT") {
      throw new OutgrowError("TARGET_REFUSED", { detail: "a failed transaction was committed" });
    }
  }

  /** Whether the connection is as good as new afterwards. */
  async rollback(): Promise<boolean> {
    this.ended = true;
    if (this.#begin !== undefined) return true;
    try {
      await ask(this.#client, "rollback");
      return true;
    } catch {
      return false;
    }
  }

  async copyIn(
    table: string,
    columns: readonly string[],
    chunks: readonly Uint8Array[],
  ): Promise<number> {
    await this.#open();
    const { from } = await import("pg-copy-streams");
    const stream = this.#client.query(
      from(`copy ${table} (${columns.join(", ")}) from stdin with (format binary)`),
    );
    const done = new Promise<void>((resolve, reject) => {
      stream.once("finish", resolve);
      // For good: a stream that was given up at its deadline is told once more when its connection ends.
      stream.on("error", reject);
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

  async copyOut(query: string, row: (bytes: Uint8Array) => void): Promise<void> {
    await this.#open();
    await copyOut(this.#client, query, row, SILENCE_MS);
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
