/** Who may open the embedded database, when holders are killed, stopped or silent. */
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { expect, test } from "vitest";
import { openPglite } from "../../src/drivers/pglite/index.ts";
import { codeOf, copied, countOf, folder, HOLD, start } from "./pglite-process.ts";

test("fault F05: two processes, 200 inserts each at once: none is lost", async () => {
  const directory = copied("two");
  const insert = (who: string) =>
    start(
      directory,
      `const db = await openPglite(directory);
       for (let n = 0; n < 200; n++) {
         if (n % 2) await db.query("insert into t values ($1, $2)", ["${who}", String(n)]);
         else await db.transaction((sql) => sql.query("insert into t values ('${who}', " + n + ")"));
       }
       await db[Symbol.asyncDispose]();
       say("done");`,
    );
  const both = [insert("a"), insert("b")];
  for (const one of both) expect(await one.ended).toBe(0);
  expect(await countOf(directory)).toBe("400");
  expect(existsSync(`${directory}.lock`)).toBe(false);
}, 120_000);

test("fault F06: the lock of a dead process is taken over, by one of many", async () => {
  const directory = copied("stale");
  const holder = start(directory, HOLD);
  await holder.said("open");
  holder.child.kill("SIGKILL");
  await holder.ended;
  expect(existsSync(`${directory}.lock`)).toBe(true);
  const many = Array.from({ length: 5 }, (_, n) =>
    start(
      directory,
      `const db = await openPglite(directory);
       await db.query("insert into t values ('x', ${n})");
       await db[Symbol.asyncDispose]();`,
    ),
  );
  for (const one of many) expect(await one.ended).toBe(0);
  expect(await countOf(directory)).toBe("5");
  expect(readdirSync(folder).filter((name) => name.startsWith("stale."))).toEqual([]);
}, 120_000);

test("fault F06: a lock whose process number was given to another process is taken over", async () => {
  const directory = copied("recycled");
  const lock = { host: hostname(), pid: process.pid, started: "1", id: "old", socket: "/none" };
  writeFileSync(`${directory}.lock`, JSON.stringify(lock));
  // Nor does it matter that somebody died while taking it over.
  writeFileSync(`${directory}.lock.old`, JSON.stringify({ ...lock, id: "middle" }));
  expect(await countOf(directory)).toBe("0");
  expect(readdirSync(folder).filter((name) => name.startsWith("recycled."))).toEqual([]);
});

test("fault F06: a lock of another machine, or one that cannot be read, is left alone", async () => {
  const directory = copied("foreign");
  const lock = { host: "elsewhere", pid: 1, started: "1", id: "far", socket: "/none" };
  for (const content of [JSON.stringify(lock), ""]) {
    writeFileSync(`${directory}.lock`, content);
    expect(await codeOf(openPglite(directory))).toBe("DATADIR_LOCKED");
    expect(existsSync(`${directory}.lock`)).toBe(true);
  }
});

test("fault F05: a live holder that does not answer is DATADIR_LOCKED within 2 s", async () => {
  const directory = copied("silent");
  const holder = start(directory, HOLD);
  await holder.said("open");
  holder.child.kill("SIGSTOP");
  const started = performance.now();
  expect(await codeOf(openPglite(directory))).toBe("DATADIR_LOCKED");
  expect(performance.now() - started).toBeLessThan(5_000);
  holder.child.kill("SIGCONT");
  expect(await countOf(directory)).toBe("0");
}, 120_000);

test("fault F07: kill -9 while writing: every acknowledged row is there, no pair is torn", async () => {
  const directory = copied("killed");
  let acknowledged = 0;
  for (let round = 0; round < 3; round++) {
    const writer = start(
      directory,
      `const db = await openPglite(directory);
       for (let n = 0; ; n++) {
         await db.transaction(async (sql) => {
           await sql.query("insert into t values ('${round}', $1)", [String(n)]);
           await sql.query("insert into t values ('${round}', $1)", [String(n)]);
         });
         say("ack " + n);
       }`,
    );
    await writer.said("ack 20");
    await new Promise((resolve) => setTimeout(resolve, round * 37));
    writer.child.kill("SIGKILL");
    await writer.ended;
    const db = await openPglite(directory);
    const { rows } = await db.query(
      "select n, count(*) from t where who = $1 group by n order by n",
      [String(round)],
    );
    await db[Symbol.asyncDispose]();
    const acks = writer.lines.filter((line) => line.startsWith("ack ")).length;
    expect(rows.length).toBeGreaterThanOrEqual(acks);
    expect(rows.length).toBeLessThanOrEqual(acks + 1);
    expect(rows.every(([, copies]) => copies === "2")).toBe(true);
    acknowledged += acks;
  }
  expect(acknowledged).toBeGreaterThan(60);
}, 120_000);
