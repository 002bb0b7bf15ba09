/** The key of a child table that is there already: how its rows are told apart, as far as we can write it. */
import { sqlTypeOf } from "./bind-codec.ts";
import { matchNames } from "./bind-names.ts";
import type { ChildOptions, SeenShape } from "./bind-types.ts";
import type { CatalogColumn, CatalogForeignKey, CatalogTable } from "./catalog.ts";
import type { ChildTableLayout, SqlType } from "./layout.ts";

/** A table that others may belong to. */
export interface ParentTable {
  readonly table: CatalogTable;
  readonly shape: SeenShape | undefined;
  /** Its key's columns without the tenant's. */
  readonly key: readonly string[];
  readonly tenant: string | undefined;
  /** What its lists are called by: its own name, and that of the list that it holds. */
  readonly called: readonly string[];
  /** Properties that lead from the record to its rows. */
  readonly path: readonly string[];
  /** Whether one column says which row is meant. */
  readonly isSingle: boolean;
  /** The database numbers its rows: which number a row gets, nobody knows beforehand. */
  readonly isCounted: boolean;
}

/** A child table before its key is known. */
export interface KeyAtHand {
  readonly table: CatalogTable;
  readonly link: CatalogForeignKey;
  readonly parent: ParentTable;
  readonly holds: ChildTableLayout["holds"];
  readonly shape: SeenShape | undefined;
  readonly said: ChildOptions | undefined;
}

/** @returns why there is none, as text. */
export function childKey(child: KeyAtHand): ChildTableLayout["key"] | string {
  const { table, link, parent } = child;
  if (parent.isCounted) {
    return `the database numbers the rows of ${parent.table.name}, and nobody knows beforehand which gets which number`;
  }
  const here = parent.key.map((name) => link.columns[link.references.indexOf(name)] as string);
  for (const [at, name] of here.entries()) {
    const theirs = columnOf(parent.table, parent.key[at] as string);
    const ours = columnOf(table, name);
    if (ours === undefined || theirs === undefined || sqlTypeOf(ours) !== sqlTypeOf(theirs)) {
      return `${name} is not of the type of the key that it refers to`;
    }
  }
  const tenant =
    parent.tenant === undefined ? undefined : link.columns[link.references.indexOf(parent.tenant)];
  const primary = (table.primaryKey?.columns ?? []).filter((name) => name !== tenant);
  const others = primary.filter((name) => !here.includes(name));
  const [other] = others;
  if (primary.length === 0) return "it has no primary key";
  if (others.length > 1)
    return `its key has more than one column of its own (${others.join(", ")})`;
  if (primary.length === here.length + others.length) return placeKey(child, here, other);
  if (other === undefined || primary.length > 1) return `its key is (${primary.join(", ")})`;
  const own = columnOf(table, other);
  const counts = own !== undefined && (own.sequence !== undefined || own.identity !== undefined);
  return counts ? countedKey(child, here, other) : ownKey(child, here, own);
}

/** Its rows have numbers that the database counts; their order is in a column for it, or that of the numbers. */
function countedKey(
  child: KeyAtHand,
  here: readonly string[],
  counted: string,
): ChildTableLayout["key"] | string {
  const place = placeColumn(child);
  if (child.holds === "map" && place === undefined) return NO_NAMES;
  return { by: "place", parent: here, counted, ...place };
}

const NO_NAMES = "it has no column for the names of a map";

/** A column for the place of elements, by its name. */
function placeColumn({
  table,
  holds,
  shape,
  said,
}: KeyAtHand): { readonly place: string; readonly placeType?: SqlType } | undefined {
  const names: readonly string[] = PLACES[holds];
  const column = table.columns.find(
    (one) =>
      names.includes(one.name) &&
      placeType(one, holds) !== undefined &&
      !isElements(one.name, shape, said),
  );
  return column && { place: column.name, ...placeType(column, holds) };
}

/** How its rows are told apart, in words. */
export function howKnown(key: ChildTableLayout["key"]): string {
  if (key.by === "own") return `its own ${key.column}`;
  if (key.counted === undefined) return "its place";
  const order = key.place === undefined ? `in the order of ${key.counted}` : `by ${key.place}`;
  return `its place (${order}), numbered by the database`;
}

const columnOf = (table: CatalogTable, name: string): CatalogColumn | undefined =>
  table.columns.find((column) => column.name === name);

const PLACES = {
  list: ["position", "place", "ordinal", "sort_order", "sortOrder", "idx", "index", "sort", "seq"],
  map: ["key", "name", "member"],
  object: [],
} as const;

function placeKey(
  { table, holds }: KeyAtHand,
  here: readonly string[],
  place: string | undefined,
): ChildTableLayout["key"] | string {
  if (place === undefined) {
    return holds === "object" ? { by: "place", parent: here } : "it has one row for each parent";
  }
  if (holds === "object") return "it has many rows for each parent";
  const type = placeType(columnOf(table, place), holds);
  return type === undefined
    ? `${place} is of a type that holds no place: it should be ${holds === "list" ? "bigint" : "text"}`
    : { by: "place", parent: here, place, ...type };
}

/** What a column that holds places says of its type; `undefined` when it cannot hold them. */
function placeType(
  column: CatalogColumn | undefined,
  holds: ChildTableLayout["holds"],
): { readonly placeType?: SqlType } | undefined {
  const type = column === undefined ? undefined : sqlTypeOf(column);
  if (holds === "map") return type === "text" && column?.limit === undefined ? {} : undefined;
  if (type === "bigint") return {};
  return type === "integer" ? { placeType: type } : undefined;
}

function ownKey(
  child: KeyAtHand,
  [first = ""]: readonly string[],
  own: CatalogColumn | undefined,
): ChildTableLayout["key"] | string {
  const { parent, holds, shape } = child;
  if (!parent.isSingle) return "its parent's key has several columns";
  const isText = own !== undefined && sqlTypeOf(own) === "text" && (own.limit ?? 36) >= 36;
  if (own === undefined || !(isText || own.base === "uuid")) {
    return `its key ${own?.name} is ${own?.type}, and only a uuid, or text, can be made from a record`;
  }
  const place = placeColumn(child);
  if (holds === "map" && place === undefined) return NO_NAMES;
  const from = elementId(shape);
  return {
    by: "own",
    column: own.name,
    parent: first,
    ...(from === undefined || holds !== "list" ? {} : { from }),
    ...(isText ? { type: "text" as const } : {}),
    ...place,
  };
}

/** Whether the elements have a property of this name: then the column is theirs. */
function isElements(
  name: string,
  shape: SeenShape | undefined,
  said: ChildOptions | undefined,
): boolean {
  if (said?.columns?.[name] !== undefined) return true;
  return shape !== undefined && matchNames([name], [...shape.properties.keys()]).pairs.size > 0;
}

/** The property that tells elements apart, so that their rows stay the same ones when the list changes. */
function elementId(shape: SeenShape | undefined): readonly string[] | undefined {
  if (shape === undefined) return ["id"];
  for (const name of ["id", "_id", "uuid", "key"]) {
    const kinds = shape.properties.get(name)?.kinds;
    if (kinds !== undefined && (kinds.has("string") || kinds.has("integer"))) return [name];
  }
  return undefined;
}
