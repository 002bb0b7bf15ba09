/** Commits into Postgres: who wins, what is counted, and what never happens in silence. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { encodeKey } from "../../src/collection/key.ts";
import { dumpRevision, revision } from "../../src/collection/revision.ts";
import type { Value } from "../../src/collection/value.ts";
import { postgresTarget } from "../../src/drivers/postgres/index.ts";
import { qualified, quote } from "../../src/drivers/postgres/quote.ts";
import type { Layout } from "../../src/layout/layout.ts";
import type {
  CommitReport,
  Driver,
  LedgerWrite,
  RecordWrite,
  Target,
} from "../../src/store/driver.ts";
import type { NewMove, Quarantined } from "../../src/store/ledger.ts";
import { backends, codeOf, deletion, layoutOf, newMove, type Opened, record } from "./backends.ts";

const [run1, run2] = [dumpRevision(1), dumpRevision(2)];

describe.each(backends)("$name", (backend) => {
  let opened: Opened;
  let target: Target;
  let made = 0;
  beforeAll(async () => {
    opened = await backend.open();
    target = postgresTarget(opened.database);
  });
  afterAll(() => opened[Symbol.asyncDispose]());

  /** A move of its own for a test, in a schema of its own. */
  async function move(
    layouts: readonly Layout[] = [layoutOf("things")],
    options: Partial<NewMove> = {},
  ) {
    const name = `move-${made++}`;
    await target.ledger.create(newMove(layouts, { name, schema: name, ...options }));
    const driver = await target.open(name);
    return { name, schema: options.schema ?? name, driver, ...helpers(name, driver) };
  }

  function helpers(name: string, driver: Driver) {
    const at = { tenant: "default", collection: "things" };
    return {
      /** Commits as the copy loop does, with the counts that belong to it. */
      async put(records: readonly RecordWrite[], ledger: LedgerWrite = {}): Promise<CommitReport> {
        return driver.commit({
          tenant: "default",
          writes: [{ collection: "things", records }],
          ledger: { read: { things: records.length }, ...ledger },
        });
      },
      /** What the app's table says. */
      async rows(from = at): Promise<Record<string, Value>> {
        const found: Record<string, Value> = {};
        for await (const batch of driver.rebuild(from)) {
          for (const { key, value } of batch) found[key.slice(1)] = value;
        }
        return found;
      },
      async counts() {
        const counts = (await target.ledger.find(name))?.counts["things"];
        if (counts === undefined) throw new Error("no counts");
        const { read, applied, duplicate, stale, quarantined } = counts;
        expect(applied + duplicate + stale + quarantined).toBe(read);
        return counts;
      },
      quarantined: () => target.ledger.quarantined(name),
    };
  }

  const raws = (entries: readonly Quarantined[]): unknown[] =>
    entries.map(({ raw }) => JSON.parse(Buffer.from(raw).toString()));

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

  test("sec: a row that is not this move's is neither overwritten nor deleted", async () => {
    const { put, rows, counts, quarantined, schema } = await move();
    const table = qualified(schema, "things");
    await opened.database.query(
      `insert into ${table} (id, title) values ('a', 'theirs'), ('z', 'theirs')`,
    );
    const report = await put([record("a", { title: "ours" }), record("b", { title: "b" })]);
    expect(report).toMatchObject({ applied: 1, conflicts: [{ key: "sa" }] });
    await put([deletion("z")]);
    expect(await rows()).toEqual({
      a: { title: "theirs" },
      b: { title: "b" },
      z: { title: "theirs" },
    });
    expect((await quarantined()).map(({ detail }) => detail)).toEqual([
      "the table holds a row of this key that is not this move's",
    ]);
    expect((await counts()).quarantined).toBe(1);
    // A row under a key that the move deleted is somebody else's as well.
    await put([deletion("b", run2)]);
    await opened.database.query(`insert into ${table} (id, title) values ('b', 'theirs')`);
    expect(
      await put([record("b", { title: "ours" }, { revision: dumpRevision(3) })]),
    ).toMatchObject({ applied: 0, conflicts: [{ key: "sb" }] });
    expect((await rows())["b"]).toEqual({ title: "theirs" });
  });

  test("fault: a row that vanished by SQL comes back with a later copy, changed or not", async () => {
    const { put, rows, schema } = await move();
    await put([record("a", { title: "a" }), record("b", { title: "b" })]);
    await opened.database.query(`delete from ${qualified(schema, "things")}`);
    const again = [
      record("a", { title: "a" }, { revision: run2 }),
      record("b", { title: "new" }, { revision: run2 }),
    ];
    expect(await put(again)).toMatchObject({ applied: 2 });
    expect(await rows()).toEqual({ a: { title: "a" }, b: { title: "new" } });
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

  test("fault: what a constraint refuses is RECORD_REFUSED with its SQLSTATE, and nothing is kept", async () => {
    const { put, rows, schema } = await move();
    await opened.database.query(
      `alter table ${qualified(schema, "things")} add check (title <> 'no'), add unique (count),
         add foreign key (title) references ${qualified(schema, "things")} (id) deferrable initially deferred`,
    );
    await expect(put([record("a", { title: "no" }), record("b", {})])).rejects.toMatchObject({
      code: "RECORD_REFUSED",
      sqlState: "23514",
    });
    await expect(put([record("a", { count: 1 }), record("b", { count: 1 })])).rejects.toMatchObject(
      { code: "RECORD_REFUSED", sqlState: "23505" },
    );
    await expect(put([record("a", { title: "nobody" })])).rejects.toMatchObject({
      code: "RECORD_REFUSED",
      sqlState: "23503",
    });
    expect(await rows()).toEqual({});
    expect(await put([record("a", { title: "b" }), record("b", { title: "a" })])).toMatchObject({
      applied: 2,
    });
  });

  test("fault: a trigger that drops rows in silence is LOST_ROW", async () => {
    const { put, rows, schema } = await move();
    await opened.database.query(`
      create function ${quote(schema)}.nothing() returns trigger language plpgsql as $$ begin return null; end $$;
      create trigger swallow before insert on ${qualified(schema, "things")} for each row
        when (new.title = 'swallow') execute function ${quote(schema)}.nothing()`);
    expect(await codeOf(put([record("a", { title: "swallow" })]))).toBe("LOST_ROW");
    await put([record("b", { title: "b" })]);
    expect(
      await codeOf(put([record("b", { title: "b" }), record("a", { title: "swallow" })])),
    ).toBe("LOST_ROW");
    expect(await rows()).toEqual({ b: { title: "b" } });
  });

  test("law D4: tenants in one table see nothing of each other; a table of one tenant takes no other's", async () => {
    const shared = await move([layoutOf("things", { tenantColumn: "tenant_id" })], {
      tenant: "one",
    });
    const write = (tenant: string, records: readonly RecordWrite[]) =>
      shared.driver.commit({ tenant, writes: [{ collection: "things", records }] });
    await write("one", [record("a", { title: "of one" }), record("b", { title: "of one" })]);
    await write("two", [record("a", { title: "of two" }), record("b", { title: "of two" })]);
    await write("two", [deletion("b", run2)]);
    await write("one", [record("a", { title: "changed" }, { revision: run2 })]);
    const at = (tenant: string) => ({ tenant, collection: "things" });
    expect(await shared.rows(at("one"))).toEqual({
      a: { title: "changed" },
      b: { title: "of one" },
    });
    expect(await shared.rows(at("two"))).toEqual({ a: { title: "of two" } });
    expect(await shared.rows(at("three"))).toEqual({});
    expect(await shared.driver.count(at("two"))).toBe(1);
    const [read] = await shared.driver.read(at("three"), ["sa"]);
    expect(read).toBeUndefined();
    for await (const batch of shared.driver.scan(at("two"))) {
      expect(batch.map(({ key, value, revision: held }) => [key, value, held])).toEqual([
        ["sa", { title: "of two" }, run1],
      ]);
    }
    const single = await move();
    await single.put([record("a", { title: "default's" })]);
    const other = single.driver.commit({
      tenant: "other",
      writes: [{ collection: "things", records: [record("a", {})] }],
    });
    expect(await codeOf(other)).toBe("UNSUPPORTED");
    expect(await single.rows(at("other"))).toEqual({});
    expect(await single.driver.count(at("other"))).toBe(0);
    expect(await single.driver.read(at("other"), ["sa"])).toEqual([undefined]);
  });

  test("sec: names that look like SQL are names", async () => {
    const nasty = `"; drop table x;-- '\\ $1 ${"é"}`;
    const { driver, rows, name } = await move(
      [
        layoutOf("things", {
          table: nasty,
          tenantColumn: `tenant${nasty}`,
          columns: [
            { name: `column${nasty}`, codec: "text", property: nasty, nullMeans: "absent" },
            { name: "outgrow_seq", codec: "integer", property: "seq", nullMeans: "absent" },
            { name: "key", codec: "text", property: "state", nullMeans: "absent" },
          ],
        }),
      ],
      { schema: `schema${nasty}`, tenant: nasty },
    );
    const value = { [nasty]: nasty, seq: 4, state: nasty };
    const write = (records: readonly RecordWrite[]) =>
      driver.commit({ tenant: nasty, writes: [{ collection: "things", records }] });
    await write([record(nasty, value), record("b", value)]);
    await write([record(nasty, { ...value, seq: 5 }), record("b", value)]);
    await write([record("b", { ...value, seq: 6 }, { revision: run2 })]);
    const at = { tenant: nasty, collection: "things" };
    expect(await rows(at)).toEqual({ b: { ...value, seq: 6 } });
    expect((await driver.read(at, [encodeKey("b")]))[0]?.value).toEqual({ ...value, seq: 6 });
    expect((await target.ledger.drop(name)).tables).toHaveLength(1);
  });
});
