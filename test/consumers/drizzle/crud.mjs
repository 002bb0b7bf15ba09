/** An app that uses the schema which outgrow has made for Drizzle. It prints "ok" when all went well. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { asc, eq } from "drizzle-orm";
import { drizzle } from "drizzle-orm/node-postgres";
import pg from "pg";
import { agree } from "./agree.mjs";
import * as schema from "./schema.ts";

const { campaignAssets, campaigns, events, notes } = schema;
const pool = new pg.Pool({ connectionString: process.env["DATABASE_URL"] });
const db = drizzle(pool, { schema });

await agree(pool, schema);

const id = randomUUID();
const campaign = {
  id,
  title: "Spring",
  slug: "spring",
  status: "draft",
  price: 12.5,
  budget: "1200.00",
  views: 9_007_199_254_740_991,
  rank: 3,
  score: 0.1,
  active: true,
  createdAt: "2026-02-06T00:45:19.270Z",
  updatedAt: new Date("2026-02-06T00:45:19.270Z"),
  localAt: "2025-08-24 15:51:55",
  day: "2026-02-06",
  tags: ["a", "b,c"],
  words: ["w"],
  settings: { theme: { dark: true }, list: [1, null] },
  metadataSku: "sku-1",
  "first name": "Ada",
  order: "first",
  class: "A",
  "2fa": true,
  "a.b": "dots",
  aB: "camel",
  AND: "and",
  名前: "名",
};

// Create
await db.insert(campaigns).values(campaign);
await db
  .insert(campaignAssets)
  .values(
    [2, 0, 1].map((place) => ({ campaignId: id, place, name: `asset ${place}`, size: 10 * place })),
  );
await db.insert(schema.campaignAssetsVersions).values([
  { campaignId: id, assetPlace: 1, place: 1, url: "second" },
  { campaignId: id, assetPlace: 1, place: 0, url: "first" },
]);
await db.insert(schema.campaignLabels).values({ campaignId: id, name: "Über", color: "red" });
await db.insert(schema.campaignOwner).values({ campaignId: id, email: "ada@example.org" });
await db.insert(notes).values({ id: "n1", body: "one", role: "read-only", campaignId: id });
await db.insert(notes).values({ id: "n2", body: "two", parentId: "n1" });
const [event] = await db.insert(events).values({ position: 7, noteId: "n1" }).returning();
assert.equal(event?.kind, "it's an \\event");

// Read
const [read] = await db.select().from(campaigns).where(eq(campaigns.id, id));
assert.ok(read);
const { createdAt, localAt, ...same } = campaign;
for (const [name, value] of Object.entries(same)) {
  assert.deepEqual(read[/** @type {keyof typeof read} */ (name)], value, name);
}
assert.equal(new Date(read.createdAt ?? "").toISOString(), createdAt);
assert.equal(read.localAt, localAt);

// A record with what lies in it, in order
const whole = await db.query.campaigns.findFirst({
  where: eq(campaigns.id, id),
  with: {
    assets: {
      orderBy: asc(campaignAssets.place),
      with: { versions: { orderBy: asc(schema.campaignAssetsVersions.place) } },
    },
    labels: true,
    owner: true,
    notes: { with: { eventsByNote: true } },
  },
});
assert.deepEqual(
  whole?.assets.map(({ name, size }) => [name, size]),
  [0, 1, 2].map((place) => [`asset ${place}`, 10 * place]),
);
assert.deepEqual(
  whole?.assets[1]?.versions.map(({ url }) => url),
  ["first", "second"],
);
assert.equal(whole?.labels[0]?.name, "Über");
assert.equal(whole?.owner?.email, "ada@example.org");
assert.equal(whole?.notes[0]?.eventsByNote[0]?.position, 7);
const reply = await db.query.notes.findFirst({
  where: eq(notes.id, "n2"),
  with: { parent: { with: { campaign: true } } },
});
assert.equal(reply?.parent?.campaign?.slug, "spring");

// Update
await db.update(campaigns).set({ status: "live", views: 2 }).where(eq(campaigns.id, id));
const [updated] = await db.select().from(campaigns).where(eq(campaigns.id, id));
assert.equal(`${updated?.status} ${updated?.views}`, "live 2");

// Delete: what lies in a record goes with it, what refers to it stays.
await db.delete(campaigns).where(eq(campaigns.id, id));
assert.equal(await db.$count(campaignAssets), 0);
assert.equal(await db.$count(schema.campaignAssetsVersions), 0);
const [left] = await db.select().from(notes).where(eq(notes.id, "n1"));
assert.equal(left?.campaignId, null);

await pool.end();
console.log("ok");
