/**
 * A real Postgres for the tests, which can be killed.
 *
 * `freshDatabase` is for nearly every test: an empty database on the run's one server (which
 * `global-setup.ts` starts, or which DATABASE_URL names). `startPostgres` gives a test a server of
 * its own, for faults that would hurt the others.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "pg";
import { endWithProcess, hasEnded } from "./end-with-process.ts";
import { findBinaries, giveToServer, SERVER_ENV, SERVER_USER } from "./postgres-binaries.ts";
import { childrenOf, isAlive } from "./process-table.ts";

/** Names the environment variable that holds the address of the run's server. */
export const SERVER_VARIABLE = "OUTGROW_TEST_POSTGRES";

const START_DEADLINE_MS = 60_000;
const END_DEADLINE_MS = 30_000;

export interface TestPostgres {
  /** Address of its database `postgres`, as a superuser. It stays the same over restarts. */
  readonly url: string;
  /** SIGKILL to the postmaster; resolves when all its children are gone as well. */
  kill9(): Promise<void>;
  /** Starts it again with the same data and address, after an orderly end if it is running. */
  restart(): Promise<void>;
  /** Ends it and removes its data. A second call does nothing. */
  stop(): Promise<void>;
}

/**
 * Makes a new cluster in a temporary folder and starts a server on it.
 *
 * @param settings server settings beyond ours, such as `{ statement_timeout: "5s" }`.
 * @throws Error with the end of the server's log when it does not start.
 */
export async function startPostgres(
  settings: Readonly<Record<string, string>> = {},
): Promise<TestPostgres> {
  const folder = mkdtempSync(join(tmpdir(), "outgrow-postgres-"));
  try {
    giveToServer(folder);
    const { initdb, postgres } = findBinaries(folder);
    createCluster(initdb, join(folder, "data"));
    for (let attempt = 1; ; attempt++) {
      const server = new Server(postgres, folder, await freePort(), settings);
      try {
        await server.start();
        return server;
      } catch (error) {
        // Between our look and Postgres' bind, somebody else may have taken the port.
        if (attempt === 3 || !String(error).includes("could not bind")) throw error;
      }
    }
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

/**
 * Creates an empty UTF-8 database on the run's server.
 *
 * @throws Error when the tests run without `global-setup.ts`, or the server refuses.
 */
export async function freshDatabase(): Promise<{ url: string; drop(): Promise<void> }> {
  const server = process.env[SERVER_VARIABLE];
  if (server === undefined) {
    throw new Error(`${SERVER_VARIABLE} is not set: run the tests with vitest.config.ts.`);
  }
  const name = `outgrow_test_${randomBytes(6).toString("hex")}`;
  await execute(server, `create database ${name} template template0 encoding 'UTF8'`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  return {
    url: url.href,
    drop: () => execute(server, `drop database if exists ${name} with (force)`),
  };
}

/**
 * Runs one statement on a connection of its own.
 *
 * @throws Error that names the server, without its password, and what it answered.
 */
export async function execute(url: string, statement: string): Promise<void> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 20_000 });
  // A server that is killed while we hang up is no news: the statement's own result counts.
  client.on("error", () => {});
  try {
    await client.connect();
    await client.query(statement);
  } catch (cause) {
    const { host } = new URL(url);
    const reason = cause instanceof Error ? cause.message || cause.name : String(cause);
    throw new Error(`The tests' Postgres at ${host} refused "${statement}": ${reason}`, { cause });
  } finally {
    await client.end().catch(() => {});
  }
}

class Server implements TestPostgres {
  readonly url: string;
  readonly #postgres: string;
  readonly #folder: string;
  readonly #arguments: readonly string[];
  #process: ChildProcess | undefined;

  constructor(
    postgres: string,
    folder: string,
    port: number,
    settings: Readonly<Record<string, string>>,
  ) {
    this.#postgres = postgres;
    this.#folder = folder;
    this.url = `postgres://postgres@127.0.0.1:${port}/postgres`;
    const all = {
      listen_addresses: "127.0.0.1",
      port: String(port),
      unix_socket_directories: process.platform === "win32" ? "" : folder,
      max_connections: "100",
      // The tests kill processes, never the machine: what the kernel has, survives.
      fsync: "off",
      ...settings,
    };
    const options = Object.entries(all).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
    this.#arguments = ["-D", join(folder, "data"), ...options];
  }

