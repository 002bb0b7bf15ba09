import { describe, expect, test } from "vitest";
import { ExactNumber, type Value } from "../../src/collection/value.ts";
import { json } from "../../src/formats/json.ts";
import {
  bytesOf,
  exportCollection,
  exportOf,
  inputOf,
  readAll,
  resumeEverywhere,
  roundTrip,
  tokens,
  values,
  writeAll,
} from "./round-trip.ts";

const parts = (survey: {
  parts: readonly { collection: string; keyed: boolean; records: number }[];
}) => survey.parts.map(({ collection, keyed, records }) => [collection, keyed, records]);

/** Shapes of files: what is found in them, as [collection, keyed, records]. */
const SHAPES: readonly [string, string, readonly (readonly [string, boolean, number])[]][] = [
  ["an array", '[{"id":2,"a":1},{"a":2,"id":1}]', [["file", false, 2]]],
  ["an empty array", "[]", [["file", false, 0]]],
  ["an array of scalars", '[1,"a",null]', [["file", false, 3]]],
  ["an empty object", "{}", []],
  ["a string", '"hello"', [["document", false, 1]]],
  ["a number", "12", [["document", false, 1]]],
  [
    "a lowdb file with settings between its collections",
    '{"version":3,"users":[{"id":1}],"theme":{"dark":true},"posts":[{"id":"a"},{"id":"b"}],"tags":["x"]}',
    [
      ["users", false, 1],
      ["posts", false, 2],
      ["document", false, 1],
    ],
  ],
  [
    "an empty collection beside another",
    '{"a":[],"b":[{"x":1}]}',
    [
      ["a", false, 0],
      ["b", false, 1],
    ],
  ],
  ["an empty array beside nothing", '{"a":[],"b":1}', [["document", false, 1]]],
  [
    "half objects are a collection, less are not",
    '{"half":[{"a":1},2],"less":[{"a":1},2,3]}',
    [
      ["half", false, 2],
      ["document", false, 1],
    ],
  ],
  [
    "objects of one kind at the top",
    '{"b":{"n":1,"m":2},"a":{"m":3,"n":4},"10":{"n":5}}',
    [["file", true, 3]],
  ],
  [
    "objects of one kind in a member",
    '{"people":{"u2":{"n":1},"u1":{"n":2},"u10":{"n":3,"x":1}},"count":3}',
    [
      ["people", true, 3],
      ["document", false, 1],
    ],
  ],
  ["objects of different kinds", '{"a":{"x":1},"b":{"y":1},"c":{"z":1}}', [["document", false, 1]]],
  ["two objects of one kind", '{"a":{"x":1},"b":{"x":1}}', [["document", false, 1]]],
  [
    "wide members win over a narrow top",
    '{"profiles":{"u1":{"n":1},"u2":{"n":1},"u3":{"n":2},"u4":{"n":2}},"scores":{"u1":{"s":1},"u2":{"s":1},"u3":{"s":2},"u4":{"s":2}},"flags":{"u1":{"f":1},"u2":{"f":1},"u3":{"f":2},"u4":{"f":2}}}',
    [
      ["profiles", true, 4],
      ["scores", true, 4],
      ["flags", true, 4],
    ],
  ],
  [
    "an entity adapter",
    '{"ids":["b","a"],"entities":{"b":{"x":1},"a":{"y":1}}}',
    [["file", true, 2]],
  ],
  [
    "entity adapters in members: other order, numbers, entities first",
    '{"one":{"ids":[2,1],"entities":{"1":{"id":1},"2":{"id":2}}},"two":{"entities":{"7":{}},"ids":[7]},"open":false}',
    [
      ["one", true, 2],
      ["two", true, 1],
      ["document", false, 1],
    ],
  ],
  [
    "entities without their ids are no adapter",
    '{"ids":["a"],"entities":{"a":{"x":1},"b":{"x":1}}}',
    [["document", false, 1]],
  ],
  [
    "ids without their entities are no adapter",
    '{"ids":["a","b"],"entities":{"a":{"x":1}}}',
    [["document", false, 1]],
  ],
  [
    "a collection called document",
    '{"document":[{"id":1}],"rest":1}',
    [
      ["document", false, 1],
      ["document_2", false, 1],
    ],
  ],
  [
    "names that are awkward",
    '{"__proto__":[{"__proto__":{"a":1}}],"then":[{}],"":0}',
    [
      ["__proto__", false, 1],
      ["then", false, 1],
      ["document", false, 1],
    ],
  ],
];

