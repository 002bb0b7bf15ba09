/** One opening of an embedded database, as the Postgres driver knows databases. */
import { AsyncLocalStorage } from "node:async_hooks";
import { OutgrowError, throwIfInterrupted } from "../../errors.ts";
import type { SqlDatabase, SqlParameter, SqlResult, SqlTransaction } from "../postgres/database.ts";
import { fetchAll } from "../postgres/pg-database.ts";
import type { LinkTransaction } from "./link.ts";
import type { Shared } from "./shared.ts";

/** A transaction whose callback is running here; `outer` is one of another database around it. */
interface Inside {
  readonly shared: Shared;
  readonly outer: Inside | undefined;
  ended: boolean;
}

const inside = new AsyncLocalStorage<Inside>();

type TransactionOptions = NonNullable<Parameters<SqlDatabase["transaction"]>[1]>;

export class PgliteDatabase implements SqlDatabase {
  readonly kind = "pglite";
  readonly label: string;
  readonly #shared: Shared;
  readonly #underway = new Set<Promise<unknown>>();
  #closed: Promise<void> | undefined;

  constructor(shared: Shared, label: string) {
    this.#shared = shared;
    this.label = label;
  }

  async query(text: string, parameters: readonly SqlParameter[] = []): Promise<SqlResult> {
    return await this.#do(() => this.#shared.over((link) => link.query(text, parameters)));
  }

  async transaction<R>(
    work: (sql: SqlTransaction) => Promise<R>,
    options: TransactionOptions = {},
  ): Promise<R> {
    throwIfInterrupted(options.signal);
    return await this.#do(() => this.#transact(work, options));
  }

  /** Waits for all that was asked for before, and gives the directory back. Idempotent. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#refuseInside();
    this.#closed ??= Promise.allSettled(this.#underway).then(() => this.#shared.release());
    await this.#closed;
  }

  async #transact<R>(
    work: (sql: SqlTransaction) => Promise<R>,
    options: TransactionOptions,
  ): Promise<R> {
    const link = await this.#shared.over((one) => one.begin(options.readOnly === true));
    const mark: Inside = { shared: this.#shared, outer: inside.getStore(), ended: false };
    const sql = new PgliteTransaction(link, mark);
    try {
      throwIfInterrupted(options.signal);
      const result = await inside.run(mark, () => work(sql));
      mark.ended = true;
      await link.commit();
      return result;
    } catch (error) {
      mark.ended = true;
      await link.rollback();
      throw error;
    }
  }

  #do<R>(work: () => Promise<R>): Promise<R> {
    this.#refuseInside();
    if (this.#closed !== undefined) return Promise.reject(new OutgrowError("STORE_CLOSED"));
    const done = work();
    this.#underway.add(done);
    const forget = () => this.#underway.delete(done);
    done.then(forget, forget);
    return done;
  }

  /** It would wait for its turn, which comes when the transaction that waits for it has ended. */
  #refuseInside(): void {
    for (let mark = inside.getStore(); mark !== undefined; mark = mark.outer) {
      if (mark.shared === this.#shared && !mark.ended) {
        throw new TypeError("Inside a transaction, use the transaction, not its database.");
      }
    }
  }
}

class PgliteTransaction implements SqlTransaction {
  readonly #link: LinkTransaction;
  readonly #mark: Inside;
  #cursors = 0;

  constructor(link: LinkTransaction, mark: Inside) {
    this.#link = link;
    this.#mark = mark;
  }

  async query(text: string, parameters: readonly SqlParameter[] = []): Promise<SqlResult> {
    this.#check();
    return await this.#link.query(text, parameters);
  }

  async copyIn(
    table: string,
    columns: readonly string[],
    chunks: readonly Uint8Array[],
  ): Promise<number> {
    this.#check();
    return await this.#link.copyIn(table, columns, chunks);
  }

  async *cursor(
    text: string,
    parameters: readonly SqlParameter[],
    size: number,
  ): AsyncGenerator<SqlResult["rows"]> {
    yield* fetchAll(this, `cursor_${this.#cursors++}`, text, parameters, size);
  }

  #check(): void {
    if (this.#mark.ended) throw new TypeError("The transaction has ended.");
  }
}
