/**
 * The servers to measure against: those that DATABASE_URL and REDIS_URL name, else the tests' own, started with stock
 * settings. Databases are made and dropped on them; nothing else of theirs is touched.
 */
import { createJiti } from "jiti";
import pg from "pg";
import { parentOf } from "./machine.mjs";

const jiti = createJiti(import.meta.url);

export async function withClient(url, work) {
  const client = new pg.Client({ connectionString: url });
  client.on("error", () => {});
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

export class Postgres {
  isOwn = false;
  url;
  version;
  processes = [];
  #server;
  #mark = `outgrow_bench_${process.pid}`;
  #made = new Set();

  async start() {
    this.url = process.env.DATABASE_URL;
    if (!this.url) {
      const { startPostgres } = await jiti.import("../test/support/postgres.ts");
      // What the tests switch off is what people have on.
      this.#server = await startPostgres({ fsync: "on" });
      this.isOwn = true;
      this.url = this.#server.url;
    }
    await withClient(this.url, async (client) => {
      const { rows } = await client.query(
        "select current_setting('server_version') as version, pg_backend_pid() as id",
      );
      this.version = rows[0].version;
      const server = parentOf(rows[0].id);
      if (server !== undefined && server > 1) this.processes = [server];
    });
  }

  #name(name) {
    return `${this.#mark}_${name}`;
  }

  urlOf(name) {
    const url = new URL(this.url);
    url.pathname = this.#name(name);
    return url.href;
  }

  /** An empty database, or a copy of another one of ours. What earlier work left to write is written first. */
  async fresh(name, template) {
    await withClient(this.url, async (client) => {
      await client.query(`drop database if exists ${this.#name(name)} with (force)`);
      const from = template === undefined ? "template0 encoding 'UTF8'" : this.#name(template);
      await client.query(`create database ${this.#name(name)} template ${from}`);
      this.#made.add(this.#name(name));
      await client.query("checkpoint");
    });
    return this.urlOf(name);
  }

  async stop() {
    if (this.#server !== undefined) return this.#server.stop();
    await withClient(this.url, async (client) => {
      for (const name of this.#made) {
        await client.query(`drop database if exists ${name} with (force)`);
      }
    });
  }
}

export class Redis {
  url;
  version;
  processes = [];
  #server;
  #command;

  async start() {
    const { TcpConnection } = await jiti.import("../src/drivers/redis/tcp.ts");
    this.#command = async (...words) => {
      const connection = new TcpConnection(this.url);
      try {
        return (await connection.send([words]))[0];
      } finally {
        await connection[Symbol.asyncDispose]();
      }
    };
    this.url = process.env.REDIS_URL;
    if (!this.url) {
      const { startRedis } = await jiti.import("../test/support/redis.ts");
      this.#server = await startRedis({ appendfsync: "everysec" });
      this.url = this.#server.url;
    }
    const info = String(await this.#command("INFO", "server"));
    this.version = /redis_version:(\S+)/.exec(info)?.[1];
    const id = /process_id:(\d+)/.exec(info)?.[1];
    if (id !== undefined && parentOf(Number(id)) !== undefined) this.processes = [Number(id)];
  }

  /** Emptied: of a server that REDIS_URL names, the database in that address. */
  async fresh() {
    await this.#command("FLUSHDB");
    return this.url;
  }

  async stop() {
    await this.#server?.stop();
  }
}
