/**
 * Other programs that write to the moved tables by SQL while Postgres is the authority: what they do is found,
 * counted, and delivered to the source, so that nothing of it is lost on the way back.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { collection } from "../../src/collection/define.ts";
import { encodeKey } from "../../src/collection/key.ts";
import type { Revision } from "../../src/collection/revision.ts";
import { shape } from "../../src/collection/shape.ts";
import { openJsonFile } from "../../src/drivers/json-file/index.ts";
import { openDatabase, openTarget } from "../../src/drivers/open-target.ts";
import { checkup } from "../../src/drivers/postgres/checkup.ts";
import { type LiveMove, type MoveOptions, openMove } from "../../src/move/index.ts";
import type { StageName } from "../../src/move/stages.ts";
import type { LiveTarget } from "../../src/store/driver.ts";
import { present } from "../../src/store/writes.ts";
import { execute, freshDatabase } from "../support/postgres.ts";

interface User {
  readonly id: number;
  readonly name: string;
  readonly items?: readonly { readonly id: string; readonly sku: string }[];
}
const Users = collection("users", {
  schema: shape<User>({ id: ["number"], name: ["string"] }),
  key: "id",
});

let folder: string;
let path: string;
let url: string;
const closing: (() => Promise<unknown>)[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "outgrow-foreign-"));
  path = join(folder, "app.json");
});
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
  rmSync(folder, { recursive: true, force: true });
});

async function postgres(): Promise<string> {
  const database = await freshDatabase();
  closing.push(() => database.drop());
  return database.url;
}

/** As another program: on a connection of its own. */
async function sql(text: string): Promise<readonly (readonly (string | null)[])[]> {
  const { database } = await openDatabase(url);
  await using opened = database;
  return (await opened.query(text)).rows;
}

async function open(layout: MoveOptions["layout"] = {}, serves = true): Promise<LiveMove> {
  const target = await openTarget(url);
  const move = await openMove({
    ...{ name: "app", target, layout },
    source: openJsonFile(path, { collections: [{ name: "users", key: "id" }] }),
    limits: { minCompared: 0, holdMs: 0, goodLatencyMs: 60_000 },
    refreshMs: 50,
  });
  closing.push(
    async () => target[Symbol.asyncDispose](),
    async () => move[Symbol.asyncDispose](),
  );
  if (serves) await move.store();
  return move;
}

async function advance(move: LiveMove, to: StageName): Promise<void> {
  await move.advance("dualwrite");
  await move.copy();
  expect(await move.verify()).toMatchObject({ clean: true });
  for (const stage of ["shadow", "live", "rampdown"] as const) {
    await move.advance(stage);
    if (stage === to) return;
  }
}

const inFile = (): Record<string, User> => {
  const { users } = JSON.parse(readFileSync(path, "utf8")) as { users: User[] };
  return Object.fromEntries(users.map((user) => [user.id, user]));
};
const triggers = async (): Promise<number> =>
  Number((await sql("select count(*) from pg_trigger where not tgisinternal"))[0]?.[0]);
const write = (users: readonly object[]): void => writeFileSync(path, JSON.stringify({ users }));
const users = (count: number): User[] =>
  Array.from({ length: count }, (_, n) => ({
    id: n + 1,
    name: `user ${n + 1}`,
    items: [0, 1].map((at) => ({ id: `${n}-${at}`, sku: `sku ${at}` })),
  }));

const PLACES = {
  Postgres: postgres,
  PGlite: async () => `pglite:${join(folder, "data")}`,
};

