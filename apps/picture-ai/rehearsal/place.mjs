/**
 * Where the app's data moves to: a Postgres server of the rehearsal's own, which can be frozen, cut off and killed; the
 * embedded one; or whatever an address names.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createJiti } from "jiti";
import pg from "pg";

const root = fileURLToPath(new URL("../../..", import.meta.url));

/** @param kind `postgres`, `redis`, `pglite`, or an address. */
export async function openPlace(kind, folder) {
  if (kind === "redis") return openRedis();
  if (kind !== "postgres") {
    const address = kind === "pglite" ? `pglite:${join(folder, "postgres")}` : kind;
    return { address, server: undefined, stop: async () => {} };
  }
  const jiti = createJiti(import.meta.url);
  const { startPostgres } = await jiti.import(join(root, "test/support/postgres.ts"));
  const { childrenOf } = await jiti.import(join(root, "test/support/process-table.ts"));
  const postgres = await startPostgres();
  const server = new Server(postgres, childrenOf);
  return {
    address: postgres.url,
    server,
    stop: async () => {
      server.thaw();
      await postgres.stop();
    },
  };
}

async function openRedis() {
  const jiti = createJiti(import.meta.url);
  const { startRedis } = await jiti.import(join(root, "test/support/redis.ts"));
  const { TcpConnection } = await jiti.import(join(root, "src/drivers/redis/tcp.ts"));
  const redis = await startRedis();
  const server = {
    async cut() {
      const connection = new TcpConnection(redis.url);
      const command = ["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"];
      const [count] = await connection.send([command]);
      await connection[Symbol.asyncDispose]();
      return Number(count);
    },
    freeze: async () => redis.signal("SIGSTOP"),
    thaw: () => redis.signal("SIGCONT"),
    async crash() {
      await redis.kill9();
      await redis.restart();
    },
  };
  return { address: redis.url, server, stop: () => redis.stop() };
}

class Server {
  #postgres;
  #childrenOf;
  #frozen = [];

  constructor(postgres, childrenOf) {
    this.#postgres = postgres;
    this.#childrenOf = childrenOf;
  }

  async #ask(text) {
    const client = new pg.Client(this.#postgres.url);
    client.on("error", () => {});
    await client.connect();
    try {
      return (await client.query(text)).rows;
    } finally {
      await client.end();
    }
  }

  /** Ends all connections to it. @returns how many. */
  async cut() {
    const [row] = await this.#ask(
      `select count(pg_terminate_backend(pid)) as cut from pg_stat_activity
       where datname = current_database() and pid <> pg_backend_pid()`,
    );
    return Number(row.cut);
  }

  /** Stops all of its processes where they are: connections stay open, and nothing answers. */
  async freeze() {
    const [{ folder }] = await this.#ask("select current_setting('data_directory') as folder");
    const [first] = readFileSync(join(folder, "postmaster.pid"), "utf8").split("\n");
    // The first one first: then none is born any more.
    this.#stop(Number(first));
    for (const pid of this.#childrenOf(Number(first))) this.#stop(pid);
  }

  #stop(pid) {
    process.kill(pid, "SIGSTOP");
    this.#frozen.push(pid);
  }

  thaw() {
    for (const pid of this.#frozen.splice(0)) {
      try {
        process.kill(pid, "SIGCONT");
      } catch {
        // It has ended.
      }
    }
  }

  /** kill -9 of the whole server, and its start on what is there. */
  async crash() {
    await this.#postgres.kill9();
    await this.#postgres.restart();
  }
}
