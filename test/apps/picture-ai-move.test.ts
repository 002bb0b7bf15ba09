/**
 * PictureAi leaves its `data/database.json` for the tables of its seed, which are there already and stay as they are:
 * whole numbers are the keys, and the tables' own sequences go on behind them.
 */
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { canonicalText } from "../../src/collection/canonical.ts";
import type { Value } from "../../src/collection/value.ts";
import { type CopyResult, copy } from "../../src/transfer/copy.ts";
import { exportMove } from "../../src/transfer/export.ts";
import { verify } from "../../src/transfer/verify.ts";
import { type Workplace, workplace } from "../support/moving.ts";
import { sql } from "../support/sql.ts";
import { PICTURE_AI } from "./layouts-picture-ai.ts";
import { pictureAi } from "./picture-ai.ts";
import type { Row } from "./random.ts";
import { contentsOf, countBy, SCHEMA } from "./seen-by-sql.ts";

const RECORDS = 10_000;
const TABLES = ["credit_packages", "transactions", "users"];
const LISTS = ["users", "transactions", "creditPackages"] as const;

/** All that the database says of tables with these names: inference makes one beside them. */
const SAID = `
  select 'column' as kind, to_jsonb(c)::text as said from information_schema.columns c
    where table_schema = 'public' and table_name = any($1)
  union all select 'index', to_jsonb(i)::text from pg_indexes i where schemaname = 'public' and tablename = any($1)
  union all select 'constraint', concat_ws(' ', c.relname, k.conname, pg_get_constraintdef(k.oid))
    from pg_constraint k join pg_class c on c.oid = k.conrelid where c.relname = any($1)
  union all select 'trigger', tgname::text from pg_trigger where not tgisinternal
  order by 1, 2`;

const canonical = (value: unknown): string => canonicalText(value as Value);
const isWhole = (value: unknown): value is number => Number.isInteger(value);
const isIso = (value: unknown): value is string => typeof value === "string" && value.endsWith("Z");
/** Milliseconds of a time in either spelling: SQLite's is UTC too. */
const timeOf = (value: unknown): number =>
  Date.parse(isIso(value) ? value : `${String(value).replace(" ", "T")}Z`);
/** What a text column holds. */
const isClean = (value: unknown): value is string =>
  typeof value === "string" && value.isWellFormed() && !value.includes("\u0000");

/** Sums by name. */
function sumBy(rows: readonly Row[], name: (row: Row) => unknown, of: (row: Row) => number) {
  const sums: Record<string, number> = {};
  for (const row of rows) {
    const at = String(name(row));
    sums[at] = (sums[at] ?? 0) + of(row);
  }
  return sums;
}

