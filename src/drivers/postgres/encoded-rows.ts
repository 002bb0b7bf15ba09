/** A batch's records as rows of all their tables, and which rows are whose. */
import type { CompiledLayout, Encodable } from "../../layout/compile.ts";
import type { LateCell, Spill } from "../../layout/encode-row.ts";
import type { SqlValue } from "../../layout/layout.ts";

export class EncodedRows {
  readonly compiled: CompiledLayout;
  /** By table; one row per record in the first. */
  readonly rows: SqlValue[][][];
  /** What lies in the ledger's table of rests, by record. */
  readonly rests: (string | null)[] = [];
  /** Cells that wait for what they refer to, with the place of their record. */
  readonly late: { readonly seq: number; readonly cell: LateCell }[] = [];
  readonly #tenant: string;
  /** How many rows each table had behind each record. */
  readonly #ends: number[][];

  constructor(compiled: CompiledLayout, tenant: string) {
    this.compiled = compiled;
    this.#tenant = tenant;
    this.rows = compiled.tables.map(() => []);
    this.#ends = compiled.tables.map(() => []);
  }

  add(key: string, record: Encodable, spill: Spill): void {
    const seq = this.rests.length;
    const late = (cell: LateCell): void => void this.late.push({ seq, cell });
    const told = { spill, late };
    this.rests.push(this.compiled.encode(key, record, this.#tenant, this.rows, told));
    for (let table = 1; table < this.rows.length; table++) {
      this.#ends[table]?.push(this.rows[table]?.length ?? 0);
    }
  }

  /** The rows of one table that belong to these records. */
  of(table: number, seqs: readonly number[]): SqlValue[][] {
    const rows = this.rows[table] ?? [];
    if (table === 0) return seqs.map((seq) => rows[seq] as SqlValue[]);
    const ends = this.#ends[table] ?? [];
    return seqs.flatMap((seq) => rows.slice(seq === 0 ? 0 : ends[seq - 1], ends[seq]));
  }
}
