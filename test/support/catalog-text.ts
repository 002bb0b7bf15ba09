/** Everything that a database's catalog says, but for what every database has: what a dump of its schema would show. */
import type { SqlDatabase } from "../../src/drivers/postgres/database.ts";

const OURS_OR_THEIRS = `n.nspname not like 'pg\\_%' and n.nspname <> 'information_schema'`;

const PARTS: readonly string[] = [
  `select 'schema', n.nspname, '', concat(n.nspowner::regrole, n.nspacl) from pg_namespace n where ${OURS_OR_THEIRS}`,
  `select 'relation', n.nspname, c.relname, concat_ws(' ', c.relkind, c.relpersistence, c.relowner::regrole, c.relacl,
     c.reloptions, c.relrowsecurity, c.relforcerowsecurity, c.relreplident, obj_description(c.oid))
   from pg_class c join pg_namespace n on n.oid = c.relnamespace where ${OURS_OR_THEIRS}`,
  `select 'column', n.nspname, c.relname || '.' || a.attname, concat_ws(' ', format_type(a.atttypid, a.atttypmod),
     a.attnum, a.attnotnull, a.attidentity, a.attgenerated, a.attcollation::regcollation, pg_get_expr(d.adbin, d.adrelid))
   from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
     left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
   where a.attnum > 0 and ${OURS_OR_THEIRS}`,
  `select 'constraint', n.nspname, o.conname, concat_ws(' ', o.conrelid::regclass, o.convalidated, pg_get_constraintdef(o.oid))
   from pg_constraint o join pg_namespace n on n.oid = o.connamespace where ${OURS_OR_THEIRS}`,
  `select 'index', n.nspname, c.relname, pg_get_indexdef(i.indexrelid) from pg_index i
   join pg_class c on c.oid = i.indexrelid join pg_namespace n on n.oid = c.relnamespace where ${OURS_OR_THEIRS}`,
  `select 'trigger', n.nspname, t.tgname, concat_ws(' ', t.tgenabled, pg_get_triggerdef(t.oid)) from pg_trigger t
   join pg_class c on c.oid = t.tgrelid join pg_namespace n on n.oid = c.relnamespace
   where not t.tgisinternal and ${OURS_OR_THEIRS}`,
  `select 'function', n.nspname, p.oid::regprocedure::text, concat_ws(' ', p.prosrc, p.proacl) from pg_proc p
   join pg_namespace n on n.oid = p.pronamespace where ${OURS_OR_THEIRS}`,
  `select 'type', n.nspname, t.typname, t.typtype::text from pg_type t join pg_namespace n on n.oid = t.typnamespace
   where ${OURS_OR_THEIRS}`,
  `select 'policy', p.polname, p.polrelid::regclass::text, pg_get_expr(p.polqual, p.polrelid) from pg_policy p`,
  `select 'sequence', n.nspname, c.relname, concat_ws(' ', s.seqstart, s.seqincrement, s.seqmax) from pg_sequence s
   join pg_class c on c.oid = s.seqrelid join pg_namespace n on n.oid = c.relnamespace`,
  "select 'event trigger', evtname, evtevent, evtfoid::regproc::text from pg_event_trigger",
  "select 'extension', extname, extversion, '' from pg_extension",
  "select 'publication', pubname, '', '' from pg_publication",
  "select 'large object', oid::text, '', '' from pg_largeobject_metadata",
  "select 'default privilege', defaclnamespace::regnamespace::text, defaclobjtype::text, defaclacl::text from pg_default_acl",
  `select 'setting', s.setrole::text, '', s.setconfig::text from pg_db_role_setting s
   join pg_database d on d.oid = s.setdatabase where d.datname = current_database()`,
];

/** One line for each thing, sorted. @param without a schema that is left out, with all that is in it. */
export async function catalogText(
  database: Pick<SqlDatabase, "query">,
  { without }: { readonly without?: string } = {},
): Promise<string[]> {
  const { rows } = await database.query(PARTS.join(" union all "));
  return rows
    .filter(([, schema]) => schema !== without)
    .map((row) => row.join(" | "))
    .sort();
}

/** Rows of a schema's tables, as text and in order. */
export async function rowsText(
  database: Pick<SqlDatabase, "query">,
  schema: string,
): Promise<Record<string, string[]>> {
  const { rows } = await database.query(
    "select c.oid::regclass::text from pg_class c where c.relnamespace = $1::regnamespace and c.relkind = 'r'",
    [schema],
  );
  const all: Record<string, string[]> = {};
  for (const [table] of rows) {
    const found = await database.query(`select t::text from ${table} t order by 1`);
    all[table as string] = found.rows.map(([text]) => text as string);
  }
  return all;
}
