/** Rows made from what a source wrote are those that the record's value makes. */
import fc from "fast-check";
import { expect, it } from "vitest";
import { encodeKey } from "../../src/collection/key.ts";
import { toTaggedJson } from "../../src/collection/tagged-json.ts";
import { isPlainObject, type Value } from "../../src/collection/value.ts";
import { RecordReader } from "../../src/formats/record-reader.ts";
import { compileLayout, type Encodable } from "../../src/layout/compile.ts";
import type { Layout, SqlValue } from "../../src/layout/layout.ts";
import { propertyRuns } from "../support/property.ts";
import { layoutAndRecord } from "./any-layout.ts";
import { flatRecord } from "./flat-record.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** What an encoder makes of a record, and all that it tells. */
function encoded(layout: Layout, key: string, record: Encodable) {
  const compiled = compileLayout(layout);
  const rows: SqlValue[][][] = compiled.tables.map(() => []);
  const told: string[] = [];
  const rest = compiled.encode(key, record, "default", rows, {
    spill: (column, code) => told.push(`${column} ${code}`),
    late: (cell) => told.push(JSON.stringify(cell)),
  });
  const isJson = compiled.tables[0]?.columns.map(({ type }) => type === "jsonb");
  const plain = rows.map((list, table) =>
    list.map((row) =>
      row.map((cell, at) => {
        const text = cell instanceof Uint8Array ? decoder.decode(cell) : cell;
        // Spaces and spellings of numbers are the source's.
        return table === 0 && isJson?.[at] === true && typeof text === "string"
          ? { json: JSON.parse(text) as unknown }
          : text;
      }),
    ),
  );
  return { rows: plain, rest, told };
}

/** Compares both ways. @returns whether the value was not asked for. */
function isSame(layout: Layout, key: string, text: string): boolean {
  const written = new RecordReader().readWhole(encoder.encode(text));
  if (written === undefined) return false;
  let isAsked = false;
  const record = {
    written,
    get value(): Value {
      isAsked = true;
      return JSON.parse(text) as Value;
    },
  };
  const fromWritten = encoded(layout, key, record);
  expect(fromWritten).toEqual(encoded(layout, key, { value: JSON.parse(text) as Value }));
  return !isAsked;
}

it("law L1: of any record under any layout", () => {
  fc.assert(
    fc.property(layoutAndRecord, ([layout, record]) => {
      if (isPlainObject(record)) isSame(layout, encodeKey("k"), toTaggedJson(record));
    }),
    propertyRuns(2000),
  );
});

it("law L1: of records whose members are the columns', and the key", () => {
  let direct = 0;
  fc.assert(
    fc.property(flatRecord, ({ layout, key, value }) => {
      if (isSame(layout, encodeKey(key), toTaggedJson(value))) direct++;
    }),
    propertyRuns(4000),
  );
  expect(direct).toBeGreaterThan(300);
});
