/**
 * The clean exit of a move that is complete (law S6): the tables, their rows, indexes and keys stay exactly as they
 * are; what is ours goes, with the last move the schema `outgrow` itself.
 */
import { OutgrowError } from "../../errors.ts";
import type { HeldHere } from "../../store/driver.ts";
import type { SqlDatabase, SqlTransaction } from "./database.ts";
import { dropLedgerIfEmpty, hasLedger, lockLedger } from "./ledger-schema.ts";
import { takeTurn } from "./turn.ts";
import { unwatch } from "./watch.ts";

/** What lies in the ledger and nowhere else: rests and keys of bound tables' rows, and what could not be moved. */
const HELD = `
  select 'rest', c.name, r.tenant, r.key, r.row, r.rest::text, null, null
  from outgrow.rest r join outgrow.collection c on c.id = r.collection
    join outgrow.move m on m.id = c.move where m.name = $1
  union all
  select 'quarantine', q.collection, m.tenant, q.key, null, null, q.code, encode(q.raw, 'base64')
  from outgrow.quarantine q join outgrow.move m on m.id = q.move
  where m.name = $1 and q.run = m.run and q.state <> 'replayed'`;

/** @throws {OutgrowError} LEDGER_HOLDS without `keep`, where the ledger holds what is nowhere else. */
export async function leaveMove(
  database: SqlDatabase,
  move: string,
  keep: ((held: AsyncIterable<HeldHere>) => Promise<void>) | undefined,
): Promise<void> {
  await database.transaction(async (sql) => {
    await lockLedger(sql);
    if (!(await hasLedger(sql))) return;
    await takeTurn(sql, move);
    await sql.query("select from outgrow.move where name = $1 for update", [move]);
    if (keep === undefined) await refuseHeld(sql, move);
    else await keep(heldBy(sql, move));
    await unwatch(sql, move);
    await deleteRecords(sql, move);
    await sql.query("delete from outgrow.move where name = $1", [move]);
    for (const table of ["process", "outbox", "control"]) {
      await sql.query(`delete from outgrow.${table} where move = $1`, [move]);
    }
    await dropLedgerIfEmpty(sql);
  });
}

async function refuseHeld(sql: SqlTransaction, move: string): Promise<void> {
  const { rows } = await sql.query(
    `select what, count(*) from (${HELD}) as held(what) group by what order by what desc`,
    [move],
  );
  if (rows.length === 0) return;
  const detail = rows.map(([what, count]) => `${count} of ${what}`).join(", ");
  throw new OutgrowError("LEDGER_HOLDS", { detail });
}

async function* heldBy(sql: SqlTransaction, move: string): AsyncGenerator<HeldHere> {
  for await (const rows of sql.cursor(HELD, [move], 1000)) {
    for (const [what, collection, tenant, key, row, rest, code, raw] of rows) {
      const place = { collection: collection as string, tenant: tenant as string };
      if (what === "rest") {
        yield { ...place, what, key: key as string, row: row as string, rest: rest ?? undefined };
      } else {
        const bytes = Buffer.from(raw as string, "base64");
        yield {
          ...place,
          what: "quarantine",
          key: key ?? undefined,
          code: code as string,
          raw: bytes,
        };
      }
    }
  }
}

/** Of the last move all tables go at once: nothing needs to be deleted row by row. */
async function deleteRecords(sql: SqlTransaction, move: string): Promise<void> {
  const { rows } = await sql.query(
    `select (select count(*) from outgrow.move where name <> $1)
       + (select count(*) from outgrow.control where move <> $1)`,
    [move],
  );
  if (rows[0]?.[0] === "0") return;
  for (const table of ["outgrow.record", "outgrow.rest", "outgrow.late"]) {
    await sql.query(
      `delete from ${table} where collection in (select c.id from outgrow.collection c
         join outgrow.move m on m.id = c.move where m.name = $1)`,
      [move],
    );
  }
}
