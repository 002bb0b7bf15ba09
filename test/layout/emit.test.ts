/** What is emitted for layouts. Whether databases and tools take it: emit-sql.test.ts, test/consumers. */
import { describe, expect, it } from "vitest";
import {
  afterLoadStatements,
  describeTables,
  drizzleSchema,
  type EmitInput,
  prismaConfig,
  prismaSchema,
  sqlMigration,
} from "../../src/layout/emit/index.ts";
import { createTableSql } from "../../src/layout/emit/sql.ts";
import type { Layout, TableLayout } from "../../src/layout/layout.ts";
import { layoutsUnderTest } from "../consumers/layouts.ts";

const plain: EmitInput = { schema: "public", layouts: layoutsUnderTest() };
const tenants: EmitInput = { schema: "app", layouts: layoutsUnderTest("tenant_id") };

function one(table: Partial<TableLayout>, more: Partial<Layout> = {}): EmitInput {
  const root: TableLayout = {
    name: "things",
    key: { name: "id", codec: "text" },
    columns: [],
    ...table,
  };
  const key = { from: "property", path: ["id"] } as const;
  const layout: Layout = { version: 2, collection: "things", key, tables: [root], ...more };
  return { schema: "public", layouts: [layout] };
}

describe("the description", () => {
  it("names indexes and constraints apart, within 63 bytes, and the same every time", () => {
    const long = "a_table_whose_name_is_about_as_long_as_postgres_lets_it_be_so";
    const input = one({
      name: long,
      columns: [
        { name: "first", codec: "text", path: ["first"], nullMeans: "absent" },
        { name: "second", codec: "text", path: ["second"], nullMeans: "absent" },
      ],
      indexes: [{ columns: ["first"] }, { columns: ["second"] }, { columns: ["first"] }],
    });
    const names = afterLoadStatements(input).map((statement) => statement.name);
    expect(new Set(names).size).toBe(3);
    for (const name of names) expect(Buffer.byteLength(name)).toBeLessThanOrEqual(63);
    expect(afterLoadStatements(input).map((statement) => statement.name)).toEqual(names);
    expect(prismaSchema({ ...input, layouts: layoutsUnderTest("t") }, { version: 6 })).toContain(
      'map: "campaign_assets_pkey"',
    );
  });

  it("takes NOT NULL from keys, from what is filled, and from what it is told", () => {
    const columns = (["a", "b", "c"] as const).map((name) => ({
      name,
      codec: "integer" as const,
      path: [name],
      nullMeans: "absent" as const,
      ...(name === "b" ? { fill: 0 } : {}),
    }));
    const [table] = describeTables({ ...one({ columns }), notNull: { things: ["c"] } }).tables;
    expect(table?.columns.map(({ name, nullable }) => `${name} ${nullable}`)).toEqual([
      "id false",
      "a true",
      "b false",
      "c false",
    ]);
  });

  it("makes an index for what refers, unless there is one that begins with it", () => {
    const names = describeTables(plain).indexes.map(({ name }) => name);
    expect(names).toContain("notes_campaign_id_idx");
    expect(names).toContain("note_comments_note_id_idx");
    expect(names.some((name) => name.startsWith("campaign_assets_campaign_id"))).toBe(false);
  });

  it("leaves somebody else's tables alone, and refers to them", () => {
    const [users] = one({ name: "users", bound: true }, { collection: "users" }).layouts;
    const posts = one(
      {
        name: "posts",
        columns: [{ name: "by", codec: "text", path: ["by"], nullMeans: "absent", to: "users" }],
      },
      {
        collection: "posts",
        foreignKeys: [
          {
            table: "posts",
            columns: ["by"],
            to: { table: "users", columns: ["id"] },
            onDelete: "cascade",
          },
        ],
      },
    );
    const input: EmitInput = { schema: "public", layouts: [users as Layout, ...posts.layouts] };
    const { tables, bound, foreignKeys } = describeTables(input);
    expect(tables.map(({ name }) => name)).toEqual(["posts"]);
    expect(bound).toEqual(["users"]);
    expect(foreignKeys.map(({ name }) => name)).toEqual(["posts_by_fkey"]);
    // Their key compares as they like: ours has to compare alike.
    expect(tables[0]?.columns.find(({ name }) => name === "by")?.collate).toBeUndefined();
    expect(sqlMigration(input).create).not.toContain("users");
    expect(drizzleSchema(input)).toContain('already: "users"');
    expect(drizzleSchema(input)).not.toContain("foreignKey");
    expect(prismaSchema(input, { version: 7 })).not.toContain("@relation");
  });

  it("refuses two tables of one name, and a child that does not fit its parent", () => {
    const [layout] = one({}).layouts as [Layout];
    expect(() => describeTables({ schema: "public", layouts: [layout, layout] })).toThrow("things");
    const child: Layout["tables"][number] = {
      name: "parts",
      parent: 0,
      path: ["parts"],
      holds: "list",
      emptyMeans: "absent",
      columns: [],
      key: { by: "place", parent: ["one", "two"], place: "place" },
    };
    const wrong: Layout = { ...layout, tables: [layout.tables[0], child] };
    expect(() => describeTables({ schema: "public", layouts: [wrong] })).toThrow("parts");
  });
});

