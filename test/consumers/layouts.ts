/** Layouts with every feature that an emitted schema can have. Tests of emitters and consumers take them here. */
import type {
  ChildTableLayout,
  Column,
  ForeignKey,
  Layout,
  TableLayout,
} from "../../src/layout/layout.ts";
import { sqlName } from "../../src/layout/names.ts";

const column = (
  name: string,
  codec: Column["codec"],
  path: string | readonly string[],
  more: Partial<Column> = {},
): Column => ({
  name,
  codec,
  path: typeof path === "string" ? [path] : path,
  nullMeans: "absent",
  ...more,
});

const campaignColumns: readonly Column[] = [
  column("title", "text", "title", { sqlType: "varchar(120)", limit: 120 }),
  column("slug", "text", "slug"),
  column("status", "enum", "status", { labels: { draft: "draft", live: "live" } }),
  column("price", "decimal", "price", { precision: 10, scale: 2 }),
  column("budget", "money", "budget", { prefix: "$", precision: 12, scale: 2 }),
  column("views", "integer", "views"),
  column("rank", "integer", "rank", { type: "smallint" }),
  column("seats", "integer", "seats", { type: "integer" }),
  column("score", "number", "score"),
  column("ratio", "number", "ratio", { type: "real" }),
  column("active", "boolean", "active"),
  column("created_at", "iso-timestamp", "createdAt"),
  column("updated_at", "date", "updatedAt"),
  column("seen_at", "epoch-ms", "seenAt"),
  column("starts_at", "offset-timestamp", "startsAt", { offsetColumn: "starts_at_offset" }),
  column("local_at", "sql-timestamp", "localAt"),
  column("day", "iso-date", "day"),
  column("tags", "text-list", "tags"),
  column("words", "text-list", "words", { type: "varchar[]", sqlType: "varchar(20)[]", limit: 20 }),
  column("settings", "jsonb", "settings"),
  column("metadata_sku", "text", ["metadata", "sku"]),
  column("first_name", "text", "first name"),
  column("order_", "text", "order"),
  column("class", "text", "class"),
  column("column_2fa", "boolean", "2fa"),
  column("a_b", "text", "a.b"),
  column("a_b_2", "text", "aB"),
  column("and_", "text", "AND"),
  column("enable_rls", "boolean", "enableRLS"),
  column("column_9b2c4a11", "text", "名前"),
  column("quo\"te'd", "text", "quo\"te'd"),
];

const campaigns: Layout = {
  version: 2,
  collection: "campaigns",
  key: { from: "property", path: ["id"] },
  tables: [
    {
      name: "campaigns",
      key: { name: "id", codec: "uuid" },
      columns: campaignColumns,
      restColumn: "rest",
      indexes: [{ columns: ["status", "created_at"] }, { columns: ["slug"], unique: true }],
    },
    {
      name: "campaign_assets",
      parent: 0,
      path: ["assets"],
      holds: "list",
      emptyMeans: "empty",
      columns: [column("name", "text", "name"), column("size", "integer", "size")],
      indexes: [{ columns: ["name"] }],
      key: { by: "place", parent: ["campaign_id"], place: "place" },
    },
    {
      name: "campaign_assets_versions",
      parent: 1,
      path: ["versions"],
      holds: "list",
      emptyMeans: "absent",
      columns: [column("url", "text", "url")],
      key: { by: "place", parent: ["campaign_id", "asset_place"], place: "place" },
    },
    {
      name: "campaign_labels",
      parent: 0,
      path: ["labels"],
      holds: "map",
      emptyMeans: "absent",
      columns: [column("color", "text", "color")],
      key: { by: "place", parent: ["campaign_id"], place: "name" },
    },
    {
      name: "campaign_owner",
      parent: 0,
      path: ["owner"],
      holds: "object",
      emptyMeans: "absent",
      columns: [column("email", "text", "email")],
      key: { by: "place", parent: ["campaign_id"] },
    },
  ],
};

const notes: Layout = {
  version: 2,
  collection: "notes",
  key: { from: "property", path: ["id"] },
  tables: [
    {
      name: "notes",
      key: { name: "id", codec: "text" },
      columns: [
        column("body", "text", "body", { fill: "" }),
        column("role", "enum", "role", {
          sqlType: '"Role"',
          labels: { admin: "ADMIN", "read only": "read-only" },
        }),
        column("campaign_id", "uuid", "campaignId", { to: "campaigns" }),
        column("parent_id", "text", "parentId", { to: "notes" }),
        column("last_event", "integer", "lastEvent", { to: "events" }),
      ],
      restColumn: "rest",
    },
    {
      name: "note_comments",
      parent: 0,
      path: ["comments"],
      holds: "list",
      emptyMeans: "empty",
      columns: [column("text", "text", "text"), column("parent", "text", "parent")],
      key: { by: "own", column: "id", parent: "note_id", from: ["id"], place: "place" },
    },
  ],
  foreignKeys: [
    {
      table: "notes",
      columns: ["campaign_id"],
      to: { table: "campaigns", columns: ["id"] },
      onDelete: "set null",
    },
    {
      table: "notes",
      columns: ["parent_id"],
      to: { table: "notes", columns: ["id"] },
      onDelete: "no action",
    },
    {
      table: "notes",
      columns: ["last_event"],
      to: { table: "events", columns: ["position"] },
      onDelete: "no action",
    },
  ],
};

