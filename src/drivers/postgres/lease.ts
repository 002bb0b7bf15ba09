/** The lease: one mover at a time. Its times are the database's clock; no machine's clock is compared with another's. */
import { OutgrowError } from "../../errors.ts";
import type { Lease } from "../../store/ledger.ts";
import { isDead, type ProcessIdentity, thisProcess } from "../process-identity.ts";
import type { SqlDatabase } from "./database.ts";

/** How long a lease holds without a heartbeat, in milliseconds. */
export const LEASE_MS = 30_000;

type Queryable = Pick<SqlDatabase, "query">;

/** @throws {OutgrowError} MOVE_UNKNOWN, MOVE_LEASED naming the holder */
export async function acquireLease(sql: Queryable, name: string, ttlMs: number): Promise<Lease> {
  const { rows } = await sql.query(
    `select lease_number, lease_holder, lease_holder is not null
       and heartbeat > clock_timestamp() - make_interval(secs => $2::double precision / 1000)
     from outgrow.move where name = $1`,
    [name, String(ttlMs)],
  );
  const [row] = rows;
  if (row === undefined) throw new OutgrowError("MOVE_UNKNOWN", { detail: name });
  const [number, holderText, live] = row;
  const holder = JSON.parse(holderText ?? "null") as ProcessIdentity | null;
  if (live === "t" && holder !== null && !isDead(holder)) {
    throw new OutgrowError("MOVE_LEASED", { detail: `process ${holder.pid} on ${holder.host}` });
  }
  const { rows: taken } = await sql.query(
    `update outgrow.move set lease_number = lease_number + 1, lease_holder = $2, heartbeat = clock_timestamp()
     where name = $1 and lease_number = $3 returning lease_number`,
    [name, JSON.stringify(thisProcess()), number as string],
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

export async function releaseLease(sql: Queryable, lease: Lease): Promise<void> {
  await sql.query(
    "update outgrow.move set lease_holder = null, heartbeat = null where name = $1 and lease_number = $2",
    [lease.move, String(lease.number)],
  );
}
