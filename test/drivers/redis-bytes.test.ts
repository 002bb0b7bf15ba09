/** Records that go into Redis as the bytes of their source: what is read back is what they say. */
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { canonicalText } from "../../src/collection/canonical.ts";
import { dumpRevision } from "../../src/collection/revision.ts";
import { fromTaggedJson } from "../../src/collection/tagged-json.ts";
import type { Value } from "../../src/collection/value.ts";
import { openRedis } from "../../src/drivers/redis/index.ts";
import { TcpConnection } from "../../src/drivers/redis/tcp.ts";
import { type ReadObject, RecordReader } from "../../src/formats/record-reader.ts";
import type { RecordWrite, Target } from "../../src/store/driver.ts";
import { propertyRuns } from "../support/property.ts";
import { freshRedis, restProxy } from "../support/redis.ts";
import { type MakeMove, record, workbench } from "./backends.ts";

const encoder = new TextEncoder();
const at = { tenant: "default", collection: "things" };

/** JSON as programs and people spell it: names like tags, space, escapes, numbers in other words. */
const gap = fc.constantFrom("", "", "", "", " ", "\n\t");
const name = fc.constantFrom('"a"', '"b"', '"é"', '"$date"', '"$object"', '"$"', '"__proto__"');
const leaf = fc.oneof(
  fc.constantFrom("0", "-0", "1.50", "1e3", "1e400", "true", "null", "[]", "{}"),
  fc.constantFrom('"\\u0000"', '"\\ud800"', '" "', '"$date"', '"{ , : }"', '"\\\\\\" \\/"'),
  fc.string({ unit: "grapheme", maxLength: 40 }).map((text) => JSON.stringify(text)),
);
const { json, object } = fc.letrec<{ json: string; list: string; object: string }>((tie) => ({
  json: fc.oneof({ depthSize: "small" }, leaf, tie("list"), tie("object")),
  list: fc
    .tuple(fc.array(tie("json"), { maxLength: 3 }), gap)
    .map(([items, space]) => `[${space}${items.join(`,${space}`)}]`),
  object: fc
    .tuple(fc.uniqueArray(name, { maxLength: 3 }), fc.array(tie("json"), { minLength: 3 }), gap)
    .map(([names, items, space]) => {
      const members = names.map((one, index) => `${one}${space}:${items[index]}${space}`);
      return `{${members.join(",")}}`;
    }),
}));
const texts = fc.array(
  fc.oneof(
    object,
    json.map((one) => `{"m":${one},"n":1}`),
  ),
  {
    minLength: 1,
    maxLength: 8,
  },
);

const isSpaced = (text: string): boolean => /\s/.test(text.replace(/"(?:\\.|[^"\\])*"/g, ""));

/** Whether an object in it has one name only, which begins as tags do. */
function holdsTag(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  const names = Array.isArray(value) ? [] : Object.keys(value);
  return (names.length === 1 && names[0]?.[0] === "$") || Object.values(value).some(holdsTag);
}

/** A record as a format reads it from its bytes; `asked` grows when somebody wants its value. */
class FromBytes {
  readonly written: ReadObject | undefined;
  readonly write: RecordWrite;
  asked = 0;

  constructor(key: string, text: string, options: Parameters<typeof record>[2] = {}) {
    this.written = new RecordReader().readWhole(encoder.encode(text));
    const value = JSON.parse(text) as Value;
    const ask = (): Value => {
      this.asked++;
      return value;
    };
    this.write = {
      ...record(key, value, options),
      written: this.written,
      get value() {
        return ask();
      },
    };
  }
}

test("bytes stand for a value just where they say it with tags and without, and hold no space", () => {
  let direct = 0;
  fc.assert(
    fc.property(fc.array(object, { minLength: 1, maxLength: 5 }), (all) => {
      const reader = new RecordReader();
      for (const text of all) {
        const read = reader.readWhole(encoder.encode(text));
        if (read === undefined) continue;
        const value = JSON.parse(text) as Value;
        const isPlain = !isSpaced(text) && !holdsTag(value);
        expect(read.tagged !== undefined).toBe(isPlain);
        if (!isPlain) continue;
        direct++;
        expect(Buffer.from(read.tagged ?? []).toString()).toBe(text);
        expect(canonicalText(fromTaggedJson(text))).toBe(canonicalText(value));
      }
    }),
    propertyRuns(400),
  );
  expect(direct).toBeGreaterThan(150);
});