const events: Layout = {
  version: 2,
  collection: "events",
  key: { from: "position" },
  tables: [
    {
      name: "events",
      key: { name: "position", codec: "integer" },
      constants: [{ name: "kind", type: "text", cell: "it's an \\event" }],
      columns: [
        column("note_id", "text", "noteId", { to: "notes" }),
        column("reply_to", "text", "replyTo", { to: "notes" }),
      ],
      restColumn: "rest",
    },
  ],
  foreignKeys: [
    {
      table: "events",
      columns: ["note_id"],
      to: { table: "notes", columns: ["id"] },
      onDelete: "cascade",
    },
    {
      table: "events",
      columns: ["reply_to"],
      to: { table: "notes", columns: ["id"] },
      onDelete: "set null",
    },
  ],
};

/** Collections whose names something else has taken. */
const odd = ["date", "class", "Object", "日本"].map((collection, index): Layout => {
  const key = (["text", "number", "ledger-key", "derived-uuid"] as const)[index] ?? "text";
  const name = ["date", "class", "Object", "collection_5c1d3e2f"][index] ?? collection;
  return {
    version: 2,
    collection,
    key: { from: "format" },
    tables: [{ name, key: { name: "key", codec: key }, columns: [], restColumn: "rest" }],
  };
});

/** @param tenant of every table, in front of its key. */
export function layoutsUnderTest(tenant?: string): readonly Layout[] {
  const layouts = [campaigns, notes, events, ...odd];
  if (tenant === undefined) return layouts;
  return layouts.map((layout) => {
    const [root, ...children] = layout.tables;
    const tables: [TableLayout, ...ChildTableLayout[]] = [
      { ...root, tenantColumn: tenant },
      ...children.map((child) => ({ ...child, tenantColumn: tenant })),
    ];
    return { ...layout, tables };
  });
}

/** Names that a language, a tool or a file system takes for something else, and those that fall together. */
const ODD_NAMES = [
  ...[
    "",
    " ",
    "\n",
    "*/",
    "`$" + "{x}`",
    "\u2028",
    "\ud800",
    "a\u0000b",
    '"',
    "'",
    "\\",
    "//",
    "#",
    "@@map",
    "😀",
  ],
  ...[
    "a-b",
    "a_b",
    "aB",
    "A B",
    "a.b",
    "ab",
    "ID",
    "id",
    "Id",
    "é",
    "e",
    "É",
    "日本",
    "中文",
    "_count",
    "count",
  ],
  ...["123", "1.5", "_", "__", "$x", "x".repeat(200), "x".repeat(201), "rest", "key", "URLPath"],
  ...[
    "__proto__",
    "constructor",
    "prototype",
    "toString",
    "then",
    "Then",
    "class",
    "default",
    "null",
    "await",
  ],
  ...[
    "String",
    "Int",
    "model",
    "enum",
    "type",
    "AND",
    "OR",
    "NOT",
    "Object",
    "Promise",
    "Prisma",
    "PrismaClient",
  ],
  ...[
    "enableRLS",
    "getSQL",
    "$inferSelect",
    "pgTable",
    "text",
    "index",
    "relations",
    "date",
    "t",
    "one",
    "many",
  ],
  ...[
    "select",
    "include",
    "where",
    "data",
    "schema",
    "table",
    "create",
    "arguments",
    "eval",
    "child",
    "childRelations",
  ],
];

/** Collections, properties, children and references of odd names, as inference would name them in SQL. */
export function oddLayouts(): readonly Layout[] {
  const tables = new Set<string>();
  const roots = ODD_NAMES.map((name) => sqlName(name, tables, "collection"));
  const taken = [false, true].map(() => new Set(["id", "rest"])) as [Set<string>, Set<string>];
  const columns = (path: (name: string) => readonly string[], to: boolean): Column[] =>
    ODD_NAMES.map((name) => {
      const sql = sqlName(path(name).join("_"), taken[to ? 1 : 0]);
      return column(sql, "text", path(name), to ? { to: name } : {});
    });
  const refers = columns((name) => [`${name}Id`], true);
  const held = [...columns((name) => [name], false), ...columns((name) => ["in", name], false)];
  const children = ODD_NAMES.map(
    (name): ChildTableLayout => ({
      name: sqlName(`child_${name}`, tables),
      parent: 0,
      path: [name],
      holds: "list",
      emptyMeans: "empty",
      columns: [],
      key: { by: "place", parent: ["parent_id"], place: "place" },
    }),
  );
  const foreignKeys = refers.map(
    ({ name }, index): ForeignKey => ({
      table: roots[1] as string,
      columns: [name],
      to: { table: roots[index] as string, columns: ["id"] },
      onDelete: "cascade",
    }),
  );
  return ODD_NAMES.map((collection, index): Layout => {
    const root: TableLayout = {
      name: roots[index] as string,
      key: { name: "id", codec: "text" },
      columns: index === 0 ? held : index === 1 ? refers : [],
      restColumn: "rest",
    };
    return {
      version: 2,
      collection,
      key: { from: "format" },
      tables: index === 2 ? [root, ...children] : [root],
      ...(index === 1 ? { foreignKeys } : {}),
    };
  });
}