describe("json", () => {
  test.each(SHAPES)("%s is found, read and written back", async (_name, text, expected) => {
    for (const chunk of [1, 7, 1000]) {
      const {
        survey,
        text: written,
        records,
        bad,
        report,
      } = await roundTrip(json, inputOf(text, "file.json", chunk));
      expect(parts(survey)).toEqual(expected);
      expect(bad).toEqual([]);
      expect([...records].map(([name, list]) => [name, list.length])).toEqual(
        expected.map(([name, , count]) => [name, count]),
      );
      expect(tokens(written)).toEqual(tokens(text));
      expect(report).toEqual({
        records: expected.reduce((sum, [, , count]) => sum + count, 0),
        tagged: 0,
      });
    }
  });

  test("keys of a keyed collection are its names, positions count in the file's order", async () => {
    const text = '{"b":{"n":1},"10":{"n":2},"2":{"n":3}}';
    const { records } = await readAll(json, inputOf(text));
    expect(records.get("file")?.map(({ key, position }) => [key, position])).toEqual([
      ["b", 0],
      ["10", 1],
      ["2", 2],
    ]);
  });

  test("offset, length and raw bytes say where a record lies", async () => {
    const text = '{"é":1,"list":[ {"a":"ü"} ,{"b":2}]}';
    const bytes = bytesOf(text);
    for (const chunk of [3, 100]) {
      const { records } = await readAll(json, inputOf(text, "f.json", chunk));
      for (const record of records.get("list") ?? []) {
        const { offset, bytes: length } = record;
        expect(record.raw()).toEqual(bytes.subarray(offset, offset + length));
      }
    }
  });

  test("a resumed reading gives the same batches, from behind each of them", async () => {
    const rows = (from: number) =>
      JSON.stringify(Array.from({ length: 9 }, (_, n) => ({ id: from + n, "2": n, "10": n })));
    const text = `{"v":1,"a":${rows(0)},"k":{"x":{"n":1},"y":{"n":2},"z":{"n":3}},"b":${rows(50)},"w":2}`;
    for (const options of [{ batchRecords: 2 }, { batchBytes: 40 }, {}]) {
      const { whole, resumed } = await resumeEverywhere(json, inputOf(text, "f.json", 11), options);
      expect(whole.length).toBeGreaterThan(3);
      for (const [index, rest] of resumed.entries()) expect(rest).toEqual(whole.slice(index + 1));
    }
  });

  test("batches keep to their bounds and are numbered without gaps", async () => {
    const text = JSON.stringify(Array.from({ length: 25 }, (_, id) => ({ id })));
    const { batches } = await readAll(json, inputOf(text), { batchRecords: 10 });
    expect(batches.map(({ batch, records }) => [batch, records.length])).toEqual([
      [0, 10],
      [1, 10],
      [2, 5],
    ]);
    const small = await readAll(json, inputOf(text), { batchBytes: 20 });
    expect(small.batches.length).toBe(9);
  });

  test.each([
    ["input c-02", '{"users":[{"id":1},{"id":', 25],
    ["input c-12", '{"users":[{"id":1},]}', 19],
    ["input c-12", '{"users":[{"id":1}{"id":2}]}', 18],
    ["input c-14", '{"users":[{"id":1}], // no\n"b":1}', 21],
  ])("%s: %s is refused as a whole, with the byte", async (_claim, text, offset) => {
    await expect(json.survey(inputOf(text))).rejects.toMatchObject({
      code: "BUNDLE_SYNTAX",
      site: { offset, file: "file.json" },
    });
  });

  test("two collections of one name, and a value of that name, are all kept, and said", async () => {
    const text = '{"a":[{"n":1}],"v":1,"a":[{"n":2},{"n":3}],"a":7,"a_2":[]}';
    const read = await roundTrip(json, inputOf(text));
    expect(parts(read.survey)).toEqual([
      ["a_3", false, 1],
      ["a", false, 2],
      ["a_2", false, 0],
      ["document", false, 1],
    ]);
    expect(values(read, "a")).toEqual([{ n: 2 }, { n: 3 }]);
    expect(values(read, "document")).toEqual([{ v: 1, a: 7 }]);
    expect(read.survey.notes).toEqual(["two members named a"]);
    expect(tokens(read.text)).toEqual(tokens(text));
  });

  test("input c-12: repaired commas are counted, and the records are all there", async () => {
    const text = '{"users":[{"id":1}{"id":2},,{"id":3},],}';
    const read = await readAll(json, inputOf(text, "f.json", 5), { repair: true });
    expect(read.survey.repairs).toBe(4);
    expect(values(read, "users")).toEqual([{ id: 1 }, { id: 2 }, { id: 3 }]);
  });

  test.each(["../../x", "pg_catalog.pg_user", '"; drop table x;--', "__proto__"])(
    "input c-19: %s is a collection's name like any other",
    async (name) => {
      const { survey } = await readAll(json, inputOf(`{${JSON.stringify(name)}:[{"a":1}]}`));
      expect(survey.parts[0]?.collection).toBe(name);
    },
  );

  test.each([
    ["empty", ""],
    ["300 characters", "x".repeat(300)],
    ["NUL", "a\u0000"],
  ])("input c-19: a name that is %s is COLLECTION_NAME", async (_name, name) => {
    const text = `{${JSON.stringify(name)}:[{"a":1}],"ok":[{"b":1}]}`;
    await expect(json.survey(inputOf(text))).rejects.toMatchObject({ code: "COLLECTION_NAME" });
  });

  test("input c-20: 50,000 collections are LIMIT, 50,000 records of one kind are a collection", async () => {
    const many = (value: string) =>
      `{${Array.from({ length: 50_000 }, (_, n) => `"c${n}":${value}`).join(",")}}`;
    await expect(json.survey(inputOf(many('[{"a":1}]')))).rejects.toMatchObject({ code: "LIMIT" });
    const { survey, records } = await readAll(json, inputOf(many('{"a":1}')));
    expect(parts(survey)).toEqual([["file", true, 50_000]]);
    expect(records.get("file")?.length).toBe(50_000);
  });

  test("an array above 1 MiB is a collection, whatever its elements are", async () => {
    const text = JSON.stringify({
      small: [1],
      large: Array.from({ length: 200_000 }, (_, n) => n),
    });
    const { survey } = await readAll(json, inputOf(text));
    expect(parts(survey)).toEqual([
      ["large", false, 200_000],
      ["document", false, 1],
    ]);
  });

  test("a faulty part of the document is a faulty document, and collections go on", async () => {
    const read = await readAll(json, inputOf('{"v":NaN,"list":[{"a":1}],"w":1}'));
    expect(values(read, "list")).toEqual([{ a: 1 }]);
    expect(read.bad.map(({ code, collection }) => [code, collection])).toEqual([
      ["JSON_SYNTAX", "document"],
    ]);
  });

  test("changed records are written where they belong: new ones behind, ids kept where they can be", async () => {
    const text =
      '{"v":1,"e":{"ids":[3,1,2],"entities":{"1":{"n":1},"2":{"n":2},"3":{"n":3}}},"w":2}';
    const read = await readAll(json, inputOf(text));
    const record = (key: string, value: Value) => ({ key, value, names: undefined });
    const { text: written } = await writeAll(json, read.survey, [
      exportCollection(
        "e",
        [record("1", { n: 1 }), record("3", { n: 9 }), record("x", { n: 4 })],
        true,
      ),
      exportCollection("document", [record("0", { w: 2, v: 5, more: [] })]),
      exportCollection("added", [record("0", { a: 1 })]),
    ]);
    expect(JSON.stringify(JSON.parse(written))).toBe(
      '{"v":5,"e":{"ids":[3,1,"x"],"entities":{"1":{"n":1},"3":{"n":9},"x":{"n":4}}},"w":2,"more":[],"added":[{"a":1}]}',
    );
  });

  test("what the shape has no place for is refused, not left out", async () => {
    const { survey } = await readAll(json, inputOf("[]"));
    const extra = exportCollection("extra", []);
    await expect(writeAll(json, survey, [extra])).rejects.toMatchObject({ code: "EXPORT_TARGET" });
  });

  test("without a survey: plainest shapes, tags for what JSON has no word for, counted", async () => {
    const record = {
      key: 5,
      value: { d: new Date(0), u: undefined, n: Number.NaN, b: 1n },
      names: undefined,
    };
    const one = await writeAll(json, undefined, [exportCollection("a", [record])]);
    expect(JSON.parse(one.text)).toEqual([
      { d: { $date: 0 }, u: { $undefined: true }, n: { $number: "NaN" }, b: { $bigint: "1" } },
    ]);
    expect(one.report).toEqual({ records: 1, tagged: 4 });
    const keyed = exportCollection("k", [{ ...record, key: "x", value: 1 }], true);
    const odd = exportCollection("o", [{ ...record, value: 1 }], true);
    const { text } = await writeAll(json, undefined, [exportCollection("e", []), keyed, odd]);
    expect(JSON.parse(text)).toEqual({ e: [], k: { x: 1 }, o: [{ key: 5, value: 1 }] });
  });

  test("quarantined bytes are read again, edited or rebuilt", async () => {
    const read = await readAll(json, inputOf('[{"a":1,"a":2}]'));
    const place = { position: 3, key: undefined, rebuilt: false };
    const again = (text: string, rebuilt = false) =>
      json.decodeRaw(bytesOf(text), read.survey, "file", { ...place, rebuilt });
    expect(again('{"a":1,"a":2}')).toMatchObject({ code: "DUP_KEY", position: 3 });
    expect(again(' {"a":9007199254740993} ')).toMatchObject({
      value: { a: new ExactNumber("9007199254740993") },
    });
    expect(again('{"a":')).toMatchObject({ code: "JSON_SYNTAX" });
    expect(again('{"d":{"$date":0}}', true)).toMatchObject({ value: { d: new Date(0) } });
    expect(again('{"d":{"$date":0}}')).toMatchObject({ value: { d: { $date: 0 } } });
    expect(again('{"$nothing":0}', true)).toMatchObject({ code: "JSON_SYNTAX" });
  });

  test("a second reading of what was written finds the same", async () => {
    for (const [, text] of SHAPES) {
      const first = await roundTrip(json, inputOf(text));
      const second = await roundTrip(json, inputOf(first.text));
      expect(parts(second.survey)).toEqual(parts(first.survey));
      expect(second.text).toBe(first.text);
      expect(exportOf(second).length).toBe(first.survey.parts.length);
    }
  });
});
