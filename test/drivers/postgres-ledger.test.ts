/** The ledger in a Postgres: moves, tables, runs, leases, quarantine; and that a drop leaves no trace. */
import { spawnSync } from "node:child_process";
import { hostname } from "node:os";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { encodeKey } from "../../src/collection/key.ts";
import { dumpRevision, revision } from "../../src/collection/revision.ts";
import { openPostgres, postgresTarget } from "../../src/drivers/postgres/index.ts";
import { qualified, quote } from "../../src/drivers/postgres/quote.ts";
import type { Target } from "../../src/store/driver.ts";
import type { SourceFile } from "../../src/store/ledger.ts";
import { onServer } from "../support/fault-move.ts";
import { freshDatabase } from "../support/postgres.ts";
import {
  backends,
  codeOf,
  layoutOf,
  type MakeMove,
  newMove,
  type Opened,
  record,
  workbench,
} from "./backends.ts";

const file: SourceFile = {
  fingerprint: { name: "dump.json", bytes: 3, modified: 1, sha256: "ab" },
  collections: { things: "things" },
  survey: { odd: ["\u0000\ud800", 1e21, { b: 1, a: 2 }] },
};

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

  /** Everything that a drop could leave behind. */
  async function traces(): Promise<unknown> {
    const { rows } = await opened.database.query(
      `select 'class', relnamespace::regnamespace::text, relname from pg_class
       where relnamespace::regnamespace::text !~ '^pg_(toast|temp|toast_temp)'
       union all select 'proc', pronamespace::regnamespace::text, proname from pg_proc
       union all select 'schema', nspname, '' from pg_namespace where nspname !~ '^pg_(toast|temp)'
       union all select 'type', typnamespace::regnamespace::text, typname from pg_type
         where typnamespace::regnamespace::text !~ '^pg_(toast|temp|toast_temp)'
       order by 1, 2, 3`,
    );
    return rows;
  }

  test("law P6: a target is as before after the last move is dropped", async () => {
    const before = await traces();
    expect(await target.ledger.moves()).toEqual([]);
    expect(await target.ledger.find("move")).toBeUndefined();
    expect(await traces()).toEqual(before);
    const one = await move([layoutOf("things"), layoutOf("others", { key: "uuid" })], {
      schema: "shared",
    });
    const two = await move([layoutOf("things", { table: "second", key: "number" })], {
      schema: "shared",
    });
    await one.put([record("a", {})]);
    expect(await traces()).not.toEqual(before);
    expect(await target.ledger.drop(one.name)).toEqual({
      tables: ["shared.things", "shared.others"],
    });
    expect((await target.ledger.moves()).map(({ name }) => name)).toEqual([two.name]);
    await target.ledger.drop(two.name);
    expect(await traces()).toEqual(before);
    expect(await codeOf(target.ledger.drop(two.name))).toBe("MOVE_UNKNOWN");
  });

  test("sec: what others put into our schemas is not dropped with them", async () => {
    const { name, schema } = await move();
    await opened.database.query(`create table ${qualified(schema, "theirs")} (a int)`);
    await target.ledger.drop(name);
    const { rows } = await opened.database.query(
      `select count(*) from ${qualified(schema, "theirs")}`,
    );
    expect(rows).toEqual([["0"]]);
    await opened.database.query(`drop schema ${quote(schema)} cascade`);
  });

  test("sec: a table that exists is TABLE_TAKEN, whoever made it, and nothing is made", async () => {
    await opened.database.query("create table public.taken (a int)");
    const before = await traces();
    const wanted = newMove([layoutOf("free"), layoutOf("taken")]);
    await expect(target.ledger.create(wanted)).rejects.toMatchObject({
      code: "TABLE_TAKEN",
      site: { detail: "public.taken" },
    });
    expect(await traces()).toEqual(before);
    const { name, schema } = await move();
    expect(
      await codeOf(target.ledger.create(newMove([layoutOf("things")], { name: "second", schema }))),
    ).toBe("TABLE_TAKEN");
    expect(await target.ledger.find("second")).toBeUndefined();
    expect(
      await codeOf(
        target.ledger.startRun(
          name,
          [],
          [{ name: "more", layout: layoutOf("more", { table: "things" }) }],
        ),
      ),
    ).toBe("TABLE_TAKEN");
    expect((await target.ledger.find(name))?.run).toBe(1);
    await opened.database.query("drop table public.taken");
    await target.ledger.drop(name);
  });

  test("law L1: what the ledger is given comes back as it was", async () => {
    const layout = layoutOf("things", { tenantColumn: "tenant_id" });
    const { name, driver, put } = await move([layout], { files: [file] });
    const templates = { things: { "": ["b", "a\u0000", "\ud800"] } };
    await put([record("a", {})], { templates });
    const found = await target.ledger.find(name);
    expect(found).toMatchObject({
      name,
      run: 1,
      phase: "copying",
      tenant: "default",
      files: [file],
      templates,
      leased: false,
    });
    expect(found?.collections).toEqual([{ name: "things", layout }]);
    expect(driver.layouts).toEqual([layout]);
    expect(new Date(found?.createdAt ?? "").toISOString()).toBe(found?.createdAt);
    await target.ledger.setPhase(name, "copied");
    expect((await target.ledger.find(name))?.phase).toBe("copied");
  });

  test("law T1: a new run counts from zero, has no checkpoints, and gets tables for new collections", async () => {
    const { name, put, rows, counts } = await move();
    const checkpoint = { run: 1, file: 0, batch: 0, offset: 9, resume: null, last: true };
    await put([record("a", { title: "\u0000" })], { checkpoint });
    const started = await target.ledger.startRun(
      name,
      [file],
      [{ name: "more", layout: layoutOf("more") }],
    );
    expect(started).toMatchObject({ run: 2, phase: "copying", files: [file] });
    expect(await target.ledger.checkpoints(name)).toEqual([]);
    expect(await target.ledger.spills(name)).toEqual([]);
    expect((await counts()).read).toBe(0);
    const driver = await target.open(name);
    await driver.commit({
      tenant: "default",
      writes: [
        {
          collection: "more",
          records: [record(1, { a: 1 })].map((one) => ({ ...one, key: encodeKey("x") })),
        },
      ],
    });
    expect(await driver.count({ tenant: "default", collection: "more" })).toBe(1);
    expect(Object.keys(await rows())).toEqual(["a"]);
  });

  test.each(["text", "uuid", "integer", "number", "ledger-key"] as const)(
    "law S6: prune deletes what the newer run lacks, for keys of codec %s",
    async (codec) => {
      const uuid = (digit: number) => `00000000-0000-0000-0000-00000000000${digit}`;
      const keys =
        codec === "uuid"
          ? [uuid(1), uuid(2), uuid(3)]
          : codec === "text"
            ? ["a\u0001", "b", "c"]
            : [-1, 2, 3];
      const { name, put, rows, driver } = await move([layoutOf("things", { key: codec })]);
      await put(keys.map((key) => record(key, { title: "run 1" })));
      await put([record(keys[2] ?? "", { title: "an app's" }, { revision: revision(1, 1) })]);
      await target.ledger.startRun(name, [], []);
      await put([record(keys[1] ?? "", { title: "run 2" }, { revision: dumpRevision(2) })]);
      const lease = await target.ledger.acquire(name);
      expect(await target.ledger.prune(name, lease)).toBe(1);
      expect(Object.values(await rows())).toEqual([{ title: "run 2" }, { title: "an app's" }]);
      const [gone] = await driver.read({ tenant: "default", collection: "things" }, [
        encodeKey(keys[0]),
      ]);
      expect(gone).toMatchObject({ state: "deleted", revision: dumpRevision(2) });
      expect(await target.ledger.prune(name, lease)).toBe(0);
    },
  );

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
    await new Promise((resolve) => setTimeout(resolve, 20));
    const second = await target.ledger.acquire(name, 10);
    expect(second.number).toBe(first.number + 1);
    expect(await codeOf(commit(first, "b"))).toBe("FENCED");
    expect(await codeOf(target.ledger.heartbeat(first))).toBe("FENCED");
    expect(await codeOf(target.ledger.setPhase(name, "copied", first))).toBe("FENCED");
    await target.ledger.release(first);
    await commit(second, "c");
    expect(Object.keys(await rows())).toEqual(["a", "c"]);
    expect(await codeOf(target.ledger.drop(name))).toBe("MOVE_LEASED");
    await target.ledger.release(second);
    await target.ledger.drop(name);
  });

  test("fault F06: the lease of a dead process of this machine is free at once; of another machine it is not", async () => {
    const { name } = await move();
    const { pid } = spawnSync(process.execPath, ["-e", ""]);
    const lease = await target.ledger.acquire(name);
    const holder = async (host: string, started?: string, process_ = pid) =>
      opened.database.query(
        "update outgrow.move set lease_holder = $2, heartbeat = now() where name = $1",
        [name, JSON.stringify({ host, pid: process_, started })],
      );
    await holder("elsewhere");
    expect(await codeOf(target.ledger.acquire(name))).toBe("MOVE_LEASED");
    await holder(hostname());
    expect((await target.ledger.acquire(name)).number).toBe(lease.number + 1);
    // A living process that merely got the dead one's number.
    await holder(hostname(), "1", process.pid);
    expect((await target.ledger.acquire(name)).number).toBe(lease.number + 2);
  });

  test("fault: quarantined bytes can be listed, edited while open, and closed", async () => {
    const { name, put } = await move();
    const raw = new Uint8Array([0, 123, 255]);
    const entry = {
      collection: "things",
      key: "sa",
      code: "DEPTH",
      detail: "x",
      file: "f",
      offset: 2 ** 40,
      position: 8,
      raw,
    } as const;
    await put([], { read: { things: 1 }, quarantine: [entry] });
    const [found] = await target.ledger.quarantined(name);
    expect(found).toEqual({
      ...entry,
      raw: Buffer.from(raw),
      id: found?.id,
      run: 1,
      state: "open",
      note: undefined,
    });
    const id = found?.id as number;
    const [bare] = await target.ledger.quarantined(name, { raw: false, id, state: "open" });
    expect(bare?.raw).toHaveLength(0);
    await target.ledger.updateQuarantined(name, id, { raw: new Uint8Array([1]), key: "sb" });
    await target.ledger.updateQuarantined(name, id, { state: "accepted", note: "fine" });
    const [closed] = await target.ledger.quarantined(name, { state: "accepted" });
    expect(closed).toMatchObject({ key: "sb", raw: Buffer.from([1]), note: "fine" });
    expect(await target.ledger.quarantined(name, { state: "open" })).toEqual([]);
    expect(await codeOf(target.ledger.updateQuarantined(name, id, { raw }))).toBe(
      "QUARANTINE_UNKNOWN",
    );
    expect(await codeOf(target.ledger.updateQuarantined(name, id + 99, { note: "x" }))).toBe(
      "QUARANTINE_UNKNOWN",
    );
  });

  test("fault: a ledger that a newer version wrote is refused before anything is done", async () => {
    await move();
    await opened.database.query("update outgrow.meta set version = 99");
    expect(await codeOf(target.ledger.moves())).toBe("LEDGER_VERSION");
    expect(await codeOf(target.ledger.create(newMove([layoutOf("things")])))).toBe(
      "LEDGER_VERSION",
    );
    expect(await codeOf(target.open("move-0"))).toBe("LEDGER_VERSION");
    await opened.database.query("update outgrow.meta set version = 1");
  });

  test("sec: nobody else may look into the ledger", async () => {
    await opened.database.query("create role stranger");
    const { rows } = await opened.database.query(
      "select has_schema_privilege('stranger', 'outgrow', 'usage')",
    );
    expect(rows).toEqual([["f"]]);
    await opened.database.query("drop role stranger");
  });

  test("sec: tables that an API with a public key would serve get row security", async () => {
    await opened.database.query("create role anon; create role authenticated");
    const { name } = await move([layoutOf("exposed")], { schema: "public" });
    const { rows } = await opened.database.query(
      "select relrowsecurity from pg_class where oid = 'public.exposed'::regclass",
    );
    expect(rows).toEqual([["t"]]);
    await target.ledger.drop(name);
    await opened.database.query("drop role anon; drop role authenticated");
  });
});

test("fault F04: two first moves at once, that both find no ledger: one makes it, the other finds it", async () => {
  const { url, drop } = await freshDatabase();
  try {
    await using one = await openPostgres(url);
    await using two = await openPostgres(url);
    const targets = [one, two].map((database) => postgresTarget(database));
    // What a connection has looked for and not found, it remembers.
    for (const { ledger } of targets) expect(await ledger.find("m")).toBeUndefined();
    const created = await onServer(url, async (query) => {
      await query("begin");
      await query("select pg_advisory_xact_lock(7164923041)");
      const both = targets.map(({ ledger }, at) =>
        ledger.create(newMove([layoutOf(`t${at}`)], { name: `m${at}`, schema: "app" })),
      );
      const waiting = `select count(*) from pg_locks where locktype = 'advisory' and not granted
        and database = (select oid from pg_database where datname = current_database())`;
      while (String((await query(waiting))[0]?.[0]) !== "2") {}
      await query("commit");
      return Promise.all(both);
    });
    expect(created.map(({ name, schema }) => [name, schema])).toEqual([
      ["m0", "app"],
      ["m1", "app"],
    ]);
  } finally {
    await drop();
  }
});
