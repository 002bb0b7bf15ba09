/** Random layouts of several tables, in real databases: records come back, are replaced, deleted, set aside. */
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { canonicalText } from "../../src/collection/canonical.ts";
import { revision } from "../../src/collection/revision.ts";
import { fromTaggedJson } from "../../src/collection/tagged-json.ts";
import type { Value } from "../../src/collection/value.ts";
import { postgresTarget } from "../../src/drivers/postgres/index.ts";
import type { Target } from "../../src/store/driver.ts";
import { anyLayout, anyRecord, fittingRecord, layoutAndRecord } from "../layout/any-layout.ts";
import { propertyRuns } from "../support/property.ts";
import { backends, deletion, type MakeMove, type Opened, record, workbench } from "./backends.ts";

const KEYS = ["a", "b", "c", "d", "é\u0001"] as const;
const AT = { tenant: "default", collection: "things" };

const history = anyLayout.chain((layout) => {
  const value = fc.oneof({ weight: 3, arbitrary: fittingRecord(layout) }, anyRecord);
  const write = fc.tuple(
    fc.constantFrom(...KEYS),
    fc.option(value, { freq: 6, nil: "deleted" as const }),
  );
  const batch = fc.uniqueArray(write, { minLength: 1, maxLength: 5, selector: ([key]) => key });
  return fc.tuple(fc.constant(layout), fc.array(batch, { minLength: 1, maxLength: 3 }));
});

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

  test("law L1: any record under any layout is stored, replaced, deleted and read again", async () => {
    await fc.assert(
      fc.asyncProperty(history, async ([layout, batches]) => {
        const { put, rows, driver, name } = await move([layout]);
        const expected = new Map<string, Value>();
        for (const [number, batch] of batches.entries()) {
          const at = revision(0, number + 1);
          await put(
            batch.map(([key, value]) => {
              if (value === "deleted") expected.delete(key);
              else expected.set(key, value);
              return value === "deleted"
                ? deletion(key, at)
                : record(key, value, { revision: at, position: 1 });
            }),
          );
        }
        const found = await rows();
        const texts = Object.entries(found).map(([, value]) => canonicalText(value));
        expect(texts.sort()).toEqual(
          [...expected.values()].map((one) => canonicalText(one)).sort(),
        );
        for (const [key, value] of expected) {
          const [stored] = await driver.read(AT, [record(key, value).key]);
          expect(canonicalText(stored?.value)).toBe(canonicalText(value));
        }
        expect(await driver.count(AT)).toBe(expected.size);
        await target.ledger.drop(name);
      }),
      propertyRuns(backend.name === "postgres" ? 60 : 25),
    );
  });

  test("law T1: what a conflict takes out of several tables is whole in quarantine, and gone", async () => {
    await fc.assert(
      fc.asyncProperty(layoutAndRecord, async ([layout, value]) => {
        const { put, rows, quarantined, name, schema } = await move([layout]);
        await put([record("a", value, { position: 0 })]);
        await put([record("a", { unlike: "any other" }, { position: 1 })]);
        const [first] = await quarantined();
        const text = Buffer.from(first?.raw ?? []).toString();
        expect(canonicalText(fromTaggedJson(text))).toBe(canonicalText(value));
        expect(await rows()).toEqual({});
        for (const table of layout.tables) {
          const { rows: left } = await opened.database.query(
            `select count(*) from "${schema}"."${table.name}"`,
          );
          expect(left).toEqual([["0"]]);
        }
        await target.ledger.drop(name);
      }),
      propertyRuns(backend.name === "postgres" ? 30 : 15),
    );
  });
});
