/**
 * A move's turns: who may write it at the same time.
 *
 *   beside   a copy's batches of new keys: rows are put in, nothing is judged by what is there. Two batches may do so
 *            at once; of a key that both hold, the tables' own keys let in one.
 *   alone    all that judges what is there before it writes, changes tables or takes them away.
 *
 * They are advisory locks, which are given in the order in which they were asked for: an app's write gets its turn
 * between two batches, as it would not by a lock that many share on a row.
 *
 * No two transactions wait for each other, as each takes its locks in this order: the ledger's (ledger-schema.ts),
 * the turn, and then, alone, the move's row before anybody's rows; beside, rows of new keys before the move's row. The
 * move's row stands for the lease: whoever holds both writes the ledger, and no one else can take the lease over.
 */
import { OutgrowError } from "../../errors.ts";
import type { SqlTransaction } from "./database.ts";

/** Any number, as long as it is always this one. The other half of the lock's key is the move's. */
const TURN = 716_492_304;

interface MoveId {
  readonly id: number;
  readonly name: string;
}

export async function takeTurnBeside(sql: SqlTransaction, move: MoveId): Promise<void> {
  await sql.query(`select pg_advisory_xact_lock_shared(${TURN}, $1::integer)`, [String(move.id)]);
}

/** The turn alone, without the move's row. */
export async function takeTurn(sql: SqlTransaction, move: string): Promise<void> {
  await sql.query(`select pg_advisory_xact_lock(${TURN}, id) from outgrow.move where name = $1`, [
    move,
  ]);
}

/**
 * Locks the move's row until the end of the transaction. @returns the number of its run.
 * @param alone takes the turn in the same statement: for each write of an app this is one round trip.
 * @throws {OutgrowError} MOVE_UNKNOWN
 */
export async function lockMove(
  sql: SqlTransaction,
  move: MoveId,
  { alone }: { readonly alone: boolean },
): Promise<number> {
  // The row is locked last, and read anew then: what the statement saw before it waited does not count.
  const turn = `case when id = $1 then pg_advisory_xact_lock(${TURN}, id) is not null end`;
  const { rows } = await sql.query(
    `select run from outgrow.move where id = $1 ${alone ? `and ${turn}` : ""} for no key update`,
    [String(move.id)],
  );
  if (rows[0] === undefined) throw new OutgrowError("MOVE_UNKNOWN", { detail: move.name });
  return Number(rows[0][0]);
}