describe.each(["tcp", "rest"])("%s", (transport) => {
  let target: Target;
  let move: MakeMove;
  let raw: TcpConnection;
  const ends: AsyncDisposable[] = [];
  beforeAll(async () => {
    const { url } = await freshRedis();
    const proxy = transport === "rest" ? await restProxy(url) : undefined;
    target = await (proxy === undefined
      ? openRedis(url)
      : openRedis(proxy.url, { token: proxy.token }));
    raw = new TcpConnection(url);
    ends.push(target, raw, ...(proxy === undefined ? [] : [proxy as AsyncDisposable]));
    move = workbench(target);
  });
  afterAll(async () => {
    for (const end of ends) await end[Symbol.asyncDispose]();
  });

  test("law L1: any record that was read from its bytes is read back as what it says", async () => {
    let direct = 0;
    const { put, rows, driver, schema } = await move();
    let run = 0;
    await fc.assert(
      fc.asyncProperty(texts, async (all) => {
        const revision = dumpRevision(++run);
        const records = all.map((text, index) => new FromBytes(`k${index}`, text, { revision }));
        await put(records.map(({ write }) => write));
        const stored = await driver.read(
          at,
          records.map(({ write }) => write.key),
        );
        const rebuilt = await rows();
        const [held] = await raw.send([
          ["MGET", ...all.map((_, index) => `{${schema}:default}:things:k${index}`)],
        ]);
        for (const [index, text] of all.entries()) {
          const said = canonicalText(JSON.parse(text));
          expect(canonicalText(stored[index]?.value)).toBe(said);
          expect(canonicalText(rebuilt[`k${index}`])).toBe(said);
          const isWritten = records[index]?.written?.tagged !== undefined;
          expect(records[index]?.asked).toBe(isWritten ? 0 : 1);
          if (!isWritten) continue;
          direct++;
          // What changed is written as it came; what did not change stays as it was spelt.
          expect(canonicalText(JSON.parse((held as string[])[index] as string))).toBe(said);
        }
      }),
      propertyRuns(transport === "tcp" ? 120 : 20),
    );
    expect(direct).toBeGreaterThan(transport === "tcp" ? 100 : 15);
  });

  test("what is stored are the bytes of the source, of any length", async () => {
    const { put, schema } = await move();
    const long = `{"id":"1","of":${JSON.stringify("naïve 🚀 \\ ".repeat(30_000))}}`;
    const all = ['{"n":1.50,"t":"\\u0041"}', '{"a":[{"b":[]}],"$c":{}}', long, '{"n":1.50 }'];
    const records = all.map((text, index) => new FromBytes(`k${index}`, text));
    await put(records.map(({ write }) => write));
    const names = all.map((_, index) => `{${schema}:default}:things:k${index}`);
    const [held] = await raw.send([["MGET", ...names]]);
    expect(held).toEqual([...all.slice(0, 3), '{"n":1.5}']);
    expect(records.map(({ asked }) => asked)).toEqual([0, 0, 0, 1]);
  });

  test("law T1: a record like a tag that a conflict displaces is set aside as what it says", async () => {
    const { put, quarantined } = await move();
    const texts = ['{"$date":0}', '{"m":{"$object":{"$undefined":true}}}', '{"$a":1,"$b":2}'];
    await put(texts.map((text, index) => new FromBytes(`k${index}`, text).write));
    await put(texts.map((_, index) => new FromBytes(`k${index}`, '{"other":true}').write));
    const aside = (await quarantined()).filter(({ detail }) => detail === "rebuilt from the store");
    const said = aside.map(({ key = "", raw: bytes }) => [
      key.slice(1),
      canonicalText(fromTaggedJson(Buffer.from(bytes).toString())),
    ]);
    const wanted = texts.map((text, index) => [`k${index}`, canonicalText(JSON.parse(text))]);
    expect(said.sort()).toEqual(wanted);
  });
});