describe("PictureAi's JSON file in the tables of its seed", () => {
  const text = pictureAi({ records: RECORDS });
  const source = JSON.parse(text) as Record<(typeof LISTS)[number], Row[]> & Record<string, number>;
  /** A key of another type than the column's is set aside: `"18"` may be another user than 18. */
  const kept = (rows: readonly Row[]): Row[] => rows.filter(({ id }) => isWhole(id));
  const users = kept(source.users);
  const transactions = kept(source.transactions);
  const packages = source.creditPackages;

  let place: Workplace;
  let path: string;
  let copied: CopyResult;
  let schema: readonly object[];
  let everything: readonly object[];
  const ask = <T extends object>(query: string, values?: unknown[]): Promise<T[]> =>
    sql<T>(place.url, query, values);
  /** Name -> number, of a query for such pairs. */
  const pairs = async (query: string): Promise<Record<string, number>> => {
    const rows = await ask<{ name: string | number | null; number: number }>(query);
    return Object.fromEntries(rows.map(({ name, number }) => [String(name), number]));
  };

  beforeAll(async () => {
    place = await workplace();
    await ask(readFileSync(new URL("./picture-ai.sql", import.meta.url), "utf8"));
    schema = await ask(SAID, [TABLES]);
    everything = await ask(SCHEMA);
    path = await place.file("database.json", text);
    copied = await copy(path, place.target, { bind: PICTURE_AI });
  });
  afterAll(() => place[Symbol.asyncDispose]());

  it("has every record, but for those whose id is text", async () => {
    const read = LISTS.reduce((sum, name) => sum + source[name].length, 0);
    expect(read).toBe(RECORDS);
    for (const name of LISTS) {
      const quarantined = source[name].length - kept(source[name]).length;
      expect(copied.counts[name], name).toEqual({
        read: source[name].length,
        applied: source[name].length - quarantined,
        duplicate: 0,
        stale: 0,
        quarantined,
      });
    }
    const quarantine = await place.target.ledger.quarantined(copied.move);
    expect(
      quarantine.map(({ collection, code, position }) => [collection, code, position]),
    ).toEqual(
      (["users", "transactions"] as const).flatMap((name) =>
        source[name].flatMap(({ id }, at) => (isWhole(id) ? [] : [[name, "KEY_TYPE", at]])),
      ),
    );
    expect(quarantine.length).toBeGreaterThan(150);
    expect(quarantine.length).toBeLessThan(220);
  });

  it("keeps in the rest what the columns cannot hold, and counts it", () => {
    const count = (rows: readonly Row[], is: (row: Row) => boolean): number =>
      rows.filter(is).length;
    const isSql = (value: unknown): boolean => typeof value === "string" && !isIso(value);
    expect(
      copied.spills.map(({ collection, column, code, count: many }) => [
        collection,
        column,
        code,
        many,
      ]),
    ).toEqual([
      [
        "creditPackages",
        "is_active",
        "TYPE_MISMATCH",
        count(packages, (row) => row["is_active"] === 1),
      ],
      [
        "transactions",
        "amount",
        "NUM_FRACTION",
        count(transactions, ({ amount }) => typeof amount === "number" && !isWhole(amount)),
      ],
      [
        "transactions",
        "created_at",
        "RULE_ISO-TIMESTAMP",
        count(transactions, (row) => isSql(row["created_at"])),
      ],
      [
        "transactions",
        "prompt",
        "STR_NUL",
        count(transactions, ({ prompt }) => String(prompt).includes("\u0000")),
      ],
      [
        "transactions",
        "prompt",
        "STR_SURROGATE",
        count(transactions, ({ prompt }) => !String(prompt).isWellFormed()),
      ],
      [
        "transactions",
        "user_id",
        "TYPE_MISMATCH",
        count(transactions, (row) => !isWhole(row["user_id"])),
      ],
      [
        "users",
        "created_at",
        "RULE_ISO-TIMESTAMP",
        count(users, (row) => isSql(row["created_at"])),
      ],
      [
        "users",
        "last_login",
        "RULE_ISO-TIMESTAMP",
        count(users, (row) => isSql(row["last_login"])),
      ],
    ]);
  });

  it("verifies clean", async () => {
    const { clean, collections, differences } = await verify(path, place.target);
    expect({ clean, differences }).toEqual({ clean: true, differences: [] });
    expect(Object.fromEntries(collections.map(({ name, equal }) => [name, equal]))).toEqual({
      users: users.length,
      transactions: transactions.length,
      creditPackages: packages.length,
      document: 1,
    });
  });

  it("gives the file back, record by record", async () => {
    const out = join(place.folder, "exported.json");
    const { format } = await exportMove(place.target, out, { move: copied.move });
    expect(format).toBe("json");
    const { users: _u, transactions: _t, creditPackages: _c, ...counters } = source;
    const exported = JSON.parse(await readFile(out, "utf8")) as typeof source;
    expect(Object.keys(exported)).toEqual(Object.keys(source));
    expect(exported).toMatchObject(counters);
    for (const name of LISTS) {
      expect(exported[name].map(canonical), name).toEqual(kept(source[name]).map(canonical));
    }
  });

  it("answers by SQL what users bought and used", async () => {
    // Some user ids are text too: those transactions are nobody's until somebody looks at them.
    const owner = (row: Row): unknown => (isWhole(row["user_id"]) ? row["user_id"] : null);
    const credits = sumBy(transactions, owner, (row) => row["credits"] as number);
    expect(Object.keys(credits).length).toBeGreaterThan(1000);
    expect(
      await pairs(
        "select user_id as name, sum(credits)::int as number from transactions group by 1",
      ),
    ).toEqual(credits);
    expect(
      await pairs("select type as name, sum(amount)::int as number from transactions group by 1"),
    ).toEqual({
      usage: null,
      purchase: transactions.reduce((sum, { amount }) => sum + (isWhole(amount) ? amount : 0), 0),
    });
    const sessions = countBy(
      transactions.filter((row) => typeof row["stripe_session_id"] === "string"),
      (row) => row["stripe_session_id"] as string,
    );
    expect(
      await pairs(
        "select stripe_session_id as name, count(*)::int as number from transactions where stripe_session_id is not null group by 1 having count(*) > 1",
      ),
    ).toEqual(Object.fromEntries(Object.entries(sessions).filter(([, many]) => many > 1)));
    const known = new Set(users.map(({ id }) => id));
    expect(
      await ask(
        `select count(*)::int, count(t.prompt)::int as prompts, count(*) filter (where t.prompt like '%🐈%')::int as cats
         from transactions t left join users u on u.id = t.user_id where u.id is null`,
      ),
    ).toEqual(
      [transactions.filter((row) => !known.has(owner(row)))].map((rows) => ({
        count: rows.length,
        prompts: rows.filter(({ prompt }) => isClean(prompt)).length,
        cats: rows.filter(({ prompt }) => isClean(prompt) && prompt.includes("🐈")).length,
      })),
    );
  });

  it("answers by SQL who is who, and since when", async () => {
    const lower = (row: Row): string => (row["email"] as string).toLowerCase();
    const repeated = Object.entries(countBy(users, lower)).filter(([, many]) => many > 1);
    expect(repeated.length).toBeGreaterThan(50);
    expect(
      await pairs(
        "select lower(email) as name, count(*)::int as number from users group by 1 having count(*) > 1",
      ),
    ).toEqual(Object.fromEntries(repeated));
    expect(
      await ask("select id, credits from users where email = $1", ["Person27@Example.test"]),
    ).toEqual(
      users
        .filter(({ email }) => email === "Person27@Example.test")
        .map(({ id, credits }) => ({ id, credits })),
    );
    for (const [table, rows] of [
      ["users", users],
      ["transactions", transactions],
    ] as const) {
      const times = rows.map((row) => timeOf(row["created_at"]));
      const sum = times.reduce((total, time) => total + BigInt(time), 0n);
      expect(
        await ask(
          `select min(created_at) as first, max(created_at) as last,
             sum(extract(epoch from created_at) * 1000)::bigint::text as sum from ${table}`,
        ),
        table,
      ).toEqual([
        {
          first: new Date(Math.min(...times)),
          last: new Date(Math.max(...times)),
          sum: String(sum),
        },
      ]);
    }
    expect(
      await ask(
        `select sum(credits)::int as credits, sum(total_generated)::int as generated, count(last_login)::int as seen,
           count(*) filter (where password_hash = 'google_oauth')::int as google from users`,
      ),
    ).toEqual([
      {
        credits: users.reduce((sum, row) => sum + (row["credits"] as number), 0),
        generated: users.reduce((sum, row) => sum + (row["total_generated"] as number), 0),
        seen: users.filter((row) => typeof row["last_login"] === "string").length,
        google: users.filter((row) => row["password_hash"] === "google_oauth").length,
      },
    ]);
  });

  it("answers by SQL what is for sale", async () => {
    const active = packages.filter((row) => row["is_active"]);
    expect(active.length).toBeLessThan(packages.length);
    expect(
      await pairs(
        "select name || ' ' || price || ' ' || credits as name, count(*)::int as number from credit_packages where is_active group by 1",
      ),
    ).toEqual(countBy(active, ({ name, price, credits }) => `${name} ${price} ${credits}`));
  });

  it("has the app's tables as they were made", async () => {
    expect(await ask(SAID, [TABLES])).toEqual(schema);
  });

  it("lets the app go on: its next row gets an id that nobody has", async () => {
    expect(copied.settlement.sequences).toEqual([
      "public.users_id_seq",
      "public.transactions_id_seq",
      "public.credit_packages_id_seq",
    ]);
    const next = (rows: readonly Row[]): number =>
      Math.max(...rows.map(({ id }) => id as number)) + 1;
    expect(
      await ask(
        "insert into users (email, password_hash) values ('new@example.test', 'x') returning id, credits",
      ),
    ).toEqual([{ id: next(users), credits: 3 }]);
    expect(
      await ask(
        "insert into transactions (user_id, type, credits) values ($1, 'usage', -1) returning id",
        [next(users)],
      ),
    ).toEqual([{ id: next(transactions) }]);
    expect(
      await ask(
        "insert into credit_packages (name, credits, price) values ('Tiny', 1, 100) returning id, is_active",
      ),
    ).toEqual([{ id: next(packages), is_active: true }]);
    // The app's own rows are none of the move's.
    const { clean, collections } = await verify(path, place.target);
    expect(clean).toBe(true);
    expect(collections.map(({ foreign }) => foreign)).toEqual([1, 1, 1, 0]);
    for (const [table, rows] of [
      ["users", users],
      ["transactions", transactions],
      ["credit_packages", packages],
    ] as const) {
      await ask(`delete from ${table} where id = $1`, [next(rows)]);
    }
  });

  it("is copied again without writing a row", async () => {
    const before = await ask(contentsOf(TABLES));
    const again = await copy(path, place.target, { bind: PICTURE_AI });
    expect(again).toMatchObject({ run: 2, settlement: { dangling: [], made: [], sequences: [] } });
    for (const [name, { read, quarantined, stale }] of Object.entries(again.counts)) {
      expect({ read, quarantined, stale }, name).toEqual({
        read: copied.counts[name]?.read,
        quarantined: copied.counts[name]?.quarantined,
        stale: 0,
      });
    }
    expect(await ask(contentsOf(TABLES))).toEqual(before);
    expect(await ask(SAID, [TABLES])).toEqual(schema);
    expect((await verify(path, place.target)).clean).toBe(true);
  });

  it("is taken back: the app's tables are empty, and nothing else is there", async () => {
    await place.target.ledger.drop(copied.move);
    expect(await ask(SCHEMA)).toEqual(everything);
    expect(await ask(SAID, [TABLES])).toEqual(schema);
    const rows = await ask<{ rows: number }>(contentsOf(TABLES));
    expect(rows.map((one) => one.rows)).toEqual(TABLES.map(() => 0));
    expect(await ask("select from pg_namespace where nspname = 'outgrow'")).toEqual([]);
  });
});
