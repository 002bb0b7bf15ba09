import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { chmod, mkdir, mkdtemp, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { detectFormat } from "../../src/formats/detect.ts";
import { fingerprint, openFile } from "../../src/formats/file-input.ts";
import type { Input } from "../../src/formats/format.ts";
import { json } from "../../src/formats/json.ts";
import { openSource } from "../../src/formats/open-source.ts";
import { inputOf, roundTrip, values } from "./round-trip.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "outgrow-test-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function put(name: string, content: string | Uint8Array): Promise<string> {
  const path = join(folder, name);
  await mkdir(join(path, ".."), { recursive: true });
  await writeFile(path, content);
  return path;
}

async function textOf(input: Input, offset?: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of input.open(offset)) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

const TEXT = '[{"a":"é😀"},{"a":"\ufffd"}]';
const wide = (text: string, big = false) => {
  const bytes = Buffer.from(text, "utf16le");
  return big ? bytes.swap16() : bytes;
};

describe("inputs", () => {
  test.each([
    ["plain.json", Buffer.from(TEXT), [], true],
    ["input c-08 bom.json", Buffer.from(`\ufeff${TEXT}`), ["bom"], true],
    ["input c-09 le.json", wide(`\ufeff${TEXT}`), ["utf-16le", "bom"], false],
    ["input c-09 be.json", wide(`\ufeff${TEXT}`, true), ["utf-16be", "bom"], false],
    ["packed.json.gz", gzipSync(TEXT), ["gzip"], false],
    ["no ending", gzipSync(wide(`\ufeff${TEXT}`)), ["gzip", "utf-16le", "bom"], false],
    [
      "two.json.gz",
      Buffer.concat([gzipSync(TEXT.slice(0, 5)), gzipSync(TEXT.slice(5))]),
      ["gzip"],
      false,
    ],
  ])("%s is UTF-8 from any offset", async (name, content, notes, seekable) => {
    const input = await openFile(await put(name, content));
    expect(input.notes).toEqual(notes);
    expect(input.seekable).toBe(seekable);
    expect(input.bytes).toBe(content.length);
    expect(await textOf(input)).toBe(TEXT);
    for (const offset of [1, 8, 20, Buffer.byteLength(TEXT)]) {
      expect(await textOf(input, offset)).toBe(Buffer.from(TEXT).subarray(offset).toString());
    }
    const read = await roundTrip(json, input);
    expect(values(read, input.stem)).toEqual(JSON.parse(TEXT));
    expect(read.survey.notes).toEqual(notes);
    expect(read.text.startsWith("\ufeff")).toBe(name.includes("c-08"));
  });

  test.each([
    ["input c-09: UTF-16LE without a mark", wide(TEXT)],
    ["input c-09: UTF-16BE without a mark", wide(TEXT, true)],
    ["UTF-32", Buffer.from([0xff, 0xfe, 0, 0, 0x5b, 0, 0, 0])],
    ["gzip of UTF-16 without a mark", gzipSync(wide(TEXT))],
  ])("%s is ENCODING", async (_name, content) => {
    await expect(openFile(await put("wide.json", content))).rejects.toMatchObject({
      code: "ENCODING",
    });
  });

  test("input c-09: UTF-16 with half a pair in it is ENCODING, not mended", async () => {
    const input = await openFile(await put("half.json", wide('\ufeff["\ud800x"]')));
    await expect(textOf(input)).rejects.toMatchObject({ code: "ENCODING" });
  });

  test("input c-02: gzip that is cut off is BUNDLE_SYNTAX, saying so", async () => {
    const packed = gzipSync(Buffer.from(JSON.stringify(Array.from({ length: 9999 }, Math.random))));
    const input = await openFile(await put("cut.json.gz", packed.subarray(0, packed.length >> 1)));
    await expect(json.survey(input)).rejects.toMatchObject({
      code: "BUNDLE_SYNTAX",
      site: { file: "cut.json.gz" },
    });
  });

  test("input c-01: nothing, or nothing but space, is SOURCE_EMPTY", async () => {
    await expect(openFile(await put("empty.json", ""))).rejects.toMatchObject({
      code: "SOURCE_EMPTY",
    });
    await expect(openFile(await put("e.json.gz", gzipSync("")))).rejects.toMatchObject({
      code: "SOURCE_EMPTY",
    });
    const blank = await openFile(await put("blank.json", " \n "));
    await expect(detectFormat(blank)).rejects.toMatchObject({ code: "SOURCE_EMPTY" });
  });

  test("what is missing or cannot be read is named", async () => {
    const missing = { code: "SOURCE_NOT_FOUND" };
    await expect(openSource(join(folder, "nowhere.json"))).rejects.toMatchObject(missing);
    await expect(openSource(join(await put("f.json", "1"), "below"))).rejects.toMatchObject(
      missing,
    );
    const locked = await put("locked.json", "[]");
    await chmod(locked, 0o000);
    if (process.getuid?.() !== 0) {
      await expect(openFile(locked)).rejects.toMatchObject({ code: "SOURCE_UNREADABLE" });
    }
    await expect(openFile(folder)).rejects.toMatchObject({ code: "SOURCE_UNREADABLE" });
  });

  test("a fingerprint is that of the file on disk", async () => {
    const content = gzipSync(TEXT);
    const path = await put("print.json.gz", content);
    await utimes(path, 1000, 1_700_000_000.25);
    expect(await fingerprint(await openFile(path))).toEqual({
      name: "print.json.gz",
      bytes: content.length,
      modified: 1_700_000_000_250,
      sha256: createHash("sha256").update(content).digest("hex"),
    });
  });

  test("reading stops when it is told to", async () => {
    const input = await openFile(await put("stop.json", JSON.stringify("x".repeat(2_000_000))));
    const stop = new AbortController();
    const read = async () => {
      for await (const _chunk of input.open(0, stop.signal)) stop.abort();
    };
    await expect(read()).rejects.toMatchObject({ code: "INTERRUPTED" });
  });
});

describe("sources", () => {
  test("a folder gives its files by name, and says what it left out", async () => {
    for (const name of [
      "b.json",
      "a.ndjson",
      "c.jsonl",
      "d.json.gz",
      ".hidden.json",
      "notes.txt",
    ]) {
      await put(`folder/${name}`, name.endsWith(".gz") ? gzipSync("[1]") : "[1]");
    }
    await put("folder/below/x.json", "[1]");
    const source = await openSource(join(folder, "folder/"));
    expect(source.inputs.map(({ name, stem }) => [name, stem])).toEqual([
      ["a.ndjson", "a"],
      ["b.json", "b"],
      ["c.jsonl", "c"],
      ["d.json.gz", "d"],
    ]);
    expect(source).toMatchObject({
      isDirectory: true,
      name: "folder",
      skipped: [".hidden.json", "below", "notes.txt"],
    });
    await mkdir(join(folder, "hollow"));
    await expect(openSource(join(folder, "hollow"))).rejects.toMatchObject({
      code: "SOURCE_EMPTY",
    });
  });

  test("several files, two of one name among them, stay apart", async () => {
    const paths = [await put("one/db.json", "[1]"), await put("two/db.json", "[2]")];
    const source = await openSource(paths);
    expect(source.inputs.map(({ name, stem }) => [name, stem])).toEqual([
      ["db.json", "db"],
      ["db-2.json", "db-2"],
    ]);
    expect(source.isDirectory).toBe(false);
  });

  test("a prefix forces the format; two of them are too many; a drive letter is none", async () => {
    const path = await put("forced.bak", "[1]");
    expect(await openSource(`ndjson:${path}`)).toMatchObject({ format: "ndjson", name: "forced" });
    expect(await openSource(path)).toMatchObject({ format: undefined });
    await expect(openSource([`json:${path}`, `dexie:${path}`])).rejects.toMatchObject({
      code: "USAGE",
    });
    await expect(openSource("C:\\data.json")).rejects.toMatchObject({
      code: "SOURCE_NOT_FOUND",
      site: { file: "C:\\data.json" },
    });
  });

  test("standard input is spooled once, can be read from anywhere, and leaves nothing behind", async () => {
    const stdin = Readable.from([Buffer.from(TEXT.slice(0, 5)), Buffer.from(TEXT.slice(5))]);
    const before = process.listenerCount("exit");
    const source = await openSource("-", { stdin });
    const [input] = source.inputs as [Input];
    expect(await textOf(input)).toBe(TEXT);
    expect(await textOf(input, 5)).toBe(Buffer.from(TEXT).subarray(5).toString());
    expect(await fingerprint(input)).toMatchObject({ name: "stdin", modified: 0 });
    expect((await openSource("-", { stdin })).inputs[0]).toBe(input);
    await source.close();
    expect(process.listenerCount("exit")).toBe(before);
    await expect(textOf(input)).rejects.toMatchObject({ code: "SOURCE_NOT_FOUND" });
    const empty = openSource("-", { stdin: Readable.from([]) });
    await expect(empty).rejects.toMatchObject({ code: "SOURCE_EMPTY" });
  });

  test.each([
    ["Chromium's LevelDB", ["CURRENT", "MANIFEST-000001", "000003.log"]],
    ["its tables", ["000005.ldb"]],
    ["a Firefox profile", ["webappsstore.sqlite", "prefs.js"]],
    ["Firefox's storage", ["storage/default/x"]],
    ["a Chromium profile", ["Local Storage/x", "IndexedDB/y"]],
  ])("%s is FORMAT_BROWSER_PROFILE", async (name, files) => {
    for (const file of files) await put(`${name}/${file}`, "x");
    await expect(openSource(join(folder, name))).rejects.toMatchObject({
      code: "FORMAT_BROWSER_PROFILE",
    });
  });

  test("the spool's folder is closed to others", async () => {
    const made = await mkdtemp(join(tmpdir(), "outgrow-"));
    expect((await stat(made)).mode & 0o077).toBe(0);
    await rm(made, { recursive: true });
    expect(existsSync(made)).toBe(false);
  });
});

const dexieHead = '{"formatName":"dexie","formatVersion":1,"data":{}}';
const DETECTED: readonly [string, string, string][] = [
  ["a Dexie export", dexieHead, "dexie"],
  ["a Dexie export with other names first", `{"a":{"formatName":1},${dexieHead.slice(1)}`, "dexie"],
  ["a Dexie export that is cut off", dexieHead.slice(0, -4), "dexie"],
  ["a dump", '{"a":"[{}]","b":"dark"}', "localstorage"],
  ["a dump with space in its values", '{"b":"x","a":"\\n  {}"}', "localstorage"],
  ["a dump with a long value", JSON.stringify({ a: `[${"1,".repeat(99)}1]` }), "localstorage"],
  ["a dictionary of words", '{"hello":"bonjour","bye":"au revoir"}', "json"],
  ["strings and a number", '{"a":"[]","b":5}', "json"],
  ["strings and something else", '{"a":"[]","b":{"c":1}}', "json"],
  ["an object on many lines", '{\n"a": [\n1\n]\n}\n', "json"],
  ["an array on many lines", '[\n{"a":1},\n{"a":2}\n]', "json"],
  ["one value", "12", "json"],
  ["one string with a comma", '"a, b"', "json"],
  ["values on lines", '{"a":1}\n{"a":2}\n', "ndjson"],
  ["arrays on lines", "[1]\r\n[2]", "ndjson"],
  ["scalars on lines", '"a,b"\n"c,d"\n', "ndjson"],
  ["input c-02: an object that is cut off", '{"users":[{"id":1', "json"],
  ["input c-02: an array that is cut off", '[{"id":1},', "json"],
  ["input c-12: rubbish behind the end", '{"a":\n1} x', "json"],
  ["input c-12: rubbish behind the end, on the next line", '{"a":\n1}\nx', "json"],
  ["input c-12: two values on one line", "{}{}", "json"],
  ["input c-14: a comment first", "// x\n{}", "json"],
  ["input c-14: names without quotes", "{a:1}", "json"],
];

describe("detection", () => {
  test.each(DETECTED)("%s", async (_name, text, format) => {
    expect(await detectFormat(inputOf(text, "some.json", 7))).toBe(format);
  });

  test("the ending tells where the content leaves it open, and only there", async () => {
    const of = (text: string, name = "rows.jsonl") => detectFormat(inputOf(text, name));
    expect(await of('{"a":1}\n')).toBe("ndjson");
    expect(await of('{"a":}\n{"b":1}\n')).toBe("ndjson");
    expect(await of('{"a:1}\n{"b":1}\n')).toBe("ndjson");
    expect(await of('{"a":1}\n', "rows.json")).toBe("json");
    expect(await of('[\n{"a":1}\n]')).toBe("json");
  });

  test.each([
    ["SQLite", "SQLite format 3\u0000\u0010\u0000", "db.json", "FORMAT_SQLITE"],
    ["CSV", "id,name\n1,Ann\n", "x.json", "FORMAT_CSV"],
    ["CSV in quotes", '"id";"name"\n"1";"a;b"\n', "x.json", "FORMAT_CSV"],
    ["CSV with numbers first", "1,2,3\n4,5,6\n", "x.json", "FORMAT_CSV"],
    ["CSV of one line", "id,name", "x.csv", "FORMAT_CSV"],
    ["a LevelDB table", "abc", "000005.ldb", "FORMAT_BROWSER_PROFILE"],
    ["prose", "Hello, world\n\nfine", "x.json", "FORMAT_UNKNOWN"],
    ["HTML", "<!doctype html>\n<p>", "x.json", "FORMAT_UNKNOWN"],
    ["input c-06: gzip in gzip", "\u001f\u008b\u0000", "x.json", "FORMAT_UNKNOWN"],
  ])("%s is refused by its name", async (_name, text, file, code) => {
    await expect(detectFormat(inputOf(text, file))).rejects.toMatchObject({ code });
  });
});
