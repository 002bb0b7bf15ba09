import { describe, expect, test } from "vitest";
import { ExactNumber, type Value } from "../../src/collection/value.ts";
import { findFamilies } from "../../src/formats/dump-keys.ts";
import { localstorage } from "../../src/formats/localstorage.ts";
import {
  bytesOf,
  exportCollection,
  exportOf,
  inputOf,
  type Read,
  readAll,
  resumeEverywhere,
  roundTrip,
  tokens,
  values,
  writeAll,
} from "./round-trip.ts";

const dump = (entries: Record<string, string>) => JSON.stringify(entries, undefined, 1);
const parts = ({ survey }: Read) =>
  survey.parts.map(({ collection, keyed, records }) => [collection, keyed, records]);
const singles = (read: Read) =>
  Object.fromEntries(
    (read.records.get("local_storage") ?? []).map(({ key, value }) => [key as string, value]),
  );

const APP = {
  notes: JSON.stringify([
    { id: 1, text: "a" },
    { text: "b", id: 2 },
  ]),
  draft_a1: JSON.stringify({ t: 1, "10": 0, "2": 0 }),
  theme: "dark",
  draft_b2: JSON.stringify({ t: 2 }),
  "tab-active": "main",
  count: "5",
  quoted: '"q"',
  settings: JSON.stringify({ a: 1 }),
  empty: "[]",
  tags: '["x","y"]',
  "": "",
};

