/** The embedded database of another process: attached to, left, handed over. */
import { existsSync } from "node:fs";
import { expect, test } from "vitest";
import { openPglite } from "../../src/drivers/pglite/index.ts";
import { copyBinary } from "../../src/drivers/postgres/copy-binary.ts";
import { codeOf, copied, countOf, HOLD, start } from "./pglite-process.ts";

test("fault F05: an attached process has the whole database: values, COPY, cursor, errors", async () => {
  const directory = copied("attached");
  const holder = start(directory, HOLD);
  await holder.said("open");
  const db = await openPglite(directory);
  const bytes = new Uint8Array([1, 0, 255]);
  expect((await db.query("select $1::bytea, $2::text", [bytes, null])).rows).toEqual([
    ["\\x0100ff", null],
  ]);
  const chunks = copyBinary(
    ["text", "integer"],
    Array.from({ length: 3_000 }, (_, n) => [n % 2 ? null : "é".repeat(100), n]),
  );
  const portions = await db.transaction(async (sql) => {
    expect(await sql.copyIn("t", ["who", "n"], chunks)).toBe(3_000);
    const sizes: number[] = [];
    for await (const rows of sql.cursor("select n from t", [], 1_000)) sizes.push(rows.length);
    return sizes;
  });
  expect(portions).toEqual([1_000, 1_000, 1_000]);
  await expect(db.query("select 1/$1::int", ["0"])).rejects.toMatchObject({
    code: "RECORD_REFUSED",
    sqlState: "22012",
    site: { detail: "SQLSTATE 22012" },
  });
  expect(await codeOf(db.query("select $1", ["[".repeat(2_000)]))).toBe("DEPTH");
  expect((await db.query("select count(*) from t where who is null")).rows).toEqual([["1500"]]);
  await db[Symbol.asyncDispose]();
  expect(existsSync(`${directory}.lock`)).toBe(true);
}, 120_000);

test("fault F05: an attached process killed inside a transaction is rolled back", async () => {
  const directory = copied("left");
  const db = await openPglite(directory);
  const client = start(
    directory,
    `const db = await openPglite(directory);
     await db.transaction(async (sql) => {
       await sql.query("insert into t values ('left', 1)");
       say("inserted");
       await sleep(60_000);
     });`,
  );
  await client.said("inserted");
  const waiting = db.query("select count(*) from t"); // gets its turn when the client is gone
  client.child.kill("SIGKILL");
  expect((await waiting).rows).toEqual([["0"]]);
  await db[Symbol.asyncDispose]();
}, 120_000);

test("fault F05: a transaction that an attached process leaves alone is rolled back", async () => {
  const directory = copied("idle");
  const db = await openPglite(directory, { idleMs: 200 });
  const client = start(
    directory,
    `const db = await openPglite(directory);
     const work = db.transaction(async (sql) => {
       await sql.query("insert into t values ('idle', 1)");
       await sleep(600);
     });
     await work.catch((error) => say(error.code));
     say("then " + (await db.query("select count(*) from t")).rows[0][0]);`,
  );
  await client.ended;
  expect(client.lines).toEqual(["TIMEOUT", "then 0"]);
  await db[Symbol.asyncDispose]();
}, 120_000);

test("fault F05: when the holder closes, the attached go on, one of them as the holder", async () => {
  const directory = copied("handed-over");
  const holder = start(directory, HOLD);
  await holder.said("open");
  const db = await openPglite(directory);
  const other = start(
    directory,
    `const db = await openPglite(directory);
     for (let n = 0; n < 300; n++) {
       await db.query("insert into t values ('other', " + n + ")");
       if (n === 20) say("under way");
     }
     await db[Symbol.asyncDispose]();
     say("done");`,
  );
  await other.said("under way");
  let inserted = 0;
  holder.child.stdin?.write("close");
  while (!other.lines.includes("done")) {
    await db.query("insert into t values ('mine', 1)");
    inserted++;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  expect(await holder.ended).toBe(0);
  const { rows } = await db.query("select who, count(*) from t group by who order by who");
  expect(rows).toEqual([
    ["mine", String(inserted)],
    ["other", "300"],
  ]);
  await db[Symbol.asyncDispose]();
}, 120_000);

test("fault F05: a holder that closes waits for the transaction of an attached process", async () => {
  const directory = copied("awaited");
  const holder = start(
    directory,
    `const db = await openPglite(directory);
     say("open");
     await sleep(500);
     say("closing");
     await db[Symbol.asyncDispose]();`,
  );
  await holder.said("open");
  const db = await openPglite(directory);
  await db.transaction(async (sql) => {
    await sql.query("insert into t values ('kept', 1)");
    await holder.said("closing");
    await new Promise((resolve) => setTimeout(resolve, 200));
    await sql.query("insert into t values ('kept', 2)");
  });
  expect(await holder.ended).toBe(0);
  expect((await db.query("select count(*) from t")).rows).toEqual([["2"]]);
  await db[Symbol.asyncDispose]();
}, 120_000);

test("fault F05: when the holder is killed, what was under way fails, what follows works", async () => {
  const directory = copied("orphaned");
  const holder = start(directory, HOLD);
  await holder.said("open");
  const db = await openPglite(directory);
  await db.query("insert into t values ('acknowledged', 1)");
  const underway = db.transaction(async (sql) => {
    await sql.query("insert into t values ('lost', 1)");
    holder.child.kill("SIGKILL");
    await holder.ended;
    await sql.query("insert into t values ('lost', 2)");
  });
  expect(await codeOf(underway)).toBe("TARGET_UNREACHABLE");
  expect((await db.query("select who from t")).rows).toEqual([["acknowledged"]]);
  await db[Symbol.asyncDispose]();
}, 120_000);

test("fault F05: a holder that has to end its engine tells the attached, who go on", async () => {
  const directory = copied("ended");
  const holder = start(directory, HOLD.replace("(directory)", "(directory, { watchdogMs: 400 })"));
  await holder.said("open");
  const db = await openPglite(directory);
  const endless = "select count(*) from generate_series(1, 1e12)";
  expect(await codeOf(db.query(endless))).toBe("DATADIR_POISONED");
  expect((await db.query("select count(*) from t")).rows).toEqual([["0"]]);
  await db[Symbol.asyncDispose]();
}, 120_000);

test("law W3: neither an open database nor an attached one keeps a process from ending", async () => {
  const directory = copied("forgotten");
  const holder = start(directory, HOLD);
  await holder.said("open");
  const query = `const db = await openPglite(directory); await db.query("select 1");`;
  expect(await start(directory, query).ended).toBe(0);
  holder.child.kill("SIGKILL");
  await holder.ended;
  expect(await start(directory, query).ended).toBe(0);
  expect(await countOf(directory)).toBe("0");
}, 120_000);
