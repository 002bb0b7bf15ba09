/**
 * The properties of what a row stands for, as a tree: which of them lie in columns, which in child tables, and
 * which objects lie spread over columns. Encoding and decoding walk the same tree.
 */
import { CODECS, type Codec, cellText, columnType } from "./codec.ts";
import type { ChildTableLayout, Column, Layout, SqlType, SqlValue, TableLayout } from "./layout.ts";

/** A column, ready to run. */
export interface Field {
  readonly column: Column;
  /** What it is called in reports: in a child table, behind the path of its list (`images.url`). */
  readonly label: string;
  readonly codec: Codec;
  /** Index of its cell in the row; its offset column's cell is the next one. */
  readonly at: number;
  /** Index of its table in `Layout.tables`. */
  readonly table: number;
  readonly hasForm: boolean;
  /** Whether any JSON text is a cell of it. */
  readonly isJson: boolean;
  /** Whether a cell of it says that the object it is in is there: fills always are, late cells may not be yet. */
  readonly marks: boolean;
  readonly coerces: boolean;
  /** What Postgres will say of the fill. */
  readonly fillText: string | null | undefined;
}

/** A child table, as its parent's tree refers to it. */
export interface Child {
  readonly table: ChildTableLayout;
  /** Index in `Layout.tables`. */
  readonly index: number;
  readonly tree: RowTree;
}

/** What one property is: exactly one of these. */
export type Node =
  | { readonly field: Field; readonly child?: undefined; readonly group?: undefined }
  | { readonly child: Child; readonly field?: undefined; readonly group?: undefined }
  | { readonly group: Group; readonly field?: undefined; readonly child?: undefined };

/** An object whose properties lie in columns and child tables. */
export interface Group {
  readonly nodes: ReadonlyMap<string, Node>;
  /** Properties whose absence the rest has to say, with what it says: NULL, no rows or a fill would say otherwise. */
  readonly expected: readonly (readonly [name: string, node: Node])[];
}

export interface RowTree extends Group {
  /** Cells before the columns: tenant, key, constants. */
  readonly lead: number;
  /** A row of nothing but fills, without its leading cells. */
  readonly blank: readonly SqlValue[];
  readonly fields: readonly Field[];
}

/** The tree of a layout's root table, children within. */
export function rowTree(layout: Layout): RowTree {
  return treeOf(layout, 0, []);
}

/** @param inside the path of the table's rows in the record. */
function treeOf(layout: Layout, index: number, inside: readonly string[]): RowTree {
  const table = layout.tables[index] as TableLayout | ChildTableLayout;
  if ("parent" in table) checkChild(layout, table);
  const lead = leadingCells(table);
  const blank: SqlValue[] = [];
  const fields = table.columns.map((column) => {
    const field = fieldOf(column, lead + blank.length, index, inside);
    blank.push(column.fill ?? null);
    if (field.hasForm) blank.push(null);
    return field;
  });
  const root = new GroupBuilder();
  for (const field of fields) root.place(field.column.path, { field });
  for (const [at, child] of layout.tables.entries()) {
    if (!("parent" in child) || child.parent !== index) continue;
    const tree = treeOf(layout, at, [...inside, ...child.path]);
    root.place(child.path, { child: { table: child, index: at, tree } });
  }
  return { ...root.build(), lead, blank, fields };
}

/** Whether the database numbers a child table's rows. */
export function isCounted({ key }: ChildTableLayout): boolean {
  return key.by === "place" && key.counted !== undefined;
}

function checkChild(layout: Layout, { name, holds, key, parent }: ChildTableLayout): void {
  if (holds === "map" && key.place === undefined) {
    throw new TypeError(`Members of a map have names, and ${name} has no column for them.`);
  }
  const above = layout.tables[parent];
  if (above !== undefined && "parent" in above && isCounted(above)) {
    throw new TypeError(
      `Nobody knows beforehand which rows of ${above.name} those of ${name} are for.`,
    );
  }
  if (key.by === "own" && above !== undefined && "parent" in above && above.key.by === "place") {
    throw new TypeError(`One column of ${name} cannot hold its parent's key, which has several.`);
  }
}

/** The cells of a table's columns, in order. */
export function columnCells(table: {
  readonly columns: readonly Column[];
}): readonly { readonly name: string; readonly type: SqlType }[] {
  return table.columns.flatMap((column) => {
    const cell = { name: column.name, type: columnType(column) };
    const { offsetColumn } = column;
    return offsetColumn === undefined ? [cell] : [cell, { name: offsetColumn, type: "text" }];
  });
}

/** How many cells stand before the columns: see `compiledTable`. */
export function leadingCells(table: TableLayout | ChildTableLayout): number {
  const tenant = table.tenantColumn === undefined ? 0 : 1;
  if (!("parent" in table)) return tenant + 1 + (table.constants?.length ?? 0);
  const place = table.key.place === undefined ? 0 : 1;
  return tenant + (table.key.by === "own" ? 2 : table.key.parent.length) + place;
}

function fieldOf(column: Column, at: number, table: number, inside: readonly string[]): Field {
  const codec = CODECS[column.codec];
  const labels = Object.values(column.labels ?? {});
  if (new Set(labels).size < labels.length) {
    throw new TypeError(
      `Two texts have one label in ${column.name}: nobody could tell which it was.`,
    );
  }
  return {
    column,
    label: [...inside, column.name].join("."),
    codec,
    at,
    table,
    marks: column.fill === undefined && column.late !== true,
    hasForm: column.offsetColumn !== undefined,
    isJson: column.codec === "jsonb" && columnType(column) === "jsonb" && column.late === undefined,
    coerces: codec.coerce !== undefined && (codec.always === true || column.coerce === true),
    fillText: column.fill === undefined ? undefined : cellText(column.fill, column),
  };
}

class GroupBuilder {
  readonly #nodes = new Map<string, Node | GroupBuilder>();

  place(path: readonly string[], node: Node): void {
    const [name, ...inner] = path;
    if (name === undefined) throw new TypeError("A column or child table has a path.");
    const there = this.#nodes.get(name);
    if (inner.length === 0) {
      if (there !== undefined) throw new TypeError(`Two columns are for one property: ${name}.`);
      this.#nodes.set(name, node);
      return;
    }
    const group = there ?? new GroupBuilder();
    if (!(group instanceof GroupBuilder)) {
      throw new TypeError(`A column is for a property, and another for what lies in it: ${name}.`);
    }
    this.#nodes.set(name, group);
    group.place(inner, node);
  }

  build(): Group {
    const nodes = new Map<string, Node>();
    for (const [name, node] of this.#nodes) {
      nodes.set(name, node instanceof GroupBuilder ? { group: node.build() } : node);
    }
    return { nodes, expected: [...nodes].filter(([, node]) => speaksWhenEmpty(node)) };
  }
}

function speaksWhenEmpty({ field, child }: Node): boolean {
  if (field !== undefined) return field.column.nullMeans === "null" || field.fillText !== undefined;
  return child?.table.emptyMeans === "empty" && child.table.holds !== "object";
}
