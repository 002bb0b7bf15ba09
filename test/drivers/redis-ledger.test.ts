/** The ledger in a Redis: moves, runs, leases, quarantine; and that a drop leaves no key. */
import { spawnSync } from "node:child_process";
import { hostname } from "node:os";
import { afterAll, beforeAll, expect, test } from "vitest";
import { encodeKey } from "../../src/collection/key.ts";
import { dumpRevision, revision } from "../../src/collection/revision.ts";
import { openRedis } from "../../src/drivers/redis/index.ts";
import { REGISTRY } from "../../src/drivers/redis/names.ts";
import { TcpConnection } from "../../src/drivers/redis/tcp.ts";
import type { Target } from "../../src/store/driver.ts";
import type { Move, SourceFile } from "../../src/store/ledger.ts";
import { freshRedis } from "../support/redis.ts";
import { codeOf, layoutOf, type MakeMove, newMove, record, workbench } from "./backends.ts";

const at = { tenant: "default", collection: "things" };
const file: SourceFile = {
  fingerprint: { name: "dump.json", bytes: 3, modified: 1, sha256: "ab" },
  collections: { things: "things" },
  survey: { odd: ["\u0000\ud800", 1e21, { b: 1, a: 2 }] },
};

let target: Target;
let move: MakeMove;
let raw: TcpConnection;
beforeAll(async () => {
  const { url } = await freshRedis();
  target = await openRedis(url);
  raw = new TcpConnection(url);
  move = workbench(target);
});
afterAll(async () => {
  await target[Symbol.asyncDispose]();
  await raw[Symbol.asyncDispose]();
});

const names = async (): Promise<string[]> =>
  ((await raw.send([["KEYS", "*"]]))[0] as string[]).sort();

test("law P6: a Redis is as before after the last move is dropped", async () => {
  await raw.send([["SET", "theirs", "1"]]);
  expect(await target.ledger.moves()).toEqual([]);
  expect(await names()).toEqual(["theirs"]);
  const layouts = [layoutOf("things"), layoutOf("outgrow"), layoutOf("")];
  const one = await move(layouts, { schema: "public" });
  const two = await move([layoutOf("things")], { schema: "second", tenant: "}{:%" });
  await one.put([record("a", {}, { position: 1 }), record("b", {})]);
  await one.put([record("a", { title: "clash" })]);
  const lease = await target.ledger.acquire(two.name, 0);
  await two.driver.issue(1);
  const checkpoint = { run: 1, file: 0, batch: 0, offset: 9, resume: null, last: true };
  await two.driver.commit({ tenant: "}{:%", writes: [], ledger: { checkpoint } });
  expect(await target.ledger.moves()).toHaveLength(2);
  const made = await target.ledger.find(one.name);
  expect(target.places?.(made as Move)).toEqual(
    new Map([
      ["things", ["{default}:things:*"]],
      ["outgrow", ["{default}:%6futgrow:*"]],
      ["", ["{default}:%:*"]],
    ]),
  );
  expect(await target.ledger.drop(one.name)).toEqual({
    tables: ["{default}:things:*", "{default}:%6futgrow:*", "{default}:%:*"],
  });
  expect((await target.ledger.moves()).map(({ name }) => name)).toEqual([two.name]);
  await target.ledger.release(lease);
  await target.ledger.drop(two.name);
  expect(await names()).toEqual(["theirs"]);
  expect(await codeOf(target.ledger.drop(two.name))).toBe("MOVE_UNKNOWN");
});

test("sec: a name and a collection that exist are refused, and nothing is made", async () => {
  const { name, schema } = await move();
  const before = await names();
  const listed = await raw.send([["HKEYS", REGISTRY]]);
  const wanted = newMove([layoutOf("free"), layoutOf("things")], { name: "other", schema });
  expect(await codeOf(target.ledger.create(wanted))).toBe("TABLE_TAKEN");
  expect(await codeOf(target.ledger.create(newMove([], { name })))).toBe("MOVE_TAKEN");
  expect(await target.ledger.find("other")).toBeUndefined();
  expect(await names()).toEqual(before);
  expect(await raw.send([["HKEYS", REGISTRY]])).toEqual(listed);
  const second = await move([layoutOf("more")], { schema });
  const added = [{ name: "things", layout: layoutOf("things") }];
  expect(await codeOf(target.ledger.startRun(second.name, [], added))).toBe("TABLE_TAKEN");
  expect((await target.ledger.find(second.name))?.run).toBe(1);
});

