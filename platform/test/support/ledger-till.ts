/** Our ledgers as tills. */
import { type Credits, PlatformError } from "../../src/credits/index.ts";
import type { Till } from "./checks.ts";

export function ledgerTill(credits: Credits): Till {
  const places = new Map<string, number>();
  return {
    async fund(account, amount) {
      await credits.grant({ account, amount, key: `fund-${account}` });
    },
    async spend(account, amount, key) {
      try {
        places.set(key, (await credits.spend({ account, amount, key })).place);
        return true;
      } catch (error) {
        if (PlatformError.is(error, "INSUFFICIENT_CREDITS")) return false;
        throw error;
      }
    },
    async purchase(account, amount, payment) {
      await credits.grant({ account, amount, payment, key: `purchase-${payment}` });
    },
    async refund(account, spendKey, amount, key) {
      await credits.refund({ account, of: places.get(spendKey) ?? 0, amount, key });
    },
    balance: async (account) => (await credits.balance(account)).available,
    async log(account) {
      const { entries } = await credits.history(account, { limit: 1000 });
      return entries.map((entry) => entry.credits);
    },
  };
}

/** So many ledgers as one till: each call is the next one's, so that none travels with another. */
export async function crowdTill(open: () => Promise<Credits>, clients = 50): Promise<Till> {
  const opened = await Promise.all(Array.from({ length: clients }, open));
  const [first, ...others] = opened.map(ledgerTill);
  if (first === undefined) throw new Error("A crowd has clients.");
  const tills = [first, ...others];
  let calls = 0;
  const next = (): Till => tills[calls++ % tills.length] ?? first;
  return {
    ...first,
    spend: (...asked) => next().spend(...asked),
    purchase: (...asked) => next().purchase(...asked),
  };
}
