/**
 * Rows of changed records in tables that somebody else made. Other code keeps columns of its own in these rows, and
 * has rows of its own that refer to them: deleting a row to insert it again would empty the ones and take the others
 * along.
 *
 * 1. A row that the record has already is updated: our columns only, and only where something differs.
 * 2. Rows that it has not are inserted; those that it has no longer were deleted before (deleteChildren).
 * 3. Which row is which: in the root table by the record's key; in a child table by its own key and its parent;
 *    without one by its parent and place; where the database numbers the rows and nothing says their places, by
 *    their order. A row with the own key of one of ours below another parent is somebody else's by now: it is not
 *    taken back, and the record is refused by its primary key.
 */
import type { CompiledTable } from "../../layout/compile.ts";
import type { SqlValue } from "../../layout/layout.ts";
import { copyBinary } from "./copy-binary.ts";
import type { SqlTransaction } from "./database.ts";
import { qualified, quote } from "./quote.ts";
import { expectCount } from "./sidecar.ts";
import type { Stage } from "./stage.ts";
import { columnList } from "./tables.ts";

/** One table's rows of changed records, staged. Names are SQL. */
export interface Upsert {
  readonly table: CompiledTable;
  readonly place: string;
  /** Temporary: the rows. */
  readonly staged: string;
  readonly count: number;
  /** Columns that are the same in a staged row and in the row that it is for. */
  readonly found: readonly string[];
  /** Columns that are written. */
  readonly changes: readonly string[];
}

/** What a staged row `s` has in common with its row `t`. */
export const isFound = ({ found }: Pick<Upsert, "found">): string =>
  found.map((column) => `t.${column} = s.${column}`).join(" and ");

/** Whether `t` and `s` differ in these columns: byte for byte, as equal numbers or texts may be written unlike. */
export const differs = (columns: readonly string[]): string => {
  const row = (alias: string): string =>
    `row(${columns.map((column) => `${alias}.${column}`).join(", ")})::record`;
  return columns.length === 0 ? "false" : `${row("t")} *<> ${row("s")}`;
};

/** Copies rows beside the table that they are for. @param index of that table. */
export async function stageUpsert(
  { sql, write }: Stage,
  index: number,
  rows: readonly SqlValue[][],
): Promise<Upsert> {
  const table = write.compiled.tables[index] as CompiledTable;
  const place = qualified(write.schema, table.name);
  const columns = columnList(table);
  const keys = columns.slice(0, table.keyWidth);
  const counted = table.counted === undefined ? undefined : quote(table.counted);
  const anchor = table.anchor === undefined ? [] : [quote(table.anchor.column)];
  const found = counted === undefined ? [...new Set([...keys, ...anchor])] : [counted];
  const upsert: Upsert = {
    table,
    place,
    staged: `outgrow_upsert_${write.collection}_${index}`,
    count: rows.length,
    found,
    changes: columns.slice(table.keyWidth).filter((column) => !found.includes(column)),
  };
  const more = counted === undefined ? "" : `, ${counted}`;
  await sql.query(
    `create temporary table ${upsert.staged} on commit drop as
     select 0::bigint as outgrow_rank, ${columns.join(", ")}${more} from ${place} limit 0`,
  );
  const types = table.columns.map(({ type }) => type);
  const stored = await sql.copyIn(
    upsert.staged,
    ["outgrow_rank", ...columns],
    copyBinary(["bigint", ...types], ranked(table, rows)),
  );
  expectCount(stored, rows.length, "the staged rows");
  if (counted !== undefined) await pair(sql, upsert, keys, counted);
  return upsert;
}

/** Each row behind its place among those with the same first columns, from 1. */
function ranked({ keyWidth }: CompiledTable, rows: readonly SqlValue[][]): SqlValue[][] {
  const seen = new Map<string, number>();
  return rows.map((row) => {
    const key = JSON.stringify(row.slice(0, keyWidth));
    const rank = (seen.get(key) ?? 0) + 1;
    seen.set(key, rank);
    return [rank, ...row];
  });
}

/** Gives staged rows the numbers of the rows that they are for: the first to the first, the second to the second. */
async function pair(
  sql: SqlTransaction,
  { place, staged }: Upsert,
  keys: readonly string[],
  counted: string,
): Promise<void> {
  const list = keys.join(", ");
  await sql.query(
    `update ${staged} s set ${counted} = t.${counted} from
       (select ${list}, ${counted}, row_number() over (partition by ${list} order by ${counted}) as outgrow_rank
        from ${place} where (${list}) in (select ${list} from ${staged})) t
     where ${isFound({ found: [...keys, "outgrow_rank"] })}`,
  );
}

/**
 * Updates and inserts. Everything in one statement, of one view of the table; updates are through before the first
 * insert, so that what they leave free can be taken.
 */
export async function upsertRows(sql: SqlTransaction, upsert: Upsert): Promise<void> {
  const { table, place, staged, found, changes } = upsert;
  const columns = columnList(table).join(", ");
  const set = changes.map((column) => `${column} = s.${column}`).join(", ");
  const updated =
    changes.length === 0
      ? "select where false"
      : `update ${place} t set ${set} from fated s where s.outgrow_fate = 'changed' and ${isFound(upsert)} returning 1`;
  const { rows } = await sql.query(
    `with fated as materialized (
       select s.*, case when t.${found[0]} is null then 'new' when ${differs(changes)} then 'changed' else 'same' end
         as outgrow_fate
       from ${staged} s left join ${place} t on ${isFound(upsert)}
     ), updated as (${updated}), added as (
       insert into ${place} (${columns}) overriding system value
       select ${columns} from fated
       where outgrow_fate = 'new' and (select count(*) from updated) is not null order by outgrow_rank returning 1
     )
     select (select count(*) from fated where outgrow_fate <> 'same'),
       (select count(*) from updated) + (select count(*) from added)`,
  );
  const [wanted, done] = (rows[0] ?? []).map(Number) as [number, number];
  expectCount(done, wanted, table.name);
}
