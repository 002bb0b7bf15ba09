/**
 * What is known of each key beside the app's own row: `outgrow.record`, the sidecar; and `outgrow.rest`, for tables
 * that have no column for the rest, or whose keys are made from the records'.
 */
import { OutgrowError } from "../../errors.ts";
import type { RecordWrite } from "../../store/driver.ts";
import { type CopyType, type CopyValue, copyBinary } from "./copy-binary.ts";
import type { SqlTransaction } from "./database.ts";
import type { EncodedRows } from "./encoded-rows.ts";
import { quote } from "./quote.ts";

// biome-ignore format: name and type of each column of outgrow.record, in the order of sidecarRows
export const SIDECAR: readonly (readonly [string, CopyType])[] = [
  ["collection", "integer"], ["tenant", "text"], ["key", "text"], ["revision", "text"],
  ["digest", "bytea"], ["state", "text"], ["position", "bigint"], ["form", "json"],
];

export function sidecarRows(
  collection: number,
  tenant: string,
  records: readonly RecordWrite[],
): CopyValue[][] {
  return records.map(({ key, revision, digest, state, position, exception }) => [
    collection,
    tenant,
    key,
    revision,
    state === "present" ? digest : null,
    state,
    position ?? null,
    exception === undefined ? null : JSON.stringify(exception),
  ]);
}

// biome-ignore format: name and type of each column of outgrow.rest, in the order of restRows
export const REST: readonly (readonly [string, CopyType])[] = [
  ["collection", "integer"], ["tenant", "text"], ["key", "text"], ["row", "text"], ["rest", "json"],
];

/** What the ledger has to keep of these records' rests and keys. @param seqs all of the batch, by default. */
export function restRows(
  collection: number,
  tenant: string,
  records: readonly RecordWrite[],
  { compiled, rests, rows }: EncodedRows,
  seqs: readonly number[] = [...records.keys()],
): CopyValue[][] {
  if (!compiled.restInLedger) return [];
  const [root] = compiled.layout.tables;
  const keyAt = root.tenantColumn === undefined ? 0 : 1;
  const derived = root.key.codec === "derived-uuid";
  return seqs.flatMap((seq) => {
    const rest = rests[seq] ?? null;
    if (rest === null && !derived) return [];
    const row = String(rows[0]?.[seq]?.[keyAt]);
    return [[collection, tenant, records[seq]?.key ?? "", row, rest]];
  });
}

// biome-ignore format: name and type of each column of outgrow.late, in the order of lateRows
export const LATE: readonly (readonly [string, CopyType])[] = [
  ["collection", "integer"], ["tenant", "text"], ["key", "text"], ["table_name", "text"], ["row", "text"],
  ["column_name", "text"], ["cell", "text"],
];

/** Cells of these records that wait for what they refer to. */
export function lateRows(
  collection: number,
  tenant: string,
  records: readonly RecordWrite[],
  { compiled, late }: EncodedRows,
  seqs?: ReadonlySet<number>,
): CopyValue[][] {
  return late
    .filter(({ seq }) => seqs === undefined || seqs.has(seq))
    .map(({ seq, cell: { table, row, column, cell } }) => {
      const key = records[seq]?.key ?? "";
      return [collection, tenant, key, compiled.tables[table]?.name ?? "", row, column, cell];
    });
}

/** Copies rows into a table of ours. */
export async function copyInto(
  sql: SqlTransaction,
  table: string,
  columns: readonly (readonly [string, CopyType])[],
  rows: readonly (readonly CopyValue[])[],
): Promise<void> {
  if (rows.length === 0) return;
  const stored = await sql.copyIn(
    table,
    columns.map(([name]) => quote(name)),
    copyBinary(
      columns.map(([, type]) => type),
      rows,
    ),
  );
  expectCount(stored, rows.length, table);
}

/**
 * Every write asserts its row count: Postgres may drop a row without an error (a rule, a trigger, row security,
 * an embedded engine's limits), and that must never look like success.
 *
 * @throws {OutgrowError} LOST_ROW
 */
export function expectCount(stored: number, given: number, table: string): void {
  if (stored !== given) {
    throw new OutgrowError("LOST_ROW", { detail: `${stored} of ${given} rows of ${table}` });
  }
}
