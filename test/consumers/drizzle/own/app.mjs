/** The app that made its own tables, behind the move: by its own schema, which nobody changed. It prints "ok". */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { and, asc, count, eq, sum } from "drizzle-orm";
import { drizzle } from "drizzle-orm/node-postgres";
import pg from "pg";
import { agree } from "../agree.mjs";
import * as schema from "./schema.mjs";

const { customers, orders, productImages, products } = schema;
const pool = new pg.Pool({ connectionString: process.env["DATABASE_URL"] });
const db = drizzle(pool, { schema });
const source = JSON.parse(readFileSync(process.env["SOURCE"] ?? "", "utf8"));

await agree(pool, schema);

// Read: what was moved into its tables
const people = await db.select().from(customers).orderBy(asc(customers.createdAt));
assert.deepEqual(
  people.map(({ name, email, phone, isActive, tags, address, createdAt }) => [
    ...[name, email, phone, isActive, tags, address, createdAt.toISOString()],
  ]),
  source.customers.map((/** @type {any} */ was) => [
    // NUL and half characters lie in the ledger; the column has its own default.
    ...[was.id === "c03" || was.id === "c04" ? "" : was.name, was.email],
    ...[was.phone ?? null, was.isActive, was.tags, was.address, was.createdAt],
  ]),
);
const catalog = await db.query.products.findMany({
  orderBy: asc(products.id),
  with: { images: { orderBy: asc(productImages.position) } },
});
assert.deepEqual(
  catalog.map(({ id, title, price, stock, images }) => [
    ...[id, title, price, stock],
    ...images.map(({ url, versions }) => [url, versions]),
  ]),
  source.products.map((/** @type {any} */ was) => [
    ...[was.id, was.title, Number(was.price.toFixed(2)), was.stock],
    ...(was.images ?? []).map((/** @type {any} */ { url, versions }) => [url, versions]),
  ]),
);
const sold = await db.query.orders.findMany({
  orderBy: asc(orders.id),
  with: { customer: true, product: true },
});
assert.deepEqual(
  sold.map(({ id, customer, product, status, placedAt, weight }) => [
    ...[id, customer?.email, product?.title, status, weight],
    placedAt && new Date(`${placedAt}Z`).toISOString(),
  ]),
  source.orders.map((/** @type {any} */ was) => [
    was.id,
    source.customers.find((/** @type {any} */ { id }) => id === was.customerId)?.email,
    source.products.find((/** @type {any} */ { id }) => id === was.productId)?.title,
    was.status,
    was.id === 1012 ? null : (was.weight ?? null),
    was.placedAt === "yesterday" ? null : was.placedAt,
  ]),
);
const [totals] = await db
  .select({ sum: sum(orders.total), count: count(orders.total) })
  .from(orders);
const wanted = source.orders.flatMap((/** @type {any} */ { total }) =>
  total === null || total === "free" ? [] : [Number(total.replace(/[$, ]/g, "")) * 100],
);
const cents = wanted.reduce((/** @type {number} */ a, /** @type {number} */ b) => a + b, 0);
assert.deepEqual(totals, { sum: (cents / 100).toFixed(2), count: wanted.length });

// Create: rows of its own beside the moved ones, numbered behind them
const [own] = await db
  .insert(customers)
  .values({ email: "own@example.org", name: "Own" })
  .returning();
await db.insert(products).values({ id: "own", title: "Own", price: 2 });
await db.insert(productImages).values({ productId: "own", position: 0, url: "/own.png" });
const [order] = await db
  .insert(orders)
  .values({
    customerId: own?.id ?? "",
    productId: "own",
    quantity: 1,
    total: "9.50",
    status: "paid",
  })
  .returning();
assert.equal(order?.id, 1026);

// Update and delete
await db.update(customers).set({ name: "Ada" }).where(eq(customers.email, "c1@example.org"));
await db.update(orders).set({ total: "12.50", status: "shipped" }).where(eq(orders.id, 1006));
const image = (/** @type {string} */ product, /** @type {number} */ position) =>
  and(eq(productImages.productId, product), eq(productImages.position, position));
await db.update(productImages).set({ url: "/changed.png" }).where(image("p01", 0));
await db.delete(productImages).where(image("p04", 1));
await db
  .insert(productImages)
  .values({ productId: "p02", position: 3, url: "/own.png", versions: [{ width: 7 }] });
await db.delete(orders).where(eq(orders.id, 1023));
assert.equal(await db.$count(orders), 26);

await pool.end();
console.log("ok");
