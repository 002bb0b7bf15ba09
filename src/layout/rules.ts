/**
 * Rules by name: what a person decides about one property, where inference must not. `campaigns.price=money` makes
 * a numeric column of text such as `$4.99`; what is not written just so is kept, spelt as it was, in the rest.
 */
import { OutgrowError } from "../errors.ts";
import type { ChildTableLayout, Column, ForeignKey, Layout, TableLayout } from "./layout.ts";
import { sqlName } from "./names.ts";

/** `collection.path.to.property` -> the rule: `money`, `money($)`, `decimal(10,2)`, `date(M/D/YYYY)`, `text` … */
export type Rules = Readonly<Record<string, string>>;

type Ruled = Omit<Column, "name" | "path" | "nullMeans">;

const EXACT: Readonly<Record<string, Ruled>> = {
  text: { codec: "text" },
  boolean: { codec: "boolean" },
  integer: { codec: "integer" },
  number: { codec: "number" },
  uuid: { codec: "uuid" },
  jsonb: { codec: "jsonb" },
  timestamp: { codec: "iso-timestamp" },
  "timestamp-seconds": { codec: "iso-seconds" },
  "timestamp-sql": { codec: "sql-timestamp" },
  "epoch-ms": { codec: "epoch-ms" },
  "epoch-s": { codec: "epoch-s" },
};

/** What a rule makes of a column. `undefined` when there is no such rule. */
function ruled(rule: string): Ruled | "rest" | undefined {
  if (rule === "rest") return "rest";
  const exact = EXACT[rule];
  if (exact !== undefined) return exact;
  const money = /^money(?:\((.{1,8}?)?\))?$/u.exec(rule);
  if (money !== null) return moneyColumn(money[1] ?? "$");
  const decimal = /^decimal\((\d{1,3}),(\d{1,3})\)$/.exec(rule);
  if (decimal !== null) {
    const [precision, scale] = decimal.slice(1).map(Number) as [number, number];
    if (precision < 1 || scale > precision) return undefined;
    const sqlType = `numeric(${precision},${scale})`;
    return { codec: "decimal", precision, scale, sqlType, coerce: true };
  }
  const date = /^date(?:\(([YMD./ -]+)\))?$/.exec(rule);
  if (date === null) return undefined;
  return date[1] === undefined
    ? { codec: "iso-date" }
    : { codec: "date-text", pattern: date[1], coerce: true };
}

const moneyColumn = (prefix: string): Ruled => ({
  codec: "money",
  prefix,
  precision: 19,
  scale: 2,
  sqlType: "numeric(19,2)",
  coerce: true,
});

/**
 * Layouts with these rules applied.
 *
 * @throws {OutgrowError} RULE_INVALID when a rule names no collection of these, no such rule, or a key.
 */
export function applyRules(layouts: readonly Layout[], rules: Rules): Layout[] {
  const changed = new Map(layouts.map((layout) => [layout.collection, layout]));
  for (const [place, rule] of Object.entries(rules)) {
    const layout = layouts
      .filter(({ collection }) => place.startsWith(`${collection}.`))
      .sort((a, b) => b.collection.length - a.collection.length)[0];
    const column = ruled(rule);
    if (layout === undefined || column === undefined) {
      const detail =
        layout === undefined ? `${place}: there is no such collection` : `${place}=${rule}`;
      throw new OutgrowError("RULE_INVALID", { detail });
    }
    const path = place.slice(layout.collection.length + 1).split(".");
    const current = changed.get(layout.collection) as Layout;
    changed.set(layout.collection, withRule(current, path, column, place));
  }
  return layouts.map(({ collection }) => changed.get(collection) as Layout);
}

function withRule(
  layout: Layout,
  path: readonly string[],
  ruling: Ruled | "rest",
  place: string,
): Layout {
  const { key } = layout;
  if (key.from === "property" && key.path.join(".") === path.join(".")) {
    throw new OutgrowError("RULE_INVALID", { detail: `${place} is the key` });
  }
  const { index, below } = ownerOf(layout, path);
  if (below.length === 0) {
    throw new OutgrowError("RULE_INVALID", { detail: `${place} is a table of its own` });
  }
  const owner = layout.tables[index] as TableLayout | ChildTableLayout;
  if (owner.bound) {
    const detail = `${place} lies in ${owner.name}, which is there already: bind says how (rules)`;
    throw new OutgrowError("RULE_INVALID", { detail });
  }
  const columns = columnsWith(owner, below, ruling);
  const tables = layout.tables.map((table, at) => (at === index ? { ...table, columns } : table));
  const { foreignKeys, ...rest } = layout;
  const kept = foreignKeys?.filter((key) => key.table !== owner.name || stays(key, owner, columns));
  return {
    ...rest,
    tables: tables as unknown as Layout["tables"],
    ...(kept === undefined || kept.length === 0 ? {} : { foreignKeys: kept }),
  };
}

/** A column of another type than before is no foreign key any more: the database would refuse to make it one. */
function stays(
  { columns: names }: ForeignKey,
  { columns: before }: TableLayout | ChildTableLayout,
  after: readonly Column[],
): boolean {
  const codecOf = (columns: readonly Column[], name: string) =>
    columns.find((column) => column.name === name)?.codec;
  return names.every((name) => codecOf(before, name) === codecOf(after, name));
}

/** The deepest table that the path leads into, and what is left of the path there. */
function ownerOf(
  layout: Layout,
  path: readonly string[],
): { index: number; below: readonly string[] } {
  let found = { index: 0, below: path };
  for (let again = true; again; ) {
    again = false;
    for (const [at, table] of layout.tables.entries()) {
      if (!("parent" in table) || table.parent !== found.index) continue;
      if (!table.path.every((name, depth) => found.below[depth] === name)) continue;
      found = { index: at, below: found.below.slice(table.path.length) };
      again = true;
      break;
    }
  }
  return found;
}

function columnsWith(
  table: TableLayout | ChildTableLayout,
  path: readonly string[],
  ruling: Ruled | "rest",
): Column[] {
  const same = (column: Column): boolean => column.path.join("\u0000") === path.join("\u0000");
  const columns = [...table.columns];
  const at = columns.findIndex(same);
  if (ruling === "rest") return columns.filter((column) => !same(column));
  if (at >= 0) {
    const { name, nullMeans, to } = columns[at] as Column;
    columns[at] = { name, path, nullMeans, ...(to === undefined ? {} : { to }), ...ruling };
    return columns;
  }
  const leading = "parent" in table ? parentNames(table) : [table.key.name, table.restColumn ?? ""];
  const taken = new Set([...columns.map(({ name }) => name), ...leading, table.tenantColumn ?? ""]);
  // A column for what lies in an object takes it out of that object's own column.
  const others = columns.filter(
    (column) => !column.path.every((name, depth) => path[depth] === name),
  );
  others.push({ name: sqlName(path.join("_"), taken), path, nullMeans: "absent", ...ruling });
  return others;
}

function parentNames({ key }: ChildTableLayout): string[] {
  const own = key.by === "own" ? [key.column, key.parent] : [...key.parent];
  return key.place === undefined ? own : [...own, key.place];
}
