/**
 * A second dump into tables that an app has been using since the first: what the app made of them stays, and the
 * records are those of the second dump.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Value } from "../../src/collection/value.ts";
import { type CopyOptions, copy } from "../../src/transfer/copy.ts";
import { exportMove } from "../../src/transfer/export.ts";
import { verify } from "../../src/transfer/verify.ts";
import { DDL, type Element, image, step } from "../drivers/bound-tables.ts";
import { PRODUCT_OPTIONS, PRODUCTS, DDL as SEED } from "../layout/bind-seed.ts";
import { type Workplace, workplace } from "../support/moving.ts";
import { sql } from "../support/sql.ts";

const FIRST: readonly Element[] = [
  {
    id: "a",
    title: "A",
    slug: "one",
    images: [
      image("x", {
        primary: true,
        versions: [
          { id: "v", prompt: "sea" },
          { id: "w", prompt: "sky" },
        ],
      }),
      image("y"),
      image("z"),
    ],
    steps: [step("cut", { parts: [{ name: "saw" }] }), step("glue"), step("paint")],
  },
  { id: "b", title: "B", slug: "two", images: [image("x")], steps: [step("cut")] },
  { id: "c", title: "C", slug: "three", images: [image("x"), image("y")], steps: [] },
  { id: "d", title: "D", slug: "four", images: [image("x")], steps: [step("cut")] },
];
/** Turned, emptied, grown and as it was; and what is unique passes from one to the next. */
const SECOND: readonly Element[] = [
  {
    id: "a",
    title: "A",
    slug: "two",
    images: [
      image("z", { url: "x.png" }),
      image("x", {
        url: "z.png",
        primary: false,
        versions: [
          { id: "w", prompt: "snow" },
          { id: "v", prompt: "sea" },
        ],
      }),
      image("y", { primary: true }),
    ],
    steps: [
      step("paint"),
      step("cut", { parts: [{ name: "axe" }, { name: "saw" }] }),
      step("glue"),
    ],
  },
  { id: "b", title: "B", slug: "one", images: [], steps: [] },
  {
    id: "c",
    title: "C",
    slug: "three",
    images: [image("n"), image("y"), image("x")],
    steps: [step("nail"), step("cut")],
  },
  FIRST[3] as Element,
  { id: "e", title: "E", slug: "five", images: [image("x")], steps: [] },
];

const APP = `
  update things set note = 'of ' || id;
  update images set storage_path = thing_id || '/' || ref;
  update versions set rating = length(prompt);
  update steps set done_at = 'at ' || label;
  insert into likes select id, 'ann' from images;
  insert into visits select id, 'today' from things;
  insert into things (id, title, slug) values ('theirs', 'Theirs', 'nine');
  insert into steps (thing_id, position, label) values ('theirs', 0, 'cut')`;

const OPTIONS: CopyOptions = {
  bind: {
    things: {
      columns: { note: null },
      children: {
        images: {
          path: ["images"],
          columns: { ref: ["id"], is_primary: ["primary"], storage_path: null },
        },
        versions: { path: ["versions"], columns: { rating: null } },
        steps: { path: ["steps"], columns: { done_at: null } },
        parts: { path: ["parts"], columns: { checked: null } },
      },
    },
  },
};

const dump = (place: Workplace, records: readonly Value[], name = "things"): Promise<string> =>
  place.file("db.json", JSON.stringify({ [name]: records }));

