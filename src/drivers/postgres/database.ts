/**
 * What the Postgres driver needs of a Postgres, whoever serves it: a server over TCP (`pg`),
 * the embedded PGlite in a worker, or the same PGlite held by another process.
 *
 * All values cross this waist as Postgres text (or bytes, for `bytea` parameters), so that no
 * client library's opinion about int8, dates or arrays comes between us and the record.
 */

/** A parameter: text in Postgres' own input syntax, raw bytes for `bytea`, or NULL. */
export type SqlParameter = string | Uint8Array | null;

/** Rows as arrays of Postgres' text output; `bytea` arrives as `\x…` hex. */
export interface SqlResult {
  readonly rows: readonly (readonly (string | null)[])[];
  /** Rows affected, for insert, update, delete and copy; else the number of rows returned. */
  readonly count: number;
}

/** What can be done inside a transaction. Using it after the transaction ended is a `TypeError`. */
export interface SqlTransaction {
  query(text: string, parameters?: readonly SqlParameter[]): Promise<SqlResult>;

  /**
   * Bulk load by `copy TABLE (COLUMNS) from … (format binary)`.
   *
   * @param table quoted SQL name of the table.
   * @param columns quoted SQL names, in the order of the fields in `chunks`.
   * @param chunks the complete binary COPY stream (signature, tuples, trailer), cut anywhere.
   * @returns the number of rows that the server says it stored.
   */
  copyIn(table: string, columns: readonly string[], chunks: readonly Uint8Array[]): Promise<number>;

  /**
   * Rows of a query by `copy … to stdout`, each in COPY's text format and good until `row` returns; what that throws
   * ends the connection. Left out by databases that would hold the whole answer in memory.
   */
  copyOut?(query: string, row: (bytes: Uint8Array) => void): Promise<void>;

  /** Streams a query through a server-side cursor, `size` rows at a time, in constant memory. */
  cursor(
    text: string,
    parameters: readonly SqlParameter[],
    size: number,
  ): AsyncIterable<SqlResult["rows"]>;
}

/** One database. Every method rejects with an `OutgrowError`; a lost COMMIT is `OUTCOME_UNKNOWN`. */
export interface SqlDatabase extends AsyncDisposable {
  readonly kind: "postgres" | "pglite";
  /** For messages: the address with its password masked. */
  readonly label: string;
  /** One statement (or, without parameters, several) in a transaction of its own. */
  query(text: string, parameters?: readonly SqlParameter[]): Promise<SqlResult>;
  /**
   * Runs `work` between BEGIN and COMMIT; a throw rolls back and is rethrown.
   * Nothing is retried here: retries live in the transfer loop alone.
   */
  transaction<R>(
    work: (sql: SqlTransaction) => Promise<R>,
    options?: { readonly readOnly?: boolean; readonly signal?: AbortSignal | undefined },
  ): Promise<R>;
}
