/**
 * How PictureAi leaves its JSON file: what lies in it, and where that goes. In a Redis: the keys of the plan that the
 * app's first owner wrote. In a Postgres: tables that are there already are bound, others are made.
 */
import type { OutgrowConfig } from "outgrow";
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
export const REDIS_KEYS: NonNullable<OutgrowConfig["redis"]> = {
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

/** The oldest rows say `2025-08-24 15:51:55`, which is UTC; the others have the other spelling. */
const INSTANT = { coerce: true };

export const POSTGRES_TABLES: Exclude<NonNullable<OutgrowConfig["bind"]>, "auto"> = {
  users: { rules: { created_at: INSTANT, last_login: INSTANT } },
  transactions: { rules: { created_at: INSTANT } },
  // `is_active` was 1 before it was true. All of those are active, and that is the column's default.
  creditPackages: { table: "credit_packages" },
};
