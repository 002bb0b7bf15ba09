/** The embedded database within one process. What several processes do to it: pglite-lock, -attached. */
import { cpSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openPglite } from "../../src/drivers/pglite/index.ts";
import { copyBinary } from "../../src/drivers/postgres/copy-binary.ts";
import type { SqlDatabase } from "../../src/drivers/postgres/database.ts";
import type { OutgrowError } from "../../src/errors.ts";

const folder = mkdtempSync(join(tmpdir(), "pglite-test-"));
const template = join(folder, "template");
let db: SqlDatabase;

beforeAll(async () => {
  await (await openPglite(template))[Symbol.asyncDispose]();
  db = await openPglite(copied("shared"));
}, 60_000);

afterAll(async () => {
  await db[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

function copied(name: string): string {
  const directory = join(folder, name);
  cpSync(template, directory, { recursive: true });
  return directory;
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return await promise.then(
    () => "none",
    (error: OutgrowError) => error.code,
  );
}

const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth);

describe("values", () => {
  test("law W1: every type arrives as Postgres' text, times in UTC, bytes as hex", async () => {
    const { rows, count } = await db.query(
      `select $1::bigint, $2::numeric, $3::timestamptz, $4::bytea, $5::jsonb, $6::int[], $7::bool,
         $8::text, $9::double precision`,
      [
        "9007199254740993",
        "1.10",
        "2020-01-02T03:04:05+02:00",
        new Uint8Array([0, 255]),
        '{"b": 1.0, "a": []}',
        "{1,NULL}",
        "true",
        null,
        "-0",
      ],
    );
    expect(count).toBe(1);
    expect(rows).toEqual([
      [
        "9007199254740993",
        "1.10",
        "2020-01-02 01:04:05+00",
        "\\x00ff",
        '{"a": [], "b": 1.0}',
        "{1,NULL}",
        "t",
        null,
        "-0",
      ],
    ]);
  });

  test("law W1: counts are rows affected, several statements answer with the last", async () => {
    await db.query("create table counted (a int); insert into counted values (1), (2), (3)");
    expect((await db.query("update counted set a = a + 1 where a > $1", ["1"])).count).toBe(2);
    expect(await db.query("select 1; select a from counted order by a limit 1")).toEqual({
      rows: [["1"]],
      count: 1,
    });
    expect((await db.query(" -- nothing\n; /* at * all */")).count).toBe(0);
  });
});

describe("copyIn", () => {
  const types = ["bigint", "text", "json", "boolean", "bytea", "timestamptz"] as const;
  const columns = ["id", "words", "doc", "yes", "raw", "at"];

  test("law W1: a binary stream arrives whole, with NULLs, cut anywhere", async () => {
    await db.query(
      "create table loaded (id bigint, words text, doc json, yes bool, raw bytea, at timestamptz)",
    );
    const stream = Buffer.concat(
      copyBinary(types, [
        [1, "é\n\t\\N", '{"a":1}', true, new Uint8Array([0, 1]), 0],
        [Number.MAX_SAFE_INTEGER, null, null, null, null, null],
      ]),
    );
    const cut = [stream.subarray(0, 5), stream.subarray(5, 40), stream.subarray(40)];
    const stored = await db.transaction((sql) => sql.copyIn("loaded", columns, cut));
    expect(stored).toBe(2);
    expect((await db.query("select * from loaded order by id")).rows).toEqual([
      ["1", "é\n\t\\N", '{"a":1}', "t", "\\x0001", "1970-01-01 00:00:00+00"],
      ["9007199254740991", null, null, null, null, null],
    ]);
  });

  test("law W1: 20,000 rows are counted; a stream that breaks stores none", async () => {
    await db.query("create table many (id bigint, words text)");
    const rows = Array.from({ length: 20_000 }, (_, id) => [id, `row ${id}`]);
    const chunks = copyBinary(["bigint", "text"], rows);
    expect(await db.transaction((sql) => sql.copyIn("many", ["id", "words"], chunks))).toBe(20_000);
    const broken = [Buffer.concat(chunks).subarray(0, 100_001)];
    expect(await codeOf(db.transaction((sql) => sql.copyIn("many", ["id", "words"], broken)))).toBe(
      "RECORD_REFUSED",
    );
    expect((await db.query("select count(*) from many")).rows).toEqual([["20000"]]);
  });
});

describe("transactions", () => {
  test("law W2: a throw rolls back and is rethrown, and the transaction is over", async () => {
    await db.query("create table kept (a int)");
    const thrown = new Error("mine");
    let leaked: { query(text: string): Promise<unknown> } | undefined;
    await expect(
      db.transaction(async (sql) => {
        leaked = sql;
        await sql.query("insert into kept values (1)");
        throw thrown;
      }),
    ).rejects.toBe(thrown);
    await expect(leaked?.query("insert into kept values (2)")).rejects.toThrow(TypeError);
    expect((await db.query("select count(*) from kept")).rows).toEqual([["0"]]);
  });

  test("law W2: a failure that the callback hides does not become a commit", async () => {
    await db.query("create table hidden (a int)");
    const hiding = db.transaction(async (sql) => {
      await sql.query("insert into hidden values (1)");
      await sql.query("select 1/0").catch(() => {});
    });
    expect(await codeOf(hiding)).toBe("TARGET_REFUSED");
    expect((await db.query("select count(*) from hidden")).rows).toEqual([["0"]]);
  });

  test("law W2: they come one after another, queries between them", async () => {
    await db.query("create table counter (n int); insert into counter values (0)");
    const add = () =>
      db.transaction(async (sql) => {
        const { rows } = await sql.query("select n from counter");
        await new Promise((resolve) => setTimeout(resolve, 2));
        await sql.query("update counter set n = $1", [String(Number(rows[0]?.[0]) + 1)]);
      });
    await Promise.all([...Array.from({ length: 20 }, add), db.query("select 1")]);
    expect((await db.query("select n from counter")).rows).toEqual([["20"]]);
  });

  test("law W2: a read-only one cannot write, an aborted one does not begin", async () => {
    const writing = db.transaction((sql) => sql.query("create table no (a int)"), {
      readOnly: true,
    });
    await expect(writing).rejects.toMatchObject({ code: "TARGET_REFUSED", sqlState: "25006" });
    const signal = AbortSignal.abort(new Error("stop"));
    let ran = false;
    const work = async () => {
      ran = true;
    };
    await expect(db.transaction(work, { signal })).rejects.toMatchObject({ code: "INTERRUPTED" });
    expect(ran).toBe(false);
  });

  test("law W2: a cursor yields every row once, in portions, and may be left early", async () => {
    const text = "select i from generate_series(1, $1::int) as t(i) order by i";
    const [sizes, first] = await db.transaction(async (sql) => {
      const lengths: number[] = [];
      for await (const rows of sql.cursor(text, ["10"], 4)) lengths.push(rows.length);
      const left: unknown[] = [];
      for await (const rows of sql.cursor(text, ["10"], 4)) {
        left.push(...rows.flat());
        break;
      }
      return [lengths, left];
    });
    expect(sizes).toEqual([4, 4, 2]);
    expect(first).toEqual(["1", "2", "3", "4"]);
  });

  test("law W2: the database inside its own transaction is a TypeError, not a deadlock", async () => {
    const again = await openPglite(join(folder, "shared"));
    const outcomes = await db.transaction(async (sql) => {
      await sql.query("select 1");
      return await Promise.allSettled([
        db.query("select 1"),
        again.query("select 1"),
        db.transaction(async () => {}),
        again[Symbol.asyncDispose](),
      ]);
    });
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({ status: "rejected", reason: expect.any(TypeError) });
    }
    // What it left running is no longer inside when the transaction has ended.
    let later: Promise<unknown> | undefined;
    await db.transaction(async () => {
      later = new Promise((resolve) => setTimeout(resolve, 30)).then(() => db.query("select 1"));
    });
    await expect(later).resolves.toMatchObject({ count: 1 });
    await again[Symbol.asyncDispose]();
  });
});

describe("faults", () => {
  test("fault F03: after an SQL error the next query works", async () => {
    await db.query("create table once (a int primary key); insert into once values (1)");
    await expect(db.query("insert into once values ($1)", ["1"])).rejects.toMatchObject({
      code: "TARGET_REFUSED",
      sqlState: "23505",
      site: { detail: "SQLSTATE 23505 (constraint once_pkey, table once)" },
    });
    expect(await codeOf(db.query("insert into once values ($1)", ["secret-value"]))).toBe(
      "RECORD_REFUSED",
    );
    expect(await codeOf(db.query("insert into once values ($1)", ["2", "3"]))).toBe(
      "TARGET_REFUSED",
    );
    expect((await db.query("select * from once")).rows).toEqual([["1"]]);
  });

  test("input c-deep: nesting that PGlite does not survive is refused, and it goes on", async () => {
    await db.query("create table docs (doc jsonb)");
    const insert = "insert into docs values ($1)";
    expect(await codeOf(db.query(insert, [nested(100_000)]))).toBe("DEPTH");
    expect(await codeOf(db.query(insert, [` {"a":${nested(1_000)}}`]))).toBe("DEPTH");
    expect(await codeOf(db.transaction((sql) => sql.query(insert, [nested(7_000)])))).toBe("DEPTH");
    await db.query(insert, [nested(1_000)]);
    await db.query(insert, [JSON.stringify(["[".repeat(5_000), '"{'.repeat(5_000)])]);
    expect((await db.query("select count(*) from docs")).rows).toEqual([["2"]]);
  });

  test("law P8: a statement that PGlite drops without a word is not taken for done", async () => {
    const directory = copied("dropped");
    const broken = await openPglite(directory);
    await broken.query("create table docs (doc jsonb)");
    const deep = "insert into docs select (repeat('[', 100000) || repeat(']', 100000))::jsonb";
    expect(await codeOf(broken.query(deep))).toBe("DATADIR_POISONED");
    expect(await codeOf(broken.query("select 1"))).toBe("DATADIR_POISONED");
    const anew = await openPglite(directory);
    expect((await anew.query("select count(*) from docs")).rows).toEqual([["0"]]);
    await anew[Symbol.asyncDispose]();
    await broken[Symbol.asyncDispose]();
  });

  test("law P18: a statement past its deadline is ended; what was committed is there", async () => {
    const directory = copied("late");
    const late = await openPglite(directory, { watchdogMs: 500 });
    await late.query("create table rows_kept (a int); insert into rows_kept values (1)");
    const started = performance.now();
    const endless = "select count(*) from generate_series(1, 1e12)";
    const [first, queued] = await Promise.all([
      codeOf(late.query(endless)),
      codeOf(late.query("select 1")),
    ]);
    expect([first, queued]).toContain("DATADIR_POISONED");
    expect(performance.now() - started).toBeLessThan(3_000);
    const [outcome] = await Promise.allSettled([late.query("select 1")]);
    expect(outcome).toMatchObject({ status: "rejected", reason: { code: "DATADIR_POISONED" } });
    const anew = await openPglite(directory);
    expect((await anew.query("select * from rows_kept")).rows).toEqual([["1"]]);
    await late[Symbol.asyncDispose]();
    expect((await anew.query("select * from rows_kept")).rows).toEqual([["1"]]);
    await anew[Symbol.asyncDispose]();
  });

  test("law W3: a long query does not block the event loop", async () => {
    let ticks = 0;
    const timer = setInterval(() => ticks++, 10);
    const started = performance.now();
    await db.query("select count(*) from generate_series(1, 2000000)");
    clearInterval(timer);
    expect(ticks).toBeGreaterThan((performance.now() - started) / 10 / 4);
    expect(ticks).toBeGreaterThan(5);
  });
});

describe("opening", () => {
  test("fault F06: opened twice in a process it is one database, until both are closed", async () => {
    const directory = copied("twice");
    const [one, two] = await Promise.all([openPglite(directory), openPglite(`${directory}/.`)]);
    await one.query("create table t (a int)");
    await two.query("insert into t values (1)");
    await one[Symbol.asyncDispose]();
    await one[Symbol.asyncDispose]();
    expect(await codeOf(one.query("select 1"))).toBe("STORE_CLOSED");
    expect((await two.query("select * from t")).rows).toEqual([["1"]]);
    expect(existsSync(`${directory}.lock`)).toBe(true);
    const last = two.query("insert into t values (2)");
    await two[Symbol.asyncDispose]();
    await expect(last).resolves.toMatchObject({ count: 1 });
    expect(existsSync(`${directory}.lock`)).toBe(false);
    const three = await openPglite(directory);
    expect((await three.query("select a from t order by a")).rows).toEqual([["1"], ["2"]]);
    // Opened while it closes: the new one waits and then has it all.
    const [four] = await Promise.all([openPglite(directory), three[Symbol.asyncDispose]()]);
    const closing = four[Symbol.asyncDispose]();
    const five = await openPglite(directory);
    await closing;
    expect((await five.query("select count(*) from t")).rows).toEqual([["2"]]);
    await five[Symbol.asyncDispose]();
  });

  test("input c-dir: a folder that cannot be used is told, not left locked", async () => {
    const file = join(template, "PG_VERSION");
    expect(await codeOf(openPglite(file))).toBe("TARGET_REFUSED");
    const other = copied("broken");
    rmSync(join(other, "global"), { recursive: true });
    expect(await codeOf(openPglite(other))).toBe("TARGET_REFUSED");
    expect(existsSync(`${other}.lock`)).toBe(false);
  });
});
