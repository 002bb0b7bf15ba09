/** A ledger in Postgres, or in PGlite: one statement for each call, in a transaction of its own. */
import { PlatformError } from "../errors.ts";
import type {
  Answer,
  Audit,
  Backend,
  Opened,
  Opening,
  OverdueHold,
  Page,
  Purchase,
} from "./backend.ts";
import type { Balance, Book, Credits, Entry, Kind } from "./credits.ts";
import { Ledger, type LedgerOptions } from "./ledger.ts";
import { fateOfSql } from "./postgres-fate.ts";
import { checkSchema, creditsSchema } from "./postgres-schema.ts";
import { type Statements, statements } from "./postgres-statements.ts";
import { type Order, tenantOf } from "./request.ts";
import { type Outcome, Together } from "./together.ts";

/**
 * What the ledger needs of a Postgres: a `Pool` of pg and a PGlite are both one. A statement must run in a transaction
 * of its own, or in one that the caller commits; then a lost connection is the caller's to retry.
 */
export interface SqlConnection {
  query(text: string, values?: (string | null)[]): Promise<{ readonly rows: readonly unknown[] }>;
}

export interface PostgresCreditsOptions extends LedgerOptions {
  /** Where the tables are. Default `credits`. */
  readonly schema?: string | undefined;
}

/**
 * Makes the ledger's tables and functions where they are not yet.
 *
 * @throws {PlatformError} LEDGER_UNREACHABLE, LEDGER_REFUSED
 */
export async function installCredits(sql: SqlConnection, schema?: string): Promise<void> {
  try {
    await sql.query(creditsSchema(schema));
  } catch (error) {
    throw PlatformError.is(error) ? error : fateOfSql(error).error;
  }
}

/** A ledger whose tables `installCredits` made. Asks the database nothing yet. */
export function postgresCredits(sql: SqlConnection, options: PostgresCreditsOptions = {}): Credits {
  const { schema = "credits", tenant } = options;
  checkSchema(schema);
  return new Ledger(new Postgres(sql, statements(schema), tenantOf(tenant)), options);
}

const text = (value: number | string | undefined): string | null =>
  value === undefined ? null : String(value);

/** All of them wait for the last one. */
const MOST_TOGETHER = 32;

