/** Builds the tables of one collection from its profile, and writes down every choice on the way. */
import { type Choice, counted } from "./choices.ts";
import { chooseList, type Flatten, type ListChoice } from "./infer-children.ts";
import { columnCodec, nullMeans, whyColumn, whyRest } from "./infer-columns.ts";
import type { InferredKey } from "./infer-key.ts";
import { isComplete, type Reference, type References } from "./infer-references.ts";
import type {
  ChildTableLayout,
  CodecName,
  Column,
  IndexLayout,
  KeyColumn,
  Layout,
  TableLayout,
} from "./layout.ts";
import { sqlName } from "./names.ts";
import type { CollectionProfile } from "./profile.ts";
import { singularOf } from "./profile-names.ts";
import type { ListProfile, PropertyProfile, ShapeProfile } from "./profile-properties.ts";

const MAX_COLUMNS = 200;

/** A collection whose names and key are settled, so that others can refer to it. */
export interface Draft {
  readonly profile: CollectionProfile;
  readonly inferred: InferredKey;
  readonly table: string;
  readonly tenantColumn: string | undefined;
  readonly key: KeyColumn;
  /** SQL names in use in the root table. */
  readonly names: Set<string>;
  /** The layout that it has already: given, or bound. */
  readonly decided: Layout | undefined;
}

export interface Context {
  readonly flatten: Flatten;
  /** SQL names of tables in use. */
  readonly taken: Set<string>;
  readonly drafts: ReadonlyMap<CollectionProfile, Draft>;
  readonly references: References;
  /** The tables that lists became, of all collections. */
  readonly lists: Map<ListProfile, TablePlan>;
}

/** What makes a table a child. */
interface ChildPlan {
  readonly parent: TablePlan;
  readonly list: ListProfile;
  readonly choice: ListChoice;
  readonly emptyMeans: "absent" | "empty";
  readonly parentColumns: readonly string[];
  readonly position: string;
}

/** A table with its columns, before its indexes. */
export interface TablePlan {
  readonly name: string;
  /** What its rows are called in names: `products`, `product_images`. */
  readonly called: string;
  readonly shape: ShapeProfile;
  /** Properties that lead from the record to here. */
  readonly path: readonly string[];
  readonly names: Set<string>;
  /** By property. */
  readonly columns: Map<string, { readonly property: PropertyProfile; readonly column: Column }>;
  readonly indexes: IndexLayout[];
  /** The key of a row, without its tenant, by the names that its children's columns get. */
  readonly childKey: readonly string[];
  readonly child: ChildPlan | undefined;
}

/** The tables of one collection. */
export class TablesPlan {
  readonly choices: Choice[] = [];
  readonly draft: Draft;
  readonly tables: TablePlan[] = [];
  /** The property that is the key, when there is one. */
  readonly own: string | undefined;
  readonly #context: Context;

