/** Records read from their bytes: the same as the slower way makes of them, in any chunking, and in columns. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { canonicalText, digest } from "../../src/collection/canonical.ts";
import { readNumber } from "../../src/collection/exact-number.ts";
import type { ObjectValue } from "../../src/collection/value.ts";
import { openTarget } from "../../src/drivers/open-target.ts";
import { decodeRawJson, decodeRecord, isBad } from "../../src/formats/decode-record.ts";
import type { BadRecord, SourceRecord } from "../../src/formats/format.ts";
import { RecordReader } from "../../src/formats/record-reader.ts";
import { Scanner, type Slice } from "../../src/formats/scanner.ts";
import type { Layout } from "../../src/layout/layout.ts";
import { copy } from "../../src/transfer/copy.ts";
import { verify } from "../../src/transfer/verify.ts";
import { freshDatabase } from "../support/postgres.ts";
import { propertyRuns } from "../support/property.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** JSON texts of values as people and programs spell them. */
const NUMBERS = ["0", "-0", "-0.0", "-0.5", "1.50", "1e3", "1E+2", "0.30000000000000004"];
const LONG = ["1.0000000000000000000", "9007199254740993", "123456789012345", "1e308"];
const TEXTS = [
  '"\\u0041"',
  '"\\u0000"',
  '"\\ud800"',
  '"\\\\u0000"',
  '"a\\/b\\n\\"{,}"',
  '"é🚀"',
  '"\ufeff-"',
];
const space = fc.constantFrom("", "", " ", "\r\n\t");
const leaf = fc.oneof(
  fc.constantFrom(...NUMBERS, ...LONG, ...TEXTS, "true", "false", "null", "[]", "{}"),
  fc.string({ unit: "grapheme", maxLength: 90 }).map((text) => JSON.stringify(text)),
);
const { json } = fc.letrec<{ json: string; list: string; object: string }>((tie) => ({
  json: fc.oneof({ depthSize: "small" }, leaf, tie("list"), tie("object")),
  list: fc
    .tuple(fc.array(tie("json"), { maxLength: 3 }), space)
    .map(([items, gap]) => `[${gap}${items.join(`${gap},${gap}`)}${gap}]`),
  object: fc.tuple(fc.array(tie("json"), { maxLength: 3 }), space).map(([items, gap]) => {
    const members = items.map((item, index) => `"m${index}"${gap}:${gap}${item}`);
    return `{${gap}${members.join(`${gap},${gap}`)}${gap}}`;
  }),
}));

const record = fc
  .tuple(fc.array(json, { minLength: 1, maxLength: 4 }), space, fc.boolean())
  .map(([values, gap, isTurned]) => {
    const members = values.map((value, index) => `"c${index}"${gap}:${gap}${value}${gap}`);
    if (isTurned) members.reverse();
    return { text: `{${gap}${members.join(`,${gap}`)}}`, values, isTurned };
  });

function slices(bytes: Uint8Array, size: number, reader?: RecordReader): Slice[] {
  const scanner = new Scanner({
    decide: (_kind, _name, within) => (within.length === 0 ? "enter" : "take"),
    reader,
  });
  const found: Slice[] = [];
  for (let at = 0; at < bytes.length; at += size) {
    scanner.push(bytes.slice(at, at + size));
    for (const event of scanner.events()) if (event.type === "slice") found.push(event);
  }
  return found;
}

/** What the slower way makes of the same bytes. */
function slowly(bytes: Uint8Array): SourceRecord | BadRecord {
  return decodeRawJson(bytes, { position: 0, key: undefined, rebuilt: false });
}

