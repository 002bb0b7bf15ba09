/** How AINative Studio's `outgrow.config.ts` binds its JSON file to the tables that its Prisma schema made. */
import type { BindOptions } from "../../src/layout/bind-types.ts";
import type { Layout } from "../../src/layout/layout.ts";

/** An enum's labels, for what is spelt as they are. No label may stand for two texts: `paid` and `Paid` lie in the rest. */
const asSpelt = (...names: string[]): { readonly labels: Readonly<Record<string, string>> } => ({
  labels: Object.fromEntries(names.map((name) => [name, name])),
});

/** Stands where a time refuses NULL and the record has none that the column's codec writes. */
export const NO_TIME = "1970-01-01T00:00:00.000Z";

export const AINATIVE: Readonly<Record<string, BindOptions>> = {
  users: {
    rules: { role: asSpelt("USER", "ADMIN", "PREMIUM", "ENTERPRISE") },
    // What is spelt otherwise gets the least of rights until somebody looks at it.
    fills: { role: "USER" },
  },
  accounts: {},
  sessions: {
    // A third of them has milliseconds since 1970. Those have to log in again: that is the harmless side.
    rules: { expires: { codec: "iso-timestamp" } },
    fills: { expires: NO_TIME },
  },
  apiKeys: {},
  usageMetrics: {
    rules: {
      date: { codec: "iso-timestamp" },
      // Price times tokens was never rounded. The column has it to the sixth digit, the rest as it was.
      cost: { coerce: true },
    },
    fills: { date: NO_TIME },
  },
  subscriptions: {
    rules: {
      plan: asSpelt("FREE", "BASIC", "PRO", "ENTERPRISE"),
      status: asSpelt(
        "ACTIVE",
        "CANCELED",
        "INCOMPLETE",
        "INCOMPLETE_EXPIRED",
        "PAST_DUE",
        "TRIALING",
        "UNPAID",
      ),
      // Stripe's webhook stored milliseconds, the admin page ISO: those of the webhook become NULL.
      currentPeriodStart: { codec: "iso-timestamp" },
      currentPeriodEnd: { codec: "iso-timestamp" },
    },
    // The column's own default is ACTIVE, which would give `canceled` subscriptions away for nothing.
    fills: { plan: "FREE", status: "INCOMPLETE" },
  },
  billingInfo: { table: "billing_info" },
  invoices: {
    rules: {
      status: asSpelt("DRAFT", "OPEN", "PAID", "VOID", "UNCOLLECTIBLE"),
      paidAt: { codec: "iso-timestamp" },
    },
    fills: { status: "DRAFT" },
  },
  credits: {
    rules: { type: asSpelt("PURCHASE", "BONUS", "REFUND", "USAGE", "SUBSCRIPTION", "PROMOTIONAL") },
    // `adjustment` and `expiration` of the billing backend are no types of the app; rows of it have `created_at`.
    fills: { type: "BONUS", createdAt: NO_TIME },
  },
  projects: {},
  rateLimits: {
    // Two thirds are milliseconds. A window that ended in 1970 starts anew at the next request.
    rules: { resetAt: { codec: "epoch-ms" } },
    fills: { resetAt: NO_TIME },
  },
};

/**
 * Its table has no primary key, and `token` is unique. Binding cannot say that the token is the record's key (only
 * that its column holds it), so this one is written out.
 */
export const VERIFICATION_TOKENS: Layout = {
  version: 2,
  collection: "verificationTokens",
  key: { from: "property", path: ["token"] },
  tables: [
    {
      name: "verification_tokens",
      bound: true,
      key: { name: "token", codec: "text" },
      columns: [
        { name: "identifier", codec: "text", path: ["identifier"], nullMeans: "absent" },
        {
          name: "expires",
          codec: "iso-timestamp",
          type: "timestamp",
          sqlType: "timestamp(3) without time zone",
          path: ["expires"],
          nullMeans: "absent",
          fill: 0,
        },
      ],
    },
  ],
};
