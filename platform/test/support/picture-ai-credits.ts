/** The import that docs/credits.md shows, word for word. */
import type { Store } from "outgrow";
import {
  Holds,
  type Transaction,
  Transactions,
  Users,
} from "../../../apps/picture-ai/src/collections.ts";
import type { Credits, Finding } from "../../src/credits/index.ts";

/** What a new account begins with; no transaction says so. */
const FIRST_CREDITS = 3;

/** May run again: what was imported stays as it is. Nobody may spend or buy meanwhile. */
export async function importBalances(store: Store, credits: Credits) {
  const histories = new Map<number, Transaction[]>();
  for await (const batch of store.collection(Transactions).batches()) {
    for (const row of batch) {
      histories.set(row.user_id, [...(histories.get(row.user_id) ?? []), row]);
    }
  }
  const open = await store.collection(Holds).query({ where: { state: "open" }, limit: 1000 });
  const findings: Finding[] = [];
  for await (const users of store.collection(Users).batches()) {
    for (const user of users) {
      const account = String(user.id);
      // By ascending id, which is how they came.
      const history = histories.get(user.id) ?? [];
      histories.delete(user.id);
      const holds = open.records.filter(({ user_id }) => user_id === user.id);
      const imported = await credits.importOpening({
        account,
        // A credit that is set aside is out of the old balance, and in no transaction.
        balance: user.credits + holds.length,
        history,
        initial: FIRST_CREDITS,
        payments: history.flatMap(({ stripe_session_id: payment, credits }) =>
          payment ? [{ payment, credits }] : [],
        ),
      });
      findings.push(...imported.findings);
      for (const { id } of holds) await credits.reserve({ account, amount: 1, key: id });
    }
  }
  // Transactions of nobody: a person looks at them.
  return { findings, unowned: [...histories.values()].flat() };
}
