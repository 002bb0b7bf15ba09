/**
 * A live move into a Redis that is killed, whose answers are lost, and whose processes sleep: an app's acknowledged
 * writes are there in the end, on both sides, once.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, it } from "vitest";
import { collection } from "../../src/collection/define.ts";
import { shape } from "../../src/collection/shape.ts";
import { openJsonFile } from "../../src/drivers/json-file/index.ts";
import {
  openRedis,
  preflight,
  type RedisConnection,
  redisTarget,
} from "../../src/drivers/redis/index.ts";
import { TcpConnection } from "../../src/drivers/redis/tcp.ts";
import { OutgrowError } from "../../src/errors.ts";
import { type LiveMove, openMove } from "../../src/move/index.ts";
import type { Target } from "../../src/store/driver.ts";
import type { Store } from "../../src/store/store.ts";
import { times } from "../support/fault-move.ts";
import { freshRedis, restProxy, startRedis } from "../support/redis.ts";
import { startProxy } from "../support/tcp-proxy.ts";

interface Note {
  readonly id: string;
  readonly count: number;
}
const Notes = collection("notes", {
  schema: shape<Note>({ id: ["string"], count: ["number"] }),
  key: "id",
});
/** Half of them in names of the app's own. */
const REDIS = {
  notes: { cells: [{ kind: "counter", key: "n:{id}", property: "count" }] },
} as const;

