/**
 * What is done behind a load, once all records are there: cells that waited for what they refer to, indexes and
 * foreign keys (which cost less now than per row), and the counters of keys that the database counts itself.
 * Every step looks first whether it has been done: it may be interrupted and done again.
 */
import { OutgrowError } from "../../errors.ts";
import { afterLoadStatements } from "../../layout/emit/index.ts";
import type { Layout } from "../../layout/layout.ts";
import type { Move, Settlement } from "../../store/ledger.ts";
import type { SqlDatabase, SqlTransaction } from "./database.ts";
import { literal, qualified, quote } from "./quote.ts";

export async function settleMove(database: SqlDatabase, move: Move): Promise<Settlement> {
  const layouts = move.collections.map(({ layout }) => layout);
  const dangling = await database.transaction((sql) => writeLate(sql, move));
  const made: string[] = [];
  const refused: { name: string; sqlState: string }[] = [];
  for (const statement of afterLoadStatements({ schema: move.schema, layouts })) {
    const { kind, name, table = "" } = statement;
    if (kind === "foreign-key" && (await hasConstraint(database, move.schema, table, name)))
      continue;
    try {
      await database.query(statement.sql);
      made.push(name);
    } catch (error) {
      // What the data does not bear out is told, and is no reason to have the records any less.
      if (!OutgrowError.is(error) || !REFUSED.has(error.sqlState ?? "")) throw error;
      refused.push({ name, sqlState: error.sqlState ?? "" });
    }
  }
  const sequences = await raiseSequences(database, move.schema, layouts);
  return { dangling, made, refused, sequences };
}

/** unique_violation, foreign_key_violation, program_limit_exceeded (a value too long for an index). */
const REFUSED: ReadonlySet<string> = new Set(["23505", "23503", "54000"]);

async function hasConstraint(
  database: Pick<SqlDatabase, "query">,
  schema: string,
  table: string,
  name: string,
): Promise<boolean> {
  const { rows } = await database.query(
    "select count(*) from pg_constraint where conrelid = to_regclass($1) and conname = $2",
    [qualified(schema, table), name],
  );
  return rows[0]?.[0] !== "0";
}

/**
 * Takes the foreign keys away that a settlement has made: the next copy brings records in the order of its file,
 * in which what is referred to may come later.
 */
export async function unsettle(
  sql: SqlTransaction,
  move: Pick<Move, "schema" | "collections">,
): Promise<void> {
  const layouts = move.collections.map(({ layout }) => layout);
  for (const { kind, name, table = "" } of afterLoadStatements({ schema: move.schema, layouts })) {
    if (kind !== "foreign-key") continue;
    const place = qualified(move.schema, table);
    await sql.query(`alter table if exists ${place} drop constraint if exists ${quote(name)}`);
  }
}

/** Writes the cells whose record is there by now. Returns those that still wait: references that dangle. */
async function writeLate(sql: SqlTransaction, move: Move): Promise<Settlement["dangling"]> {
  const { rows: columns } = await sql.query(
    `select distinct l.collection, c.name, l.table_name, l.column_name
     from outgrow.late l join outgrow.collection c on c.id = l.collection where c.move = $1 order by 1, 3, 4`,
    [String(move.id)],
  );
  const dangling: Settlement["dangling"][number][] = [];
  for (const [collection, name, table, column] of columns as readonly string[][]) {
    const late = {
      collection: collection as string,
      table: table as string,
      column: column as string,
    };
    const count = await writeColumn(sql, move, late);
    if (count > 0)
      dangling.push({ collection: name as string, table: late.table, column: late.column, count });
  }
  return dangling;
}

async function writeColumn(
  sql: SqlTransaction,
  move: Move,
  { collection, table, column }: { collection: string; table: string; column: string },
): Promise<number> {
  const place = qualified(move.schema, table);
  const which = `l.collection = ${collection} and l.table_name = ${literal(table)} and l.column_name = ${literal(column)}`;
  const { rows: keys } = await sql.query(
    `select a.attname, format_type(a.atttypid, null),
       (select format_type(t.atttypid, null) from pg_attribute t where t.attrelid = $1::regclass and t.attname = $2)
     from pg_constraint k join pg_attribute a on a.attrelid = k.conrelid and a.attnum = k.conkey[1]
     where k.conrelid = $1::regclass and k.contype = 'p' and array_length(k.conkey, 1) = 1`,
    [place, column],
  );
  const [key, keyType, cellType] = (keys[0] ?? []) as readonly string[];
  if (key === undefined || cellType === undefined) return 0;
  const exists = (await referredTo(sql, place, column)).map(
    (target) => `exists (select from ${target} = l.cell::${cellType})`,
  );
  const settled = `${which} and ${exists.length === 0 ? "true" : exists.join(" and ")}`;
  await sql.query(
    `update ${place} t set ${quote(column)} = l.cell::${cellType} from outgrow.late l
     where t.${quote(key)} = l.row::${keyType} and ${settled}`,
  );
  await sql.query(`delete from outgrow.late l where ${settled}`);
  const { rows: left } = await sql.query(`select count(*) from outgrow.late l where ${which}`);
  return Number(left[0]?.[0]);
}

/** What a column's foreign keys demand: `table r where r.column`. */
async function referredTo(sql: SqlTransaction, place: string, column: string): Promise<string[]> {
  const { rows } = await sql.query(
    `select n.nspname, c.relname, b.attname from pg_constraint k
     join pg_class c on c.oid = k.confrelid join pg_namespace n on n.oid = c.relnamespace
     join pg_attribute a on a.attrelid = k.conrelid and a.attnum = k.conkey[1]
     join pg_attribute b on b.attrelid = k.confrelid and b.attnum = k.confkey[1]
     where k.conrelid = $1::regclass and k.contype = 'f' and array_length(k.conkey, 1) = 1 and a.attname = $2`,
    [place, column],
  );
  return rows.map(
    ([schema, table, key]) =>
      `${qualified(schema as string, table as string)} r where r.${quote(key as string)}`,
  );
}

/** Sequences behind the keys of these tables go on behind the highest key that was brought. */
async function raiseSequences(
  database: Pick<SqlDatabase, "query">,
  schema: string,
  layouts: readonly Layout[],
): Promise<string[]> {
  const raised: string[] = [];
  for (const { tables } of layouts) {
    const [{ name, key, bound }] = tables;
    if (!bound || key.codec !== "integer") continue;
    const place = qualified(schema, name);
    const { rows } = await database.query("select pg_get_serial_sequence($1, $2)", [
      place,
      key.name,
    ]);
    const sequence = rows[0]?.[0];
    if (sequence === null || sequence === undefined) continue;
    // Never lowered: what it has given away stays given away.
    const { rows: set } = await database.query(
      `select setval(${literal(sequence)}, highest.value) from
         (select max(${quote(key.name)})::bigint as value from ${place}) highest, ${sequence} counter
       where highest.value > counter.last_value or (highest.value = counter.last_value and not counter.is_called)`,
    );
    if (set.length > 0) raised.push(sequence);
  }
  return raised;
}
