/** The record that rows stand for: the way out. A cell that was changed since the record was written wins. */
import { ABSENT, type RowRest, Rows, Spelt } from "../collection/tagged-json.ts";
import { isPlainObject, type ObjectValue, setOwn, type Value } from "../collection/value.ts";
import type { ChildTableLayout } from "./layout.ts";
import {
  type Child,
  type Field,
  type Group,
  isCounted,
  type Node,
  type RowTree,
} from "./row-tree.ts";

export type Cells = readonly (string | null)[];

/** The child rows of one record, by table and then by the primary key of the parent's row. */
export type Family = readonly (ReadonlyMap<string, readonly Cells[]> | undefined)[];

/** Nothing says that the property is there. */
const MISSING = Symbol("missing");
type Found = Value | typeof MISSING;

/** The value of a row. @param pk the row's primary key as its children repeat it: see `primaryKeyText`. */
export function decodeRow(
  tree: RowTree,
  cells: Cells,
  rest: RowRest,
  pk: string,
  family: Family,
): Value {
  if (Array.isArray(rest)) return (rest as readonly [Value])[0];
  return decodeMembers(tree, cells, rest as ObjectValue | undefined, pk, family);
}

function decodeMembers(
  group: Group,
  cells: Cells,
  rest: ObjectValue | undefined,
  pk: string,
  family: Family,
): Value {
  const object: Record<string, Value> = {};
  for (const [name, node] of group.nodes) {
    const kept: Found = rest !== undefined && Object.hasOwn(rest, name) ? rest[name] : MISSING;
    const value = decodeNode(node, cells, kept, pk, family);
    if (value !== MISSING && value !== ABSENT) setOwn(object, name, value);
  }
  if (rest !== undefined) {
    for (const name of Object.keys(rest)) {
      if (group.nodes.has(name)) continue;
      if (rest[name] !== ABSENT) setOwn(object, name, rest[name]);
    }
  }
  return object;
}

function decodeNode(node: Node, cells: Cells, kept: Found, pk: string, family: Family): Found {
  if (node.field !== undefined) return decodeField(node.field, cells, kept);
  if (node.child !== undefined) return decodeChildren(node.child, kept, pk, family);
  const isRest = kept !== MISSING && kept !== ABSENT && isPlainObject(kept);
  if (isRest || isThere(node.group, cells, pk, family)) {
    return decodeMembers(node.group, cells, isRest ? (kept as ObjectValue) : undefined, pk, family);
  }
  return kept;
}

/** Whether some cell or child row says that the object is there. See `Field.marks`. */
function isThere(group: Group, cells: Cells, pk: string, family: Family): boolean {
  for (const { field, child, group: inner } of group.nodes.values()) {
    if (field !== undefined) {
      if (field.marks && cells[field.at] !== null) return true;
    } else if (child !== undefined) {
      if ((family[child.index]?.get(pk)?.length ?? 0) > 0) return true;
    } else if (isThere(inner, cells, pk, family)) return true;
  }
  return false;
}

function decodeField(
  { column, codec, at, hasForm, fillText }: Field,
  cells: Cells,
  kept: Found,
): Found {
  const cell = cells[at] as string | null;
  if ((kept as unknown) instanceof Spelt) {
    const { cell: was, value } = kept as unknown as Spelt;
    // A reference whose record is gone is set to NULL by the database: it still is what the app wrote.
    const isNull = cell === null && (codec.always === true || column.late === true);
    if (cell === was || isNull) return value;
  } else if (cell === null && kept !== MISSING) {
    return kept;
  }
  if (cell !== null) return codec.decode(cell, column, hasForm ? (cells[at + 1] ?? null) : null);
  return column.nullMeans === "null" && fillText === undefined ? null : MISSING;
}

function decodeChildren(child: Child, kept: Found, pk: string, family: Family): Found {
  const { table, tree } = child;
  const rows = family[child.index]?.get(pk) ?? [];
  const rests = (kept as unknown) instanceof Rows ? (kept as unknown as Rows).entries : undefined;
  if (rows.length === 0) {
    if (rests === undefined && kept !== MISSING) return kept;
    if (table.holds === "object") return MISSING;
    if (rests === undefined && table.emptyMeans === "absent") return MISSING;
    return table.holds === "list" ? [] : {};
  }
  const byOrder = isCounted(table) && table.key.place === undefined;
  // Of rows that only their order tells apart, nobody knows which have gone: what was beside their columns is theirs
  // no more. What SQL has added comes behind.
  const isKnown = !byOrder || rows.length >= (rests?.length ?? 0);
  const known = isKnown ? (rests ?? []) : [];
  const byId = new Map(known.map(([id, rest]) => [String(id), rest] as const));
  const decoded = rows.map((row, at) => {
    const id = byOrder && table.holds === "list" ? String(at) : rowId(table, row);
    const own = primaryKeyText(table, row);
    return {
      id,
      place: placeOf(table, row),
      value: decodeRow(tree, row, byId.get(id), own, family),
    };
  });
  if (table.holds === "object") return decoded[0]?.value as Value;
  if (table.holds === "map") {
    const object: Record<string, Value> = {};
    for (const { place, value } of decoded) setOwn(object, place as string, value);
    return object;
  }
  if (table.key.by === "own") inOrder(decoded, byId);
  return decoded.map(({ value }) => value);
}

/** By their place; without one in the order that the rest keeps, and behind them what SQL has added. */
function inOrder(
  decoded: { readonly id: string; readonly place: string | undefined }[],
  kept: ReadonlyMap<string, RowRest>,
): void {
  const order = new Map([...kept.keys()].map((id, index) => [id, index]));
  const rank = ({ id, place }: (typeof decoded)[number]): number =>
    place === undefined ? (order.get(id) ?? order.size) : Number(place);
  decoded.sort((a, b) => rank(a) - rank(b));
}

/** The element's index or name, where a column holds it. */
function placeOf(table: ChildTableLayout, row: Cells): string | undefined {
  if (table.key.place === undefined) return undefined;
  const at = table.tenantColumn === undefined ? 0 : 1;
  return row[at + (table.key.by === "own" ? 2 : table.key.parent.length)] as string;
}

/** What tells a child row from its siblings: its place, or its own key. */
function rowId(table: ChildTableLayout, row: Cells): string {
  if (table.key.by === "own") return row[table.tenantColumn === undefined ? 0 : 1] as string;
  return placeOf(table, row) ?? "";
}

/** A row's primary key without the tenant, as one text. */
export function primaryKeyText(table: ChildTableLayout, row: Cells): string {
  const at = table.tenantColumn === undefined ? 0 : 1;
  if (table.key.by === "own") return row[at] as string;
  const width = table.key.parent.length + (table.key.place === undefined ? 0 : 1);
  return row.slice(at, at + width).join("\u0000");
}

/** The same of the parent's row, from the child's. */
export function parentKeyText(table: ChildTableLayout, row: Cells): string {
  const at = table.tenantColumn === undefined ? 0 : 1;
  if (table.key.by === "own") return row[at + 1] as string;
  return row.slice(at, at + table.key.parent.length).join("\u0000");
}
