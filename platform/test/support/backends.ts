/** The stores that a ledger can lie in, each real, and each with a way around the ledger for what tests plant or ask. */
import { PGlite } from "@electric-sql/pglite";
import pg from "pg";
import { TcpConnection } from "../../../src/drivers/redis/tcp.ts";
import { freshDatabase } from "../../../test/support/postgres.ts";
import { freshRedis } from "../../../test/support/redis.ts";
import {
  type Credits,
  installCredits,
  type LedgerOptions,
  postgresCredits,
  type RedisConnection,
  redisCommands,
  redisCredits,
  type SqlConnection,
} from "../../src/credits/index.ts";

export interface Place extends AsyncDisposable {
  readonly name: "postgres" | "pglite" | "redis";
  open(options?: LedgerOptions): Promise<Credits>;
  /** Sets a hold's end to the past of the store's clock. */
  lapse(account: string, hold: string, tenant?: string): Promise<void>;
  /** Writes over what is stored as available, as somebody else's code would. */
  overwrite(account: string, available: number, tenant?: string): Promise<void>;
}

export interface SqlPlace extends Place {
  readonly sql: SqlConnection;
}

export interface PostgresPlace extends SqlPlace {
  readonly url: string;
  readonly pool: pg.Pool;
}

export interface RedisPlace extends Place {
  readonly url: string;
  readonly connection: RedisConnection;
}

export async function postgresPlace(max = 20): Promise<PostgresPlace> {
  const { url, drop } = await freshDatabase();
  const pool = poolOf(url, max);
  await installCredits(pool);
  return {
    ...sqlPlace("postgres", pool),
    url,
    pool,
    async [Symbol.asyncDispose]() {
      await pool.end();
      await drop();
    },
  };
}

/** A pool that gives connections up where they end, as an app's does. */
export function poolOf(url: string, max = 20, options?: string): pg.Pool {
  const pool = new pg.Pool({
    connectionString: url,
    max,
    ...(options === undefined ? {} : { options }),
  });
  pool.on("error", () => {});
  pool.on("connect", (client) => {
    client.on("error", () => {});
  });
  return pool;
}

export async function pglitePlace(): Promise<SqlPlace> {
  const database = await PGlite.create();
  await installCredits(database);
  return {
    ...sqlPlace("pglite", database),
    async [Symbol.asyncDispose]() {
      await database.close();
    },
  };
}

function sqlPlace(
  name: "postgres" | "pglite",
  sql: SqlConnection,
): Omit<SqlPlace, typeof Symbol.asyncDispose> {
  return {
    name,
    sql,
    open: async (options) => postgresCredits(sql, options),
    async lapse(account, hold, tenant = "default") {
      await sql.query(
        `update credits.hold set expires_at = clock_timestamp() - interval '1 hour'
         where account = $1 and id = $2 and tenant = $3`,
        [account, hold, tenant],
      );
    },
    async overwrite(account, available, tenant = "default") {
      await sql.query("update credits.account set available = $2 where id = $1 and tenant = $3", [
        account,
        String(available),
        tenant,
      ]);
    },
  };
}

export async function redisPlace(): Promise<RedisPlace> {
  const { url, drop } = await freshRedis();
  const tcp = new TcpConnection(url);
  const connection = redisCommands(tcp);
  return {
    name: "redis",
    url,
    connection,
    open: (options) => redisCredits(connection, options),
    async lapse(account, hold, tenant = "default") {
      // Only what is open has an end.
      const deadlines = `{${tenant}}:credits-deadlines:${account}`;
      await connection.command(["ZADD", deadlines, "XX", "1", hold]);
      await connection.command(["ZADD", `{${tenant}}:credits-due`, "XX", "1", account]);
    },
    async overwrite(account, available, tenant = "default") {
      await connection.command(["SET", `{${tenant}}:credits:${account}`, String(available)]);
    },
    async [Symbol.asyncDispose]() {
      await tcp[Symbol.asyncDispose]();
      await drop();
    },
  };
}

interface Kind {
  readonly name: Place["name"];
  readonly start: () => Promise<Place>;
}

/** Where many clients come at once. */
export const SERVERS: readonly Kind[] = [
  { name: "postgres", start: postgresPlace },
  { name: "redis", start: redisPlace },
];

/** The embedded one among them: it has the Postgres' SQL, and takes seconds to start. */
export const PLACES: readonly Kind[] = [...SERVERS, { name: "pglite", start: pglitePlace }];
