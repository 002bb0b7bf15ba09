/**
 * A few records, as an app writes them, in as few round trips as they need: judged and written by statements that
 * hold them, without temporary tables. What is judged and what is written are the same as on the staged path, which
 * takes all that is not as plain as this: child tables, bound tables, keys in conflict.
 */

import { sqlTime } from "../../layout/codec-time.ts";
import type { CompiledTable } from "../../layout/compile.ts";
import type { SqlType, SqlValue } from "../../layout/layout.ts";
import type { CopyType } from "./copy-binary.ts";
import type { SqlParameter, SqlTransaction } from "./database.ts";
import { judgement, SIDECAR_UPSERT, sortVerdicts, type Verdicts } from "./judge.ts";
import { quote, textArray } from "./quote.ts";
import { expectCount, SIDECAR, sidecarRows } from "./sidecar.ts";
import { keyCells, type Stage, type StagedWrite } from "./stage.ts";
import { columnList } from "./tables.ts";

/** A statement that holds more is longer than what it saves. */
const FEW = 16;

/** Years that Postgres and JavaScript spell alike. */
const FIRST_MS = Date.UTC(1000, 0, 1);
const LAST_MS = Date.UTC(9999, 11, 31);

/** Whether a batch may be written so, as far as that is known before it is judged. */
export function isFew({
  compiled,
  records,
  encoded,
}: Pick<StagedWrite, "compiled" | "records" | "encoded">): boolean {
  const [root, ...children] = compiled.layout.tables;
  return (
    records.length <= FEW &&
    children.length === 0 &&
    !root.bound &&
    !compiled.restInLedger &&
    root.columns.every(({ late }) => late === undefined) &&
    records.every(({ state }) => state !== "conflict") &&
    encoded.rows[0]?.every((row) => row.every(isPlain)) === true
  );
}

function isPlain(cell: SqlValue): boolean {
  if (cell instanceof Uint8Array) return false;
  return typeof cell !== "number" || (cell > FIRST_MS && cell < LAST_MS);
}

/** @returns `undefined` when a key is in conflict: nothing has been written then. */
export async function judgeFew({ sql, write, table, place }: Stage): Promise<Verdicts | undefined> {
  const { collection, tenant, records, encoded } = write;
  const keys = keyCells(table);
  const types = table.columns.slice(0, keys.length).map(({ type }) => type);
  const rows = sidecarRows(collection, tenant, records).map((row, seq) => [
    ...[seq, ...row],
    ...(encoded.rows[0]?.[seq] ?? []).slice(0, keys.length),
  ]);
  const names = ["seq", ...SIDECAR.map(([name]) => quote(name)), ...keys.map(([, cell]) => cell)];
  const staged = new Values(["integer", ...SIDECAR.map(([, type]) => type), ...types], 2);
  const list = `(select * from (values ${staged.of(rows)}) as v (${names.join(", ")}))`;
  const { rows: judged } = await sql.query(
    `select seq, verdict, was, state from (${judgement(table, place, list)}) j order by seq`,
    [String(collection), tenant, ...staged.parameters],
  );
  expectCount(judged.length, records.length, "the judged batch");
  const verdicts = sortVerdicts(judged);
  return [...verdicts.lost.values()].includes("conflict") ? undefined : verdicts;
}

export async function writeFew(stage: Stage, verdicts: Verdicts): Promise<void> {
  const { sql, write, table, place } = stage;
  const { added, replaced, gone, lost } = verdicts;
  const columns = columnList(table);
  const keys = columns.slice(0, table.keyWidth);
  if (gone.length > 0) {
    const values = new Values(typesOf(table).slice(0, keys.length));
    const rows = write.encoded.of(0, gone).map((row) => row.slice(0, keys.length));
    const text = `delete from ${place} where (${keys.join(", ")}) in (values ${values.of(rows)})`;
    expectCount((await sql.query(text, values.parameters)).count, gone.length, table.name);
  }
  // A row that appeared since the judgement is somebody's: it is not overwritten.
  await insert(sql, place, table, write.encoded.of(0, added));
  // A table of nothing but its key has nothing to change: it is set to what it is.
  const changed = columns.slice(columns.length > keys.length ? keys.length : 0);
  const changes = changed.map((name) => `${name} = excluded.${name}`).join(", ");
  const update = `on conflict (${keys.join(", ")}) do update set ${changes}`;
  await insert(sql, place, table, write.encoded.of(0, replaced), update);
  const known = write.records.filter((_, seq) => !lost.has(seq));
  if (known.length === 0) return;
  const values = new Values(SIDECAR.map(([, type]) => type));
  const { count } = await sql.query(
    `insert into outgrow.record (${SIDECAR.map(([name]) => quote(name)).join(", ")})
     values ${values.of(sidecarRows(write.collection, write.tenant, known))} ${SIDECAR_UPSERT}`,
    values.parameters,
  );
  expectCount(count, known.length, "outgrow.record");
}

const typesOf = (table: CompiledTable): readonly SqlType[] => table.columns.map(({ type }) => type);

async function insert(
  sql: SqlTransaction,
  place: string,
  table: CompiledTable,
  rows: readonly SqlValue[][],
  onConflict = "",
): Promise<void> {
  if (rows.length === 0) return;
  const values = new Values(typesOf(table));
  // A key that the database would count itself is the record's all the same.
  const { count } = await sql.query(
    `insert into ${place} (${columnList(table).join(", ")}) overriding system value
     values ${values.of(rows)} ${onConflict}`,
    values.parameters,
  );
  expectCount(count, rows.length, table.name);
}

/** Rows as parameters of a statement. */
class Values {
  readonly parameters: SqlParameter[] = [];
  readonly #types: readonly CopyType[];
  readonly #before: number;

  /** @param before how many parameters the statement has in front of these. */
  constructor(types: readonly CopyType[], before = 0) {
    this.#types = types;
    this.#before = before;
  }

  of(rows: readonly (readonly SqlValue[])[]): string {
    const one = (row: readonly SqlValue[]): string =>
      this.#types
        .map((type, index) => {
          this.parameters.push(parameterOf(row[index] ?? null, type));
          return `$${this.#before + this.parameters.length}::${type}`;
        })
        .join(", ");
    return rows.map((row) => `(${one(row)})`).join(", ");
  }
}

/** A cell in the input syntax of its type. */
function parameterOf(cell: SqlValue, type: CopyType): SqlParameter {
  if (cell === null || typeof cell === "string" || cell instanceof Uint8Array) return cell;
  if (typeof cell === "boolean") return cell ? "t" : "f";
  if (typeof cell !== "number") return textArray(cell);
  if (type === "timestamptz" || type === "timestamp" || type === "date") return sqlTime(cell, type);
  return Object.is(cell, -0) ? "-0" : String(cell);
}
