/**
 * Credits that are never oversold, lost or applied twice: what a ledger does, whatever keeps it.
 *
 * 1. Every change is a transfer between two books, written once and never changed. A balance is the sum of its
 *    entries; it is also kept beside them, and nothing that a user has is ever below zero.
 * 2. Every change carries the caller's key. The first call under a key decides; each later one with the same request
 *    gets the same answer, refusals included; one with another request is IDEMPOTENCY_MISMATCH.
 * 3. A lost answer is asked for again under the same key, here and nowhere else. What then stays unknown is
 *    OUTCOME_UNKNOWN, and the caller's own retry with that key resolves it.
 * 4. Time is the store's: a hold ends by the clock of the database.
 *
 * Amounts are whole numbers of the smallest unit, from 1 to 9007199254740991, and so is what an account can hold.
 */
import type { Finding } from "./findings.ts";

/** Where credits lie. `available` and `held` are the user's; the others are the operator's, and add up to minus that. */
export type Book = "available" | "held" | "granted" | "sold" | "spent" | "imported" | "opening";

export type Kind =
  | "grant"
  | "purchase"
  | "spend"
  | "reserve"
  | "capture"
  | "void"
  | "expire"
  | "refund"
  /** An entry of the history that the account came with. */
  | "imported"
  /** What each account was given at its start, in a system that did not write that down. */
  | "initial"
  /** The difference between an imported balance and what its history explains. */
  | "opening";

export interface Balance {
  /** What can be spent. */
  readonly available: number;
  /** What is set aside by open holds. */
  readonly held: number;
}

interface Asked {
  readonly account: string;
  /** The caller's own name for this request, 1 to 200 characters, unique in the tenant. */
  readonly key: string;
  /** Up to 1,000 characters for people; part of the request. */
  readonly note?: string | undefined;
}

export interface AmountRequest extends Asked {
  readonly amount: number;
}

export interface GrantRequest extends AmountRequest {
  /**
   * What was paid for it, such as the id of a checkout session: the grant is then a purchase. A payment is credited
   * once, whatever the key, and for ever.
   */
  readonly payment?: string | undefined;
}

export interface ReserveRequest extends AmountRequest {
  /** How long the credits stay set aside. Default 15 minutes. */
  readonly ttlMs?: number | undefined;
}

export interface HoldRequest extends Asked {
  readonly hold: string;
}

export interface CaptureRequest extends HoldRequest {
  /** Default: all that is held. What is left goes back. */
  readonly amount?: number | undefined;
}

export interface RefundRequest extends Asked {
  /** The place of the spend or capture in the account's history: `place` of its receipt. */
  readonly of: number;
  /** Default: what has not been refunded yet. */
  readonly amount?: number | undefined;
}

/** The answer to a change. The same for every call under its key, but for `replayed`. */
export interface Receipt extends Balance {
  readonly account: string;
  readonly kind: Kind;
  /** The entry's place in the account's history, from 1. */
  readonly place: number;
  readonly amount: number;
  /** The hold that was opened or closed. */
  readonly hold?: string;
  /** When the hold that was opened ends. */
  readonly expiresAt?: Date;
  /** By the store's clock. */
  readonly at: Date;
  /** Whether an earlier call had done it. A call that had to ask again after a lost answer was no earlier one. */
  readonly replayed: boolean;
}

export interface Entry {
  readonly place: number;
  readonly kind: Kind;
  readonly amount: number;
  readonly source: Book;
  readonly destination: Book;
  /** What it did to what can be spent: positive, negative or zero. */
  readonly credits: number;
  readonly hold?: string;
  /** Of a refund: the place of what it gives back. */
  readonly of?: number;
  readonly payment?: string;
  readonly note?: string;
  /** Of an imported entry: as it was given. */
  readonly imported?: unknown;
  /** When it was written here; of an entry of a seed's list that was adopted in place, unknown. */
  readonly at?: Date;
}

export interface HistoryPage {
  /** The newest first. */
  readonly entries: readonly Entry[];
  /** Where the next page begins; `undefined` at the end. */
  readonly next: number | undefined;
}

/** A purchase of the old system. */
export interface OldPayment {
  readonly payment: string;
  readonly credits: number;
  /** Default: 1970, so that reconciliation misses it in no list of payments that begins later. */
  readonly at?: Date | undefined;
}

export interface ImportRequest {
  readonly account: string;
  /** Default: one per account, so that the same import may be run again. */
  readonly key?: string | undefined;
  /** As the old system has it; anything but a whole number from 0 is refused with AMOUNT_INVALID. */
  readonly balance: unknown;
  /** The old entries, oldest first: each an object whose `credits` says by how much it changed the balance. */
  readonly history?: readonly unknown[] | undefined;
  /** What every account was given at its start, where the old history does not say so. */
  readonly initial?: number | undefined;
  /** What was paid and credited before, and is in the balance: none of it is credited again. */
  readonly payments?: readonly OldPayment[] | undefined;
}

