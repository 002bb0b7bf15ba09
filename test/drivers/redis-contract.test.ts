/** What the contract of a driver says, over TCP and over HTTP: who wins, what is counted, what is set aside. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { encodeKey, type Key } from "../../src/collection/key.ts";
import { dumpRevision, revision } from "../../src/collection/revision.ts";
import type { Value } from "../../src/collection/value.ts";
import { openRedis } from "../../src/drivers/redis/index.ts";
import { TcpConnection } from "../../src/drivers/redis/tcp.ts";
import type { Layout } from "../../src/layout/layout.ts";
import type { RecordWrite, Target } from "../../src/store/driver.ts";
import { planQuery } from "../../src/store/query.ts";
import { freshRedis, restProxy } from "../support/redis.ts";
import { codeOf, deletion, layoutOf, type MakeMove, raws, record, workbench } from "./backends.ts";

const run2 = dumpRevision(2);
const at = { tenant: "default", collection: "things" };

const transports = [
  { name: "tcp", open: async (url: string) => ({ target: await openRedis(url) }) },
  {
    name: "rest",
    async open(url: string) {
      const proxy = await restProxy(url);
      return { target: await openRedis(proxy.url, { token: proxy.token }), proxy };
    },
  },
];

describe.each(transports)("$name", ({ name: transport, open }) => {
  let target: Target;
  let move: MakeMove;
  let raw: TcpConnection;
  const ends: AsyncDisposable[] = [];
  beforeAll(async () => {
    const { url } = await freshRedis();
    const opened = await open(url);
    target = opened.target;
    raw = new TcpConnection(url);
    ends.push(target, raw, ...("proxy" in opened ? [opened.proxy as AsyncDisposable] : []));
    move = workbench(target);
  });
  afterAll(async () => {
    for (const end of ends) await end[Symbol.asyncDispose]();
  });

  const names = async (): Promise<string[]> =>
    ((await raw.send([["KEYS", "*"]]))[0] as string[]).sort();

  test("two commits are under way only where one connection keeps them in order, and nothing hangs on it", async () => {
    expect((await move()).driver.can.commits).toBe(transport === "tcp" ? 2 : 1);
    const listed: Layout = {
      ...layoutOf("things"),
      key: { from: "property", path: ["id"] },
      redis: { cells: [{ kind: "list", key: "by:{owner}", push: "last" }] },
    };
    if (transport === "tcp") expect((await move([listed])).driver.can.commits).toBe(1);
  });

  test("law T1: a load, its repetition, a later run and a late batch are counted and judged", async () => {
    const { put, rows, counts } = await move();
    const first = [record("a", { title: "1" }), record("b", { title: "2" })];
    expect(await put(first)).toMatchObject({ applied: 2, duplicate: 0, stale: 0, conflicts: [] });
    expect(await put(first)).toMatchObject({ applied: 0, duplicate: 2 });
    const second = [
      record("a", { title: "1" }, { revision: run2 }),
      record("b", { title: "changed" }, { revision: run2 }),
      record("c", { title: "new" }, { revision: run2 }),
    ];
    expect(await put(second)).toMatchObject({ applied: 3, duplicate: 0, stale: 0 });
    expect(await put(first)).toMatchObject({ applied: 0, stale: 2 });
    expect(await rows()).toEqual({
      a: { title: "1" },
      b: { title: "changed" },
      c: { title: "new" },
    });
    expect(await counts()).toEqual({ read: 9, applied: 5, duplicate: 2, stale: 2, quarantined: 0 });
  });

  test("law T1: a commit whose counts do not add up commits nothing", async () => {
    const { put, rows, counts } = await move();
    const before = await names();
    await expect(put([record("a", {})], { read: { things: 2 } })).rejects.toThrow("law T1");
    expect(await names()).toEqual(before);
    expect(await rows()).toEqual({});
    expect((await counts()).read).toBe(0);
  });

  test("law D1: a deletion wins and loses by its revision, and leaves a tombstone", async () => {
    const { put, rows, driver } = await move();
    await put([record("a", { title: "1" }), record("b", { title: "2" })]);
    expect(await put([deletion("a", run2), deletion("c", run2)])).toMatchObject({ applied: 2 });
    expect(await put([record("a", { title: "old" }), record("c", { title: "old" })])).toMatchObject(
      { stale: 2 },
    );
    expect(await rows()).toEqual({ b: { title: "2" } });
    const found = await driver.read(at, ["a", "b", "c", "d"].map(encodeKey));
    expect(found.map((stored) => stored?.state)).toEqual([
      "deleted",
      "present",
      "deleted",
      undefined,
    ]);
    expect(found[0]?.revision).toBe(run2);
    const again = record("a", { title: "again" }, { revision: dumpRevision(3) });
    expect(await put([again])).toMatchObject({ applied: 1 });
    expect(await rows()).toEqual({ a: { title: "again" }, b: { title: "2" } });
  });

  test("fault: the same key with other content puts both out of the store, and a third one too", async () => {
    const { put, rows, counts, quarantined, driver } = await move();
    await put([
      record("a", { title: "one", madeAt: undefined }, { position: 3 }),
      record("b", { title: "b" }),
    ]);
    const report = await put([
      record("a", { title: "two" }, { position: 4 }),
      record("c", { title: "c" }),
    ]);
    expect(report).toMatchObject({ applied: 1, conflicts: [{ collection: "things", key: "sa" }] });
    expect(await rows()).toEqual({ b: { title: "b" }, c: { title: "c" } });
    expect(await counts()).toEqual({ read: 4, applied: 2, duplicate: 0, stale: 0, quarantined: 2 });
    const third = await put([record("a", { title: "three" }, { position: 5 })]);
    expect(third).toMatchObject({ applied: 0, conflicts: [{ key: "sa" }] });
    const entries = await quarantined();
    expect(entries.map(({ key, code, position }) => [key, code, position])).toEqual([
      ["sa", "ID_CONFLICT", 3],
      ["sa", "ID_CONFLICT", 4],
      ["sa", "ID_CONFLICT", 5],
    ]);
    expect(raws(entries)).toEqual([
      { title: "one", madeAt: { $undefined: true } },
      { title: "two" },
      { title: "three" },
    ]);
    expect((await counts()).quarantined).toBe(3);
    expect(await driver.read(at, ["sa"])).toEqual([undefined]);
    // A person's decision has a higher revision: it settles the conflict.
    const decision = record("a", { title: "decided" }, { revision: revision(0, 1, "decision") });
    expect(await put([decision])).toMatchObject({ applied: 1 });
    expect((await rows())["a"]).toEqual({ title: "decided" });
  });

  test("fault: a key that stands twice in one batch is marked, now and for later batches", async () => {
    const { put, rows, counts, quarantined } = await move();
    await put([record("b", { title: "stored" }, { position: 0 })]);
    const twice = (key: string): RecordWrite => ({
      ...record(key, { title: "twice" }),
      state: "conflict",
    });
    const report = await put([twice("a"), twice("b"), record("c", { title: "c" })]);
    expect(report).toMatchObject({ applied: 1, conflicts: [{ key: "sa" }, { key: "sb" }] });
    const third = await put([record("a", { title: "third" })]);
    expect(third).toMatchObject({ conflicts: [{ key: "sa" }] });
    expect(await rows()).toEqual({ c: { title: "c" } });
    const titles = raws(await quarantined()).map((one) => (one as { title: string }).title);
    expect(titles.sort()).toEqual(["stored", "third", "twice", "twice"]);
    expect(await counts()).toEqual({ read: 5, applied: 1, duplicate: 0, stale: 0, quarantined: 4 });
    const later = await put([record("a", { title: "run 2" }, { revision: run2 })]);
    expect(later).toMatchObject({ applied: 1 });
  });

  test("fault: a conflict in a later run sets aside only records of that run", async () => {
    const { put, rows, quarantined } = await move();
    await put([record("a", { title: "run 1" })]);
    await put([{ ...record("a", { title: "twice" }, { revision: run2 }), state: "conflict" }]);
    expect(await rows()).toEqual({});
    expect(raws(await quarantined())).toEqual([{ title: "twice" }]);
  });

  test("sec: a record that somebody else has under our name stays, and ours is set aside", async () => {
    const { put, rows, quarantined, driver, schema } = await move();
    await raw.send([["SET", `{${schema}:default}:things:a`, '{"theirs":1}']]);
    const report = await put([record("a", { title: "ours" }), record("b", {})]);
    expect(report).toMatchObject({ applied: 1, conflicts: [{ key: "sa" }] });
    expect(await rows()).toEqual({ a: { theirs: 1 }, b: {} });
    expect(raws(await quarantined())).toEqual([{ title: "ours" }]);
    expect(await driver.count(at)).toBe(2);
    const foreign: unknown[] = [];
    for await (const batch of driver.rebuild(at)) foreign.push(...batch.map((one) => one.foreign));
    expect(foreign).toEqual([true, false]);
  });

  test("a record that the app deleted itself is gone, until a later run brings it again", async () => {
    const { put, rows, driver, schema } = await move();
    await put([record("a", { title: "1" }), record("b", {})]);
    await raw.send([["DEL", `{${schema}:default}:things:a`]]);
    expect([await rows(), await driver.count(at)]).toEqual([{ b: {} }, 1]);
    expect(await driver.read(at, ["sa"])).toEqual([undefined]);
    const later = record("a", { title: "1" }, { revision: run2 });
    expect(await put([later])).toMatchObject({ applied: 1 });
    expect(await rows()).toEqual({ a: { title: "1" }, b: {} });
  });

  test("law T2: a batch whose commit had arrived is not counted twice", async () => {
    const { put, counts, name, quarantined } = await move();
    const checkpoint = { run: 1, file: 0, batch: 0, offset: 99, resume: { a: [1] }, last: true };
    const bad = {
      collection: "things",
      key: undefined,
      code: "JSON_SYNTAX",
      detail: "a\u0000\ud800",
      file: "dump.json",
      offset: 5,
      position: 1,
      raw: new Uint8Array([1, 0, 255]),
    } as const;
    const batch = { checkpoint, read: { things: 2 }, quarantine: [bad] };
    expect(await put([record("a", {})], batch)).toMatchObject({ applied: 1 });
    expect(await put([record("a", {})], batch)).toMatchObject({ applied: 0, duplicate: 1 });
    expect(await counts()).toEqual({ read: 2, applied: 1, duplicate: 0, stale: 0, quarantined: 1 });
    expect(await target.ledger.checkpoints(name)).toEqual([checkpoint]);
    const [entry, ...others] = await quarantined();
    expect(others).toEqual([]);
    expect(entry).toMatchObject({ ...bad, raw: Buffer.from(bad.raw), state: "open", run: 1 });
    // Batches cut differently are another thing: judged as they come.
    const longer = { checkpoint: { ...checkpoint, offset: 120 }, read: { things: 2 } };
    const judged = await put([record("a", {}), record("b", {})], longer);
    expect(judged).toMatchObject({ applied: 1, duplicate: 1 });
    expect((await target.ledger.checkpoints(name))[0]?.offset).toBe(120);
  });

  test("law T2: a probe says what the store would say, and leaves nothing", async () => {
    const { put, rows, counts, driver, quarantined } = await move();
    await put([record("a", { title: "a" })]);
    const records = [record("b", {}), record("a", { title: "other" })];
    const probe = { tenant: "default", writes: [{ collection: "things", records }], probe: true };
    expect(await driver.commit(probe)).toMatchObject({ applied: 1, conflicts: [{ key: "sa" }] });
    expect(await rows()).toEqual({ a: { title: "a" } });
    expect(await quarantined()).toEqual([]);
    expect((await counts()).read).toBe(1);
  });

  test("law D4: another tenant sees nothing, and cannot write into the move", async () => {
    const { put, driver } = await move();
    await put([record("a", {})]);
    const other = { tenant: "other", collection: "things" };
    expect(await driver.read(other, ["sa"])).toEqual([undefined]);
    expect(await driver.count(other)).toBe(0);
    const writes = [{ collection: "things", records: [record("a", {})] }];
    expect(await codeOf(driver.commit({ tenant: "other", writes }))).toBe("UNSUPPORTED");
    const unknown = driver.count({ tenant: "default", collection: "nothing" });
    expect(await codeOf(unknown)).toBe("MOVE_UNKNOWN");
  });

  test("law L1: hostile keys and values come back as they were, and an app reads plain JSON", async () => {
    const keys: Key[] = [
      "",
      "%",
      "a:b",
      "{x}",
      "\u0000\u0001\u007f",
      "é😀",
      "\ud800",
      "42",
      "%s1",
      42,
      -0.5,
    ];
    keys.push(Number.POSITIVE_INFINITY, new Date(5), new Uint8Array([0, 255]), ["a", ["b", 1]], []);
    const sparse: Value[] = [1];
    sparse[3] = null;
    const values: Value[] = [
      null,
      undefined,
      -0,
      Number.NaN,
      10n,
      "text",
      "",
      "\ud800",
      true,
      [],
      {},
    ];
    values.push({ $date: 1 }, { a: { $number: "NaN" } }, new Date(Number.NaN), new Map([[1, "a"]]));
    values.push(sparse, JSON.parse('{"__proto__":1}'), " ", "\u0001", new Uint8Array([0, 1]));
    for (const codec of ["text", "integer"] as const) {
      const { put, driver } = await move([layoutOf("things", { key: codec })]);
      const records = [
        ...keys.map((key, position) => record(key, { of: position }, { position })),
        ...values.map((value, index) => record(`v${index}`, value)),
      ];
      expect(await put(records)).toMatchObject({ applied: records.length });
      const found = await driver.read(
        at,
        records.map(({ key }) => key),
      );
      for (const [index, stored] of found.entries()) {
        const { origin: _, digest, ...given } = records[index] as RecordWrite;
        expect({ ...stored, digest: Buffer.from(digest) }).toEqual({
          ...given,
          digest: Buffer.from(digest),
        });
        expect(Buffer.compare(stored?.digest ?? Buffer.alloc(0), digest)).toBe(0);
      }
      const seen: string[] = [];
      for await (const batch of driver.scan(at, { size: 7 }))
        seen.push(...batch.map(({ key }) => key));
      expect(seen).toEqual(
        records
          .map(({ key }) => key)
          .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))),
      );
    }
    const plain = await move();
    await plain.put([record("a b", { price: 4.99 })]);
    const [text] = await raw.send([["GET", `{${plain.schema}:default}:things:a b`]]);
    expect(JSON.parse(text as string)).toEqual({ price: 4.99 });
  });

  test("law D3: a scan by position gives the source's order, an app's own records behind them", async () => {
    const { put, driver, schema } = await move();
    const count = 500;
    const keys = Array.from({ length: count }, (_, index) => `k${(index * 7919) % count}`);
    await put(
      keys.map((key, position) => record(key, { count: position }, { position: position >> 3 })),
    );
    await put([record("app", { count: -1 }, { revision: revision(1, 1) })]);
    await raw.send([["SET", `{${schema}:default}:things:by-set`, '{"count":-2}']]);
    const counted: number[] = [];
    for await (const batch of driver.scan(at, { order: "position", size: 7 })) {
      expect(batch.length).toBeLessThanOrEqual(7);
      counted.push(...batch.map(({ value }) => (value as { count: number }).count));
    }
    expect(counted).toHaveLength(count + 2);
    const places = counted.slice(0, count).map((position) => position >> 3);
    expect(places).toEqual([...places].sort((a, b) => a - b));
    expect(counted.slice(count)).toEqual([-1, -2]);
    expect(await driver.count(at)).toBe(count + 2);
    const page = await driver.query(
      at,
      planQuery<{ count: number }>(
        { name: "things", indexes: ["count"], keyProperty: undefined },
        { where: { count: { lt: 0 } } },
      ),
    );
    expect(page.records.map(({ value }) => value)).toEqual([{ count: -1 }, { count: -2 }]);
  });

  test("law D1: revisions that are issued are each higher than the one before", async () => {
    const { driver } = await move();
    const issued = [...(await driver.issue(3)), ...(await driver.issue(2))];
    expect([...new Set(issued)].sort()).toEqual(issued);
    expect((issued[0] as string) > revision(0, 999)).toBe(true);
  });
});
