/** Legacy data of AINative Studio: one JSON file on the server with a list for each of its twelve models. */
import { apportion, at, iso, Random, type Row, times } from "./random.ts";

const START = Date.parse("2025-03-01T08:00:00.000Z");
const HOUR = 3_600_000;
const DAY = 24 * HOUR;

const WEIGHTS = {
  users: 130,
  accounts: 80,
  sessions: 100,
  verificationTokens: 25,
  apiKeys: 80,
  usageMetrics: 290,
  subscriptions: 70,
  billingInfo: 50,
  invoices: 60,
  credits: 80,
  projects: 25,
  rateLimits: 30,
};

const ENDPOINTS = ["/v1/chat", "/v1/embeddings", "/v1/images", "/v1/projects", "/v1/search"];
const PLANS = ["FREE", "BASIC", "PRO", "ENTERPRISE"];
const STATUSES = [
  "ACTIVE",
  "CANCELED",
  "INCOMPLETE",
  "INCOMPLETE_EXPIRED",
  "PAST_DUE",
  "TRIALING",
  "UNPAID",
];
const INVOICE_STATUSES = ["DRAFT", "OPEN", "PAID", "VOID", "UNCOLLECTIBLE"];
const CREDIT_TYPES = ["PURCHASE", "BONUS", "REFUND", "USAGE", "SUBSCRIPTION", "PROMOTIONAL"];
const BACKEND_TYPES = ["adjustment", "expiration", "purchase", "usage", "refund"];

/** @param options.records how many records in all lists together. */
export function ainative(options: { records: number; seed?: number }): string {
  return JSON.stringify(
    new Studio(options.records, new Random(options.seed ?? 1)).lists(),
    null,
    2,
  );
}

/** Enums were text, written as each part of the app liked. */
function spelled(name: string, index: number): string {
  if (at(index, 4, 1)) return name.toLowerCase();
  if (at(index, 9, 2)) return `${name[0]}${name.slice(1).toLowerCase()}`;
  return name;
}

class Studio {
  readonly #counts: Record<keyof typeof WEIGHTS, number>;
  readonly #random: Random;
  readonly #users: readonly string[];
  /** Accounts that were deleted, while what belonged to them was left. */
  readonly #gone: readonly string[];
  readonly #billing: readonly string[];

  constructor(records: number, random: Random) {
    this.#counts = apportion(records, WEIGHTS);
    this.#counts.users = Math.max(this.#counts.users, this.#counts.billingInfo, 1);
    this.#random = random;
    this.#users = times(this.#counts.users, () => random.cuid());
    this.#gone = times(3, () => random.cuid());
    this.#billing = times(this.#counts.billingInfo, () => random.cuid());
  }

