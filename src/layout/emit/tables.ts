/**
 * The tables of a move, described without any tool in mind: SQL text, Drizzle and Prisma are made from this.
 *
 * Tables that somebody else owns (`bound`) are only named: their owner has DDL and schema files for them.
 */
import type {
  ChildTableLayout,
  CodecName,
  Column,
  ForeignKey,
  KeyColumn,
  Layout,
  SqlConstant,
  TableLayout,
} from "../layout.ts";
import { sqlName } from "../names.ts";
import { linkColumns, type MakeLink } from "./links.ts";
import { camelCase } from "./property-names.ts";
import { type ColumnType, columnType, constantType, keyType, readType } from "./sql-types.ts";

export interface EmitInput {
  /** The Postgres schema. */
  readonly schema: string;
  readonly layouts: readonly Layout[];
  /** Columns that refuse NULL beside those of keys: SQL names by table. */
  readonly notNull?: Readonly<Record<string, readonly string[]>> | undefined;
}

export interface DescribedColumn {
  /** Unquoted SQL name. */
  readonly name: string;
  readonly type: ColumnType;
  /** What the app calls it; of any characters, and not always unique. */
  readonly property: string;
  /** How values are written; none for what no codec makes: places, tenants, the rest. */
  readonly codec?: CodecName | KeyColumn["codec"] | undefined;
  readonly nullable: boolean;
  /** Compares as bytes do: keys and what refers to them, so that they join without a collation of their own. */
  readonly collate?: "C" | undefined;
  /** As a cell: see `SqlConstant`. */
  readonly default?: Exclude<SqlConstant, null> | undefined;
}

export interface DescribedTable {
  readonly name: string;
  readonly collection: string;
  /** The collection's name; of a child, with its path. */
  readonly property: string;
  readonly columns: readonly DescribedColumn[];
  readonly primaryKey: readonly string[];
}

export interface DescribedForeignKey {
  /** Of the constraint: at most 63 bytes, unique in the schema. */
  readonly name: string;
  readonly table: string;
  readonly columns: readonly string[];
  readonly to: { readonly table: string; readonly columns: readonly string[] };
  readonly onDelete: ForeignKey["onDelete"];
  /** The columns that `set null` sets, where not all of them: a tenant stays. */
  readonly setNull?: readonly string[] | undefined;
  /** From a child's rows to the row that they belong to: where they lie in it. */
  readonly childPath?: readonly string[] | undefined;
}

export interface DescribedIndex {
  readonly name: string;
  readonly table: string;
  readonly columns: readonly string[];
  readonly unique: boolean;
}

export interface DescribedEnum {
  readonly name: string;
  /** The schema that its type says it is in, else the one that everybody's search path has. */
  readonly schema: string;
  /** As DDL says it. */
  readonly sqlType: string;
  readonly labels: readonly string[];
}

export interface Description {
  readonly schema: string;
  /** Types that the tables need: they come first. */
  readonly enums: readonly DescribedEnum[];
  /** Parents before their children. */
  readonly tables: readonly DescribedTable[];
  readonly foreignKeys: readonly DescribedForeignKey[];
  readonly indexes: readonly DescribedIndex[];
  /** Names of tables that are somebody else's. */
  readonly bound: readonly string[];
}

type AnyTableLayout = TableLayout | ChildTableLayout;

type KeyPart = Pick<DescribedColumn, "name" | "type" | "collate">;
/** A primary key without its tenant, for those that refer to it. */
type KeyParts = readonly KeyPart[];

export function describeTables(input: EmitInput): Description {
  const tables: DescribedTable[] = [];
  const bound = new Set<string>();
  const targets = new Map<string, KeyParts>();
  for (const layout of input.layouts) {
    targets.set(layout.collection, rootKey(layout.tables[0]));
  }
  for (const { tables: laid } of input.layouts) {
    for (const { name, bound: theirs } of laid) if (theirs) bound.add(name);
  }
  const context: Context = { input, targets, bound, enums: new Map() };
  const links: MakeLink[] = [];
  for (const layout of input.layouts) {
    const keys: KeyParts[] = [];
    for (const [index, table] of layout.tables.entries()) {
      const own =
        index === 0 ? rootKey(table as TableLayout) : childKey(table as ChildTableLayout, keys);
      keys.push(own);
      if (table.bound) continue;
      tables.push(describeTable(context, layout, table, own, keys));
      links.push(...linkColumns(layout, index));
    }
  }
  refuseTwins(tables);
  const described = { schema: input.schema, enums: [...context.enums.values()], tables };
  // Indexes and constraints share a namespace with tables, and must not take a name from them.
  const taken = new Set([...tables.map(({ name }) => name), ...bound]);
  for (const { name } of tables) taken.add(primaryKeyName(name));
  const foreignKeys: DescribedForeignKey[] = [];
  const indexes: DescribedIndex[] = [];
  for (const { foreignKey, index } of links) {
    if (foreignKey !== undefined) {
      const { table, columns } = foreignKey;
      const name = sqlName([table, ...columns, "fkey"].join("_"), taken, "constraint");
      foreignKeys.push({ ...foreignKey, name });
    }
    if (index !== undefined) {
      const { table, columns, unique } = index;
      const ending = unique ? "key" : "idx";
      const name = sqlName([table, ...columns, ending].join("_"), taken, "index");
      indexes.push({ ...index, name });
    }
  }
  return { ...described, foreignKeys, indexes, bound: [...bound] };
}

/** The name that Postgres gives a primary key, so that tools which compare names find what is there. */
export function primaryKeyName(table: string): string {
  let stem = table;
  while (new TextEncoder().encode(stem).length > 58) stem = stem.slice(0, -1);
  return `${stem}_pkey`;
}

