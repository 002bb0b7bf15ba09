/** A record spread over rows: the way in. What no cell holds is returned as the rest. */
import { ABSENT, type RowRest, Rows, Spelt } from "../collection/tagged-json.ts";
import { isPlainObject, type ObjectValue, setOwn, type Value } from "../collection/value.ts";
import { cellText, type KeySpace, offsetForm } from "./codec.ts";
import { refusal } from "./codec-refusal.ts";
import { childUuid } from "./derived-uuid.ts";
import type { SqlValue } from "./layout.ts";
import type { Child, Field, Group, Node, RowTree } from "./row-tree.ts";

export type Spill = (column: string, code: string) => void;

/** A cell that is to be written when what it refers to is there. */
export interface LateCell {
  readonly table: number;
  /** Text of the row's own key. */
  readonly row: string;
  readonly column: string;
  readonly cell: string;
}

/** What encoding tells beside rows. */
export interface Told {
  readonly spill: Spill;
  readonly late: (cell: LateCell) => void;
}

/** The members of a record as its source wrote them: a column may take them from there. */
export interface Written {
  /** In the order of the source, each once. Records with the same names have the same list. */
  readonly names: readonly string[];
  /** The whole record, where its bytes are tagged JSON that says it, and no byte of them is space between tokens. */
  readonly tagged: Uint8Array | undefined;
  isNull(index: number): boolean;
  /** JSON in UTF-8 that jsonb takes and gives back as the member's value. */
  json(index: number): Uint8Array;
  /** The characters of a text in UTF-8, none of them NUL; `undefined` for what is no text or has escapes. */
  text(index: number): Uint8Array | undefined;
  /** The length of a text in UTF-16 units. */
  units(index: number): number;
  member(index: number): Value;
}

/** What encoding one record needs and fills. */
interface Encoding {
  readonly space: KeySpace;
  /** Whether rows carry their tenant. */
  readonly tenantCell: readonly SqlValue[];
  readonly rows: SqlValue[][][];
  readonly told: Told;
  /** Grows with each cell or child row that says that its object is there. */
  placed: number;
}

/** Nothing is left for the rest to say. */
const PLACED = Symbol("placed");
type Kept = Value | typeof PLACED;

/** The key of a root row, for the property of the record that holds it. */
export interface RootKey {
  readonly property: string | undefined;
  /** Whether this value is what the key says. */
  says(value: Value): boolean;
}

export class RowEncoder {
  readonly #tree: RowTree;

  constructor(tree: RowTree) {
    this.#tree = tree;
  }

