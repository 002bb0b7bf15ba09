/** What the parts of the staged path share: the batch as it is staged, what was judged, and ways to write rows. */
import type { CompiledLayout, CompiledTable } from "../../layout/compile.ts";
import type { SqlValue } from "../../layout/layout.ts";
import type { RecordWrite } from "../../store/driver.ts";
import { copyBinary } from "./copy-binary.ts";
import type { SqlTransaction } from "./database.ts";
import type { EncodedRows } from "./encoded-rows.ts";
import { qualified } from "./quote.ts";
import { expectCount } from "./sidecar.ts";
import { columnList } from "./tables.ts";

export interface StagedWrite {
  readonly schema: string;
  readonly collection: number;
  readonly tenant: string;
  readonly compiled: CompiledLayout;
  /** Row security applies to whoever writes: COPY is refused, rows are inserted from a temporary table. */
  readonly secured: boolean;
  readonly records: readonly RecordWrite[];
  readonly encoded: EncodedRows;
}

/** A staged batch: its names in SQL. */
export interface Stage {
  readonly sql: SqlTransaction;
  readonly write: StagedWrite;
  /** The app's root table. */
  readonly table: CompiledTable;
  readonly place: string;
  /** Temporary: what the sidecar would say, with the key's own cells; and the verdicts. */
  readonly staged: string;
  readonly judged: string;
}

/** What to do with the records that were not lost, by their place in the batch. */
export interface RowVerdicts {
  /** Rows to add, and rows to put in the place of what the key has now. */
  readonly added: readonly number[];
  readonly replaced: readonly number[];
  /** Keys that were present and are deleted, or in conflict, from now on. */
  readonly deleted: number;
  readonly conflicting: number;
}

/** The key's columns in the app's table, each with the name of its cell in the staged batch. */
export function keyCells(table: CompiledTable): (readonly [column: string, cell: string])[] {
  return columnList(table)
    .slice(0, table.keyWidth)
    .map((column, index) => [column, `cell_${index}`] as const);
}

/** `t` is the app's table, `s` the staged batch. */
export const sameKey = (table: CompiledTable): string =>
  keyCells(table)
    .map(([column, cell]) => `t.${column} = s.${cell}`)
    .join(" and ");

export function copyRows(
  { sql }: Pick<Stage, "sql">,
  into: string,
  table: CompiledTable,
  rows: readonly SqlValue[][],
): Promise<number> {
  const types = table.columns.map(({ type }) => type);
  return sql.copyIn(into, columnList(table), copyBinary(types, rows));
}

/** @param name of the temporary table that the rows pass through, without the collection's number. */
export async function insertRows(
  stage: Stage,
  name: string,
  table: CompiledTable,
  rows: readonly SqlValue[][],
  onConflict = "",
): Promise<number> {
  const { sql, write } = stage;
  const place = qualified(write.schema, table.name);
  const columns = columnList(table).join(", ");
  const temporary = `${name}_${write.collection}`;
  await sql.query(
    `create temporary table ${temporary} on commit drop as select ${columns} from ${place} limit 0`,
  );
  expectCount(await copyRows(stage, temporary, table, rows), rows.length, "the staged rows");
  // A key that the database would count itself is the record's all the same.
  const { count } = await sql.query(
    `insert into ${place} (${columns}) overriding system value select ${columns} from ${temporary} ${onConflict}`,
  );
  return count;
}

/** Adds rows of which none is there. A row that appeared since the judgement is somebody's: it is not overwritten. */
export async function addRows(
  stage: Stage,
  index: number,
  rows: readonly SqlValue[][],
): Promise<void> {
  const { write } = stage;
  const table = write.compiled.tables[index];
  if (table === undefined || rows.length === 0) return;
  const count = write.secured
    ? await insertRows(stage, `outgrow_added_${index}`, table, rows)
    : await copyRows(stage, qualified(write.schema, table.name), table, rows);
  expectCount(count, rows.length, table.name);
}
