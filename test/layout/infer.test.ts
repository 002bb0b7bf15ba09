import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Value } from "../../src/collection/value.ts";
import { ExactNumber } from "../../src/collection/value.ts";
import { isoMilliseconds, isUuid } from "../../src/layout/codec.ts";
import {
  type InferOptions,
  type InferredLayout,
  inferLayout,
  inferLayouts,
} from "../../src/layout/infer.ts";
import type { Layout } from "../../src/layout/layout.ts";
import { CollectionProfile, type ProfileOptions } from "../../src/layout/profile.ts";
import { singularOf, stemsOf } from "../../src/layout/profile-names.ts";
import { textForm } from "../../src/layout/profile-text.ts";
import { propertyRuns } from "../support/property.ts";

type Data = Readonly<Record<string, readonly Value[]>>;

function profiled(
  name: string,
  records: readonly Value[],
  options: ProfileOptions = {},
): CollectionProfile {
  const profile = new CollectionProfile(name, options);
  for (const record of records) profile.observe(record, undefined, 1);
  return profile;
}

function inferAll(data: Data, options: InferOptions = {}): readonly InferredLayout[] {
  const collections = Object.keys(data);
  const profiles = collections.map((name) =>
    profiled(name, data[name] as readonly Value[], { collections }),
  );
  return inferLayouts(profiles, options);
}

function infer(records: readonly Value[], name = "things", options: InferOptions = {}) {
  return inferAll({ [name]: records }, options)[0] as InferredLayout;
}

const columnsOf = (layout: Layout, table = 0): Record<string, string> =>
  Object.fromEntries(
    layout.tables[table]?.columns.map(({ path, codec }) => [path.join("."), codec]) ?? [],
  );

const many = <One>(count: number, make: (index: number) => One): One[] =>
  Array.from({ length: count }, (_, index) => make(index));

const uuidOf = (index: number): string =>
  `ee99b735-e01b-4ff2-a812-${index.toString(16).padStart(12, "0")}`;

describe("forms of text", () => {
  it.each([
    ["2026-02-06T00:45:19.270Z", "iso-timestamp"],
    ["2026-02-06T00:45:19Z", "iso-seconds"],
    ["2025-08-24 15:51:55", "sql-timestamp"],
    ["2024-02-29", "iso-date"],
    ["0001-01-01", "iso-date"],
    ["9999-12-31 23:59:59", "sql-timestamp"],
    ["ee99b735-e01b-4ff2-a812-8dfd6f11b8c3", "uuid"],
    // Each of these would come back as another text, or is no date at all.
    ["EE99B735-E01B-4FF2-A812-8DFD6F11B8C3", undefined],
    ["ee99b735_e01b_4ff2_a812_8dfd6f11b8c3", undefined],
    ["2023-02-29", undefined],
    ["1900-02-29", undefined],
    ["2024-00-10", undefined],
    ["2024-13-10", undefined],
    ["2024-04-31", undefined],
    ["2024-01-00", undefined],
    ["0000-01-01", undefined],
    ["2024/01/15", undefined],
    ["2024-1-015", undefined],
    ["+024-01-15", undefined],
    ["\u0662024-01-15", undefined],
    ["2025-08-24T15:51:55", undefined],
    ["2025-08-24 24:00:00", undefined],
    ["2025-08-24 23:59:60", undefined],
    ["2025-08-24 15.51.55", undefined],
    ["2026-02-06 00:45:19Z", undefined],
    ["2026-02-06t00:45:19Z", undefined],
    ["2026-02-06T00:45:19z", undefined],
    ["2026-02-06T00:45:19,270Z", undefined],
    ["2026-02-06T00:45:19.27 Z", undefined],
    ["2026-02-30T00:45:19.270Z", undefined],
    ["", undefined],
  ] as const)("%s is %s", (text, form) => {
    expect(textForm(text)).toBe(form);
  });

  it("agree with the codecs, which have the last word", () => {
    const near = fc.oneof(
      fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
      fc.uuid(),
      fc.stringMatching(/^[0-2]\d{3}-[01]\d-[0-3]\dT[0-2]\d:[0-6]\d:[0-6]\d\.\d{3}Z$/),
    );
    fc.assert(
      fc.property(near, (text) => {
        expect(textForm(text) === "uuid").toBe(isUuid(text));
        expect(textForm(text) === "iso-timestamp").toBe(isoMilliseconds(text) !== undefined);
      }),
      propertyRuns(),
    );
  });
});

