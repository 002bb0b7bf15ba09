/** The layouts that the suites make moves with. */
import type { ChildTableLayout, Column, KeyColumn, Layout } from "../layout/layout.ts";

/** What a case wants of a layout. */
export interface WantedLayout {
  readonly collection: string;
  /** SQL name of the table: unique in its move. */
  readonly table: string;
  /** Whether rows of several tenants lie in it: rows then carry their tenant. */
  readonly tenancy: boolean;
}

const TENANT = "tenant_id";

export const COLUMNS: readonly Column[] = [
  { name: "title", codec: "text", path: ["title"], nullMeans: "absent" },
  { name: "count", codec: "integer", path: ["count"], nullMeans: "absent" },
  { name: "made_at", codec: "iso-timestamp", path: ["madeAt"], nullMeans: "null" },
];

export interface LayoutParts {
  readonly key?: KeyColumn["codec"];
  readonly columns?: readonly Column[];
  readonly children?: readonly ChildTableLayout[];
  /** Whether the rest lies in a column of the table (default) or in the ledger. */
  readonly rest?: boolean;
  readonly uniqueTitle?: boolean;
}

/** Any key, a few typed columns, and a rest. */
export function layoutOf(
  { collection, table, tenancy }: WantedLayout,
  parts: LayoutParts = {},
): Layout {
  const { key = "ledger-key", columns = COLUMNS, children = [], rest = true } = parts;
  const tenant = tenancy ? { tenantColumn: TENANT } : {};
  return {
    version: 2,
    collection,
    key: { from: "format" },
    tables: [
      {
        name: table,
        ...tenant,
        key: { name: "id", codec: key },
        columns,
        ...(rest ? { restColumn: "rest" } : {}),
        indexes: [
          { columns: ["count"] },
          ...(parts.uniqueTitle ? [{ columns: ["title"], unique: true }] : []),
        ],
      },
      ...children.map((child) => ({ ...child, ...tenant })),
    ],
  };
}

const plain = (name: string, codec: Column["codec"], more: Partial<Column> = {}): Column => ({
  name,
  codec,
  path: [name],
  nullMeans: "absent",
  ...more,
});

// biome-ignore format: one row per column
const TYPED: readonly Column[] = [
  plain("t_text", "text"), plain("t_boolean", "boolean"), plain("t_integer", "integer"), plain("t_number", "number"),
  plain("t_decimal", "decimal", { precision: 12, scale: 2 }), plain("t_uuid", "uuid"), plain("t_iso", "iso-timestamp"),
  plain("t_seconds", "iso-seconds"), plain("t_sql", "sql-timestamp"), plain("t_day", "iso-date"), plain("t_ms", "epoch-ms"), plain("t_s", "epoch-s"),
  plain("t_date", "date"), plain("t_json", "jsonb"), plain("t_list", "text-list"), plain("t_null", "text", { nullMeans: "null" }),
  { name: "t_inner", codec: "text", path: ["inner", "text"], nullMeans: "absent" },
];

/** Properties that the typed layout has columns for: every hostile value is put into each. */
export const TYPED_PROPERTIES: readonly string[] = TYPED.map(({ path }) => path[0] as string);

const ITEM: readonly Column[] = [plain("label", "text"), plain("size", "number")];

/** Every child table has a foreign key to its parent's. */
export function byPlace(table: string): ChildTableLayout[] {
  return [
    {
      name: `${table}_items`,
      parent: 0,
      path: ["items"],
      holds: "list",
      emptyMeans: "absent",
      columns: ITEM,
      key: { by: "place", parent: ["thing_id"], place: "place" },
    },
    {
      name: `${table}_items_parts`,
      parent: 1,
      path: ["parts"],
      holds: "map",
      emptyMeans: "empty",
      columns: ITEM,
      key: { by: "place", parent: ["thing_id", "item_place"], place: "name", placeType: "text" },
    },
    {
      name: `${table}_detail`,
      parent: 0,
      path: ["detail"],
      holds: "object",
      emptyMeans: "absent",
      columns: ITEM,
      key: { by: "place", parent: ["thing_id"] },
    },
  ];
}

function ofTheirOwn(table: string): ChildTableLayout[] {
  return [
    {
      name: `${table}_items`,
      parent: 0,
      path: ["items"],
      holds: "list",
      emptyMeans: "empty",
      columns: ITEM,
      key: { by: "own", column: "id", parent: "thing_id", from: ["id"] },
    },
  ];
}

/** Layouts that lay the same records in quite different ways. */
export const VARIANTS: readonly {
  readonly name: string;
  readonly parts: (table: string) => LayoutParts;
}[] = [
  { name: "typed columns and a rest", parts: () => ({ columns: TYPED }) },
  { name: "columns only, the rest in the ledger", parts: () => ({ rest: false }) },
  { name: "no columns at all", parts: () => ({ columns: [] }) },
  { name: "child tables by place", parts: (table) => ({ children: byPlace(table) }) },
  {
    name: "child tables with keys of their own",
    parts: (table) => ({ key: "uuid", children: ofTheirOwn(table) }),
  },
  { name: "keys made from the records'", parts: () => ({ key: "derived-uuid", rest: false }) },
];
