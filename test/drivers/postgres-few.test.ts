/** A few records are written without temporary tables: to the very rows that the staged path would write. */
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { revision } from "../../src/collection/revision.ts";
import { toTaggedJson } from "../../src/collection/tagged-json.ts";
import type { Value } from "../../src/collection/value.ts";
import { postgresTarget } from "../../src/drivers/postgres/index.ts";
import type { Column } from "../../src/layout/layout.ts";
import type { RecordWrite } from "../../src/store/driver.ts";
import { anyScalar } from "../layout/any-layout.ts";
import { propertyRuns } from "../support/property.ts";
import {
  backends,
  deletion,
  layoutOf,
  type MakeMove,
  type MoveAtHand,
  type Opened,
  record,
  workbench,
} from "./backends.ts";

// biome-ignore format: one row per column
const CODECS: readonly Omit<Column, "name" | "path" | "nullMeans">[] = [
  { codec: "text" }, { codec: "text", limit: 3, sqlType: "varchar(3)" }, { codec: "boolean" }, { codec: "integer" },
  { codec: "integer", type: "smallint" }, { codec: "number" }, { codec: "number", type: "real" }, { codec: "uuid" },
  { codec: "decimal", precision: 10, scale: 4, sqlType: "numeric(10,4)" },
  { codec: "money", prefix: "$", precision: 10, scale: 2, sqlType: "numeric(10,2)" }, { codec: "iso-timestamp" },
  { codec: "iso-timestamp", type: "timestamp" }, { codec: "iso-date" }, { codec: "epoch-ms" }, { codec: "date" },
  { codec: "jsonb" }, { codec: "jsonb", type: "json", coerce: true, fill: "{}" }, { codec: "text-list" },
  { codec: "text", fill: "" },
];
const columns = CODECS.map((codec, index): Column => {
  return { ...codec, name: `c${index}`, path: [`c${index}`], nullMeans: "absent" };
});
const LAYOUT = layoutOf("things", { columns });

const VALUES: readonly Value[] = [
  ...[
    "",
    "abc",
    '{"a":1}',
    "2024-02-29",
    "2024-02-29T12:00:00.120Z",
    "0900-01-01T00:00:00.000Z",
    "$4.10",
    "1.5000",
  ],
  ...[
    "00000000-0000-4000-8000-000000000000",
    'a,b"c\\{}',
    0,
    -0,
    1e-7,
    1e21,
    32_767,
    1_750_654_128_168,
    2 ** 53 - 1,
  ],
  ...[
    Number.NaN,
    Number.POSITIVE_INFINITY,
    0.1,
    true,
    false,
    null,
    ["a", 'b"\\', ""],
    [],
    { n: [1, -0] },
    { a: {} },
  ],
  ...[new Date(1_750_654_128_168), new Date(-1), new Date(8.64e15)],
];
const value = fc.oneof(fc.constantFrom(...VALUES), anyScalar);
const thing: fc.Arbitrary<Value> = fc
  .array(fc.option(value, { nil: undefined }), {
    minLength: columns.length,
    maxLength: columns.length,
  })
  .map((values) =>
    Object.fromEntries(
      values.flatMap((one, index) => (one === undefined ? [] : [[`c${index}`, one] as const])),
    ),
  );

describe.each(backends)("$name", (backend) => {
  let opened: Opened;
  let move: MakeMove;
  beforeAll(async () => {
    opened = await backend.open();
    move = workbench(postgresTarget(opened.database));
  });
  afterAll(() => opened[Symbol.asyncDispose]());

  /** Everything that is known of these keys, as the server says it. */
  async function said({ schema, name }: MoveAtHand, keys: readonly string[]) {
    const list = keys.map((key) => `'${key}'`).join(", ");
    const { rows: app } = await opened.database.query(
      `select t::text from "${schema}".things t where id in (${list}) order by id`,
    );
    const { rows: own } = await opened.database.query(
      `select r.key, r.revision, r.digest, r.state, r.position, r.form::text from outgrow.record r
       join outgrow.collection c on c.id = r.collection join outgrow.move m on m.id = c.move
       where m.name = '${name}' and r.key in (${keys.map((key) => `'s${key}'`).join(", ")}) order by r.key`,
    );
    return { app, own };
  }

  /** Records beside which a batch is no small one. */
  const crowd = (round: number): RecordWrite[] =>
    Array.from({ length: 20 }, (_, index) =>
      record(`crowd${index}`, { c0: `${round}` }, { revision: revision(1, round) }),
    );

  test("law L1, D1: whatever a few records hold, and whatever was there, rows and sidecar are those of a large batch", async () => {
    const keys = ["a", "b", "c"];
    const batch = fc.uniqueArray(
      fc.record({
        key: fc.constantFrom(...keys),
        counter: fc.integer({ min: 1, max: 4 }),
        what: fc.option(thing, { nil: undefined, freq: 5 }),
      }),
      { selector: ({ key }) => key, minLength: 1, maxLength: 3 },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(batch, { minLength: 1, maxLength: 4 }), async (batches) => {
        const [few, many] = [await move([LAYOUT]), await move([LAYOUT])];
        for (const [round, writes] of batches.entries()) {
          const records = writes.map(({ key, counter, what }, index) => {
            const at = revision(1, counter);
            if (what === undefined) return deletion(key, at);
            const raw = Buffer.from(toTaggedJson(what));
            const origin = () => ({ file: "dump.json", offset: 7, raw });
            return { ...record(key, what, { revision: at, position: index }), origin };
          });
          const before = await few.put(records);
          const after = await many.put([...records, ...crowd(round)]);
          expect(before.conflicts).toEqual(after.conflicts);
          expect(before.spills).toEqual(after.spills);
          expect(after.applied + after.duplicate + after.stale).toBe(
            before.applied + before.duplicate + before.stale + 20,
          );
          expect(await said(few, keys)).toEqual(await said(many, keys));
        }
      }),
      propertyRuns(backend.name === "postgres" ? 25 : 12),
    );
  }, 120_000);
});
