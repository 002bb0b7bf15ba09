import assert from "node:assert/strict";
import { is } from "drizzle-orm";
import { getTableConfig, PgTable } from "drizzle-orm/pg-core";

/**
 * What Drizzle believes of the tables is what the database has: types, keys, and the names of constraints and
 * indexes, by which its tools tell what would have to change.
 *
 * @param {import("pg").Pool} pool
 * @param {Readonly<Record<string, unknown>>} schema
 */
export async function agree(pool, schema) {
  /** @type {unknown[]} */
  const believed = [];
  for (const table of Object.values(schema)) {
    if (!is(table, PgTable)) continue;
    const { name, columns, primaryKeys, foreignKeys, indexes } = getTableConfig(table);
    for (const column of columns) {
      const type = column
        .getSQLType()
        .replace(", ", ",")
        .replace(" (", "(")
        .replace("serial", "integer");
      const isKey = column.primary || primaryKeys.some((key) => key.columns.includes(column));
      believed.push(`${name}.${column.name} ${type} ${column.notNull || isKey}`);
      if (column.isUnique) believed.push(`${column.uniqueName} unique`);
    }
    for (const key of primaryKeys) {
      believed.push(`${key.getName()} (${key.columns.map((column) => column.name).join(", ")})`);
    }
    for (const key of foreignKeys) {
      const { columns: from, foreignColumns, foreignTable } = key.reference();
      const lists = [from, foreignColumns].map((list) =>
        list.map((column) => column.name).join(", "),
      );
      const action = key.onDelete ?? "no action";
      believed.push(
        `${key.getName()} (${lists[0]}) ${getTableConfig(foreignTable).name} (${lists[1]}) ${action}`,
      );
    }
    for (const { config } of indexes) {
      believed.push(`${config.name} ${config.unique ? "unique" : "index"}`);
    }
  }
  assert.deepEqual(believed.sort(), (await found(pool)).sort());
}

/** @param {import("pg").Pool} pool */
async function found(pool) {
  const list =
    "(select string_agg(attname, ', ' order by place) from unnest(%) with ordinality u(number, place) " +
    "join pg_attribute on attnum = number and attrelid = k.";
  const own = `${list.replace("%", "k.conkey")}conrelid)`;
  const other = `${list.replace("%", "k.confkey")}confrelid)`;
  const here = "c.relnamespace = 'public'::regnamespace and c.relkind = 'r'";
  const { rows } = await pool.query(`
    select c.relname || '.' || a.attname || ' ' || case
        when a.atttypid = to_regtype('"Role"') then 'Role'
        else replace(replace(format_type(a.atttypid, a.atttypmod), 'character varying', 'varchar'),
          ' without time zone', '') end || ' ' ||
      a.attnotnull as line
    from pg_attribute a join pg_class c on c.oid = a.attrelid
    where ${here} and a.attnum > 0
    union all
    select k.conname || ' (' || ${own} || ')' from pg_constraint k join pg_class c on c.oid = k.conrelid
    where ${here} and k.contype = 'p' and cardinality(k.conkey) > 1
    union all
    select k.conname || ' (' || ${own} || ') ' || t.relname || ' (' || ${other} || ') ' ||
      case k.confdeltype when 'c' then 'cascade' when 'n' then 'set null' else 'no action' end
    from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_class t on t.oid = k.confrelid
    where ${here} and k.contype = 'f'
    union all
    select i.relname || case when x.indisunique then ' unique' else ' index' end
    from pg_index x join pg_class c on c.oid = x.indrelid join pg_class i on i.oid = x.indexrelid
    where ${here} and not x.indisprimary`);
  return rows.map(({ line }) => line);
}
