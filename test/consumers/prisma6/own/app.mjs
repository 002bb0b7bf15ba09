/** The app that made its own tables, behind the move: by its own schema, which nobody changed. It prints "ok". */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { PrismaPg } from "@prisma/adapter-pg";
import { Prisma, PrismaClient } from "./generated/index.js";

const prisma = new PrismaClient({
  adapter: new PrismaPg({ connectionString: process.env["DATABASE_URL"] }),
});
const source = JSON.parse(readFileSync(process.env["SOURCE"] ?? "", "utf8"));

// Read: what was moved into its tables
const people = await prisma.customer.findMany({ orderBy: { id: "asc" } });
assert.deepEqual(
  people.map(({ id, name, email, phone, isActive, role, tags, address, createdAt }) => [
    ...[id, name, email, phone, isActive, role, tags, address, createdAt.toISOString()],
  ]),
  source.customers.map((/** @type {any} */ was) => [
    // NUL and half characters lie in the ledger; the column has its own default.
    ...[was.id, was.id === "c03" || was.id === "c04" ? "" : was.name, was.email],
    ...[was.phone ?? null, was.isActive, "BUYER", was.tags, was.address, was.createdAt],
  ]),
);
const catalog = await prisma.product.findMany({
  orderBy: { id: "asc" },
  include: {
    images: { orderBy: { position: "asc" }, include: { versions: { orderBy: { width: "asc" } } } },
  },
});
assert.deepEqual(
  catalog.map(({ id, title, price, images }) => [
    ...[id, title, price.toNumber()],
    ...images.map(({ url, versions }) => [url, versions.map(({ width }) => width)]),
  ]),
  source.products.map((/** @type {any} */ was) => [
    ...[was.id, was.title, was.price],
    ...(was.images ?? []).map((/** @type {any} */ { url, versions }) => [
      url,
      versions.map((/** @type {any} */ { width }) => width),
    ]),
  ]),
);
const sold = await prisma.order.findMany({
  orderBy: { id: "asc" },
  include: { customer: true, product: true },
});
assert.deepEqual(
  sold.map(({ id, customer, product, status, placedAt, weight }) => [
    ...[id, customer?.email, product?.title, status, placedAt.toISOString(), weight],
  ]),
  source.orders.map((/** @type {any} */ was) => [
    was.id,
    source.customers.find((/** @type {any} */ { id }) => id === was.customerId)?.email,
    source.products.find((/** @type {any} */ { id }) => id === was.productId)?.title,
    was.status.toUpperCase(),
    was.placedAt === "yesterday" ? "1970-01-01T00:00:00.000Z" : was.placedAt,
    was.id === 1012 ? null : (was.weight ?? null),
  ]),
);
const { _sum, _count } = await prisma.order.aggregate({
  _sum: { total: true },
  _count: { total: true },
});
assert.equal(_count.total, 24);
const totals = source.orders.flatMap((/** @type {any} */ { total }) =>
  total === null || total === "free" ? [] : [total.replace(/[$, ]/g, "")],
);
assert.deepEqual(_sum.total, Prisma.Decimal.sum(...totals));

// Create: rows of its own beside the moved ones, numbered behind them
const order = await prisma.order.create({
  data: {
    ...{ quantity: 1, total: "9.5", status: "PAID" },
    customer: { create: { email: "own@example.org", name: "Own", role: "ADMIN", tags: [] } },
    product: {
      create: {
        ...{ title: "Own", price: 2 },
        images: { create: { url: "/own.png", versions: { create: { width: 1 } } } },
      },
    },
  },
});
assert.equal(order.id, 1026);
await assert.rejects(prisma.customer.create({ data: { email: "c1@example.org" } }), {
  code: "P2002",
});

// Update and delete
await prisma.customer.update({ where: { id: "c01" }, data: { name: "Ada", role: "ADMIN" } });
await prisma.order.update({ where: { id: 1006 }, data: { total: "12.5", status: "SHIPPED" } });
const [image] = await prisma.productImage.findMany({ where: { productId: "p01", position: 0 } });
await prisma.productImage.update({ where: { id: image?.id ?? "" }, data: { url: "/changed.png" } });
await prisma.productImage.deleteMany({ where: { productId: "p04", position: 1 } });
await prisma.productImage.create({
  data: { productId: "p02", position: 3, url: "/own.png", versions: { create: { width: 7 } } },
});
await prisma.order.delete({ where: { id: 1023 } });
assert.equal(await prisma.order.count(), 26);

await prisma.$disconnect();
console.log("ok");
