/** Foreign keys as an app walks them: from a row to the one it belongs to, and back. */
import { asciiCamelCase, freeName, upperFirst } from "./property-names.ts";
import type { DescribedForeignKey, DescribedTable, Description } from "./tables.ts";

export interface Relation {
  readonly foreignKey: DescribedForeignKey;
  readonly from: DescribedTable;
  readonly to: DescribedTable;
  /** What `from` calls the row that it refers to. */
  readonly forth: string;
  /** What `to` calls the rows that refer to it. */
  readonly back: string;
  /** At most one row refers to each. */
  readonly single: boolean;
  /** Some rows may refer to none. */
  readonly optional: boolean;
}

/**
 * The relations between tables that are described. Those to somebody else's tables are left to the database.
 *
 * @param taken names in use by table: those of relations join them.
 */
export function relationsOf(
  { tables, foreignKeys, indexes }: Description,
  taken: ReadonlyMap<string, Set<string>>,
): Relation[] {
  const byName = new Map(tables.map((table) => [table.name, table]));
  return foreignKeys.flatMap((foreignKey) => {
    const from = byName.get(foreignKey.table);
    const to = byName.get(foreignKey.to.table);
    if (from === undefined || to === undefined) return [];
    const { columns } = foreignKey;
    const forth = freeName(taken.get(from.name) ?? new Set(), forthNames(foreignKey, to));
    const back = freeName(taken.get(to.name) ?? new Set(), backNames(foreignKey, from));
    const uniques = [
      from.primaryKey,
      ...indexes.filter(isUniqueOf(from)).map((one) => one.columns),
    ];
    const single = uniques.some((unique) => sameSet(unique, columns));
    const optional = from.columns.some(({ name, nullable }) => nullable && columns.includes(name));
    return [{ foreignKey, from, to, forth, back, single, optional }];
  });
}

/** Whether a key of the table is made of these columns: what a relation may refer to. */
export function isKeyOf(
  { indexes }: Description,
  table: DescribedTable,
  columns: readonly string[],
): boolean {
  const uniques = [
    table.primaryKey,
    ...indexes.filter(isUniqueOf(table)).map((one) => one.columns),
  ];
  return uniques.some((unique) => sameSet(unique, columns));
}

const isUniqueOf =
  (table: DescribedTable) =>
  (index: Description["indexes"][number]): boolean =>
    index.unique && index.table === table.name;

const sameSet = (one: readonly string[], other: readonly string[]): boolean =>
  one.length === other.length && one.every((name) => other.includes(name));

/** `campaign` for `campaign_id`, else what the other table is called. */
function forthNames({ columns }: DescribedForeignKey, to: DescribedTable): string[] {
  const last = columns.at(-1) ?? "";
  const stem = stemOf(last);
  const other = relationWord(to.property) || relationWord(to.name);
  const row = `${relationWord(last) || "parent"}Row`;
  return [stem === last ? "" : relationWord(stem), other, row];
}

const stemOf = (column: string): string => /^(.+?)_?id$/i.exec(column)?.[1] ?? column;

/** Where the children lie in the record, else what their table is called. */
function backNames({ childPath, columns }: DescribedForeignKey, from: DescribedTable): string[] {
  const table = relationWord(from.property) || relationWord(from.name);
  const by = `${table || "rows"}By${upperFirst(relationWord(stemOf(columns.at(-1) ?? "")))}`;
  return [relationWord(childPath?.join(" ") ?? ""), table, by];
}

/** A name that both tools take as it is: they want a letter first. */
function relationWord(name: string): string {
  const word = asciiCamelCase(name);
  return /^\d/.test(word) ? `row${word}` : word;
}
