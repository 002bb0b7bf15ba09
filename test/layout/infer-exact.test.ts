import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { canonicalText } from "../../src/collection/canonical.ts";
import { encodeKey } from "../../src/collection/key.ts";
import type { Value } from "../../src/collection/value.ts";
import { compileLayout } from "../../src/layout/compile.ts";
import { inferLayouts } from "../../src/layout/infer.ts";
import { CollectionProfile } from "../../src/layout/profile.ts";
import { propertyRuns } from "../support/property.ts";
import { throughLayout } from "./through-layout.ts";

const text = fc.oneof(
  fc.string({ maxLength: 4 }),
  fc.uuid(),
  fc.constantFrom("2025-08-24", "2025-08-24 15:51:55", "2026-02-06T00:45:19Z", "2025-02-30", ""),
  fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
);
/** Of few kinds, so that whole collections are of one. */
const scalars: readonly fc.Arbitrary<Value>[] = [
  text,
  fc.uuid(),
  fc.constantFrom("2025-08-24", "2024-02-29"),
  fc.constantFrom("2025-08-24 15:51:55", "0001-01-01 00:00:00"),
  fc.constantFrom("2026-02-06T00:45:19Z", "9999-12-31T23:59:59Z"),
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }).filter((number) => !Object.is(number, -0)),
  fc.boolean(),
];
const value = fc.constantFrom(...scalars).chain((scalar) => fc.option(scalar));

function objects(inner: fc.Arbitrary<Value>): fc.Arbitrary<Record<string, Value>> {
  return fc.record(
    { id: fc.nat(5), a: value, b: value, list: inner },
    { requiredKeys: ["id"] },
  ) as fc.Arbitrary<Record<string, Value>>;
}
const lists = (inner: fc.Arbitrary<Value>): fc.Arbitrary<Value> =>
  fc.oneof(
    { weight: 8, arbitrary: fc.array(objects(inner), { maxLength: 4 }) },
    { weight: 1, arbitrary: fc.array(fc.oneof(value, objects(inner)), { maxLength: 3 }) },
    { weight: 1, arbitrary: value },
  );
const records = fc.array(objects(lists(lists(fc.array(fc.nat(3), { maxLength: 2 })))), {
  minLength: 1,
  maxLength: 8,
});

describe("law L1: the layout inferred from records gives back exactly these records", () => {
  it.each(["none", "auto", "all"] as const)(
    "and no column refuses a value: flatten %s",
    (flatten) => {
      fc.assert(
        fc.property(records, fc.boolean(), (all, tenantColumn) => {
          const profile = new CollectionProfile("things");
          for (const record of all) profile.observe(record, undefined, 1);
          const [inferred] = inferLayouts([profile], { flatten, tenantColumn });
          if (inferred === undefined) throw new Error("no layout");
          const { layout } = inferred;
          const compiled = compileLayout(layout);
          const spilled: string[] = [];
          const told = {
            spill: (column: string, code: string) => spilled.push(`${column} ${code}`),
            late: () => {},
          };
          for (const [position, record] of all.entries()) {
            const key = encodeKey(
              layout.key.from === "position" ? position : (record["id"] as number),
            );
            const rows = layout.tables.map(() => []);
            compiled.encode(key, { value: record }, "default", rows, told);
            const back = throughLayout(layout, key, record);
            expect(canonicalText(back.value)).toBe(canonicalText(record));
          }
          expect(spilled).toEqual([]);
        }),
        propertyRuns(),
      );
    },
  );
});
