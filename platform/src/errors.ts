/**
 * Every failure of this package that a caller may want to tell apart, in one table. Codes are stable, wording is not.
 * A message says what happened and where, and `next` says what to do; neither holds what a user wrote.
 */

/** Where something went wrong. */
export interface Site {
  readonly account?: string | undefined;
  /** What completes the code's sentence: a name, a limit, a number of credits; never a text of a user's. */
  readonly detail?: string | undefined;
}

interface ErrorRow {
  /** HTTP status, for handlers. */
  readonly status: number;
  /** Whether the same call, with the same key, may succeed later without any change. */
  readonly retry: boolean;
  readonly say: string;
  readonly next: string;
}

// biome-ignore format: one row per code
export const ERRORS = {
  // What was asked for: nothing has changed. Those that a ledger answers with are kept under the request's key.
  AMOUNT_INVALID:       { status: 422, retry: false, say: "An amount must be a whole number from 1 to 9007199254740991", next: "Count in the smallest unit, and send a number." },
  REQUEST_INVALID:      { status: 422, retry: false, say: "The request is not one that a ledger can take", next: "See the detail." },
  CURSOR_INVALID:       { status: 400, retry: false, say: "This is no place in a history", next: "Take `next` of the page before, or leave it out." },
  INSUFFICIENT_CREDITS: { status: 402, retry: false, say: "There are not enough credits", next: "Add credits, then ask again under a new key: this one keeps its answer." },
  HOLD_UNKNOWN:         { status: 404, retry: false, say: "The account has no such hold", next: "Name the hold that reserve answered with, and its account." },
  HOLD_CLOSED:          { status: 409, retry: false, say: "The hold was captured or voided before", next: "See the account's history." },
  HOLD_EXPIRED:         { status: 409, retry: false, say: "The hold's time was over, and its credits went back", next: "Reserve again, for longer." },
  CAPTURE_TOO_LARGE:    { status: 422, retry: false, say: "More was to be captured than is held", next: "Capture at most what was reserved, and spend the rest." },
  ACCOUNT_FROZEN:       { status: 423, retry: false, say: "The account is frozen, and nothing was changed", next: "See what reconcile finds; when it is put right, thaw the account and ask again." },
  REFUND_UNKNOWN:       { status: 404, retry: false, say: "The account's history has nothing at this place that can be refunded", next: "Name the place of a spend or of a capture." },
  REFUND_TOO_LARGE:     { status: 409, retry: false, say: "More would be refunded than was spent", next: "See what was refunded before in the account's history." },
  BALANCE_TOO_LARGE:    { status: 422, retry: false, say: "The balance would pass 9007199254740991", next: "Nobody needs so many: see where the amount comes from." },
  PAYMENT_TAKEN:        { status: 409, retry: false, say: "The payment was credited before, to another account or with another amount", next: "See which it was with reconcile; a payment is credited once." },
  IDEMPOTENCY_MISMATCH: { status: 422, retry: false, say: "The key was used before, for another request", next: "Give each request a key of its own." },
  TENANT_INVALID:       { status: 400, retry: false, say: "This cannot be the name of a tenant", next: "See the detail." },

  // Importing an old balance.
  ACCOUNT_OPEN:         { status: 409, retry: false, say: "The account has entries already, so nothing can be imported into it", next: "Correct it with a grant or a spend that says why." },
  ACCOUNT_NOT_OPEN:     { status: 409, retry: false, say: "The account has a counter or a history that this ledger has not imported", next: "Import it first: importOpening." },
  IMPORT_CONFLICT:      { status: 409, retry: false, say: "What is stored is not what was to be imported", next: "Read the account anew and import that." },
  IMPORT_TOO_LARGE:     { status: 422, retry: false, say: "The history to import is too long", next: "See the limit in the detail: give the newest part, the rest is in the opening balance." },

  // The ledger's store.
  OUTCOME_UNKNOWN:      { status: 503, retry: true,  say: "It is not known whether the ledger did this", next: "Ask again with the same key: it is done once." },
  LEDGER_UNREACHABLE:   { status: 503, retry: true,  say: "The ledger cannot be reached, and nothing was changed", next: "Ask again." },
  LEDGER_BUSY:          { status: 503, retry: true,  say: "The ledger is busy, and nothing was changed", next: "Ask again." },
  LEDGER_REFUSED:       { status: 500, retry: false, say: "The ledger's store refused this, and nothing was changed", next: "See the SQLSTATE, or the server's word, in the detail." },
  LEDGER_MISSING:       { status: 500, retry: false, say: "The ledger's tables are not there", next: "Run installCredits, or put creditsSchema() into a migration." },
  ACCOUNT_CORRUPT:      { status: 500, retry: false, say: "What is stored for the account is not what a ledger writes", next: "Somebody else wrote there: run reconcile, and see the detail." },
  KV_NOT_DURABLE:       { status: 501, retry: false, say: "This Redis may lose what it acknowledged", next: "Set appendonly yes and appendfsync always, or declare what may be lost: lossWindowSeconds." },
  KV_EVICTS:            { status: 501, retry: false, say: "This Redis may throw balances away when its memory is short", next: "Set maxmemory-policy noeviction, or declare neverEvicts where the host answers for that." },
  KV_CLUSTER:           { status: 501, retry: false, say: "This Redis is a node of a cluster, and the names of one account's keys do not lie together", next: "Use names that hold {TENANT}, or a server that is no cluster's node." },
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof ERRORS;

/** The only error class of the package. */
export class PlatformError extends Error {
  override readonly name = "PlatformError";
  readonly code: ErrorCode;
  readonly site: Site;

  constructor(code: ErrorCode, site: Site = {}, options: ErrorOptions = {}) {
    super(sentence(code, site), options);
    this.code = code;
    this.site = site;
  }

  /** What to do about it, as a sentence. */
  get next(): string {
    return ERRORS[this.code].next;
  }

  get retry(): boolean {
    return ERRORS[this.code].retry;
  }

  get status(): number {
    return ERRORS[this.code].status;
  }

  static is(error: unknown, code?: ErrorCode): error is PlatformError {
    return error instanceof PlatformError && (code === undefined || error.code === code);
  }
}

function sentence(code: ErrorCode, { account, detail }: Site): string {
  const what = detail === undefined ? "" : `: ${detail}`;
  const where = account === undefined ? "" : ` (account ${account})`;
  return `${ERRORS[code].say}${what}${where}.`;
}