  constructor(draft: Draft, context: Context) {
    this.draft = draft;
    this.#context = context;
    const { profile, table, names, key } = draft;
    const { rule } = draft.inferred;
    this.own = rule.from === "property" && rule.path.length === 1 ? rule.path[0] : undefined;
    this.#add({
      name: table,
      called: profile.name,
      shape: profile.shape,
      path: [],
      names,
      columns: new Map(),
      indexes: [],
      childKey: [keyNameInChild(profile.name, key.name)],
      child: undefined,
    });
  }

  choose(
    table: TablePlan,
    kind: Choice["kind"],
    subject: string,
    choice: string,
    why: string,
  ): void {
    const collection = this.draft.profile.name;
    this.choices.push({ collection, table: table.name, subject, kind, choice, why });
  }

  /** The tables as the layout has them. */
  layout(): [TableLayout, ...ChildTableLayout[]] {
    const [root, ...children] = this.tables as [TablePlan, ...TablePlan[]];
    const { tenantColumn, key } = this.draft;
    return [
      {
        name: root.name,
        tenantColumn,
        key,
        columns: columnsOf(root),
        ...indexesOf(root),
        restColumn: sqlName("rest", root.names),
      },
      ...children.map((table): ChildTableLayout => {
        const { parent, parentColumns, position, emptyMeans } = table.child as ChildPlan;
        return {
          name: table.name,
          tenantColumn,
          parent: this.tables.indexOf(parent),
          path: table.path.slice(-1),
          holds: "list",
          emptyMeans,
          key: { by: "place", parent: parentColumns, place: position },
          columns: columnsOf(table),
          ...indexesOf(table),
        };
      }),
    ];
  }

  #add(table: TablePlan): void {
    this.tables.push(table);
    const { shape } = table;
    const lists: [PropertyProfile, ListProfile, ListChoice][] = [];
    const chosen: [PropertyProfile, CodecName, string][] = [];
    for (const property of shape.properties.values()) {
      if (table.child === undefined && property.name === this.own) continue;
      const list = this.#list(property, table);
      if (list?.child && property.lists !== undefined) {
        lists.push([property, property.lists, list]);
        continue;
      }
      const codec = columnCodec(property);
      if (codec === undefined) {
        this.choose(table, "rest", property.name, "rest", whyRest(property));
        continue;
      }
      const why = whyColumn(property, codec, shape.objects);
      chosen.push([property, codec, list === undefined ? why : `${why}; ${list.why}`]);
    }
    const kept = this.#mostPresent(table, chosen);
    const sqlNames = stableNames(kept, table.names);
    for (const [property, inferred, why] of kept) {
      const column = this.#column(property, inferred, sqlNames, shape.objects);
      table.columns.set(property.name, { property, column });
      const kind = column.codec === "jsonb" ? "json" : "column";
      this.choose(table, kind, property.name, column.codec, why);
    }
    for (const [property, list, choice] of lists) this.#addChild(table, property, list, choice);
  }

  #column(
    property: PropertyProfile,
    inferred: CodecName,
    sqlNames: ReadonlyMap<string, string>,
    objects: number,
  ): Column {
    const reference = this.#context.references.get(property);
    const complete = reference && isComplete(reference);
    const to = complete && reference.to.list === undefined;
    return {
      name: sqlNames.get(property.name) as string,
      codec: complete ? this.#keyCodec(reference, inferred) : inferred,
      path: [property.name],
      nullMeans: nullMeans(property, objects),
      ...(to ? { to: reference.to.collection.name } : {}),
    };
  }

  /** A foreign key needs its column to be of the key's type: a text column holds UUIDs too. */
  #keyCodec({ to }: Reference, codec: CodecName): CodecName {
    const id = to.list?.shape.properties.get(to.keyName);
    const key = id ? columnCodec(id) : this.#context.drafts.get(to.collection)?.key.codec;
    if (codec === "uuid" && key === "text") return "text";
    return codec === "integer" && key === "number" ? "number" : codec;
  }

  #list(property: PropertyProfile, table: TablePlan): ListChoice | undefined {
    const { flatten, references } = this.#context;
    return chooseList(property, table.shape.objects, table.path.length + 1, flatten, references);
  }

  /** The rarest are dropped when there are too many for a table. */
  #mostPresent<One extends readonly [PropertyProfile, ...unknown[]]>(
    table: TablePlan,
    chosen: readonly One[],
  ): readonly One[] {
    if (chosen.length <= MAX_COLUMNS) return chosen;
    const sorted = [...chosen].sort(([a], [b]) => b.presence - a.presence);
    const kept = new Set(sorted.slice(0, MAX_COLUMNS));
    const dropped = counted(chosen.length - MAX_COLUMNS, "property", "properties");
    const why = `${dropped} beyond ${MAX_COLUMNS} columns, the rarest ones`;
    this.choose(table, "rest", table.name, "rest", why);
    return chosen.filter((one) => kept.has(one));
  }

  #addChild(
    parent: TablePlan,
    property: PropertyProfile,
    list: ListProfile,
    choice: ListChoice,
  ): void {
    const called = calledInParent(parent.called, property.name);
    const name = sqlName(called, this.#context.taken, "list");
    this.choose(parent, "child", property.name, `child table ${name}`, choice.why);
    const names = new Set<string>();
    if (this.draft.tenantColumn !== undefined) names.add(this.draft.tenantColumn);
    const parentColumns = parent.childKey.map((column) => sqlName(column, names));
    const position = sqlName("position", names);
    const absent = parent.shape.objects - property.presence;
    const emptyMeans = list.empty >= absent ? "empty" : "absent";
    const table: TablePlan = {
      name,
      called,
      shape: list.shape,
      path: [...parent.path, property.name],
      names,
      columns: new Map(),
      indexes: [],
      childKey: [...parent.childKey, `${singularOf(property.name)}_position`],
      child: { parent, list, choice, emptyMeans, parentColumns, position },
    };
    this.#context.lists.set(list, table);
    this.#add(table);
  }
}

function columnsOf(table: TablePlan): Column[] {
  return [...table.columns.values()].map(({ column }) => column);
}

function indexesOf({ indexes }: TablePlan): { readonly indexes?: readonly IndexLayout[] } {
  return indexes.length > 0 ? { indexes } : {};
}

/** `product_id` for the key `id` of products, `user_id` for the key `userId` of users. */
function keyNameInChild(collection: string, key: string): string {
  const singular = singularOf(collection);
  return key.startsWith(sqlPrefix(singular)) ? key : `${singular}_${key}`;
}

/** `product_images` for the images of products, also where they are called `productImages`. */
function calledInParent(parent: string, list: string): string {
  const singular = singularOf(parent);
  return sqlName(list, new Set()).startsWith(sqlPrefix(singular)) ? list : `${singular}_${list}`;
}

/** `product_`: how the SQL names of what is a product's begin. */
function sqlPrefix(singular: string): string {
  return sqlName(`${singular}_x`, new Set()).slice(0, -1);
}

/**
 * SQL names for properties, independent of the order in which they were seen: of `createdAt` and `created_at`,
 * the one that is spelt so keeps its name.
 */
function stableNames(
  chosen: readonly (readonly [PropertyProfile, ...unknown[]])[],
  names: Set<string>,
): Map<string, string> {
  const properties = chosen.map(([{ name }]) => name).sort();
  const spelt = properties.filter((name) => /^[a-z][a-z0-9_]*$/.test(name));
  const others = properties.filter((name) => !/^[a-z][a-z0-9_]*$/.test(name));
  return new Map([...spelt, ...others].map((name) => [name, sqlName(name, names)]));
}
