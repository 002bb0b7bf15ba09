/** Tables as Prisma and Drizzle make them. */
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { canonicalText } from "../../src/collection/canonical.ts";
import { encodeKey, type Key } from "../../src/collection/key.ts";
import type { Value } from "../../src/collection/value.ts";
import { bindLayout } from "../../src/layout/bind.ts";
import type { Catalog } from "../../src/layout/catalog.ts";
import { VALUES } from "../collection/values.ts";
import { propertyRuns } from "../support/property.ts";
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
import { throughLayout } from "./through-layout.ts";

/** What `prisma migrate` writes: quoted camelCase, TIMESTAMP(3), text ids, an enum. */
const PRISMA = `
CREATE TYPE "Role" AS ENUM ('USER', 'ADMIN');
CREATE TABLE "User" (
  "id" TEXT NOT NULL,
  "email" TEXT NOT NULL,
  "name" TEXT,
  "role" "Role" NOT NULL DEFAULT 'USER',
  "tags" TEXT[] DEFAULT ARRAY[]::TEXT[],
  "balance" DECIMAL(65,30) NOT NULL DEFAULT 0,
  "score" DOUBLE PRECISION,
  "settings" JSONB NOT NULL DEFAULT '{}',
  "isActive" BOOLEAN NOT NULL DEFAULT true,
  "loginCount" INTEGER NOT NULL DEFAULT 0,
  "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "updatedAt" TIMESTAMP(3) NOT NULL,
  CONSTRAINT "User_pkey" PRIMARY KEY ("id")
);
CREATE UNIQUE INDEX "User_email_key" ON "User"("email");
CREATE TABLE "ApiKey" (
  "id" TEXT NOT NULL, "key" TEXT NOT NULL, "userId" TEXT NOT NULL,
  CONSTRAINT "ApiKey_pkey" PRIMARY KEY ("id")
);
ALTER TABLE "ApiKey" ADD CONSTRAINT "ApiKey_userId_fkey" FOREIGN KEY ("userId") REFERENCES "User"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
`;

/** What Drizzle Kit writes: serial and identity keys, varchar, timestamps with and without a zone. */
const DRIZZLE = `
CREATE TYPE "public"."status" AS ENUM('draft', 'in-review', 'published');
CREATE TABLE "posts" (
  "id" serial PRIMARY KEY NOT NULL,
  "slug" varchar(20) NOT NULL,
  "title" text DEFAULT '' NOT NULL,
  "status" "status" DEFAULT 'draft' NOT NULL,
  "author_id" integer,
  "views" bigint DEFAULT 0 NOT NULL,
  "rating" real,
  "price" numeric(10, 2) DEFAULT '0.00' NOT NULL,
  "labels" text[] DEFAULT '{}'::text[] NOT NULL,
  "published_on" date,
  "edited_at" timestamp with time zone DEFAULT now() NOT NULL,
  "seen_at" timestamp (0),
  "search" text GENERATED ALWAYS AS (upper("title")) STORED,
  CONSTRAINT "posts_slug_unique" UNIQUE("slug")
);
CREATE TABLE "authors" (
  "id" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "authors_id_seq"),
  "name" text
);
ALTER TABLE "posts" ADD CONSTRAINT "posts_author_id_fk" FOREIGN KEY ("author_id") REFERENCES "authors"("id");
CREATE TABLE "post_comments" (
  "post_id" integer NOT NULL REFERENCES "posts"("id") ON DELETE cascade,
  "position" bigint NOT NULL,
  "body" text,
  PRIMARY KEY("post_id", "position")
);
CREATE TABLE "post_details" (
  "post_id" integer PRIMARY KEY REFERENCES "posts"("id"),
  "summary" text
);
`;

let prisma: Catalog;
let drizzle: Catalog;
beforeAll(async () => {
  prisma = await catalogOf(PRISMA);
  drizzle = await catalogOf(DRIZZLE);
});

function expectLawful(layout: ReturnType<typeof layoutIn>, key: Key, record: Value): void {
  const back = throughLayout(layout, encodeKey(key), record);
  expect(canonicalText(back.value)).toBe(canonicalText(record));
  expect(back.key).toBe(encodeKey(key));
}

