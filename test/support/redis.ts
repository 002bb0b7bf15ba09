/**
 * A real Redis for the tests, which can be killed.
 *
 * `freshRedis` is for nearly every test: an empty database of this process' one server, or of the server that
 * REDIS_URL names. `startRedis` gives a test a server of its own, for faults and settings that would hurt the others.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
} from "node:fs";
import { createServer as createHttpServer, type IncomingMessage } from "node:http";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { RedisReplyError, type Reply } from "../../src/drivers/redis/resp.ts";
import { TcpConnection } from "../../src/drivers/redis/tcp.ts";
import { endWithProcess, hasEnded } from "./end-with-process.ts";

const START_DEADLINE_MS = 20_000;
/** How many databases a server of ours has: one for each test that asks. */
const DATABASES = 4096;

export interface TestRedis {
  readonly url: string;
  /** SIGKILL; resolves when it is gone. */
  kill9(): Promise<void>;
  /** Starts it again with the same data, port and settings, after an orderly end if it is running. */
  restart(): Promise<void>;
  /** Stops and continues it, as a machine that hangs. */
  signal(signal: "SIGSTOP" | "SIGCONT"): void;
  /** Ends it and removes its data. A second call does nothing. */
  stop(): Promise<void>;
}

/**
 * Starts a server in a temporary folder.
 *
 * @param settings such as `{ appendonly: "no" }`; by default it logs every write before it answers.
 * @throws Error with the end of the server's log when it does not start, or with what to install.
 */
