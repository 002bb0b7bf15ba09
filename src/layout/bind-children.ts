/** Child tables that are there already: those with a foreign key to their parent, and a name of one of its lists. */
import { childKey, howKnown, type KeyAtHand, type ParentTable } from "./bind-child-key.ts";
import { bindColumns } from "./bind-column.ts";
import { matchNames, namesChild } from "./bind-names.ts";
import type { BindOptions, ChildOptions, Findings, SeenProperty, SeenShape } from "./bind-types.ts";
import type { Catalog, CatalogForeignKey, CatalogTable } from "./catalog.ts";
import type { ChildTableLayout } from "./layout.ts";

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
    const counted = key.by === "place" ? key.counted : undefined;
    const used = [...own, key.place, counted].filter((name) => name !== undefined);
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
        counted === undefined &&
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
    const how = howKnown(key);
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
      next: "Give the table a uuid (or text) of its own as its primary key, or a number that the database counts, or the parent's key and a bigint place.",
    });
    return undefined;
  }
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
  const counted = isOwn ? undefined : key.counted;
  return {
    table,
    shape,
    key: isOwn ? [key.column] : counted === undefined ? [...key.parent, ...place] : [counted],
    tenant,
    called: [table.name, path.at(-1) ?? table.name],
    path: [...parent.path, ...path],
    isSingle: isOwn,
    isCounted: counted !== undefined,
  };
}

/** No rows stand for `[]` or for nothing at all: whichever there is more of. */
function emptyMeans(seen: SeenProperty | undefined, owners: number): "absent" | "empty" {
  if (seen?.lists === undefined) return "absent";
  let presence = 0;
  for (const count of seen.kinds.values()) presence += count;
  return seen.lists.empty > owners - presence ? "empty" : "absent";
}
