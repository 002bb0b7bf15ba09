/** How often an app's call waits for the server: decision 8, counted in front of a real one. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { encodeKey } from "../../src/collection/key.ts";
import { revision } from "../../src/collection/revision.ts";
import { openTarget } from "../../src/drivers/open-target.ts";
import type { SqlDatabase } from "../../src/drivers/postgres/database.ts";
import { openPostgres } from "../../src/drivers/postgres/index.ts";
import { firstState } from "../../src/move/state.ts";
import type { Driver, LiveTarget, RecordWrite, Target } from "../../src/store/driver.ts";
import type { Side } from "../../src/store/side.ts";
import { deletion, present } from "../../src/store/writes.ts";
import { copy } from "../../src/transfer/copy.ts";
import { until } from "../support/fault-copy.ts";
import { type Message, says } from "../support/fault-framing.ts";
import { type Workplace, workplace } from "../support/moving.ts";
import { type Counted, startProxy, type TcpProxy } from "../support/tcp-proxy.ts";
import { codeOf } from "./backends.ts";

const MOVE = "app";
const USERS = { tenant: "default", collection: "users" };
/** As docs/performance.md, and the decision, have it. */
const WRITE_TURNS = 8;

let place: Workplace;
let proxy: TcpProxy;
let target: Target;
let database: SqlDatabase;
let driver: Driver;
let side: Side;
let counter = 0;

beforeAll(async () => {
  place = await workplace();
  const users = Array.from({ length: 50 }, (_, id) => ({ id, email: `u${id}@x.example` }));
  const source = `json:${await place.file("app.json", JSON.stringify({ users }))}`;
  const live = place.target.live as LiveTarget;
  await live.control.replace(MOVE, 0, firstState(Date.now(), "a test"));
  await copy(source, place.target, { move: MOVE });
});
afterAll(() => place[Symbol.asyncDispose]());

beforeEach(async () => {
  proxy = await startProxy(place.url);
  const through = proxy.through(place.url);
  target = await openTarget(through);
  database = await openPostgres(through);
  driver = await target.open(MOVE);
  side = await (target.live as LiveTarget).side(MOVE);
  // What is done once is no part of a call.
  await write([user(1)]);
  await driver.read(USERS, [encodeKey(1)]);
});
afterEach(async () => {
  await target[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
  await proxy[Symbol.asyncDispose]();
});

const user = (id: number): RecordWrite => {
  counter++;
  const record = present(encodeKey(id), { id, email: `u${id}-${counter}@x.example` });
  return { ...record, revision: revision(1, counter) };
};
const gone = (id: number): RecordWrite => {
  return { ...deletion(encodeKey(id)), revision: revision(1, ++counter) };
};
const write = (records: readonly RecordWrite[]) =>
  side.driver.commit({
    ...USERS,
    writes: [{ collection: "users", records }],
    capture: true,
    epoch: 1,
  });

/** Counts how often something goes up behind an answer: each time somebody has waited for that. */
function turns(): Counted {
  let answered = true;
  return proxy.watch(({ direction }) => {
    const isTurn = direction === "up" && answered;
    answered = direction === "down";
    return isTurn;
  });
}

async function turnsOf(call: () => Promise<unknown>): Promise<number> {
  const counted = turns();
  await call();
  return counted.count;
}

const isStatement = (message: Message): boolean => says(message, "");

/** What is sent, of statements, while the server's first answer is held back; then all connections are lost. */
async function sentUnanswered(call: () => Promise<unknown>, wanted: number): Promise<string[]> {
  const sent: string[] = [];
  proxy.watch((message) => {
    if (isStatement(message)) sent.push(message.bytes.subarray(5).toString("latin1"));
    return false;
  });
  proxy.arm({ direction: "down", at: 1, when: "before", deed: "hang" });
  const called = call();
  called.catch(() => {});
  try {
    await until(`${wanted} are sent`, async () => sent.length >= wanted, 5000);
    // What would come of itself has had its time.
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(proxy.seen.down).toBeGreaterThan(0);
  } finally {
    proxy.cutAll();
  }
  expect(await codeOf(called)).toBe("TARGET_UNREACHABLE");
  return sent.map((text) => text.replace(/^\0/, "").trim().slice(0, 6));
}

it("BEGIN, question and COMMIT of a read are sent before anything is answered", async () => {
  const read = () => driver.read(USERS, [encodeKey(7)]);
  expect(await sentUnanswered(read, 3)).toEqual(["begin ", "select", "commit"]);
  await until("it is there again", async () => (await codeOf(read())) === "none");
});

it("a transaction's first question is sent with its BEGIN, a write only behind that", async () => {
  for (const [text, sent] of [
    ["select 1", ["begin ", "select"]],
    ["update outgrow.move set name = name", ["begin "]],
  ] as const) {
    // A connection is there, perhaps behind the news that the last one was lost.
    await until("a connection", async () => (await codeOf(database.query("select 1"))) === "none");
    const work = () => database.transaction((sql) => sql.query(text));
    expect(await sentUnanswered(work, sent.length)).toEqual(sent);
  }
});

it("a read is one round trip, of one record or many; of keys that are gone or were never there, two", async () => {
  const keys = Array.from({ length: 20 }, (_, id) => encodeKey(id + 10));
  expect(await turnsOf(() => driver.read(USERS, keys.slice(0, 1)))).toBe(1);
  expect(await turnsOf(() => driver.read(USERS, keys))).toBe(1);
  expect(await turnsOf(() => driver.read(USERS, [encodeKey("nobody")]))).toBe(2);
});

it("an app's write in a live move takes eight round trips at the most, the issue of its revision included", async () => {
  const many = Array.from({ length: 16 }, (_, id) => id + 20);
  // Keys that are there and new ones in turns: what is learned of the one must not cost the other.
  for (const records of [[user(2)], [user(100)], [gone(3)], [user(4)], [user(3)], many.map(user)]) {
    const taken = await turnsOf(async () => {
      await side.driver.issue(records.length, 1);
      await write(records);
    });
    expect(taken).toBeGreaterThan(3);
    expect(taken).toBeLessThanOrEqual(WRITE_TURNS);
  }
});
