/**
 * The names of a ledger's keys. All keys of a tenant hold `{TENANT}`, so they lie in one slot of a cluster: one script
 * may then change an account, its request key and its payment together, and a key means one request in the whole
 * tenant. The price is that one tenant is served by one server.
 */
import { PlatformError } from "../errors.ts";

export interface RedisNames {
  /** The counter of an account. `{TENANT}` and `ACCOUNT` stand for what they say. */
  readonly balance: string;
  /** The list of an account's entries, the newest first. */
  readonly history: string;
}

const DEFAULT: RedisNames = {
  balance: "{TENANT}:credits:ACCOUNT",
  history: "{TENANT}:transactions:ACCOUNT",
};

/** The layout of PictureAi's plan, which knows no tenants: `credits:42` and `transactions:42`. */
export const SEED_NAMES: RedisNames = {
  balance: "credits:ACCOUNT",
  history: "transactions:ACCOUNT",
};

export interface Names {
  /** Whether all of them lie in one slot. */
  readonly together: boolean;
  /** In the order in which the scripts take them. */
  account(account: string): readonly [string, string, string, string, string];
  request(key: string): string;
  readonly payments: string;
  readonly due: string;
  readonly accounts: string;
}

/** @throws {PlatformError} TENANT_INVALID, REQUEST_INVALID */
export function names(tenant: string, { balance, history }: RedisNames = DEFAULT): Names {
  // The tag ends at the first brace: `a}:b` would be in the slot, and among the names, of `a`.
  if (/[{}]/.test(tenant)) {
    throw new PlatformError("TENANT_INVALID", { detail: "no braces in a Redis" });
  }
  if (!balance.includes("ACCOUNT") || !history.includes("ACCOUNT") || balance === history) {
    const detail = "names of balance and history must each hold ACCOUNT, and differ";
    throw new PlatformError("REQUEST_INVALID", { detail });
  }
  // Taken apart once: a tenant or an account may have either word in its own name.
  const partsOf = (name: string): readonly string[] =>
    name.split("ACCOUNT").map((part) => part.replaceAll("TENANT", () => tenant));
  const [balanceParts, historyParts] = [partsOf(balance), partsOf(history)];
  const own = `{${tenant}}:credits-`;
  return {
    together: balance.startsWith("{TENANT}") && history.startsWith("{TENANT}"),
    account: (account) => [
      balanceParts.join(account),
      historyParts.join(account),
      `${own}state:${account}`,
      `${own}holds:${account}`,
      `${own}deadlines:${account}`,
    ],
    request: (key) => `${own}request:${key}`,
    payments: `${own}payments`,
    due: `${own}due`,
    accounts: `${own}accounts`,
  };
}