describe("columns", () => {
  const codecOf = (...values: Value[]): string | undefined =>
    columnsOf(infer(values.map((value, id) => ({ id, value }))).layout)["value"];

  it.each<readonly [string, readonly Value[], string | undefined]>([
    ["text", ["a", "b"], "text"],
    ["text that looks like money", ["$4.99", "$5"], "text"],
    ["text and null", ["a", null], "text"],
    ["nothing but null", [null, null], "text"],
    ["nothing but undefined", [undefined], undefined],
    ["truth", [true, false], "boolean"],
    ["whole numbers", [1, -5, 2 ** 53 - 1], "integer"],
    ["milliseconds since 1970", [1783628030318, 1783628030319], "integer"],
    ["numbers", [1, 2.5], "number"],
    ["negative zero is no integer", [1, -0], "number"],
    ["exact numbers", [new ExactNumber("9007199254740993")], undefined],
    ["few exact numbers among others", [1, 2, new ExactNumber("9007199254740993")], "number"],
    ["UUIDs", [uuidOf(1), uuidOf(2)], "uuid"],
    ["UUIDs and one that is not", [uuidOf(1), "ceo"], "text"],
    ["ISO timestamps", ["2026-02-06T00:45:19.270Z"], "iso-timestamp"],
    ["ISO timestamps to the second", ["2026-02-06T00:45:19Z"], "iso-seconds"],
    ["SQLite's timestamps", ["2025-08-24 15:51:55", "2025-08-24 15:51:56"], "sql-timestamp"],
    ["dates", ["2025-08-24", "2025-08-25"], "iso-date"],
    ["two forms of date", ["2025-08-24", "2025-08-24 15:51:55"], "text"],
    ["dates and an empty text", ["2025-08-24", ""], "text"],
    ["a date that does not exist", ["2025-08-24", "2025-02-30"], "text"],
    ["Dates", [new Date(0), new Date(1)], "date"],
    ["objects", [{ a: 1 }, { b: 2 }], "jsonb"],
    ["lists", [[1], []], "jsonb"],
    ["objects and lists", [{ a: 1 }, []], "jsonb"],
    ["objects and text", [{ a: 1 }, "a"], undefined],
    ["objects that jsonb cannot hold", [{ a: new Date(0) }, { a: new Date(1) }], undefined],
    ["objects of which jsonb can hold most", [{ a: "a\u0000" }, { a: "b" }, { a: "c" }], "jsonb"],
    ["mixed kinds", [1, "1"], undefined],
    ["truth and numbers", [true, 1], undefined],
    ["what SQL does not have", [new Map(), new Map()], undefined],
  ])("%s", (_, values, codec) => {
    expect(codecOf(...values)).toBe(codec);
  });

  it("says why, with counts and without values", () => {
    const { choices } = infer([
      ...many(3, (id) => ({ id, who: uuidOf(id), odd: 1, n: 1.5, when: "2025-08-24" })),
      { id: 3, who: null, odd: "secret", n: 2, when: "soon" },
    ]);
    const why = Object.fromEntries(choices.map((choice) => [choice.subject, choice.why]));
    expect(why).toEqual({
      id: "it is in 4 of 4 records; no two are the same; all 4 values are whole numbers",
      who: "all 3 values are UUIDs; 1 null",
      odd: "no one type holds 1 text, 3 whole numbers",
      n: "all 4 values are numbers, 3 of them not whole",
      when: "all 4 values are text, among them 3 ISO dates",
    });
    expect(JSON.stringify(choices)).not.toMatch(/secret|soon|ee99b735/);
  });

  it("NULL means what there is more of", () => {
    const { layout } = infer([
      { id: 1, a: null, b: 1 },
      { id: 2, a: 1, b: null },
      { id: 3, a: null },
      { id: 4, b: 2 },
    ]);
    expect(layout.tables[0].columns.map(({ nullMeans }) => nullMeans)).toEqual(["null", "absent"]);
  });

  it("keeps the rarest out of a table that would be too wide", () => {
    const wide = Object.fromEntries(many(250, (index) => [`p${index}`, index]));
    const { layout, choices } = infer([
      { id: 1, rare: 1, ...wide },
      { id: 2, ...wide },
      { id: 3, p249: 1 },
    ]);
    const columns = columnsOf(layout);
    expect(Object.keys(columns)).toHaveLength(200);
    expect(columns).toHaveProperty("p249");
    expect(columns).not.toHaveProperty("rare");
    expect(choices.map(({ why }) => why)).toContain(
      "51 properties beyond 200 columns, the rarest ones",
    );
  });

  it("proposes NOT NULL where no record lacks a value, and enough of them say so", () => {
    const rows = many(20, (id) => ({
      id,
      a: "x",
      b: id === 3 ? null : 1,
      c: id === 3 ? "\0" : "",
    }));
    expect(infer(rows).proposals.notNull).toEqual([{ table: "things", column: "a" }]);
    expect(infer([...rows, { id: 20, b: 1 }]).proposals.notNull).toEqual([]);
    expect(infer([...rows, "odd"]).proposals.notNull).toEqual([]);
    expect(infer(rows.slice(0, 19)).proposals.notNull).toEqual([]);
  });

  it("proposes other keys to be unique", () => {
    const rows = many(20, (id) => ({ id, uuid: uuidOf(id), key: "same" }));
    expect(infer(rows).proposals.unique).toEqual([{ table: "things", columns: ["uuid"] }]);
  });
});

