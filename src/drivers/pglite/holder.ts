/** The process that holds a data directory: its engine, and the turns of all who use it. */
import { OutgrowError } from "../../errors.ts";
import type { SqlParameter, SqlResult } from "../postgres/database.ts";
import type { Engine } from "./engine.ts";
import { Gone, type Link, type LinkTransaction } from "./link.ts";
import { type Release, Turns } from "./turns.ts";

export class Holder implements Link {
  readonly state = "open";
  readonly #engine: Promise<Engine>;
  readonly #waitMs: number;
  readonly #leave: () => Promise<void>;
  readonly #turns = new Turns();
  #closing = false;

  /**
   * @param waitMs how long an operation waits for its turn.
   * @param leave called at the end of `close`: somebody else may now hold the directory.
   */
  constructor(engine: Promise<Engine>, waitMs: number, leave: () => Promise<void>) {
    this.#engine = engine;
    this.#waitMs = waitMs;
    this.#leave = leave;
  }

  get closing(): boolean {
    return this.#closing;
  }

  async query(text: string, parameters: readonly SqlParameter[]): Promise<SqlResult> {
    const release = await this.#turn();
    try {
      return await (await this.#engine).query(text, parameters);
    } finally {
      release();
    }
  }

  async begin(readOnly: boolean): Promise<LinkTransaction> {
    const release = await this.#turn();
    try {
      const engine = await this.#engine;
      const begin = readOnly ? "begin isolation level repeatable read read only" : "begin";
      await engine.query(begin, []);
      return new HolderTransaction(engine, release);
    } catch (error) {
      release();
      throw error;
    }
  }

  /** Waits for all that was asked for before; what is asked from now on is `Gone`. */
  async close(): Promise<void> {
    this.#closing = true;
    // A turn may be an attached process's, whose socket keeps nobody alive; its holder must wait.
    const awake = setInterval(() => {}, 60_000);
    try {
      await this.#turns.take();
      await (await this.#engine).stop();
      await this.#leave();
    } finally {
      clearInterval(awake);
    }
  }

  #turn(): Promise<Release> {
    if (this.#closing) return Promise.reject(new Gone());
    return this.#turns.take(this.#waitMs);
  }
}

class HolderTransaction implements LinkTransaction {
  readonly #engine: Engine;
  readonly #release: Release;

  constructor(engine: Engine, release: Release) {
    this.#engine = engine;
    this.#release = release;
  }

  query(text: string, parameters: readonly SqlParameter[] = []): Promise<SqlResult> {
    return this.#engine.query(text, parameters);
  }

  copyIn(
    table: string,
    columns: readonly string[],
    chunks: readonly Uint8Array[],
  ): Promise<number> {
    return this.#engine.copyIn(table, columns, chunks);
  }

  async commit(): Promise<void> {
    // In a transaction that failed, COMMIT rolls back and reports success: this asks first.
    await this.#engine.query("select 1", []);
    try {
      await this.#engine.query("commit", []);
    } catch (error) {
      if (!OutgrowError.is(error, "DATADIR_POISONED")) throw error;
      throw new OutgrowError("OUTCOME_UNKNOWN", {}, { cause: error });
    }
    this.#release();
  }

  /** Never fails: an engine that cannot roll back has been ended, which does the same. */
  async rollback(): Promise<void> {
    await this.#engine.query("rollback", []).catch(() => {});
    this.#release();
  }
}
