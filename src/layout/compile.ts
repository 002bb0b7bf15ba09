/**
 * A layout, made ready to run both ways. `encode` spreads a record over the cells of its tables' rows; `decode`
 * makes the record from the cells again. Neither needs the ledger's knowledge of the record: law L1 holds from
 * columns and rest alone.
 *
 * The rest holds, as tagged JSON text: NULL when the columns say it all; an object of what no column holds, in the
 * record's own nesting; or an array of one element, when the record is not an object at all.
 */
import { decodeKey } from "../collection/key.ts";
import {
  fromTaggedJson,
  fromTaggedMembers,
  type RowRest,
  toTaggedJson,
  toTaggedMembers,
} from "../collection/tagged-json.ts";
import { type ObjectValue, setOwn, type Value } from "../collection/value.ts";
import { OutgrowError } from "../errors.ts";
import { keyCell, keyType, ledgerKeyOf } from "./codec.ts";
import { type Cells, decodeRow, type Family, parentKeyText } from "./decode-row.ts";
import { type RootKey, RowEncoder, type Told, type Written } from "./encode-row.ts";
import { WrittenEncoder } from "./encode-written.ts";
import type { ChildTableLayout, Layout, SqlType, SqlValue, TableLayout } from "./layout.ts";
import { RowDigest } from "./row-digest.ts";
import { columnCells, type RowTree, rowTree } from "./row-tree.ts";

/** A table as the bulk writer sees it: cells come in this order. */
export interface CompiledTable {
  readonly name: string;
  /** Tenant (where there is one), key, constants, value columns, rest. */
  readonly columns: readonly {
    readonly name: string;
    readonly type: SqlType;
  }[];
  /** How many of the first columns make the primary key. */
  readonly keyWidth: number;
  /** What orders rows with the same first columns, and is not written: a number that the database counts. */
  readonly counted?: string | undefined;
  /** How a child's rows are found: by this column, which holds a key of that table (an index in `tables`). */
  readonly anchor?: { readonly table: number; readonly column: string } | undefined;
}

/** A root row as it was read, with what belongs to it. */
export interface StoredRow {
  /** Postgres' text output in the order of `tables[0].columns`. */
  readonly cells: Cells;
  /** From `outgrow.rest`, where the layout has no rest column: the key that the row stands for, and its rest. */
  readonly key?: string | null | undefined;
  readonly rest?: string | null | undefined;
  /** See `familyOf`. */
  readonly family?: Family | undefined;
}

/** A record on its way into rows. */
export interface Encodable {
  readonly value: Value;
  /** Of this very value: where it says enough the value is not asked for, and cells of text and JSON are bytes. */
  readonly written?: Written | undefined;
}

export interface CompiledLayout {
  readonly layout: Layout;
  readonly tables: readonly CompiledTable[];
  /** The rest of a record lies in the ledger's table, with the key that the row's key stands for. */
  readonly restInLedger: boolean;
  /** The key column's cell; `undefined` when it cannot hold this key (KEY_TYPE). @param key ledger text. */
  rowKey(key: string, tenant: string): string | number | undefined;
  /** Whether the key column can hold this key; if not, the record is KEY_TYPE. */
  keyFits(key: string): boolean;
  /**
   * Appends the record's row to `rows[0]`, and the rows of its children to those of their tables.
   *
   * @param key ledger text.
   * @param told of each value that its column could not hold, with the reason's code; and of late cells.
   * @returns the rest's text where it lies in the ledger, else null.
   * @throws {OutgrowError} KEY_TYPE when the key column cannot hold the key.
   */
  encode(
    key: string,
    record: Encodable,
    tenant: string,
    rows: SqlValue[][][],
    told: Told,
  ): string | null;
  decode(row: StoredRow): { readonly key: string; readonly value: Value };
  /** What tells the digest of a row's record from its bytes, where a layout is one of which that can be told. */
  readonly rowDigest: RowDigest | undefined;
}

export function compileLayout(layout: Layout): CompiledLayout {
  const [root] = layout.tables;
  const tree = rowTree(layout);
  const encoder = new RowEncoder(tree);
  const keyProperty = keyPropertyOf(layout, tree);
  const writtenEncoder = new WrittenEncoder(tree, keyProperty);
  const restInLedger = root.restColumn === undefined;
  const constants = (root.constants ?? []).map(({ cell }) => cell);
  const keyAt = root.tenantColumn === undefined ? 0 : 1;
  const rowKey = (key: string, tenant: string): string | number | undefined =>
    keyCell(root.key, key, layout.collection, tenant);
  return {
    layout,
    tables: layout.tables.map((_, index) => compiledTable(layout, index)),
    restInLedger,
    rowKey,
    keyFits: (key) => rowKey(key, "") !== undefined,
    encode(key, record, tenant, rows, told) {
      const cell = rowKey(key, tenant);
      if (cell === undefined) throw new OutgrowError("KEY_TYPE", { collection: layout.collection });
      const tenantCell = keyAt === 1 ? [tenant] : [];
      const row: SqlValue[] = [...tenantCell, cell, ...constants, ...tree.blank];
      const rootKey = keyOf(keyProperty, key, cell);
      rows[0]?.push(row);
      const { written } = record;
      if (written !== undefined && writtenEncoder.encode(written, row, rootKey, { tenant })) {
        if (!restInLedger) row.push(null);
        return null;
      }
      const to = { tenant, tenantCell, rows, told };
      const rest = restText(encoder.encode(record.value, row, [cell], rootKey, to));
      if (!restInLedger) row.push(rest);
      return restInLedger ? rest : null;
    },
    decode: (row) => decodeRoot(root, tree, keyProperty, keyAt, row),
    rowDigest: RowDigest.of(layout, tree, keyProperty),
  };
}

