/** Child tables in SQL: the rows that belong to root rows, fetched and deleted. */
import { type CompiledLayout, familyOf } from "../../layout/compile.ts";
import type { Cells, Family } from "../../layout/decode-row.ts";
import type { SqlTransaction } from "./database.ts";
import { qualified, quote, textArray } from "./quote.ts";
import { columnList } from "./tables.ts";
import { isFound, type Upsert } from "./upsert.ts";

export interface FamilyContext {
  readonly schema: string;
  readonly compiled: CompiledLayout;
  readonly tenant: string;
}

const tenantIs = (
  { compiled }: FamilyContext,
  index: number,
  parameter: number,
  alias = "t",
): string => {
  const column = compiled.layout.tables[index]?.tenantColumn;
  return column === undefined ? "" : ` and ${alias}.${quote(column)} = $${parameter}`;
};

/** Index of a table's own key among its cells: behind the tenant. */
const keyAt = ({ compiled }: FamilyContext, index: number): number =>
  compiled.layout.tables[index]?.tenantColumn === undefined ? 0 : 1;

/** The rows of all child tables that belong to these root rows, in the order of their keys. */
export async function fetchFamily(
  sql: Pick<SqlTransaction, "query">,
  context: FamilyContext,
  roots: readonly Cells[],
): Promise<Family> {
  const { compiled, schema } = context;
  const fetched: (readonly Cells[])[] = [roots];
  for (const [index, table] of compiled.tables.entries()) {
    if (table.anchor === undefined) continue;
    const anchors = fetched[table.anchor.table] ?? [];
    const at = keyAt(context, table.anchor.table);
    const keys = [...new Set(anchors.map((cells) => cells[at] as string))];
    if (keys.length === 0) {
      fetched[index] = [];
      continue;
    }
    const type = table.columns.find(({ name }) => name === table.anchor?.column)?.type ?? "text";
    const counted = table.counted === undefined ? [] : [`t.${quote(table.counted)}`];
    const order = [...columnList(table, "t").slice(0, table.keyWidth), ...counted].join(", ");
    const tenant = tenantIs(context, index, 2);
    const { rows } = await sql.query(
      `select ${columnList(table, "t").join(", ")} from ${qualified(schema, table.name)} t
       where t.${quote(table.anchor.column)} = any($1::${type}[])${tenant} order by ${order}`,
      tenant === "" ? [textArray(keys)] : [textArray(keys), context.tenant],
    );
    fetched[index] = rows;
  }
  return familyOf(compiled.layout, fetched);
}

/**
 * Deletes the child rows of some root rows, the deepest first. Always explicitly: that a database would do so by
 * itself is not sure, in tables that somebody else made.
 *
 * @param which a query for the root rows' keys.
 * @param kept by the table's index: rows that stay, as they are staged.
 */
export async function deleteChildren(
  sql: SqlTransaction,
  context: FamilyContext,
  which: string,
  kept: ReadonlyMap<number, Upsert> = new Map(),
): Promise<void> {
  const { compiled, schema } = context;
  for (let index = compiled.tables.length - 1; index > 0; index--) {
    const table = compiled.tables[index];
    if (table === undefined) continue;
    const tenant = tenantIs(context, index, 1);
    const upsert = kept.get(index);
    const goes =
      upsert === undefined
        ? ""
        : ` and not exists (select from ${upsert.staged} s where ${isFound(upsert)})`;
    await sql.query(
      `delete from ${qualified(schema, table.name)} t
       where ${belongs(context, index, which)}${tenant}${goes}`,
      tenant === "" ? [] : [context.tenant],
    );
  }
}

/** The condition that rows of a child table (`t`) belong to those root rows. */
export function belongs(context: FamilyContext, index: number, which: string, depth = 0): string {
  const { compiled, schema } = context;
  const alias = depth === 0 ? "t" : `t${depth}`;
  const { anchor } = compiled.tables[index] ?? {};
  if (anchor === undefined) throw new TypeError("A root has no parent.");
  const column = `${alias}.${quote(anchor.column)}`;
  if (anchor.table === 0) return `${column} in (${which})`;
  const parent = compiled.tables[anchor.table];
  if (parent === undefined) throw new TypeError("A child's anchor is a table of its layout.");
  const own = quote(parent.columns[keyAt(context, anchor.table)]?.name ?? "");
  const inner = `t${depth + 1}`;
  return `${column} in (select ${inner}.${own} from ${qualified(schema, parent.name)} ${inner}
    where ${belongs(context, anchor.table, which, depth + 1)})`;
}
