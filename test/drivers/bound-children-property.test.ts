/** Random histories of records in somebody else's tables, with an app that goes on using them. */
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { canonicalText } from "../../src/collection/canonical.ts";
import { dumpRevision } from "../../src/collection/revision.ts";
import { postgresTarget } from "../../src/drivers/postgres/index.ts";
import type { Target } from "../../src/store/driver.ts";
import { propertyRuns } from "../support/property.ts";
import { backends, deletion, type MakeMove, type Opened, record, workbench } from "./backends.ts";
import { ask, type Element, makeTables, thingsLayout } from "./bound-tables.ts";

const some = <T>(values: readonly T[]): fc.Arbitrary<T[]> =>
  fc.shuffledSubarray([...values], { minLength: 0 });
const SLUGS = ["one", "two", "three", "four"];

/** At most one of them is the primary one, and no two have one url: the tables' indexes say so. */
const images = fc
  .tuple(
    some(["k", "l", "m", "n", "o"]),
    fc.shuffledSubarray(["1.png", "2.png", "3.png", "4.png", "5.png"], { minLength: 5 }),
    fc.integer({ min: 0, max: 6 }),
    fc.array(some(["p", "q"]), { minLength: 5, maxLength: 5 }),
    fc.nat({ max: 2 }),
  )
  .map(([ids, urls, primary, versions, round]) =>
    ids.map(
      (id, at): Element => ({
        id,
        url: urls[at] as string,
        primary: at === primary,
        versions: (versions[at] ?? []).map((name) => ({ id: name, prompt: `${name}${round}` })),
      }),
    ),
  )
  .map((list) =>
    // No rows stand for an absent list.
    list.map(({ versions, ...one }) =>
      (versions as readonly unknown[]).length === 0 ? one : { ...one, versions: versions as never },
    ),
  );
const steps = fc
  .tuple(
    some(["cut", "glue", "nail", "paint"]),
    fc.array(some(["x", "y"]), { minLength: 4, maxLength: 4 }),
  )
  .map(([labels, parts]) =>
    labels.map((label, at): Element => {
      const names = parts[at] ?? [];
      return names.length === 0 ? { label } : { label, parts: names.map((name) => ({ name })) };
    }),
  );
const body = fc.record({ images, steps, title: fc.constantFrom("t", "u") });
/** What both records are in one version: slugs pass between them. */
const version = fc
  .tuple(
    fc.shuffledSubarray(SLUGS, { minLength: 2 }),
    fc.option(body, { freq: 8 }),
    fc.option(body, { freq: 8 }),
  )
  .map(([slugs, ...bodies]) =>
    bodies.map((one, at): Element | undefined =>
      one === null ? undefined : { id: "ab"[at] as string, slug: slugs[at] as string, ...one },
    ),
  );

/** Whatever the app has beside a row, by what tells the row from others. */
type Kept = Map<string, string>;

const listOf = (value: Element | undefined, name: string): readonly Element[] =>
  (value?.[name] ?? []) as readonly Element[];

/** Rows of a version, by table. Without keys of their own they are known by their places. */
function rowsOf(values: readonly (Element | undefined)[]): Record<string, string[]> {
  const rows: Record<string, string[]> = {
    things: [],
    images: [],
    versions: [],
    steps: [],
    parts: [],
  };
  for (const value of values) {
    if (value === undefined) continue;
    const id = String(value["id"]);
    rows["things"]?.push(id);
    for (const one of listOf(value, "images")) {
      rows["images"]?.push(`${id} ${one["id"]}`);
      for (const deep of listOf(one, "versions"))
        rows["versions"]?.push(`${id} ${one["id"]} ${String(deep["prompt"])[0]}`);
    }
    for (const [at, one] of listOf(value, "steps").entries()) {
      rows["steps"]?.push(`${id} ${at}`);
      for (const part of listOf(one, "parts").keys()) rows["parts"]?.push(`${id} ${at} ${part}`);
    }
  }
  return rows;
}

// biome-ignore format: of each table the key of its rows, and the app's own column
const SEEN: Readonly<Record<string, readonly [key: string, column: string, from: string]>> = {
  things: ["t.id", "note", "things t"],
  images: ["concat_ws(' ', t.thing_id, t.ref)", "storage_path", "images t"],
  versions: ["concat_ws(' ', i.thing_id, i.ref, left(t.prompt, 1))", "rating::text", "versions t join images i on i.id = t.image_id"],
  steps: ["concat_ws(' ', t.thing_id, t.position)", "done_at", "steps t"],
  parts: ["concat_ws(' ', t.thing_id, t.step, t.part)", "checked", "parts t"],
};

describe.each(backends)("$name", (backend) => {
  let opened: Opened;
  let target: Target;
  let move: MakeMove;
  let number = 0;
  beforeAll(async () => {
    opened = await backend.open();
    target = postgresTarget(opened.database);
    move = workbench(target);
  });
  afterAll(() => opened[Symbol.asyncDispose]());

  test("law L1: the last version lands exactly, and what the app keeps stays with the rows that stay", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(version, { minLength: 2, maxLength: 5 }), async (versions) => {
        const schema = `random-${number++}`;
        await makeTables(opened.database, schema);
        const { put, rows } = await move([thingsLayout()], { schema });
        const say = (query: string) => ask(opened.database, schema, query);
        const kept: Record<string, Kept> = {};
        for (const name of Object.keys(SEEN)) kept[name] = new Map();
        for (const [at, values] of versions.entries()) {
          const revision = dumpRevision(at + 1);
          const report = await put(
            values.map((value, index) =>
              value === undefined
                ? deletion("ab"[index] as string, revision)
                : record("ab"[index] as string, value, { revision, position: index }),
            ),
          );
          expect(report).toMatchObject({ applied: 2, conflicts: [] });
          const found = Object.values(await rows()).map((value) => canonicalText(value));
          const wanted = values.flatMap((value) =>
            value === undefined ? [] : [canonicalText(value)],
          );
          expect(found.sort()).toEqual(wanted.sort());
          const now = rowsOf(values);
          for (const [name, [key, own, from]] of Object.entries(SEEN)) {
            const was = kept[name] as Kept;
            const keys = now[name] as string[];
            const expected = keys.map(
              (one) => `${one}: ${was.get(one) ?? (name === "things" ? "fresh" : "-")}`,
            );
            const seen = await say(
              `select concat(${key}, ': ', coalesce(${own}, '-')) from ${from}`,
            );
            expect([...seen].sort()).toEqual(expected.sort());
            kept[name] = new Map(keys.map((one) => [one, String(at)]));
          }
          expect(await say("select count(*) from likes")).toEqual([
            String(countKept(versions, at)),
          ]);
          await say(`update things set note = '${at}'; update images set storage_path = '${at}';
            update versions set rating = ${at}; update steps set done_at = '${at}'; update parts set checked = '${at}';
            insert into likes select id, 'ann' from images where id not in (select image_id from likes)`);
        }
        await opened.database.query(`drop schema "${schema}" cascade`);
      }),
      propertyRuns(backend.name === "postgres" ? 30 : 12),
    );
  });
});

/** Images of the version that were in the one before: each has one like. */
function countKept(versions: readonly (readonly (Element | undefined)[])[], at: number): number {
  const before = new Set(at === 0 ? [] : rowsOf(versions[at - 1] ?? [])["images"]);
  return (rowsOf(versions[at] ?? [])["images"] ?? []).filter((one) => before.has(one)).length;
}
