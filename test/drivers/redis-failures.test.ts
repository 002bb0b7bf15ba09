/** What a commit survives: failures at every named place, lost answers, batches in parts, kills, hangs, full memory. */
import fc from "fast-check";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { dumpRevision } from "../../src/collection/revision.ts";
import type { RedisConnection } from "../../src/drivers/redis/connection.ts";
import { openRedis, preflight, redisTarget } from "../../src/drivers/redis/index.ts";
import type { Reply } from "../../src/drivers/redis/resp.ts";
import { TcpConnection } from "../../src/drivers/redis/tcp.ts";
import { OutgrowError } from "../../src/errors.ts";
import type { Commit, Driver, RecordWrite, Target } from "../../src/store/driver.ts";
import { commitBatch } from "../../src/transfer/commit-batch.ts";
import { propertyRuns } from "../support/property.ts";
import { freshRedis, startRedis } from "../support/redis.ts";
import { codeOf, type MakeMove, record, workbench } from "./backends.ts";

const at = { tenant: "default", collection: "things" };
let url: string;
let target: Target;
let move: MakeMove;
let raw: TcpConnection;
beforeAll(async () => {
  ({ url } = await freshRedis());
  target = await openRedis(url);
  raw = new TcpConnection(url);
  move = workbench(target);
});
afterEach(() => {
  vi.unstubAllEnvs();
  vi.resetModules();
});
afterAll(async () => {
  await target[Symbol.asyncDispose]();
  await raw[Symbol.asyncDispose]();
});

/** Everything under a move's hash tag but its clocks. */
async function state(connection: RedisConnection, schema: string): Promise<unknown> {
  const [names] = await connection.send([["KEYS", `{${schema}:*`]]);
  const found: Record<string, unknown> = {};
  for (const name of (names as string[]).sort()) {
    const [type] = await connection.send([["TYPE", name]]);
    const ask = { string: ["GET"], hash: ["HGETALL"], zset: ["ZRANGE", "0", "-1"] }[type as string];
    const [command = "", ...rest] = ask ?? [];
    const [value] = await connection.send([[command, name, ...rest]]);
    if (type !== "hash") found[name.replace(/:\d+:/, ":N:")] = value;
    else {
      const flat = value as string[];
      const pairs = flat.flatMap((field, index) =>
        index % 2 === 0 ? [[field, flat[index + 1]]] : [],
      );
      const own =
        /^(created|updated|heartbeat|lease|holder|name|schema|layout:.*|collections|loads:.*|indexed:.*)$/;
      found[name.replace(/:\d+:/, ":N:")] = pairs
        .filter(([field]) => !own.test(field ?? ""))
        .sort();
    }
  }
  return found;
}

const bad = {
  collection: "things",
  key: undefined,
  code: "DEPTH",
  detail: undefined,
  file: "f",
  offset: 0,
  position: 9,
  raw: new Uint8Array([1]),
} as const;
const checkpoint = { run: 1, file: 0, batch: 1, offset: 5, resume: 1, last: true };

test.each(["begin", "before_commit", "after_commit"])(
  "law T2, fault F03: a commit that fails at commit.%s leaves nothing, or all",
  async (place) => {
    const { name, schema, put } = await move();
    await put([record("a", { title: "1" }), record("b", { title: "b" })]);
    const before = await state(raw, schema);
    const records = [
      record("a", { title: "conflict" }),
      record("b", { title: "new" }, { revision: dumpRevision(2) }),
    ];
    const templates = { things: { "": ["title"] } };
    const ledger = { checkpoint, quarantine: [bad], templates, read: { things: 3 } };
    const commit = { tenant: "default", writes: [{ collection: "things", records }], ledger };
    vi.stubEnv("OUTGROW_FAILPOINT", `commit.${place}=throw`);
    vi.resetModules();
    const { openRedis: again } = await import("../../src/drivers/redis/index.ts");
    const armed = await again(url);
    const driver = await armed.open(name);
    expect(await codeOf(driver.commit(commit))).toBe(`failpoint commit.${place}`);
    await armed[Symbol.asyncDispose]();
    const isDone = place === "after_commit";
    if (!isDone) expect(await state(raw, schema)).toEqual(before);
    const report = await put(records, ledger);
    expect(report).toMatchObject(
      isDone ? { duplicate: 2 } : { applied: 1, conflicts: [{ key: "sa" }] },
    );
    const counts = (await target.ledger.find(name))?.counts["things"];
    expect(counts).toEqual({ read: 5, applied: 2, duplicate: 0, stale: 0, quarantined: 3 });
  },
);

