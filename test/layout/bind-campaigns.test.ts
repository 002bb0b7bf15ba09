/** The tables that Campaign Builder's plan wants, bound to what its localStorage holds: as they are. */
import { beforeAll, describe, expect, it } from "vitest";
import { canonicalText } from "../../src/collection/canonical.ts";
import { encodeKey } from "../../src/collection/key.ts";
import type { Value } from "../../src/collection/value.ts";
import { type Bound, bindLayout } from "../../src/layout/bind.ts";
import type { Catalog } from "../../src/layout/catalog.ts";
import {
  catalogOf,
  childIn,
  codes,
  columnIn,
  columnNames,
  fatal,
  layoutIn,
  profileOf,
} from "./bind-catalog.ts";
import {
  CAMPAIGN_OPTIONS,
  CAMPAIGNS,
  COLLECTIONS,
  DDL,
  PRODUCT_OPTIONS,
  PRODUCTS,
} from "./bind-seed.ts";
import { throughLayout } from "./through-layout.ts";

let catalog: Catalog;
beforeAll(async () => {
  catalog = await catalogOf(DDL);
});

const lawful = (bound: Bound, records: readonly Value[]): void => {
  for (const record of records) {
    const key = encodeKey((record as { id: string }).id);
    const back = throughLayout(layoutIn(bound), key, record);
    expect(canonicalText(back.value)).toBe(canonicalText(record));
    expect(back.key).toBe(key);
  }
};

describe("Campaign Builder's products", () => {
  it("are bound to products, product_images and background_versions as they are", () => {
    const bound = bindLayout(profileOf("products", PRODUCTS), catalog, PRODUCT_OPTIONS);
    expect(fatal(bound)).toEqual([]);
    const layout = layoutIn(bound);
    expect(layout.key).toEqual({ from: "property", path: ["id"] });
    expect(layout.tables.map(({ name, bound: theirs }) => [name, theirs])).toEqual([
      ["products", true],
      ["product_images", true],
      ["background_versions", true],
    ]);
    expect(layout.tables[0]).toMatchObject({
      key: { name: "id", codec: "derived-uuid" },
    });
    expect(columnNames(bound)).toEqual([
      "name",
      "description",
      "brand",
      "category",
      "price",
      "sku",
      "url",
      "utm_codes",
      "settings",
      "status",
      "created_at",
      "updated_at",
    ]);
    expect(columnIn(bound, "name")).toMatchObject({
      codec: "text",
      limit: 255,
      path: ["name"],
      sqlType: "character varying(255)",
    });
    expect(columnIn(bound, "price")).toMatchObject({
      codec: "money",
      precision: 10,
      scale: 2,
      prefix: "$",
      coerce: true,
    });
    expect(columnIn(bound, "sku")).toMatchObject({ path: ["metadata", "sku"], limit: 100 });
    expect(columnIn(bound, "created_at")).toMatchObject({
      codec: "iso-timestamp",
      path: ["created"],
    });
  });

  it("have their lists in child tables, and lists within them", () => {
    const bound = bindLayout(profileOf("products", PRODUCTS), catalog, PRODUCT_OPTIONS);
    expect(childIn(bound, "product_images")).toMatchObject({
      parent: 0,
      path: ["images"],
      holds: "list",
      emptyMeans: "empty",
      key: { by: "own", column: "id", parent: "product_id", from: ["id"] },
    });
    expect(childIn(bound, "background_versions")).toMatchObject({
      parent: 1,
      path: ["backgroundVersions"],
      emptyMeans: "absent",
      key: { by: "own", column: "id", parent: "product_image_id", from: ["id"] },
    });
    expect(columnIn(bound, "file_name", 1).path).toEqual(["fileName"]);
    expect(columnIn(bound, "url", 1).fill).toBe("");
    expect(columnNames(bound, 1)).toEqual(["url", "file_name", "alt_text", "size", "is_primary"]);
    expect(columnIn(bound, "processing_time", 2)).toMatchObject({
      codec: "integer",
      type: "integer",
    });
    expect(columnIn(bound, "created_at", 2).path).toEqual(["created"]);
  });

  it("law L1: come back exactly", () => {
    for (const options of [
      PRODUCT_OPTIONS,
      { collections: COLLECTIONS, fills: { "product_images.url": "" } },
    ]) {
      lawful(bindLayout(profileOf("products", PRODUCTS), catalog, options), PRODUCTS);
    }
  });

  it("without options leave what fits no name to the database and the rest, and say so", () => {
    const bound = bindLayout(profileOf("products", PRODUCTS), catalog);
    expect(columnNames(bound)).toContain("metadata");
    expect(columnNames(bound)).not.toContain("created_at");
    expect(layoutIn(bound).tables).toHaveLength(3);
    // An image without its url is refused by the table: it has to be said what stands there instead.
    expect(codes(fatal(bound))).toEqual(["NOT_NULL url"]);
    expect(fatal(bound)[0]?.next).toContain('"product_images.url"');
    expect(bound.choices).toContainEqual(
      expect.objectContaining({
        subject: "products.created_at",
        choice: "left to the database: its default",
        why: expect.stringContaining('columns: { "created_at": ["created"] }'),
      }),
    );
    const notes = bound.problems.filter(
      ({ table, fatal: isFatal }) => table === "products" && !isFatal,
    );
    expect(codes(notes)).toEqual(["NOT_NULL name", "ROWS", "SPILLS price"]);
    expect(notes.find(({ code }) => code === "SPILLS")?.next).toContain("money");
  });
});