test("law L1: what is read says what the value says, wherever the text was cut", () => {
  const reader = new RecordReader();
  let read = 0;
  fc.assert(
    fc.property(record, fc.integer({ min: 1, max: 60 }), ({ text, values, isTurned }, size) => {
      const found = slices(encoder.encode(`[0,${text}]`), size, reader);
      const decoded = decodeRecord(found[1] as Slice, { key: undefined, position: 0 });
      const other = slowly(encoder.encode(text));
      if (isBad(decoded) || isBad(other)) throw new Error("a record of JSON is none");
      expect(canonicalText(decoded.value)).toBe(canonicalText(other.value));
      if (decoded.read === undefined) return;
      read++;
      expect(decoded.read.digest).toEqual(digest(other.value));
      const names = values.map((_, index) => `c${index}`);
      expect(decoded.read.names).toEqual(isTurned ? names.reverse() : names);
      for (const [index, name] of decoded.read.names.entries()) {
        const value = (other.value as ObjectValue)[name];
        expect(canonicalText(decoded.read.member(index))).toBe(canonicalText(value));
        expect(decoded.read.isNull(index)).toBe(value === null);
        expect(JSON.parse(decoder.decode(decoded.read.json(index)))).toEqual(value);
        const characters = decoded.read.text(index);
        if (characters === undefined) continue;
        expect(decoder.decode(characters)).toBe(value);
        expect(decoded.read.units(index)).toBe((value as string).length);
      }
    }),
    propertyRuns(600),
  );
  expect(read).toBeGreaterThan(120);
});

/** Bytes of a record of which some were changed, left out or doubled: mostly no JSON any more. */
const broken = fc
  .tuple(record, fc.array(fc.tuple(fc.nat(), fc.nat(255), fc.nat(3)), { maxLength: 3 }))
  .map(([{ text }, changes]) => {
    const bytes = [...encoder.encode(text)];
    for (const [at, byte, way] of changes) {
      const place = at % bytes.length;
      if (way === 0) bytes.splice(place, 1);
      else if (way === 1) bytes.splice(place, 0, bytes[place] as number);
      else bytes[place] = way === 2 ? byte : (bytes[(place * 7) % bytes.length] as number);
    }
    return Uint8Array.from(bytes);
  });

test("input: what the slower way refuses is not read, and what is read it takes", () => {
  let read = 0;
  let refused = 0;
  fc.assert(
    fc.property(broken, (bytes) => {
      const found = new RecordReader().readWhole(bytes);
      const other = slowly(bytes);
      if (isBad(other)) {
        refused++;
        expect(found).toBeUndefined();
      } else if (found !== undefined) {
        read++;
        expect(found.digest).toEqual(digest(other.value));
        expect(found.names).toEqual(Object.keys(other.value as ObjectValue));
      }
    }),
    propertyRuns(4000),
  );
  expect(read).toBeGreaterThan(500);
  expect(refused).toBeGreaterThan(500);
});

test.each([
  '{"a":-0}',
  '{"a":[1,{"b":-0.0}]}',
  '{"a":-0e5}',
  '{"a":1e400}',
  '{"a":9007199254740993}',
  '{"2":1,"1":2}',
  '{"a":1,"a":1}',
  '{"a":{"b":1,"\\u0062":2}}',
  '{"a":"\\ud800"}',
  '{"a":"\\ud83d\\ude80"}',
  '{"a":"\\u0000"}',
  '{"a":01}',
  '{"a":1.}',
  '{"a":.5}',
  '{"a":+1}',
  '{"a":1e}',
  '{"a":tru}',
  '{"a":"\u0009"}',
  '{"a":"\\x"}',
  '{"a":1,}',
  '{"a" 1}',
  '{"a":[1 2]}',
  '{"a":[1}',
  '{"a":1',
  '[{"a":1}]',
])("input: %s is left to the slower way", (text) => {
  expect(new RecordReader().readWhole(encoder.encode(text))).toBeUndefined();
});

test.each([
  "[0xc0,0x80]",
  "[0xc1,0xbf]",
  "[0xe0,0x9f,0xbf]",
  "[0xed,0xa0,0x80]",
  "[0xf0,0x8f,0xbf,0xbf]",
  "[0xf4,0x90,0x80,0x80]",
  "[0xf5,0x80,0x80,0x80]",
  "[0x80]",
  "[0xe2,0x82]",
  "[0xf0,0x9f,0x9a]",
])("input: UTF-8 that is none (%s) is not read, in a value or in a name", (list) => {
  const bytes = list.slice(1, -1).split(",").map(Number);
  for (const [before, behind] of [
    ['{"a":"x', 'y"}'],
    ['{"x', 'y":1}'],
  ] as const) {
    const text = Uint8Array.from([...encoder.encode(before), ...bytes, ...encoder.encode(behind)]);
    expect(new RecordReader().readWhole(text)).toBeUndefined();
    expect(isBad(slowly(text))).toBe(true);
  }
});

