/** Postgres as a side of a move: what the machine relies upon, seen in a real one. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { encodeKey } from "../../src/collection/key.ts";
import { dumpRevision, revision } from "../../src/collection/revision.ts";
import { openTarget } from "../../src/drivers/open-target.ts";
import { openPostgres } from "../../src/drivers/postgres/pg-database.ts";
import { deliver } from "../../src/move/mirror.ts";
import type { SideName } from "../../src/move/stages.ts";
import { firstState } from "../../src/move/state.ts";
import { changeStage } from "../../src/move/transition.ts";
import type { LiveTarget, RecordWrite, Target } from "../../src/store/driver.ts";
import type { OutboxEntry, Side } from "../../src/store/side.ts";
import { deletion, present } from "../../src/store/writes.ts";
import { copy } from "../../src/transfer/copy.ts";
import { MemoryState, memorySide } from "../support/memory-side.ts";
import { execute, freshDatabase } from "../support/postgres.ts";
import { PlainWorld } from "../support/routed.ts";
import { Actor } from "../support/world.ts";

const MOVE = "app";
const USERS = { tenant: "default", collection: "users" };

let folder: string;
let url: string;
let target: Target;
let live: LiveTarget;
let side: Side;
const closing: AsyncDisposable[] = [];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "outgrow-side-"));
  const path = join(folder, "app.json");
  const users = [1, 2, 3].map((id) => ({ id, email: `u${id}@x.example` }));
  writeFileSync(path, JSON.stringify({ users }));
  const database = await freshDatabase();
  closing.push({ [Symbol.asyncDispose]: () => database.drop() });
  ({ url } = database);
  target = await openTarget(url);
  closing.push(target);
  live = target.live as LiveTarget;
  await live.control.replace(MOVE, 0, firstState(Date.now(), "a test"));
  await copy(`json:${path}`, target, { move: MOVE });
  side = await live.side(MOVE);
});
afterEach(async () => {
  for (const one of closing.splice(0).reverse()) await one[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

const user = (id: number, email: string, counter: number): RecordWrite => {
  return { ...present(encodeKey(id), { id, email }), revision: revision(1, counter) };
};
const gone = (id: number, counter: number): RecordWrite => {
  return { ...deletion(encodeKey(id)), revision: revision(1, counter) };
};
const emailOf = async (id: number): Promise<unknown> => {
  const [found] = await side.driver.read(USERS, [encodeKey(id)]);
  return found?.state === "present" ? (found.value as { email: string }).email : found?.state;
};
const put = (records: readonly RecordWrite[], more: { epoch?: number; capture?: boolean } = {}) =>
  side.driver.commit({ ...USERS, writes: [{ collection: "users", records }], ...more });

it("law S5: who reads the document while a change is announced reads the change, or is found by who announces it", async () => {
  const database = await openPostgres(url);
  closing.push(database);
  await live.control.beat(MOVE, "early", { confirmed: 1 });
  let beat: Promise<unknown> | undefined;
  let isTold = false;
  await database.transaction(async (sql) => {
    await sql.query(
      `update outgrow.control set version = version + 1, document = '{"pending": 1}' where move = $1`,
      [MOVE],
    );
    beat = live.control.beat(MOVE, "late", { confirmed: 1 }).then((found) => {
      isTold = true;
      return found?.document;
    });
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(isTold).toBe(false);
  });
  expect(await beat).toEqual({ pending: 1 });
});

it("sem 5, law S5: a fence that rises waits for commits under way, and refuses those of earlier epochs", async () => {
  const database = await openPostgres(url);
  closing.push(database);
  let hasRisen = false;
  let rising: Promise<void> | undefined;
  await database.transaction(async (sql) => {
    await sql.query("select fence from outgrow.control where move = $1 for share", [MOVE]);
    rising = side.fence.raise(5).then(() => {
      hasRisen = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(hasRisen).toBe(false);
  });
  await rising;
  expect(await side.fence.current()).toBe(5);
  await expect(put([user(1, "late", 1)], { epoch: 4, capture: true })).rejects.toMatchObject({
    code: "FENCED",
  });
  expect(await emailOf(1)).toBe("u1@x.example");
  expect(await side.outbox.depth()).toMatchObject({ count: 0 });
  await side.fence.raise(3);
  expect(await side.fence.current()).toBe(5);
  await put([user(1, "new", 2)], { epoch: 5 });
  expect(await emailOf(1)).toBe("new");
});

it("sem 2, law S4: a key waits in the outbox if, and only if, its record was stored", async () => {
  const failing = { ...user(1, "never", 1), key: encodeKey("not a number") };
  await expect(put([user(2, "never", 2), failing], { capture: true })).rejects.toThrow();
  expect(await side.outbox.depth()).toEqual({ count: 0, oldestMs: undefined });
  await put([user(2, "now", 3), gone(3, 4)], { capture: true });
  const waiting = await side.outbox.pending(10);
  expect(waiting.map(({ key }) => key).sort()).toEqual([encodeKey(2), encodeKey(3)].sort());
  await put([user(2, "later", 5)], { capture: true });
  // The newer state has not been delivered, whatever was taken for delivered before.
  await side.outbox.settle(waiting);
  expect(await side.outbox.pending(10)).toMatchObject([
    { key: encodeKey(2), revision: revision(1, 5) },
  ]);
});

it("sem 18, sem 19, sem 20: a copy that comes late changes nothing that was written, deleted, or deleted before it came", async () => {
  await put([user(1, "written", 1), gone(2, 2), gone(9, 3)]);
  const late = [1, 2, 9].map((id) => ({ ...user(id, "copied", 1), revision: dumpRevision(7) }));
  expect(await put(late)).toMatchObject({ applied: 0, stale: 3 });
  expect([await emailOf(1), await emailOf(2), await emailOf(9)]).toEqual([
    "written",
    "deleted",
    "deleted",
  ]);
});

it("sem 4, sem 6: deliveries in any order, and any number of them, leave the newest", async () => {
  await put([user(1, "newer", 6)]);
  expect(await put([user(1, "older", 5)])).toMatchObject({ applied: 0, stale: 1 });
  expect(await put([user(1, "newer", 6)])).toMatchObject({ applied: 0, duplicate: 1 });
  expect(await emailOf(1)).toBe("newer");
});

it("sem 26: records that the database refuses, or has no table for, do not hold up the others", async () => {
  await execute(
    url,
    `alter table ${(await target.ledger.find(MOVE))?.schema}.users add check (email <> 'refused')`,
  );
  const source = new MemoryState("source");
  const from = memorySide(new PlainWorld(), new Actor("process", false), source);
  const records = [1, 2, 3, 4, 5].map((id) => user(id, id === 3 ? "refused" : `new${id}`, id));
  const order = { ...present(encodeKey("o"), { id: "o" }), revision: revision(1, 9) };
  await from.driver.commit({
    ...USERS,
    writes: [
      { collection: "orders", records: [order] },
      { collection: "users", records },
    ],
    capture: true,
  });
  const { delivered, refused } = await deliver(from, side, 1);
  expect(delivered).toBe(4);
  expect(refused.map(({ entry, code }) => [entry.collection, entry.key, code]).sort()).toEqual([
    ["orders", encodeKey("o"), "MOVE_UNKNOWN"],
    ["users", encodeKey(3), "23514"],
  ]);
  expect([await emailOf(1), await emailOf(3), await emailOf(5)]).toEqual([
    "new1",
    "u3@x.example",
    "new5",
  ]);
  expect(source.outbox.size).toBe(2);
});

it("sem 14: before the app's own inserts reach the target, its sequences stand above all that was delivered", async () => {
  await execute(url, "create table members (id serial primary key, email text not null)");
  const path = join(folder, "members.json");
  writeFileSync(path, JSON.stringify({ members: [{ id: 7, email: "seven@x.example" }] }));
  await live.control.replace("bound", 0, { ...firstState(Date.now(), "a test"), stage: "shadow" });
  await copy(`json:${path}`, target, { move: "bound", schema: "public", bind: "auto" });
  const bound = await live.side("bound");
  const source = new MemoryState("source");
  const from = memorySide(new PlainWorld(), new Actor("process", false), source);
  const at = { tenant: "default", collection: "members" };
  const record = { ...present(encodeKey(90), { id: 90, email: "late" }), revision: revision(1, 1) };
  await from.driver.commit({
    ...at,
    writes: [{ collection: "members", records: [record] }],
    capture: true,
  });
  const parts = {
    name: "bound",
    control: live.control,
    side: async (name: SideName) => (name === "source" ? from : bound),
    by: "a test",
  };
  await changeStage(parts, { stage: "shadow", epoch: 1 }, "live");
  expect(await bound.driver.count(at)).toBe(2);
  const database = await openPostgres(url);
  closing.push(database);
  const { rows } = await database.query(
    "insert into public.members (email) values ('by SQL') returning id",
  );
  expect(rows).toEqual([["91"]]);
});

it("sem 25: a key that was captured earlier and is seen later is not passed over", async () => {
  const database = await openPostgres(url);
  closing.push(database);
  const to = new MemoryState("source");
  const source = memorySide(new PlainWorld(), new Actor("process", false), to);
  await database.transaction(async (sql) => {
    await sql.query(
      `insert into outgrow.outbox (move, tenant, collection, key, revision)
       values ($1, 'default', 'users', $2, $3)`,
      [MOVE, encodeKey(1), revision(1, 1)],
    );
    await put([user(2, "seen first", 2)], { capture: true });
    expect(await deliver(side, source, 1)).toMatchObject({ delivered: 1 });
  });
  expect(await deliver(side, source, 1)).toMatchObject({ delivered: 1 });
  expect(to.records.size).toBe(2);
});

it("a condition is met or nothing is stored", async () => {
  const [found] = await side.driver.read(USERS, [encodeKey(1)]);
  const at = { collection: "users", key: encodeKey(1) };
  const write = (email: string, counter: number, expected: RecordWrite["revision"] | null) =>
    side.driver.commit({
      ...USERS,
      writes: [{ collection: "users", records: [user(2, email, counter)] }],
      expects: [{ ...at, revision: expected }],
    });
  await expect(write("no", 1, null)).rejects.toMatchObject({ code: "WRITE_CONFLICT" });
  await write("yes", 2, found?.revision ?? null);
  await put([gone(1, 3)]);
  await expect(write("no", 4, found?.revision ?? null)).rejects.toMatchObject({
    code: "WRITE_CONFLICT",
  });
  await write("gone", 5, null);
  expect(await emailOf(2)).toBe("gone");
});

it("law S5: any number of processes may end a change of authority at the same time", async () => {
  const database = await openPostgres(url);
  closing.push(database);
  for (let round = 0; round < 3; round++) {
    await Promise.all(Array.from({ length: 4 }, async () => side.takeOver?.()));
    const { rows } = await database.query(
      "select count(*) from pg_trigger where tgname like 'outgrow_change_%'",
    );
    expect(rows).toEqual([["2"]]);
    await side.standDown?.();
  }
});

it("sem 17, law S3: whoever takes over late forgets no write that came past the store since", async () => {
  await side.takeOver?.();
  const schema = (await target.ledger.find(MOVE))?.schema;
  await execute(url, `update "${schema}".users set email = 'past the store' where id = 1`);
  await side.takeOver?.();
  expect(await side.foreignWrites()).toEqual({ users: 1 });
  await side.standDown?.();
});

it("sem 2: a key that is written again and again, and delivered each time, has not waited since the first time", async () => {
  await put([user(1, "first", 1)], { capture: true });
  const [first] = await side.outbox.pending(10);
  await new Promise((resolve) => setTimeout(resolve, 1000));
  await put([user(1, "second", 2)], { capture: true });
  expect((await side.outbox.depth()).oldestMs).toBeGreaterThanOrEqual(990);
  await side.outbox.settle([first as OutboxEntry]);
  const { count, oldestMs = Number.NaN } = await side.outbox.depth();
  expect(count).toBe(1);
  expect(oldestMs).toBeLessThan(900);
});
