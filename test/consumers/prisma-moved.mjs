/** The shop's app on the tables that its file was moved to, by the schema that `outgrow plan` wrote for Prisma. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { Prisma, prisma } from "./client.mjs";

const source = JSON.parse(readFileSync(process.env["SOURCE"] ?? "", "utf8"));
/** What a column of text holds of a text. @type {(text: string | null | undefined) => string | null} */
const held = (text) => (text?.includes("\u0000") || !text?.isWellFormed() ? null : text);

// Read: what was moved, in the order it had
const people = await prisma.customers.findMany({ orderBy: { id: "asc" } });
assert.deepEqual(
  people.map(({ id, name, email, phone, isActive, tags, address, createdAt }) => [
    ...[id, name, email, phone, isActive, tags, address, createdAt?.toISOString()],
  ]),
  source.customers.map((/** @type {any} */ was) => [
    ...[was.id, held(was.name), was.email, was.phone ?? null],
    ...[was.isActive, was.tags, was.address, was.createdAt],
  ]),
);
const catalog = await prisma.products.findMany({
  orderBy: { id: "asc" },
  include: {
    images: {
      orderBy: { position: "asc" },
      include: { versions: { orderBy: { position: "asc" } } },
    },
  },
});
assert.deepEqual(
  catalog.map(({ id, title, price, stock, images }) => [
    ...[id, title, price, Number(stock)],
    ...images.map((image) => [
      ...[image.id, image.url, image.alt],
      image.versions.map((version) => [version.id, Number(version.width)]),
    ]),
  ]),
  source.products.map((/** @type {any} */ was) => [
    ...[was.id, was.title, was.price, was.stock],
    ...(was.images ?? []).map((/** @type {any} */ image) => [
      ...[image.id, image.url, held(image.alt)],
      image.versions.map((/** @type {any} */ { id, width }) => [id, width]),
    ]),
  ]),
);
const sold = await prisma.orders.findMany({
  orderBy: { id: "asc" },
  include: { customer: true, product: { include: { images: true } } },
});
assert.deepEqual(
  sold.map(({ id, customer, product, total }) => [
    ...[Number(id), customer?.email, product?.title, total?.toFixed(2) ?? null],
  ]),
  source.orders.map((/** @type {any} */ was) => [
    was.id,
    source.customers.find((/** @type {any} */ { id }) => id === was.customerId)?.email,
    source.products.find((/** @type {any} */ { id }) => id === was.productId)?.title,
    amount(was.total)?.toFixed(2) ?? null,
  ]),
);
const { _sum } = await prisma.orders.aggregate({ _sum: { total: true } });
const totals = source.orders.map((/** @type {any} */ { total }) => amount(total) ?? 0);
assert.deepEqual(_sum.total, Prisma.Decimal.sum(...totals));
assert.equal(await prisma.customers.count({ where: { orders: { none: {} } } }), 0);

// Create: a record with what lies in it
await prisma.customers.create({
  data: { id: "c90", name: "New", email: "new@example.org", tags: ["x"] },
});
await prisma.products.create({
  data: {
    ...{ id: "p90", title: "New", price: 1.5, stock: 3 },
    images: {
      create: [
        { position: 1, id: "i90-1", url: "/second.png" },
        {
          ...{ position: 0, id: "i90-0", url: "/first.png", alt: "first" },
          versions: { create: { position: 0, id: "v90", width: 640 } },
        },
      ],
    },
  },
});
await prisma.orders.create({
  data: {
    ...{ id: 1900, quantity: 2, total: "19.99", status: "paid" },
    customer: { connect: { id: "c90" } },
    product: { connect: { id: "p90" } },
  },
});

// Update
await prisma.customers.update({ where: { id: "c01" }, data: { name: "Ada" } });
await prisma.customers.update({
  where: { id: "c02" },
  data: { tags: ["vip"], address: Prisma.DbNull },
});
await prisma.customers.update({ where: { id: "c03" }, data: { email: "grace@example.org" } });
await prisma.customers.update({ where: { id: "c10" }, data: { name: "Customer 10" } });
await prisma.products.update({
  where: { id: "p01" },
  data: {
    images: {
      update: {
        where: { productId_position: { productId: "p01", position: 0 } },
        data: { url: "/changed.png" },
      },
    },
  },
});
await prisma.products.update({
  where: { id: "p04" },
  data: { images: { create: { position: 2, id: "i4-2", url: "/third.png" } } },
});
await prisma.orders.update({ where: { id: 1006 }, data: { total: "12.50" } });
await prisma.orders.update({ where: { id: 1005 }, data: { quantity: 7 } });
await prisma.orders.update({ where: { id: 1019 }, data: { product: { disconnect: true } } });
await prisma.orders.update({
  where: { id: 1010 },
  data: { status: "shipped", note: "by hand" },
});

// Delete: what refers to a record keeps it, what lies in it goes with it.
await assert.rejects(prisma.customers.delete({ where: { id: "c23" } }), { code: "P2003" });
await prisma.orders.delete({ where: { id: 1023 } });
await prisma.customers.delete({ where: { id: "c23" } });
await prisma.products.delete({ where: { id: "p19" } });
assert.equal(await prisma.productImages.count({ where: { productId: "p19" } }), 0);
await prisma.productImageVersions.deleteMany({ where: { productId: "p05", imagePosition: 0 } });
assert.equal(await prisma.customers.count(), 24);
assert.equal(await prisma.products.count(), 22);
assert.equal(await prisma.orders.count(), 26);

await prisma.$disconnect();
console.log("ok");

/** @param {string | null} total */
function amount(total) {
  return total === null || total === "free"
    ? undefined
    : new Prisma.Decimal(total.replace(/[$, ]/g, ""));
}