describe("a second dump", () => {
  it("law L1: into bound tables: verify is clean, the app's columns and rows are there, the export is the dump", async () => {
    await using place = await workplace();
    const ask = async (query: string) =>
      (await sql<Record<string, unknown>>(place.url, query)).map((row) =>
        Object.values(row).join(" "),
      );
    await sql(place.url, DDL);
    await copy(await dump(place, FIRST), place.target, OPTIONS);
    await sql(place.url, APP);
    const path = await dump(place, SECOND);
    const again = await copy(path, place.target, OPTIONS);
    expect(again.counts["things"]).toMatchObject({ read: 5, applied: 5, quarantined: 0 });
    expect(await verify(path, place.target)).toMatchObject({
      clean: true,
      collections: [{ equal: 5, extra: 0, different: 0, missing: 0, foreign: 1 }],
    });
    expect(await ask("select id, slug, note from things order by id")).toEqual([
      "a two of a",
      "b one of b",
      "c three of c",
      "d four of d",
      "e five fresh",
      "theirs nine fresh",
    ]);
    expect(
      await ask("select thing_id, position, ref, url, storage_path from images order by 1, 2"),
    ).toEqual([
      "a 0 z x.png a/z",
      "a 1 x z.png a/x",
      "a 2 y y.png a/y",
      "c 0 n n.png ",
      "c 1 y y.png c/y",
      "c 2 x x.png c/x",
      "d 0 x x.png d/x",
      "e 0 x x.png ",
    ]);
    expect(await ask("select count(*) from likes union all select count(*) from visits")).toEqual([
      "6",
      "4",
    ]);
    expect(await ask("select prompt, rating from versions order by 1")).toEqual([
      "sea 3",
      "snow 3",
    ]);
    expect(
      await ask("select thing_id, label, done_at from steps order by thing_id, position"),
    ).toEqual([
      "a paint at cut",
      "a cut at glue",
      "a glue at paint",
      "c nail ",
      "c cut ",
      "d cut at cut",
      "theirs cut ",
    ]);
    const out = join(place.folder, "out.json");
    expect(await exportMove(place.target, out)).toMatchObject({ records: 5 });
    expect(JSON.parse(await readFile(out, "utf8"))).toEqual({ things: SECOND });
  });

  it("law L1: into tables of our own: verify is clean, and the export is the dump", async () => {
    await using place = await workplace();
    await copy(await dump(place, FIRST), place.target);
    const path = await dump(place, SECOND);
    await copy(path, place.target);
    expect(await verify(path, place.target)).toMatchObject({ clean: true });
    const out = join(place.folder, "out.json");
    await exportMove(place.target, out);
    expect(JSON.parse(await readFile(out, "utf8"))).toEqual({ things: SECOND });
  });

  it("law L1: into Campaign Builder's tables: pictures keep their storage_path and their backgrounds' rows", async () => {
    await using place = await workplace();
    const ask = <T extends object>(query: string) => sql<T>(place.url, query);
    await ask(SEED);
    const options: CopyOptions = {
      bind: { products: { ...PRODUCT_OPTIONS, collections: { products: "products" } } },
    };
    await copy(await dump(place, PRODUCTS, "products"), place.target, options);
    await ask(`update product_images set storage_path = 'bucket/' || file_name;
      update background_versions set storage_path = 'bucket/' || request_id;
      create table crops (image uuid references product_images on delete cascade, box text);
      insert into crops select id, 'box' from product_images`);
    const seen = `select i.id, i.storage_path, i.created_at, (select count(*) from crops c where c.image = i.id) as crops,
      (select string_agg(b.storage_path, ' ') from background_versions b where b.product_image_id = i.id) as backgrounds
      from product_images i order by 1`;
    const before = await ask(seen);
    expect(before).toHaveLength(5);
    const renamed = PRODUCTS.map((product) => {
      const images = ((product as Element)["images"] as readonly Value[]).toReversed();
      return { ...(product as Element), name: "Renamed", images };
    });
    const path = await dump(place, renamed, "products");
    await copy(path, place.target, options);
    expect(await ask(seen)).toEqual(before);
    expect(await verify(path, place.target)).toMatchObject({
      clean: true,
      collections: [{ equal: 3, foreign: 1 }],
    });
    const out = join(place.folder, "out.json");
    await exportMove(place.target, out);
    expect(JSON.parse(await readFile(out, "utf8"))).toEqual({ products: renamed });
  });
});
