/** The databases take the emitted SQL as it was meant: the catalog says what the description says. */
import { PGlite } from "@electric-sql/pglite";
import { Client } from "pg";
import { expect, it } from "vitest";
import { compileLayout } from "../../src/layout/compile.ts";
import {
  afterLoadStatements,
  describeTables,
  type EmitInput,
  prismaSchema,
  sqlMigration,
} from "../../src/layout/emit/index.ts";
import { layoutsUnderTest, oddLayouts } from "../consumers/layouts.ts";
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

  it(`${name} takes tables of any name`, async () => {
    await using database = await open();
    const { create, afterLoad } = sqlMigration({ schema: "public", layouts: oddLayouts() });
    await database.run(create);
    await database.run(afterLoad);
  });

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
      sqlMigration(plain).create.match(/do \$outgrow\$[\s\S]*?end \$outgrow\$/) ?? [];
    expect(type).toContain("create type");
    await database.run(type);
  });

  it(`${name} joins what refers with what it refers to, and a tenant outlives a reference`, async () => {
    await using database = await open();
    const { create, afterLoad } = sqlMigration(tenants);
    await database.run(`${create}${afterLoad}`);
    await database.run(`
      insert into app.notes (tenant_id, id, body) values ('t', 'n1', ''), ('t', 'n2', '');
      insert into app.note_comments (tenant_id, id, note_id, place) values ('t', gen_random_uuid(), 'n1', 0);
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

it("tables have the columns that rows are written to, in their order", () => {
  for (const input of [plain, tenants]) {
    const { tables } = describeTables(input);
    const compiled = input.layouts.flatMap((layout) => compileLayout(layout).tables);
    const shape = compiled.map(({ name, columns, keyWidth }) => ({
      name,
      columns: columns.map((column) => column.name),
      primaryKey: columns.slice(0, keyWidth).map((column) => column.name),
    }));
    expect(
      tables.map(({ name, columns, primaryKey }) => ({
        name,
        columns: columns.map((column) => column.name),
        primaryKey,
      })),
    ).toEqual(shape);
  }
});
