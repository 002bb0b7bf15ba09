/**
 * The query behind `readCatalog`: a row per table, each one JSON text. Columns of newer catalogs (`nulls not
 * distinct`, `not enforced`) are asked for by name in the row as JSON, so that older servers just lack them.
 */

/** Domains, followed down to what they are made of: `typ.base` of a type's deepest row is no domain. */
const TYPES = `
  typ(type, base, typmod, not_null, expression) as (
    select distinct a.atttypid, a.atttypid, -1, false, null::text
    from pg_attribute a join rel on rel.oid = a.attrelid
    where a.attnum > 0 and not a.attisdropped
    union all
    select p.type, d.typbasetype, case when p.typmod >= 0 then p.typmod else d.typtypmod end,
      p.not_null or d.typnotnull, coalesce(p.expression, pg_get_expr(d.typdefaultbin, 0)) collate "default"
    from typ p join pg_type d on d.oid = p.base and d.typtype = 'd'
  )`;

const COLUMNS = `
  select json_agg(json_build_object(
    'name', a.attname,
    'type', format_type(a.atttypid, a.atttypmod),
    'base', case when b.typnamespace = 'pg_catalog'::regnamespace then format_type(b.oid, null) else b.typname end,
    'typmod', case when a.atttypmod >= 0 then a.atttypmod else p.typmod end,
    'notNull', a.attnotnull or p.not_null,
    'default', case when a.attgenerated = '' then coalesce(pg_get_expr(e.adbin, e.adrelid), p.expression) end,
    'identity', case a.attidentity when 'a' then 'always' when 'd' then 'default' end,
    'generated', a.attgenerated <> '',
    'sequence', pg_get_serial_sequence(format('%I.%I', $1::text, rel.relname), a.attname),
    'enumLabels', (select json_agg(n.enumlabel order by n.enumsortorder) from pg_enum n where n.enumtypid = b.oid),
    'isArray', b.typelem <> 0 and b.typcategory = 'A',
    'collation', case when o.collname <> 'default' then o.collname end,
    'looseEquality', coalesce(not o.collisdeterministic, false),
    'checks', (select json_agg(json_build_object('name', c.conname, 'definition', pg_get_constraintdef(c.oid)) order by c.conname)
      from pg_constraint c where c.contype = 'c' and c.contypid in (select q.base from typ q where q.type = a.atttypid))
  ) order by a.attnum)
  from pg_attribute a
  join typ p on p.type = a.atttypid
  join pg_type b on b.oid = p.base and b.typtype <> 'd'
  left join pg_attrdef e on e.adrelid = a.attrelid and e.adnum = a.attnum
  left join pg_collation o on o.oid = a.attcollation
  where a.attrelid = rel.oid and a.attnum > 0 and not a.attisdropped`;

const INDEXES = `
  select json_agg(json_build_object(
    'name', c.relname,
    'primary', i.indisprimary,
    'plain', i.indpred is null and i.indexprs is null,
    'definition', pg_get_indexdef(i.indexrelid),
    'deferrable', not i.indimmediate,
    'nullsNotDistinct', coalesce((to_jsonb(i) ->> 'indnullsnotdistinct')::boolean, false),
    'columns', (select json_agg(a.attname order by k.at)
      from generate_series(0, i.indnkeyatts - 1) k(at)
      join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[k.at])
  ) order by c.relname)
  from pg_index i join pg_class c on c.oid = i.indexrelid
  where i.indrelid = rel.oid and i.indisunique`;

const NAMES_OF = (numbers: string, table: string): string => `
  (select json_agg(a.attname order by k.at) from unnest(${numbers}) with ordinality k(number, at)
    join pg_attribute a on a.attrelid = ${table} and a.attnum = k.number)`;

/** Without what partitions inherit: that is their parent's. */
const CONSTRAINTS = `
  select json_agg(json_build_object(
    'name', c.conname,
    'kind', c.contype,
    'definition', pg_get_constraintdef(c.oid),
    'columns', ${NAMES_OF("c.conkey", "c.conrelid")},
    'schema', case when f.relnamespace <> rel.relnamespace then f.relnamespace::regnamespace::text end,
    'table', f.relname,
    'references', ${NAMES_OF("c.confkey", "c.confrelid")},
    'onDelete', c.confdeltype,
    'deferrable', c.condeferrable
  ) order by c.conname)
  from pg_constraint c left join pg_class f on f.oid = c.confrelid
  where c.conrelid = rel.oid and c.contype in ('c', 'f', 'x') and (c.contype <> 'f' or c.conparentid = 0)
    and coalesce((to_jsonb(c) ->> 'conenforced')::boolean, true)`;

const PRIVILEGES = `
  select json_agg(p.name order by p.at)
  from unnest(array['select', 'insert', 'update', 'delete']) with ordinality p(name, at)
  where not has_table_privilege(rel.oid, p.name)
    and (p.name = 'delete' or not has_any_column_privilege(rel.oid, p.name))`;

/** $1 is the schema, $2 the tables or NULL for all. Partitions are left out where they are not asked for. */
export const CATALOG_SQL = `
  with recursive rel as (
    select c.* from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = $1::text and c.relkind in ('r', 'p')
      and case when $2::text[] is null then not c.relispartition else c.relname = any($2::text[]) end
  ), ${TYPES}
  select json_build_object(
    'name', rel.relname,
    'partitioned', rel.relkind = 'p',
    'columns', (${COLUMNS}),
    'indexes', (${INDEXES}),
    'constraints', (${CONSTRAINTS}),
    'rows', case when rel.reltuples >= 0 then rel.reltuples end,
    'owner', pg_get_userbyid(rel.relowner),
    'rowSecurity', case when not rel.relrowsecurity then 'off' when rel.relforcerowsecurity then 'forced' else 'on' end,
    'triggers', (select json_agg(t.tgname order by t.tgname) from pg_trigger t where t.tgrelid = rel.oid and not t.tgisinternal),
    'missingPrivileges', (${PRIVILEGES})
  )::text
  from rel order by rel.relname collate "C"`;