describe("localstorage", () => {
  test("input c-73: arrays, families and single values, bare strings among them", async () => {
    for (const chunk of [1, 10, 1000]) {
      const read = await roundTrip(localstorage, inputOf(dump(APP), "app.json", chunk));
      expect(parts(read)).toEqual([
        ["notes", false, 2],
        ["empty", false, 0],
        ["draft", true, 2],
        ["local_storage", true, 7],
      ]);
      expect(singles(read)).toEqual({
        theme: "dark",
        "tab-active": "main",
        count: 5,
        quoted: "q",
        settings: { a: 1 },
        tags: ["x", "y"],
        "": "",
      });
      expect(read.records.get("draft")?.map(({ key }) => key)).toEqual(["a1", "b2"]);
      expect(read.bad).toEqual([]);
      expect(tokens(read.text)).toEqual(tokens(dump(APP)));
    }
  });

  test.each([
    ["slashes escaped", '{"u":"data:image\\/png;base64,AA\\/\\/"}'],
    ["spaces", '{ "a" : [1, 2] }'],
    ["spaces around a number", " 5 "],
    ["numbers spelt long", '{"a":1.0,"b":1e2}'],
    ["unicode escapes", '{"a":"\\u00e9"}'],
    ["an array with spaces", '[ {"a":1}, {"b":2} ]'],
    ["an array with slashes", '[{"a":"\\/"},{"b":"\\/\\/"}]'],
    ["exact numbers", '{"a":9007199254740993,"b":-0}'],
    ["digit names in an array", '[{"10":1,"2":2}]'],
    ["half a surrogate pair", '{"a":"\ud800"}'],
    ["NUL", '{"a":"\\u0000"}'],
    ["text that is nearly a number", "007"],
    ["text with half a surrogate pair", "x\udc00"],
  ])("raw text comes back as it was spelt: %s", async (_name, text) => {
    const source = dump({ before: "1", value: text });
    const read = await roundTrip(localstorage, inputOf(source));
    expect(read.bad).toEqual([]);
    expect(JSON.parse(read.text)).toEqual({ before: "1", value: text });
  });

  test("input c-34: half a surrogate pair is a value like any other, wherever it stands", async () => {
    const source = dump({ json: '{"a":"\ud800"}', list: '[{"a":"\udc00"}]', text: "\ud800" });
    const read = await readAll(localstorage, inputOf(source));
    expect(singles(read)).toEqual({ json: { a: "\ud800" }, text: "\ud800" });
    expect(values(read, "list")).toEqual([{ a: "\udc00" }]);
  });

  test("a raw text that no longer says the same is written anew", async () => {
    const source = dump({
      list: '[ {"a":1} ]',
      one: '{ "a":1 }',
      slashes: '{"a":"\\/"}',
      bare: "x",
    });
    const read = await readAll(localstorage, inputOf(source));
    const record = (key: string, value: Value) => ({ key, value, names: undefined });
    const changed = [
      exportCollection("list", [record("0", { a: 1 }), record("1", { a: 2 })]),
      exportCollection(
        "local_storage",
        [
          record("one", { a: 2 }),
          record("slashes", { a: "//" }),
          record("bare", "5"),
          record("fresh", "5"),
          record("text", "new"),
        ],
        true,
      ),
    ];
    const { text } = await writeAll(localstorage, read.survey, changed);
    expect(JSON.parse(text)).toEqual({
      list: '[{"a":1},{"a":2}]',
      one: '{"a":2}',
      slashes: '{"a":"\\/\\/"}',
      bare: "5",
      fresh: '"5"',
      text: "new",
    });
  });

  test("records that are gone leave no key, new ones of a family get its prefix", async () => {
    const read = await readAll(localstorage, inputOf(dump(APP)));
    const draft = exportCollection("draft", [{ key: "c3", value: {}, names: undefined }], true);
    const { text } = await writeAll(localstorage, read.survey, [draft]);
    expect(JSON.parse(text)).toEqual({ draft_c3: "{}" });
  });

  test("input c-72: a value that begins as JSON and is none is quarantined, other keys go on", async () => {
    const broken = { a: '{"x":', b: "[1,2", c: '{"x":NaN}', d: "{x:1}", e: "[1] 2" };
    const source = dump({ ...broken, ok: '{"y":1}', list: '[{"z":1},{"z":}]' });
    const read = await readAll(localstorage, inputOf(source));
    expect(
      read.bad.map(({ code, collection, key, raw }) => [
        code,
        collection,
        key,
        new TextDecoder().decode(raw),
      ]),
    ).toEqual(
      [
        ["JSON_SYNTAX", "list", undefined, '{"z":}'],
        ...Object.entries(broken).map(([key, text]) => ["JSON_SYNTAX", "local_storage", key, text]),
      ].sort((a, b) => (a[1] === "list" ? 1 : 0) - (b[1] === "list" ? 1 : 0)),
    );
    expect(singles(read)).toEqual({ ok: { y: 1 } });
    expect(values(read, "list")).toEqual([{ z: 1 }]);
  });

  test("input c-71: {}, null, 5 and a doubly encoded list are values of their keys", async () => {
    const source = dump({ a: "{}", b: "null", c: "5", d: '"[]"' });
    const read = await roundTrip(localstorage, inputOf(source));
    expect(singles(read)).toEqual({ a: {}, b: null, c: 5, d: "[]" });
    expect(tokens(read.text)).toEqual(tokens(source));
  });

  test("input c-74: drafts make a family of their own, and no key is dropped", async () => {
    const object = '{"x":1}';
    const entries = {
      campaign_draft_: object,
      campaign_draft_x_y: object,
      campaign_draft_campaign_1: object,
      campaign_campaign_1: object,
      campaign_minimal_campaign_2: object,
      campaign_count: "2",
      other: "z",
    };
    const read = await roundTrip(localstorage, inputOf(dump(entries)));
    expect(parts(read)).toEqual([
      ["campaign_draft", true, 3],
      ["campaign", true, 2],
      ["local_storage", true, 2],
    ]);
    expect(read.records.get("campaign_draft")?.map(({ key }) => key)).toEqual([
      "",
      "x_y",
      "campaign_1",
    ]);
    expect(tokens(read.text)).toEqual(tokens(dump(entries)));
  });

  test("families: ids do not become prefixes", () => {
    const family = (...keys: string[]) => [...new Set(findFamilies(keys).values())];
    expect(family("note:2024-01-15", "note:2024-01-16", "note:2024-02-01")).toEqual(["note:"]);
    expect(family("a.b.c", "a.b.d", "a.x")).toEqual(["a.b."]);
    expect(family("v2_x", "v2_y")).toEqual(["v2_"]);
    expect(family("c_draft_c_1", "c_draft_c_2", "c_c_3", "c_c_4")).toEqual(["c_draft_", "c_"]);
    expect(family("_x", "_y")).toEqual([]);
    expect(family("ab", "ac")).toEqual([]);
    expect(family("a_1", "b_1")).toEqual([]);
  });

  test("names that clash get stable others", async () => {
    const object = '{"x":1}';
    const source = dump({
      draft: '[{"a":1}]',
      draft_1: object,
      draft_2: object,
      "draft-3": object,
      "draft-4": object,
      local_storage: '[{"b":1}]',
      x: "y",
    });
    const read = await roundTrip(localstorage, inputOf(source));
    expect(parts(read).map(([name]) => name)).toEqual([
      "draft",
      "local_storage",
      "draft_2",
      "draft_3",
      "local_storage_2",
    ]);
    expect(tokens(read.text)).toEqual(tokens(source));
  });

  test("inner JSON goes through the same checks as any record", async () => {
    const deep = `${"[".repeat(130)}${"]".repeat(130)}`;
    const read = await readAll(
      localstorage,
      inputOf(
        dump({
          a: '{"k":1,"k":2}',
          b: `{"d":${deep}}`,
          c: '{"n":9007199254740993}',
          list: '[{"k":1,"k":1},{"k":1}]',
        }),
      ),
    );
    expect(read.bad.map(({ code, key }) => [code, key])).toEqual([
      ["DUP_KEY", "a"],
      ["DEPTH", "b"],
      ["DUP_KEY", undefined],
    ]);
    expect(singles(read)).toEqual({ c: { n: new ExactNumber("9007199254740993") } });
  });

  test("a value that is no string refuses the file, and so does a list that stands twice", async () => {
    await expect(localstorage.survey(inputOf('{"a":"[]","b":5}'))).rejects.toMatchObject({
      code: "BUNDLE_SYNTAX",
      site: { offset: 14 },
    });
    const list = JSON.stringify('[{"a":1}]');
    await expect(localstorage.survey(inputOf(`{"a":${list},"a":${list}}`))).rejects.toMatchObject({
      code: "BUNDLE_SYNTAX",
    });
  });

  test("a key that is no collection's name keeps its value as a single one", async () => {
    const key = "k".repeat(300);
    const read = await roundTrip(localstorage, inputOf(dump({ [key]: '[{"a":1}]' })));
    expect(singles(read)).toEqual({ [key]: [{ a: 1 }] });
  });

  test("a resumed reading gives the same batches, from behind each of them", async () => {
    const list = JSON.stringify(Array.from({ length: 9 }, (_, id) => ({ id })));
    const mixed = Object.fromEntries(
      Array.from({ length: 30 }, (_, n) => [
        n % 3 === 0 ? `k${n}` : `f${n % 3}_${n}`,
        n % 3 === 0 ? `${n}` : `{"n":${n}}`,
      ]),
    );
    const source = dump({ a: "1", list, ...mixed, other: list });
    for (const options of [{ batchRecords: 4 }, { batchBytes: 60 }, {}]) {
      const { whole, resumed } = await resumeEverywhere(
        localstorage,
        inputOf(source, "x.json", 17),
        options,
      );
      expect(whole.length).toBeGreaterThan(4);
      for (const [index, rest] of resumed.entries()) expect(rest).toEqual(whole.slice(index + 1));
    }
  });

  test("without a survey: lists, families and single values that read back the same", async () => {
    const read = await readAll(localstorage, inputOf(dump(APP)));
    const { text } = await writeAll(localstorage, undefined, exportOf(read));
    const again = await readAll(localstorage, inputOf(text));
    expect(parts(again).sort()).toEqual(parts(read).sort());
    expect(singles(again)).toEqual(singles(read));
  });

  test("quarantined bytes are read again as what they are", async () => {
    const { survey } = await readAll(
      localstorage,
      inputOf(dump({ a: "{", theme: "dark", list: '[{"a":1}]' })),
    );
    const again = (text: string, collection = "local_storage") =>
      localstorage.decodeRaw(bytesOf(text), survey, collection, {
        position: 0,
        key: "sa",
        rebuilt: false,
      });
    expect(again("{}")).toMatchObject({ key: "a", value: {} });
    expect(again("dark")).toMatchObject({ value: "dark" });
    expect(again("{")).toMatchObject({ code: "JSON_SYNTAX", key: "a" });
    expect(again("dark", "list")).toMatchObject({ code: "JSON_SYNTAX" });
  });
});
