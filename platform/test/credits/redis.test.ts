/** Which Redis may hold credits, and what the ledger makes of one that is full, restarted or far away. */
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import { describe, expect, it } from "vitest";
import { RestConnection } from "../../../src/drivers/redis/rest.ts";
import { TcpConnection } from "../../../src/drivers/redis/tcp.ts";
import { restProxy, startRedis } from "../../../test/support/redis.ts";
import {
  ioredisCommands,
  type RedisConnection,
  type RedisCreditsOptions,
  redisCommands,
  redisCredits,
  SEED_NAMES,
} from "../../src/credits/index.ts";
import { redisPlace } from "../support/backends.ts";
import { CHECKS } from "../support/checks.ts";
import { ledgerTill } from "../support/ledger-till.ts";

type Settings = Readonly<Record<string, string>>;

/** @returns the code of the refusal, or "taken" */
async function tried(
  connection: RedisConnection,
  options: RedisCreditsOptions = {},
): Promise<string> {
  return redisCredits(connection, { attempts: 1, ...options }).then(
    () => "taken",
    (error: { readonly code: string }) => error.code,
  );
}

async function onServer<R>(
  settings: Settings,
  work: (connection: RedisConnection, url: string) => Promise<R>,
): Promise<R> {
  const server = await startRedis(settings);
  const tcp = new TcpConnection(server.url);
  try {
    return await work(redisCommands(tcp), server.url);
  } finally {
    await tcp[Symbol.asyncDispose]();
    await server.stop();
  }
}

