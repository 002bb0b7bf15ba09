/** Members of a record as the source wrote them: whole in any chunking, and in a column what the record says. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openTarget } from "../../src/drivers/open-target.ts";
import { decodeRecord, isBad } from "../../src/formats/decode-record.ts";
import { Scanner, type Slice } from "../../src/formats/scanner.ts";
import type { Layout } from "../../src/layout/layout.ts";
import { copy } from "../../src/transfer/copy.ts";
import { verify } from "../../src/transfer/verify.ts";
import { freshDatabase } from "../support/postgres.ts";
import { propertyRuns } from "../support/property.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** JSON texts of values as people and programs spell them. */
const NUMBERS = ["0", "-0", "-0.0", "-0.5", "1.50", "1e3", "1E+2", "0.30000000000000004"];
const LONG = ["1.0000000000000000000", "9007199254740993", "123456789012345", "1e308"];
const TEXTS = ['"\\u0041"', '"\\u0000"', '"\\ud800"', '"\\\\u0000"', '"a\\/b\\n\\"{,}"', '"é🚀"'];
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
  .tuple(fc.array(json, { minLength: 1, maxLength: 4 }), space)
  .map(([values, gap]) => {
    const members = values.map((value, index) => `"c${index}"${gap}:${gap}${value}${gap}`);
    return { text: `{${gap}${members.join(`,${gap}`)}}`, values };
  });

function slices(text: string, size: number): Slice[] {
  const scanner = new Scanner({
    decide: (_kind, _name, within) => (within.length === 0 ? "enter" : "take"),
  });
  const bytes = encoder.encode(text);
  const found: Slice[] = [];
  for (let at = 0; at < bytes.length; at += size) {
    scanner.push(bytes.slice(at, at + size));
    for (const event of scanner.events()) if (event.type === "slice") found.push(event);
  }
  return found;
}

test("law L1: members come out as written, wherever the text was cut", () => {
  let given = 0;
  fc.assert(
    fc.property(record, fc.integer({ min: 1, max: 60 }), ({ text, values }, size) => {
      const [, slice] = slices(`[0,${text}]`, size) as [Slice, Slice];
      const decoded = decodeRecord(slice, { key: undefined, position: 0 });
      if (isBad(decoded)) throw new Error(decoded.code);
      const { written } = decoded;
      if (written === undefined) return;
      expect(written.value).toBe(decoded.value);
      expect(written.count).toBe(values.length);
      for (const [index, value] of values.entries()) {
        const bytes = written.at(index);
        // An escape may say what jsonb refuses.
        if (text.includes("\\u")) expect(bytes).toBeUndefined();
        else expect(decoder.decode(bytes).trim()).toBe(value);
        if (bytes !== undefined) given++;
      }
    }),
    propertyRuns(600),
  );
  expect(given).toBeGreaterThan(300);
});

test.each(['{"a":-0}', '{"a":[1,{"b":-0.0}]}', '{"a":1e400}', '{"2":1,"1":2}'])(
  "law L1: nothing is said of %s, which may not lie in a column as it is written",
  (text) => {
    for (const size of [1, 3, 100]) {
      const [slice] = slices(`[${text}]`, size) as [Slice];
      const decoded = decodeRecord(slice, { key: undefined, position: 0 });
      const written = isBad(decoded) ? undefined : decoded.written;
      // Names that JavaScript moves to the front are read in the order of the text.
      if (text.includes('"2"')) expect(written?.count ?? 0).not.toBe(1);
      else expect(written).toBeUndefined();
    }
  },
);

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