let folder: string;
const closing: AsyncDisposable[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "outgrow-redis-live-"));
  writeFileSync(join(folder, "db.json"), JSON.stringify({ notes: [{ id: "counter", count: 0 }] }));
});
afterEach(async () => {
  for (const one of closing.splice(0).reverse()) await one[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

const openSource = () =>
  openJsonFile(join(folder, "db.json"), { collections: [{ name: "notes", key: "id" }] });

const open = async (url: string, token?: string): Promise<LiveMove> =>
  openOver(await openRedis(url, { token }));

async function openOver(target: Target): Promise<LiveMove> {
  const limits = { minCompared: 0, holdMs: 0, goodLatencyMs: 60_000 };
  const layout = { redis: REDIS };
  const source = openSource();
  const more = { limits, layout, refreshMs: 100, compare: { sample: 0 } };
  const move = await openMove({ name: "app", source, target, ...more });
  closing.push(target, move);
  return move;
}

async function toLive(conductor: LiveMove): Promise<void> {
  await conductor.advance("dualwrite");
  await conductor.copy();
  await conductor.verify();
  await conductor.advance("shadow");
  await conductor.advance("live");
}

/** The way of a process that falls asleep right before it sends a text, with all else that it would send. */
function asleepAt(inner: RedisConnection, text: string) {
  const told: unknown[] = [];
  let [fall, wake] = [() => {}, () => {}];
  const fallen = new Promise<void>((resolve) => {
    fall = resolve;
  });
  const woken = new Promise<void>((resolve) => {
    wake = resolve;
  });
  let isAsleep = false;
  const connection: RedisConnection = {
    label: inner.label,
    limits: inner.limits,
    cost: (argument) => inner.cost(argument),
    async send(commands) {
      const isIt = commands.some((command) => command.some((one) => String(one).startsWith(text)));
      if (isIt) {
        isAsleep = true;
        fall();
      }
      if (isAsleep) await woken;
      const replies = await inner.send(commands);
      if (isIt) told.push(...replies.flat());
      return replies;
    },
    [Symbol.asyncDispose]: () => inner[Symbol.asyncDispose](),
  };
  return { connection, fallen, wake: () => wake(), told };
}

const add = (store: Store): Promise<void> =>
  store.transaction(async (tx) => {
    const found = await tx.collection(Notes).get("counter");
    await tx.collection(Notes).put({ id: "counter", count: (found?.count ?? 0) + 1 });
  });

/** What either side holds, when nothing waits between them any more. */
async function bothSides(conductor: LiveMove, url: string): Promise<Map<string, number>> {
  await expect
    .poll(async () => (await conductor.status()).outbox?.count, { timeout: 20_000 })
    .toBe(0);
  await using target = await openRedis(url);
  const at = { tenant: "default", collection: "notes" };
  const sides = [openSource().driver, await target.open("app")];
  const [source, there] = await Promise.all(
    sides.map(async (driver) => {
      const all = new Map<string, number>();
      for await (const batch of driver.scan(at)) {
        for (const { value } of batch) {
          const { id, count } = value as unknown as Note;
          all.set(id, count);
        }
      }
      return all;
    }),
  );
  expect(Object.fromEntries(there ?? [])).toEqual(Object.fromEntries(source ?? []));
  return source ?? new Map();
}

it("fault F14, law S5: a commit that is under way while the fence rises is refused, and goes where the app now writes", async () => {
  const { url } = await freshRedis();
  const conductor = await open(url);
  const inner = new TcpConnection(url);
  const sleeper = asleepAt(inner, '{"id":"late"');
  const app = await openOver(redisTarget(sleeper.connection, await preflight(inner)));
  const notes = (await app.store()).collection(Notes);
  await toLive(conductor);
  await notes.put({ id: "before", count: 1 });
  const late = notes.put({ id: "late", count: 2 });
  await sleeper.fallen;
  // For which this process is silent for longer than its view of the stage is good.
  expect((await conductor.back()).stage).toBe("shadow");
  sleeper.wake();
  await late;
  expect(sleeper.told).toContain("fenced");
  const held = await bothSides(conductor, url);
  expect(Object.fromEntries(held)).toEqual({ counter: 0, before: 1, late: 2 });
  expect(
    (await openSource().driver.read({ tenant: "default", collection: "notes" }, ["slate"]))[0],
  ).toMatchObject({ value: { count: 2 } });
}, 60_000);

it("fault F48: a commit whose answer is lost has taken place once, or never, and the app is told so", async () => {
  const { url } = await freshRedis();
  const proxy = await startProxy(url, "chunks");
  closing.push(proxy);
  const conductor = await open(url);
  await toLive(conductor);
  const store = await (await open(proxy.through(url))).store();
  let lost = 0;
  for (let n = 1; n <= times(20); n++) {
    // The commit arrives; the next thing that would come back does not.
    let isCommitted = false;
    proxy.arm({
      direction: n % 2 === 0 ? "down" : "up",
      at: ({ direction, bytes }) => {
        if (direction === "up") isCommitted ||= bytes.includes('{"id":"counter"');
        return isCommitted && (direction === "down" || n % 2 === 1);
      },
      when: "before",
      deed: "cut",
    });
    // It is looked at on its way up in either case.
    const seen = proxy.watch(({ direction, bytes }) => {
      if (direction === "up") isCommitted ||= bytes.includes('{"id":"counter"');
      return false;
    });
    await add(store);
    lost += proxy.reached.length;
    expect(seen.count).toBe(0);
  }
  proxy.arm();
  expect(lost).toBe(times(20));
  expect((await bothSides(conductor, url)).get("counter")).toBe(times(20));
}, 60_000);

it("fault F48: the same over HTTP, whichever request it is that is lost", async () => {
  const { url } = await freshRedis();
  const rest = await restProxy(url);
  closing.push(rest);
  const conductor = await open(url);
  await toLive(conductor);
  const store = await (await open(rest.url, rest.token)).store();
  rest.cutEvery = 3;
  for (let n = 1; n <= times(20); n++) await add(store);
  rest.cutEvery = 0;
  expect((await bothSides(conductor, url)).get("counter")).toBe(times(20));
}, 60_000);

/** Writes until it is told to stop, and keeps what was acknowledged. */
function writer(store: Store, name: string) {
  const state = { done: [] as string[], failed: [] as string[], added: 0, unknown: 0, on: true };
  const work = (async () => {
    for (let n = 0; state.on; n++) {
      // A file is written without waiting: whoever writes one all the time lets nobody else have a turn.
      await sleep(2);
      const id = `${name}${n}`;
      try {
        await store.collection(Notes).put({ id, count: n });
        state.done.push(id);
        state.unknown++;
        await add(store);
        state.unknown--;
        state.added++;
      } catch (error) {
        if (!OutgrowError.is(error)) throw error;
        state.failed.push(error.code);
        await sleep(20);
      }
    }
  })();
  const stop = (): Promise<void> => {
    state.on = false;
    return work;
  };
  closing.push({ [Symbol.asyncDispose]: stop });
  return { state, stop };
}

it("fault F45, law D2, S2, S3: a Redis that is killed again and again, in dualwrite and in live, loses nothing", async () => {
  const server = await startRedis();
  closing.push({ [Symbol.asyncDispose]: () => server.stop() });
  const conductor = await open(server.url);
  const stores = [await (await open(server.url)).store(), await (await open(server.url)).store()];
  const kill = async (): Promise<void> => {
    await sleep(100 + Math.random() * 250);
    await server.kill9();
    await sleep(Math.random() * 300);
    await server.restart();
  };
  await conductor.advance("dualwrite");
  await conductor.copy();
  const during = stores.map((store, index) => writer(store, `dual${index}-`));
  for (let n = 0; n < times(3); n++) await kill();
  await Promise.all(during.map(({ stop }) => stop()));
  // Law S2: the app needs nothing of the target yet.
  expect(during.flatMap(({ state }) => state.failed)).toEqual([]);
  expect(await conductor.verify()).toMatchObject({ clean: true });
  await conductor.advance("shadow");
  await conductor.advance("live");
  const live = stores.map((store, index) => writer(store, `live${index}-`));
  for (let n = 0; n < times(4); n++) await kill();
  await sleep(200);
  await Promise.all(live.map(({ stop }) => stop()));
  const held = await bothSides(conductor, server.url);
  const all = [...during, ...live].map(({ state }) => state);
  for (const id of all.flatMap(({ done }) => done)) expect(held.has(id), id).toBe(true);
  const sum = (what: "added" | "unknown") => all.reduce((total, one) => total + one[what], 0);
  expect(held.get("counter")).toBeGreaterThanOrEqual(sum("added"));
  expect(held.get("counter")).toBeLessThanOrEqual(sum("added") + sum("unknown"));
  expect(live.flatMap(({ state }) => state.done).length).toBeGreaterThan(5);
  expect(await conductor.verify()).toMatchObject({ clean: true });
  expect((await conductor.back()).stage).toBe("shadow");
}, 120_000);

it("fault F47, law S2: a Redis that is full stops no write before live; from live on reads go on, and writes when it has room", async () => {
  const server = await startRedis();
  closing.push({ [Symbol.asyncDispose]: () => server.stop() });
  const own = new TcpConnection(server.url);
  closing.push(own);
  const maxmemory = (size: string) => own.send([["CONFIG", "SET", "maxmemory", size]]);
  const conductor = await open(server.url);
  const notes = (await (await open(server.url)).store()).collection(Notes);
  await conductor.advance("dualwrite");
  await conductor.copy();
  // Whoever has not heard of the stage yet could not find out now.
  await notes.put({ id: "full0", count: 0 });
  await maxmemory("1mb");
  // Longer than the process's view of the stage is good: its beats are refused too.
  const until = performance.now() + 6500;
  for (let n = 0; performance.now() < until; n++, await sleep(100)) {
    await notes.put({ id: `full${n % 20}`, count: n });
  }
  await maxmemory("0");
  expect(await conductor.verify()).toMatchObject({ clean: true });
  await conductor.advance("shadow");
  await conductor.advance("live");
  await notes.put({ id: "full0", count: -1 });
  await maxmemory("1mb");
  await expect(notes.put({ id: "full0", count: -2 })).rejects.toMatchObject({
    code: "TARGET_FULL",
  });
  await expect(conductor.back()).rejects.toMatchObject({ code: "TARGET_FULL" });
  expect(await notes.get("full0")).toMatchObject({ count: -1 });
  await maxmemory("0");
  await notes.put({ id: "full1", count: -3 });
  const held = await bothSides(conductor, server.url);
  expect([held.get("full0"), held.get("full1")]).toEqual([-1, -3]);
  expect(held.get("full2")).toBeGreaterThan(20);
}, 60_000);
