/** Taking back: what an earlier run brought and a newer source lacks, and all of a move. */
import { dumpRevision, revision } from "../../collection/revision.ts";
import { compileLayout } from "../../layout/compile.ts";
import type { Layout } from "../../layout/layout.ts";
import { inReferenceOrder } from "../../layout/reference-order.ts";
import type { Lease, Move } from "../../store/ledger.ts";
import { type Going, letGo, refuseBystanders } from "./bystanders.ts";
import type { SqlDatabase, SqlTransaction } from "./database.ts";
import { deleteChildren } from "./family.ts";
import { underLease } from "./lease.ts";
import { dropLedgerIfEmpty, lockLedger } from "./ledger-schema.ts";
import { literal, qualified, quote } from "./quote.ts";
import { rootSql } from "./root-sql.ts";
import { emptyLate } from "./settle.ts";
import { ownTables } from "./tables.ts";
import { takeTurn } from "./turn.ts";
import { unwatch } from "./watch.ts";

/** Of an earlier run of the move, and of no app: $4 is the revision of the current run. */
const OLD = `r.collection = (select id from outgrow.collection where move = $1 and name = $2)
  and r.tenant = $3 and r.state = 'present' and r.revision < $4 and r.revision < '${revision(1, 0)}'`;

/** All that the move knows of a collection: what it brought, and what an app wrote since. */
const ALL = `r.collection = (select id from outgrow.collection where move = $1 and name = $2)
  and r.tenant = $3 and r.state = 'present'`;

/**
 * Deletes the rows of earlier runs that the current one did not bring again. Returns how many.
 *
 * @throws {OutgrowError} FENCED; DROP_REFUSED when rows that stay refer to these, and cannot be without.
 */
export function pruneMove(database: SqlDatabase, move: Move, lease: Lease): Promise<number> {
  // Its turn is alone: no commit of this move comes between.
  return underLease(database, lease, async (sql) => {
    // Only whoever holds the lease starts a run, so that this one is the holder's. `move` was read before.
    const { rows } = await sql.query("select run from outgrow.move where id = $1", [
      String(move.id),
    ]);
    const revisionNow = dumpRevision(Number(rows[0]?.[0]));
    // Tables just filled have no statistics: the planner would compare all rows with all.
    await sql.query("set local enable_nestloop = off");
    const layouts = move.collections.map(({ layout }) => layout);
    const all: Going[] = [];
    for (const layout of layouts) {
      const parameters = [String(move.id), layout.collection, move.tenant, revisionNow];
      all.push(await markGoing(sql, move, layout, OLD, parameters));
    }
    for (const going of all) await emptyLate(sql, move, going);
    await refuseBystanders(sql, all);
    let pruned = 0;
    for (const going of inReferenceOrder(all, collectionOf, layouts, "late too").reverse()) {
      pruned += await deleteGoing(sql, going);
    }
    for (const { collection } of layouts) {
      await sql.query(
        `update outgrow.record r set state = 'deleted', revision = $4, digest = null, form = null
         where ${OLD}`,
        [String(move.id), collection, move.tenant, revisionNow],
      );
    }
    return pruned;
  });
}

/** Notes which rows are to go, until the end of the transaction. @param which a condition on `outgrow.record r`. */
async function markGoing(
  sql: SqlTransaction,
  move: Move,
  layout: Layout,
  which: string,
  parameters: readonly string[],
): Promise<Going> {
  const compiled = compileLayout(layout);
  const { rows } = await sql.query(
    "select id from outgrow.collection where move = $1 and name = $2",
    [String(move.id), layout.collection],
  );
  const id = Number(rows[0]?.[0]);
  const { schema, tenant } = move;
  const root = rootSql(schema, compiled, { id, tenant });
  const going = `outgrow_going_${id}`;
  await sql.query(
    `create temporary table ${going} on commit drop as
     select ${root.key} as cell, r.key from ${root.from} join outgrow.record r on r.key = ${root.ledgerKey}
     where ${root.scope} and ${which}`,
    parameters,
  );
  return { id, schema, tenant, compiled, root, going };
}

