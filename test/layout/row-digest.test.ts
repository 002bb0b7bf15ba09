/** The digest of a row's bytes is that of the record which the row is decoded to. */
import fc from "fast-check";
import { expect, it } from "vitest";
import { canonicalText, digest } from "../../src/collection/canonical.ts";
import { encodeKey } from "../../src/collection/key.ts";
import { compileLayout } from "../../src/layout/compile.ts";
import type { Column, Layout, SqlValue } from "../../src/layout/layout.ts";
import type { CellBytes } from "../../src/layout/row-digest.ts";
import { propertyRuns } from "../support/property.ts";
import { layoutAndRecord } from "./any-layout.ts";
import { type FlatRecord, flatRecord } from "./flat-record.ts";
import { sqlText } from "./through-layout.ts";

const encoder = new TextEncoder();

/** Texts as a driver has them: behind each other, with some bytes before the first. */
function cellBytes(texts: readonly (string | null)[]): CellBytes {
  const all = texts.map((text) => (text === null ? undefined : encoder.encode(text)));
  const bytes = new Uint8Array(3 + all.reduce((sum, one) => sum + (one?.length ?? 0), 0));
  const starts = new Int32Array(texts.length);
  const ends = new Int32Array(texts.length);
  let at = 3;
  for (const [index, one] of all.entries()) {
    starts[index] = one === undefined ? -1 : at;
    if (one !== undefined) bytes.set(one, at);
    at += one?.length ?? 0;
    ends[index] = at;
  }
  return { bytes, starts, ends };
}

/** @param emptied a cell that SQL has set to NULL since. @returns whether the row's digest was told. */
function isTold({ layout, key, value }: FlatRecord, emptied?: number): boolean {
  const compiled = compileLayout(layout);
  const rows: SqlValue[][][] = compiled.tables.map(() => []);
  const told = { spill: () => {}, late: () => {} };
  compiled.encode(encodeKey(key), { value }, "default", rows, told);
  const scales = new Map(layout.tables[0].columns.map(({ name, scale }) => [name, scale]));
  const texts = compiled.tables[0]?.columns.map(({ type, name }, at) =>
    sqlText(rows[0]?.[0]?.[at] ?? null, type, scales.get(name)),
  ) as (string | null)[];
  if (compiled.rowDigest === undefined) return false;
  const width = compiled.tables[0]?.keyWidth ?? 0;
  const at = width + ((emptied ?? 0) % Math.max(texts.length - width, 1));
  if (emptied !== undefined && at < texts.length) texts[at] = null;
  const before = ["t", null];
  const cells = cellBytes([...before, ...texts]);
  const read = compiled.rowDigest.key(cells, before.length);
  expect(read).toBe(encodeKey(key));
  const found = compiled.rowDigest.digest(cells, before.length, read);
  if (found === undefined) return false;
  const record = compiled.decode({ cells: texts, family: [] });
  if (emptied === undefined) {
    expect(canonicalText(record.value)).toBe(canonicalText(value));
  }
  expect(found).toEqual(digest(record.value));
  return true;
}

it("law L1: of records whose members are the columns', and the key", () => {
  let told = 0;
  fc.assert(
    fc.property(flatRecord, fc.nat(), (record, cell) => {
      if (isTold(record)) told++;
      isTold(record, cell);
    }),
    propertyRuns(4000),
  );
  expect(told).toBeGreaterThan(150);
});

it("law L1: names are in the order of their bytes, and lengths those of UTF-16", () => {
  const column = (name: string): Column => ({
    ...{ name, codec: "text", path: [name] },
    nullMeans: "absent",
  });
  const layout: Layout = {
    version: 2,
    collection: "t",
    key: { from: "property", path: ["id"] },
    tables: [
      {
        name: "t",
        key: { name: "id", codec: "text" },
        columns: [column("\uffee"), column("b"), column("\u{10ffff}"), column("a")],
        restColumn: "rest",
      },
    ],
  };
  const value = { "\uffee": "😀é\uffff", b: "", "\u{10ffff}": "1", a: "a".repeat(1000), id: "k" };
  expect(isTold({ layout, key: "k", value })).toBe(true);
});

it("law L1: of any record under any layout of one table", () => {
  fc.assert(
    fc.property(layoutAndRecord, ([layout, value]) => {
      if (layout.tables.length === 1) isTold({ layout, key: "k", value: value as never });
      else expect(compileLayout(layout).rowDigest).toBeUndefined();
    }),
    propertyRuns(2000),
  );
});
