/** An app that uses the schema which outgrow has made for Prisma 6. It prints "ok" when all went well. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { PrismaPg } from "@prisma/adapter-pg";
import { Prisma, PrismaClient } from "@prisma/client";

const prisma = new PrismaClient({
  adapter: new PrismaPg({ connectionString: process.env["DATABASE_URL"] }),
});

const id = randomUUID();
const campaign = {
  id,
  title: "Spring",
  slug: "spring",
  status: "draft",
  price: new Prisma.Decimal("12.5"),
  budget: new Prisma.Decimal("1200"),
  views: 9_007_199_254_740_993n,
  rank: 3,
  score: 0.1,
  active: true,
  createdAt: new Date("2026-02-06T00:45:19.270Z"),
  updatedAt: new Date("2026-02-06T00:45:19.270Z"),
  localAt: new Date("2025-08-24T15:51:55.000Z"),
  day: new Date("2026-02-06"),
  tags: ["a", "b,c"],
  words: ["w"],
  settings: { theme: { dark: true }, list: [1, null] },
  metadataSku: "sku-1",
  firstName: "Ada",
  order: "first",
  class: "A",
  column2fa: true,
  aBField: "dots",
  aB: "camel",
  ANDField: "and",
};

// Create: a record with what lies in it
await prisma.campaigns.create({
  data: {
    ...campaign,
    assets: {
      create: [2, 0, 1].map((place) => ({ place, name: `asset ${place}`, size: 10 * place })),
    },
    labels: { create: { name: "Über", color: "red" } },
    owner: { create: { email: "ada@example.org" } },
  },
});
await prisma.campaignAssetsVersions.createMany({
  data: [
    { campaignId: id, assetPlace: 1, place: 1, url: "second" },
    { campaignId: id, assetPlace: 1, place: 0, url: "first" },
  ],
});
await prisma.notes.create({ data: { id: "n1", body: "one", role: "readOnly", campaignId: id } });
await prisma.notes.create({ data: { id: "n2", body: "two", parent: { connect: { id: "n1" } } } });
const event = await prisma.events.create({
  data: { position: 7, note: { connect: { id: "n1" } } },
});
assert.equal(event.kind, "it's an \\event");

// Read
const read = await prisma.campaigns.findUniqueOrThrow({ where: { id } });
for (const [name, value] of Object.entries(campaign)) {
  assert.deepEqual(read[/** @type {keyof typeof read} */ (name)], value, name);
}

// A record with what lies in it, in order
const whole = await prisma.campaigns.findUniqueOrThrow({
  where: { id },
  include: {
    assets: { orderBy: { place: "asc" }, include: { versions: { orderBy: { place: "asc" } } } },
    labels: true,
    owner: true,
    notes: { include: { eventsByNote: true } },
  },
});
assert.deepEqual(
  whole.assets.map(({ name, size }) => [name, size]),
  [0, 1, 2].map((place) => [`asset ${place}`, BigInt(10 * place)]),
);
assert.deepEqual(
  whole.assets[1]?.versions.map(({ url }) => url),
  ["first", "second"],
);
assert.equal(whole.labels[0]?.name, "Über");
assert.equal(whole.owner?.email, "ada@example.org");
assert.equal(whole.notes[0]?.role, "readOnly");
assert.equal(whole.notes[0]?.eventsByNote[0]?.position, 7n);
const reply = await prisma.notes.findUniqueOrThrow({
  where: { id: "n2" },
  include: { parent: { include: { campaign: true } } },
});
assert.equal(reply.parent?.campaign?.slug, "spring");
const compound = { campaignId_place: { campaignId: id, place: 2n } };
assert.equal((await prisma.campaignAssets.findUnique({ where: compound }))?.name, "asset 2");

// Update
await prisma.campaigns.update({ where: { id }, data: { status: "live", views: { increment: 2 } } });
const updated = await prisma.campaigns.findUniqueOrThrow({ where: { slug: "spring" } });
assert.equal(`${updated.status} ${updated.views}`, "live 9007199254740995");

// Delete: what lies in a record goes with it, what refers to it stays.
await prisma.campaigns.delete({ where: { id } });
assert.equal(await prisma.campaignAssets.count(), 0);
assert.equal(await prisma.campaignAssetsVersions.count(), 0);
assert.equal((await prisma.notes.findUniqueOrThrow({ where: { id: "n1" } })).campaignId, null);

await prisma.$disconnect();
console.log("ok");