  /**
   * Writes a record's columns into `row`, its children into the tables of `rows`.
   *
   * @param row has its leading cells, and the others blank.
   * @param pk text of the row's primary key cells without the tenant's, as children repeat them.
   * @returns the rest: members, the whole value of what is no object, or `undefined`.
   */
  encode(
    value: Value,
    row: SqlValue[],
    pk: readonly SqlValue[],
    key: RootKey,
    to: {
      readonly tenant: string;
      readonly tenantCell: readonly SqlValue[];
      readonly rows: SqlValue[][][];
      readonly told: Told;
    },
  ): RowRest {
    const encoding: Encoding = { space: to, ...to, placed: 0 };
    if (!isPlainObject(value)) return [value];
    return encodeGroup(encoding, this.#tree, value, row, pk, key);
  }
}

function encodeGroup(
  to: Encoding,
  group: Group,
  object: ObjectValue,
  row: SqlValue[],
  pk: readonly SqlValue[],
  key?: RootKey,
): ObjectValue | undefined {
  let rest: Record<string, Value> | undefined;
  const keep = (name: string, kept: Value): void => {
    rest ??= {};
    setOwn(rest, name, kept);
  };
  const keyProperty = key?.property;
  for (const name of Object.keys(object)) {
    const held = object[name];
    const node = group.nodes.get(name);
    if (node !== undefined) {
      const kept = encodeNode(to, node, held, row, pk);
      if (kept !== PLACED) keep(name, kept);
    } else if (name !== keyProperty || !(key as RootKey).says(held)) {
      keep(name, held);
    }
  }
  for (const [name, { field }] of group.expected) {
    if (Object.hasOwn(object, name)) continue;
    keep(name, field?.fillText === undefined ? ABSENT : spelt(field.fillText, ABSENT));
  }
  if (keyProperty !== undefined && !Object.hasOwn(object, keyProperty)) keep(keyProperty, ABSENT);
  return rest;
}

const spelt = (cell: string | null, value: Value): Value =>
  new Spelt(cell, value) as unknown as Value;

function encodeNode(
  to: Encoding,
  { field, child, group }: Node,
  held: Value,
  row: SqlValue[],
  pk: readonly SqlValue[],
): Kept {
  if (field !== undefined) {
    const kept = encodeField(to, field, held, row);
    return field.column.late === true ? postpone(to, field, held, kept, row, pk) : kept;
  }
  if (child !== undefined) return encodeChildren(to, child, held, row, pk);
  if (!isPlainObject(held)) return held;
  const before = to.placed;
  const rest = encodeGroup(to, group, held, row, pk);
  // Where no cell and no row says that the object is there, the rest does.
  return rest ?? (to.placed === before ? {} : PLACED);
}

function encodeField(to: Encoding, field: Field, held: Value, row: SqlValue[]): Kept {
  const { column, label, codec, at, fillText } = field;
  if (held === null) {
    if (fillText !== undefined) return spelt(fillText, null);
    return column.nullMeans === "null" ? PLACED : null;
  }
  const cell = codec.encode(held, column, to.space);
  if (cell !== undefined) {
    row[at] = cell;
    if (field.hasForm) row[at + 1] = offsetForm(held);
    if (field.marks) to.placed++;
    return PLACED;
  }
  const stand = field.coerces ? codec.coerce?.(held, column, to.space) : undefined;
  if (stand !== undefined) {
    row[at] = stand.cell;
    if (field.marks) to.placed++;
    if (codec.always !== true) to.told.spill(label, `RULE_${column.codec.toUpperCase()}`);
    return spelt(stand.text, held);
  }
  to.told.spill(label, refusal(column, held));
  return fillText === undefined ? held : spelt(fillText, held);
}

/** Takes the cell out of the row again, to be written when what it refers to is there. */
function postpone(
  to: Encoding,
  { column, at, table }: Field,
  held: Value,
  kept: Kept,
  row: SqlValue[],
  pk: readonly SqlValue[],
): Kept {
  const text = cellText(row[at] ?? null, column);
  if (text === null) return kept;
  row[at] = null;
  to.told.late({ table, row: String(pk[pk.length - 1]), column: column.name, cell: text });
  return spelt(text, held);
}

function encodeChildren(
  to: Encoding,
  child: Child,
  held: Value,
  row: SqlValue[],
  pk: readonly SqlValue[],
): Kept {
  const { holds, emptyMeans } = child.table;
  const elements = elementsOf(held, holds);
  if (elements === undefined) return held;
  if (elements.length === 0 && holds !== "object") {
    return emptyMeans === "empty" ? PLACED : held;
  }
  if (row.length === 0) throw new TypeError("A child's parent has a row.");
  to.placed++;
  const taken = new Set<string>();
  const entries: (readonly [string | number, RowRest])[] = [];
  const { key } = child.table;
  // Rows that nothing but their order tells apart: how many there were says whether some have gone since.
  const byOrder = holds === "list" && key.place === undefined;
  let isSaid = key.by === "own";
  for (const [place, value] of elements) {
    const { id, rest } = encodeChild(to, child, place, value, pk, taken);
    if (rest !== undefined) isSaid = true;
    if (key.by === "own" || byOrder || rest !== undefined) entries.push([id, rest]);
  }
  return isSaid && entries.length > 0 ? (new Rows(entries) as unknown as Value) : PLACED;
}

/** The rows that a value becomes, by place; `undefined` when it is no such thing, or has places no column holds. */
function elementsOf(
  held: Value,
  holds: "list" | "map" | "object",
): readonly (readonly [place: number | string, value: Value])[] | undefined {
  if (holds === "list") {
    if (!Array.isArray(held) || Object.keys(held).length !== held.length) return undefined;
    return (held as readonly Value[]).map((value, index) => [index, value] as const);
  }
  if (!isPlainObject(held)) return undefined;
  if (holds === "object") return [["", held]];
  const names = Object.keys(held);
  if (names.some((name) => name.includes("\u0000") || !name.isWellFormed())) return undefined;
  return names.map((name) => [name, held[name]] as const);
}

function encodeChild(
  to: Encoding,
  { table, index, tree }: Child,
  place: number | string,
  value: Value,
  pk: readonly SqlValue[],
  taken: Set<string>,
): { readonly id: string | number; readonly rest: RowRest } {
  const row: SqlValue[] = [...to.tenantCell];
  let own: readonly SqlValue[];
  let id = place;
  if (table.key.by === "own") {
    id = childUuid(
      String(pk[pk.length - 1]),
      table.path,
      ownPlace(table.key.from, value, place, taken),
    );
    own = [id];
    row.push(id, pk[pk.length - 1] as SqlValue);
    if (table.key.place !== undefined) row.push(place);
  } else {
    own = table.key.place === undefined ? pk : [...pk, place];
    row.push(...own);
  }
  for (const cell of tree.blank) row.push(cell);
  // Parents come before their children in every table.
  to.rows[index]?.push(row);
  if (!isPlainObject(value)) return { id, rest: [value] };
  return { id, rest: encodeGroup(to, tree, value, row, own) };
}

/** What a child's own key is made from: its id, so that the key stays when elements move; else its place. */
function ownPlace(
  from: readonly string[] | undefined,
  value: Value,
  place: number | string,
  taken: Set<string>,
): string {
  let id: Value = value;
  for (const name of from ?? []) id = isPlainObject(id) ? id[name] : undefined;
  const named = from !== undefined && (typeof id === "string" || typeof id === "number");
  const text = named ? `${typeof id}:${String(id)}` : `at:${place}`;
  const free = taken.has(text) ? `at:${place}:${text}` : text;
  taken.add(free);
  return free;
}
