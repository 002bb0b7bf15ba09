/**
 * Room in unique indexes. Postgres looks at each row of an update by itself: two elements that swap their places,
 * or a text that passes from one to the other, would meet half way. So before rows are changed, those whose cells
 * in a unique index will change are moved out of the way, in one column of that index: to NULL where NULLs are
 * told apart, else to something that no row has or will have. The update behind it writes what belongs there.
 *
 * Deleting and inserting such rows again would need no room, but would destroy what others keep in them. Where an
 * index has no column that can be moved so (an enum that refuses NULL), the update is tried as it is; when it is
 * refused, so is the record, by the name of the index.
 */
import type { SqlTransaction } from "./database.ts";
import { quote } from "./quote.ts";
import { differs, isFound, type Upsert } from "./upsert.ts";

/** What can be written to a column to get its row out of the way. The first is the best. */
const WAYS = ["null", "number", "text", "uuid", "time", "false", "true"] as const;
type Way = (typeof WAYS)[number];

interface UniqueIndex {
  /** All that it looks at, quoted. */
  readonly columns: string[];
  readonly ways: { readonly column: string; readonly way: Way }[];
}

/** Moves rows out of the way of each other. */
export async function makeRoom(sql: SqlTransaction, upsert: Upsert): Promise<void> {
  for (const { columns, ways } of await uniqueIndexes(sql, upsert)) {
    const watched = columns.filter((column) => upsert.changes.includes(column));
    const [best] = ways
      .filter(({ column }) => watched.includes(column))
      .sort((a, b) => WAYS.indexOf(a.way) - WAYS.indexOf(b.way));
    if (best === undefined) continue;
    const { anchor } = upsert.table;
    const isWithinParent = anchor !== undefined && columns.includes(quote(anchor.column));
    await moveAway(sql, upsert, watched, { ...best, isWithinParent });
  }
}

/**
 * Columns of expressions and conditions are known from what the index depends on. A column that only a condition
 * looks at leaves the index when the condition is the column itself (`where is_primary`).
 */
async function uniqueIndexes(sql: SqlTransaction, { place }: Upsert): Promise<UniqueIndex[]> {
  const { rows } = await sql.query(
    `select i.indexrelid, a.attname, case
       when not k.is_key and i.indpred is not null then case
         when p.text in (n.name, '(' || n.name || ' = true)', '(' || n.name || ' IS TRUE)') then 'false'
         when p.text in ('(NOT ' || n.name || ')', '(' || n.name || ' = false)') then 'true' end
       when not (a.attnotnull or t.typnotnull) and to_jsonb(i) ->> 'indnullsnotdistinct' is distinct from 'true'
         then 'null'
       when b.typname in ('int2', 'int4', 'int8', 'float4', 'float8', 'numeric') then 'number'
       when b.typcategory = 'S' then 'text'
       when b.typname = 'uuid' then 'uuid'
       when b.typname in ('date', 'timestamp', 'timestamptz') then 'time' end
     from pg_index i
       join pg_attribute a on a.attrelid = i.indrelid and a.attnum > 0
       join pg_type t on t.oid = a.atttypid
       join pg_type b on b.oid = coalesce(nullif(t.typbasetype, 0), t.oid),
       lateral (select quote_ident(a.attname) as name) n,
       lateral (select pg_get_expr(i.indpred, i.indrelid) as text) p,
       lateral (select a.attnum = any((i.indkey::int2[])[0:i.indnkeyatts - 1]) as is_key) k
     where i.indrelid = to_regclass($1) and i.indisunique and i.indimmediate and (k.is_key or exists (
       select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = i.indexrelid
         and d.refclassid = 'pg_class'::regclass and d.refobjid = i.indrelid and d.refobjsubid = a.attnum))
     order by 1, a.attnum`,
    [place],
  );
  const indexes = new Map<string, UniqueIndex>();
  for (const [id, name, way] of rows) {
    const index = indexes.get(id as string) ?? { columns: [], ways: [] };
    indexes.set(id as string, index);
    const column = quote(name as string);
    index.columns.push(column);
    if (way !== null) index.ways.push({ column, way: way as Way });
  }
  return [...indexes.values()];
}

async function moveAway(
  sql: SqlTransaction,
  upsert: Upsert,
  watched: readonly string[],
  { column, way, isWithinParent }: { column: string; way: Way; isWithinParent: boolean },
): Promise<void> {
  const { place, staged, found } = upsert;
  const rows = `${staged} s join ${place} t on ${isFound(upsert)}`;
  // Within their parents all rows are at hand: the others have been deleted.
  const highest = isWithinParent
    ? `max(t.${column}) over ()`
    : `(select max(${column}) from ${place})`;
  const isCounted = way === "number" || way === "time";
  const top = isCounted ? `greatest(${highest}, max(s.${column}) over ())` : "null";
  const cells = found.map((name, at) => `t.${name} as outgrow_found_${at}`).join(", ");
  const same = found.map((name, at) => `t.${name} = m.outgrow_found_${at}`).join(" and ");
  await sql.query(
    `update ${place} t set ${column} = ${VALUES[way]} from
       (select ${cells}, row_number() over () as n, ${top} as top, ${differs(watched)} as moves from ${rows}) m
     where m.moves and ${same}`,
  );
}

/** `m.n` counts the rows, `m.top` is the highest that there is or will be. */
const VALUES: Readonly<Record<Way, string>> = {
  null: "null",
  number: "m.top + m.n",
  text: "chr(1) || m.n",
  uuid: "gen_random_uuid()",
  time: "m.top + m.n * interval '1 day'",
  false: "false",
  true: "true",
};
