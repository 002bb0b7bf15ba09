/** The clean exit from a Redis: what the app reads stays as it is, and of ours no key is left. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { encodeKey } from "../../src/collection/key.ts";
import { openRedis } from "../../src/drivers/redis/index.ts";
import { TcpConnection } from "../../src/drivers/redis/tcp.ts";
import type { HeldHere, LiveTarget, Target } from "../../src/store/driver.ts";
import { type CopyOptions, copy } from "../../src/transfer/copy.ts";
import { freshRedis } from "../support/redis.ts";

let folder: string;
let raw: TcpConnection;
let target: Target;
let live: LiveTarget;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "outgrow-leave-"));
  const { url } = await freshRedis();
  raw = new TcpConnection(url);
  target = await openRedis(url);
  live = target.live as LiveTarget;
});
afterEach(async () => {
  await target[Symbol.asyncDispose]();
  await raw[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

const move = (name: string, content: object, options: CopyOptions = {}) => {
  const path = join(folder, `${name}.json`);
  writeFileSync(path, JSON.stringify(content));
  return copy(`json:${path}`, target, { ...options, move: name });
};

/** Every key that is there, and what it holds. */
async function contents(): Promise<Record<string, unknown>> {
  const [names] = await raw.send([["KEYS", "*"]]);
  const found: Record<string, unknown> = {};
  for (const name of (names as string[]).sort()) {
    const [type] = await raw.send([["TYPE", name]]);
    const command = type === "list" ? ["LRANGE", name, "0", "-1"] : ["GET", name];
    found[name] = type === "hash" || type === "zset" ? type : (await raw.send([command]))[0];
  }
  return found;
}
const OURS = /outgrow/;
const ofTheApp = (all: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(all).filter(([name]) => !OURS.test(name)));

const KEYS: CopyOptions["redis"] = {
  users: {
    cells: [
      { kind: "object", key: "user:{email}" },
      { kind: "pointer", key: "user_id:{id}", value: "{email}" },
      { kind: "counter", key: "credits:{id}", property: "credits" },
    ],
  },
  sales: { cells: [{ kind: "list", key: "sales:{user}", push: "first" }] },
};
const user = (id: number, email: string) => ({ id, email, credits: id * 10 });
const SALES = [1, 2, 1].map((user, index) => ({ id: index, user, note: `"${index}` }));

it("law P6, S6: a move that is left leaves every record as it lies, and no key of ours", async () => {
  await raw.send([["SET", "theirs", "1"]]);
  const users = [user(1, "a@x.example"), user(2, "b@x.example")];
  await move("app", { users, sales: SALES, plain: [{ id: "}{", at: null }] }, { redis: KEYS });
  await live.control.replace("app", 0, { stage: "complete" });
  await live.control.beat("app", "gone", {});
  const { fence, driver } = await live.side("app");
  await fence.raise(7);
  await driver.issue(3, 7);
  const before = ofTheApp(await contents());
  expect(before).toMatchObject({ "credits:2": "20", "user_id:1": "a@x.example", theirs: "1" });
  expect(Object.keys(before)).toHaveLength(10);
  await live.leave?.("app");
  expect(await contents()).toEqual(before);
  expect(await live.control.read("app")).toBeUndefined();
  // Again, as after an exit that was cut off.
  await live.leave?.("app");
  expect(await contents()).toEqual(before);
});

it("law P6: what others of the same tenant have moved stays theirs", async () => {
  await move("app", { users: [user(1, "a@x.example")] }, { redis: KEYS });
  await move("other", { things: [{ id: "t" }] });
  await live.control.replace("other", 0, { stage: "live" });
  await (await live.side("other")).fence.raise(3);
  await live.leave?.("app");
  const other = await live.side("other");
  expect(await other.fence.current()).toBe(3);
  expect(await other.driver.count({ tenant: "default", collection: "things" })).toBe(1);
  expect((await target.ledger.moves()).map(({ name }) => name)).toEqual(["other"]);
});

it("sec: what lies in the ledger and nowhere else is asked for before it goes", async () => {
  // One object takes another's name; a counter finds its own taken, and so does what has no such property.
  const users = [user(1, "a@x.example"), user(2, "a@x.example"), { id: 3, credits: 5 }];
  const text = JSON.stringify({
    users,
    sales: [
      { id: 1, user: 1 },
      { id: 1, user: 2 },
    ],
  });
  const path = join(folder, "app.json");
  writeFileSync(path, text);
  await copy(`json:${path}`, target, { move: "app", redis: KEYS });
  const before = await contents();
  await expect(live.leave?.("app")).rejects.toMatchObject({
    code: "LEDGER_HOLDS",
    message: expect.stringMatching(/2 of rest, \d of quarantine/),
  });
  expect(await contents()).toEqual(before);
  const kept: HeldHere[] = [];
  await live.leave?.("app", async (held) => {
    for await (const one of held) kept.push(one);
    expect(await contents()).toEqual(before);
  });
  const rests = kept.flatMap((one) => (one.what === "rest" ? [one] : []));
  rests.sort((a, b) => (a.key < b.key ? -1 : 1));
  expect(rests.map(({ key, rest }) => [key, JSON.parse(rest ?? "")])).toEqual([
    [encodeKey(2), users[1]],
    [encodeKey(3), users[2]],
  ]);
  expect(kept.some(({ what }) => what === "quarantine")).toBe(true);
  expect(await contents()).toEqual(ofTheApp(before));
});

it("sec: a keeper that fails, and a mover that lives, keep everything", async () => {
  await move("app", { users: [user(1, "a@x.example")] }, { redis: KEYS });
  const before = await contents();
  const full = async () => {
    throw new Error("the disk is full");
  };
  await expect(live.leave?.("app", full)).rejects.toThrow("the disk is full");
  const lease = await target.ledger.acquire("app");
  await expect(live.leave?.("app")).rejects.toMatchObject({ code: "MOVE_LEASED" });
  await target.ledger.release(lease);
  expect(await contents()).toEqual(before);
  await live.leave?.("app");
});
