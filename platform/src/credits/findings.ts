/** What reconciliation and import tell. A finding names an account and numbers; it repairs nothing. */

export type FindingCode =
  /** `available` is not the sum of its entries. */
  | "BALANCE_DIFFERS"
  /** `held` is not the sum of its entries. */
  | "HELD_DIFFERS"
  /** `held` is not the sum of the open holds. */
  | "HOLDS_DIFFER"
  /** There are more or fewer entries than were counted. */
  | "ENTRIES_MISSING"
  /** Entries of an account that is not there. */
  | "ACCOUNT_MISSING"
  /** What is stored cannot be read as a whole number. */
  | "UNREADABLE"
  /** A hold has been open for too long. */
  | "HOLD_OVERDUE"
  /** A payment was not credited. */
  | "PAYMENT_MISSING"
  /** A purchase has no payment. */
  | "PAYMENT_UNKNOWN"
  /** Account or amount of a purchase are not the payment's. */
  | "PAYMENT_DIFFERS"
  /** An imported balance is not what its history explains. */
  | "LEDGER_GAP"
  /** An imported entry has no whole number of credits, and was not counted. */
  | "HISTORY_INVALID"
  /** An old payment was credited more than once; it counts as one payment from now on. */
  | "PAYMENT_TWICE";

export interface Finding {
  readonly code: FindingCode;
  readonly account: string;
  /** What the entries, the payment or the history say. */
  readonly expected?: string;
  /** What is stored. */
  readonly found?: string;
  /** The payment or hold, or where in the imported history. */
  readonly at?: string;
}
