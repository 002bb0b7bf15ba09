/** Moves of which some collections go into tables that are there already, and others into tables made beside them. */
import { describe, expect, it } from "vitest";
import { openTarget } from "../../src/drivers/open-target.ts";
import { copy } from "../../src/transfer/copy.ts";
import { plan } from "../../src/transfer/plan.ts";
import { verify } from "../../src/transfer/verify.ts";
import { workplace } from "../support/moving.ts";
import { sql } from "../support/sql.ts";

/** Enough of them that inference makes foreign keys, and tables of the lists. */
const shop = (count = 40) => ({
  products: Array.from({ length: count }, (_, at) => ({
    id: `p${at}`,
    name: `Product ${at}`,
    images: [{ id: `i${at}a` }, { id: `i${at}b` }],
  })),
  orders: Array.from({ length: count }, (_, at) => ({
    id: at + 1,
    productId: `p${at}`,
    lines: [
      { id: 1, productId: `p${at}` },
      { id: 2, productId: `p${(at + 1) % count}` },
    ],
  })),
});

const FOREIGN_KEYS = `select conrelid::regclass::text || ' -> ' || confrelid::regclass::text as name from pg_constraint
  where contype = 'f' and connamespace = 'public'::regnamespace order by 1`;
const foreignKeys = async (url: string): Promise<string[]> =>
  (await sql<{ name: string }>(url, FOREIGN_KEYS)).map(({ name }) => name);

describe("a move that is bound in part", () => {
  const INNER = ["order_lines -> orders"];
  const OUTER = ["order_lines -> items", "orders -> items"];
  it.each([
    ["is text", "id text primary key", [...INNER, ...OUTER], "foreign key to items (id)"],
    [
      "is called otherwise",
      "code text primary key",
      [...INNER, ...OUTER],
      "foreign key to items (code)",
    ],
    ["is a UUID made from it", "id uuid primary key", INNER, "refers to products"],
  ])("refers to the table that is there where its key %s", async (_, key, keys, choice) => {
    await using place = await workplace();
    await sql(place.url, `create table items (${key}, name text)`);
    const source = await place.file("shop.json", JSON.stringify(shop()));
    const bind = { products: { table: "items" } };
    const planned = await plan(source, place.target, { bind });
    const copied = await copy(source, place.target, { bind });
    expect(copied.settlement.refused).toEqual([]);
    expect((await verify(source, place.target)).clean).toBe(true);
    expect(await foreignKeys(place.url)).toEqual([...keys].sort());
    const chosen = planned.choices.find(
      ({ kind, table, subject }) =>
        kind === "reference" && table === "orders" && subject === "productId",
    );
    expect(chosen?.choice).toBe(choice);
    if (keys === INNER) expect(chosen?.why).toContain("whose keys are held as derived-uuid");
  });

  it("goes without a foreign key to a table that may be written and not referred to, and says so", async () => {
    await using place = await workplace();
    const role = `limited_${Math.random().toString(36).slice(2)}`;
    await sql(
      place.url,
      `create role ${role}; create table items (id text primary key, name text);
       grant all on schema public to ${role}; grant select, insert, update, delete on items to ${role};
       do $$ begin execute format('grant create on database %I to ${role}', current_database()); end $$`,
    );
    try {
      const address = new URL(place.url);
      address.searchParams.set("options", `-c role=${role}`);
      await using target = await openTarget(address.href);
      const source = await place.file("shop.json", JSON.stringify(shop()));
      const copied = await copy(source, target, { bind: { products: { table: "items" } } });
      expect(copied.settlement.refused.map(({ name, sqlState }) => `${name} ${sqlState}`)).toEqual([
        "orders_product_id_fkey 42501",
        "order_lines_product_id_fkey 42501",
      ]);
      expect((await verify(source, target)).clean).toBe(true);
    } finally {
      await sql(place.url, `drop owned by ${role} cascade; drop role ${role}`);
    }
  });

  it("makes no table of a name that is there, nor a child table", async () => {
    await using place = await workplace();
    await sql(
      place.url,
      `create table products (id text primary key, name text);
       create table orders (nr integer); create table order_lines (nr integer);
       insert into orders values (7); insert into order_lines values (8)`,
    );
    const source = await place.file("shop.json", JSON.stringify(shop()));
    const options = { bind: { products: {} } };
    const planned = await plan(source, place.target, options);
    const made = planned.layouts.flatMap(({ tables }) =>
      tables.filter(({ bound }) => !bound).map(({ name }) => name),
    );
    expect(made.filter((name) => ["products", "orders", "order_lines"].includes(name))).toEqual([]);
    expect(made).toHaveLength(2);
    await copy(source, place.target, options);
    expect((await verify(source, place.target)).clean).toBe(true);
    expect(
      await sql(place.url, "select nr from orders union all select nr from order_lines"),
    ).toEqual([{ nr: 7 }, { nr: 8 }]);
    expect(await sql(place.url, `select count(*)::int as rows from "${made[0]}"`)).toEqual([
      { rows: 40 },
    ]);
  });

  it("refers to the tables of an earlier run from what a later one brings", async () => {
    await using place = await workplace();
    await sql(place.url, "create table items (id text primary key, name text)");
    const { products, orders } = shop();
    const source = await place.file("shop.json", JSON.stringify({ products, n: 1 }));
    const options = { bind: { products: { table: "items" } } };
    await copy(source, place.target, options);
    const notes = orders.map(({ id }) => ({ id: `n${id}`, orderId: id }));
    await place.file("shop.json", JSON.stringify({ products, orders, n: 1 }));
    await copy(source, place.target, options);
    await place.file("shop.json", JSON.stringify({ products, orders, notes, n: 1 }));
    const third = await copy(source, place.target, options);
    expect(third.settlement.refused).toEqual([]);
    expect(await foreignKeys(place.url)).toEqual(
      [
        "notes -> orders",
        "order_lines -> items",
        "order_lines -> orders",
        "orders -> items",
      ].sort(),
    );
    expect((await verify(source, place.target)).clean).toBe(true);
  });

  it("has no foreign key from a column that a rule gave another type", async () => {
    await using place = await workplace();
    const source = await place.file("shop.json", JSON.stringify(shop()));
    const copied = await copy(source, place.target, { rules: { "orders.productId": "jsonb" } });
    expect(copied.settlement.refused).toEqual([]);
    expect(await foreignKeys(place.url)).not.toContain("orders -> products");
  });

  it("takes rules for tables that are there from bind alone", async () => {
    await using place = await workplace();
    await sql(place.url, "create table products (id text primary key, name text)");
    const source = await place.file("shop.json", JSON.stringify(shop()));
    const rules = { "products.name": "jsonb" };
    await expect(
      copy(source, place.target, { bind: { products: {} }, rules }),
    ).rejects.toMatchObject({ code: "RULE_INVALID" });
  });
});
