/**
 * What is done behind a load, once all records are there: cells that waited for what they refer to, indexes and
 * foreign keys (which cost less now than per row), and the counters of keys that the database counts itself.
 * Every step looks first whether it has been done: it may be interrupted and done again. Every step is done under
 * the lease, by itself: another mover that has begun the next run has taken the foreign keys away (`unsettle`).
 */
import { OutgrowError } from "../../errors.ts";
import { afterLoadStatements } from "../../layout/emit/index.ts";
import type { Layout } from "../../layout/layout.ts";
import type { Lease, Move, Settlement } from "../../store/ledger.ts";
import type { Going } from "./bystanders.ts";
import type { SqlDatabase, SqlTransaction } from "./database.ts";
import { underLease } from "./lease.ts";
import { literal, qualified, quote } from "./quote.ts";

/** @throws {OutgrowError} FENCED */
export async function settleMove(
  database: SqlDatabase,
  move: Move,
  lease: Lease,
): Promise<Settlement> {
  const layouts = move.collections.map(({ layout }) => layout);
  const dangling = await underLease(database, lease, (sql) => writeLate(sql, move));
  const made: string[] = [];
  const refused: { name: string; sqlState: string }[] = [];
  for (const statement of afterLoadStatements({ schema: move.schema, layouts })) {
    const { kind, name, table = "", sql: text } = statement;
    try {
      const isMade = await underLease(database, lease, async (sql) => {
        if (kind === "foreign-key" && (await hasConstraint(sql, move.schema, table, name)))
          return false;
        await sql.query(text);
        return true;
      });
      if (isMade) made.push(name);
    } catch (error) {
      // What the data does not bear out is told, and is no reason to have the records any less.
      if (!OutgrowError.is(error) || !REFUSED.has(error.sqlState ?? "")) throw error;
      refused.push({ name, sqlState: error.sqlState ?? "" });
    }
  }
  const sequences = await underLease(database, lease, (sql) =>
    raiseSequences(sql, move.schema, layouts),
  );
  return { dangling, made, refused, sequences };
}

/**
 * unique_violation, foreign_key_violation, program_limit_exceeded (a value too long for an index),
 * insufficient_privilege (somebody else's table may be written and not be referred to).
 */
const REFUSED: ReadonlySet<string> = new Set(["23505", "23503", "54000", "42501"]);

async function hasConstraint(
  sql: SqlTransaction,
  schema: string,
  table: string,
  name: string,
): Promise<boolean> {
  const { rows } = await sql.query(
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

/**
 * Writes the cells whose record is there by now. Returns those that still wait: references that dangle. What was
 * written is kept for as long as the record that refers: when what it refers to goes and comes again (a prune, a
 * later dump), that record need not change, and nothing else would say the cell.
 */
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
    ({ of, key: to }) => `exists (select from ${of} r where r.${quote(to)} = l.cell::${cellType})`,
  );
  // A cell that is not NULL was written before, or is the app's own word.
  const waits = `t.${quote(key)} = l.row::${keyType} and t.${quote(column)} is null and ${which}`;
  await sql.query(
    `update ${place} t set ${quote(column)} = l.cell::${cellType} from outgrow.late l
     where ${[waits, ...exists].join(" and ")}`,
  );
  const { rows: left } = await sql.query(
    `select count(*) from outgrow.late l, ${place} t where ${waits}`,
  );
  return Number(left[0]?.[0]);
}

/**
 * Empties cells that can wait for what they refer to, as it is about to go: their foreign key would not let it go,
 * or take along the records that refer to it. They are written when it comes again.
 */
export async function emptyLate(
  sql: SqlTransaction,
  move: Pick<Move, "schema" | "collections">,
  { root, going }: Pick<Going, "root" | "going">,
): Promise<void> {
  for (const { name, columns } of move.collections.flatMap(({ layout }) => layout.tables)) {
    for (const { name: column } of columns.filter(({ late }) => late === true)) {
      const place = qualified(move.schema, name);
      for (const { of, key } of await referredTo(sql, place, column)) {
        if (of !== root.place) continue;
        await sql.query(
          `update ${place} r set ${quote(column)} = null where r.${quote(column)} in
             (select t.${quote(key)} from ${root.from}
              where ${root.scope} and ${root.key} in (select cell from ${going}))`,
        );
      }
    }
  }
}

/** The tables that a column's foreign keys refer to, as they are written in SQL, and which column of theirs. */
async function referredTo(
  sql: SqlTransaction,
  place: string,
  column: string,
): Promise<{ readonly of: string; readonly key: string }[]> {
  const { rows } = await sql.query(
    `select n.nspname, c.relname, b.attname from pg_constraint k
     join pg_class c on c.oid = k.confrelid join pg_namespace n on n.oid = c.relnamespace
     join pg_attribute a on a.attrelid = k.conrelid and a.attnum = k.conkey[1]
     join pg_attribute b on b.attrelid = k.confrelid and b.attnum = k.confkey[1]
     where k.conrelid = $1::regclass and k.contype = 'f' and array_length(k.conkey, 1) = 1 and a.attname = $2`,
    [place, column],
  );
  return rows.map(([schema, table, key]) => ({
    of: qualified(schema as string, table as string),
    key: key as string,
  }));
}

/** Sequences behind the keys of these tables go on behind the highest key that was brought. */
export async function raiseSequences(
  sql: SqlTransaction,
  schema: string,
  layouts: readonly Layout[],
): Promise<string[]> {
  const raised: string[] = [];
  for (const { tables } of layouts) {
    const [{ name, key, bound }] = tables;
    if (!bound || key.codec !== "integer") continue;
    const place = qualified(schema, name);
    const { rows } = await sql.query("select pg_get_serial_sequence($1, $2)", [place, key.name]);
    const sequence = rows[0]?.[0];
    if (sequence === null || sequence === undefined) continue;
    // Never lowered: what it has given away stays given away.
    const { rows: set } = await sql.query(
      `select setval(${literal(sequence)}, highest.value) from
         (select max(${quote(key.name)})::bigint as value from ${place}) highest, ${sequence} counter
       where highest.value > counter.last_value or (highest.value = counter.last_value and not counter.is_called)`,
    );
    if (set.length > 0) raised.push(sequence);
  }
  return raised;
}
