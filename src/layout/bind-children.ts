/** Child tables that are there already: those with a foreign key to their parent, and a name of one of its lists. */
import { sqlTypeOf } from "./bind-codec.ts";
import { bindColumns } from "./bind-column.ts";
import { matchNames, namesChild } from "./bind-names.ts";
import type { BindOptions, ChildOptions, Findings, SeenProperty, SeenShape } from "./bind-types.ts";
import type { Catalog, CatalogColumn, CatalogForeignKey, CatalogTable } from "./catalog.ts";
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
}

/** A table that holds the elements of one property. */
export interface ChosenChild {
  readonly table: CatalogTable;
  readonly path: readonly string[];
  readonly parent: ParentTable;
  readonly holds: ChildTableLayout["holds"];
  readonly key: ChildTableLayout["key"];
  readonly tenant: string | undefined;
  readonly emptyMeans: ChildTableLayout["emptyMeans"];
  readonly shape: SeenShape | undefined;
  readonly owners: number;
  readonly said: ChildOptions | undefined;
}

type Link = readonly [table: CatalogTable, link: CatalogForeignKey];

export class ChildBinder {
  readonly tables: ChildTableLayout[] = [];
  /** What there is of the tables that were bound, for notes. */
  readonly bound: CatalogTable[] = [];
  readonly #catalog: Catalog;
  readonly #options: BindOptions;
  readonly #findings: Findings;
  readonly #root: string;
  readonly #taken = new Set<string>();

  constructor(catalog: Catalog, options: BindOptions, findings: Findings, root: CatalogTable) {
    this.#catalog = catalog;
    this.#options = options;
    this.#findings = findings;
    this.#root = root.name;
    this.#taken.add(root.name);
  }

  /** The tables below one: `add` then makes them, when the parent's own columns are known. */
  choose(parent: ParentTable): ChosenChild[] {
    const chosen: ChosenChild[] = [];
    for (const [property, tables] of this.#candidates(parent)) {
      const [first] = tables;
      if (first === undefined) continue;
      if (tables.length > 1) {
        const names = tables.map(([{ name }, { columns }]) => `${name} (${columns.join(", ")})`);
        this.#findings.note("AMBIGUOUS", parent.table.name, undefined, {
          message: `${property} may lie in ${names.join(" or ")}: it lies in the rest.`,
          next: `Say which: children: { ${JSON.stringify(first[0].name)}: { path: [${JSON.stringify(property)}] } }.`,
        });
        continue;
      }
      const child = this.#child(parent, first, property);
      if (child === undefined) continue;
      this.#taken.add(child.table.name);
      chosen.push(child);
    }
    return chosen;
  }

  /** @param index of the parent in the layout. */
  add(child: ChosenChild, index: number): void {
    const { table, path, key, holds, emptyMeans, tenant, shape, owners, said } = child;
    const own = key.by === "own" ? [key.column, key.parent] : key.parent;
    const used = [...own, ...(key.place === undefined ? [] : [key.place])];
    const inner = this.choose(asParent(child));
    const columns = bindColumns({
      table,
      shape,
      owners,
      paths: said?.columns ?? {},
      used: new Set(tenant === undefined ? used : [tenant, ...used]),
      children: inner.map((one) => ({ path: one.path, table: one.table.name })),
      own: undefined,
      tenant,
      isSimple:
        tenant === undefined &&
        own.length === (key.by === "own" ? 2 : 1) &&
        (key.by === "own" || key.place === undefined),
      catalog: this.#catalog,
      prefix: `${table.name}.`,
      options: this.#options,
      findings: this.#findings,
    });
    this.bound.push(table);
    const at = this.tables.push({
      name: table.name,
      bound: true,
      ...(tenant === undefined ? {} : { tenantColumn: tenant }),
      parent: index,
      path,
      holds,
      emptyMeans,
      key,
      columns,
    });
    for (const one of inner) this.add(one, at);
  }

  /** Tables that the options name and that no parent took. */
  sayWhatIsLeft(): void {
    for (const [name, { path }] of Object.entries(this.#options.children ?? {})) {
      if (this.#taken.has(name)) continue;
      if (
        this.#findings.problems.some(({ code, table }) => code === "CHILD_KEY" && table === name)
      ) {
        continue;
      }
      this.#findings.problem("NO_TABLE", name, undefined, {
        message: `${name} is no table with a foreign key to the key of what holds ${path.join(".")}.`,
        next: "Correct its name in `children`, or give it that foreign key.",
      });
    }
  }

  /** By the property that they are for, as text. */
  #candidates(parent: ParentTable): Map<string, Link[]> {
    const found = new Map<string, Link[]>();
    const { collections = {}, children = {} } = this.#options;
    for (const table of this.#catalog.tables) {
      if (this.#taken.has(table.name)) continue;
      const links = table.foreignKeys.filter((link) => leadsTo(link, parent));
      const said = Object.hasOwn(children, table.name) ? children[table.name] : undefined;
      const owner = collections[table.name];
      const isOthers = owner !== undefined && owner !== collections[this.#root];
      if (links.length === 0 || (said === undefined && isOthers)) continue;
      const property = said?.path.join(".") ?? this.#listFor(table, parent);
      if (property === undefined) continue;
      const pairs = links.map((link): Link => [table, link]);
      found.set(property, [...(found.get(property) ?? []), ...pairs]);
    }
    // What the options name needs no other.
    for (const [property, links] of found) {
      const said = links.filter(([table]) => Object.hasOwn(children, table.name));
      if (said.length > 0) found.set(property, said);
    }
    return found;
  }

  /** The list (or nested object) of the parent that the table's name speaks of. */
  #listFor(table: CatalogTable, { shape, called, table: above }: ParentTable): string | undefined {
    for (const [property, { kinds }] of shape?.properties ?? []) {
      if (!kinds.has("array") && !kinds.has("object")) continue;
      if (!called.some((name) => namesChild(table.name, name, property))) continue;
      const names = above.columns.map(({ name }) => name);
      const { pairs } = matchNames(names, [property]);
      if (pairs.size === 0) return property;
      this.#findings.choose(
        table.name,
        "left alone",
        `${property} has the column ${[...pairs.keys()][0]} of ${above.name}`,
      );
    }
    return undefined;
  }

  #child(parent: ParentTable, [table, link]: Link, property: string): ChosenChild | undefined {
    const said = this.#options.children?.[table.name];
    const path = said?.path ?? [property];
    const seen = path.length === 1 ? parent.shape?.properties.get(path[0] as string) : undefined;
    const holds = said?.holds ?? (isObject(seen) ? "object" : "list");
    const inside = [...parent.path, ...path].join(".");
    const shape =
      this.#options.elements?.[inside] ?? (holds === "list" ? seen?.lists?.shape : undefined);
    const made = { table, link, parent, holds, shape, said };
    const key = this.#key(made, path);
    if (key === undefined) return undefined;
    const { tenant } = parent;
    const how = key.by === "own" ? `its own ${key.column}` : "its place";
    this.#findings.choose(
      table.name,
      `${holds} ${inside}, by ${how}`,
      said === undefined ? `by its name, and ${link.name}` : "as the options say",
    );
    return {
      ...made,
      path,
      key,
      tenant: tenant === undefined ? undefined : link.columns[link.references.indexOf(tenant)],
      emptyMeans: emptyMeans(seen, parent.shape?.objects ?? 0),
      owners: seen?.lists?.elements ?? shape?.objects ?? 0,
    };
  }

  #key(child: KeyAtHand, path: readonly string[]): ChildTableLayout["key"] | undefined {
    const made = childKey(child);
    if (typeof made !== "string") return made;
    this.#findings.note("CHILD_KEY", child.table.name, undefined, {
      message: `${child.table.name} cannot hold ${path.join(".")}: ${made}. It lies in the rest.`,
      next: "Give the table a uuid (or text) of its own as its primary key, or the parent's key and a bigint place.",
    });
    return undefined;
  }
}

