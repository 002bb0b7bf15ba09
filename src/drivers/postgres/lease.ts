/** The lease: one mover at a time. Its times are the database's clock; no machine's clock is compared with another's. */
import { OutgrowError } from "../../errors.ts";
import type { Lease } from "../../store/ledger.ts";
import { isDead, type ProcessIdentity, thisProcess } from "../process-identity.ts";
import type { SqlDatabase, SqlTransaction } from "./database.ts";
import { takeTurn } from "./turn.ts";

/** How long a lease holds without a heartbeat, in milliseconds. */
export const LEASE_MS = 30_000;

type Queryable = Pick<SqlDatabase, "query">;

/** @throws {OutgrowError} MOVE_UNKNOWN, MOVE_LEASED naming the holder */
export async function acquireLease(sql: Queryable, name: string, ttlMs: number): Promise<Lease> {
  const { rows } = await sql.query(
    `select lease_number, lease_holder, lease_holder is not null
       and heartbeat > clock_timestamp() - make_interval(secs => $2::double precision / 1000), heartbeat
     from outgrow.move where name = $1`,
    [name, String(ttlMs)],
  );
  const [row] = rows;
  if (row === undefined) throw new OutgrowError("MOVE_UNKNOWN", { detail: name });
  const [number, holderText, live, heartbeat = null] = row;
  const holder = JSON.parse(holderText ?? "null") as ProcessIdentity | null;
  if (live === "t" && holder !== null && !isDead(holder)) {
    throw new OutgrowError("MOVE_LEASED", { detail: `process ${holder.pid} on ${holder.host}` });
  }
  // Waits for a holder that is at something long under its lock, and then finds that its heart has beaten.
  const { rows: taken } = await sql.query(
    `update outgrow.move set lease_number = lease_number + 1, lease_holder = $2, heartbeat = clock_timestamp()
     where name = $1 and lease_number = $3 and heartbeat is not distinct from $4 returning lease_number`,
    [name, JSON.stringify(thisProcess()), number as string, heartbeat],
  );
  // Somebody was quicker between the two statements.
  if (taken[0] === undefined) {
    throw new OutgrowError("MOVE_LEASED", { detail: "another mover has just begun" });
  }
  return { move: name, number: Number(taken[0][0]) };
}

/** Proves that the lease still holds, in the caller's transaction, and keeps it alive. @throws {OutgrowError} FENCED */
export async function renewLease(sql: Queryable, lease: Lease): Promise<void> {
  const { count } = await sql.query(
    "update outgrow.move set heartbeat = clock_timestamp(), updated_at = now() where name = $1 and lease_number = $2",
    [lease.move, String(lease.number)],
  );
  if (count !== 1) throw new OutgrowError("FENCED", { detail: lease.move });
}

/**
 * Does something in a transaction in which no commit of the move is under way and nobody can take the lease over: the
 * row of the move is locked before it, and nothing is done when the lease is another's by then.
 *
 * @throws {OutgrowError} FENCED
 */
export function underLease<R>(
  database: SqlDatabase,
  lease: Lease,
  work: (sql: SqlTransaction) => Promise<R>,
): Promise<R> {
  return database.transaction(async (sql) => {
    await takeTurn(sql, lease.move);
    await renewLease(sql, lease);
    const result = await work(sql);
    // However long that took.
    await renewLease(sql, lease);
    return result;
  });
}

export async function releaseLease(sql: Queryable, lease: Lease): Promise<void> {
  await sql.query(
    "update outgrow.move set lease_holder = null, heartbeat = null where name = $1 and lease_number = $2",
    [lease.move, String(lease.number)],
  );
}