describe("names", () => {
  it.each([
    ["products", "product"],
    ["categories", "category"],
    ["movies", "movie"],
    ["boxes", "box"],
    ["addresses", "address"],
    ["statuses", "status"],
    ["houses", "house"],
    ["caches", "cache"],
    ["batches", "batch"],
    ["status", "status"],
    ["class", "class"],
    ["people", "person"],
    ["userChildren", "userChild"],
    ["news", "news"],
    ["s", "s"],
    ["", ""],
  ])("%s has the singular %s", (plural, singular) => {
    expect(singularOf(plural)).toBe(singular);
  });

  it("are compared without case and separators", () => {
    expect(stemsOf("bank_accounts")).toEqual(["bankaccount", "bankaccounts"]);
    expect(stemsOf("BankAccounts")).toEqual(["bankaccount", "bankaccounts"]);
    expect(stemsOf("\u0437\u0430\u043a\u0430\u0437\u044b")).toHaveLength(1);
  });

  it("do not depend on the order of records", () => {
    const records = [{ createdAt: 1 }, { created_at: 2 }, { "created-at": 3 }];
    const namesOf = (rows: readonly Value[]): Record<string, string> =>
      Object.fromEntries(
        infer(rows)
          .layout.tables[0].columns.map(({ path, name }) => [path[0], name] as const)
          .sort(),
      );
    expect(namesOf(records)).toEqual(namesOf([...records].reverse()));
    expect(namesOf(records)["created_at"]).toBe("created_at");
  });

  it("of a child table never take a collection's", () => {
    const [products, , , images] = inferAll({
      products: many(3, (id) => ({ id, images: [{ id: 1 }] })),
      users: [{ id: 1 }],
      carts: [{ id: 1 }],
      product_images: [{ id: 1 }],
    });
    expect(images?.layout.tables[0].name).toBe("product_images");
    expect(products?.layout.tables[1]?.name).toMatch(/^product_images_[0-9a-f]{8}$/);
  });
});

