import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { canonicalText } from "../../src/collection/canonical.ts";
import { parseJson } from "../../src/collection/parse-json.ts";
import { Reference, type Value } from "../../src/collection/value.ts";
import { parseSchema } from "../../src/formats/dexie-envelope.ts";
import { revive } from "../../src/formats/dexie-revive.ts";
import { TypedWriter } from "../../src/formats/dexie-typed.ts";
import { TypeFault } from "../../src/formats/dexie-types.ts";
import { VALUES } from "../collection/values.ts";
import { bundleForBrowser, launchChromium, servePage } from "../support/chromium.ts";
import { moveFile } from "../support/moving.ts";
import { propertyRuns } from "../support/property.ts";
import type * as entry from "./dexie-browser-entry.ts";

declare const page: typeof entry;

const dump = (
  rows: readonly string[],
  table = '"name":"t","schema":"id","rowCount":1',
  inbound = true,
): string =>
  `{"formatName":"dexie","formatVersion":1,"data":{"databaseName":"D","databaseVersion":2,"tables":[{${table}}],"data":[{"tableName":"t","inbound":${inbound},"rows":[${rows.join(",")}]}]}}`;
const rowsOf = (text: string): unknown[] =>
  (JSON.parse(text) as { data: { data: { rows: unknown[] }[] } }).data.data[0]?.rows ?? [];

/** Values that the wire format has a type for. */
const TYPED = VALUES.filter(
  ([name]) => !/exact|big bytes|error|U\+FFFD|reference|array of undefined/.test(name),
);

describe("marks of types", () => {
  it("input c-24, c-26, c-49, c-50, c-65, c-75 to c-83: every type comes back as what it was", () => {
    for (const [name, value] of TYPED) {
      for (const row of [value, { id: 1, nested: [{ value }] }]) {
        const text = new TypedWriter().inbound(row as Value, undefined);
        const { value: parsed, orders } = parseJson(text);
        expect(canonicalText(revive(parsed, orders)), name).toBe(canonicalText(row as Value));
      }
    }
  });

  it("for any value of these", () => {
    const any: fc.Arbitrary<Value> = fc.letrec<{ value: Value }>((tie) => ({
      value: fc.oneof(
        { depthSize: "small" },
        fc.constantFrom(...TYPED.map(([, value]) => value)),
        fc.array(tie("value"), { maxLength: 3 }),
        fc.dictionary(
          fc.constantFrom("a", "a.b", "~1", "$", "$types", "#", "__proto__", "0"),
          tie("value"),
          { maxKeys: 4 },
        ),
      ),
    })).value;
    fc.assert(
      fc.property(any, any, (key, value) => {
        const text = new TypedWriter().outbound(key, value, undefined);
        expect(canonicalText(revive(parseJson(text).value, undefined))).toBe(
          canonicalText([key, value]),
        );
      }),
      propertyRuns(),
    );
  });

  it("input c-48: what looks like a mark inside a record is data", () => {
    for (const text of ['{"a":{"$types":{"b":"date"},"b":0}}', '{"$":1,"#":"#a"}']) {
      expect(canonicalText(revive(JSON.parse(text) as Value, undefined))).toBe(
        canonicalText(JSON.parse(text) as Value),
      );
    }
    expect(
      revive(JSON.parse('{"$":{"$types":1,"a":2},"$types":true}') as Value, undefined),
    ).toEqual({ $types: 1, a: 2 });
  });

  it("input c-69: shared and cyclic references keep where they lead", () => {
    const row = revive(
      JSON.parse('{"a":{"x":1},"b":"#a","$types":{"b":"#"}}') as Value,
      undefined,
    ) as { b: Value };
    expect(row.b).toEqual(new Reference(["a"]));
  });

  it("input c-69: DataViews of one buffer count DataViews' buffers, and no others", () => {
    const row = revive(
      JSON.parse(
        `{"a":"/////w==","b":{"buffer":"////","byteOffset":0,"length":3},
          "v":{"encoded":"AAECAw==","byteOffset":0,"byteLength":4},
          "w":{"index":0,"byteOffset":1,"byteLength":2},
          "$types":{"a":"arraybuffer","b":"uint8array2","b.buffer":"arraybuffer",
                    "v":"dataview","w":"dataview"}}`,
      ) as Value,
      undefined,
    ) as { w: DataView };
    expect(row.w.byteLength).toBe(2);
    expect(row.w.getUint16(0)).toBe(0x0102);
  });

  it("input c-85: marks that do not fit are a fault of the record, in linear time, and pollute nothing", () => {
    for (const text of [
      '{"a":1,"$types":{"a":"hologram"}}',
      '{"a":1,"$types":{"b":"date"}}',
      '{"a":"x","$types":{"a":"date"}}',
      '{"a":1,"$types":{"__proto__.x":"undef"}}',
      '{"a":"!!","$types":{"a":"arraybuffer"}}',
      '{"a":1,"$types":5}',
      '{"a":{"buffer":"AA==","byteOffset":0,"length":9},"$types":{"a":"uint8array2","a.buffer":"arraybuffer"}}',
      '{"a":{"source":"(","flags":""},"$types":{"a":"regexp"}}',
      '{"a":{"0":1,"x":2,"length":1},"$types":{"a":"arrayNonindexKeys"}}',
      // One path, two places; and another mark that has no place, so that the counts agree.
      '{"":{"x":1},"x":2,"$types":{"x":"date","y":"date"}}',
      '{"":1,"$types":{"":"date"}}',
      '{"a":{"index":0},"$types":{"a":"arraybuffer"}}',
    ]) {
      expect(() => revive(JSON.parse(text) as Value, undefined), text).toThrow(TypeFault);
    }
    const startedAt = performance.now();
    const many = Object.fromEntries(
      Array.from({ length: 1_000_000 }, (_, index) => [`p${index}`, "date"]),
    );
    expect(() => revive({ a: 1, $types: many }, undefined)).toThrow(TypeFault);
    expect(performance.now() - startedAt).toBeLessThan(10_000);
    expect(({} as { x?: unknown }).x).toBeUndefined();
  });

  it("reads schema strings", () => {
    expect(parseSchema("++id,&email,*tags,[a+b]")).toEqual({
      keyPath: "id",
      compound: undefined,
      indexes: ["email", "tags", "[a+b]"],
    });
    expect(parseSchema("[a+b],c")).toEqual({
      keyPath: undefined,
      compound: ["a", "b"],
      indexes: ["c"],
    });
    expect(parseSchema("++").keyPath).toBeUndefined();
  });
});

