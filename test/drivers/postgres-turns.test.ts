/** Who writes a move at the same time as whom: turn.ts. Somebody else's lock holds a load up where it is to be looked at. */
import pg from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { revision } from "../../src/collection/revision.ts";
import { openTarget } from "../../src/drivers/open-target.ts";
import { quote } from "../../src/drivers/postgres/quote.ts";
import type { Commit, CommitReport, RecordWrite, Target } from "../../src/store/driver.ts";
import type { Lease, QuarantineEntry } from "../../src/store/ledger.ts";
import { until } from "../support/fault-copy.ts";
import { freshDatabase } from "../support/postgres.ts";
import { codeOf, type MakeMove, type MoveAtHand, record, workbench } from "./backends.ts";

let database: Awaited<ReturnType<typeof freshDatabase>>;
let target: Target;
let make: MakeMove;
let move: MoveAtHand;
let lease: Lease;
let other: pg.Client;

beforeAll(async () => {
  database = await freshDatabase();
  target = await openTarget(database.url);
  make = workbench(target);
});
afterAll(async () => {
  await target[Symbol.asyncDispose]();
  await database.drop();
});
beforeEach(async () => {
  move = await make();
  lease = await target.ledger.acquire(move.name);
  other = new pg.Client({ connectionString: database.url });
  await other.connect();
  await other.query("begin");
});
afterEach(() => other.end());

const things = (...keys: readonly string[]): RecordWrite[] =>
  keys.map((key) => record(key, { title: key }));

/** A batch of a copy, as its loop commits it. */
function load(records: readonly RecordWrite[], batch = 0): Promise<CommitReport> {
  const place = { run: 1, file: 0, batch, offset: batch + 1, resume: null, last: false };
  const report = move.driver.commit({
    tenant: "default",
    writes: [{ collection: "things", records }],
    ledger: { read: { things: records.length }, checkpoint: place },
    lease,
  });
  report.catch(() => {});
  return report;
}

/** Resolves when so many sessions wait for a lock. */
function waiting(count: number): Promise<boolean> {
  return until(`${count} wait`, async () => {
    const { rows } = await other.query(
      `select count(*)::int as n from pg_stat_activity
       where datname = current_database() and wait_event_type = 'Lock'`,
    );
    return rows[0].n === count;
  });
}

const table = (): string => `${quote(move.schema)}.things`;
const holdKey = (key: string) => other.query(`insert into ${table()} (id) values ($1)`, [key]);
const holdMove = () =>
  other.query("select from outgrow.move where name = $1 for no key update", [move.name]);

test("law T2: a load is stored while another one is held up, and both are counted", async () => {
  await holdKey("a");
  const held = load(things("a", "b"));
  await waiting(1);
  await load(things("c", "d", "e"), 1);
  expect((await target.ledger.checkpoints(move.name)).map(({ batch }) => batch)).toEqual([1]);
  expect(await move.counts()).toMatchObject({ read: 3, applied: 3 });
  await other.query("rollback");
  await held;
  expect(await move.counts()).toMatchObject({ read: 5, applied: 5 });
  expect(Object.keys(await move.rows())).toEqual(["a", "b", "c", "d", "e"]);
});

test("law D1: a write that judges what is there waits for the loads under way", async () => {
  await holdKey("b");
  const held = load(things("a", "b"));
  await waiting(1);
  const newer = record("a", { title: "an app's" }, { revision: revision(1, 1) });
  const written = move.put([newer]);
  written.catch(() => {});
  await waiting(2);
  await other.query("rollback");
  expect(await held).toMatchObject({ applied: 2 });
  expect(await written).toMatchObject({ applied: 1 });
  expect(await move.rows()).toEqual({ a: { title: "an app's" }, b: { title: "b" } });
});

test("law D1: of a key in two loads at once each is judged: the same, or in conflict", async () => {
  const another = record("a", { title: "another" });
  await holdMove();
  const both = [load(things("a", "same")), load([another, ...things("same")], 1)];
  // One waits for the move's row, the other for the key that the first has put in.
  await waiting(2);
  await other.query("rollback");
  const reports = await Promise.all(both);
  expect(reports.map(({ applied }) => applied).sort()).toEqual([0, 2]);
  expect(await move.counts()).toEqual({
    ...{ read: 4, applied: 1, duplicate: 1, stale: 0 },
    quarantined: 2,
  });
  expect(await move.rows()).toEqual({ same: { title: "same" } });
});

test("fault F05: a load under a lease that was taken over meanwhile is FENCED and leaves nothing", async () => {
  await other.query("update outgrow.move set lease_number = lease_number + 1 where name = $1", [
    move.name,
  ]);
  const held = load(things("a"));
  await waiting(1);
  await other.query("commit");
  expect(await codeOf(held)).toBe("FENCED");
  expect(await move.rows()).toEqual({});
  expect(await move.counts()).toMatchObject({ read: 0 });
});

test("law T2: a batch of nothing but what could not be read is counted once, however often it comes", async () => {
  const unread: QuarantineEntry = {
    ...{ collection: "things", key: undefined, code: "JSON_SYNTAX", detail: undefined },
    ...{ file: "f", offset: 0, position: 0, raw: new Uint8Array([1]) },
  };
  const place = { run: 1, file: 0, batch: 7, offset: 9, resume: null, last: false };
  const batch: Commit = {
    ...{ tenant: "default", writes: [{ collection: "things", records: [] }], lease },
    ledger: { read: { things: 1 }, checkpoint: place, quarantine: [unread] },
  };
  await move.driver.commit(batch);
  await move.driver.commit(batch);
  expect(await move.counts()).toMatchObject({ read: 1, quarantined: 1 });
  expect((await move.quarantined()).length).toBe(1);
});

test("fault F05: what takes tables away waits for a load that sleeps, instead of for each other", async () => {
  await holdKey("a");
  const held = load(things("a"));
  await waiting(1);
  await lapsed();
  const dropped = target.ledger.drop(move.name);
  dropped.catch(() => {});
  await waiting(2);
  await other.query("rollback");
  expect(await codeOf(held)).toBe("none");
  expect((await dropped).tables).toEqual([`${move.schema}.things`]);
});

/** By a session of its own, so that it counts at once. */
async function lapsed(): Promise<void> {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  await client.query(
    "update outgrow.move set heartbeat = heartbeat - interval '1 hour' where name = $1",
    [move.name],
  );
  await client.end();
}