describe("SQL", () => {
  it("is quoted wherever a name stands", () => {
    const [table] = describeTables(one({ name: 'a"; drop table b; --' })).tables;
    expect(table && createTableSql('s"', table)).toBe(
      'create table "s"""."a""; drop table b; --" (\n  "id" text collate "C" not null,\n  primary key ("id")\n)',
    );
    const [holed] = describeTables(one({ name: "a\u0000" })).tables;
    expect(() => holed && createTableSql("public", holed)).toThrow("NUL");
  });

  it("makes the schema that is not public", () => {
    expect(sqlMigration(tenants).create).toMatch(/^create schema if not exists "app";\n/);
    expect(sqlMigration(plain).create).not.toContain("create schema");
    expect(sqlMigration(one({})).afterLoad).toBe("");
  });
});

describe("Drizzle", () => {
  it("has the app's names, SQL names beside them, and the modes that give its values", () => {
    const text = drizzleSchema(plain);
    for (const line of [
      'createdAt: timestamp("created_at", { withTimezone: true, mode: "string" }),',
      'updatedAt: timestamp("updated_at", { withTimezone: true, mode: "date" }),',
      'localAt: timestamp("local_at", { mode: "string" }),',
      'price: numeric("price", { precision: 10, scale: 2, mode: "number" }),',
      'views: bigint("views", { mode: "number" }),',
      'tags: text("tags").array(),',
      'metadataSku: text("metadata_sku"),',
      '"first name": text("first_name"),',
      '"2fa": boolean("column_2fa"),',
      '名前: text("column_9b2c4a11"),',
      'enableRls: boolean("enable_rls"),',
      'body: text("body").notNull(),',
      'role: roleEnum("role"),',
      'export const roleEnum = pgEnum("Role", ["ADMIN", "read-only"]);',
      "export const dateTable = pgTable(",
      "export const classTable = pgTable(",
      'primaryKey({ name: "campaign_assets_pkey", columns: [t.campaignId, t.place] }),',
      'assets: many(campaignAssets, { relationName: "campaign_assets_campaign_id_fkey" }),',
    ]) {
      expect(text).toContain(`${line}\n`);
    }
    // A table further down that refers back.
    expect(text).toContain("foreignColumns: ((): [AnyPgColumn] => [events.position])()");
    expect(drizzleSchema(tenants)).toContain('export const appSchema = pgSchema("app");');
    expect(drizzleSchema(tenants)).toContain("appSchema.table(");
  });

  it("takes types that it has no builder for by name", () => {
    const columns = [
      { name: "mail", codec: "text", sqlType: "citext", path: ["mail"], nullMeans: "absent" },
    ] as const;
    expect(drizzleSchema(one({ columns }))).toContain(
      'mail: customType<{ data: string }>({ dataType: () => "citext" })("mail"),',
    );
    expect(prismaSchema(one({ columns }), { version: 7 })).toContain('mail Unsupported("citext")?');
  });

  it("gives no property a name that a table of Drizzle or an object literal has", () => {
    const names = ["__proto__", "_", "$inferSelect", "constructor"];
    const columns = names.map((name, index) => ({
      name: `column_${index}`,
      codec: "text" as const,
      path: [name],
      nullMeans: "absent" as const,
    }));
    const text = drizzleSchema(one({ columns }));
    for (const index of names.keys()) {
      expect(text).toContain(`    column${index}: text("column_${index}"),\n`);
    }
  });
});

describe("Prisma", () => {
  it("maps what it refuses, and says native types", () => {
    const text = prismaSchema(plain, { version: 7 });
    for (const line of [
      "id String @id @db.Uuid",
      "title String? @db.VarChar(120)",
      "price Decimal? @db.Decimal(10, 2)",
      'createdAt DateTime? @map("created_at") @db.Timestamptz(6)',
      "day DateTime? @db.Date",
      "tags String[]",
      "rest Json? @db.Json",
      'firstName String? @map("first_name")',
      'column2fa Boolean? @map("column_2fa")',
      // The name that needs no change is the app's own.
      'aB String? @map("a_b_2")',
      'aBField String? @map("a_b")',
      'ANDField String? @map("and_")',
      "role Role?",
      'readOnly @map("read-only")',
      "model DateModel {",
      "model ObjectModel {",
      "owner CampaignOwner? @relation(",
      "comments NoteComments[] @relation(",
      '@@id([campaignId, place], map: "campaign_assets_pkey")',
      '@@unique([slug], map: "campaigns_slug_key")',
    ]) {
      expect(text).toContain(line);
    }
    // It would not quote this one.
    expect(text).toContain('@map("quo\\"te\'d") @ignore');
    expect(text).not.toContain("@@schema");
    const named = prismaSchema(tenants, { version: 7 });
    expect(named).toContain('schemas  = ["app", "public"]');
    expect(named).toContain('@@schema("app")');
  });

  it("is each version's own", () => {
    const six = prismaSchema(plain, { version: 6 });
    expect(six).toContain('url      = env("DATABASE_URL")');
    expect(six).toContain('provider   = "prisma-client-js"');
    const seven = prismaSchema(plain, { version: 7, output: "../src/db" });
    expect(seven).not.toMatch(/\burl\s*=/);
    expect(seven).toContain('output   = "../src/db"');
    expect(prismaConfig(7)).toContain("datasource: { url }");
    expect(prismaConfig(6)).toContain('engine: "classic"');
    expect(prismaConfig(6, { engine: "js" })).toContain("new PrismaPg(");
  });

  it("ignores a table that it could not quote", () => {
    const text = prismaSchema(one({ name: 'a"b' }), { version: 7 });
    expect(text).toContain("@@ignore");
  });
});