interface Context {
  readonly input: EmitInput;
  /** Keys of root tables by collection. */
  readonly targets: ReadonlyMap<string, KeyParts>;
  readonly bound: ReadonlySet<string>;
  readonly enums: Map<string, DescribedEnum>;
}

function rootKey(table: TableLayout): KeyParts {
  return [keyPart(table.key.name, keyType(table.key), table)];
}

/** Keys of text compare as bytes do. In somebody else's table they do as their owner said. */
function keyPart(name: string, type: ColumnType, table: AnyTableLayout): KeyPart {
  return { name, type, collate: table.bound ? undefined : bytewise(type) };
}

function childKey(table: ChildTableLayout, keys: readonly KeyParts[]): KeyParts {
  if (table.key.by === "own") return [keyPart(table.key.column, readType("uuid"), table)];
  const parts = parentParts(table, keys);
  const { place } = table.key;
  if (place === undefined) return parts;
  return [...parts, placeColumn(table, place)];
}

function placeColumn(table: ChildTableLayout, name: string): DescribedColumn {
  const type = readType(table.holds === "list" ? "bigint" : "text");
  return { ...keyPart(name, type, table), property: camelCase(name), nullable: false };
}

/** The parent's key as this table repeats it. */
function parentParts(table: ChildTableLayout, keys: readonly KeyParts[]): KeyParts {
  const parent = keys[table.parent] ?? [];
  const names = table.key.by === "own" ? [table.key.parent] : table.key.parent;
  if (parent.length !== names.length) {
    throw new TypeError(`The key of ${table.name} does not fit the key of its parent.`);
  }
  return parent.map((part, index) => ({ ...part, name: names[index] ?? part.name }));
}

function describeTable(
  context: Context,
  layout: Layout,
  table: AnyTableLayout,
  own: KeyParts,
  keys: readonly KeyParts[],
): DescribedTable {
  const columns: DescribedColumn[] = [];
  if (table.tenantColumn !== undefined) {
    const part = keyPart(table.tenantColumn, readType("text"), table);
    columns.push({ ...part, property: camelCase(part.name), nullable: false });
  }
  for (const part of own) {
    const property = keyProperty(layout, table, part.name);
    columns.push({ ...part, property, codec: keyCodec(table), nullable: false });
  }
  if ("parent" in table && table.key.by === "own") {
    // Not of the primary key, but as firm: an element belongs to a record.
    for (const part of parentParts(table, keys)) {
      columns.push({ ...part, property: camelCase(part.name), nullable: false });
    }
    if (table.key.place !== undefined) columns.push(placeColumn(table, table.key.place));
  }
  for (const { name, type, cell } of ("constants" in table && table.constants) || []) {
    const read = constantType({ name, type, cell });
    columns.push({ name, type: read, property: camelCase(name), nullable: false, default: cell });
  }
  for (const column of table.columns) columns.push(...valueColumns(context, layout, table, column));
  if ("restColumn" in table && table.restColumn !== undefined) {
    const name = table.restColumn;
    columns.push({ name, type: readType("json"), property: camelCase(name), nullable: true });
  }
  const tenant = table.tenantColumn === undefined ? [] : [table.tenantColumn];
  return {
    name: table.name,
    collection: layout.collection,
    property: "parent" in table ? camelCase(table.name) : layout.collection,
    columns,
    primaryKey: [...tenant, ...own.map(({ name }) => name)],
  };
}

const bytewise = ({ kind }: ColumnType): "C" | undefined =>
  kind === "text" || kind === "varchar" ? "C" : undefined;

function keyProperty(layout: Layout, table: AnyTableLayout, name: string): string {
  if (!("parent" in table) && layout.key.from === "property") return joinPath(layout.key.path);
  return camelCase(name);
}

const keyCodec = (table: AnyTableLayout): KeyColumn["codec"] | undefined =>
  "parent" in table ? undefined : table.key.codec;

/** A column, with the one beside it that keeps how a time was written. */
function valueColumns(
  context: Context,
  layout: Layout,
  table: AnyTableLayout,
  column: Column,
): DescribedColumn[] {
  const target = column.to === undefined ? undefined : context.targets.get(column.to);
  const type = columnType(column);
  if (type.enumName !== undefined) addLabels(context.enums, type, column);
  const references = (layout.foreignKeys ?? []).filter(
    (key) => key.table === table.name && key.columns.includes(column.name),
  );
  const refers =
    target === undefined
      ? references.some(({ to }) => !context.bound.has(to.table))
      : target[0]?.collate !== undefined;
  const { name } = column;
  const described: DescribedColumn = {
    name,
    type,
    property: joinPath(column.path),
    codec: column.codec,
    nullable: column.fill === undefined && !context.input.notNull?.[table.name]?.includes(name),
    collate: refers ? bytewise(type) : undefined,
  };
  if (column.offsetColumn === undefined) return [described];
  const property = `${described.property}Offset`;
  const text = readType("text");
  return [described, { name: column.offsetColumn, type: text, property, nullable: true }];
}

function addLabels(enums: Map<string, DescribedEnum>, type: ColumnType, column: Column): void {
  const { enumName: name = "", enumSchema: schema = "public", text: sqlType } = type;
  const labels = new Set(enums.get(name)?.labels);
  for (const label of Object.values(column.labels ?? {})) labels.add(label);
  enums.set(name, { name, schema, sqlType, labels: [...labels] });
}

function joinPath(path: readonly string[]): string {
  const [first = "", ...rest] = path;
  if (rest.length === 0) return first;
  return camelCase(path.join(" "));
}

function refuseTwins(tables: readonly DescribedTable[]): void {
  const seen = new Set<string>();
  for (const { name } of tables) {
    if (seen.has(name)) throw new TypeError(`Two tables of the move are called ${name}.`);
    seen.add(name);
  }
}
