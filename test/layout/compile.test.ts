import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { canonicalText } from "../../src/collection/canonical.ts";
import { encodeKey } from "../../src/collection/key.ts";
import type { Value } from "../../src/collection/value.ts";
import { compileLayout } from "../../src/layout/compile.ts";
import type { Column, Layout } from "../../src/layout/layout.ts";
import { propertyRuns } from "../support/property.ts";
import { layoutAndRecord } from "./any-layout.ts";
import { throughLayout } from "./through-layout.ts";

describe("law L1 for layouts of several tables", () => {
  it("any record under any layout comes back the same", () => {
    fc.assert(
      fc.property(layoutAndRecord, ([layout, record]) => {
        const back = throughLayout(layout, encodeKey("k"), record);
        expect(canonicalText(back.value)).toBe(canonicalText(record));
        expect(back.key).toBe(encodeKey("k"));
      }),
      propertyRuns(3000),
    );
  });

  it("lists with holes, and what stands where a list should, come back the same", () => {
    const holes: Value[] = [{ a: "x" }];
    holes[2] = { a: "y" };
    // biome-ignore format: odd things at the place of a child table
    const odd: readonly Value[] = [
      holes, [undefined], [null], [[]], ["text", { a: "x" }], null, undefined, "text", {}, { "0": { a: "x" } },
      new Map<Value, Value>([["a", 1]]), [{ a: "x", b: { c: [{ a: 1 }] } }],
    ];
    const key = { by: "place", parent: ["t_id"], place: "position" } as const;
    const columns: Column[] = [{ name: "a", codec: "text", path: ["a"], nullMeans: "absent" }];
    for (const holds of ["list", "map", "object"] as const) {
      for (const emptyMeans of ["absent", "empty"] as const) {
        const layout: Layout = {
          version: 2,
          collection: "t",
          key: { from: "format" },
          tables: [
            { name: "t", key: { name: "id", codec: "text" }, columns: [], restColumn: "rest" },
            { name: "t_list", parent: 0, path: ["list"], holds, emptyMeans, key, columns },
          ],
        };
        for (const list of odd) {
          const back = throughLayout(layout, "sk", { list });
          expect(canonicalText(back.value)).toBe(canonicalText({ list }));
        }
      }
    }
  });

  it("every row has as many cells as its table has columns", () => {
    fc.assert(
      fc.property(layoutAndRecord, ([layout, record]) => {
        const { rows } = throughLayout(layout, encodeKey("k"), record);
        for (const [index, table] of compileLayout(layout).tables.entries()) {
          for (const row of rows[index] ?? []) expect(row.length).toBe(table.columns.length);
        }
      }),
      propertyRuns(300),
    );
  });
});
