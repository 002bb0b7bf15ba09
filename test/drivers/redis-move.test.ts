/** Whole moves into a Redis, over TCP and over HTTP: copied, verified, resumed, exported, dropped. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "@upstash/redis";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { canonicalText } from "../../src/collection/canonical.ts";
import { parseJson } from "../../src/collection/parse-json.ts";
import { openRedis } from "../../src/drivers/redis/index.ts";
import { TcpConnection } from "../../src/drivers/redis/tcp.ts";
import type { Target } from "../../src/store/driver.ts";
import { copy } from "../../src/transfer/copy.ts";
import { exportMove } from "../../src/transfer/export.ts";
import { replay } from "../../src/transfer/quarantine.ts";
import { verify } from "../../src/transfer/verify.ts";
import { freshRedis, type RestProxy, restProxy } from "../support/redis.ts";

let folder: string;
let proxy: RestProxy;
let url: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "outgrow-redis-move-"));
  url = (await freshRedis()).url;
  proxy = await restProxy(url);
});
afterAll(async () => {
  await proxy[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const users = Array.from({ length: 9000 }, (_, id) => ({
  id,
  name: `user ${id}`,
  "odd name": id % 3 === 0 ? null : { list: [id, "é\u0000\ud800", -0.5, {}] },
}));
/** As JSON says it, with a record that repeats another, two of one key, and one that cannot be read. */
function source(): string {
  const lines = users.map((user) => JSON.stringify(user));
  lines.splice(40, 0, '{"id":7,"name":"another"}', lines[3] as string, '{"id":90000,"n":NaN}');
  lines.push('{"id":1e400,"name":"a key of its own"}', '{"id":"text","name":-0}');
  const settings = '{"dark":true,"$date":5,"__proto__":{"a":1}}';
  return `{"users":[${lines.join(",")}],"notes":{"a:b":{"x":1},"é {}":{"x":2},"c%":{"x":3}},"settings":${settings}}`;
}

describe.each(["tcp", "rest"])("%s", (way) => {
  let target: Target;
  let path: string;
  beforeAll(async () => {
    target =
      way === "tcp" ? await openRedis(url) : await openRedis(proxy.url, { token: proxy.token });
    path = join(folder, `${way}.json`);
    await writeFile(path, source());
  });
  afterAll(() => target[Symbol.asyncDispose]());

  test("law L1: a copy is verified record by record, and goes out again as it was", async () => {
    const copied = await copy(path, target, { schema: way });
    const { read, applied, duplicate, quarantined } = copied.counts["users"] ?? {};
    expect({ read, applied, duplicate }).toEqual({ read: 9005, applied: 9000, duplicate: 1 });
    expect(quarantined).toBe(4);
    const verified = await verify(path, target, { move: way });
    expect(verified.differences).toEqual([]);
    expect(verified.clean).toBe(true);
    const out = join(folder, `${way}.out.json`);
    await exportMove(target, out, { move: way });
    const [before, after] = [source(), await readFile(out, "utf8")].map((text) =>
      parseJson(text.replace(/,\{"id":90000,"n":NaN\}/, "")),
    );
    const usersOf = (value: unknown): { id: unknown }[] =>
      (value as { users: { id: unknown }[] }).users;
    // Quarantined: two of key 7, and one whose number no key can be. The 42nd repeats the fourth.
    const wanted = usersOf(before?.value).filter(
      ({ id }, at) => id !== 7 && typeof id !== "object" && at !== 41,
    );
    expect(usersOf(after?.value).map((one) => canonicalText(one as never))).toEqual(
      wanted.map((one) => canonicalText(one as never)),
    );
    expect(JSON.stringify(after?.value).slice(-120)).toBe(
      JSON.stringify(before?.value).slice(-120),
    );
  });

  test("a later run changes nothing that is the same; quarantined records are decided by a person", async () => {
    const again = await copy(path, target, { move: way });
    expect(again).toMatchObject({ run: 2, pruned: 0 });
    expect(again.counts["users"]).toMatchObject({ applied: 9000, stale: 0 });
    const open = await target.ledger.quarantined(way, { state: "open" });
    const entry = open.find(({ raw }) => Buffer.from(raw).includes("another"));
    expect(await replay(target, way, [entry?.id ?? 0])).toMatchObject([{ outcome: "stored" }]);
    const { clean, collections } = await verify(path, target, { move: way });
    expect(clean).toBe(true);
    expect(collections[0]).toMatchObject({ decided: 1 });
  });

  test("verify finds what somebody changed, took away, or put there", async () => {
    const raw = new TcpConnection(url);
    const name = (key: string): string => `{${way}:default}:users:%n${key}`;
    const [old] = await raw.send([["GET", name("8")]]);
    await raw.send([
      ["SET", name("8"), '{"id":8,"name":"changed"}'],
      ["DEL", name("9")],
      ["SET", name("123456"), '{"id":123456}'],
    ]);
    const found = await verify(path, target, { move: way });
    expect(found.differences.map(({ key, kind }) => `${key} ${kind}`).sort()).toEqual([
      "8 different",
      "9 missing",
    ]);
    expect(found.collections[0]).toMatchObject({ foreign: 1, different: 1, missing: 1 });
    await raw.send([
      ["SET", name("8"), old as string],
      ["DEL", name("123456")],
    ]);
    await raw[Symbol.asyncDispose]();
  });

  test("a drop leaves no key", async () => {
    await target.ledger.drop(way);
    const raw = new TcpConnection(url);
    expect(await raw.send([["KEYS", `{${way}:*`]])).toEqual([[]]);
    await raw[Symbol.asyncDispose]();
  });
});

test("over HTTP: records and quarantined bytes larger than a request, and answers that are lost", async () => {
  await using target = await openRedis(proxy.url, { token: proxy.token });
  const large = 'é\u0000\\"'.repeat(300_000);
  const records = Array.from({ length: 200 }, (_, id) => ({
    id,
    text: id === 50 ? large : "x".repeat(20_000),
  }));
  const lines = records.map((one) => JSON.stringify(one));
  lines.push(`{"id":1000,"n":NaN,"text":${JSON.stringify(large)}}`);
  lines.push(`{"id":51,"text":${JSON.stringify(`${large}!`)}}`);
  const path = join(folder, "large.json");
  await writeFile(path, `[${lines.join(",\n")}]`);
  proxy.seen.largest = 0;
  proxy.cutEvery = 7;
  let copied: Awaited<ReturnType<typeof copy>> | undefined;
  for (let attempt = 0; copied === undefined; attempt++) {
    copied = await copy(path, target).catch((error: { code: string; retry: boolean }) => {
      if (!error.retry || attempt > 60) throw error;
      return undefined;
    });
  }
  proxy.cutEvery = 0;
  expect(proxy.seen.largest).toBeGreaterThan(500_000);
  expect(proxy.seen.largest).toBeLessThanOrEqual(1024 * 1024);
  expect(copied.counts["large"]).toEqual({
    read: 202,
    applied: 199,
    duplicate: 0,
    stale: 0,
    quarantined: 3,
  });
  expect((await verify(path, target)).clean).toBe(true);
  const entries = await target.ledger.quarantined("large");
  expect(entries.map(({ raw }) => raw.length > 1_000_000).sort()).toEqual([false, true, true]);
  // The app's own client reads plain JSON.
  const app = new Redis({ url: proxy.url, token: proxy.token, enableTelemetry: false });
  expect(await app.get("{default}:large:50")).toEqual(records[50]);
  await target.ledger.drop("large");
  expect(await app.keys("{default}*")).toEqual([]);
});
