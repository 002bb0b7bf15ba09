/** Taking back: what an earlier run brought and a newer source lacks, and all of a move. */
import { dumpRevision, revision } from "../../collection/revision.ts";
import type { Layout } from "../../layout/layout.ts";
import type { Move } from "../../store/ledger.ts";
import type { SqlDatabase, SqlTransaction } from "./database.ts";
import { dropLedgerIfEmpty, lockLedger } from "./ledger-schema.ts";
import { qualified, quote } from "./quote.ts";
import { ledgerKeySql } from "./tables.ts";

/** Of an earlier run of the move, and of no app: $4 is the revision of the current run. */
const OLD = `r.collection = (select id from outgrow.collection where move = $1 and name = $2)
  and r.tenant = $3 and r.state = 'present' and r.revision < $4 and r.revision < '${revision(1, 0)}'`;

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
  const { name, key, tenantColumn } = layout.tables[0];
  const parameters = [String(move.id), layout.collection, move.tenant, dumpRevision(move.run)];
  const tenant = tenantColumn === undefined ? "" : `and t.${quote(tenantColumn)} = $3`;
  const { count } = await sql.query(
    `delete from ${qualified(move.schema, name)} t using outgrow.record r
     where ${OLD} and r.key = ${ledgerKeySql(key.codec, `t.${quote(key.name)}`)} ${tenant}`,
    parameters,
  );
  await sql.query(
    `update outgrow.record r set state = 'deleted', revision = $4, digest = null, form = null
     where ${OLD}`,
    parameters,
  );
  return count;
}

/** Drops a move's tables and its rows of the ledger; schemas too when they were ours and are empty now. */
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
    const tables = move.collections.flatMap(({ layout }) => layout.tables.map(({ name }) => name));
    for (const table of tables) {
      await sql.query(`drop table if exists ${qualified(move.schema, table)}`);
    }
    await sql.query(
      "delete from outgrow.record where collection in (select id from outgrow.collection where move = $1)",
      [id],
    );
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
