import { describe, expect, test } from "vitest";
import type { Key } from "../../src/collection/key.ts";
import { ndjson } from "../../src/formats/ndjson.ts";
import {
  exportCollection,
  inputOf,
  readAll,
  resumeEverywhere,
  roundTrip,
  tokens,
  values,
  writeAll,
} from "./round-trip.ts";

const decode = (raw: Uint8Array | undefined) => new TextDecoder().decode(raw);

describe("ndjson", () => {
  test.each([
    ["blank lines", '\n{"a":1}\n\n  \n{"a":2}\n\n'],
    ["CRLF", '{"a":1}\r\n\r\n{"a":2}\r\n'],
    ["no final newline", '{"a":1}\n{"a":2}'],
    ["a byte order mark", '\ufeff{"a":1}\n{"a":2}\n'],
  ])("input c-13: %s", async (_name, text) => {
    for (const chunk of [1, 3, 100]) {
      const read = await roundTrip(ndjson, inputOf(text, "rows.ndjson", chunk));
      expect(read.survey.parts).toMatchObject([{ collection: "rows", keyed: false, records: 2 }]);
      expect(values(read, "rows")).toEqual([{ a: 1 }, { a: 2 }]);
      const mark = text.startsWith("\ufeff") ? "\ufeff" : "";
      expect(read.text).toBe(`${mark}{"a":1}\n{"a":2}\n`);
    }
  });

  test("lines of all kinds come back in value and form", async () => {
    const text = '{"b":1,"a":{"10":1,"2":2}}\n[]\n"x"\n-0\n9007199254740993\nnull\n';
    const read = await roundTrip(ndjson, inputOf(text, "x.ndjson", 2));
    expect(read.text).toBe(text);
    expect(read.bad).toEqual([]);
  });

  test("a bad line is quarantined with its bytes and place, others go on; a cut one likewise", async () => {
    const lines = ['{"a":1}', '{"a":', "{a:1}", '{"a":1} x', '{"a":2}', '{"a":1,"a":1}', '{"cut":'];
    const text = lines.join("\n");
    const { bad, records, survey } = await readAll(ndjson, inputOf(text, "x.ndjson", 4));
    expect(survey.parts[0]?.records).toBe(7);
    expect(records.get("x")?.map(({ position }) => position)).toEqual([0, 4]);
    expect(
      bad.map(({ code, position, offset, raw }) => [code, position, offset, decode(raw)]),
    ).toEqual(
      [1, 2, 3, 5, 6].map((index) => [
        index === 5 ? "DUP_KEY" : "JSON_SYNTAX",
        index,
        text.indexOf(lines[index] as string, index === 1 ? 8 : 0),
        lines[index],
      ]),
    );
  });

  test("several collections go out and come back into theirs, keys of every kind with them", async () => {
    const record = (key: Key, value: number) => ({ key, value, names: undefined });
    const keys: Key[] = ["a", 5, new Date(7), [1, "b"], Uint8Array.of(1, 2)];
    const collections = [
      exportCollection("plain", [record(0, 1), record(1, 2)]),
      exportCollection(
        "__proto__",
        keys.map((key, index) => record(key, index)),
        true,
      ),
    ];
    const { text } = await writeAll(ndjson, undefined, collections);
    const read = await roundTrip(ndjson, inputOf(text, "all.ndjson", 9));
    expect(
      read.survey.parts.map(({ collection, keyed, records }) => [collection, keyed, records]),
    ).toEqual([
      ["plain", false, 2],
      ["__proto__", true, 5],
    ]);
    expect(read.records.get("__proto__")?.map(({ key }) => key)).toEqual(keys);
    expect(read.records.get("plain")?.map(({ key, position }) => [key, position])).toEqual([
      [undefined, 0],
      [undefined, 1],
    ]);
    expect(read.text).toBe(text);
  });

  test("one line of another making, and all lines are plain records", async () => {
    const ours = '{"collection":"a","key":null,"value":{"x":1}}';
    for (const other of [
      '{"x":1}',
      '{"collection":"a","value":1,"key":null}',
      '{"collection":1,"key":null,"value":1}',
      '{"collection":"a","key":true,"value":1}',
      '{"collection":"a","key":null,"value":1,"more":1}',
    ]) {
      const read = await roundTrip(ndjson, inputOf(`${ours}\n${other}\n`, "x.ndjson"));
      expect(read.survey.parts).toMatchObject([{ collection: "x", records: 2 }]);
      expect(tokens(read.text)).toEqual(tokens(`${ours}\n${other}`));
    }
  });

  test("a keyed collection alone keeps its keys", async () => {
    const records = [{ key: "k", value: { a: 1 }, names: undefined }];
    const { text } = await writeAll(ndjson, undefined, [exportCollection("c", records, true)]);
    expect(text).toBe('{"collection":"c","key":"k","value":{"a":1}}\n');
  });

  test("a resumed reading gives the same batches, from behind each of them", async () => {
    const plain = Array.from({ length: 11 }, (_, id) => `{"id":${id},"10":1,"2":2}`).join("\n\n");
    const named = Array.from(
      { length: 12 },
      (_, n) => `{"collection":"c${Math.floor(n / 3) % 2}","key":${n},"value":${n}}`,
    ).join("\n");
    for (const text of [plain, named]) {
      for (const options of [{ batchRecords: 2 }, { batchBytes: 50 }, {}]) {
        const input = inputOf(text, "x.ndjson", 13);
        const { whole, resumed } = await resumeEverywhere(ndjson, input, options);
        for (const [index, rest] of resumed.entries()) expect(rest).toEqual(whole.slice(index + 1));
      }
    }
  });
});