describe("a table as Prisma makes it", () => {
  const users: readonly Value[] = [
    {
      id: "clx1",
      email: "a@b.c",
      name: "A",
      role: "ADMIN",
      tags: ["x"],
      balance: 1.5,
      settings: { a: 1 },
      isActive: false,
      loginCount: 3,
      createdAt: "2025-01-01T00:00:00.000Z",
      updatedAt: "2025-01-01T00:00:00.123Z",
      apiKeys: [{ id: "k", key: "s" }],
    },
    {
      id: "clx2",
      email: "b@b.c",
      name: null,
      createdAt: "2025-01-01T00:00:00.000Z",
      updatedAt: "2025-01-02T00:00:00.000Z",
      score: 0.5,
    },
  ];

  it("takes the collection by the singular of its name, and properties as they are", () => {
    const bound = bindLayout(profileOf("users", users), prisma);
    expect(fatal(bound)).toEqual([]);
    const layout = layoutIn(bound);
    expect(layout.tables[0]).toMatchObject({ name: "User", key: { name: "id", codec: "text" } });
    expect(columnNames(bound)).toEqual([
      "email",
      "name",
      "role",
      "tags",
      "balance",
      "score",
      "settings",
      "isActive",
      "loginCount",
      "createdAt",
      "updatedAt",
    ]);
    expect(columnIn(bound, "createdAt")).toMatchObject({
      codec: "iso-timestamp",
      type: "timestamp",
      sqlType: "timestamp(3) without time zone",
    });
    for (const user of users) expectLawful(layout, (user as { id: string }).id, user);
  });

  it("fills what refuses NULL with the column's own constant", () => {
    const bound = bindLayout(profileOf("users", users), prisma);
    expect(columnIn(bound, "role")).toMatchObject({
      codec: "enum",
      fill: "USER",
      labels: { USER: "USER", ADMIN: "ADMIN" },
      sqlType: '"Role"',
    });
    expect(columnIn(bound, "balance")).toMatchObject({
      codec: "decimal",
      precision: 65,
      scale: 30,
      fill: `0.${"0".repeat(30)}`,
    });
    expect(columnIn(bound, "settings")).toMatchObject({ codec: "jsonb", fill: "{}" });
    expect(columnIn(bound, "isActive").fill).toBe(true);
    expect(columnIn(bound, "loginCount")).toMatchObject({
      codec: "integer",
      type: "integer",
      fill: 0,
    });
    expect(columnIn(bound, "tags")).toMatchObject({ codec: "text-list" });
    expect(columnIn(bound, "createdAt").fill).toBeUndefined();
  });

  it("names what may conflict: the unique address, and what every record seen has", () => {
    const bound = bindLayout(profileOf("users", users), prisma);
    expect(codes(bound.problems.filter(({ table }) => table === "User"))).toEqual([
      "NOT_NULL createdAt",
      "NOT_NULL email",
      "NOT_NULL updatedAt",
      "UNIQUE email",
    ]);
    expect(codes(bound.problems.filter(({ table }) => table === "ApiKey"))).toEqual([
      "NOT_NULL key",
    ]);
  });

  it("is not bound without a word where records lack what it refuses to be without", () => {
    const bound = bindLayout(
      profileOf("users", [
        { id: "a", email: "a" },
        { id: "b", updatedAt: "2025-01-02T00:00:00.000Z" },
      ]),
      prisma,
    );
    expect(codes(fatal(bound))).toEqual(["NOT_NULL email", "NOT_NULL updatedAt"]);
    const mended = bindLayout(profileOf("users", [{ id: "a" }]), prisma, {
      fills: { email: "", updatedAt: "1970-01-01T00:00:00.000Z" },
    });
    expect(fatal(mended)).toEqual([]);
    expect(columnIn(mended, "updatedAt")).toMatchObject({ fill: 0, path: ["updatedAt"] });
    expectLawful(layoutIn(mended), "a", { id: "a" });
    expectLawful(layoutIn(mended), "a", { id: "a", email: "", updatedAt: null });
  });

  it("takes labels in another spelling, where each label has one", () => {
    const labels = (...roles: string[]) => {
      const seen = profileOf(
        "users",
        roles.map((role, id) => ({ id: `${id}`, role })),
      );
      return columnIn(bindLayout(seen, prisma), "role").labels;
    };
    expect(labels("Admin", "USER")).toEqual({ Admin: "ADMIN", USER: "USER" });
    expect(labels("Admin", "ADMIN", "user")).toEqual({ ADMIN: "ADMIN", user: "USER" });
    expect(labels("Admin", "admin")).toEqual({ ADMIN: "ADMIN", USER: "USER" });
    // Of too many texts, or of long ones, nobody keeps all.
    const others = Array.from({ length: 70 }, (_, at) => `other ${at}`);
    expect(labels("Admin", ...others)).toEqual({ ADMIN: "ADMIN", USER: "USER" });
    expect(labels("Admin", "x".repeat(64))).toEqual({ ADMIN: "ADMIN", USER: "USER" });
  });
});

