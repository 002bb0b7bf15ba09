/**
 * A layout, made ready to run both ways. `encode` spreads a record over the cells of its tables' rows; `decode`
 * makes the record from the cells again. Neither needs the ledger: law L1 holds from columns and rest alone.
 *
 * The rest column holds, as tagged JSON text: NULL when the columns say it all; an object of the properties that
 * no column holds; or an array of one element, when the record is not an object at all.
 */
import {
  ABSENT,
  fromTaggedJson,
  fromTaggedMembers,
  toTaggedJson,
  toTaggedMembers,
} from "../collection/tagged-json.ts";
import { isPlainObject, type ObjectValue, setOwn, type Value } from "../collection/value.ts";
import { OutgrowError } from "../errors.ts";
import { CODECS, keyCell, ledgerKeyOf, refusal } from "./codec.ts";
import type { Column, Layout, SqlType, SqlValue, TableLayout } from "./layout.ts";

/** A table as the bulk writer sees it: cells come in this order. */
export interface CompiledTable {
  readonly name: string;
  /** Tenant (where there is one), key, value columns, rest. */
  readonly columns: readonly {
    readonly name: string;
    readonly type: SqlType;
  }[];
  /** How many of the first columns make the primary key. */
  readonly keyWidth: 1 | 2;
}

export interface CompiledLayout {
  readonly layout: Layout;
  readonly tables: readonly CompiledTable[];
  /** Whether the key column can hold this key; if not, the record is KEY_TYPE. */
  keyFits(key: string): boolean;
  /**
   * Appends the record's row to `rows[0]`, and the rows of its children to those of their tables.
   *
   * @param key ledger text.
   * @param spill told for each value that its column could not hold, with the reason's code.
   * @throws {OutgrowError} KEY_TYPE when the key column cannot hold the key.
   */
  encode(
    key: string,
    value: Value,
    tenant: string,
    rows: SqlValue[][][],
    spill: (column: string, code: string) => void,
  ): void;
  /** The record of a root row; `cells` are Postgres' text output in the order of `tables[0].columns`. */
  decode(cells: readonly (string | null)[]): {
    readonly key: string;
    readonly value: Value;
  };
}

export function compileLayout(layout: Layout): CompiledLayout {
  const root = layout.tables[0];
  const keyProperty =
    layout.key.from === "property" && layout.key.path.length === 1 ? layout.key.path[0] : undefined;
  const encodeRow = rowEncoder(root, keyProperty);
  const decodeRow = rowDecoder(root, keyProperty);
  const keyAt = root.tenantColumn === undefined ? 0 : 1;
  return {
    layout,
    tables: layout.tables.map(compiledTable),
    keyFits: (key) => keyCell(root.key.codec, key) !== undefined,
    encode(key, value, tenant, rows, spill) {
      const cell = keyCell(root.key.codec, key);
      if (cell === undefined) throw new OutgrowError("KEY_TYPE", { collection: layout.collection });
      const row = encodeRow(cell, value, spill);
      if (keyAt === 1) row.unshift(tenant);
      rows[0]?.push(row);
    },
    decode(cells) {
      const keyText = cells[keyAt] as string;
      return {
        key: ledgerKeyOf(root.key.codec, keyText),
        value: decodeRow(cells, keyAt),
      };
    },
  };
}

function compiledTable(table: TableLayout): CompiledTable {
  const tenant =
    table.tenantColumn === undefined ? [] : [{ name: table.tenantColumn, type: "text" as const }];
  return {
    name: table.name,
    columns: [
      ...tenant,
      { name: table.key.name, type: CODECS[table.key.codec].sql },
      ...table.columns.map((column) => ({
        name: column.name,
        type: CODECS[column.codec].sql,
      })),
      { name: table.restColumn, type: "json" },
    ],
    keyWidth: tenant.length === 0 ? 1 : 2,
  };
}

type RowEncoder = (
  keyCell: SqlValue,
  value: Value,
  spill: (column: string, code: string) => void,
) => SqlValue[];

function rowEncoder(table: TableLayout, keyProperty: string | undefined): RowEncoder {
  const places = new Map(table.columns.map((column, index) => [column.property, index] as const));
  const width = table.columns.length + 2;
  // Columns whose NULL means null: a record that lacks the property must say so in its rest.
  const nullable = table.columns.flatMap((column, index) =>
    column.nullMeans === "null" ? [index] : [],
  );
  const keyDecode = CODECS[table.key.codec];

  return (key, value, spill) => {
    const cells: SqlValue[] = new Array(width).fill(null);
    cells[0] = key;
    if (!isPlainObject(value)) {
      cells[width - 1] = `[${toTaggedJson(value)}]`;
      return cells;
    }
    let rest: Record<string, Value> | undefined;
    const keep = (name: string, kept: Value): void => {
      rest ??= {};
      setOwn(rest, name, kept);
    };
    for (const name of Object.keys(value)) {
      const held = value[name];
      const place = places.get(name);
      if (place !== undefined) {
        const column = table.columns[place] as Column;
        if (held === null && column.nullMeans === "null") continue;
        const cell = held === null ? undefined : CODECS[column.codec].encode(held);
        if (cell !== undefined) {
          cells[place + 1] = cell;
        } else {
          if (held !== null) spill(column.name, refusal(column.codec, held));
          keep(name, held);
        }
      } else if (name !== keyProperty || !Object.is(held, keyDecode.decode(String(key)))) {
        keep(name, held);
      }
    }
    for (const place of nullable) {
      const { property } = table.columns[place] as Column;
      if (!Object.hasOwn(value, property)) keep(property, ABSENT);
    }
    if (keyProperty !== undefined && !Object.hasOwn(value, keyProperty)) keep(keyProperty, ABSENT);
    if (rest !== undefined) cells[width - 1] = toTaggedMembers(rest);
    return cells;
  };
}

function rowDecoder(
  table: TableLayout,
  keyProperty: string | undefined,
): (cells: readonly (string | null)[], keyAt: number) => Value {
  const columns = table.columns.map((column) => ({
    property: column.property,
    nullMeansNull: column.nullMeans === "null",
    decode: CODECS[column.codec].decode,
  }));
  const decodeKeyCell = CODECS[table.key.codec].decode;
  return (cells, keyAt) => {
    const restText = cells[keyAt + columns.length + 1] ?? null;
    if (restText?.startsWith("[")) return (fromTaggedJson(restText) as Value[])[0];
    const value: Record<string, Value> = {};
    if (keyProperty !== undefined)
      setOwn(value, keyProperty, decodeKeyCell(cells[keyAt] as string));
    let at = keyAt + 1;
    for (const column of columns) {
      const cell = cells[at++] as string | null;
      if (cell !== null) setOwn(value, column.property, column.decode(cell));
      else if (column.nullMeansNull) setOwn(value, column.property, null);
    }
    if (restText !== null) addRest(value, fromTaggedMembers(restText));
    return value;
  };
}

function addRest(value: Record<string, Value>, rest: ObjectValue): void {
  for (const name of Object.keys(rest)) {
    if (rest[name] === ABSENT) delete value[name];
    else setOwn(value, name, rest[name]);
  }
}