describe("look-alike keys, input c-36", () => {
  it.each<readonly [string, readonly Value[], number]>([
    ["a number and its text", [1, "1"], 1],
    ["case", ["Ann", "ann", "ANN"], 2],
    ["blanks around it", ["a", " a", "a\n"], 2],
    ["composed and decomposed letters", ["\u00e9", "e\u0301"], 1],
    ["the same key again", ["a", "a"], 0],
    ["different keys", ["a", "b", 1, 2, "a b"], 0],
  ])("%s", (_, ids, count) => {
    const profile = profiled(
      "things",
      ids.map((id) => ({ id })),
    );
    expect(profile.keys[0]?.lookAlikeKeys).toBe(count);
  });
});

describe("stability: more data of the same kind gives the same layout", () => {
  const shop: Data = {
    users: many(100, (index) => ({ id: uuidOf(index), name: `u${index}`, at: "2025-08-24" })),
    products: many(100, (index) => ({
      id: `p${index}`,
      price: index / 2,
      userId: uuidOf(index % 25),
      meta: { sku: `s${index}` },
      ...(index % 5 === 0 ? {} : { note: index % 2 === 0 ? null : "text" }),
      images: many(index % 3, (at) => ({
        id: `i${at}`,
        url: "https://example.com/1.png",
        versions: many(2, (version) => ({ id: version, w: 1.5 })),
      })),
    })),
  };
  const part = (share: number): Data =>
    Object.fromEntries(Object.entries(shop).map(([name, all]) => [name, all.slice(0, share)]));

  it.each([30, 50, 99])("the first %i of 100", (share) => {
    const layouts = (data: Data): readonly Layout[] => inferAll(data).map(({ layout }) => layout);
    expect(layouts(part(share))).toEqual(layouts(shop));
    expect(layouts(shop)[1]?.tables.map(({ name }) => name)).toEqual([
      "products",
      "product_images",
      "product_image_versions",
    ]);
    expect(layouts(shop)[1]?.foreignKeys).toHaveLength(1);
  });

  it("and a collection by itself has the same names as among others", () => {
    const alone = inferLayout(profiled("products", shop["products"] ?? []));
    const among = inferAll(shop)[1]?.layout;
    const namesOf = (layout?: Layout) =>
      layout?.tables.map(({ name, columns }) => [name, columns.map((column) => column.name)]);
    expect(namesOf(alone)).toEqual(namesOf(among));
  });
});

describe("bounds", () => {
  it("names that are data are not counted for ever", () => {
    const profile = profiled(
      "things",
      many(500, (id) => ({ id, list: [{ id: 1, [`name${id}`]: id }] })),
    );
    const { layout, choices } = inferLayouts([profile])[0] as InferredLayout;
    expect(profile.properties.get("list")?.lists?.shape.properties.size).toBeLessThanOrEqual(200);
    expect(layout.tables).toHaveLength(1);
    expect(columnsOf(layout)["list"]).toBe("jsonb");
    expect(choices.at(-1)?.why).toContain("the names inside its elements are data, as in a map");
  });

  it("a list within itself is looked at three levels deep", () => {
    const nested = (depth: number): Value =>
      many(2, (id) => (depth === 0 ? { id } : { id, list: nested(depth - 1) }));
    const records = many(3, (id) => ({ id, list: nested(5) }));
    expect(infer(records).layout.tables.length).toBe(3);
    expect(infer(records, "things", { flatten: "all" }).layout.tables.length).toBe(4);
  });

  it("records that are no objects, and collections without any, have a layout too", () => {
    expect(columnsOf(infer(["a", 1, null]).layout)).toEqual({});
    expect(columnsOf(infer([]).layout)).toEqual({});
    expect(infer([]).layout.key).toEqual({ from: "position" });
  });
});
