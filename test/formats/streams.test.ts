/** What must hold whatever a file's size: constant memory, and no time lost on hostile input. */
import { describe, expect, test } from "vitest";
import type { Format, Input } from "../../src/formats/format.ts";
import { json } from "../../src/formats/json.ts";
import { ndjson } from "../../src/formats/ndjson.ts";
import { bytesOf, inputOf, readAll } from "./round-trip.ts";

const MiB = 1024 * 1024;
const PIECE = 1000;
const row = (id: number) =>
  JSON.stringify({ id, name: "é".repeat(40), list: [1, { a: "b" }, null] });
const rows = (separator: string) =>
  bytesOf(Array.from({ length: PIECE }, (_, id) => row(id)).join(separator) + separator);

/** A file that is made while it is read: nobody holds it. */
function endless(name: string, pieces: number, format: Format): Input {
  const array = format === json;
  const piece = rows(array ? "," : "\n");
  return {
    name,
    stem: "rows",
    bytes: piece.length * pieces,
    seekable: false,
    notes: [],
    async *open() {
      if (array) yield bytesOf('{"count":1,"rows":[');
      for (let turn = 0; turn < pieces; turn++) yield piece;
      if (array) yield bytesOf(`${row(0)}]}`);
    },
  };
}

const used = () => {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
};

describe("streams", () => {
  test.each([
    ["json", json],
    ["ndjson", ndjson],
  ] as const)(
    "%s: 60 MB are surveyed and read in memory for a few batches",
    async (name, format) => {
      const pieces = Math.ceil((60 * MiB) / rows(",").length);
      const input = endless(`rows.${name}`, pieces, format);
      const survey = await format.survey(input);
      expect(survey.parts[0]).toMatchObject({
        records: pieces * PIECE + (format === json ? 1 : 0),
      });
      const before = used();
      let count = 0;
      let most = 0;
      for await (const batch of format.read(input, survey)) {
        count += batch.records.length;
        most = Math.max(most, used() - before);
      }
      expect(count).toBe(survey.parts.reduce((sum, { records }) => sum + records, 0));
      // A batch is 1 MiB of source; what its values take, and garbage not yet collected, come on top.
      expect(most).toBeLessThan(150 * MiB);
    },
    20_000,
  );

  test("a survey holds nothing of a file of one gigantic string", async () => {
    const piece = new Uint8Array(MiB).fill(0x78);
    const input: Input = {
      ...endless("long.json", 0, json),
      async *open() {
        yield bytesOf('{"long":"');
        for (let turn = 0; turn < 300; turn++) yield piece;
        yield bytesOf('","rows":[{"a":1}]}');
      },
    };
    const before = used();
    const survey = await json.survey(input);
    expect(used() - before).toBeLessThan(50 * MiB);
    const bad: (string | undefined)[][] = [];
    for await (const batch of json.read(input, survey)) {
      for (const one of batch.bad) bad.push([batch.collection, one.code, one.detail]);
    }
    expect(bad).toEqual([["document", "RECORD_TOO_LARGE", `${300 * MiB + 2} bytes`]]);
  }, 20_000);

  test.each([1_000_000, 5_000_000])("input c-63: %i levels are DEPTH, at once", async (levels) => {
    const input = inputOf(`[${"[".repeat(levels)}${"]".repeat(levels)},{"a":1}]`);
    const survey = await json.survey(input);
    const start = performance.now();
    const bad: string[] = [];
    for await (const batch of json.read(input, survey)) {
      for (const { code } of batch.bad) bad.push(code);
    }
    expect(bad).toEqual([levels > 4_000_000 ? "RECORD_TOO_LARGE" : "DEPTH"]);
    expect(performance.now() - start).toBeLessThan(1000);
  });

  test("input c-64: a million names, a million elements", async () => {
    const many = (one: (n: number) => string) =>
      Array.from({ length: 1_000_000 }, (_, n) => one(n));
    const elements = `[${many(() => "0").join(",")}]`;
    const { bad } = await readAll(json, inputOf(`[${elements},{"x":${elements}}]`));
    expect(bad.map(({ code }) => code)).toEqual(["TOO_MANY_NODES", "TOO_MANY_NODES"]);
    const names = `{${many((n) => `"${n.toString(36)}":0`).join(",")}}`;
    expect((await readAll(json, inputOf(`[${names}]`))).bad[0]?.code).toMatch(
      /^(TOO_MANY_NODES|RECORD_TOO_LARGE)$/,
    );
  });
});
