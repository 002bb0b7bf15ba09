/**
 * An old balance and its old history as the first entries of an account. No entry is invented: what the history does
 * not explain is one entry `opening`, and a finding.
 */
import { PlatformError } from "../errors.ts";
import type { ImportedEntry, Opening, PaidBefore } from "./backend.ts";
import type { ImportRequest, OldPayment } from "./credits.ts";
import type { Finding } from "./findings.ts";
import { amountOf, digestOf, named, wrongWith } from "./request.ts";

const MOST_ENTRIES = 20_000;

type Prepared = Omit<Opening, "call" | "keepMs"> & { readonly findings: readonly Finding[] };

/** @throws {PlatformError} AMOUNT_INVALID, REQUEST_INVALID, IMPORT_TOO_LARGE */
export function opening(request: ImportRequest): Prepared {
  const account = named("account", request.account);
  const key = request.key === undefined ? `opening:${account}` : named("key", request.key);
  const { history = [], initial = 0 } = request;
  const balance = counted(request.balance, account, "the imported balance");
  counted(initial, account, "`initial`");
  if (history.length > MOST_ENTRIES) {
    throw new PlatformError("IMPORT_TOO_LARGE", { account, detail: `${MOST_ENTRIES} entries` });
  }
  const findings: Finding[] = [];
  const entries: ImportedEntry[] = [];
  // Not in numbers: a hostile history may add up to more than they hold.
  let sum = 0n;
  for (const [index, item] of history.entries()) {
    const credits = creditsOf(item);
    if (credits === undefined) {
      findings.push({ code: "HISTORY_INVALID", account, at: String(index), ...lack(item) });
    }
    sum += BigInt(credits ?? 0);
    entries.push({ kind: "imported", credits: credits ?? 0, imported: asJson(item, account) });
  }
  if (initial > 0) entries.push({ kind: "initial", credits: initial });
  const explained = sum + BigInt(initial);
  const gap = BigInt(balance) - explained;
  if (gap !== 0n) {
    findings.push({
      code: "LEDGER_GAP",
      account,
      expected: String(explained),
      found: String(balance),
    });
    entries.push(...adjustments(gap));
  }
  const payments = paidBefore(request.payments ?? [], account, findings);
  const digest = digestOf(["import", account, balance, initial, entries, payments]);
  return { account, key, digest, balance, entries, payments, findings };
}

/** Nearly always one; a gap that no single amount can hold takes several. */
function* adjustments(gap: bigint): Generator<ImportedEntry> {
  const most = BigInt(Number.MAX_SAFE_INTEGER);
  for (let left = gap; left !== 0n; ) {
    const step = left > most ? most : left < -most ? -most : left;
    yield { kind: "opening", credits: Number(step) };
    left -= step;
  }
}

/** Each once: a webhook that came twice was credited twice, and the balance is as it is. */
function paidBefore(
  told: readonly OldPayment[],
  account: string,
  findings: Finding[],
): readonly PaidBefore[] {
  const paid = new Map<string, PaidBefore>();
  for (const { payment, credits, at = new Date(0) } of told) {
    named("payment", payment);
    if (paid.has(payment)) findings.push({ code: "PAYMENT_TWICE", account, at: payment });
    else paid.set(payment, { payment, credits: amountOf(credits, account), at: at.getTime() });
  }
  if (paid.size <= MOST_ENTRIES) return [...paid.values()];
  throw new PlatformError("IMPORT_TOO_LARGE", { account, detail: `${MOST_ENTRIES} payments` });
}

function counted(balance: unknown, account: string, what: string): number {
  if (Number.isSafeInteger(balance) && (balance as number) >= 0) return Number(balance) + 0;
  const detail = `${what}: ${wrongWith(balance)}`;
  throw new PlatformError("AMOUNT_INVALID", { account, detail });
}

/** Whole numbers only: `"5"` might be a five, but nobody said so. */
export function creditsOf(item: unknown): number | undefined {
  const credits = (item as { credits?: unknown } | null | undefined)?.credits;
  return Number.isSafeInteger(credits) ? (credits as number) + 0 : undefined;
}

function lack(item: unknown): { readonly found: string } {
  const credits = (item as { credits?: unknown } | null | undefined)?.credits;
  return { found: credits === undefined ? "no credits" : wrongWith(credits) };
}

/** Of an item that came from JSON it is that JSON, but for what no store's text can hold. */
function asJson(item: unknown, account: string): string {
  try {
    const text = JSON.stringify(item);
    // `undefined` has no JSON, whatever the types say.
    if (typeof text === "string" && text.isWellFormed()) return text;
  } catch {
    // Circular, or with a bigint in it: refused below.
  }
  const detail = "an entry of the history is not JSON";
  throw new PlatformError("REQUEST_INVALID", { account, detail });
}