describe("a table as Drizzle makes it", () => {
  const posts: readonly Value[] = [
    {
      id: 1,
      slug: "a",
      title: "A",
      status: "in-review",
      authorId: 7,
      views: 5,
      rating: 0.1,
      price: 1.25,
      labels: ["x", "y"],
      publishedOn: "2025-01-01",
      editedAt: 1_735_689_600_000,
      seenAt: "2025-01-01T00:00:00Z",
      search: "A",
      comments: [{ body: "b" }, { body: null, by: 1 }],
      details: { summary: "s" },
    },
    { id: 2, slug: "b", editedAt: 1_735_689_600_001, labels: [], comments: [] },
  ];

  it("gets the codecs that its types ask for", () => {
    const bound = bindLayout(profileOf("posts", posts), drizzle, {
      collections: { authors: "authors" },
    });
    expect(fatal(bound)).toEqual([]);
    expect(layoutIn(bound).tables[0].key).toEqual({
      name: "id",
      codec: "integer",
      type: "integer",
    });
    expect(columnIn(bound, "author_id")).toMatchObject({
      codec: "integer",
      type: "integer",
      to: "authors",
      late: true,
    });
    expect(columnIn(bound, "rating")).toMatchObject({ codec: "number", type: "real" });
    expect(columnIn(bound, "price")).toMatchObject({ precision: 10, scale: 2, fill: "0.00" });
    expect(columnIn(bound, "title").fill).toBe("");
    expect(columnIn(bound, "published_on").codec).toBe("iso-date");
    expect(columnIn(bound, "edited_at").codec).toBe("epoch-ms");
    expect(columnIn(bound, "seen_at")).toMatchObject({ codec: "iso-seconds", type: "timestamp" });
    expect(columnNames(bound)).not.toContain("search");
    for (const post of posts) expectLawful(layoutIn(bound), (post as { id: number }).id, post);
  });

  it("has children by their place, and one for a nested object", () => {
    const bound = bindLayout(profileOf("posts", posts), drizzle);
    expect(childIn(bound, "post_comments").key).toEqual({
      by: "place",
      parent: ["post_id"],
      place: "position",
    });
    expect(childIn(bound, "post_details")).toMatchObject({
      holds: "object",
      key: { by: "place", parent: ["post_id"] },
    });
  });

  it("says what the database computes, counts and rounds", () => {
    const bound = bindLayout(
      profileOf("posts", [
        ...posts,
        { id: 3, slug: "c", seenAt: "2025-01-01T00:00:00.123Z" },
        { id: 4, seenAt: "2025-01-01T00:00:00.123Z" },
      ]),
      drizzle,
    );
    expect(codes(bound.problems)).toEqual(
      [
        "FOREIGN_KEY author_id",
        "GENERATED search",
        "NOT_NULL edited_at",
        "NOT_NULL slug",
        "SPILLS rating",
        "TYPE seen_at",
        "UNIQUE slug",
      ].filter((code) => code !== "SPILLS rating"),
    );
    expect(bound.choices).toContainEqual(
      expect.objectContaining({
        subject: "public.posts_id_seq",
        choice: "raised to the highest key behind the copy",
      }),
    );
  });

  it("refuses keys of another type than its own", () => {
    const bound = bindLayout(profileOf("authors", [{ id: "a" }, { id: 2 }]), drizzle);
    expect(bound.layout).toBeUndefined();
    expect(codes(fatal(bound))).toEqual(["KEY_TYPE id"]);
    expect(fatal(bound)[0]?.message).toContain("1 of 2 keys");
  });
});

describe("law L1: whatever the app writes next comes back exactly", () => {
  const values = VALUES.map(([, value]) => value);
  const anyValue = fc.oneof(
    fc.constantFrom<Value>(
      ...values,
      "",
      "USER",
      "draft",
      "0.00",
      0,
      "2025-01-01T00:00:00Z",
      "2025-01-01",
      "2025-01-01T00:00:00.120Z",
    ),
    fc.string({ unit: "grapheme", maxLength: 30 }),
    fc.integer(),
    fc.double(),
    fc.array(
      fc.dictionary(fc.constantFrom("id", "body", "by", "key"), fc.constantFrom<Value>(...values)),
      { maxLength: 3 },
    ),
  );
  const of = (names: readonly string[]) =>
    fc
      .dictionary(fc.constantFrom(...names), anyValue, { maxKeys: names.length })
      .map((record): Record<string, Value> => ({ ...record }));

  it("through tables of Prisma and Drizzle", () => {
    const user = bindLayout(profileOf("users", [{ id: "a" }]), prisma, {
      fills: { email: "", updatedAt: 0, createdAt: 0, tags: [], loginCount: 7 },
      columns: Object.fromEntries(
        ["name", "role", "balance", "score", "settings"].map((name) => [name, [name]]),
      ),
    });
    const post = bindLayout(
      profileOf("posts", [
        {
          id: 1,
          slug: "a",
          editedAt: 1,
          labels: [],
          comments: [{ body: "b" }],
          details: { summary: "s" },
          title: "t",
          price: 1,
          views: 1,
          status: "draft",
        },
      ]),
      drizzle,
    );
    for (const [bound, key] of [
      [user, "a"],
      [post, 1],
    ] as const) {
      const layout = layoutIn(bound);
      const names = layout.tables.flatMap(({ columns }, at) =>
        at === 0 ? columns.map(({ path }) => path[0] as string) : [],
      );
      expect(names.length).toBeGreaterThan(6);
      fc.assert(
        fc.property(of(["id", "comments", "details", "other", ...names]), (record) =>
          expectLawful(layout, key, record),
        ),
        propertyRuns(500),
      );
    }
  });
});
