/** What a store does for a ledger. Each method is one attempt: retries are the ledger's. */
import type { ErrorCode } from "../errors.ts";
import type { Balance, Book, Entry, Kind } from "./credits.ts";
import type { Order } from "./request.ts";
import type { Fate } from "./retry.ts";

/** What a store keeps under a key. */
export type Answer = Done | Refused;

export interface Done extends Balance {
  readonly call: string;
  readonly kind: Kind;
  readonly place: number;
  readonly amount: number;
  readonly hold?: string | null;
  /** Milliseconds since 1970, as all times here. */
  readonly expires?: number | null;
  readonly at: number;
}

export interface Refused {
  readonly call: string;
  readonly refused: ErrorCode;
  /** What completes the sentence. */
  readonly detail?: string | null;
}

/** An entry to import, in order of place. */
export interface ImportedEntry {
  readonly kind: "imported" | "initial" | "opening";
  /** Its effect; never 0 but for an entry of an old history that changed nothing. */
  readonly credits: number;
  /** JSON of the old entry. */
  readonly imported?: string | undefined;
}

/** A payment that an imported balance holds already. */
export interface PaidBefore {
  readonly payment: string;
  readonly credits: number;
  readonly at: number;
}

export interface Opening {
  readonly account: string;
  readonly key: string;
  readonly digest: string;
  readonly call: string;
  readonly keepMs: number;
  readonly balance: number;
  readonly entries: readonly ImportedEntry[];
  readonly payments: readonly PaidBefore[];
}

export type Opened = Refused | (Balance & { readonly call: string; readonly at: number });

/** One account as it is stored, and what its entries and holds add up to at the same moment. */
export interface Audit {
  readonly account: string;
  readonly isMissing: boolean;
  /** `undefined` where it cannot be read as a whole number. */
  readonly available: bigint | undefined;
  readonly held: bigint | undefined;
  readonly places: bigint | undefined;
  readonly entries: bigint;
  readonly openHolds: bigint;
  readonly books: Readonly<Partial<Record<Book, bigint>>>;
}

export interface OverdueHold {
  readonly account: string;
  readonly hold: string;
}

export interface Purchase {
  readonly payment: string;
  readonly account: string;
  readonly credits: bigint;
  readonly at: number;
}

export interface Backend {
  post(order: Order): Promise<Answer>;
  balance(account: string): Promise<Balance>;
  /** The newest first, all of them before that place. */
  history(account: string, before: number | undefined, limit: number): Promise<readonly Entry[]>;
  open(opening: Opening): Promise<Opened>;
  /** @returns whether there is such an account */
  freeze(account: string, isFrozen: boolean): Promise<boolean>;
  /** Of at most so many accounts and keys. */
  sweep(limit: number): Promise<{ readonly released: number; readonly forgotten: number }>;
  /** A page of accounts, and where the next one begins. */
  audit(after: string | undefined): Promise<Page<Audit>>;
  /** Holds that are open since before so long, or without a number those whose time is over. */
  overdue(olderThanMs: number | undefined, after: string | undefined): Promise<Page<OverdueHold>>;
  purchases(after: string | undefined): Promise<Page<Purchase>>;
  fateOf(error: unknown): Fate;
}

export interface Page<Item> {
  readonly items: readonly Item[];
  readonly next: string | undefined;
}
