/** The clean exit of a live move: the app's tables stay as they are, and of us nothing is left. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openJsonFile } from "../../src/drivers/json-file/index.ts";
import { openDatabase, openTarget } from "../../src/drivers/open-target.ts";
import { type LiveMove, type MoveOptions, openMove } from "../../src/move/index.ts";
import type { Target } from "../../src/store/driver.ts";
import { catalogText, rowsText } from "../support/catalog-text.ts";
import { freshDatabase } from "../support/postgres.ts";

let folder: string;
let path: string;
let url: string;
const closing: (() => Promise<unknown>)[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "outgrow-exit-"));
  path = join(folder, "app.json");
});
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
  rmSync(folder, { recursive: true, force: true });
});

const PLACES: Record<string, () => Promise<string>> = {
  Postgres: async () => {
    const database = await freshDatabase();
    closing.push(() => database.drop());
    return database.url;
  },
  PGlite: async () => `pglite:${join(folder, "data")}`,
};

/** SQL beside the move. */
async function query(text: string): Promise<readonly (readonly (string | null)[])[]> {
  const { database } = await openDatabase(url);
  await using sql = database;
  return (await sql.query(text)).rows;
}

/** All that is there, but for our own schema where that is left out. */
async function everything({ ours = true } = {}) {
  const { database } = await openDatabase(url);
  await using sql = database;
  const catalog = await catalogText(sql, ours ? {} : { without: "outgrow" });
  return { catalog, rows: await rowsText(sql, "public") };
}

async function opened(): Promise<Target> {
  const target = await openTarget(url);
  closing.push(async () => target[Symbol.asyncDispose]());
  return target;
}

async function complete(
  target: Target,
  layout: MoveOptions["layout"],
  name = "app",
): Promise<LiveMove> {
  const names = Object.keys(JSON.parse(readFileSync(path, "utf8")));
  const collections = names.map((collection) => ({ name: collection, key: "id" }));
  const move = await openMove({
    ...{ name, target, layout },
    source: openJsonFile(path, { collections }),
    limits: { minCompared: 0, holdMs: 0, goodLatencyMs: 60_000 },
  });
  closing.push(async () => move[Symbol.asyncDispose]());
  await move.advance("dualwrite");
  await move.copy();
  await move.verify();
  for (const stage of ["shadow", "live", "rampdown"] as const) await move.advance(stage);
  await move.backup(join(folder, `backups-${name}`));
  await move.confirm("A. Person");
  await move.advance("complete");
  return move;
}

const users = Array.from({ length: 30 }, (_, n) => ({
  id: n + 1,
  email: `u${n}@x.example`,
  tags: ["a", "b"],
  address: { city: `city ${n}` },
}));
const orders = Array.from({ length: 60 }, (_, n) => ({
  id: n + 1,
  user_id: (n % 30) + 1,
  lines: [{ sku: `s${n}`, count: n }],
}));

describe.each(Object.keys(PLACES))("law S6: the clean exit, in %s", (place) => {
  beforeEach(async () => {
    url = (await PLACES[place]?.()) as string;
  });

  it("leaves inferred tables with their rows, keys and indexes exactly as they were, and no more", async () => {
    writeFileSync(path, JSON.stringify({ users, orders }));
    const empty = (await everything()).catalog;
    const target = await opened();
    const move = await complete(target, {});
    await move.leave();
    const left = await everything({ ours: false });
    expect((await everything()).catalog.length).toBeGreaterThan(left.catalog.length);
    const source = readFileSync(path, "utf8");
    await move.leave({ forget: true });
    expect(await everything()).toEqual(left);
    const kinds = new Set(
      left.catalog.filter((one) => !empty.includes(one)).map((one) => one.split(" | ")[0]),
    );
    expect([...kinds].sort()).toEqual(["column", "constraint", "index", "relation", "type"]);
    expect(left.rows["orders"]).toHaveLength(60);
    expect(readFileSync(path, "utf8")).toBe(source);
    expect(readdirSync(folder).filter((name) => name.startsWith("."))).toEqual([]);
    // The app's own SQL goes on.
    await query("insert into users (tenant_id, id, email) values ('default', 31, 'new@x.example')");
    await expect(openMove({ ...again(target), begin: false })).rejects.toMatchObject({
      code: "MOVE_UNKNOWN",
    });
    expect((await everything()).catalog).toEqual(left.catalog);
  });

  it("leaves tables that were there before as they were before the move", async () => {
    writeFileSync(path, JSON.stringify({ users: users.map(({ id, email }) => ({ id, email })) }));
    await query(`
      create table users (id serial primary key, email text not null unique, seen timestamptz default now());
      create table audit (at timestamptz not null default now(), what text);
      create function note() returns trigger language plpgsql as $$
        begin insert into audit (what) values (new.email); return new; end $$;
      create trigger noted after insert on users for each row execute function note();
      comment on table users is 'the app''s own'`);
    const before = (await everything()).catalog;
    const move = await complete(await opened(), { bind: { users: {} } });
    expect((await everything()).catalog).not.toEqual(before);
    await move.leave({ forget: true });
    expect((await everything()).catalog).toEqual(before);
    expect(await query("select count(*), max(email) from users")).toEqual([["30", "u9@x.example"]]);
    // Numbers go on above those that were moved.
    expect(await query("insert into users (email) values ('x') returning id")).toEqual([["31"]]);
  });
});