export async function startRedis(
  settings: Readonly<Record<string, string>> = {},
): Promise<TestRedis> {
  const folder = mkdtempSync(join(tmpdir(), "outgrow-redis-"));
  try {
    const server = new Server(findBinary(), folder, await freePort(), settings);
    await server.start();
    return server;
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

let shared: Promise<TestRedis> | undefined;
let databases = 0;

/**
 * An empty database of a server that loses nothing. Of the server that REDIS_URL names it is the database in that
 * address, emptied: only name one whose content may go.
 */
export async function freshRedis(): Promise<{ readonly url: string; drop(): Promise<void> }> {
  const given = process.env["REDIS_URL"];
  if (given === undefined) shared ??= startRedis();
  const url = given ?? `${(await shared)?.url}/${databases++ % DATABASES}`;
  const empty = async (): Promise<void> => {
    await using connection = new TcpConnection(url);
    await connection.send([["FLUSHDB"]]);
  };
  await empty();
  return { url, drop: empty };
}

function findBinary(): string {
  for (const folder of (process.env["PATH"] ?? "").split(delimiter)) {
    const path = join(folder, "redis-server");
    if (folder !== "" && existsSync(path)) return path;
  }
  return unpackedBinary();
}

/** Debian's packages, unpacked without being installed: needs no rights. */
function unpackedBinary(): string {
  const folder = join(tmpdir(), "outgrow-redis-packages");
  const binary = join(folder, "usr", "bin", "redis-server");
  if (existsSync(binary)) return binary;
  mkdirSync(folder, { recursive: true });
  try {
    const options = { cwd: folder, stdio: "ignore", timeout: 60_000 } as const;
    execFileSync("apt-get", ["download", "redis-server", "redis-tools"], options);
    for (const file of readdirSync(folder).filter((name) => name.endsWith(".deb"))) {
      execFileSync("dpkg", ["-x", file, folder], options);
    }
    if (existsSync(binary)) return binary;
  } catch {
    // Said below, with what to do about it.
  }
  throw new Error(
    "The tests need a Redis 6.2 or newer: install redis-server (apt-get install redis-server, brew install redis), or set REDIS_URL to a server whose data may be deleted.",
  );
}

class Server implements TestRedis {
  readonly url: string;
  readonly #binary: string;
  readonly #folder: string;
  readonly #arguments: readonly string[];
  #process: ChildProcess | undefined;

  constructor(
    binary: string,
    folder: string,
    port: number,
    settings: Readonly<Record<string, string>>,
  ) {
    this.#binary = binary;
    this.#folder = folder;
    this.url = `redis://127.0.0.1:${port}`;
    const all = {
      bind: "127.0.0.1",
      port: String(port),
      dir: folder,
      databases: String(DATABASES),
      save: "",
      appendonly: "yes",
      appendfsync: "always",
      ...settings,
    };
    this.#arguments = Object.entries(all).flatMap(([name, value]) => [`--${name}`, value]);
  }

  async start(): Promise<void> {
    const log = openSync(this.#logFile, "w");
    const process_ = spawn(this.#binary, this.#arguments, {
      cwd: this.#folder,
      stdio: ["ignore", log, log],
      // Its own group: a child that rewrites the log ends, stops and goes on with it.
      detached: true,
    });
    process_.on("error", () => {});
    closeSync(log);
    this.#process = process_;
    endWithProcess(this);
    const deadline = Date.now() + START_DEADLINE_MS;
    while (!readFileSync(this.#logFile, "utf8").includes("Ready to accept connections")) {
      if (process_.exitCode !== null || process_.pid === undefined || Date.now() > deadline) {
        await this.#end("SIGKILL");
        const lines = readFileSync(this.#logFile, "utf8").trim().split("\n").slice(-10);
        throw new Error(`Redis did not start:\n${lines.join("\n")}`);
      }
      await sleep(10);
    }
  }

  get #logFile(): string {
    return join(this.#folder, "server.log");
  }

  async kill9(): Promise<void> {
    if (this.#process === undefined) throw new Error("This Redis is not running.");
    await this.#end("SIGKILL");
  }

  async restart(): Promise<void> {
    await this.#end("SIGTERM");
    await this.start();
  }

  signal(signal: "SIGSTOP" | "SIGCONT"): void {
    signalGroup(this.#process, signal);
  }

  async stop(): Promise<void> {
    await this.#end("SIGKILL");
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 10 });
    hasEnded(this);
  }

  /** For the end of our own process, which waits for nothing. */
  endAtOnce(): void {
    signalGroup(this.#process, "SIGKILL");
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 10 });
  }

  async #end(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    const process_ = this.#process;
    this.#process = undefined;
    const isOver = process_?.exitCode !== null || process_.signalCode !== null;
    if (process_ === undefined || process_.pid === undefined || isOver) return;
    const ended = once(process_, "exit");
    signalGroup(process_, signal);
    await ended;
  }
}

function signalGroup(leader: ChildProcess | undefined, signal: NodeJS.Signals): void {
  if (leader?.pid === undefined) return;
  try {
    process.kill(-leader.pid, signal);
  } catch (error) {
    // It is gone already.
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** What Upstash takes in one request. */
const REQUEST_BYTES = 1024 * 1024;

export interface RestProxy extends AsyncDisposable {
  readonly url: string;
  readonly token: string;
  /** Requests so far, and the largest of them in bytes. */
  readonly seen: { requests: number; largest: number };
  /** Set to do a request and lose its answer: once. */
  cut: "before" | "after" | undefined;
  /** Set to do so with every so manieth request, by turns before and after it: 0 for none. */
  cutEvery: number;
}

/** Speaks Upstash's protocol over a real Redis: POST to / and /pipeline, a bearer token, a limit on requests. */
export async function restProxy(redisUrl: string): Promise<RestProxy> {
  const connection = new TcpConnection(redisUrl);
  const token = "secret-token";
  const server = createHttpServer(async (request, response) => {
    const body = await bodyOf(request);
    const answer = (status: number, value: unknown): void => {
      response.writeHead(status, { "content-type": "application/json" });
      response.end(JSON.stringify(value));
    };
    proxy.seen.requests++;
    proxy.seen.largest = Math.max(proxy.seen.largest, body.length);
    if (request.headers.authorization !== `Bearer ${token}`) {
      return answer(401, { error: "Unauthorized" });
    }
    if (body.length > REQUEST_BYTES) {
      return answer(400, { error: "ERR max request size exceeded" });
    }
    const { cutEvery, seen } = proxy;
    const turn = cutEvery > 0 && seen.requests % cutEvery === 0 ? seen.requests / cutEvery : 0;
    const cut = turn > 0 ? (turn % 2 === 0 ? "before" : "after") : proxy.cut;
    proxy.cut = undefined;
    if (cut === "before") return request.socket.destroy();
    const isMany = request.url === "/pipeline";
    const sent = JSON.parse(body.toString()) as unknown[];
    const commands = (isMany ? sent : [sent]) as (string | number)[][];
    const replies = await connection.send(commands.map((command) => command.map(String)));
    if (cut === "after") return request.socket.destroy();
    const results = replies.map((reply: Reply) =>
      reply instanceof RedisReplyError ? { error: reply.message } : { result: reply },
    );
    answer(
      !isMany && replies[0] instanceof RedisReplyError ? 400 : 200,
      isMany ? results : results[0],
    );
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const proxy: RestProxy = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    token,
    seen: { requests: 0, largest: 0 },
    cut: undefined,
    cutEvery: 0,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await connection[Symbol.asyncDispose]();
    },
  };
  return proxy;
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
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
