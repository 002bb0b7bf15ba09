/**
 * A way to an embedded database: to the PGlite that this process runs, or to that of another one.
 * All of a link's operations take turns with everybody else's on that database.
 */
import type { SqlParameter, SqlResult, SqlTransaction } from "../postgres/database.ts";

export interface Link {
  /** `gone`: the other end left, nothing is under way: another link may be opened in its place. */
  readonly state: "open" | "gone";
  query(text: string, parameters: readonly SqlParameter[]): Promise<SqlResult>;
  /** Waits for its turn and keeps it until the transaction has ended. */
  begin(readOnly: boolean): Promise<LinkTransaction>;
  close(): Promise<void>;
}

export interface LinkTransaction extends Pick<SqlTransaction, "query" | "copyIn"> {
  /** @throws {OutgrowError} OUTCOME_UNKNOWN if nobody can tell whether it was committed. */
  commit(): Promise<void>;
  rollback(): Promise<void>;
}

/** The operation was surely not begun, because the other end left: do it again over a new link. */
export class Gone extends Error {
  override readonly name = "Gone";
}
