import { describe, expect, test } from "vitest";
import { canonicalText } from "../../src/collection/canonical.ts";
import { ExactNumber, type Value } from "../../src/collection/value.ts";
import { json } from "../../src/formats/json.ts";
import { bytesOf, inputOf, readAll, roundTrip, tokens, values } from "./round-trip.ts";

describe("records", () => {
  test.each([
    ["input c-21", '{"n":9007199254740993}', { n: new ExactNumber("9007199254740993") }],
    [
      "input c-22",
      '{"n":1e400,"m":1e-400}',
      { n: new ExactNumber("1e400"), m: new ExactNumber("1e-400") },
    ],
    ["input c-27", '{"n":0.30000000000000004}', { n: 0.30000000000000004 }],
    ["input c-66", '{"a":{},"b":[],"c":"","":1}', { a: {}, b: [], c: "", "": 1 }],
    ["input c-48", '{"$date":0,"$types":{"a":"date"}}', { $date: 0, $types: { a: "date" } }],
    [
      "input c-61",
      '{"constructor":{"prototype":1},"hasOwnProperty":1,"toString":2,"then":3}',
      {
        constructor: { prototype: 1 },
        hasOwnProperty: 1,
        toString: 2,
        then: 3,
      },
    ],
    ["input c-68", '{"a.b":1,"~1":2,"a/b":3,"$":4}', { "a.b": 1, "~1": 2, "a/b": 3, $: 4 }],
    ["input c-34", '{"s":"\\ud800 \\udc00"}', { s: "\ud800 \udc00" }],
    ["input c-33", '{"s":"a\\u0000b"}', { s: "a\u0000b" }],
    ["input c-70", '{"incomplete":true,"rows":[]}', { incomplete: true, rows: [] }],
  ] as [string, string, Value][])(
    "%s: %s is exact, there and back",
    async (_claim, record, value) => {
      const read = await roundTrip(json, inputOf(`[${record}]`));
      expect(read.bad).toEqual([]);
      expect(canonicalText(values(read, "file")[0])).toBe(canonicalText(value));
      expect(tokens(read.text)).toEqual(tokens(`[${record}]`));
    },
  );

  test("input c-23: -0 is read and written as -0", async () => {
    const read = await roundTrip(json, inputOf('[{"n":-0,"m":0}]'));
    const [record] = values(read, "file") as { n: number }[];
    expect(Object.is(record?.n, -0)).toBe(true);
    expect(read.text).toContain('"n":-0,"m":0');
  });

  test("input c-60: __proto__ is data, at the top, nested and in arrays", async () => {
    const text =
      '[{"__proto__":{"admin":true},"a":[{"__proto__":1}],"b":{"__proto__":{"x":2},"2":0}}]';
    const read = await roundTrip(json, inputOf(text));
    const [record] = values(read, "file") as Record<string, unknown>[];
    expect(Object.keys(record ?? {})).toEqual(["__proto__", "a", "b"]);
    expect(Object.getPrototypeOf(record)).toBe(Object.prototype);
    expect((record as { admin?: unknown }).admin).toBeUndefined();
    expect(({} as { admin?: unknown }).admin).toBeUndefined();
    expect(tokens(read.text)).toEqual(tokens(text));
  });

  test("input c-67: names that are digits keep their order, whatever it is", async () => {
    for (const order of [
      ["10", "2", "b"],
      ["b", "10", "2"],
      ["2", "b", "10"],
    ]) {
      const record = `{${order.map((name) => `"${name}":1`).join(",")}}`;
      const text = `[${record},{"in":${record}}]`;
      const read = await roundTrip(json, inputOf(text));
      expect(tokens(read.text)).toEqual(tokens(text));
      expect(canonicalText(values(read, "file")[0])).toBe(canonicalText({ "2": 1, "10": 1, b: 1 }));
    }
  });

  test.each([
    ["input c-62", '{"a":1,"a":2}', "DUP_KEY"],
    ["input c-62", '{"a":1,"\\u0061":2}', "DUP_KEY"],
    ["input c-62", '{"x":[{"a":1,"b":[],"a":1}]}', "DUP_KEY"],
    ["input c-25", '{"a":NaN}', "JSON_SYNTAX"],
    ["input c-25", "NaN", "JSON_SYNTAX"],
    ["input c-25", '{"a":Infinity}', "JSON_SYNTAX"],
    ["input c-12", '{"a":1,}', "JSON_SYNTAX"],
    ["input c-14", '{"a":"line\nbreak"}', "JSON_SYNTAX"],
    ["input c-63", `${"[".repeat(129)}${"]".repeat(129)}`, "DEPTH"],
    ["input c-63", `${"[".repeat(7000)}${"]".repeat(7000)}`, "DEPTH"],
    ["input c-64", JSON.stringify(Array.from({ length: 250_001 }, () => 0)), "TOO_MANY_NODES"],
    [
      "input c-64",
      JSON.stringify(Object.fromEntries(Array.from({ length: 10_001 }, (_, n) => [`k${n}`, 0]))),
      "TOO_MANY_NODES",
    ],
    ["input c-42", JSON.stringify("x".repeat(10 * 1024 * 1024)), "RECORD_TOO_LARGE"],
  ])("%s: %.40s is quarantined, its neighbours are not", async (_claim, record, code) => {
    const good = '{"ok":1}';
    const { records, bad, survey } = await readAll(json, inputOf(`[${good},${record},${good}]`));
    expect(survey.parts[0]?.records).toBe(3);
    expect(records.get("file")?.map(({ position }) => position)).toEqual([0, 2]);
    expect(bad.map(({ code: found, position, offset }) => [found, position, offset])).toEqual([
      [code, 1, 10],
    ]);
    expect(new TextDecoder().decode(bad[0]?.raw) === record).toBe(true);
    expect(bad[0]?.detail ?? "").not.toContain("line");
  });

  test("input c-63: 128 levels are a record", async () => {
    const { bad } = await readAll(json, inputOf(`[${"[".repeat(128)}${"]".repeat(128)}]`));
    expect(bad).toEqual([]);
  });

  test("input c-62: with duplicateNames last, the last one counts", async () => {
    const read = await readAll(json, inputOf('[{"a":1,"b":0,"a":2}]'), { duplicateNames: "last" });
    expect(values(read, "file")).toEqual([{ a: 2, b: 0 }]);
  });

  test("a data URL does not count towards the record's size, and has a limit of its own", async () => {
    const url = (bytes: number) => JSON.stringify({ u: `data:,${"x".repeat(bytes)}` });
    const MiB = 1024 * 1024;
    const { bad } = await readAll(json, inputOf(`[${url(20 * MiB)},${url(26 * MiB)}]`));
    expect(bad.map(({ code, position }) => [code, position])).toEqual([["BLOB_TOO_LARGE", 1]]);
  });

  test.each([
    ["invalid byte", [0xff]],
    ["overlong", [0xc0, 0xaf]],
    ["CESU-8", [0xed, 0xa0, 0x80, 0xed, 0xb0, 0x80]],
    ["cut off", [0xe2, 0x82]],
  ])(
    "input c-10: %s is UTF8_INVALID with its bytes; a real U+FFFD is text",
    async (_name, wrong) => {
      const record = [...bytesOf('{"a":"'), ...wrong, ...bytesOf('"}')];
      const bytes = Uint8Array.from([...bytesOf("["), ...record, ...bytesOf(',{"a":"\ufffd"}]')]);
      const { bad, records } = await readAll(json, inputOf(bytes));
      expect(bad.map(({ code, raw }) => [code, [...raw]])).toEqual([["UTF8_INVALID", record]]);
      expect(records.get("file")?.map(({ value }) => value)).toEqual([{ a: "\ufffd" }]);
    },
  );
});
