/** What the data of PictureAi must hold. */
import { get, has, lone, type Quirk, repeats, texts, whole } from "./looking.ts";

export const PICTURE_QUIRKS: readonly Quirk[] = [
  [
    "the literal google_oauth as hash",
    ({ users }) => has(users, (row) => row["password_hash"] === "google_oauth"),
  ],
  [
    "addresses that differ in case",
    ({ users }) => {
      const emails = new Set(texts(users, "email"));
      return has(
        users,
        ({ email }) =>
          (email as string) !== (email as string).toLowerCase() &&
          emails.has((email as string).toLowerCase()),
      );
    },
  ],
  ["an address stored twice", ({ users }) => repeats(texts(users, "email"))],
  [
    "a balance that its history does not give",
    ({ users, transactions }) =>
      has(users, ({ id, credits }) => {
        const own = (transactions ?? []).filter((row) => Number(row["user_id"]) === Number(id));
        const sum = own.reduce((all, row) => all + (row["credits"] as number), 0);
        return credits !== 3 + sum && credits !== 5 + sum;
      }),
  ],
  [
    "transactions of unknown users",
    ({ users, transactions }) => {
      const ids = new Set((users ?? []).map(({ id }) => Number(id)));
      return has(transactions, (row) => !ids.has(Number(row["user_id"])));
    },
  ],
  [
    "one Stripe session recorded twice",
    ({ transactions }) => repeats(texts(transactions, "stripe_session_id")),
  ],
  [
    "the default packages many times",
    ({ creditPackages }) => {
      const ids = (creditPackages ?? []).map(({ id }) => id);
      return ids.length >= 36 && !repeats(ids) && new Set(texts(creditPackages, "name")).size === 4;
    },
  ],
  [
    "Turkish prompts",
    ({ transactions }) => texts(transactions, "prompt").some((text) => /[ıışğ]/.test(text)),
  ],
  [
    "NUL in a prompt",
    ({ transactions }) => texts(transactions, "prompt").some((text) => text.includes("\0")),
  ],
  ["a lone surrogate in a prompt", ({ transactions }) => texts(transactions, "prompt").some(lone)],
  [
    "times of SQLite",
    ({ users, transactions }) =>
      [...texts(users, "created_at"), ...texts(transactions, "created_at")].some((text) =>
        /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/.test(text),
      ),
  ],
  [
    "times of JavaScript",
    ({ transactions }) => texts(transactions, "created_at").some((text) => text.endsWith("Z")),
  ],
  [
    "optional fields absent",
    ({ users, transactions }) =>
      has(users, (row) => !("last_login" in row)) &&
      has(transactions, (row) => !("amount" in row)) &&
      has(transactions, (row) => row["type"] === "usage" && !("prompt" in row)),
  ],
  [
    "optional fields null",
    ({ users, transactions }) =>
      has(users, (row) => row["last_login"] === null) &&
      has(transactions, (row) => row["amount"] === null),
  ],
  [
    "amounts that are no whole numbers",
    ({ transactions }) =>
      has(transactions, ({ amount }) => typeof amount === "number" && !whole(amount)),
  ],
  [
    "amounts that are whole numbers",
    ({ transactions }) => has(transactions, ({ amount }) => whole(amount)),
  ],
  [
    "ids as text",
    ({ users, transactions }) =>
      has(users, ({ id }) => typeof id === "string") &&
      has(transactions, (row) => typeof row["user_id"] === "string") &&
      has(transactions, ({ id }) => typeof id === "string"),
  ],
  [
    "flags as 1 and as true",
    ({ creditPackages }) =>
      has(creditPackages, (row) => row["is_active"] === 1) &&
      has(creditPackages, (row) => row["is_active"] === true),
  ],
  [
    "counters hold the next ids",
    (lists) =>
      get(lists, "nextUserId") === (lists["users"]?.length ?? 0) + 1 &&
      get(lists, "nextTransactionId") === (lists["transactions"]?.length ?? 0) + 1,
  ],
  ["no credits below zero", ({ users }) => !has(users, ({ credits }) => (credits as number) < 0)],
];
