/** The app's tables: made from layouts, looked up in the catalog, and the SQL that speaks of their keys. */
import { OutgrowError } from "../../errors.ts";
import { type CompiledTable, compileLayout } from "../../layout/compile.ts";
import { tableStatements } from "../../layout/emit/index.ts";
import type { KeyColumn, Layout, SqlType } from "../../layout/layout.ts";
import type { Move } from "../../store/ledger.ts";
import type { SqlDatabase, SqlTransaction } from "./database.ts";
import { qualified, quote, textArray } from "./quote.ts";

/** Makes the tables of a move. @throws {OutgrowError} TABLE_TAKEN when one exists already. */
export async function createTables(
  sql: SqlTransaction,
  schema: string,
  layouts: readonly Layout[],
): Promise<void> {
  const names = ownTables(layouts);
  const { rows: taken } = await sql.query(
    `select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = $1 and c.relname = any($2::text[]) order by 1`,
    [schema, textArray(names)],
  );
  if (taken.length > 0) {
    const list = taken.map(([name]) => `${schema}.${name}`).join(", ");
    throw new OutgrowError("TABLE_TAKEN", { detail: list });
  }
  for (const statement of tableStatements({ schema, layouts })) await sql.query(statement);
  if (await isExposed(sql, schema)) {
    // A Supabase project serves this schema to anyone who has its public key: without policies nobody may read.
    for (const name of names) {
      await sql.query(`alter table ${qualified(schema, name)} enable row level security`);
    }
  }
}

/** The tables that a move makes, and may drop: not those that it was bound to. */
export function ownTables(layouts: readonly Layout[]): string[] {
  return layouts.flatMap(({ tables }) =>
    tables.flatMap(({ name, bound }) => (bound ? [] : [name])),
  );
}

/** Whether tables of this schema are reachable by an API with a public key (Supabase's roles are there). */
async function isExposed(sql: SqlTransaction, schema: string): Promise<boolean> {
  if (schema !== "public") return false;
  const { rows } = await sql.query(
    "select count(*) from pg_roles where rolname in ('anon', 'authenticated')",
  );
  return rows[0]?.[0] === "2";
}

/** The SQL expression for the ledger text of a row's key: what `encodeKey` would say. */
export function ledgerKeySql(codec: KeyColumn["codec"], column: string): string {
  switch (codec) {
    case "ledger-key":
      return column;
    case "uuid":
    case "derived-uuid":
      return `'s' || ${column}::text`;
    case "text":
      return `'s' || replace(${column}, chr(1), chr(1) || chr(3))`;
    default:
      return `outgrow.number_key(${column}::double precision)`;
  }
}

/** Quoted names of a table's columns, each behind `alias.` when one is given. */
export function columnList(table: CompiledTable, alias?: string): string[] {
  const prefix = alias === undefined ? "" : `${alias}.`;
  return table.columns.map(({ name }) => `${prefix}${quote(name)}`);
}

/**
 * What a server does by itself, but later, and what the embedded database never does. Documents are left to the
 * server: they take longer than all else together, and a table of which only columns were looked at is still due.
 */
export async function analyzeTables(
  database: Pick<SqlDatabase, "query">,
  { schema, collections }: Pick<Move, "schema" | "collections">,
): Promise<void> {
  const tables = collections.flatMap(({ layout }) =>
    compileLayout(layout).tables.map(({ name, columns }) => {
      const names = columns
        .filter(({ type }) => !DOCUMENTS.has(type))
        .map((one) => quote(one.name));
      return `${qualified(schema, name)} (${names.join(", ")})`;
    }),
  );
  await database.query(`analyze ${["outgrow.record", ...tables].join(", ")}`);
}

const DOCUMENTS: ReadonlySet<SqlType> = new Set<SqlType>(["json", "jsonb"]);
