import { spawn } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import { join } from "node:path";
import { Client } from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { execute, freshDatabase, startPostgres, type TestPostgres } from "./postgres.ts";
import { childrenOf, isAlive } from "./process-table.ts";

const activeSums =
  "select count(*)::int as n from pg_stat_activity where query like 'select sum%' and state = 'active'";

async function query(url: string, text: string, values: readonly unknown[] = []) {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(text, [...values])).rows;
  } finally {
    await client.end();
  }
}

test("support: a fresh database is empty, keeps what it is given, and goes away", async () => {
  const database = await freshDatabase();
  const tables = await query(
    database.url,
    "select count(*)::int as n from pg_tables where schemaname = 'public'",
  );
  expect(tables).toEqual([{ n: 0 }]);
  await execute(database.url, "create table note (id text primary key, body jsonb not null)");
  const body = { text: "naïve ☃ 𝄞", list: [1, null, "two"] };
  await query(database.url, "insert into note values ($1, $2)", ["a", JSON.stringify(body)]);
  expect(await query(database.url, "select id, body from note")).toEqual([{ id: "a", body }]);
  await database.drop();
  await expect(execute(database.url, "select 1")).rejects.toThrow("does not exist");
});

test("support: two fresh databases share no table", async () => {
  const one = await freshDatabase();
  const other = await freshDatabase();
  try {
    await execute(one.url, "create table only_here (id int)");
    await expect(execute(other.url, "select * from only_here")).rejects.toThrow("does not exist");
  } finally {
    await one.drop();
    await other.drop();
  }
});

test("support: the encoding is UTF-8", async () => {
  const database = await freshDatabase();
  const rows = await query(database.url, "show server_encoding");
  await database.drop();
  expect(rows).toEqual([{ server_encoding: "UTF8" }]);
});

let server: TestPostgres;
beforeAll(async () => {
  server = await startPostgres({ work_mem: "5MB" });
});
afterAll(() => server.stop());

test("support: after kill -9 all processes are gone, and committed rows come back", async () => {
  await execute(server.url, "create table kept (id int)");
  await execute(server.url, "insert into kept select generate_series(1, 1000)");
  const postmaster = await postmasterPid(server.url);
  // A backend in the middle of a sum does not notice that its postmaster died.
  const busy = Promise.allSettled([
    execute(server.url, "select sum(n) from generate_series(1, 4000000) as n"),
  ]);
  await expect.poll(() => query(server.url, activeSums)).toEqual([{ n: 1 }]);
  const children = childrenOf(postmaster);
  expect(children.length).toBeGreaterThan(2);

  await server.kill9();
  expect([postmaster, ...children].filter(isAlive)).toEqual([]);
  await busy;
  await expect(execute(server.url, "select 1")).rejects.toThrow("refused");

  await server.restart();
  expect(await query(server.url, "select count(*)::int as n from kept")).toEqual([{ n: 1000 }]);
});

test("support: an orderly restart keeps address, settings and rows", async () => {
  await execute(server.url, "create table if not exists kept_too (id int)");
  const before = await postmasterPid(server.url);
  await server.restart();
  expect(await postmasterPid(server.url)).not.toBe(before);
  expect(await query(server.url, "select * from kept_too")).toEqual([]);
  expect(await query(server.url, "show work_mem")).toEqual([{ work_mem: "5MB" }]);
  expect(await query(server.url, "show max_connections")).toEqual([{ max_connections: "100" }]);
});

test("support: a server that cannot start says why", async () => {
  await expect(startPostgres({ max_connections: "none" })).rejects.toThrow(
    /did not start:[\s\S]*max_connections/,
  );
});

test.each(["SIGTERM", "SIGHUP"] as const)(
  "support: a script that %s ends takes its server along",
  async (signal) => {
    const jiti = createRequire(import.meta.url).resolve("jiti/package.json");
    const script = join(import.meta.dirname, "postgres-process.ts");
    const child = spawn(process.execPath, [join(jiti, "../lib/jiti-cli.mjs"), script], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    const [url] = (await once(child.stdout.setEncoding("utf8"), "data")) as [string];
    const postmaster = await postmasterPid(url.trim());
    expect(isAlive(postmaster)).toBe(true);
    const ended = once(child, "exit");
    child.kill(signal);
    expect(await ended).toEqual([null, signal]);
    await expect.poll(() => isAlive(postmaster), { timeout: 10_000 }).toBe(false);
  },
);

async function postmasterPid(url: string): Promise<number> {
  const [row] = await query(
    url,
    "select split_part(pg_read_file('postmaster.pid'), E'\\n', 1) as pid",
  );
  return Number(row?.["pid"]);
}