describe("a Redis for credits", () => {
  const refused: readonly (readonly [Settings, RedisCreditsOptions, string])[] = [
    [{}, {}, "taken"],
    [{ appendonly: "no" }, {}, "KV_NOT_DURABLE"],
    [{ appendonly: "no" }, { lossWindowSeconds: 3600 }, "KV_NOT_DURABLE"],
    [{ appendfsync: "everysec" }, {}, "KV_NOT_DURABLE"],
    [{ appendfsync: "everysec" }, { lossWindowSeconds: 1 }, "KV_NOT_DURABLE"],
    [{ appendfsync: "everysec" }, { lossWindowSeconds: 2 }, "taken"],
    [{ appendfsync: "no" }, { lossWindowSeconds: 2 }, "KV_NOT_DURABLE"],
    [{ appendfsync: "no" }, { lossWindowSeconds: 30 }, "taken"],
    [{ "maxmemory-policy": "allkeys-lru" }, {}, "KV_EVICTS"],
    [{ "maxmemory-policy": "volatile-ttl" }, { neverEvicts: true }, "KV_EVICTS"],
    [{ "cluster-enabled": "yes", databases: "1" }, { names: SEED_NAMES }, "KV_CLUSTER"],
    [{ replicaof: "127.0.0.1 1" }, {}, "LEDGER_REFUSED"],
  ];
  it.each(refused)("promise P8: %j with %j: %s", async (settings, options, outcome) => {
    expect(await onServer(settings, (connection) => tried(connection, options))).toBe(outcome);
  });

  it("promise P8: a server that does not tell is taken when somebody declares what it would", async () => {
    await onServer({}, async (connection, url) => {
      const admin = (...args: string[]): Promise<unknown> => connection.command(args);
      await admin("ACL", "SETUSER", "app", "on", ">pw", "~*", "+@all", "-info", "-config");
      const limited = new TcpConnection(url.replace("redis://", "redis://app:pw@"));
      const own = redisCommands(limited);
      expect(await tried(own)).toBe("KV_EVICTS");
      expect(await tried(own, { neverEvicts: true })).toBe("KV_NOT_DURABLE");
      expect(await tried(own, { neverEvicts: true, lossWindowSeconds: 0 })).toBe("taken");
      await limited[Symbol.asyncDispose]();
      await admin("ACL", "SETUSER", "app", "+info");
      const knowing = new TcpConnection(url.replace("redis://", "redis://app:pw@"));
      expect(await tried(redisCommands(knowing))).toBe("KV_NOT_DURABLE");
      expect(await tried(redisCommands(knowing), { lossWindowSeconds: 0 })).toBe("taken");
      await knowing[Symbol.asyncDispose]();
      const stranger = new TcpConnection(url.replace("redis://", "redis://app:no@"));
      expect(await tried(redisCommands(stranger))).toBe("LEDGER_REFUSED");
      await stranger[Symbol.asyncDispose]();
    });
  });

  it("promise P14: names", async () => {
    await using place = await redisPlace();
    const { connection } = place;
    for (const names of [
      { balance: "credits", history: "t:ACCOUNT" },
      { balance: "x:ACCOUNT", history: "x:ACCOUNT" },
    ]) {
      expect(await tried(connection, { names })).toBe("REQUEST_INVALID");
    }
    for (const tenant of ["a}", "{b", "", "\n"]) {
      expect(await tried(connection, { tenant })).toBe("TENANT_INVALID");
    }
    expect(await tried(connection, { lossWindowSeconds: -1 })).toBe("REQUEST_INVALID");
  });

  it("fault F46: a full server refuses whole changes, none in part", async () => {
    await onServer({}, async (connection) => {
      const credits = await redisCredits(connection);
      await credits.grant({ account: "a", amount: 10, key: "1" });
      const { hold = "" } = await credits.reserve({ account: "a", amount: 2, key: "2", ttlMs: 60 });
      await credits.reserve({ account: "a", amount: 2, key: "3", ttlMs: 60_000 });
      await expect.poll(() => credits.balance("a"), { interval: 10 }).toMatchObject({ held: 2 });
      await connection.command(["CONFIG", "SET", "maxmemory", "1"]);
      const full = { code: "LEDGER_REFUSED" };
      const spend = { account: "a", amount: 1, key: "4" };
      await expect(credits.spend(spend)).rejects.toMatchObject(full);
      await expect(credits.void({ account: "a", hold, key: "5" })).rejects.toMatchObject(full);
      await expect(credits.sweep()).rejects.toMatchObject(full);
      await connection.command(["CONFIG", "SET", "maxmemory", "0"]);
      expect((await credits.history("a")).entries).toHaveLength(3);
      expect(await credits.spend(spend)).toMatchObject({ available: 7, held: 2, replayed: false });
      expect(await credits.reconcile()).toMatchObject({ agrees: true });
    });
  });

  it("promise P14: of changes that travel together each has its own outcome", async () => {
    await using place = await redisPlace();
    const sent: string[] = [];
    const connection: RedisConnection = {
      command: (args) => {
        sent.push(args[0] ?? "");
        return place.connection.command(args);
      },
    };
    const credits = await redisCredits(connection);
    const accounts = ["a", "broken", "c", "poor"];
    const holds = new Map<string, string>();
    for (const account of accounts) {
      await credits.grant({ account, amount: 5, key: `grant-${account}` });
      const { hold } = await credits.reserve({ account, amount: 2, key: `reserve-${account}` });
      holds.set(account, hold ?? "");
    }
    await place.connection.command(["SET", "{default}:credits-holds:broken", "no hash"]);
    holds.set("poor", "none");
    const scripts = (): number => sent.filter((command) => command.startsWith("EVAL")).length;
    const before = scripts();
    const captures = accounts.map((account) =>
      credits.capture({ account, hold: holds.get(account) ?? "", key: `capture-${account}` }),
    );
    // More of another kind than travel together at most.
    const spends = Array.from({ length: 100 }, (_, at) =>
      credits.spend({ account: "c", amount: 1, key: `spend-${at}` }),
    );
    const outcomes = await Promise.allSettled(captures);
    const told = outcomes.map((one) => (one.status === "rejected" ? one.reason.code : "captured"));
    expect(told).toEqual(["captured", "LEDGER_REFUSED", "captured", "HOLD_UNKNOWN"]);
    const granted = (await Promise.allSettled(spends)).filter(
      ({ status }) => status === "fulfilled",
    );
    expect(granted).toHaveLength(3);
    expect(await credits.balance("c")).toEqual({ available: 0, held: 0 });
    // With one more for a script that the server did not have yet, and one for its text.
    expect(scripts() - before).toBeLessThan(9);
  });

  it("promise P14: scripts that the server has forgotten are sent again", async () => {
    await using place = await redisPlace();
    const credits = await place.open();
    await credits.grant({ account: "a", amount: 10, key: "1" });
    await place.connection.command(["SCRIPT", "FLUSH"]);
    expect(await credits.spend({ account: "a", amount: 1, key: "2" })).toMatchObject({ place: 2 });
    expect(await credits.balance("a")).toEqual({ available: 9, held: 0 });
  });

  it("promise P14: all keys of a tenant lie in one slot, and keys are forgotten by the server", async () => {
    await using place = await redisPlace();
    const credits = await place.open({ keepKeysMs: 50_000, tenant: "t" });
    await credits.grant({ account: "a{b}", amount: 10, key: "{x}", payment: "{y}" });
    await credits.reserve({ account: "a{b}", amount: 1, key: "k" });
    const keys = (await place.connection.command(["KEYS", "*"])) as string[];
    expect(keys).toHaveLength(10);
    expect(keys.filter((key) => !key.startsWith("{t}:"))).toEqual([]);
    const left = await place.connection.command(["PTTL", "{t}:credits-request:k"]);
    expect(left).toBeGreaterThan(40_000);
    expect(left).toBeLessThanOrEqual(50_000);
  });

  it("fault F11: the same through ioredis, whose connections are cut", async () => {
    await using place = await redisPlace();
    const client = new Redis(place.url);
    client.on("error", () => {});
    const credits = await redisCredits(ioredisCommands(client), { attempts: 30 });
    let isOver = false;
    const cutting = (async () => {
      for (; !isOver; await sleep(20)) {
        await place.connection.command(["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
      }
    })();
    for (const [name, check] of Object.entries(CHECKS)) {
      expect(await check(ledgerTill(credits)), name).toBeUndefined();
    }
    isOver = true;
    await cutting;
    client.disconnect();
    expect(await (await place.open()).reconcile()).toMatchObject({ agrees: true });
  });

  it("fault F11: the same over HTTP, with requests and answers lost", async () => {
    await using place = await redisPlace();
    await using proxy = await restProxy(place.url);
    await using rest = new RestConnection(proxy.url, proxy.token);
    const credits = await redisCredits(redisCommands(rest));
    proxy.cutEvery = 4;
    for (const [name, check] of Object.entries(CHECKS)) {
      expect(await check(ledgerTill(credits)), name).toBeUndefined();
    }
    expect(proxy.seen.requests).toBeGreaterThan(40);
    expect(await (await place.open()).reconcile()).toMatchObject({ agrees: true });
  });
});
