import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { canonicalText } from "../../src/collection/canonical.ts";
import type { Value } from "../../src/collection/value.ts";
import { copy } from "../../src/transfer/copy.ts";
import { exportMove } from "../../src/transfer/export.ts";
import { plan } from "../../src/transfer/plan.ts";
import { verify } from "../../src/transfer/verify.ts";
import { workplace } from "../support/moving.ts";
import { sql } from "../support/sql.ts";

const PRODUCTS = [
  { id: "a", price: "$4.99", created: "6/18/2025", weight: 0.1234567, tags: ["x"] },
  { id: "b", price: "$199", created: "12/1/2024", weight: 2, tags: [] },
  { id: "c", price: "on request", created: "2025-06-18T10:00:00.000Z", weight: -0 },
  { id: "d", price: null, weight: 1e21, meta: { sku: "00123", more: [1] } },
  { id: "e", price: "$1,299.50", created: "30/02/2025", meta: { sku: 5 } },
];
const RULES = {
  "products.price": "money",
  "products.created": "date(M/D/YYYY)",
  "products.weight": "decimal(10,3)",
  "products.meta.sku": "text",
};

describe("rules", () => {
  it("law T3: make columns that SQL can use, keep what was written, and are counted", async () => {
    await using place = await workplace();
    const source = await place.file("shop.json", JSON.stringify({ products: PRODUCTS, n: 1 }));
    const copied = await copy(source, place.target, { rules: RULES });
    expect(
      await sql(
        place.url,
        "select id, price::text, created::text, weight::text, meta_sku from products order by id",
      ),
    ).toEqual([
      { id: "a", price: "4.99", created: "2025-06-18", weight: "0.123", meta_sku: null },
      { id: "b", price: "199.00", created: "2024-12-01", weight: "2.000", meta_sku: null },
      // A time is more than a date: the column has its day.
      { id: "c", price: null, created: "2025-06-18", weight: "0.000", meta_sku: null },
      { id: "d", price: null, created: null, weight: null, meta_sku: "00123" },
      { id: "e", price: "1299.50", created: null, weight: null, meta_sku: null },
    ]);
    expect(copied.spills.map(({ column, code, count }) => [column, code, count]).sort()).toEqual([
      ["created", "DATE_FORM", 1],
      ["created", "RULE_DATE-TEXT", 1],
      ["meta_sku", "TYPE_MISMATCH", 1],
      ["price", "MONEY_FORM", 1],
      ["price", "RULE_MONEY", 2],
      ["weight", "NUM_FRACTION", 1],
      ["weight", "RULE_DECIMAL", 1],
    ]);
    expect((await verify(source, place.target)).clean).toBe(true);
    const out = `${place.folder}/back.json`;
    await exportMove(place.target, out);
    const [before, after] = await Promise.all([readFile(source, "utf8"), readFile(out, "utf8")]);
    expect(canonicalText(JSON.parse(after) as Value)).toBe(
      canonicalText(JSON.parse(before) as Value),
    );
  });

  it("a cell that SQL changed since is the value", async () => {
    await using place = await workplace();
    const source = await place.file("shop.json", JSON.stringify({ products: PRODUCTS, n: 1 }));
    await copy(source, place.target, { rules: RULES });
    await sql(place.url, "update products set price = 5 where id in ('b', 'c')");
    const { differences } = await verify(source, place.target);
    expect(differences.map(({ kind, key }) => `${kind} ${key}`)).toEqual([
      'different "b"',
      'different "c"',
    ]);
    const driver = await place.target.open("shop");
    const [stored] = await driver.read({ tenant: "default", collection: "products" }, ["sb"]);
    expect(stored?.value).toMatchObject({ price: "$5.00" });
  });

  it("that name nothing are refused", async () => {
    await using place = await workplace();
    const source = await place.file("shop.json", JSON.stringify({ products: PRODUCTS, n: 1 }));
    for (const rules of [
      { "products.price": "gold" },
      { "nothing.price": "money" },
      { "products.id": "text" },
      { "products.price": "decimal(3,9)" },
    ]) {
      await expect(plan(source, undefined, { rules })).rejects.toMatchObject({
        code: "RULE_INVALID",
      });
    }
  });
});

describe("plan", () => {
  it("counts what does not fit, names it on request, and suggests the rule", async () => {
    // A key may be lacking in one of a hundred records.
    const plain = Array.from({ length: 200 }, (_, index) => ({ id: `plain${index}` }));
    await using place = await workplace();
    const source = await place.file(
      "shop.json",
      JSON.stringify({
        products: [...PRODUCTS, { id: "f", price: "a\u0000b" }, { noId: 1 }, ...plain],
        n: 1,
      }),
    );
    const planned = await plan(source, undefined, { records: 10 });
    expect(planned.spills).toEqual([
      { collection: "products", column: "price", code: "STR_NUL", count: 1 },
    ]);
    expect(planned.misfits).toEqual([
      { collection: "products", key: '"f"', column: "price", code: "STR_NUL" },
      { collection: "products", key: "#6", column: undefined, code: "ID_MISSING" },
    ]);
    expect(planned.setAside).toEqual([{ collection: "products", code: "ID_MISSING", count: 1 }]);
    expect(planned.rules.map(({ rule }) => rule)).toContain("products.price=money");
    expect(planned.choices.every(({ why }) => !why.includes("request"))).toBe(true);
    expect((await plan(source, undefined)).misfits).toEqual([]);
  });

  it("says what the copy then does: the same tables, the same spills", async () => {
    await using place = await workplace();
    const source = await place.file("shop.json", JSON.stringify({ products: PRODUCTS, n: 1 }));
    const planned = await plan(source, undefined, { rules: RULES });
    const copied = await copy(source, place.target, { rules: RULES });
    const order = (one: { column: string; code: string }): string => `${one.column} ${one.code}`;
    const sorted = <T extends { column: string; code: string }>(all: readonly T[]): T[] =>
      [...all].sort((a, b) => (order(a) < order(b) ? -1 : 1));
    expect(sorted(planned.spills)).toEqual(sorted(copied.spills));
    const catalog = await place.target.catalog("public");
    for (const { tables } of planned.layouts) {
      for (const { name } of tables)
        expect(catalog.tables.map((table) => table.name)).toContain(name);
    }
  });
});
