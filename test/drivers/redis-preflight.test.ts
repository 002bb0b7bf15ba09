/** A Redis that may lose what it acknowledged is refused, with what to do about it. */
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { targetAddress } from "../../src/cli/address.ts";
import { openTarget } from "../../src/drivers/open-target.ts";
import { examineRedis, openRedis } from "../../src/drivers/redis/index.ts";
import { TcpConnection } from "../../src/drivers/redis/tcp.ts";
import { startRedis, type TestRedis } from "../support/redis.ts";

let server: TestRedis;
let raw: TcpConnection;
beforeAll(async () => {
  server = await startRedis();
  raw = new TcpConnection(server.url);
});
afterAll(async () => {
  await raw[Symbol.asyncDispose]();
  await server.stop();
});

afterEach(() => {
  vi.unstubAllEnvs();
});

const set = (name: string, value: string) => raw.send([["CONFIG", "SET", name, value]]);

async function refusal(address = server.url): Promise<unknown> {
  return openRedis(address).then(
    async (target) => {
      const { notes } = target;
      await target[Symbol.asyncDispose]();
      return notes;
    },
    (error: { code?: string; message: string }) => `${error.code}: ${error.message}`,
  );
}

test("fault F46: a server without a log is refused, unless a loss window is declared", async () => {
  expect(await refusal()).toEqual([]);
  await set("appendonly", "no");
  expect(await refusal()).toMatch(/^KV_NOT_DURABLE.*appendonly is no/);
  expect(await refusal(`${server.url}?lossWindow=60`)).toEqual([
    expect.stringContaining("up to 60 seconds"),
  ]);
  expect(await refusal(`${server.url}?lossWindow=soon`)).toMatch(/^TARGET_ADDRESS/);
  await set("appendonly", "yes");
  await set("appendfsync", "everysec");
  expect(await refusal()).toEqual([expect.stringContaining("everysec")]);
  await using target = await openRedis(server.url);
  await target.ledger.create({
    name: "m",
    tenant: "default",
    schema: "public",
    files: [],
    collections: [],
  });
  expect((await target.open("m")).can).toMatchObject({ durable: false, transaction: true });
  await target.ledger.setPhase("m", "copied");
  await set("appendfsync", "always");
});

test("a server that evicts keys is refused", async () => {
  await set("maxmemory-policy", "allkeys-lru");
  expect(await refusal()).toMatch(/^KV_EVICTS.*allkeys-lru/);
  await set("maxmemory-policy", "noeviction");
});

test("a replica is refused", async () => {
  const replica = await startRedis({ replicaof: `127.0.0.1 ${new URL(server.url).port}` });
  try {
    expect(await refusal(replica.url)).toMatch(/^UNSUPPORTED.*replica/);
  } finally {
    await replica.stop();
  }
});

test("where CONFIG is not allowed, that is said; a wrong password is refused without showing it", async () => {
  const rights = ["on", ">hush", "~*", "&*", "+@all", "-config"];
  await raw.send([["ACL", "SETUSER", "mover", ...rights]]);
  const address = server.url.replace("redis://", "redis://mover:hush@");
  expect(await refusal(address)).toEqual([expect.stringContaining("CONFIG is not allowed")]);
  await raw.send([["ACL", "SETUSER", "mover", "-info"]]);
  expect(await refusal(address)).toHaveLength(3);
  const { label, checks } = await examineRedis(address);
  expect(label).not.toContain("hush");
  expect(checks.map(({ name, status }) => `${name} ${status}`)).toEqual([
    // A busy machine's answers are slow, which is a warning of its own.
    expect.stringMatching(/^connection (ok|warning)$/),
    "version warning",
    "role ok",
    "cluster ok",
    "eviction warning",
    "durability warning",
  ]);
  const wrong = await refusal(address.replace("hush", "wrong"));
  expect(wrong).toMatch(/^TARGET_REFUSED.*WRONGPASS/);
  expect(wrong).not.toContain("wrong@");
});

test("a server of another database number holds its own moves", async () => {
  await using one = await openRedis(`${server.url}/1`);
  await using two = await openRedis(`${server.url}/2`);
  await one.ledger.create({ name: "x", tenant: "t", schema: "s", files: [], collections: [] });
  expect(await two.ledger.moves()).toEqual([]);
  await one.ledger.drop("x");
});

test("fault F49: a node of a cluster is refused", async () => {
  const node = await startRedis({ "cluster-enabled": "yes" });
  try {
    expect(await refusal(node.url)).toMatch(/^KV_CLUSTER.*cluster_enabled is 1/);
    const { checks } = await examineRedis(node.url);
    expect(checks.find(({ name }) => name === "cluster")).toMatchObject({ status: "problem" });
  } finally {
    await node.stop();
  }
});

test("a checkup names every problem at once, with what to do about each", async () => {
  await set("appendonly", "no");
  await set("maxmemory-policy", "volatile-ttl");
  const { checks } = await examineRedis(server.url);
  expect(checks.flatMap((one) => (one.status === "ok" ? [] : [[one.name, one.advice]]))).toEqual([
    ["eviction", "Set maxmemory-policy noeviction."],
    ["durability", "Set appendonly yes, or declare what may be lost: ?lossWindow=SECONDS."],
  ]);
  await set("appendonly", "yes");
  await set("maxmemory-policy", "noeviction");
});

test("the address decides the kind of target, and the environment names one where nothing else does", async () => {
  await using target = await openTarget(server.url);
  expect([target.kind, target.label]).toEqual(["redis", server.url]);
  const names = "REDIS_URL KV_REST_API_URL KV_REST_API_TOKEN UPSTASH_REDIS_REST_URL";
  for (const name of `${names} UPSTASH_REDIS_REST_TOKEN DATABASE_URL POSTGRES_URL`.split(" ")) {
    vi.stubEnv(name, "");
  }
  expect(await targetAddress(undefined)).toBe("pglite:.outgrow/data");
  vi.stubEnv("KV_REST_API_URL", "https://kv.example.test");
  expect(await targetAddress(undefined)).toBe("pglite:.outgrow/data");
  vi.stubEnv("KV_REST_API_TOKEN", "hush");
  expect(await targetAddress(undefined)).toBe("https://kv.example.test");
  vi.stubEnv("REDIS_URL", "redis://r.example.test");
  expect(await targetAddress(undefined)).toBe("redis://r.example.test");
  vi.stubEnv("DATABASE_URL", "postgres://d.example.test/app");
  expect(await targetAddress(undefined)).toBe("postgres://d.example.test/app");
  // The token of one host is not sent to another.
  const other = await refusal("https://other.example.test");
  expect(other).toMatch(/^TARGET_ADDRESS.*needs its token/);
});