test("UTF-8 of every width is read, at the edges of its ranges", () => {
  for (const text of [
    "\u007f",
    "\u0080",
    "\u07ff",
    "\u0800",
    "\ud7ff",
    "\ue000",
    "\uffff",
    "\u{10000}",
    "\u{10ffff}",
  ]) {
    const value = { [`n${text}`]: `a${text}b`, b: [text] };
    const read = new RecordReader().readWhole(encoder.encode(JSON.stringify(value)));
    expect(read?.digest, text).toEqual(digest(value));
    expect(read?.units(0)).toBe(text.length + 2);
  }
});

test("records whose names are data end the trying", () => {
  const reader = new RecordReader();
  let read = 0;
  for (let index = 0; index < 3000; index++) {
    const names = Object.fromEntries(
      Array.from({ length: 9 }, (_, at) => [`k${index * 31 + at}`, 1]),
    );
    if (reader.readWhole(encoder.encode(JSON.stringify(names))) !== undefined) read++;
  }
  expect(read).toBeGreaterThan(0);
  expect(reader.readWhole(encoder.encode('{"k0":1}'))).toBeUndefined();
});

test("a number is written as JavaScript writes it, however the source did", () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.nat(3), (number, way) => {
      if (number === 0) return;
      const text =
        way === 0
          ? String(number)
          : way === 1
            ? number.toExponential()
            : way === 2
              ? number.toPrecision(6)
              : `${number.toFixed(3)}`;
      const value = JSON.parse(text) as number;
      const read = new RecordReader().readWhole(encoder.encode(`{"a":${text}}`));
      if (read !== undefined) expect(read.digest).toEqual(digest({ a: value }));
      else expect(Object.is(value, -0) || text.length > 40 || isExact(text)).toBe(true);
    }),
    propertyRuns(3000),
  );
});

const isExact = (text: string): boolean => typeof readNumber(text) !== "number";

describe("in Postgres", () => {
  let folder = "";
  let database: Awaited<ReturnType<typeof freshDatabase>>;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "outgrow-written-"));
    database = await freshDatabase();
  });
  afterAll(async () => {
    rmSync(folder, { recursive: true, force: true });
    await database.drop();
  });

  const layoutOf = (collection: string): Layout => ({
    version: 2,
    collection,
    key: { from: "property", path: ["id"] },
    tables: [
      {
        name: collection,
        key: { name: "id", codec: "text" },
        columns: Array.from({ length: 4 }, (_, index) => ({
          ...{ name: `c${index}`, codec: "jsonb" as const, path: [`c${index}`] },
          nullMeans: "absent" as const,
        })),
        restColumn: "rest",
      },
    ],
  });

  test("law L1: whatever was written lies in columns of JSON as the record says it, and is rebuilt", async () => {
    const lines = fc.sample(record, { numRuns: 1500, seed: 7 });
    const text = lines.map(({ text: one }, index) => `{"id":"r${index}",${one.trim().slice(1)}`);
    const file = join(folder, "generations.ndjson");
    writeFileSync(file, text.map((line) => line.replaceAll(/[\r\n]/g, " ")).join("\n"));
    await using target = await openTarget(database.url);
    const options = { layouts: { generations: layoutOf("generations") } };
    const copied = await copy(file, target, options);
    expect(copied.counts["generations"]).toMatchObject({ read: 1500, applied: 1500 });
    const { clean, collections } = await verify(file, target);
    expect(clean, JSON.stringify(collections)).toBe(true);
  });

  test("input c-20: of a name that stands twice, the last one's value lies in the column", async () => {
    const file = join(folder, "twice.ndjson");
    writeFileSync(file, '{"id":"a","c0":{"v":1},"c0":{"v":2},"c1":[3]}\n');
    await using target = await openTarget(database.url);
    const options = {
      layouts: { twice: layoutOf("twice") },
      duplicateNames: "last" as const,
    };
    await copy(file, target, options);
    expect((await verify(file, target, options)).clean).toBe(true);
  });
});
