/** Commits into Postgres: who wins, what is counted, what is set aside. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { encodeKey } from "../../src/collection/key.ts";
import { dumpRevision, revision } from "../../src/collection/revision.ts";
import { postgresTarget } from "../../src/drivers/postgres/index.ts";
import type { RecordWrite, Target } from "../../src/store/driver.ts";
import {
  backends,
  deletion,
  type MakeMove,
  type Opened,
  raws,
  record,
  workbench,
} from "./backends.ts";

const [_run1, run2] = [dumpRevision(1), dumpRevision(2)];

describe.each(backends)("$name", (backend) => {
  let opened: Opened;
  let target: Target;
  let move: MakeMove;
  beforeAll(async () => {
    opened = await backend.open();
    target = postgresTarget(opened.database);
    move = workbench(target);
  });
  afterAll(() => opened[Symbol.asyncDispose]());

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
    expect(await counts()).toEqual({
      ...{ read: 9, applied: 5, duplicate: 2, stale: 2, quarantined: 0 },
      unchanged: 1,
    });
  });

  test("law T1: a commit whose counts do not add up commits nothing", async () => {
    const { put, rows, counts } = await move();
    const wrong = put([record("a", {})], { read: { things: 2 } });
    await expect(wrong).rejects.toThrow("law T1");
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
    const at = { tenant: "default", collection: "things" };
    const keys = ["a", "b", "c", "d"].map(encodeKey);
    const found = await driver.read(at, keys);
    expect(found.map((stored) => stored?.state)).toEqual([
      "deleted",
      "present",
      "deleted",
      undefined,
    ]);
    expect(found[0]?.revision).toBe(run2);
    expect(
      await put([record("a", { title: "again" }, { revision: dumpRevision(3) })]),
    ).toMatchObject({ applied: 1 });
    expect(await rows()).toEqual({ a: { title: "again" }, b: { title: "2" } });
  });

  test("fault: the same key with other content puts both out of the table, and a third one too", async () => {
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
    expect(await put([record("a", { title: "three" }, { position: 5 })])).toMatchObject({
      applied: 0,
      conflicts: [{ key: "sa" }],
    });
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
    expect(await driver.read({ tenant: "default", collection: "things" }, ["sa"])).toEqual([
      undefined,
    ]);
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
    expect(await put([record("a", { title: "third" })])).toMatchObject({
      conflicts: [{ key: "sa" }],
    });
    expect(await rows()).toEqual({ c: { title: "c" } });
    expect(
      raws(await quarantined())
        .map((raw) => (raw as { title: string }).title)
        .sort(),
    ).toEqual(["stored", "third", "twice", "twice"]);
    expect(await counts()).toEqual({ read: 5, applied: 1, duplicate: 0, stale: 0, quarantined: 4 });
    expect(await put([record("a", { title: "run 2" }, { revision: run2 })])).toMatchObject({
      applied: 1,
    });
  });

  test("fault: a conflict in a later run sets aside only records of that run", async () => {
    const { put, rows, quarantined } = await move();
    await put([record("a", { title: "run 1" })]);
    await put([{ ...record("a", { title: "twice" }, { revision: run2 }), state: "conflict" }]);
    expect(await rows()).toEqual({});
    expect(raws(await quarantined())).toEqual([{ title: "twice" }]);
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
    expect(entry).toMatchObject({
      ...bad,
      detail: "a\ufffd\ufffd",
      raw: Buffer.from(bad.raw),
      state: "open",
      run: 1,
    });
    // Batches cut differently are another thing: judged as they come.
    const longer = { checkpoint: { ...checkpoint, offset: 120 }, read: { things: 2 } };
    expect(await put([record("a", {}), record("b", {})], longer)).toMatchObject({
      applied: 1,
      duplicate: 1,
    });
    expect((await target.ledger.checkpoints(name))[0]?.offset).toBe(120);
  });

  test("law L1: what a column cannot hold lies in the rest, and is counted for stored records only", async () => {
    const { put, rows, name } = await move();
    const odd = {
      title: "nul \u0000",
      count: 1.5,
      madeAt: "yesterday",
      extra: { deep: [null, "\ud800"] },
    };
    const report = await put([record("a", odd), record("b", { title: "fine" })]);
    expect(report.spills).toEqual([
      { collection: "things", column: "title", code: "STR_NUL", count: 1 },
      { collection: "things", column: "count", code: "NUM_FRACTION", count: 1 },
      { collection: "things", column: "made_at", code: "DATE_FORM", count: 1 },
    ]);
    expect(await put([record("a", odd)])).toMatchObject({ duplicate: 1, spills: [] });
    expect((await target.ledger.spills(name)).map(({ count }) => count)).toEqual([1, 1, 1]);
    expect(await rows()).toEqual({ a: odd, b: { title: "fine" } });
  });

  test("law T2: a probe says what the store would say, and leaves nothing", async () => {
    const { put, rows, counts, driver } = await move();
    await put([record("a", { title: "a" })]);
    const probe = (records: readonly RecordWrite[]) =>
      driver.commit({
        tenant: "default",
        writes: [{ collection: "things", records }],
        probe: true,
      });
    expect(await probe([record("b", {}), record("a", { title: "other" })])).toMatchObject({
      applied: 1,
      conflicts: [{ key: "sa" }],
    });
    expect(await rows()).toEqual({ a: { title: "a" } });
    expect((await counts()).read).toBe(1);
  });
});
