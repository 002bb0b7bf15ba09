/** The shop's app on the tables that its file was moved to, by the schema that `outgrow plan` wrote. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { and, asc, eq, sum } from "drizzle-orm";
import { drizzle } from "drizzle-orm/node-postgres";
import pg from "pg";
import { agree } from "../agree.mjs";
import * as schema from "./schema.ts";

const { customers, orders, productImages, productImageVersions, products } = schema;
const pool = new pg.Pool({ connectionString: process.env["DATABASE_URL"] });
const db = drizzle(pool, { schema });
const source = JSON.parse(readFileSync(process.env["SOURCE"] ?? "", "utf8"));
/** What a column of text holds of a text. @type {(text: string | null | undefined) => string | null} */
const held = (text) => (text?.includes("\u0000") || !text?.isWellFormed() ? null : text);

await agree(pool, schema);

// Read: what was moved, in the order it had
const people = await db.select().from(customers).orderBy(asc(customers.id));
assert.equal(people.length, source.customers.length);
for (const [
  index,
  { id, name, email, phone, isActive, tags, address, createdAt },
] of Object.entries(people)) {
  const was = source.customers[index];
  assert.deepEqual([id, email, isActive], [was.id, was.email, was.isActive]);
  assert.deepEqual([name, phone], [held(was.name), was.phone ?? null]);
  assert.deepEqual([tags, address], [was.tags, was.address]);
  assert.equal(new Date(createdAt ?? "").toISOString(), was.createdAt);
}
const catalog = await db.query.products.findMany({
  orderBy: asc(products.id),
  with: {
    images: {
      orderBy: asc(productImages.position),
      with: { versions: { orderBy: asc(productImageVersions.position) } },
    },
  },
});
assert.deepEqual(
  catalog.map(({ id, title, price, stock, images }) => [
    id,
    title,
    price,
    stock,
    ...images.map(plain),
  ]),
  source.products.map((/** @type {any} */ was) => {
    const images = (was.images ?? []).map((/** @type {any} */ image) => [
      image.id,
      image.url,
      held(image.alt),
      image.versions.map((/** @type {any} */ { id, width }) => [id, width]),
    ]);
    return [was.id, was.title, was.price, was.stock, ...images];
  }),
);
const sold = await db.query.orders.findMany({
  orderBy: asc(orders.id),
  with: { customer: true, product: { with: { images: true } } },
});
assert.deepEqual(
  sold.map(({ id, customer, product, total }) => [id, customer?.email, product?.title, total]),
  source.orders.map((/** @type {any} */ was) => [
    was.id,
    source.customers.find((/** @type {any} */ { id }) => id === was.customerId)?.email,
    source.products.find((/** @type {any} */ { id }) => id === was.productId)?.title,
    was.total === "free" ? null : (amount(was.total)?.toFixed(2) ?? null),
  ]),
);
const [{ all } = {}] = await db.select({ all: sum(orders.total) }).from(orders);
const totals = source.orders.map((/** @type {any} */ { total }) => amount(total) ?? 0);
assert.equal(
  Number(all),
  Math.round(totals.reduce((/** @type {number} */ a, /** @type {number} */ b) => a + b * 100, 0)) /
    100,
);

// Create
await db
  .insert(customers)
  .values({ id: "c90", name: "New", email: "new@example.org", tags: ["x"] });
await db.insert(products).values({ id: "p90", title: "New", price: 1.5, stock: 3 });
await db.insert(productImages).values([
  { productId: "p90", position: 1, id: "i90-1", url: "/second.png" },
  { productId: "p90", position: 0, id: "i90-0", url: "/first.png", alt: "first" },
]);
await db
  .insert(productImageVersions)
  .values({ productId: "p90", imagePosition: 0, position: 0, id: "v90", width: 640 });
await db.insert(orders).values({
  id: 1900,
  customerId: "c90",
  productId: "p90",
  quantity: 2,
  total: "19.99",
  status: "paid",
});

// Update
await db.update(customers).set({ name: "Ada" }).where(eq(customers.id, "c01"));
await db
  .update(customers)
  .set({ tags: ["vip"], address: null })
  .where(eq(customers.id, "c02"));
await db.update(customers).set({ email: "grace@example.org" }).where(eq(customers.id, "c03"));
await db.update(customers).set({ name: "Customer 10" }).where(eq(customers.id, "c10"));
const first = and(eq(productImages.productId, "p01"), eq(productImages.position, 0));
await db.update(productImages).set({ url: "/changed.png" }).where(first);
await db
  .insert(productImages)
  .values({ productId: "p04", position: 2, id: "i4-2", url: "/third.png" });
await db.update(orders).set({ total: "12.50" }).where(eq(orders.id, 1006));
await db.update(orders).set({ quantity: 7 }).where(eq(orders.id, 1005));
await db.update(orders).set({ productId: null }).where(eq(orders.id, 1019));
await db.update(orders).set({ status: "shipped", note: "by hand" }).where(eq(orders.id, 1010));

// Delete: what refers to a record keeps it, what lies in it goes with it.
const refused = await db
  .delete(customers)
  .where(eq(customers.id, "c23"))
  .catch((error) => error);
assert.equal(refused.cause?.code, "23503");
await db.delete(orders).where(eq(orders.id, 1023));
await db.delete(customers).where(eq(customers.id, "c23"));
await db.delete(products).where(eq(products.id, "p19"));
assert.equal(await db.$count(productImages, eq(productImages.productId, "p19")), 0);
await db
  .delete(productImageVersions)
  .where(and(eq(productImageVersions.productId, "p05"), eq(productImageVersions.imagePosition, 0)));
assert.equal(await db.$count(customers), 24);
assert.equal(await db.$count(products), 22);
assert.equal(await db.$count(orders), 26);

await pool.end();
console.log("ok");

/** @param {(typeof catalog)[number]["images"][number]} image */
function plain({ id, url, alt, versions }) {
  return [id, url, alt, versions.map(({ id: version, width }) => [version, width])];
}

/** @param {string | null} total */
function amount(total) {
  return total === null || total === "free" ? undefined : Number(total.replace(/[$, ]/g, ""));
}