/** A way that cuts batches small and, now and then, breaks before or behind a script. */
function frail(
  inner: RedisConnection,
  faults: Iterator<"before" | "after" | "none">,
): RedisConnection {
  return {
    label: inner.label,
    limits: { records: 3, bytes: 4000, argument: 700 },
    cost: (argument) => Buffer.byteLength(argument),
    async send(commands): Promise<readonly Reply[]> {
      const isScript = commands[0]?.[0] === "EVALSHA";
      const next = isScript ? faults.next() : undefined;
      const fault = next === undefined || next.done ? "none" : next.value;
      if (fault === "before") throw new OutgrowError("OUTCOME_UNKNOWN");
      const replies = await inner.send(commands);
      if (fault === "after") throw new OutgrowError("OUTCOME_UNKNOWN");
      return replies;
    },
    async [Symbol.asyncDispose]() {},
  };
}

test("law T1, T2: batches in parts, over a way that breaks anywhere, end as over one that does not", async () => {
  const one = fc.record({
    key: fc.integer({ min: 0, max: 12 }),
    content: fc.integer({ min: 0, max: 2 }),
    long: fc.boolean(),
    twice: fc.boolean(),
  });
  const records = fc.uniqueArray(one, { selector: ({ key }) => key, maxLength: 11 });
  const batches = fc.array(records, { minLength: 1, maxLength: 3 });
  const faults = fc.array(fc.constantFrom("before", "after", "none"), { maxLength: 3 });
  const checked = await preflight(raw);
  let number = 0;
  await fc.assert(
    fc.asyncProperty(batches, faults, async (history, broken) => {
      const ends: unknown[] = [];
      for (const way of [raw, frail(raw, broken.values())]) {
        const schema = `case${number++}`;
        const { name: real } = await move(undefined, { schema });
        const driver = await openThrough(redisTarget(way, checked), real);
        for (const [batch, writes] of history.entries()) {
          const records = writes.map(({ key, content, long, twice }, index): RecordWrite => {
            const value = { content, more: long ? "é".repeat(900) : "" };
            const given = record(`k${key}`, value, { position: batch * 100 + index });
            return twice ? { ...given, state: "conflict" } : given;
          });
          const ledger: Commit["ledger"] = {
            checkpoint: { ...checkpoint, batch, offset: batch },
            quarantine: [{ ...bad, raw: new Uint8Array(800) }],
            templates: { things: { "": ["content", "more".repeat(300)] } },
            read: { things: records.length + 3 },
            duplicates: { things: 2 },
          };
          const commit = { tenant: "default", writes: [{ collection: "things", records }], ledger };
          await commitBatch(driver, target.ledger, real, commit);
        }
        // A part that brings only what is new leaves the indexes behind; whoever asks completes them.
        await driver.count(at);
        // What a commit was given in pieces is gone with it, unless its way broke.
        const pieces = Object.keys((await state(raw, schema)) as object).filter((one) =>
          one.includes(":piece:"),
        );
        if (broken.every((fault) => fault === "none")) expect(pieces).toEqual([]);
        const left = (await state(raw, schema)) as Record<string, unknown>;
        ends.push(JSON.parse(JSON.stringify(sortedEntries(left)).replaceAll(schema, "same")));
        await redisTarget(frail(raw, [].values()), checked).ledger.drop(real);
        expect(await state(raw, schema)).toEqual({});
      }
      expect(ends[1]).toEqual(ends[0]);
    }),
    propertyRuns(40),
  );
});

/** Quarantined records are numbered in the order in which parts came, and moves in that of their making. */
function sortedEntries(left: Record<string, unknown>): unknown {
  const entries = Object.entries(left).filter(([name]) => !/:taken$|:piece:/.test(name));
  return Object.fromEntries(
    entries.map(([name, value]) => [
      name,
      /:(quarantine|raw)$/.test(name)
        ? (value as string[][]).map(([, text]) => text).sort()
        : value,
    ]),
  );
}

/** Opens a move over a way that may break while it does so. */
async function openThrough(through: Target, name: string): Promise<Driver> {
  for (;;) {
    try {
      return await through.open(name);
    } catch (error) {
      if (!OutgrowError.is(error) || !error.retry) throw error;
    }
  }
}

test("law T2: a part that dies between two others is gone on with, and counted once", async () => {
  const { name, counts, rows } = await move();
  vi.stubEnv("OUTGROW_FAILPOINT", "commit.part=throw@2");
  vi.resetModules();
  const again = await import("../../src/drivers/redis/index.ts");
  const few = { ...frail(raw, [].values()) };
  const driver = await again.redisTarget(few, await preflight(raw)).open(name);
  const records = Array.from({ length: 10 }, (_, index) => record(`k${index}`, { index }));
  const ledger = { checkpoint, read: { things: 10 } };
  const commit = { tenant: "default", writes: [{ collection: "things", records }], ledger };
  expect(await codeOf(driver.commit(commit))).toBe("failpoint commit.part");
  expect(Object.keys(await rows())).toHaveLength(3);
  expect(await target.ledger.checkpoints(name)).toEqual([]);
  expect(await driver.commit(commit)).toMatchObject({ applied: 7, duplicate: 3 });
  expect(await driver.commit(commit)).toMatchObject({ applied: 0, duplicate: 10 });
  expect(await counts()).toEqual({ read: 10, applied: 10, duplicate: 0, stale: 0, quarantined: 0 });
});

