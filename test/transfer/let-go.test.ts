/** Values that a driver lets go once it has encoded them, and that are read again from the record's bytes. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { canonicalText } from "../../src/collection/canonical.ts";
import { NameTemplates } from "../../src/collection/name-order.ts";
import { dumpRevision } from "../../src/collection/revision.ts";
import { compileLayout } from "../../src/layout/compile.ts";
import { inspect } from "../../src/transfer/inspect.ts";
import { prepare } from "../../src/transfer/prepare.ts";
import { openSurveyed, type SourceOptions } from "../../src/transfer/source.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "outgrow-let-go-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const demo = (name: string): string => new URL(`../../demo/${name}`, import.meta.url).pathname;

const FILES: Readonly<Record<string, string>> = {
  "map.json": '{"users":{"10":{"2":1,"1":"x","big":9007199254740993},"b":{"a":-0,"n":null}}}',
  "own.ndjson": '{"id":1,"text":"\\ud800 \\u0000"}\n{"id":2,"__proto__":{"a":1}}\n',
  "named.ndjson":
    '{"collection":"a","key":"k","value":{"x":1e400}}\n{"collection":"b","key":null,"value":{"id":7}}\n',
  "outbound.json": JSON.stringify({
    ...{ formatName: "dexie", formatVersion: 1 },
    data: {
      ...{ databaseName: "d", databaseVersion: 1 },
      tables: [{ name: "t", schema: "", rowCount: 1 }],
      data: [
        {
          ...{ tableName: "t", inbound: false },
          rows: [["k", { at: 5, $types: { at: "date" } }]],
        },
      ],
    },
  }),
};

/** Values before they are let go and after, by canonical text. */
async function values(path: string, options: SourceOptions = {}): Promise<[string[], string[]]> {
  const layouts = (await inspect(path, options)).collections.map(({ layout }) => layout);
  await using source = await openSurveyed(path, options);
  const before: string[] = [];
  const after: string[] = [];
  for (const file of source.files.keys()) {
    for await (const batch of source.read(file)) {
      const layout = layouts.find(({ collection }) => collection === batch.collection);
      if (layout === undefined) throw new Error("A collection has no layout.");
      const { writes } = await prepare(batch, {
        layout: compileLayout(layout),
        templates: new NameTemplates(),
        revision: dumpRevision(1),
        file: "f",
        again: source.readerOf(batch),
      });
      before.push(...writes.map(({ value }) => canonicalText(value)));
      for (const write of writes) write.letGo?.();
      after.push(...writes.map(({ value }) => canonicalText(value)));
    }
  }
  return [before, after];
}

it.each(["campaign-builder.json", "picture-ai.json", "viral-dashboard.json"])(
  "law L1: every value of %s that was let go is read again the same",
  async (name) => {
    const [before, after] = await values(demo(name));
    expect(before.length).toBeGreaterThan(0);
    expect(after).toEqual(before);
  },
);

it.each(Object.keys(FILES))("law L1: and so is every value of %s", async (name) => {
  const path = join(folder, name);
  writeFileSync(path, FILES[name] as string);
  const [before, after] = await values(path);
  expect(before.length).toBeGreaterThan(0);
  expect(after).toEqual(before);
});

it("a value is held where its bytes could be read otherwise: repeated names, of which the last counts", async () => {
  const path = join(folder, "twice.json");
  writeFileSync(path, '[{"id":1,"a":1,"a":2}]');
  const [before, after] = await values(path, { duplicateNames: "last" });
  expect(before).toEqual([canonicalText({ id: 1, a: 2 })]);
  expect(after).toEqual(before);
});

it("a record whose bytes say something else by now is never taken for what it was", async () => {
  const path = join(folder, "changed.json");
  writeFileSync(path, '[{"id":1,"a":1}]');
  const [{ layout } = { layout: undefined }] = (await inspect(path)).collections;
  if (layout === undefined) throw new Error("There is no layout.");
  await using source = await openSurveyed(path);
  for await (const batch of source.read(0)) {
    const by = { layout: compileLayout(layout), templates: new NameTemplates(), file: "f" };
    const again = () => ({ id: 1, a: 2 });
    const { writes } = await prepare(batch, { ...by, revision: dumpRevision(1), again });
    for (const write of writes) write.letGo?.();
    expect(() => writes.map(({ value }) => value)).toThrow("says something else");
  }
});
