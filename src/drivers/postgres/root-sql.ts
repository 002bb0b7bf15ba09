/** How a layout's root table is spoken of in queries: its rows, their keys, their rest, and whose they are. */
import type { CompiledLayout, StoredRow } from "../../layout/compile.ts";
import type { Cells, Family } from "../../layout/decode-row.ts";
import type { SqlValue } from "../../layout/layout.ts";
import { literal, qualified, quote } from "./quote.ts";
import { columnList, ledgerKeySql } from "./tables.ts";

export interface RootSql {
  readonly place: string;
  /** `t` is the root table, `x` its rest in the ledger. */
  readonly from: string;
  /** What to select to build a StoredRow from. */
  readonly cells: string;
  /** The key's column, and its type. Its order is that of the ledger's texts: see collection/key.ts. */
  readonly key: string;
  readonly keyType: string;
  /** Ledger text of a row's key. */
  readonly ledgerKey: string;
  /** Which rows are this collection's and tenant's. */
  readonly scope: string;
  /** Makes what `cells` selected into a row. */
  stored(cells: Cells, family: Family): StoredRow;
}

/** @param of the collection's number in the ledger, and the tenant: written out, so that queries need no parameters. */
export function rootSql(
  schema: string,
  compiled: CompiledLayout,
  of: { readonly id: number; readonly tenant: string },
): RootSql {
  const [table] = compiled.tables;
  const [root] = compiled.layout.tables;
  if (table === undefined) throw new TypeError("A layout has a table.");
  const { tenantColumn, key, constants = [] } = root;
  const place = qualified(schema, table.name);
  const tenant = literal(of.tenant);
  const column = `t.${quote(key.name)}`;
  const ledgerKey = ledgerKeySql(key.codec, column);
  const scope = [
    ...(tenantColumn === undefined ? [] : [`t.${quote(tenantColumn)} = ${tenant}`]),
    ...constants.map(({ name, cell }) => `t.${quote(name)} = ${constant(cell)}`),
  ];
  const join = `left join outgrow.rest x on x.collection = ${of.id} and x.tenant = ${tenant} and x.row = ${column}::text`;
  const { restInLedger } = compiled;
  return {
    place,
    from: restInLedger ? `${place} t ${join}` : `${place} t`,
    cells: [...(restInLedger ? ["x.key", "x.rest"] : []), ...columnList(table, "t")].join(", "),
    key: column,
    keyType: table.columns[root.tenantColumn === undefined ? 0 : 1]?.type ?? "text",
    ledgerKey: restInLedger ? `coalesce(x.key, ${ledgerKey})` : ledgerKey,
    scope: scope.length === 0 ? "true" : scope.join(" and "),
    stored: (row, family) =>
      restInLedger
        ? { key: row[0], rest: row[1], cells: row.slice(2), family }
        : { cells: row, family },
  };
}

/** A constant's cell as SQL: untyped, so that the column's type decides. */
function constant(cell: Exclude<SqlValue, null>): string {
  if (typeof cell === "boolean" || typeof cell === "number") return String(cell);
  return literal(Array.isArray(cell) ? JSON.stringify(cell) : (cell as string));
}