describe("law S6: the clean exit", () => {
  beforeEach(async () => {
    url = (await PLACES["Postgres"]?.()) as string;
  });

  it("is refused while the ledger holds what is nowhere else, until a file has it", async () => {
    writeFileSync(
      path,
      `{"users":[{"id":1,"email":"a","extra":{"b":1.50,"a":-0}},{"id":2,"email":"b"}]}`,
    );
    await query("create table users (id integer primary key, email text)");
    const before = (await everything()).catalog;
    const move = await complete(await opened(), { bind: { users: {} } });
    await query(`insert into outgrow.quarantine (move, run, collection, key, code, file, byte_offset, position, raw, state)
      select id, run, 'users', null, 'JSON_SYNTAX', 'app.json', 7, 1, '\\x7bff', 'accepted' from outgrow.move`);
    const all = await everything();
    await expect(move.leave({ forget: true })).rejects.toMatchObject({
      code: "LEDGER_HOLDS",
      message: expect.stringContaining("1 of rest, 1 of quarantine"),
    });
    const file = join(folder, "rest.ndjson");
    writeFileSync(file, "mine");
    const taken = move.leave({ forget: true, restTo: file });
    await expect(taken).rejects.toMatchObject({ code: "EXPORT_EXISTS" });
    expect(readFileSync(file, "utf8")).toBe("mine");
    const nowhere = move.leave({ forget: true, restTo: join(folder, "no", "folder") });
    await expect(nowhere).rejects.toMatchObject({ code: "STORE_WRITE" });
    expect(await everything()).toEqual(all);

    const other = join(folder, "other.ndjson");
    await move.leave({ forget: true, restTo: other });
    const [rest, quarantined, ...more] = readFileSync(other, "utf8").split("\n");
    expect(more).toEqual([""]);
    expect(rest).toMatch(
      /^\{"what":"rest","collection":"users","tenant":"default","key":"n[^"]+","row":"1","rest":/,
    );
    expect(JSON.parse(rest as string).rest).toEqual({ extra: { b: 1.5, a: { $number: "-0" } } });
    expect(JSON.parse(quarantined as string)).toEqual({
      ...{ what: "quarantine", collection: "users", tenant: "default", code: "JSON_SYNTAX" },
      raw: Buffer.from([0x7b, 0xff]).toString("base64"),
    });
    expect((await everything()).catalog).toEqual(before);
  });

  it("of one of two moves takes that one's away, and leaves the other's ledger", async () => {
    writeFileSync(path, JSON.stringify({ users, orders }));
    const target = await opened();
    const one = await complete(target, { schema: "one" }, "one");
    const two = await complete(target, { schema: "two" }, "two");
    await one.leave({ forget: true });
    expect((await target.ledger.moves()).map(({ name }) => name)).toEqual(["two"]);
    expect(await query("select count(*) from outgrow.record")).toEqual([["90"]]);
    expect((await two.status()).state.stage).toBe("complete");
    expect(await query("select count(*) from one.users")).toEqual([["30"]]);
    await two.leave({ forget: true });
    expect(await query("select count(*) from pg_namespace where nspname = 'outgrow'")).toEqual([
      ["0"],
    ]);
    expect(await query("select count(*) from one.users, two.users")).toEqual([["900"]]);
    expect(existsSync(path)).toBe(true);
  });
});

function again(target: Target): MoveOptions {
  return { name: "app", target, source: openJsonFile(path, { collections: [] }) };
}
