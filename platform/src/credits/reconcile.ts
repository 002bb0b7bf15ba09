/**
 * Whether the ledger agrees with itself and with what was paid. It reads, and tells differences by account; what to do
 * about one is a person's decision.
 */
import type { Audit, Backend, Page } from "./backend.ts";
import type { Book, PaymentRecord, ReconcileOptions, Reconciliation } from "./credits.ts";
import type { Finding } from "./findings.ts";
import { span } from "./request.ts";

type Read = <R>(work: () => Promise<R>) => Promise<R>;

export async function reconcile(
  backend: Backend,
  read: Read,
  options: ReconcileOptions,
): Promise<Reconciliation> {
  const findings: Finding[] = [];
  const frozen: string[] = [];
  const books: Partial<Record<Book, bigint>> = {};
  let accounts = 0;
  let entries = 0n;
  let total = 0n;
  for await (const audit of pages(read, (after) => backend.audit(after))) {
    if (!audit.isMissing) accounts++;
    entries += audit.entries;
    total += (audit.available ?? 0n) + (audit.held ?? 0n);
    for (const [book, sum] of Object.entries(audit.books) as [Book, bigint][]) {
      if (book !== "available" && book !== "held") books[book] = (books[book] ?? 0n) + sum;
    }
    const found = differences(audit);
    findings.push(...found);
    if (options.freeze === true && found.length > 0) {
      if (await read(() => backend.freeze(audit.account, true))) frozen.push(audit.account);
    }
  }
  findings.push(...(await overdue(backend, read, options)));
  if (options.payments !== undefined) {
    findings.push(...(await unpaid(backend, read, options.payments, options.paymentsSince)));
  }
  const agrees = findings.length === 0;
  return { agrees, accounts, entries: Number(entries), total, books, findings, frozen };
}

function differences(audit: Audit): readonly Finding[] {
  const { account, available, held, places, entries, openHolds, books } = audit;
  const found: Finding[] = [];
  const compare = (code: Finding["code"], expected: bigint, stored: bigint | undefined): void => {
    if (stored === undefined) found.push({ code: "UNREADABLE", account });
    else if (stored !== expected) {
      found.push({ code, account, expected: String(expected), found: String(stored) });
    }
  };
  if (audit.isMissing) {
    return [{ code: "ACCOUNT_MISSING", account, expected: `${entries} entries` }];
  }
  compare("BALANCE_DIFFERS", books.available ?? 0n, available);
  compare("HELD_DIFFERS", books.held ?? 0n, held);
  compare("HOLDS_DIFFER", openHolds, held);
  compare("ENTRIES_MISSING", places ?? entries, entries);
  return found;
}

async function overdue(
  backend: Backend,
  read: Read,
  { holdsOlderThanMs }: ReconcileOptions,
): Promise<readonly Finding[]> {
  if (holdsOlderThanMs !== undefined) span("holdsOlderThanMs", holdsOlderThanMs);
  const found: Finding[] = [];
  const holds = pages(read, (after) => backend.overdue(holdsOlderThanMs, after));
  for await (const { account, hold } of holds) {
    found.push({ code: "HOLD_OVERDUE", account, at: hold });
  }
  return found;
}

async function unpaid(
  backend: Backend,
  read: Read,
  payments: Iterable<PaymentRecord> | AsyncIterable<PaymentRecord>,
  since: Date | undefined,
): Promise<readonly Finding[]> {
  const paid = new Map<string, PaymentRecord>();
  for await (const payment of payments) paid.set(payment.payment, payment);
  const found: Finding[] = [];
  for await (const purchase of pages(read, (after) => backend.purchases(after))) {
    const { payment, account, credits, at } = purchase;
    const record = paid.get(payment);
    paid.delete(payment);
    if (record === undefined) {
      if (since === undefined || at >= since.getTime()) {
        found.push({ code: "PAYMENT_UNKNOWN", account, at: payment, found: String(credits) });
      }
    } else if (record.account !== account) {
      found.push({ code: "PAYMENT_DIFFERS", account, at: payment, expected: record.account });
    } else if (String(record.credits) !== String(credits)) {
      const expected = String(record.credits);
      found.push({
        code: "PAYMENT_DIFFERS",
        account,
        at: payment,
        expected,
        found: String(credits),
      });
    }
  }
  for (const { payment, account, credits } of paid.values()) {
    found.push({ code: "PAYMENT_MISSING", account, at: payment, expected: String(credits) });
  }
  return found;
}

async function* pages<Item>(
  read: Read,
  page: (after: string | undefined) => Promise<Page<Item>>,
): AsyncGenerator<Item> {
  let after: string | undefined;
  do {
    const { items, next } = await read(() => page(after));
    yield* items;
    after = next;
  } while (after !== undefined);
}