describe.each(Object.entries(PLACES))("sem 17, law S3: in %s", (_, place) => {
  it("writes past the store are found, counted and delivered: root rows, children, and rows that go", async () => {
    url = await place();
    write(users(6));
    const move = await open({ flatten: "all" });
    await advance(move, "shadow");
    expect(await triggers()).toBe(0);
    await move.advance("live");
    expect(await triggers()).toBe(4);
    const store = (await move.store()).collection(Users);
    await store.put({ id: 6, name: "the app's own" });
    await sql(`
      begin;
      update users set name = 'by SQL' where id = 1;
      update user_items set sku = 'by SQL' where user_id = 2 and position = 1;
      delete from user_items where user_id = 3;
      delete from user_items where user_id = 4; delete from users where id = 4;
      insert into users (tenant_id, id, name) values ('default', 70, 'new by SQL');
      update users set name = 'lost' where id = 5;
      update users set name = name where id = 5;
      commit`);
    await sql("begin; update users set name = 'rolled back' where id = 5; rollback");
    const seen = async () => (await move.status()).foreign;
    await expect.poll(seen, { timeout: 20_000 }).toEqual({ users: 6 });
    await expect.poll(() => inFile()[70]?.name, { timeout: 20_000 }).toBe("new by SQL");
    await expect.poll(async () => (await move.status()).outbox?.count, { timeout: 20_000 }).toBe(0);
    const file = inFile();
    expect(Object.values(file).map(({ id, name }) => [id, name])).toEqual([
      [1, "by SQL"],
      [2, "user 2"],
      [3, "user 3"],
      [5, "lost"],
      [6, "the app's own"],
      [70, "new by SQL"],
    ]);
    expect(file[2]?.items?.map(({ sku }) => sku)).toEqual(["sku 0", "by SQL"]);
    expect(file[3]?.items ?? []).toEqual([]);
    // The store's own write of a record that SQL has changed comes behind it.
    await store.put({ id: 1, name: "by the store" });
    await expect.poll(() => inFile()[1]?.name, { timeout: 20_000 }).toBe("by the store");
    expect(await seen()).toEqual({ users: 6 });
    expect(await sql("select count(*) from outgrow.change")).toEqual([["0"]]);

    await sql("update users set name = 'at the last moment' where id = 2");
    await move.back();
    expect(inFile()[2]?.name).toBe("at the last moment");
    expect(await triggers()).toBe(0);
    expect(await move.verify()).toMatchObject({ clean: true });
  });
});