export interface ImportReceipt extends Balance {
  readonly account: string;
  /**
   * LEDGER_GAP when history and balance did not agree; HISTORY_INVALID for each entry that could not be counted;
   * PAYMENT_TWICE for each payment that was told more than once.
   */
  readonly findings: readonly Finding[];
  readonly at: Date;
  readonly replayed: boolean;
}

/** What was paid, as the payment provider has it. */
export interface PaymentRecord {
  readonly payment: string;
  readonly account: string;
  readonly credits: number;
}

export interface ReconcileOptions {
  /** Compared with the purchases, both ways. */
  readonly payments?: Iterable<PaymentRecord> | AsyncIterable<PaymentRecord> | undefined;
  /** Purchases from before then are not missed among `payments`. */
  readonly paymentsSince?: Date | undefined;
  /** Freezes each account that does not agree with its entries or holds. Default: false. */
  readonly freeze?: boolean | undefined;
  /** Holds that have been open for longer are told. Default: those whose time is over. */
  readonly holdsOlderThanMs?: number | undefined;
}

export interface Reconciliation {
  /** True when nothing was found. */
  readonly agrees: boolean;
  readonly accounts: number;
  readonly entries: number;
  /** What all accounts hold; minus the sum of the operator's books when all agrees. */
  readonly total: bigint;
  /** The sum of each of the operator's books. */
  readonly books: Readonly<Partial<Record<Book, bigint>>>;
  readonly findings: readonly Finding[];
  /** The accounts that this call has frozen. */
  readonly frozen: readonly string[];
}

export interface Swept {
  /** Holds whose time was over, and whose credits went back. */
  readonly released: number;
  /** Keys that were kept long enough. A Redis forgets them by itself. */
  readonly forgotten: number;
}

/** One tenant's ledger. Every method rejects with a `PlatformError`. */
export interface Credits {
  /** Of an account that nobody has opened: nothing. */
  balance(account: string): Promise<Balance>;

  /**
   * Adds credits, given away or (with `payment`) sold.
   *
   * @throws {PlatformError} AMOUNT_INVALID, BALANCE_TOO_LARGE, PAYMENT_TAKEN, IDEMPOTENCY_MISMATCH
   */
  grant(request: GrantRequest): Promise<Receipt>;

  /**
   * Takes credits.
   *
   * @throws {PlatformError} INSUFFICIENT_CREDITS, AMOUNT_INVALID, IDEMPOTENCY_MISMATCH
   */
  spend(request: AmountRequest): Promise<Receipt>;

  /**
   * Sets credits aside for work that may fail; the receipt names the `hold`.
   *
   * @throws {PlatformError} INSUFFICIENT_CREDITS, AMOUNT_INVALID, IDEMPOTENCY_MISMATCH
   */
  reserve(request: ReserveRequest): Promise<Receipt>;

  /**
   * The work was done: takes what was set aside, or a part of it.
   *
   * @throws {PlatformError} HOLD_UNKNOWN, HOLD_CLOSED, HOLD_EXPIRED, CAPTURE_TOO_LARGE, IDEMPOTENCY_MISMATCH
   */
  capture(request: CaptureRequest): Promise<Receipt>;

  /**
   * The work failed: gives back what was set aside.
   *
   * @throws {PlatformError} HOLD_UNKNOWN, HOLD_CLOSED, HOLD_EXPIRED, IDEMPOTENCY_MISMATCH
   */
  void(request: HoldRequest): Promise<Receipt>;

  /**
   * Gives back what was spent or captured, never more than that in all.
   *
   * @throws {PlatformError} REFUND_UNKNOWN, REFUND_TOO_LARGE, BALANCE_TOO_LARGE, IDEMPOTENCY_MISMATCH
   */
  refund(request: RefundRequest): Promise<Receipt>;

  /**
   * One page of an account's entries, the newest first.
   *
   * @param page `before` is `next` of the page before; `limit` is 1 to 1,000, by default 50
   * @throws {PlatformError} CURSOR_INVALID
   */
  history(
    account: string,
    page?: { readonly before?: number | undefined; readonly limit?: number | undefined },
  ): Promise<HistoryPage>;

  /**
   * Compares balances with entries, holds with what is held, and purchases with payments. Repairs nothing; on demand it
   * freezes what does not agree.
   */
  reconcile(options?: ReconcileOptions): Promise<Reconciliation>;

  /**
   * Refuses each new change of an account with ACCOUNT_FROZEN, until it is thawed; keys of before have their answers.
   *
   * @returns whether there is such an account
   */
  freeze(account: string): Promise<boolean>;
  thaw(account: string): Promise<boolean>;

  /**
   * Opens an account with an old balance and its old history. Where they disagree, the difference is an entry of its
   * own and a finding.
   *
   * @throws {PlatformError} AMOUNT_INVALID, ACCOUNT_OPEN, PAYMENT_TAKEN, IMPORT_CONFLICT, IMPORT_TOO_LARGE,
   *   IDEMPOTENCY_MISMATCH
   */
  importOpening(request: ImportRequest): Promise<ImportReceipt>;

  /**
   * Gives back the credits of holds whose time is over, and forgets old keys: to be called every minute or so. Nothing
   * waits for it: each call looks after its own account.
   */
  sweep(): Promise<Swept>;
}
