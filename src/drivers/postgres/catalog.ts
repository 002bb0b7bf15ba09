/** Reads what the database says of a schema's tables: two queries, however many tables there are. */
import type {
  Catalog,
  CatalogCheck,
  CatalogColumn,
  CatalogForeignKey,
  CatalogKey,
  CatalogTable,
} from "../../layout/catalog.ts";
import { CATALOG_SQL } from "./catalog-sql.ts";
import type { SqlDatabase } from "./database.ts";
import { qualified, textArray } from "./quote.ts";

/** JSON has null where the catalog says nothing. */
type Nullable<T> = T | null;

interface ColumnRow extends Pick<CatalogColumn, "name" | "type" | "base" | "notNull"> {
  readonly typmod: number;
  readonly default: Nullable<string>;
  readonly identity: Nullable<"always" | "default">;
  readonly generated: boolean;
  readonly sequence: Nullable<string>;
  readonly enumLabels: Nullable<readonly string[]>;
  readonly isArray: boolean;
  readonly collation: Nullable<string>;
  readonly looseEquality: boolean;
  readonly checks: Nullable<readonly CatalogCheck[]>;
}

interface IndexRow extends Omit<CatalogKey, "columns"> {
  readonly primary: boolean;
  readonly plain: boolean;
  readonly definition: string;
  readonly columns: Nullable<readonly string[]>;
}

interface ConstraintRow {
  readonly name: string;
  readonly kind: "c" | "f" | "x";
  readonly definition: string;
  readonly columns: Nullable<readonly string[]>;
  readonly schema: Nullable<string>;
  readonly table: Nullable<string>;
  readonly references: Nullable<readonly string[]>;
  readonly onDelete: string;
  readonly deferrable: boolean;
}

interface TableRow extends Pick<CatalogTable, "name" | "partitioned" | "owner" | "rowSecurity"> {
  readonly columns: Nullable<readonly ColumnRow[]>;
  readonly indexes: Nullable<readonly IndexRow[]>;
  readonly constraints: Nullable<readonly ConstraintRow[]>;
  readonly rows: Nullable<number>;
  readonly triggers: Nullable<readonly string[]>;
  readonly missingPrivileges: Nullable<readonly string[]>;
}

const ON_DELETE: Readonly<Record<string, CatalogForeignKey["onDelete"]>> = {
  r: "restrict",
  c: "cascade",
  n: "set null",
  d: "set default",
};

/** @param tables all of the schema's without it, but for the partitions of others. */
export async function readCatalog(
  database: Pick<SqlDatabase, "query">,
  schema: string,
  tables?: readonly string[],
): Promise<Catalog> {
  const { rows } = await database.query(CATALOG_SQL, [
    schema,
    tables === undefined ? null : textArray(tables),
  ]);
  const found = rows.map(([json]) => JSON.parse(json as string) as TableRow);
  const empty = await emptyTables(database, schema, found);
  return { schema, tables: found.map((row) => tableOf(row, empty.get(row.name))) };
}

/** Which tables have no row that we see. */
async function emptyTables(
  database: Pick<SqlDatabase, "query">,
  schema: string,
  tables: readonly TableRow[],
): Promise<ReadonlyMap<string, boolean>> {
  const seen = tables.filter(({ missingPrivileges }) => !missingPrivileges?.includes("select"));
  if (seen.length === 0) return new Map();
  const asked = seen.map(
    ({ name }, at) => `select ${at}, not exists (select from ${qualified(schema, name)})`,
  );
  const { rows } = await database.query(asked.join(" union all "));
  return new Map(rows.map(([at, is]) => [seen[Number(at)]?.name ?? "", is === "t"]));
}

function tableOf(row: TableRow, empty: boolean | undefined): CatalogTable {
  const indexes = row.indexes ?? [];
  const constraints = row.constraints ?? [];
  const missing = row.missingPrivileges ?? [];
  const primary = indexes.find((index) => index.primary);
  const others = indexes.filter((index) => !index.primary);
  const shown = (kind: string): CatalogCheck[] =>
    constraints.filter((one) => one.kind === kind).map(shownOf);
  return {
    name: row.name,
    partitioned: row.partitioned,
    columns: (row.columns ?? []).map(columnOf),
    primaryKey: primary === undefined ? undefined : keyOf(primary),
    unique: others.filter(({ plain }) => plain).map(keyOf),
    oddUnique: others.filter(({ plain }) => !plain).map(shownOf),
    foreignKeys: constraints.filter(({ kind }) => kind === "f").map(foreignKeyOf),
    checks: shown("c"),
    exclusions: shown("x"),
    rows: row.rows ?? undefined,
    empty,
    owner: row.owner,
    rowSecurity: row.rowSecurity,
    triggers: row.triggers ?? [],
    canInsert: !missing.includes("insert"),
    missingPrivileges: missing,
  };
}

const shownOf = ({ name, definition }: CatalogCheck): CatalogCheck => ({ name, definition });

function keyOf({ name, columns, deferrable, nullsNotDistinct }: IndexRow): CatalogKey {
  return { name, columns: columns ?? [], deferrable, nullsNotDistinct };
}

function foreignKeyOf(row: ConstraintRow): CatalogForeignKey {
  return {
    name: row.name,
    columns: row.columns ?? [],
    schema: row.schema ?? undefined,
    table: row.table ?? "",
    references: row.references ?? [],
    onDelete: ON_DELETE[row.onDelete] ?? "no action",
    deferrable: row.deferrable,
  };
}

function columnOf(row: ColumnRow): CatalogColumn {
  return {
    name: row.name,
    type: row.type,
    base: row.base,
    notNull: row.notNull,
    default: row.default ?? undefined,
    identity: row.identity ?? undefined,
    generated: row.generated,
    sequence: row.sequence ?? undefined,
    enumLabels: row.enumLabels ?? undefined,
    isArray: row.isArray,
    ...digitsOf(row.base.replace(/\[\]$/, ""), row.typmod),
    collation: row.collation ?? undefined,
    looseEquality: row.looseEquality,
    checks: row.checks ?? [],
  };
}

/** What a type's modifier says: see `numeric_typmod_precision` and its like in Postgres' source. */
function digitsOf(
  base: string,
  typmod: number,
): Pick<CatalogColumn, "limit" | "precision" | "scale"> {
  if (typmod < 0) return {};
  switch (base) {
    case "character varying":
    case "character":
      return { limit: typmod - 4 };
    case "numeric":
      // Eleven bits with their sign; before Postgres 15 there was none, and the same bits.
      return {
        precision: ((typmod - 4) >> 16) & 0xffff,
        scale: (((typmod - 4) & 0x7ff) ^ 1024) - 1024,
      };
    case "timestamp with time zone":
    case "timestamp without time zone":
    case "time with time zone":
    case "time without time zone":
      return { precision: typmod };
    default:
      return {};
  }
}
