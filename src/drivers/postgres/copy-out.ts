/**
 * Rows of a query by `copy … to stdout`, each looked at where it lies in what the server sent. That takes a fraction of
 * what a result set does, of which every cell becomes a text first.
 *
 * node-postgres hands the server's messages to the query that is being answered; the server sends one for each row
 * (documentation of the protocol, "COPY Operations").
 */
import type { PoolClient } from "pg";
import { sqlError } from "./sql-error.ts";

interface Connection {
  readonly stream: { destroy(error?: Error): void };
  query(text: string): void;
}

/** Rows between two looks at the clock. */
const ROWS = 256;
/** The longest that a timer takes: 24 days. A table may be of any size; what counts is that something comes. */
const FOR_EVER_MS = 2 ** 31 - 1;

/** What node-postgres asks of a query that is not its own. */
class CopyOut {
  readonly done: Promise<void>;
  /** Replaces the client's deadline for a whole answer. */
  readonly query_timeout = FOR_EVER_MS;
  /** Of the client, who ends its deadline with it. */
  callback: ((error?: unknown) => void) | undefined;
  readonly #text: string;
  readonly #row: (bytes: Uint8Array) => void;
  readonly #silenceMs: number;
  #resolve: () => void = () => {};
  #reject: (error: unknown) => void = () => {};
  #watch: NodeJS.Timeout | undefined;
  #rows = 0;
  #failure: { readonly error: unknown } | undefined;

  constructor(text: string, row: (bytes: Uint8Array) => void, silenceMs: number) {
    this.#text = text;
    this.#row = row;
    this.#silenceMs = silenceMs;
    this.done = new Promise<void>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  submit(connection: Connection): void {
    const silent = new Error("The server has sent nothing for too long.");
    this.#watch = setTimeout(() => connection.stream.destroy(silent), this.#silenceMs);
    this.#watch.unref();
    connection.query(this.#text);
  }

  handleCopyData({ chunk }: { readonly chunk: Uint8Array }, connection: Connection): void {
    if (this.#failure !== undefined) return;
    if (++this.#rows % ROWS === 0) this.#watch?.refresh();
    try {
      this.#row(chunk);
    } catch (error) {
      // Nobody wants the rest, which the server would go on sending.
      this.#failure = { error };
      connection.stream.destroy();
    }
  }

  handleCommandComplete(): void {}

  handleReadyForQuery(): void {
    clearTimeout(this.#watch);
    this.callback?.();
    // The end may lie in the very piece of the answer whose row was not taken.
    if (this.#failure === undefined) this.#resolve();
    else this.#reject(this.#failure.error);
  }

  handleError(error: unknown): void {
    clearTimeout(this.#watch);
    this.callback?.(error);
    this.#reject(this.#failure === undefined ? sqlError(error) : this.#failure.error);
  }
}

/**
 * @param query a SELECT.
 * @param row gets each row in COPY's text format, good until it returns. What it throws ends the connection.
 * @param silenceMs how long the server may send nothing.
 * @throws what `row` throws, as it is; else {OutgrowError} TARGET_UNREACHABLE and what else a Postgres says.
 */
export async function copyOut(
  client: PoolClient,
  query: string,
  row: (bytes: Uint8Array) => void,
  silenceMs: number,
): Promise<void> {
  const copy = new CopyOut(`copy (${query}) to stdout`, row, silenceMs);
  client.query(copy as never);
  await copy.done;
}