describe("Campaign Builder's campaigns", () => {
  it("refer to products by the keys that were made for them, as soon as those are there", () => {
    const bound = bindLayout(profileOf("campaigns", CAMPAIGNS), catalog, CAMPAIGN_OPTIONS);
    expect(fatal(bound)).toEqual([]);
    expect(columnIn(bound, "product_id")).toMatchObject({
      codec: "reference",
      to: "products",
      late: true,
    });
    expect(columnIn(bound, "status")).toMatchObject({
      codec: "enum",
      labels: { Draft: "draft" },
      limit: 50,
    });
    expect(layoutIn(bound).tables).toHaveLength(1);
    lawful(bound, CAMPAIGNS);
  });

  it("hold a key of products as it is where that is a UUID", () => {
    const keyed = bindLayout(profileOf("campaigns", CAMPAIGNS), catalog, {
      collections: COLLECTIONS,
      keys: { products: "uuid" },
    });
    expect(columnIn(keyed, "product_id")).toMatchObject({
      codec: "uuid",
      to: "products",
      late: true,
    });
    const alone = bindLayout(profileOf("campaigns", CAMPAIGNS), catalog);
    expect(columnIn(alone, "product_id")).toMatchObject({ codec: "uuid", late: true });
    expect(columnIn(alone, "product_id").to).toBeUndefined();
    expect(codes(alone.problems)).toContain("FOREIGN_KEY product_id");
  });
});

describe("Campaign Builder's drafts", () => {
  const drafts = [{ id: "d1", campaignId: "campaign_1_abc", stepData: { a: 1 } }];

  it("are found by a table with a longer name only where the options say so", () => {
    const lost = bindLayout(profileOf("drafts", drafts), catalog);
    expect(lost.layout).toBeUndefined();
    expect(codes(lost.problems)).toEqual(["NO_TABLE"]);
    const bound = bindLayout(profileOf("drafts", drafts), catalog, {
      table: "campaign_drafts",
      collections: COLLECTIONS,
    });
    expect(fatal(bound)).toEqual([]);
    expect(columnNames(bound)).toEqual(["campaign_id", "step_data"]);
    expect(columnIn(bound, "campaign_id")).toMatchObject({ codec: "reference", to: "campaigns" });
    lawful(bound, drafts);
  });
});