test("law L1: what the ledger is given comes back as it was; layouts take any key", async () => {
  const layout = layoutOf("things", { key: "uuid" });
  const { name, driver, put } = await move([layout], { files: [file] });
  const templates = { things: { "": ["b", "a\u0000", "\ud800"] } };
  await put([record("a", {})], { templates });
  const found = await target.ledger.find(name);
  expect(found).toMatchObject({ name, run: 1, phase: "copying", tenant: "default", leased: false });
  expect(found).toMatchObject({ files: [file], templates });
  expect(found?.collections).toEqual([{ name: "things", layout }]);
  expect(driver.layouts[0]?.tables[0].key.codec).toBe("ledger-key");
  expect(new Date(found?.createdAt ?? "").toISOString()).toBe(found?.createdAt);
  await target.ledger.setPhase(name, "copied");
  expect((await target.ledger.find(name))?.phase).toBe("copied");
});

test("law T1: a new run counts from zero and has no checkpoints", async () => {
  const { name, put, rows, counts } = await move();
  const checkpoint = { run: 1, file: 0, batch: 0, offset: 9, resume: null, last: true };
  await put([record("a", {})], { checkpoint });
  const added = [{ name: "more", layout: layoutOf("more") }];
  const started = await target.ledger.startRun(name, [file], added);
  expect(started).toMatchObject({ run: 2, phase: "copying", files: [file] });
  expect(await target.ledger.checkpoints(name)).toEqual([]);
  expect(await target.ledger.spills(name)).toEqual([]);
  expect((await counts()).read).toBe(0);
  const driver = await target.open(name);
  const writes = [{ collection: "more", records: [record("x", { a: 1 })] }];
  await driver.commit({ tenant: "default", writes });
  expect(await driver.count({ tenant: "default", collection: "more" })).toBe(1);
  expect(Object.keys(await rows())).toEqual(["a"]);
});

test("law S6: prune deletes what the newer run lacks", async () => {
  const { name, put, rows, driver } = await move();
  await put([record("a\u0001", {}, { position: 7 }), record("b", {}), record("c", {})]);
  await put([record("c", { title: "an app's" }, { revision: revision(1, 1) })]);
  await target.ledger.startRun(name, [], []);
  await put([record("b", { title: "run 2" }, { revision: dumpRevision(2) })]);
  const lease = await target.ledger.acquire(name);
  expect(await target.ledger.prune(name, lease)).toBe(1);
  expect(await rows()).toEqual({ b: { title: "run 2" }, c: { title: "an app's" } });
  const [gone] = await driver.read(at, [encodeKey("a\u0001")]);
  expect(gone).toMatchObject({ state: "deleted", revision: dumpRevision(2), position: 7 });
  expect(await target.ledger.prune(name, lease)).toBe(0);
});

test("fault F04: one mover at a time; a lapsed lease is taken over and the old mover is fenced", async () => {
  const { name, driver, rows } = await move();
  const first = await target.ledger.acquire(name);
  expect(await codeOf(target.ledger.acquire(name))).toBe("MOVE_LEASED");
  expect((await target.ledger.find(name))?.leased).toBe(true);
  const commit = (lease: typeof first, key: string) =>
    driver.commit({
      tenant: "default",
      writes: [{ collection: "things", records: [record(key, {})] }],
      lease,
    });
  await commit(first, "a");
  await new Promise((resolve) => setTimeout(resolve, 30));
  const second = await target.ledger.acquire(name, 10);
  expect(second.number).toBe(first.number + 1);
  expect(await codeOf(commit(first, "b"))).toBe("FENCED");
  expect(await codeOf(target.ledger.heartbeat(first))).toBe("FENCED");
  expect(await codeOf(target.ledger.setPhase(name, "copied", first))).toBe("FENCED");
  await target.ledger.release(first);
  await target.ledger.heartbeat(second);
  await commit(second, "c");
  expect(Object.keys(await rows())).toEqual(["a", "c"]);
  expect(await codeOf(target.ledger.drop(name))).toBe("MOVE_LEASED");
  await target.ledger.release(second);
  const racers = await Promise.all([1, 2, 3].map(() => codeOf(target.ledger.acquire(name))));
  expect(racers.sort()).toEqual(["MOVE_LEASED", "MOVE_LEASED", "none"]);
});

