/** Records of one table whose members are mostly the columns', and mostly fit them. */
import fc from "fast-check";
import { isPlainObject, type ObjectValue, setOwn, type Value } from "../../src/collection/value.ts";
import type { Column, Layout, TableLayout } from "../../src/layout/layout.ts";
import { anyLayout, anyScalar, fittingRecord } from "./any-layout.ts";

export interface FlatRecord {
  readonly layout: Layout;
  readonly key: string;
  readonly value: ObjectValue;
}

/** In UTF-16 the last two sort the other way round than in UTF-8. */
const NAMES = ["b", "a", "id2", "é", "zz", "\u{10ffff}", "\uffee"];

function layoutOf(table: TableLayout, columns: readonly Column[]): Layout {
  const root = { ...table, key: { name: "id", codec: "text" as const }, columns };
  return {
    version: 2,
    collection: "t",
    key: { from: "property", path: ["id"] },
    tables: [root],
  };
}

function memberOf(column: Column, table: TableLayout): fc.Arbitrary<Value> {
  const alone = layoutOf({ ...table, restColumn: "rest" }, [{ ...column, path: ["x"] }]);
  const fitting = fittingRecord(alone).map((one) => (isPlainObject(one) ? one["x"] : one));
  return fc.oneof({ weight: 4, arbitrary: fitting }, anyScalar, fc.constant(null));
}

const columnsOf = (table: TableLayout, names: readonly string[], nulls: readonly boolean[]) =>
  table.columns.slice(0, names.length).map(
    (column, index): Column => ({
      ...column,
      path: [names[index] as string],
      nullMeans: nulls[index] ? "null" : "absent",
    }),
  );

export const flatRecord: fc.Arbitrary<FlatRecord> = fc
  .tuple(
    anyLayout,
    fc.shuffledSubarray(NAMES, { minLength: 1, maxLength: 4 }),
    fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }),
    fc.constantFrom("k", "é🚀", "it\u0001s"),
    fc.constantFrom<"same" | "another" | "none">("same", "same", "another", "none"),
  )
  .chain(([{ tables }, names, nulls, key, id]) => {
    const [table] = tables;
    const columns = columnsOf(table, names, nulls);
    return fc
      .tuple(...columns.map((column) => memberOf(column, table)))
      .map((members): FlatRecord => {
        const value: Record<string, Value> = {};
        for (const [index, { path }] of columns.entries()) {
          const member = members[index];
          if (member !== undefined) setOwn(value, path[0] as string, member);
        }
        if (id !== "none") value["id"] = id === "same" ? key : id;
        return { layout: layoutOf(table, columns), key, value };
      });
  });