test("fault F45: what was acknowledged survives a kill -9 of a server that logs always", async () => {
  const server = await startRedis();
  try {
    await using own = await openRedis(server.url);
    const { name, driver } = await workbench(own)();
    const acknowledged: string[] = [];
    for (let batch = 0; batch < 60; batch++) {
      const records = Array.from({ length: 20 }, (_, index) =>
        record(`${batch}-${index}`, { batch }),
      );
      const ledger = { checkpoint: { ...checkpoint, batch, offset: batch }, read: { things: 20 } };
      const commit = { tenant: "default", writes: [{ collection: "things", records }], ledger };
      const killed = batch % 12 === 5;
      const dies = killed ? server.kill9().then(() => server.restart()) : undefined;
      await commitBatch(driver, own.ledger, name, commit);
      acknowledged.push(...records.map(({ key }) => key));
      await dies;
      if (batch % 12 === 7) {
        await server.kill9();
        await server.restart();
      }
    }
    const found = new Set<string>();
    for await (const page of driver.scan(at)) for (const { key } of page) found.add(key);
    expect(acknowledged.filter((key) => !found.has(key))).toEqual([]);
    expect((await own.ledger.find(name))?.counts["things"]).toMatchObject({
      read: 1200,
      applied: 1200,
    });
  } finally {
    await server.stop();
  }
});

test("fault F48: a server that hangs leaves the outcome unknown; it is found out from the ledger", async () => {
  const server = await startRedis();
  try {
    const connection = new TcpConnection(server.url, 300);
    await using own = redisTarget(connection, await preflight(connection));
    const { name, driver } = await workbench(own)();
    const records = [record("a", {})];
    const commit = {
      tenant: "default",
      writes: [{ collection: "things", records }],
      ledger: { checkpoint, read: { things: 1 } },
    };
    await driver.count(at);
    server.signal("SIGSTOP");
    expect(await codeOf(driver.commit(commit))).toBe("OUTCOME_UNKNOWN");
    const again = commitBatch(driver, own.ledger, name, commit);
    setTimeout(() => server.signal("SIGCONT"), 400);
    await again;
    expect((await own.ledger.find(name))?.counts["things"]).toMatchObject({ read: 1, applied: 1 });
  } finally {
    server.signal("SIGCONT");
    await server.stop();
  }
});

test("fault F47: a server whose memory is full refuses a commit and keeps none of it", async () => {
  const server = await startRedis();
  try {
    await using own = await openRedis(server.url);
    const { driver, schema, put } = await workbench(own)();
    await put([record("a", {})]);
    const plain = new TcpConnection(server.url);
    const before = await state(plain, schema);
    await plain.send([["CONFIG", "SET", "maxmemory", "1"]]);
    expect(await codeOf(put([record("b", {}), record("a", { other: 1 })]))).toBe("TARGET_FULL");
    await plain.send([["CONFIG", "SET", "maxmemory", "0"]]);
    expect(await state(plain, schema)).toEqual(before);
    await plain.send([["SCRIPT", "FLUSH"]]);
    expect(await put([record("b", {})])).toMatchObject({ applied: 1 });
    await plain.send([["SET", `{${schema}:default}:outgrow:1:keys:things`, "not a set"]]);
    const spoilt = await state(plain, schema);
    const failed = await driver
      .commit({
        tenant: "default",
        writes: [{ collection: "things", records: [record("c", { secret: "hidden" })] }],
      })
      .catch((error: unknown) => error);
    expect(failed).toMatchObject({ code: "TARGET_REFUSED" });
    expect(String(failed)).not.toContain("hidden");
    expect(await state(plain, schema)).toEqual(spoilt);
    await plain[Symbol.asyncDispose]();
  } finally {
    await server.stop();
  }
});

test("law D2: where the log is written now and then, stages and fences wait until they are on disk", async () => {
  const sent: string[] = [];
  const watched: RedisConnection = {
    label: raw.label,
    limits: raw.limits,
    cost: (argument) => raw.cost(argument),
    async send(commands) {
      sent.push(...commands.map(([command = ""]) => String(command)));
      // Servers before 7.2 do not know it.
      return commands[0]?.[0] === "WAITAOF" ? [[1, 0]] : raw.send(commands);
    },
    async [Symbol.asyncDispose]() {},
  };
  const waiting = redisTarget(watched, { durable: false, waits: true, notes: [] });
  const { name } = await move();
  const { control, side } = waiting.live;
  const { fence } = await side(name);
  const changes = [
    () => control.replace(name, 0, {}),
    () => fence.raise(2),
    () => control.remove(name),
  ];
  for (const change of changes) {
    sent.length = 0;
    await change();
    expect(sent.at(-1)).toBe("WAITAOF");
  }
});
