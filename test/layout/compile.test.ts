import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { canonicalText } from "../../src/collection/canonical.ts";
import { encodeKey } from "../../src/collection/key.ts";
import { compileLayout } from "../../src/layout/compile.ts";
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
