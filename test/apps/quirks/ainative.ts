/** What the data of AINative Studio must hold. */
import { get, has, type Quirk, repeats, texts, whole } from "./looking.ts";

const OWNED = ["accounts", "sessions", "apiKeys", "usageMetrics", "subscriptions", "credits"];

export const AINATIVE_QUIRKS: readonly Quirk[] = [
  [
    "twelve lists",
    (lists) =>
      Object.keys(lists).length === 12 && Object.values(lists).every((list) => list.length > 1),
  ],
  [
    "ids are cuids",
    ({ users, credits }) =>
      [...texts(users, "id"), ...texts(credits, "id")].every((id) => /^c[a-z0-9]{24}$/.test(id)),
  ],
  [
    "roles in several spellings",
    ({ users }) => ["USER", "user", "User"].every((role) => texts(users, "role").includes(role)),
  ],
  [
    "statuses in several spellings",
    ({ subscriptions }) =>
      [/^[A-Z_]+$/, /^[a-z_]+$/].every((form) =>
        texts(subscriptions, "status").some((text) => form.test(text)),
      ),
  ],
  [
    "seven statuses",
    ({ subscriptions }) =>
      new Set(texts(subscriptions, "status").map((text) => text.toUpperCase())).size === 7,
  ],
  [
    "types of credits that the enum has not",
    ({ credits }) =>
      texts(credits, "type").some((type) => /^(?:adjustment|expiration)$/.test(type)),
  ],
  [
    "money in cents and in units",
    ({ invoices }) =>
      has(invoices, ({ amount }) => (amount as number) >= 2900) &&
      has(invoices, ({ amount }) => (amount as number) < 600),
  ],
  [
    "periods as epoch milliseconds and as ISO",
    ({ subscriptions }) =>
      has(subscriptions, (row) => whole(row["currentPeriodEnd"])) &&
      has(subscriptions, (row) => typeof row["currentPeriodEnd"] === "string"),
  ],
  [
    "times of usage in both ways",
    ({ usageMetrics }) =>
      has(usageMetrics, ({ date }) => whole(date)) &&
      has(usageMetrics, ({ date }) => typeof date === "string"),
  ],
  [
    "keys in plain text",
    ({ apiKeys }) => texts(apiKeys, "key").every((key) => key.startsWith("ains_")),
  ],
  [
    "metadata: an object, null, absent",
    ({ usageMetrics }) =>
      has(usageMetrics, (row) => get(row, "metadata.model")) &&
      has(usageMetrics, (row) => row["metadata"] === null) &&
      has(usageMetrics, (row) => !("metadata" in row)),
  ],
  [
    "negative usage",
    ({ usageMetrics }) =>
      has(usageMetrics, (row) => (row["tokens"] as number) < 0 && (row["requests"] as number) < 0),
  ],
  [
    "costs with more digits than the column",
    ({ usageMetrics }) =>
      has(usageMetrics, ({ cost }) => Number((cost as number).toFixed(6)) !== cost),
  ],
  ["negative credits", ({ credits }) => has(credits, ({ amount }) => (amount as number) < 0)],
  [
    "balance_after and created_at of the backend",
    ({ credits }) => has(credits, (row) => "balance_after" in row && "created_at" in row),
  ],
  [
    "a rate limit twice",
    ({ rateLimits }) =>
      repeats((rateLimits ?? []).map((row) => `${row["identifier"]} ${row["endpoint"]}`)) &&
      !repeats(texts(rateLimits, "id")),
  ],
  [
    "what deleted users left",
    (lists) => {
      const ids = new Set(texts(lists["users"], "id"));
      return OWNED.every((name) => has(lists[name], (row) => !ids.has(row["userId"] as string)));
    },
  ],
  [
    "invoices without billing info",
    ({ invoices, billingInfo }) => {
      const ids = new Set(texts(billingInfo, "id"));
      return has(invoices, (row) => !ids.has(row["billingInfoId"] as string));
    },
  ],
  [
    "what the target has unique is unique",
    ({ users, apiKeys, sessions, invoices, billingInfo, subscriptions }) =>
      [
        texts(users, "email"),
        texts(apiKeys, "key"),
        texts(sessions, "sessionToken"),
        texts(invoices, "stripeInvoiceId"),
        texts(billingInfo, "userId"),
        texts(subscriptions, "stripeSubscriptionId"),
      ].every((values) => !repeats(values)),
  ],
];