/** The property that the key's own column holds, unless it has a column or a table to itself. */
function keyPropertyOf({ key }: Layout, tree: RowTree): string | undefined {
  if (key.from !== "property" || key.path.length !== 1) return undefined;
  const [name = ""] = key.path;
  return tree.nodes.has(name) ? undefined : name;
}

function keyOf(property: string | undefined, key: string, cell: SqlValue): RootKey {
  return {
    property,
    says: (value) => {
      if (typeof value === "string" && key.length === value.length + 1) {
        // A key without escapes is its own ledger text.
        if (key[0] === "s" && key.endsWith(value) && !value.includes("\u0001")) return true;
      }
      if (typeof value === "number" && typeof cell === "number") return Object.is(value, cell);
      return Object.is(value, decodeKey(key));
    },
  };
}

function restText(rest: RowRest): string | null {
  if (rest === undefined) return null;
  return Array.isArray(rest)
    ? `[${toTaggedJson((rest as readonly [Value])[0])}]`
    : toTaggedMembers(rest as ObjectValue);
}

function restOf(text: string | null | undefined): RowRest {
  if (text === null || text === undefined) return undefined;
  return text.startsWith("[")
    ? (fromTaggedJson(text) as unknown as readonly [Value])
    : fromTaggedMembers(text);
}

function decodeRoot(
  root: TableLayout,
  tree: RowTree,
  keyProperty: string | undefined,
  keyAt: number,
  { cells, key: known, rest: kept, family }: StoredRow,
): { readonly key: string; readonly value: Value } {
  const keyText = cells[keyAt] as string;
  const key = known ?? ledgerKeyOf(root.key.codec, keyText);
  const rest = restOf(root.restColumn === undefined ? kept : cells[tree.lead + tree.blank.length]);
  const value = decodeRow(tree, cells, rest, keyText, family ?? []);
  // The rest says when the property is another value than the key, or is not there.
  const isSaid =
    rest !== undefined && (Array.isArray(rest) || Object.hasOwn(rest, keyProperty ?? ""));
  if (keyProperty !== undefined && !isSaid) {
    setOwn(value as ObjectValue, keyProperty, decodeKey(key));
  }
  return { key, value };
}

function compiledTable(layout: Layout, index: number): CompiledTable {
  const table = layout.tables[index] as TableLayout | ChildTableLayout;
  const values = columnCells(table);
  const tenant =
    table.tenantColumn === undefined ? [] : [{ name: table.tenantColumn, type: "text" as const }];
  if (!("parent" in table)) {
    const rest =
      table.restColumn === undefined ? [] : [{ name: table.restColumn, type: "json" as const }];
    const constants = (table.constants ?? []).map(({ name, type }) => ({ name, type }));
    const key = { name: table.key.name, type: keyType(table.key) };
    return {
      name: table.name,
      columns: [...tenant, key, ...constants, ...values, ...rest],
      keyWidth: tenant.length + 1,
    };
  }
  const { key } = table;
  const parentTypes = primaryKeyTypes(layout, table.parent);
  const place =
    key.place === undefined
      ? []
      : [{ name: key.place, type: key.placeType ?? placeType(table.holds) }];
  if (key.by === "own") {
    const parent = { name: key.parent, type: parentTypes[parentTypes.length - 1] as SqlType };
    return {
      name: table.name,
      columns: [
        ...tenant,
        { name: key.column, type: key.type ?? "uuid" },
        parent,
        ...place,
        ...values,
      ],
      keyWidth: tenant.length + 1,
      anchor: { table: table.parent, column: key.parent },
    };
  }
  const parents = key.parent.map((name, at) => ({ name, type: parentTypes[at] as SqlType }));
  return {
    name: table.name,
    columns: [...tenant, ...parents, ...place, ...values],
    keyWidth: tenant.length + parents.length + place.length,
    ...(key.counted === undefined ? {} : { counted: key.counted }),
    anchor: { table: anchorOf(layout, index), column: key.parent[0] as string },
  };
}

const placeType = (holds: ChildTableLayout["holds"]): SqlType =>
  holds === "list" ? "bigint" : "text";

/** Types of a table's primary key columns without the tenant's. */
function primaryKeyTypes(layout: Layout, index: number): readonly SqlType[] {
  const table = layout.tables[index] as TableLayout | ChildTableLayout;
  if (!("parent" in table)) return [keyType(table.key)];
  if (table.key.by === "own") return [table.key.type ?? "uuid"];
  const parent = primaryKeyTypes(layout, table.parent);
  return table.key.place === undefined
    ? parent
    : [...parent, table.key.placeType ?? placeType(table.holds)];
}

/** The table whose own key the first parent column of a child holds: the root, or one with a key of its own. */
function anchorOf(layout: Layout, index: number): number {
  const table = layout.tables[index] as TableLayout | ChildTableLayout;
  if (!("parent" in table)) return index;
  const parent = layout.tables[table.parent] as TableLayout | ChildTableLayout;
  return "parent" in parent && parent.key.by === "place"
    ? anchorOf(layout, table.parent)
    : table.parent;
}

/** Child rows, by table, grouped under the primary keys of their parents' rows. */
export function familyOf(layout: Layout, rows: readonly (readonly Cells[] | undefined)[]): Family {
  return rows.map((list, index) => {
    if (index === 0 || list === undefined) return undefined;
    const table = layout.tables[index] as ChildTableLayout;
    const groups = new Map<string, Cells[]>();
    for (const row of list) {
      const parent = parentKeyText(table, row);
      const group = groups.get(parent);
      if (group === undefined) groups.set(parent, [row]);
      else group.push(row);
    }
    return groups;
  });
}
