/** Records that the database refuses, among many that it takes: each is found, and no other goes with it. */
import { describe, expect, it } from "vitest";
import { copyText } from "../../src/cli/copy.ts";
import type { Driver, Target } from "../../src/store/driver.ts";
import { type CopyOptions, copy } from "../../src/transfer/copy.ts";
import { verify } from "../../src/transfer/verify.ts";
import { type Workplace, workplace } from "../support/moving.ts";
import { sql } from "../support/sql.ts";

type Row = Readonly<Record<string, unknown>>;

/** A target whose store cannot tell what it refuses. */
function probing(target: Target): Target {
  return {
    ...target,
    ledger: target.ledger,
    async open(move) {
      const driver = await target.open(move);
      return new Proxy(driver, {
        get(real, name: keyof Driver) {
          if (name === "refusals") return undefined;
          const held = real[name];
          return typeof held === "function" ? held.bind(real) : held;
        },
      });
    },
  };
}

const WAYS: readonly (readonly [string, (target: Target) => Target])[] = [
  ["at once", (target) => target],
  ["by halving", probing],
];

/** Copies records into a table, and tells the refused ones: SQLSTATE by key, in the order of the source. */
async function refusals(
  place: Workplace,
  target: Target,
  records: readonly Row[],
  options: CopyOptions = {},
  isClean = true,
): Promise<[string, string][]> {
  const source = await place.file("t.json", JSON.stringify({ t: records }));
  const copied = await copy(source, target, { move: "m", bind: { t: {} }, ...options });
  const found = await target.ledger.quarantined("m");
  const { read, applied, quarantined } = copied.counts["t"] ?? {};
  expect(copyText(copied, "here")).toContain(`Stored ${applied} record`);
  expect({ read, applied, quarantined }).toEqual({
    read: records.length,
    applied: records.length - found.length,
    quarantined: found.length,
  });
  expect(found.map(({ raw }) => JSON.parse(Buffer.from(raw).toString()))).toEqual(
    found.map(({ key }) => records.find(({ id }) => String(id) === key?.slice(1))),
  );
  expect((await verify(source, target, { move: "m" })).clean).toBe(isClean);
  return [...found]
    .sort((a, b) => a.position - b.position)
    .map(({ key, detail }) => [key?.slice(1) ?? "", detail?.slice(9, 14) ?? ""]);
}

const many = (count: number, more: (id: number) => Row): Row[] =>
  Array.from({ length: count }, (_, id) => ({ id: `r${id}`, ...more(id) }));

describe.each(WAYS)("law T1: what is refused is found %s", (_, way) => {
  it("of records that a unique index refuses only together, the first stays", async () => {
    await using place = await workplace();
    await sql(
      place.url,
      "create table t (id text primary key, a text unique, b int check (b < 90))",
    );
    const records = many(300, (id) => ({ a: `a${id % 297}`, b: id % 95 }));
    const seen = new Set<unknown>();
    const expected = records.flatMap(({ id, a, b }): [unknown, string][] => {
      if ((b as number) >= 90) return [[id, "23514"]];
      if (seen.has(a)) return [[id, "23505"]];
      seen.add(a);
      return [];
    });
    expect(await refusals(place, way(place.target), records)).toEqual(expected);
    expect(expected.filter(([, state]) => state === "23505")).toHaveLength(3);
  });

  it("of what is looked at only when a transaction ends", async () => {
    await using place = await workplace();
    await sql(
      place.url,
      `create table owners (id text primary key); insert into owners values ('o');
       create table t (id text primary key,
         owner text not null references owners deferrable initially deferred)`,
    );
    const records = many(100, (id) => ({ owner: id % 40 === 9 ? "x" : "o" }));
    expect(await refusals(place, way(place.target), records)).toEqual([
      ["r9", "23503"],
      ["r49", "23503"],
      ["r89", "23503"],
    ]);
  });

  it("of what is no value of the column's type", async () => {
    await using place = await workplace();
    await sql(
      place.url,
      `create domain small as int check (value < 50);
       create table t (id text primary key, size small, a text unique)`,
    );
    const records = many(100, (id) => ({ size: id === 77 ? 60 : 1, a: `a${id % 98}` }));
    expect(await refusals(place, way(place.target), records)).toEqual([
      ["r77", "23514"],
      ["r98", "23505"],
      ["r99", "23505"],
    ]);
  });

  it("a record goes with all of its rows", async () => {
    await using place = await workplace();
    const parts = (size: number): Row[] => [{ size: 1 }, { size }];
    const first = many(10, () => ({ parts: parts(2) }));
    const options: CopyOptions = { bind: undefined, flatten: "all" };
    const target = way(place.target);
    expect(await refusals(place, target, first, options)).toEqual([]);
    const [child] = await sql<{ name: string }>(
      place.url,
      "select relname as name from pg_class where relname like 't\\_%' and relkind = 'r'",
    );
    await sql(place.url, `alter table ${child?.name} add check (size < 50)`);
    const more = many(40, (id) => ({ parts: parts(id === 31 ? 99 : 2) }));
    expect(await refusals(place, target, more, options)).toEqual([["r31", "23514"]]);
    const [{ rows } = {}] = await sql<{ rows: number }>(
      place.url,
      `select count(*)::int as rows from ${child?.name}`,
    );
    expect(rows).toBe(2 * 39);
  });

  it("in a later copy too, of records that are there and of new ones", async () => {
    await using place = await workplace();
    await sql(place.url, "create table t (id text primary key, a text unique)");
    const target = way(place.target);
    const first = many(50, (id) => ({ a: `a${id}` }));
    expect(await refusals(place, target, first)).toEqual([]);
    const later = many(60, (id) => ({ a: id === 20 || id === 55 ? "a7" : `a${id}` }));
    // What was there of r20 stays, and verify says so.
    expect(await refusals(place, target, later, {}, false)).toEqual([
      ["r20", "23505"],
      ["r55", "23505"],
    ]);
    expect(await sql(place.url, "select a from t where id = 'r20'")).toEqual([{ a: "a20" }]);
  });
});

it("law T1: a record that refers to a later one of its batch is not refused for it", async () => {
  await using place = await workplace();
  await sql(place.url, "create table t (id text primary key, parent text not null references t)");
  const records = many(30, (id) => ({
    parent: id === 29 ? "r29" : id % 10 === 4 ? "gone" : "r29",
  }));
  expect(await refusals(place, place.target, records)).toEqual([
    ["r4", "23503"],
    ["r14", "23503"],
    ["r24", "23503"],
  ]);
});

it("sec: why a record was refused tells nothing of it", async () => {
  await using place = await workplace();
  await sql(place.url, "create table t (id text primary key, a text unique)");
  const secret = "hunter2-is-in-no-message";
  await refusals(place, place.target, [
    { id: "one", a: secret },
    { id: "two", a: secret },
  ]);
  const [entry] = await place.target.ledger.quarantined("m", { raw: false });
  expect(entry?.detail).toBe("SQLSTATE 23505 (constraint t_a_key, table t)");
});
