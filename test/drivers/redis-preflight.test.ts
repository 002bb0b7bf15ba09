/** A Redis that may lose what it acknowledged is refused, with what to do about it. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { openRedis } from "../../src/drivers/redis/index.ts";
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
  expect(await refusal()).toMatch(/^UNSUPPORTED.*appendonly.*set appendonly yes/);
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
  expect(await refusal()).toMatch(/^UNSUPPORTED.*allkeys-lru.*set it to noeviction/);
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
