/**
 * How a layout's root table is spoken of in queries: its rows, their keys, their rest, and whose they are.
 *
 * A table that the move made is its own: each row in scope is a record, those that an app wrote by SQL as well. In
 * a table that somebody else made (bound) other code has rows too: there a row is a record of this move only while
 * the sidecar has its key as present, and all others are foreign to it. `known`, `join` and `ours` say so for every
 * reader: scan, read, count, query, and rebuild, which tells the two apart. Own tables are read without asking.
 */
import type { CompiledLayout, StoredRow } from "../../layout/compile.ts";
import type { Cells, Family } from "../../layout/decode-row.ts";
import type { SqlConstant } from "../../layout/layout.ts";
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
  /** Whether somebody else made the table: rows of it may be foreign to this move. */
  readonly bound: boolean;
  /** What makes `r` of outgrow.record the sidecar's row of `t`. */
  readonly known: string;
  /** How that `r` is joined to read this move's records: where the table is its own, rows may be without. */
  readonly join: "join" | "left join";
  /** The same of `t` without anything beside it, for queries that an index is to answer. */
  readonly alone: AloneSql;
  /** Makes what `cells` selected into a row. */
  stored(cells: Cells, family: Family): StoredRow;
}

interface AloneSql {
  /** Ledger text of a row's key, where its column does not say it. */
  readonly key: string | undefined;
  /** The rest as text, where it lies in the ledger. */
  readonly rest: string | undefined;
  /** Whether the row is a record of this move; `undefined` where all in scope are. */
  readonly ours: string | undefined;
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
  const { tenantColumn, key, constants = [], bound = false } = root;
  const place = qualified(schema, table.name);
  const tenant = literal(of.tenant);
  const column = `t.${quote(key.name)}`;
  const ledgerKey = ledgerKeySql(key.codec, column);
  const scope = [
    ...(tenantColumn === undefined ? [] : [`t.${quote(tenantColumn)} = ${tenant}`]),
    ...constants.map(({ name, cell }) => `t.${quote(name)} = ${constant(cell)}`),
  ];
  const { restInLedger } = compiled;
  const rests = `x.collection = ${of.id} and x.tenant = ${tenant} and x.row = ${column}::text`;
  const keptOf = (what: string): string => `(select ${what} from outgrow.rest x where ${rests})`;
  const derivedKey =
    key.codec === "derived-uuid" ? `coalesce(${keptOf("x.key")}, ${ledgerKey})` : undefined;
  const keyBeside = restInLedger ? `coalesce(x.key, ${ledgerKey})` : ledgerKey;
  const knownBy = (text: string): string =>
    `r.collection = ${of.id} and r.tenant = ${tenant} and r.key = ${text} and r.state = 'present'`;
  return {
    place,
    from: restInLedger ? `${place} t left join outgrow.rest x on ${rests}` : `${place} t`,
    cells: [...(restInLedger ? ["x.key", "x.rest"] : []), ...columnList(table, "t")].join(", "),
    key: column,
    keyType: table.columns[root.tenantColumn === undefined ? 0 : 1]?.type ?? "text",
    ledgerKey: keyBeside,
    scope: scope.length === 0 ? "true" : scope.join(" and "),
    bound,
    known: knownBy(keyBeside),
    join: bound ? "join" : "left join",
    alone: {
      key: derivedKey,
      rest: restInLedger ? keptOf("x.rest::text") : undefined,
      // `limit 1` leaves the planner no other way than the sidecar's index, row by row: see judge in staged.ts.
      ours: bound
        ? `(select true from outgrow.record r where ${knownBy(derivedKey ?? ledgerKey)} limit 1)`
        : undefined,
    },
    stored: (row, family) =>
      restInLedger
        ? { key: row[0], rest: row[1], cells: row.slice(2), family }
        : { cells: row, family },
  };
}

/** A constant's cell as SQL: untyped, so that the column's type decides. */
function constant(cell: Exclude<SqlConstant, null>): string {
  if (typeof cell === "boolean" || typeof cell === "number") return String(cell);
  return literal(Array.isArray(cell) ? JSON.stringify(cell) : (cell as string));
}