  async start(): Promise<void> {
    const log = openSync(this.#logFile, "w");
    const process_ = spawn(this.#postgres, this.#arguments, {
      ...SERVER_USER,
      cwd: this.#folder,
      env: SERVER_ENV,
      stdio: ["ignore", log, log],
    });
    closeSync(log);
    this.#process = process_;
    endWithProcess(this);
    const deadline = Date.now() + START_DEADLINE_MS;
    while (!this.#isReady(process_.pid)) {
      if (isOver(process_)) {
        await this.#end("SIGKILL");
        throw new Error(`Postgres did not start:\n${this.#log()}`);
      }
      if (Date.now() > deadline) {
        await this.#end("SIGKILL");
        throw new Error(`Postgres was not ready after ${START_DEADLINE_MS} ms:\n${this.#log()}`);
      }
      await sleep(20);
    }
  }

  async kill9(): Promise<void> {
    const pid = this.#process?.pid;
    if (pid === undefined) throw new Error("This Postgres is not running: it cannot be killed.");
    // Stopped first, so that no child is born between the look and the kill.
    process.kill(pid, "SIGSTOP");
    const children = childrenOf(pid);
    await this.#end("SIGKILL");
    const deadline = Date.now() + END_DEADLINE_MS;
    while (children.some(isAlive)) {
      if (Date.now() > deadline) {
        throw new Error(`Postgres' children outlived it by more than ${END_DEADLINE_MS} ms.`);
      }
      await sleep(10);
    }
  }

  async restart(): Promise<void> {
    await this.#end("SIGINT");
    await this.start();
  }

  async stop(): Promise<void> {
    // An immediate shutdown: the postmaster still ends its children, but writes nothing.
    await this.#end("SIGQUIT");
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 10 });
    // Only now: the tests' process may be told to exit while we wait for the server's end.
    hasEnded(this);
  }

  /** For the end of our own process, which waits for nothing. */
  endAtOnce(): void {
    this.#process?.kill("SIGQUIT");
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 10 });
  }

  get #logFile(): string {
    return join(this.#folder, "server.log");
  }

  #log(): string {
    return readFileSync(this.#logFile, "utf8").trim().split("\n").slice(-20).join("\n");
  }

  /** Line 8 of the postmaster's own pid file says when connections are welcome. */
  #isReady(pid: number | undefined): boolean {
    try {
      const lines = readFileSync(join(this.#folder, "data", "postmaster.pid"), "utf8").split("\n");
      return lines[0] === String(pid) && lines[7]?.trim() === "ready";
    } catch {
      return false;
    }
  }

  async #end(signal: "SIGINT" | "SIGQUIT" | "SIGKILL"): Promise<void> {
    const process_ = this.#process;
    this.#process = undefined;
    if (process_ === undefined || isOver(process_)) return;
    const ended = once(process_, "exit");
    process_.kill(signal);
    const timer = setTimeout(() => process_.kill("SIGKILL"), END_DEADLINE_MS);
    await ended;
    clearTimeout(timer);
  }
}

function isOver(child: ChildProcess): boolean {
  return child.pid === undefined || child.exitCode !== null || child.signalCode !== null;
}

function createCluster(initdb: string, data: string): void {
  const options = ["--encoding=UTF8", "--locale=C", "-U", "postgres", "-A", "trust", "--no-sync"];
  const run = spawnSync(initdb, ["-D", data, ...options], {
    ...SERVER_USER,
    cwd: "/",
    env: SERVER_ENV,
    encoding: "utf8",
  });
  if (run.error !== undefined || run.status !== 0) {
    const reason = run.error?.message ?? run.stderr.trim();
    throw new Error(`initdb failed in ${data} (TMPDIR moves it elsewhere): ${reason}`);
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("There is no free port.");
  return address.port;
}
