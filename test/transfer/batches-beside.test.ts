/** Two batches of a copy under way at once: what goes beside what, and what is left when only one of them is stored. */
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { expect, it } from "vitest";
import { digest as digestOf } from "../../src/collection/canonical.ts";
import { encodeKey } from "../../src/collection/key.ts";
import type { Revision } from "../../src/collection/revision.ts";
import { openTarget } from "../../src/drivers/open-target.ts";
import type { Commit, Driver, RecordWrite, Target } from "../../src/store/driver.ts";
import { copy } from "../../src/transfer/copy.ts";
import { inspect } from "../../src/transfer/inspect.ts";
import { openSurveyed } from "../../src/transfer/source.ts";
import { verify } from "../../src/transfer/verify.ts";
import { until } from "../support/fault-copy.ts";
import { stateOf } from "../support/fault-move.ts";
import { startMover } from "../support/fault-mover.ts";
import { type Workplace, workplace } from "../support/moving.ts";
import { sql } from "../support/sql.ts";

type Row = Readonly<Record<string, unknown>>;

const row = (id: number, more: Row = {}): Row => ({ id, filler: "x".repeat(4000), ...more });
const rows = (count: number): Row[] => Array.from({ length: count }, (_, id) => row(id));

/** What was under way beside what, by a target whose commits tell. */
interface Watched {
  readonly target: Target;
  /** How many commits have begun. */
  readonly begun: () => number;
  readonly pairs: (readonly [Commit, Commit])[];
  readonly active: Set<Commit>;
}

function watched(target: Target, change: Partial<Driver["can"]> = {}): Watched {
  const pairs: (readonly [Commit, Commit])[] = [];
  const active = new Set<Commit>();
  let begun = 0;
  const open = async (move: string): Promise<Driver> => {
    const driver = await target.open(move);
    const commit = async (one: Commit): ReturnType<Driver["commit"]> => {
      begun++;
      for (const other of active) pairs.push([other, one]);
      active.add(one);
      try {
        return await driver.commit(one);
      } finally {
        // However quick the server is: the next batch finds this one under way.
        await sleep(50);
        active.delete(one);
      }
    };
    const can = { ...driver.can, ...change };
    return new Proxy(driver, {
      get(real, name: keyof Driver) {
        if (name === "commit") return commit;
        if (name === "can") return can;
        const held = real[name];
        return typeof held === "function" ? held.bind(real) : held;
      },
    });
  };
  const passing = { ...target, ledger: target.ledger, open };
  return { target: passing, begun: () => begun, pairs, active };
}

function write(id: number, revision: Revision): RecordWrite {
  const value = { id };
  const digest = digestOf(value);
  const unknown = { position: undefined, exception: undefined };
  return { key: encodeKey(id), state: "present", value, revision, digest, ...unknown };
}

const keysOf = ({ writes }: Commit): string[] =>
  writes.flatMap(({ collection, records }) => records.map(({ key }) => `${collection} ${key}`));

const collectionsOf = ({ writes }: Commit): string[] => writes.map(({ collection }) => collection);

/** The move as a plan leaves it: its tables are there and empty. */
async function planned({ target }: Workplace, source: string): Promise<void> {
  const { collections } = await inspect(source);
  await using opened = await openSurveyed(source);
  const files = opened.files.map(({ fingerprint, survey, collections: names }) => ({
    fingerprint,
    survey,
    collections: names,
  }));
  const base = { name: "m", tenant: "default", schema: "public" };
  await target.ledger.create({ ...base, files, collections });
}

/** Ids of each batch's records. */
async function batchesOf(source: string): Promise<number[][]> {
  await using opened = await openSurveyed(source);
  const batches: number[][] = [];
  for await (const { records } of opened.read(0)) {
    batches.push(records.map(({ value }) => (value as { id: number }).id));
  }
  return batches;
}

it("law T2: killed with a later batch stored and an earlier one not, a copy goes on before the gap", async () => {
  await using place = await workplace();
  const source = await place.file("t.json", JSON.stringify({ t: rows(5000) }));
  const batches = await batchesOf(source);
  expect(batches.length).toBeGreaterThan(4);
  await planned(place, source);
  const finished = async (): Promise<number[]> =>
    (await place.target.ledger.checkpoints("m")).map(({ batch }) => batch);

  // Somebody has put in a key of the third batch, and has not decided yet.
  const other = new pg.Client({ connectionString: place.url });
  await other.connect();
  await other.query("begin");
  await other.query("insert into t (id) values ($1)", [batches[2]?.[0]]);
  const mover = startMover(["copy", source, "--to", place.url, "--move", "m"]);
  await until("a later batch is stored", async () => (await finished()).includes(3));
  mover.signal("SIGKILL");
  await mover.ended;
  const before = await finished();
  expect(before.slice(0, 3)).toEqual([0, 1, 3]);
  await other.query("rollback");
  await other.end();

  // Another version had cut the source into other pieces: nothing is counted twice.
  const shift = (by: number) =>
    sql(
      place.url,
      `update outgrow.checkpoint set byte_offset = byte_offset + ${by} where batch = 3`,
    );
  await shift(1);
  await expect(copy(source, place.target, { move: "m" })).rejects.toMatchObject({
    code: "SOURCE_MOVED",
  });
  await shift(-1);

  const { target, pairs } = watched(place.target);
  const copied = await copy(source, target, { move: "m" });
  expect(copied).toMatchObject({ resumed: true, counts: { t: { read: 5000, applied: 5000 } } });
  expect(pairs.flat().map(({ ledger }) => ledger?.checkpoint?.batch)).not.toContain(3);
  expect(await finished()).toEqual([...batches.keys()]);
  expect((await verify(source, place.target, { move: "m" })).clean).toBe(true);
}, 60_000);