test("fault F06: the lease of a dead process of this machine is free at once; of another machine it is not", async () => {
  const { name } = await move();
  const id = (await target.ledger.find(name))?.id;
  const { pid } = spawnSync(process.execPath, ["-e", ""]);
  const lease = await target.ledger.acquire(name);
  const holder = (host: string) =>
    raw.send([
      ["HSET", `{${name}:default}:outgrow:${id}:move`, "holder", JSON.stringify({ host, pid })],
    ]);
  await holder("elsewhere");
  expect(await codeOf(target.ledger.acquire(name))).toBe("MOVE_LEASED");
  await holder(hostname());
  expect((await target.ledger.acquire(name)).number).toBe(lease.number + 1);
});

test("fault: quarantined bytes can be listed, edited while open, and closed", async () => {
  const { name, put } = await move();
  const bytes = new Uint8Array([0, 123, 255]);
  const entry = {
    collection: "things",
    key: "sa",
    code: "DEPTH",
    detail: "x",
    file: "f",
    offset: 2 ** 40,
    position: 8,
    raw: bytes,
  } as const;
  await put([], { read: { things: 1 }, quarantine: [entry] });
  const [found] = await target.ledger.quarantined(name);
  expect(found).toEqual({
    ...entry,
    raw: Buffer.from(bytes),
    id: 1,
    run: 1,
    state: "open",
    note: undefined,
  });
  const [bare] = await target.ledger.quarantined(name, { raw: false, id: 1, state: "open" });
  expect(bare?.raw).toHaveLength(0);
  await target.ledger.updateQuarantined(name, 1, { raw: new Uint8Array([1]), key: "sb" });
  await target.ledger.updateQuarantined(name, 1, { state: "accepted", note: "fine" });
  const [closed] = await target.ledger.quarantined(name, { state: "accepted" });
  expect(closed).toMatchObject({ key: "sb", raw: Buffer.from([1]), note: "fine" });
  expect(await target.ledger.quarantined(name, { state: "open" })).toEqual([]);
  const late = target.ledger.updateQuarantined(name, 1, { raw: bytes });
  expect(await codeOf(late)).toBe("QUARANTINE_UNKNOWN");
  const none = target.ledger.updateQuarantined(name, 99, { note: "x" });
  expect(await codeOf(none)).toBe("QUARANTINE_UNKNOWN");
  // More of them than are read at a time, and of an earlier run none.
  const many = Array.from({ length: 450 }, () => entry);
  await put([], { read: { things: 450 }, quarantine: many });
  expect(await target.ledger.quarantined(name)).toHaveLength(451);
  await target.ledger.startRun(name, [], []);
  expect(await target.ledger.quarantined(name)).toEqual([]);
});

test("fault: a ledger that a newer version wrote is refused before anything is done", async () => {
  const { name } = await move();
  await raw.send([["HSET", REGISTRY, "#version", "99"]]);
  const create = target.ledger.create(newMove([layoutOf("things")]));
  const codes = [target.ledger.moves(), create, target.open(name), target.ledger.drop(name)];
  for (const one of codes) expect(await codeOf(one)).toBe("LEDGER_VERSION");
  await raw.send([["HSET", REGISTRY, "#version", "1"]]);
});

test("fault: a drop that was cut off is done again; what was only listed is no move", async () => {
  const { name, put, schema, driver } = await move();
  await put(Array.from({ length: 50 }, (_, index) => record(`k${index}`, {})));
  await driver.count(at);
  await raw.send([["DEL", `{${schema}:default}:things:k7`]]);
  const id = (await target.ledger.find(name))?.id;
  await raw.send([["DEL", `{${schema}:default}:outgrow:${id}:known:things`]]);
  await target.ledger.drop(name);
  expect((await names()).filter((one) => one.startsWith(`{${schema}:`))).toEqual([]);
  await raw.send([["HSET", REGISTRY, "m:half", '{"id":77,"schema":"half","tenant":"default"}']]);
  expect(await target.ledger.find("half")).toBeUndefined();
  expect((await target.ledger.moves()).some((one) => one.name === "half")).toBe(false);
  await target.ledger.create(newMove([layoutOf("things")], { name: "half", schema: "half" }));
  expect((await target.ledger.find("half"))?.run).toBe(1);
});
