/** Commits into Postgres: what others' rows, constraints, triggers, tenants and names do to them. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { encodeKey } from "../../src/collection/key.ts";
import { dumpRevision } from "../../src/collection/revision.ts";
import { postgresTarget } from "../../src/drivers/postgres/index.ts";
import { qualified, quote } from "../../src/drivers/postgres/quote.ts";
import type { RecordWrite, Target } from "../../src/store/driver.ts";
import {
  backends,
  codeOf,
  deletion,
  layoutOf,
  type MakeMove,
  type Opened,
  record,
  workbench,
} from "./backends.ts";

const [run1, run2] = [dumpRevision(1), dumpRevision(2)];

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

  test("sec: a row that is not this move's is neither overwritten nor deleted", async () => {
    const { put, rows, counts, quarantined, schema, driver } = await move();
    const table = qualified(schema, "things");
    await opened.database.query(
      `insert into ${table} (id, title) values ('a', 'theirs'), ('z', 'theirs')`,
    );
    const report = await put([record("a", { title: "ours" }), record("b", { title: "b" })]);
    expect(report).toMatchObject({ applied: 1, conflicts: [{ key: "sa" }] });
    await put([deletion("z")]);
    expect(await rows()).toEqual({
      a: { title: "theirs", madeAt: null },
      b: { title: "b" },
      z: { title: "theirs", madeAt: null },
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
    expect((await rows())["b"]).toEqual({ title: "theirs", madeAt: null });
    const at = { tenant: "default", collection: "things" };
    const [read] = await driver.read(at, ["sb"]);
    expect(read).toMatchObject({ state: "present", revision: dumpRevision(0) });
    // And so is one under a key that is in conflict.
    await put([record("c", { title: "one" })]);
    await put([record("c", { title: "two" })]);
    await opened.database.query(`insert into ${table} (id, title) values ('c', 'theirs')`);
    expect(await put([record("c", { title: "three" })])).toMatchObject({
      conflicts: [{ key: "sc" }],
    });
    expect((await rows())["c"]).toEqual({ title: "theirs", madeAt: null });
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
            { name: `column${nasty}`, codec: "text", path: [nasty], nullMeans: "absent" },
            { name: "outgrow_seq", codec: "integer", path: ["seq"], nullMeans: "absent" },
            { name: "key", codec: "text", path: ["state"], nullMeans: "absent" },
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
