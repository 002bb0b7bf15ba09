/** Files of real apps, where they are at hand beside the project: each goes in and comes out the same. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { detectFormat } from "../../src/formats/detect.ts";
import { json } from "../../src/formats/json.ts";
import { localstorage } from "../../src/formats/localstorage.ts";
import { inputOf, resumeEverywhere, roundTrip, tokens } from "./round-trip.ts";

const root = join(import.meta.dirname, "../../../shared/realdata");
const files = existsSync(root)
  ? readdirSync(root, { recursive: true, encoding: "utf8" }).filter((name) =>
      name.endsWith(".json"),
    )
  : [];

for (const file of files) {
  const text = readFileSync(join(root, file), "utf8");
  const input = inputOf(text, file.split(/[\\/]/).at(-1) ?? file, 4096);
  const detected = await detectFormat(input);
  if (detected === "dexie") continue;
  const format = detected === "localstorage" ? localstorage : json;

  test(`law L1: ${file} comes back as it was`, async () => {
    const { text: written, bad, records, survey } = await roundTrip(format, input);
    expect(bad).toEqual([]);
    for (const { collection, records: count } of survey.parts) {
      expect(records.get(collection)?.length).toBe(count);
    }
    if (detected === "localstorage") expect(JSON.parse(written)).toEqual(JSON.parse(text));
    expect(tokens(written)).toEqual(tokens(text));
  });

  test(`a reading of ${file} goes on from behind any batch`, async () => {
    const { whole, resumed } = await resumeEverywhere(format, input, { batchRecords: 200 });
    for (const [index, rest] of resumed.entries()) expect(rest).toEqual(whole.slice(index + 1));
  });
}

test("the listing is complete, or there is none", () => {
  expect(files.length === 0 || files.length > 5).toBe(true);
});