describe("sem 17, law S3", () => {
  it("rows of tables that were there are taken up too, and nothing is left behind", async () => {
    url = await postgres();
    write([1, 2].map((id) => ({ id, name: `user ${id}`, more: { deep: id } })));
    await sql("create table users (id bigint primary key, name text, kind text default 'app')");
    const move = await open({ bind: { users: {} } });
    await advance(move, "rampdown");
    expect(await triggers()).toBe(2);
    const big = "9007199254740993";
    await sql(`insert into users (id, name) values (7, 'new'), (8, 'gone soon')`);
    await sql(
      "update users set name = 'by SQL' where id = 1; delete from users where id in (2, 8)",
    );
    await sql("update users set id = 9 where id = 7");
    await expect.poll(() => inFile()[9]?.name, { timeout: 20_000 }).toBe("new");
    await expect.poll(async () => (await move.status()).outbox?.count, { timeout: 20_000 }).toBe(0);
    expect(inFile()).toMatchObject({
      1: { id: 1, name: "by SQL", more: { deep: 1 } },
      9: { id: 9, name: "new" },
    });
    expect(Object.keys(inFile())).toEqual(["1", "9"]);
    await sql("truncate users");
    await expect.poll(() => Object.keys(inFile()), { timeout: 20_000 }).toEqual([]);
    await sql(`insert into users (id, name) values (${big}, 'a key that no double holds')`);
    const refused = () => sql("select keys->>1, refused from outgrow.change");
    await expect.poll(refused, { timeout: 20_000 }).toEqual([[big, "KEY_INVALID"]]);
    await sql("insert into users (id, name) values (11, 'behind it')");
    await expect.poll(() => Object.keys(inFile()), { timeout: 20_000 }).toEqual(["11"]);
    // What cannot be brought back closes the way.
    const shut = async () => (await move.gates()).gates.find(({ name }) => name === "outbox");
    await expect
      .poll(async () => (await shut())?.closed, { timeout: 20_000 })
      .toContain("1 record");
    await sql(`delete from users where id = ${big}`);
    await expect.poll(async () => (await move.status()).outbox?.count, { timeout: 20_000 }).toBe(0);
    await move.backup(folder);
    await move.confirm("A. Person");
    await move.advance("complete");
    expect(await triggers()).toBe(0);
    await sql("insert into users (id, name) values (10, 'for ever')");
    await move[Symbol.asyncDispose]();
    await move.leave({ forget: true });
    expect(await sql("select nspname from pg_namespace where nspname = 'outgrow'")).toEqual([]);
    expect(await sql("select id, name from users order by 1")).toEqual([
      ["10", "for ever"],
      ["11", "behind it"],
    ]);
  });

  it("a change of stage waits for what nobody has taken up: the gate counts it", async () => {
    url = await postgres();
    write(users(3));
    const move = await open({}, false);
    await advance(move, "live");
    await sql("update users set name = 'by SQL' where id = 1");
    const notes = () => sql("select op, keys::text, refused from outgrow.change");
    const note = ["UPDATE", '{"id": "1", "tenant_id": "default"}', null];
    expect(await notes()).toEqual([note]);
    expect((await move.status()).outbox).toMatchObject({ count: 1 });
    // A write of the store itself is none that went around it.
    await using target = await openTarget(url);
    const { driver } = await (target.live as LiveTarget).side("app");
    const { epoch } = (await move.status()).state;
    const [revision] = (await driver.issue(1, epoch)) as [Revision];
    const written = { ...present(encodeKey(2), { id: 2, name: "by the store" }), revision };
    const writes = [{ collection: "users", records: [written] }];
    await driver.commit({ tenant: "default", writes, epoch, capture: true });
    expect(await notes()).toEqual([note]);
    expect((await move.status()).outbox).toMatchObject({ count: 2 });
    await move.back();
    expect(inFile()[2]?.name).toBe("by the store");
    expect(inFile()[1]?.name).toBe("by SQL");
    expect(await move.verify()).toMatchObject({ clean: true });
  });

  it("sec: who writes needs no right to our schema, and gets none by it", async () => {
    url = await postgres();
    write(users(2));
    const move = await open();
    await advance(move, "live");
    const role = `outgrow_writer_${process.pid}`;
    await execute(url, `create role ${role}`);
    closing.push(() => execute(url, `drop owned by ${role}; drop role ${role}`));
    await execute(
      url,
      `grant usage on schema public to ${role}; grant select, update on users to ${role}`,
    );
    await execute(
      url,
      `set role ${role}; update users set name = 'by a role of its own' where id = 1`,
    );
    await expect.poll(() => inFile()[1]?.name, { timeout: 20_000 }).toBe("by a role of its own");
    for (const text of ["select * from outgrow.change", "select outgrow.note_change()"]) {
      await expect(execute(url, `set role ${role}; ${text}`)).rejects.toThrow(/permission denied/);
    }
  });

  it("where a trigger is refused the move goes on, and doctor says what is not noticed", async () => {
    url = await postgres();
    write(users(2).map(({ id, name }) => ({ id, name })));
    const role = `outgrow_mover_${process.pid}`;
    const base = new URL(url).pathname.slice(1);
    const admin = url;
    await execute(admin, `create role ${role} login`);
    closing.push(() => execute(admin, `drop owned by ${role}; drop role ${role}`));
    await execute(
      url,
      `create table users (id integer primary key, name text);
      grant create on database ${base} to ${role}; grant usage on schema public to ${role};
      grant select, insert, update, delete on users to ${role}`,
    );
    url = Object.assign(new URL(url), { username: role }).href;
    const move = await open({ bind: { users: {} } });
    await advance(move, "live");
    expect(await triggers()).toBe(0);
    const advice = async () => {
      const { database } = await openDatabase(url);
      await using opened = database;
      return (await checkup(opened)).filter(({ name }) => name === "triggers");
    };
    expect(await advice()).toEqual([
      expect.objectContaining({ status: "warning", found: "public.users: no trigger may be made" }),
    ]);
    await (await move.store()).collection(Users).put({ id: 1, name: "by the store" });
    await expect.poll(() => inFile()[1]?.name, { timeout: 20_000 }).toBe("by the store");
    await execute(admin, `grant trigger on users to ${role}`);
    expect(await advice()).toEqual([]);
  });
});
