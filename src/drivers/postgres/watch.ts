/**
 * Notices writes that go around the store, while this database is the authority of a live move: a trigger on each table
 * of the move notes in `outgrow.change` which rows others have written. Our own commits say so in their transaction
 * and are not noted. The triggers are there from when the database takes over until it stands down.
 */
import { OutgrowError } from "../../errors.ts";
import { type CompiledLayout, compileLayout } from "../../layout/compile.ts";
import type { Layout } from "../../layout/layout.ts";
import type { SqlDatabase, SqlTransaction } from "./database.ts";
import { literal, qualified, quote } from "./quote.ts";

/** What a commit of ours says for the rest of its transaction. */
export const OWN_WRITE = "set_config('outgrow.own_write', 'on', true)";

/**
 * Whoever writes need have no right to our schema: the function has its owner's. It is made of what Postgres itself
 * has, so that nobody's objects of such names come in between.
 */
const CREATE = `
create table if not exists outgrow.change (
  id bigint generated always as identity primary key,
  collection integer not null,
  table_at integer not null,
  table_schema text not null,
  table_name text not null,
  op text not null,
  keys jsonb,
  refused text,
  at timestamptz not null default clock_timestamp()
);
create index if not exists change_collection on outgrow.change (collection);
create or replace function outgrow.note_change() returns trigger
  language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  old_keys jsonb;
  new_keys jsonb;
begin
  if current_setting('outgrow.own_write', true) = 'on' then return null; end if;
  if tg_op in ('UPDATE', 'DELETE') then
    select jsonb_object_agg(c.name, to_jsonb(old) ->> c.name) into old_keys from unnest(tg_argv[2:]) as c(name);
  end if;
  if tg_op in ('UPDATE', 'INSERT') then
    select jsonb_object_agg(c.name, to_jsonb(new) ->> c.name) into new_keys from unnest(tg_argv[2:]) as c(name);
  end if;
  insert into outgrow.change (collection, table_at, table_schema, table_name, op, keys)
    select tg_argv[0]::integer, tg_argv[1]::integer, tg_table_schema, tg_table_name, tg_op, k.keys
    from (select old_keys as keys where old_keys is not null
      union select new_keys where new_keys is not null
      union select null where tg_op = 'TRUNCATE') as k;
  return null;
end $$;
revoke all on function outgrow.note_change() from public;`;

/** Any number, as long as it is always this one: of several that watch, one at a time makes what is missing. */
const ALONE = "select pg_advisory_xact_lock(7164923043)";

/** For tables that somebody has written to and not committed. */
const PATIENCE = "set local lock_timeout = '5s'";

/** insufficient_privilege; and what is no table of its own: a view, a foreign table, a partition of some kinds. */
const REFUSED: ReadonlySet<string> = new Set(["42501", "42809", "0A000"]);

/** Numbers of a move's collections, by the move's name. */
export const COLLECTIONS =
  "select c.id from outgrow.collection c join outgrow.move m on m.id = c.move where m.name = $1";

export interface Watched {
  readonly id: number;
  readonly name: string;
  readonly schema: string;
  readonly tenant: string;
  readonly compiled: CompiledLayout;
}

/** The collections of a move, as they are now. */
export async function watchedBy(
  sql: Pick<SqlTransaction, "query">,
  move: string,
): Promise<readonly Watched[]> {
  const { rows } = await sql.query(
    `select c.id, c.name, m.schema, m.tenant, c.layout from outgrow.collection c
     join outgrow.move m on m.id = c.move where m.name = $1 order by c.id`,
    [move],
  );
  return rows.map(([id, name, schema, tenant, layout]) => ({
    id: Number(id),
    name: name as string,
    schema: schema as string,
    tenant: tenant as string,
    compiled: compileLayout(JSON.parse(layout as string) as Layout),
  }));
}

/** The column with a table's own key, behind the tenant's. */
export function keyColumn(compiled: CompiledLayout, at: number): string {
  const tenanted = compiled.layout.tables[at]?.tenantColumn !== undefined;
  return compiled.tables[at]?.columns[tenanted ? 1 : 0]?.name ?? "";
}