describe("files", () => {
  it("a wrong row count, unknown members and empty tables survive; the count is mended", async () => {
    const text = dump(
      ['{"id":1}', '{"id":2,"when":5,"$types":{"when":"date"}}'],
      '"name":"t","schema":"id","rowCount":99,"extra":[1]',
    );
    const moved = await moveFile(
      text.replace('"databaseVersion":2', '"databaseVersion":2,"more":{"a":1}'),
    );
    expect([moved.verified.clean, moved.total("applied")]).toEqual([true, 2]);
    expect(JSON.parse(moved.exported)).toEqual(
      JSON.parse(
        text
          .replace("99", "2")
          .replace('"databaseVersion":2', '"databaseVersion":2,"more":{"a":1}'),
      ),
    );
  });

  it("a list of rows, or a header, that stands twice is refused: one place for two contents", async () => {
    const once = dump(['{"id":1}']);
    for (const twice of [
      once.replace('"rows":[', '"rows":[{"id":9}],"rows":['),
      once
        .replace('"databaseName"', '"data":{},"databaseName"')
        .replace('"data":[', '"tables":[],"data":['),
    ]) {
      expect(twice).not.toBe(once);
      await expect(moveFile(twice)).rejects.toMatchObject({ code: "BUNDLE_SYNTAX" });
    }
  });

  it("input c-83, c-84: outbound rows with keys of every kind, and rows without an indexed property", async () => {
    const rows = [
      '["k",{"a":1}]',
      "[2,5]",
      '{"$":[5,{"a":1}],"$types":{"$":{"0":"date"}}}',
      '[[1,"a"],"x"]',
    ];
    const moved = await moveFile(dump(rows, '"name":"t","schema":"","rowCount":4', false));
    expect([moved.codes, moved.verified.clean]).toEqual([[], true]);
    expect(rowsOf(moved.exported)).toEqual(rows.map((row) => JSON.parse(row) as unknown));
  });

  it("input c-85, c-70: a row with impossible marks is quarantined with its bytes; a field named incomplete is kept", async () => {
    const bad = '{"id":2,"a":1,"$types":{"a":"hologram"}}';
    const moved = await moveFile(dump(['{"id":1,"incomplete":true}', bad, '{"id":3}']));
    expect(moved.codes).toEqual(["TSON"]);
    expect(Buffer.from(moved.quarantine[0]?.raw ?? []).toString()).toBe(bad);
    expect(rowsOf(moved.exported)[0]).toEqual({ id: 1, incomplete: true });
  });

  it("input c-12: the known faults of its writer are refused, and accepted with repair, counted", async () => {
    const broken = dump(['{"id":1}', '{"id":2}']).replace('{"id":1},{"id":2}', '{"id":1}{"id":2},');
    await expect(moveFile(broken)).rejects.toMatchObject({ code: "BUNDLE_SYNTAX" });
    expect((await moveFile(broken, "d.json", { repair: true })).total("applied")).toBe(2);
  });

  it("input c-16: a newer format is refused", async () => {
    await expect(
      moveFile(dump(["{}"]).replace('"formatVersion":1', '"formatVersion":2')),
    ).rejects.toMatchObject({ code: "VERSION" });
  });
});

describe("in a real browser", () => {
  let browser: Awaited<ReturnType<typeof launchChromium>>;
  let served: Awaited<ReturnType<typeof servePage>>;
  beforeAll(async () => {
    const script = await bundleForBrowser(
      fileURLToPath(new URL("./dexie-browser-entry.ts", import.meta.url)),
    );
    served = await servePage(script);
    browser = await launchChromium();
  }, 180_000);
  afterAll(async () => {
    await browser?.close();
    await served?.close();
  });

  it("a database of every type goes from Chromium to Postgres and back into Chromium, the same", async () => {
    const tab = await browser.newPage();
    await tab.goto(served.url);
    const text = await tab.evaluate(() => page.exported());
    const moved = await moveFile(text, "source.json");
    expect(moved.codes).toEqual([]);
    expect(moved.verified.clean).toBe(true);
    const before = await tab.evaluate(() => page.sourceContents());
    const after = await tab.evaluate((file) => page.importedContents(file), moved.exported);
    expect(after).toBe(before);
  }, 120_000);
});