  lists(): Record<keyof typeof WEIGHTS, Row[]> {
    const make = (name: keyof typeof WEIGHTS, one: (index: number) => Row): Row[] =>
      times(this.#counts[name], one);
    return {
      users: make("users", (index) => this.#user(index)),
      accounts: make("accounts", (index) => this.#account(index)),
      sessions: make("sessions", (index) => this.#session(index)),
      verificationTokens: make("verificationTokens", (index) => this.#verificationToken(index)),
      apiKeys: make("apiKeys", (index) => this.#apiKey(index)),
      usageMetrics: make("usageMetrics", (index) => this.#usageMetric(index)),
      subscriptions: make("subscriptions", (index) => this.#subscription(index)),
      billingInfo: make("billingInfo", (index) => this.#billingInfo(index)),
      invoices: make("invoices", (index) => this.#invoice(index)),
      credits: make("credits", (index) => this.#credit(index)),
      projects: make("projects", (index) => this.#project(index)),
      rateLimits: this.#rateLimits(),
    };
  }

  #time(): number {
    return START + this.#random.int(0, 200 * DAY);
  }

  #times(): Row {
    const created = this.#time();
    return { createdAt: iso(created), updatedAt: iso(created + this.#random.int(0, 30 * DAY)) };
  }

  #owner(index: number): string {
    return at(index, 19, 6) ? this.#random.pick(this.#gone) : this.#random.pick(this.#users);
  }

  #user(index: number): Row {
    const roles = ["USER", "USER", "USER", "PREMIUM", "ENTERPRISE", "ADMIN"];
    return {
      id: this.#users[index],
      email: `member${index}@example.test`,
      ...(at(index, 3, 0) ? {} : { emailVerified: at(index, 3, 1) ? iso(this.#time()) : null }),
      ...(at(index, 7, 4) ? {} : { name: `${this.#random.title(1)} ${this.#random.title(1)}` }),
      avatar: at(index, 5, 2) ? `https://avatars.example.test/${index}.png` : null,
      role: spelled(roles[index % roles.length] as string, index),
      ...this.#times(),
    };
  }

  #account(index: number): Row {
    const provider = this.#random.pick(["github", "google", "linkedin"]);
    return {
      id: this.#random.cuid(),
      userId: this.#owner(index),
      type: "oauth",
      provider,
      providerAccountId: String(10_000_000 + index * 37),
      access_token: `access-${this.#random.hex(32)}`,
      refresh_token: at(index, 4, 3) ? `refresh-${this.#random.hex(32)}` : null,
      // Seconds here, as the provider gives them.
      expires_at: Math.floor(this.#time() / 1000),
      token_type: at(index, 2, 0) ? "bearer" : "Bearer",
      scope: "read:user user:email",
    };
  }

  #session(index: number): Row {
    const expires = this.#time() + 30 * DAY;
    return {
      id: this.#random.cuid(),
      sessionToken: this.#random.uuid(),
      userId: this.#owner(index),
      expires: at(index, 3, 1) ? expires : iso(expires),
    };
  }

  #verificationToken(index: number): Row {
    return {
      identifier: `member${index}@example.test`,
      token: this.#random.hex(64),
      expires: iso(this.#time() + DAY),
    };
  }

  #apiKey(index: number): Row {
    return {
      id: this.#random.cuid(),
      key: `ains_${this.#random.base36(40)}`,
      name: at(index, 3, 0) ? "Default API Key" : this.#random.title(2),
      userId: this.#owner(index),
      ...(at(index, 4, 1) ? { expiresAt: iso(this.#time() + 90 * DAY) } : {}),
      lastUsedAt: at(index, 3, 2) ? null : iso(this.#time()),
      isActive: !at(index, 9, 5),
      rateLimit: this.#random.pick([1000, 1000, 5000, 20_000]),
      ...this.#times(),
    };
  }

  #usageMetric(index: number): Row {
    const random = this.#random;
    const tokens = random.int(10, 8000);
    // A correction was written as a negative amount of usage.
    const sign = at(index, 31, 12) ? -1 : 1;
    const time = this.#time();
    return {
      id: random.cuid(),
      userId: this.#owner(index),
      endpoint: random.pick(ENDPOINTS),
      method: random.pick(["GET", "POST", "POST"]),
      requests: sign * random.int(1, 40),
      tokens: sign * tokens,
      ...(at(index, 5, 3) ? {} : { embeddings: sign * random.int(0, 50) }),
      // Price times amount, never rounded: more digits than the column has.
      cost: sign * tokens * 0.0000021,
      date: at(index, 4, 2) ? time : iso(time),
      ...(at(index, 3, 0) ? { metadata: this.#metadata(index) } : {}),
    };
  }

  #metadata(index: number): unknown {
    if (at(index, 27, 9)) return null;
    return {
      model: this.#random.pick(["studio-small", "studio-large"]),
      latencyMs: this.#random.int(20, 9000) / 10,
      tags: times(this.#random.int(0, 3), () => this.#random.words(1)),
      client: { version: `1.${this.#random.int(0, 30)}.0`, region: null },
    };
  }

  #subscription(index: number): Row {
    const start = this.#time();
    const end = start + 30 * DAY;
    // Stripe's webhook stored epoch milliseconds, the admin page ISO.
    const webhook = at(index, 2, 0);
    return {
      id: this.#random.cuid(),
      userId: this.#owner(index),
      plan: spelled(PLANS[index % PLANS.length] as string, index),
      status: spelled(STATUSES[index % STATUSES.length] as string, index),
      ...(at(index, 5, 4) ? {} : { stripeSubscriptionId: `sub_${this.#random.base36(24)}` }),
      currentPeriodStart: webhook ? start : iso(start),
      currentPeriodEnd: webhook ? end : iso(end),
      cancelAtPeriodEnd: at(index, 6, 3),
      ...this.#times(),
    };
  }

  #billingInfo(index: number): Row {
    return {
      id: this.#billing[index],
      userId: at(index, 17, 8) ? this.#random.cuid() : this.#users[index],
      stripeCustomerId: at(index, 6, 5) ? null : `cus_${this.#random.base36(14)}`,
      address: `${this.#random.int(1, 200)} ${this.#random.title(1)} Street`,
      city: this.#random.title(1),
      country: this.#random.pick(["US", "DE", "TR", "JP"]),
      postalCode: String(this.#random.int(0, 99_999)).padStart(5, "0"),
      last4: String(this.#random.int(0, 9999)).padStart(4, "0"),
      cardBrand: this.#random.pick(["visa", "mastercard", "amex"]),
      ...this.#times(),
    };
  }

  #invoice(index: number): Row {
    const units = this.#random.pick([29, 99, 29.99, 499.5]);
    const billing = this.#billing.length === 0 ? this.#gone : this.#billing;
    const paid = this.#time();
    return {
      id: this.#random.cuid(),
      billingInfoId: at(index, 13, 7) ? this.#random.cuid() : this.#random.pick(billing),
      stripeInvoiceId: `in_${this.#random.base36(24)}`,
      // Stripe counts in cents, the invoice form in units.
      amount: at(index, 2, 0) ? Math.round(units * 100) : units,
      currency: at(index, 5, 1) ? "USD" : "usd",
      status: spelled(INVOICE_STATUSES[index % INVOICE_STATUSES.length] as string, index),
      dueDate: iso(paid + 14 * DAY),
      paidAt: at(index, 3, 0) ? null : at(index, 3, 1) ? paid : iso(paid),
      createdAt: iso(paid - DAY),
    };
  }

  #credit(index: number): Row {
    const random = this.#random;
    // Rows copied from the billing backend: its own names, and types that the app's enum has not.
    const fromBackend = at(index, 7, 5);
    const type = fromBackend
      ? BACKEND_TYPES[Math.floor(index / 7) % BACKEND_TYPES.length]
      : spelled(CREDIT_TYPES[index % CREDIT_TYPES.length] as string, index);
    const size = random.int(1, 400) / 4;
    const spent = /usage|expiration/i.test(type as string);
    return {
      id: random.cuid(),
      userId: this.#owner(index),
      amount: spent ? -size : at(index, 5, 0) ? size * 100 : size,
      type,
      ...(at(index, 4, 2) ? {} : { description: random.sentence(5) }),
      ...(at(index, 3, 1) ? { reference: random.uuid() } : {}),
      ...(fromBackend
        ? { created_at: iso(this.#time()), balance_after: random.int(0, 9000) / 4, metadata: {} }
        : { createdAt: iso(this.#time()) }),
    };
  }

  #project(index: number): Row {
    return {
      id: this.#random.cuid(),
      name: this.#random.title(2),
      description: at(index, 3, 2) ? null : this.#random.sentence(6),
      userId: this.#owner(index),
      ...(at(index, 4, 3)
        ? {}
        : { settings: { theme: this.#random.pick(["dark", "light"]), limits: { tokens: null } } }),
      isActive: !at(index, 5, 4),
      ...this.#times(),
    };
  }

  /** Two requests at once each found none, and each wrote one. */
  #rateLimits(): Row[] {
    const rows: Row[] = [];
    for (let index = 0; index < this.#counts.rateLimits; index++) {
      const fresh = {
        identifier: at(index, 2, 0)
          ? `key:${this.#random.cuid()}`
          : `ip:10.0.${index >> 8}.${index % 256}`,
        endpoint: this.#random.pick(ENDPOINTS),
      };
      const { identifier, endpoint } = at(index, 8, 5) ? (rows[index - 1] as Row) : fresh;
      const resetAt = this.#time();
      rows.push({
        id: this.#random.cuid(),
        identifier,
        endpoint,
        count: this.#random.int(0, 1200),
        resetAt: at(index, 3, 0) ? iso(resetAt) : resetAt,
      });
    }
    return rows;
  }
}