/** The columns by which a row says to which record it belongs: the tenant's, and its own key or its parent's. */
export function keyColumns({ compiled }: Watched, at: number): readonly string[] {
  const column = compiled.tables[at]?.anchor?.column ?? keyColumn(compiled, at);
  const tenant = compiled.layout.tables[at]?.tenantColumn;
  return tenant === undefined ? [column] : [tenant, column];
}

/** Collections of one move or of all. */
const OF_MOVE = `select c.id from outgrow.collection c join outgrow.move m on m.id = c.move
  where $1::text is null or m.name = $1`;

/** Their tables' triggers. */
const TRIGGERS = `select t.tgrelid::regclass::text, t.tgname from pg_trigger t
  where t.tgparentid = 0 and t.tgfoid = 'outgrow.note_change()'::regprocedure and ($1::text is null
    or split_part(t.tgname, '_', 3) in (select id::text from (${OF_MOVE}) as c))`;

const triggerOf = ({ id }: Watched, at: number): string => `outgrow_change_${id}_${at}`;

/** Puts the triggers on the move's tables. Where a table refuses, what others write to it is not noticed: doctor says so. */
export async function watch(database: SqlDatabase, move: string): Promise<void> {
  await database.transaction(async (sql) => {
    await sql.query(ALONE);
    await sql.query(CREATE);
    // What was noted while another store was the authority is no write that anybody was promised. Where the triggers
    // are on, somebody has taken over already: whoever comes late must not forget what was noted since.
    const { rows } = await sql.query(`select count(*) from (${TRIGGERS}) as t`, [move]);
    if (Number(rows[0]?.[0]) > 0) return;
    await sql.query(`delete from outgrow.change where collection in (${COLLECTIONS})`, [move]);
  });
  for (const watched of await watchedBy(database, move)) {
    for (const [at, { name }] of watched.compiled.tables.entries()) {
      try {
        await watchTable(database, watched, at, name);
      } catch (error) {
        if (!OutgrowError.is(error) || !REFUSED.has(error.sqlState ?? "")) throw error;
      }
    }
  }
}

async function watchTable(
  database: SqlDatabase,
  watched: Watched,
  at: number,
  name: string,
): Promise<void> {
  const place = qualified(watched.schema, name);
  const trigger = triggerOf(watched, at);
  const given = [String(watched.id), String(at), ...keyColumns(watched, at)]
    .map(literal)
    .join(", ");
  const calls = `execute function outgrow.note_change(${given})`;
  await database.transaction(async (sql) => {
    // Whoever has written to the table and not committed is waited for, but not for ever.
    await sql.query(PATIENCE);
    await sql.query(ALONE);
    await sql.query(`drop trigger if exists ${quote(trigger)} on ${place}`);
    await sql.query(`drop trigger if exists ${quote(`${trigger}_all`)} on ${place}`);
    await sql.query(
      `create trigger ${quote(trigger)} after insert or update or delete on ${place} for each row ${calls}`,
    );
    await sql.query(
      `create trigger ${quote(`${trigger}_all`)} after truncate on ${place} for each statement ${calls}`,
    );
  });
}

/** Takes the triggers away, of one move or of all, and what they noted. */
export async function unwatch(sql: SqlTransaction, move?: string): Promise<void> {
  if (!(await isWatching(sql))) return;
  await sql.query(PATIENCE);
  const { rows } = await sql.query(TRIGGERS, [move ?? null]);
  for (const [table, trigger] of rows) {
    await sql.query(`drop trigger ${quote(trigger as string)} on ${table}`);
  }
  await sql.query(
    `delete from outgrow.change where $1::text is null or collection in (${OF_MOVE})`,
    [move ?? null],
  );
}

/** Takes away what `watch` made in our own schema, behind the triggers. */
export async function dropWatch(sql: SqlTransaction): Promise<void> {
  await unwatch(sql);
  await sql.query("drop table if exists outgrow.change");
  await sql.query("drop function if exists outgrow.note_change()");
}

/** Whether anybody has watched here: what the triggers note has a place. */
export async function isWatching(sql: Pick<SqlTransaction, "query">): Promise<boolean> {
  // Not to_regclass: see hasLedger.
  const { rows } = await sql.query(
    `select exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = 'outgrow' and c.relname = 'change')`,
  );
  return rows[0]?.[0] === "t";
}