class Postgres implements Backend {
  readonly #sql: SqlConnection;
  readonly #say: Statements;
  readonly #tenant: string;
  readonly #together = new Together<Order, Answer>(
    (orders) => this.#postAll(orders),
    MOST_TOGETHER,
  );

  constructor(sql: SqlConnection, say: Statements, tenant: string) {
    this.#sql = sql;
    this.#say = say;
    this.#tenant = tenant;
  }

  fateOf(error: unknown): ReturnType<typeof fateOfSql> {
    return fateOfSql(error);
  }

  post(order: Order): Promise<Answer> {
    return this.#together.ask(order);
  }

  async #postAll(orders: readonly Order[]): Promise<readonly Outcome<Answer>[]> {
    if (orders.length > 1) {
      const numbered = orders.map((order, index) => ({ ...order, at: index + 1 }));
      try {
        return await this.#ask(this.#say.posts, [JSON.stringify(numbered)]);
      } catch (error) {
        const { is } = fateOfSql(error);
        const isUndone = is === "refused" || is === "contended";
        if (!isUndone) throw error;
      }
    }
    return orders.map((order) => this.#postOne(order));
  }

  #postOne(order: Order): Promise<Answer> {
    const { account, key, digest, call, keepMs, operation } = order;
    const { amount, hold, ttlMs, of, payment, note } = order;
    const own = [account, key, digest, call, String(keepMs)];
    if (operation === "spend")
      return this.#ask(this.#say.spend, [...own, text(amount), text(note)]);
    const rest = [amount, hold, ttlMs, of, payment, note].map(text);
    return this.#ask(this.#say.post, [...own, operation, ...rest]);
  }

  open(opening: Opening): Promise<Opened> {
    const { account, key, digest, call, keepMs, balance, entries, payments } = opening;
    const lists = [JSON.stringify(entries), JSON.stringify(payments)];
    const rest = [String(keepMs), String(balance), ...lists];
    return this.#ask(this.#say.open, [account, key, digest, call, ...rest]);
  }

  balance(account: string): Promise<Balance> {
    return this.#ask(this.#say.balance, [account]);
  }

  async history(
    account: string,
    before: number | undefined,
    limit: number,
  ): Promise<readonly Entry[]> {
    const rows = await this.#ask<readonly Row[]>(this.#say.history, [
      account,
      text(before),
      String(limit),
    ]);
    return rows.map(entryOf);
  }

  async freeze(account: string, isFrozen: boolean): Promise<boolean> {
    return (await this.#ask<number>(this.#say.freeze, [account, String(isFrozen)])) > 0;
  }

  async sweep(limit: number): Promise<{ readonly released: number; readonly forgotten: number }> {
    const due = await this.#ask<readonly string[]>(this.#say.due, [String(limit)]);
    let released = 0;
    for (const account of due) released += await this.#ask<number>(this.#say.release, [account]);
    const forgotten = await this.#ask<number>(this.#say.forget, [String(limit)]);
    return { released, forgotten };
  }

  async audit(after: string | undefined): Promise<Page<Audit>> {
    const page = await this.#ask<Page<StoredAudit>>(this.#say.audit, [text(after)]);
    return { items: page.items.map(auditOf), next: page.next ?? undefined };
  }

  async overdue(
    olderThanMs: number | undefined,
    after: string | undefined,
  ): Promise<Page<OverdueHold>> {
    const [account, hold] = after === undefined ? [null, null] : (JSON.parse(after) as string[]);
    const items = await this.#ask<readonly OverdueHold[]>(this.#say.overdue, [
      text(olderThanMs),
      account ?? null,
      hold ?? null,
    ]);
    const last = items.at(-1);
    return { items, next: last && JSON.stringify([last.account, last.hold]) };
  }

  async purchases(after: string | undefined): Promise<Page<Purchase>> {
    const found = await this.#ask<readonly (Omit<Purchase, "credits"> & { credits: string })[]>(
      this.#say.purchases,
      [text(after)],
    );
    const items = found.map((item) => ({ ...item, credits: BigInt(item.credits) }));
    return { items, next: items.at(-1)?.payment };
  }

  /** All that crosses is one text: what a client library makes of numbers and dates does not matter. */
  async #ask<R>(statement: string, values: (string | null)[]): Promise<R> {
    const { rows } = await this.#sql.query(statement, [this.#tenant, ...values]);
    const answer = (rows[0] as { readonly answer?: unknown } | undefined)?.answer;
    // A Postgres answers a select of one value with one row; an embedded one that broke may not.
    if (typeof answer !== "string") throw new Error("There was no answer.");
    return JSON.parse(answer) as R;
  }
}

interface Row {
  readonly place: number;
  readonly kind: Kind;
  readonly source: Book;
  readonly destination: Book;
  readonly amount: number;
  readonly hold: string | null;
  readonly of: number | null;
  readonly payment: string | null;
  readonly note: string | null;
  readonly imported: string | null;
  readonly at: number;
}

function entryOf({ hold, of, payment, note, imported, at, ...row }: Row): Entry {
  const gained = row.destination === "available" ? row.amount : 0;
  return {
    ...row,
    credits: row.source === "available" ? -row.amount : gained,
    ...(hold === null ? {} : { hold }),
    ...(of === null ? {} : { of }),
    ...(payment === null ? {} : { payment }),
    ...(note === null ? {} : { note }),
    ...(imported === null ? {} : { imported: JSON.parse(imported) as unknown }),
    at: new Date(at),
  };
}

/** Sums as text: those of a ledger that went wrong may be larger than a number holds. */
interface StoredAudit {
  readonly account: string;
  readonly missing: boolean;
  readonly available: string;
  readonly held: string;
  readonly places: string;
  readonly entries: string;
  readonly open: string;
  readonly books: Readonly<Record<string, string>> | null;
}

function auditOf(stored: StoredAudit): Audit {
  const sums = Object.entries(stored.books ?? {}).map(([book, sum]) => [book, BigInt(sum)]);
  return {
    account: stored.account,
    isMissing: stored.missing,
    available: BigInt(stored.available),
    held: BigInt(stored.held),
    places: BigInt(stored.places),
    entries: BigInt(stored.entries),
    openHolds: BigInt(stored.open),
    books: Object.fromEntries(sums) as Audit["books"],
  };
}
