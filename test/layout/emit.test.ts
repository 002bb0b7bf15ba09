/** What is emitted for layouts, and that the databases take it as it was meant. */
import { PGlite } from "@electric-sql/pglite";
import { Client } from "pg";
import { describe, expect, it } from "vitest";
import {
  afterLoadStatements,
  createTableSql,
  describeTables,
  drizzleSchema,
  type EmitInput,
  prismaConfig,
  prismaSchema,
  sqlMigration,
} from "../../src/layout/emit/index.ts";
import type { Layout, TableLayout } from "../../src/layout/layout.ts";
import { layoutsUnderTest } from "../consumers/layouts.ts";
import { freshDatabase } from "../support/postgres.ts";

type Row = Record<string, unknown>;
interface Database extends AsyncDisposable {
  /** Rows of one statement, or nothing of several. */
  run(sql: string): Promise<Row[]>;
}

const databases: Readonly<Record<string, () => Promise<Database>>> = {
  async postgres() {
    const fresh = await freshDatabase();
    const client = new Client({ connectionString: fresh.url });
    await client.connect();
    return {
      run: async (sql) => (await client.query<Row>(sql)).rows,
      async [Symbol.asyncDispose]() {
        await client.end();
        await fresh.drop();
      },
    };
  },
  async pglite() {
    const pglite = await PGlite.create();
    return {
      run: async (sql) => (await pglite.exec(sql)).at(-1)?.rows as Row[],
      [Symbol.asyncDispose]: () => pglite.close(),
    };
  },
};

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

/** As `format_type` says what DDL says. */
function canonical(type: string): string {
  return type
    .replace(/^varchar/, "character varying")
    .replace(/^timestamptz$/, "timestamp with time zone")
    .replace(/^timestamp$/, "timestamp without time zone");
}

const inSchema = "c.relnamespace = (select oid from pg_namespace where nspname = current_schema())";

for (const [name, open] of Object.entries(databases)) {
  for (const [which, input] of Object.entries({ plain, tenants })) {
    it(`${name} has the tables that are described: ${which}`, async () => {
      await using database = await open();
      const { create, afterLoad } = sqlMigration(input);
      await database.run(create);
      await database.run(afterLoad);
      await database.run(`set search_path to ${input.schema}, public`);
      const described = describeTables(input);

      const columns = await database.run(
        `select table_name, column_name, is_nullable, collation_name, column_default from information_schema.columns
         where table_schema = '${input.schema}' order by table_name collate "C", ordinal_position`,
      );
      const types = await database.run(
        `select format_type(a.atttypid, a.atttypmod) as type from pg_attribute a join pg_class c on c.oid = a.attrelid
         where ${inSchema} and c.relkind = 'r' and a.attnum > 0 order by c.relname collate "C", a.attnum`,
      );
      const byName = [...described.tables].sort((a, b) => (a.name < b.name ? -1 : 1));
      const expected = byName.flatMap((table) =>
        table.columns.map((column) => ({
          table_name: table.name,
          column_name: column.name,
          is_nullable: column.nullable ? "YES" : "NO",
          collation_name: column.collate ?? null,
          column_default: column.default === undefined ? null : expect.any(String),
        })),
      );
      expect(columns).toEqual(expected);
      expect(types.map(({ type }) => type)).toEqual(
        byName.flatMap((table) => table.columns.map(({ type }) => canonical(type.text))),
      );

      const constraints = await database.run(
        `select k.conname as name, k.contype as kind, c.relname as table,
           (select array_agg(attname::text order by place) from unnest(k.conkey) with ordinality u(number, place)
            join pg_attribute on attrelid = c.oid and attnum = number) as columns,
           k.confrelid::regclass::text as target, k.confdeltype as action
         from pg_constraint k join pg_class c on c.oid = k.conrelid
         where ${inSchema} and k.contype in ('p', 'f')`,
      );
      const keys = constraints.filter(({ kind }) => kind === "p");
      for (const table of described.tables) {
        const key = keys.find((found) => found["table"] === table.name);
        expect(key?.["columns"]).toEqual(table.primaryKey);
        // What Drizzle and Prisma are told.
        expect(prismaSchema(input, { version: 7 })).toContain(`@@map("${table.name}")`);
        expect(key?.["name"]).toBe(`${table.name}_pkey`);
      }
      const actions = { cascade: "c", "set null": "n", "no action": "a" };
      const foreign = constraints.filter(({ kind }) => kind === "f");
      expect(
        foreign.map((found) => [found["name"], found["columns"], found["action"]]).sort(),
      ).toEqual(
        described.foreignKeys.map((key) => [key.name, key.columns, actions[key.onDelete]]).sort(),
      );

      const indexes = await database.run(
        `select indexname as name, tablename as table from pg_indexes
         where schemaname = '${input.schema}' and indexname not like '%_pkey' order by indexname collate "C"`,
      );
      expect(indexes).toEqual(
        described.indexes
          .map((index) => ({ name: index.name, table: index.table }))
          .sort((a, b) => (a.name < b.name ? -1 : 1)),
      );
    });
  }

  it(`${name} makes what is behind the first load once`, async () => {
    await using database = await open();
    await database.run(sqlMigration(plain).create);
    for (let time = 0; time < 2; time++) {
      for (const { kind, name: constraint, sql, table } of afterLoadStatements(plain)) {
        const found = await database.run(
          `select 1 from pg_constraint where conname = '${constraint}' and conrelid = '"${table}"'::regclass`,
        );
        if (kind === "index" || found.length === 0) await database.run(sql);
        expect(found.length).toBe(kind === "foreign-key" && time === 1 ? 1 : 0);
      }
    }
    // Types too: an app may have them.
    const [type = ""] =
      sqlMigration(plain).create.match(/do \$outgrow\$[^]*?end \$outgrow\$/) ?? [];
    expect(type).toContain("create type");
    await database.run(type);
  });

  it(`${name} joins what refers with what it refers to, and a tenant outlives a reference`, async () => {
    await using database = await open();
    const { create, afterLoad } = sqlMigration(tenants);
    await database.run(`${create}${afterLoad}`);
    await database.run(`
      insert into app.notes (tenant_id, id, body) values ('t', 'n1', ''), ('t', 'n2', '');
      insert into app.note_comments (tenant_id, id, note_id) values ('t', gen_random_uuid(), 'n1');
      insert into app.events (tenant_id, position, note_id, reply_to) values ('t', 1, 'n1', 'n2');`);
    // Of two collations Postgres would not know which to compare by.
    const joined = await database.run(
      `select e.kind from app.events e
       join app.notes n on (e.tenant_id, e.note_id) = (n.tenant_id, n.id)
       join app.note_comments c on c.note_id = n.id where e.reply_to > n.id`,
    );
    expect(joined).toEqual([{ kind: "it's an \\event" }]);
    await database.run("delete from app.notes where id = 'n2'");
    expect(await database.run("select tenant_id, reply_to from app.events")).toEqual([
      { tenant_id: "t", reply_to: null },
    ]);
    await database.run("delete from app.notes where id = 'n1'");
    expect(await database.run("select 1 from app.note_comments")).toEqual([]);
  });
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
        columns: [
          { name: "by", codec: "reference", path: ["by"], nullMeans: "absent", to: "users" },
        ],
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
    expect(seven).not.toContain("url ");
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
