/**
 * How PictureAi leaves its JSON file: what lies in it, and where that goes. In a Redis: the keys of the plan that the
 * app's first owner wrote. In a Postgres: tables for SQL, with a column for each property.
 */
import type { Layout, OutgrowConfig } from "outgrow";
import type { FileCollection } from "outgrow/drivers/json-file";

export const MOVE = "picture-ai";

/** All else at the top of the file is the record of `document`: the counters. */
export const FILE_COLLECTIONS: readonly FileCollection[] = [
  { name: "users", key: "id" },
  { name: "transactions", key: "id" },
  { name: "creditPackages", key: "id" },
  { name: "holds", key: "id" },
  { name: "pictures", key: "id" },
  { name: "payments", key: "id" },
];

/** INCR comes before an id is used, so a counter holds the last one that was given, and the file the next one. */
const last = (property: string) =>
  ({ kind: "counter", key: `counters:${property}`, property, offset: -1 }) as const;

/** Holds, pictures and payments came after that plan: they lie where Outgrow puts them. */
const KEYS: NonNullable<OutgrowConfig["redis"]> = {
  users: {
    cells: [
      { kind: "object", key: "user:{email}" },
      { kind: "pointer", key: "user_id:{id}", value: "{email}" },
      { kind: "counter", key: "credits:{id}", property: "credits" },
    ],
  },
  // As LPUSH leaves them: the newest one in front.
  transactions: { cells: [{ kind: "list", key: "transactions:{user_id}", push: "first" }] },
  creditPackages: { cells: [{ kind: "object", key: "credit_package:{id}" }] },
  document: { cells: [last("nextUserId"), last("nextTransactionId"), last("nextPackageId")] },
};

type Table = Layout["tables"][0];
type Column = Table["columns"][number];

const column = (name: string, codec: Column["codec"], more: Partial<Column> = {}): Column => {
  return { name, codec, path: [name], nullMeans: "absent", ...more };
};
const text = (name: string) => column(name, "text");
const whole = (name: string) => column(name, "integer");
/** The oldest rows say `2025-08-24 15:51:55`, which is UTC; the others have the other spelling. */
const instant = (name: string) => column(name, "iso-timestamp", { coerce: true });
const counter = (name: string, property: string) => column(name, "integer", { path: [property] });

interface Shape {
  readonly table?: string;
  readonly key: "integer" | "text" | "place";
  readonly columns: readonly Column[];
  /** By their columns. */
  readonly indexes?: readonly (readonly string[])[];
}

function layout(
  collection: string,
  { table = collection, key, columns, indexes = [] }: Shape,
): Layout {
  const place = key === "place";
  return {
    version: 2,
    collection,
    key: place ? { from: "position" } : { from: "property", path: ["id"] },
    tables: [
      {
        name: table,
        key: place ? { name: "position", codec: "integer" } : { name: "id", codec: key },
        columns,
        restColumn: "rest",
        indexes: indexes.map((names) => ({ columns: names })),
      },
    ],
  };
}

const SHAPES: Readonly<Record<string, Shape>> = {
  users: {
    key: "integer",
    columns: [
      text("email"),
      text("password_hash"),
      whole("credits"),
      whole("total_generated"),
      instant("created_at"),
      instant("last_login"),
    ],
    // Not unique: below `registerUser` nothing ever checked it.
    indexes: [["email"]],
  },
  transactions: {
    key: "integer",
    columns: [
      whole("user_id"),
      text("type"),
      whole("credits"),
      whole("amount"),
      text("stripe_session_id"),
      text("prompt"),
      instant("created_at"),
    ],
    indexes: [["user_id", "created_at"], ["stripe_session_id"]],
  },
  creditPackages: {
    table: "credit_packages",
    key: "integer",
    columns: [
      text("name"),
      whole("credits"),
      whole("price"),
      text("stripe_price_id"),
      column("is_active", "boolean"),
    ],
  },
  document: {
    table: "counters",
    key: "place",
    columns: [
      counter("next_user_id", "nextUserId"),
      counter("next_transaction_id", "nextTransactionId"),
      counter("next_package_id", "nextPackageId"),
    ],
  },
  holds: {
    key: "text",
    columns: [whole("user_id"), text("prompt"), text("state"), instant("created_at")],
    indexes: [["state"], ["user_id"]],
  },
  pictures: {
    key: "text",
    columns: [
      whole("user_id"),
      text("prompt"),
      text("provider"),
      text("url"),
      instant("created_at"),
    ],
    indexes: [["user_id", "created_at"]],
  },
  payments: {
    key: "text",
    columns: [whole("user_id"), whole("credits"), whole("amount"), instant("created_at")],
    indexes: [["user_id"]],
  },
};

/** As `copy` and `openMove` take it: a target takes of it what is for its kind. */
export const PLACES = {
  layouts: Object.fromEntries(
    Object.entries(SHAPES).map(([name, shape]) => [name, layout(name, shape)]),
  ),
  redis: KEYS,
};

/**
 * The target that the environment names: MOVE_TARGET, else a Redis (REDIS_URL, KV_REST_API_URL,
 * UPSTASH_REDIS_REST_URL), else a Postgres (DATABASE_URL).
 */
export function targetOf(
  environment: Readonly<Record<string, string | undefined>>,
): string | undefined {
  const names = [
    "MOVE_TARGET",
    "REDIS_URL",
    "KV_REST_API_URL",
    "UPSTASH_REDIS_REST_URL",
    "DATABASE_URL",
  ];
  return names.map((name) => environment[name]).find((address) => Boolean(address));
}
