/** What is made behind the first load: foreign keys and indexes, still without names. */
import type { ChildTableLayout, ForeignKey, Layout } from "../layout.ts";
import type { DescribedForeignKey, DescribedIndex } from "./tables.ts";

export interface MakeLink {
  readonly foreignKey?: Omit<DescribedForeignKey, "name">;
  readonly index?: Omit<DescribedIndex, "name">;
}

/** Of one table of ours: the key to its parent, its indexes, its references. */
export function linkColumns(layout: Layout, at: number): MakeLink[] {
  const table = layout.tables[at];
  if (table === undefined) return [];
  const { name, tenantColumn } = table;
  const tenant = tenantColumn === undefined ? [] : [tenantColumn];
  const withTenant = (columns: readonly string[]): readonly string[] =>
    tenant.length === 1 && columns[0] !== tenant[0] ? [...tenant, ...columns] : columns;

  const foreignKeys: Omit<DescribedForeignKey, "name">[] = [];
  if ("parent" in table) foreignKeys.push(toParent(layout, table, tenant));
  for (const key of layout.foreignKeys ?? []) {
    if (key.table === name) foreignKeys.push(reference(layout, key, tenant));
  }

  const indexes = (table.indexes ?? []).map(({ columns, unique }) => ({
    table: name,
    columns: withTenant(columns),
    unique: unique === true,
  }));
  const covered = [primaryKey(layout, at), ...indexes.map(({ columns }) => columns)];
  for (const { columns } of foreignKeys) {
    // Without an index, each delete of a parent reads the whole table.
    if (covered.some((others) => startsWith(others, columns))) continue;
    covered.push(columns);
    indexes.push({ table: name, columns, unique: false });
  }
  return [
    ...foreignKeys.map((foreignKey) => ({ foreignKey })),
    ...indexes.map((index) => ({ index })),
  ];
}

function toParent(
  layout: Layout,
  table: ChildTableLayout,
  tenant: readonly string[],
): Omit<DescribedForeignKey, "name"> {
  const parent = layout.tables[table.parent];
  const columns = table.key.by === "own" ? [table.key.parent] : table.key.parent;
  return {
    table: table.name,
    columns: [...tenant, ...columns],
    to: { table: parent?.name ?? "", columns: primaryKey(layout, table.parent) },
    onDelete: "cascade",
    childPath: table.path,
  };
}

function reference(
  layout: Layout,
  key: ForeignKey,
  tenant: readonly string[],
): Omit<DescribedForeignKey, "name"> {
  // All tables of a move have a tenant, or none; its column has one name.
  const { columns: to } = key.to;
  return {
    table: key.table,
    columns: [...tenant, ...key.columns],
    to: { table: key.to.table, columns: [...tenantOf(layout, tenant), ...to] },
    onDelete: key.onDelete,
    ...(key.onDelete === "set null" && tenant.length > 0 ? { setNull: key.columns } : {}),
  };
}

const tenantOf = (layout: Layout, tenant: readonly string[]): readonly string[] =>
  tenant.length === 0 ? [] : [layout.tables[0].tenantColumn ?? (tenant[0] as string)];

function primaryKey(layout: Layout, at: number): readonly string[] {
  const table = layout.tables[at];
  if (table === undefined) return [];
  const tenant = table.tenantColumn === undefined ? [] : [table.tenantColumn];
  if (!("parent" in table)) return [...tenant, table.key.name];
  if (table.key.by === "own") return [...tenant, table.key.column];
  const place = table.key.place === undefined ? [] : [table.key.place];
  return [...tenant, ...table.key.parent, ...place];
}

const startsWith = (columns: readonly string[], start: readonly string[]): boolean =>
  start.length <= columns.length &&
  start.every((name) => columns.slice(0, start.length).includes(name));