interface KeyAtHand {
  readonly table: CatalogTable;
  readonly link: CatalogForeignKey;
  readonly parent: ParentTable;
  readonly holds: ChildTableLayout["holds"];
  readonly shape: SeenShape | undefined;
  readonly said: ChildOptions | undefined;
}

const isObject = (seen: SeenProperty | undefined): boolean =>
  (seen?.kinds.get("object") ?? 0) > (seen?.kinds.get("array") ?? 0);

function leadsTo({ table, schema, references }: CatalogForeignKey, parent: ParentTable): boolean {
  if (schema !== undefined || table !== parent.table.name) return false;
  const key = parent.tenant === undefined ? parent.key : [parent.tenant, ...parent.key];
  return references.length === key.length && key.every((name) => references.includes(name));
}

function asParent({ table, parent, path, key, tenant, shape }: ChosenChild): ParentTable {
  const isOwn = key.by === "own";
  const place = key.place === undefined ? [] : [key.place];
  return {
    table,
    shape,
    key: isOwn ? [key.column] : [...key.parent, ...place],
    tenant,
    called: [table.name, path.at(-1) ?? table.name],
    path: [...parent.path, ...path],
    isSingle: isOwn,
  };
}

/** No rows stand for `[]` or for nothing at all: whichever there is more of. */
function emptyMeans(seen: SeenProperty | undefined, owners: number): "absent" | "empty" {
  if (seen?.lists === undefined) return "absent";
  let presence = 0;
  for (const count of seen.kinds.values()) presence += count;
  return seen.lists.empty > owners - presence ? "empty" : "absent";
}

/** @returns why there is none, as text. */
function childKey(child: KeyAtHand): ChildTableLayout["key"] | string {
  const { table, link, parent } = child;
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
  return ownKey(child, here, columnOf(table, other));
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
  { table, parent, holds, shape, said }: KeyAtHand,
  [first = ""]: readonly string[],
  own: CatalogColumn | undefined,
): ChildTableLayout["key"] | string {
  if (!parent.isSingle) return "its parent's key has several columns";
  const isText = own !== undefined && sqlTypeOf(own) === "text" && (own.limit ?? 36) >= 36;
  if (own === undefined || !(isText || own.base === "uuid")) {
    return `its key ${own?.name} is ${own?.type}, and only a uuid, or text, can be made from a record`;
  }
  const names: readonly string[] = PLACES[holds];
  const place = table.columns.find(
    ({ name, ...column }) =>
      names.includes(name) &&
      placeType({ name, ...column }, holds) !== undefined &&
      !isElements(name, shape, said),
  );
  if (holds === "map" && place === undefined) return "it has no column for the names of a map";
  const from = elementId(shape);
  return {
    by: "own",
    column: own.name,
    parent: first,
    ...(from === undefined || holds !== "list" ? {} : { from }),
    ...(isText ? { type: "text" as const } : {}),
    ...(place === undefined ? {} : { place: place.name, ...placeType(place, holds) }),
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