async function deleteGoing(sql: SqlTransaction, { id, root, going, ...family }: Going) {
  const { tenant } = family;
  await deleteChildren(sql, family, `select cell from ${going}`);
  const { count } = await sql.query(
    `delete from ${root.place} t where ${root.scope} and ${root.key} in (select cell from ${going})`,
  );
  for (const kept of ["outgrow.rest", "outgrow.late"]) {
    await sql.query(
      `delete from ${kept} where collection = ${id} and tenant = ${literal(tenant)}
       and key in (select key from ${going})`,
    );
  }
  return count;
}

/** Deletes what the move brought into tables that are somebody else's, unless rows of others would go with it. */
async function takeBack(
  sql: SqlTransaction,
  move: Move,
  layouts: readonly Layout[],
): Promise<void> {
  const all: Going[] = [];
  for (const layout of layouts) {
    if (!layout.tables[0].bound) continue;
    const parameters = [String(move.id), layout.collection, move.tenant];
    all.push(await markGoing(sql, move, layout, ALL, parameters));
  }
  await refuseBystanders(sql, all);
  // What refers goes before what it refers to; in a circle, it lets go first.
  const last = inReferenceOrder(all, collectionOf, layouts, "late too").reverse();
  for (const [at, going] of last.entries()) {
    await letGo(sql, going, new Set(last.slice(0, at).flatMap(collectionOf)));
  }
  for (const going of last) await deleteGoing(sql, going);
}

const collectionOf = ({ compiled }: Going): string[] => [compiled.layout.collection];

/**
 * Drops a move's tables and its rows of the ledger; schemas too when they were ours and are empty now. Of tables
 * that it was bound to, it deletes the rows that it brought.
 *
 * @throws {OutgrowError} DROP_REFUSED when rows that it did not bring refer to these.
 */
export function dropMove(
  database: SqlDatabase,
  move: Move,
): Promise<{ readonly tables: readonly string[] }> {
  return database.transaction(async (sql) => {
    await lockLedger(sql);
    await takeTurn(sql, move.name);
    const id = String(move.id);
    const { rows: owns } = await sql.query(
      "select owns_schema from outgrow.move where id = $1 for update",
      [id],
    );
    // Somebody else was first, and its tables may be another move's by now.
    if (owns.length === 0) return { tables: [] };
    await unwatch(sql, move.name);
    const layouts = move.collections.map(({ layout }) => layout);
    const tables = ownTables(layouts);
    if (tables.length > 0) {
      const list = tables.map((table) => qualified(move.schema, table)).join(", ");
      // In one statement: they may refer to each other.
      await sql.query(`drop table if exists ${list}`);
    }
    // Behind our own tables, whose foreign keys may lead to these rows.
    await takeBack(sql, move, layouts);
    for (const table of ["outgrow.record", "outgrow.rest", "outgrow.late"]) {
      await sql.query(
        `delete from ${table} where collection in (select id from outgrow.collection where move = $1)`,
        [id],
      );
    }
    await sql.query("delete from outgrow.move where id = $1", [id]);
    if (owns[0]?.[0] === "t") await leaveSchema(sql, move.schema);
    await dropLedgerIfEmpty(sql);
    return { tables: tables.map((table) => `${move.schema}.${table}`) };
  });
}

/** Drops the schema that the move made, unless something is in it: another move's tables, or somebody else's. */
async function leaveSchema(sql: SqlTransaction, schema: string): Promise<void> {
  // The last move of a schema that one of them made takes it away.
  await sql.query("update outgrow.move set owns_schema = true where schema = $1", [schema]);
  const { rows } = await sql.query(
    `select count(*) from pg_depend d join pg_namespace n on n.oid = d.refobjid
     where d.refclassid = 'pg_namespace'::regclass and n.nspname = $1`,
    [schema],
  );
  if (rows[0]?.[0] === "0") await sql.query(`drop schema ${quote(schema)}`);
}
