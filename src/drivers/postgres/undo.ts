/** Taking back: what an earlier run brought and a newer source lacks, and all of a move. */
import { dumpRevision, revision } from "../../collection/revision.ts";
import { compileLayout } from "../../layout/compile.ts";
import type { Layout } from "../../layout/layout.ts";
import type { Move } from "../../store/ledger.ts";
import type { SqlDatabase, SqlTransaction } from "./database.ts";
import { deleteChildren } from "./family.ts";
import { dropLedgerIfEmpty, lockLedger } from "./ledger-schema.ts";
import { literal, qualified, quote } from "./quote.ts";
import { rootSql } from "./root-sql.ts";
import { ownTables } from "./tables.ts";

/** Of an earlier run of the move, and of no app: $4 is the revision of the current run. */
const OLD = `r.collection = (select id from outgrow.collection where move = $1 and name = $2)
  and r.tenant = $3 and r.state = 'present' and r.revision < $4 and r.revision < '${revision(1, 0)}'`;

/** All that the move knows of a collection: what it brought, and what an app wrote since. */
const ALL = `r.collection = (select id from outgrow.collection where move = $1 and name = $2)
  and r.tenant = $3 and r.state = 'present'`;

/** Deletes the rows of earlier runs that the current one did not bring again. Returns how many. */
export function pruneMove(database: SqlDatabase, move: Move): Promise<number> {
  return database.transaction(async (sql) => {
    // No commit of this move comes between: see lockMove in commit.ts.
    await sql.query("select run from outgrow.move where id = $1 for no key update", [
      String(move.id),
    ]);
    // Tables just filled have no statistics: the planner would compare all rows with all.
    await sql.query("set local enable_nestloop = off");
    let pruned = 0;
    for (const { layout } of move.collections) pruned += await pruneCollection(sql, move, layout);
    return pruned;
  });
}

async function pruneCollection(sql: SqlTransaction, move: Move, layout: Layout): Promise<number> {
  const parameters = [String(move.id), layout.collection, move.tenant, dumpRevision(move.run)];
  const count = await deleteRecords(sql, move, layout, OLD, parameters);
  await sql.query(
    `update outgrow.record r set state = 'deleted', revision = $4, digest = null, form = null
     where ${OLD}`,
    parameters,
  );
  return count;
}

/** Deletes the rows of records, with their children and rests. @param which a condition on `outgrow.record r`. */
async function deleteRecords(
  sql: SqlTransaction,
  move: Move,
  layout: Layout,
  which: string,
  parameters: readonly string[],
): Promise<number> {
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
  await deleteChildren(sql, { schema, compiled, tenant }, `select cell from ${going}`);
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

/**
 * Drops a move's tables and its rows of the ledger; schemas too when they were ours and are empty now. Of tables
 * that it was bound to, it deletes the rows that it brought.
 */
export function dropMove(
  database: SqlDatabase,
  move: Move,
): Promise<{ readonly tables: readonly string[] }> {
  return database.transaction(async (sql) => {
    await lockLedger(sql);
    const id = String(move.id);
    const { rows: owns } = await sql.query(
      "select owns_schema from outgrow.move where id = $1 for update",
      [id],
    );
    const layouts = move.collections.map(({ layout }) => layout);
    for (const layout of layouts) {
      if (layout.tables[0].bound)
        await deleteRecords(sql, move, layout, ALL, [id, layout.collection, move.tenant]);
    }
    const tables = ownTables(layouts);
    if (tables.length > 0) {
      const list = tables.map((table) => qualified(move.schema, table)).join(", ");
      // In one statement: they may refer to each other.
      await sql.query(`drop table if exists ${list}`);
    }
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
