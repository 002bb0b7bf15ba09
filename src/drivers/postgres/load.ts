/**
 * What a load sends: for each table the binary stream of its rows. It is made before the transaction begins, while
 * another batch is stored, and then is all that is held of a batch: neither values nor cells wait in memory.
 */
import { failpoint } from "../../failpoint.ts";
import type { CompiledLayout } from "../../layout/compile.ts";
import type { RecordWrite } from "../../store/driver.ts";
import { type CopyType, type CopyValue, copyBinary, reuse } from "./copy-binary.ts";
import type { SqlTransaction } from "./database.ts";
import type { EncodedRows } from "./encoded-rows.ts";
import { qualified, quote } from "./quote.ts";
import { expectCount, LATE, lateRows, REST, restRows, SIDECAR, sidecarRows } from "./sidecar.ts";
import { columnList } from "./tables.ts";

/** The rows of one table. */
interface Piece {
  readonly name: string;
  readonly place: string;
  readonly columns: readonly string[];
  readonly rows: number;
  readonly chunks: readonly Uint8Array[];
  readonly isApps: boolean;
}

export interface LoadOf {
  readonly schema: string;
  readonly collection: { readonly id: number; readonly compiled: CompiledLayout };
  readonly tenant: string;
  readonly records: readonly RecordWrite[];
  readonly encoded: EncodedRows;
}

export type Load = readonly Piece[];

/** The streams of a batch, in the order in which they are sent: rows first, then what the ledger knows of them. */
export function makeLoad({ schema, collection, tenant, records, encoded }: LoadOf): Load {
  const { id, compiled } = collection;
  const apps = compiled.tables.map((table, index): Piece => {
    const rows = encoded.rows[index] ?? [];
    return {
      name: table.name,
      place: qualified(schema, table.name),
      columns: columnList(table),
      ...stream(
        table.columns.map(({ type }) => type),
        rows,
      ),
      isApps: true,
    };
  });
  const ours = [
    piece("outgrow.rest", REST, restRows(id, tenant, records, encoded)),
    piece("outgrow.late", LATE, lateRows(id, tenant, records, encoded)),
    piece("outgrow.record", SIDECAR, sidecarRows(id, tenant, records)),
  ];
  return [...apps, ...ours].filter(({ rows }) => rows > 0);
}

function piece(
  name: string,
  columns: readonly (readonly [string, CopyType])[],
  rows: readonly (readonly CopyValue[])[],
): Piece {
  const types = columns.map(([, type]) => type);
  const names = columns.map(([column]) => quote(column));
  return { name, place: name, columns: names, ...stream(types, rows), isApps: false };
}

function stream(
  types: readonly CopyType[],
  rows: readonly (readonly CopyValue[])[],
): Pick<Piece, "rows" | "chunks"> {
  return { rows: rows.length, chunks: rows.length === 0 ? [] : copyBinary(types, rows) };
}

/** @throws {OutgrowError} LOST_ROW, and what the tables refuse. */
export async function sendLoad(sql: SqlTransaction, load: Load): Promise<void> {
  for (const { name, place, columns, chunks, rows, isApps } of load) {
    expectCount(await sql.copyIn(place, columns, chunks), rows, name);
    // The server has answered: it has read them to the end.
    reuse(chunks);
    if (isApps) await failpoint("commit.copied");
  }
}
