/** The tables of a move as SQL. */
import { nameList, qualifiedName, quoteName, textLiteral } from "./sql-text.ts";
import {
  type DescribedColumn,
  type DescribedTable,
  type Description,
  describeTables,
  type EmitInput,
} from "./tables.ts";

/** Something that is made once. Whether it is there is for the caller to look up, where `sql` does not say so. */
export interface Statement {
  readonly name: string;
  readonly kind: "type" | "index" | "foreign-key";
  /** Of an index or a foreign key. */
  readonly table?: string | undefined;
  readonly sql: string;
}

/** Two files: what there must be before the first load, and what is made faster behind it. */
export function sqlMigration(input: EmitInput): { create: string; afterLoad: string } {
  const { schema } = input;
  const statements = [
    ...(schema === "public" ? [] : [`create schema if not exists ${quoteName(schema)}`]),
    ...tableStatements(input),
  ];
  const after = afterLoadStatements(input);
  return { create: script(statements), afterLoad: script(after.map(({ sql }) => sql)) };
}

const script = (statements: readonly string[]): string =>
  statements.map((sql) => `${sql};\n`).join("\n");

/** What makes the tables that are ours, in a schema that is there: types first, parents before children. */
export function tableStatements(input: EmitInput): string[] {
  const description = describeTables(input);
  return [
    ...createTypeStatements(description).map(({ sql }) => sql),
    ...description.tables.map((table) => createTableSql(description.schema, table)),
  ];
}

/** The statement that makes a table. Keys of text compare as bytes do, in every database alike. */
export function createTableSql(schema: string, table: DescribedTable): string {
  const lines = table.columns.map((column) => `  ${columnSql(column)}`);
  if (table.primaryKey.length > 0) lines.push(`  primary key (${nameList(table.primaryKey)})`);
  return `create table ${qualifiedName(schema, table.name)} (\n${lines.join(",\n")}\n)`;
}

function columnSql({ name, type, collate, nullable, default: cell }: DescribedColumn): string {
  return [
    `${quoteName(name)} ${type.text}`,
    collate === undefined ? "" : ` collate ${quoteName(collate)}`,
    cell === undefined ? "" : ` default ${defaultSql(type.kind, cell)}`,
    nullable ? "" : " not null",
  ].join("");
}

function defaultSql(
  kind: DescribedColumn["type"]["kind"],
  cell: NonNullable<DescribedColumn["default"]>,
): string {
  if (typeof cell === "object") {
    return cell.length === 0 ? "'{}'" : `array[${cell.map(textLiteral).join(", ")}]`;
  }
  if (typeof cell === "string") return textLiteral(cell);
  if (typeof cell === "boolean") return String(cell);
  return textLiteral(timeText(kind, cell) ?? String(cell));
}

/** Cells of times are milliseconds since 1970. */
export function timeText(kind: DescribedColumn["type"]["kind"], cell: number): string | undefined {
  if (kind === "date") return new Date(cell).toISOString().slice(0, 10);
  if (kind === "timestamptz" || kind === "timestamp") return new Date(cell).toISOString();
  return undefined;
}

/** Enum types that the tables of a layout name. They may be there: the app's own are. */
export function createTypeStatements({ enums }: Description): Statement[] {
  return enums.map(({ name, sqlType, labels }) => ({
    name,
    kind: "type",
    sql:
      `do $outgrow$ begin\n  create type ${sqlType} as enum (${labels.map(textLiteral).join(", ")});\n` +
      "exception when duplicate_object then null;\nend $outgrow$",
  }));
}

/**
 * What is made behind the first load, each by itself: `index` says `if not exists`; a `foreign-key` has to be
 * looked up in `pg_constraint` by name and table first.
 */
export function afterLoadStatements(input: EmitInput): Statement[] {
  const { schema, foreignKeys, indexes } = describeTables(input);
  return [
    ...indexes.map(({ name, table, columns, unique }): Statement => {
      const make = `create ${unique ? "unique " : ""}index if not exists ${quoteName(name)}`;
      const sql = `${make} on ${qualifiedName(schema, table)} (${nameList(columns)})`;
      return { name, kind: "index", table, sql };
    }),
    ...foreignKeys.map(({ name, table, columns, to, onDelete, setNull }): Statement => {
      const only = setNull === undefined ? "" : ` (${nameList(setNull)})`;
      const sql =
        `alter table ${qualifiedName(schema, table)} add constraint ${quoteName(name)}\n` +
        `  foreign key (${nameList(columns)}) references ${qualifiedName(schema, to.table)} ` +
        `(${nameList(to.columns)}) on delete ${onDelete}${only}`;
      return { name, kind: "foreign-key", table, sql };
    }),
  ];
}