it("law T2: only batches that have nothing to do with each other are under way at once", async () => {
  await using place = await workplace();
  await sql(place.url, "create table b (id bigint primary key, filler text)");
  const a = rows(5000);
  // Of one key two contents, in batches side by side and in batches far apart; and a name that comes late.
  const again = [900, 1100, 1900, 3000];
  for (const id of again) a.splice(id + 1500, 0, row(id, { filler: "another" }));
  a.splice(4500, 0, row(9001, { late: true }));
  const source = await place.file("t.json", JSON.stringify({ a, c: rows(1500), b: rows(1500) }));
  const options = { move: "m", bind: { b: {} } };

  const two = watched(place.target);
  const copied = await copy(source, two.target, options);
  expect(copied.counts["a"]).toMatchObject({ quarantined: 2 * again.length });
  const first = two.pairs.length;
  expect(first).toBeGreaterThan(0);
  for (const pair of two.pairs) {
    expect(pair.map(({ ledger }) => ledger?.templates)).toEqual([undefined, undefined]);
  }
  // The second time nothing is to be learnt, so that only the collections keep batches apart.
  await copy(source, two.target, options);
  expect(two.pairs.length).toBeGreaterThan(first);
  for (const pair of two.pairs) {
    const keys = pair.flatMap(keysOf);
    expect(new Set(keys).size).toBe(keys.length);
    const collections = [...new Set(pair.flatMap(collectionsOf))];
    expect(collections.length).toBe(1);
    expect(collections).not.toEqual(["b"]);
  }

  // And all is as if one batch had come after the other.
  await using elsewhere = await workplace();
  await sql(elsewhere.url, "create table b (id bigint primary key, filler text)");
  const one = watched(elsewhere.target, { commits: 1 });
  await copy(source, one.target, options);
  await copy(source, one.target, options);
  expect(one.pairs).toEqual([]);
  expect(await stateOf(place.url, "m")).toEqual(await stateOf(elsewhere.url, "m"));
}, 60_000);

it("law T2: interrupted, a copy ends when both batches under way are stored, and goes on behind them", async () => {
  await using place = await workplace();
  const source = await place.file("t.json", JSON.stringify({ t: rows(5000) }));
  const { target, pairs, active } = watched(place.target);
  const interruption = new AbortController();
  const onProgress = (): void => {
    if (pairs.length > 0) interruption.abort();
  };
  const stopped = copy(source, target, { move: "m", signal: interruption.signal, onProgress });
  await expect(stopped).rejects.toMatchObject({ code: "INTERRUPTED" });
  expect(active.size).toBe(0);
  const done = await place.target.ledger.checkpoints("m");
  expect(done.map(({ batch }) => batch)).toEqual([...done.keys()]);
  const read = (await place.target.ledger.find("m"))?.counts["t"]?.read ?? 0;
  expect(read).toBeGreaterThan(0);
  expect(read).toBeLessThan(5000);
  const copied = await copy(source, place.target, { move: "m" });
  expect(copied).toMatchObject({ resumed: true, counts: { t: { read: 5000, applied: 5000 } } });
}, 60_000);

it("law D1: an app's write comes between the batches of a copy, and waits for no more than those under way", async () => {
  await using place = await workplace();
  await using app = await openTarget(place.url);
  const source = await place.file("t.json", JSON.stringify({ t: rows(8000) }));
  await planned(place, source);
  const driver = await app.open("m");
  const { target, begun, pairs } = watched(place.target);
  let isCopying = true;
  const copying = copy(source, target, { move: "m" }).finally(() => {
    isCopying = false;
  });
  const waits: number[] = [];
  for (let id = 10_000; isCopying; id++) {
    const [revision] = await driver.issue(1);
    if (revision === undefined) throw new Error("No revision was issued.");
    const record = write(id, revision);
    const before = begun();
    await driver.commit({ tenant: "default", writes: [{ collection: "t", records: [record] }] });
    if (before > 0 && isCopying) waits.push(begun() - before);
  }
  const { counts } = await copying;
  expect(counts["t"]).toMatchObject({ read: 8000, applied: 8000 });
  expect(pairs.length).toBeGreaterThan(0);
  expect(waits.length).toBeGreaterThan(2);
  expect(Math.max(...waits)).toBeLessThan(4);
}, 60_000);
