/**
 * The staged path: rows wait in temporary tables while the sidecar judges their keys.
 *
 *   new        the key is unknown: written
 *   replace    a lower revision with other content: replaced
 *   same       a lower revision with the same content: the sidecar takes the revision, the row stays
 *   duplicate  the same revision and content: nothing to do
 *   stale      a higher revision is there: nothing to do
 *   conflict   the same revision with other content: neither stays; both go to quarantine
 *   foreign    a row of this key that the sidecar does not call present: it stays, ours goes to quarantine
 */

import type { Value } from "../../collection/value.ts";
import { failpoint } from "../../failpoint.ts";
import type { CompiledLayout, CompiledTable } from "../../layout/compile.ts";
import type { SqlValue } from "../../layout/layout.ts";
import type { RecordWrite } from "../../store/driver.ts";
import { copyBinary } from "./copy-binary.ts";
import type { SqlResult, SqlTransaction } from "./database.ts";
import type { EncodedRows } from "./encoded-rows.ts";
import { deleteChildren, fetchFamily } from "./family.ts";
import { literal, qualified, quote } from "./quote.ts";
import { rootSql } from "./root-sql.ts";
import {
  copyInto,
  expectCount,
  LATE,
  lateRows,
  REST,
  restRows,
  SIDECAR,
  sidecarRows,
} from "./sidecar.ts";
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

/** Why a record was not written. */
export type Loss = "duplicate" | "stale" | "conflict" | "foreign";

export interface Judged {
  /** Every record that was not written, by its place in the batch. All others were. */
  readonly lost: ReadonlyMap<number, Loss>;
  /** Rows of the same revision that were taken out of the table because their key is in conflict. */
  readonly displaced: readonly {
    readonly key: string;
    readonly position: number | undefined;
    readonly value: Value;
  }[];
}

/** A staged batch: its names in SQL. */
interface Stage {
  readonly sql: SqlTransaction;
  readonly write: StagedWrite;
  /** The app's root table. */
  readonly table: CompiledTable;
  readonly place: string;
  /** Temporary: what the sidecar would say, with the key's own cells; and the verdicts. */
  readonly staged: string;
  readonly judged: string;
}

/** Where each record of the batch ended, by its place. */
interface Verdicts {
  readonly lost: ReadonlyMap<number, Loss>;
  /** Rows to add, and rows to put in the place of what the key has now. */
  readonly added: readonly number[];
  readonly replaced: readonly number[];
  /** Keys that were present and are deleted, or in conflict, from now on. */
  readonly deleted: number;
  readonly conflicting: number;
  /** Sidecar rows to write. */
  readonly known: number;
}

export async function writeStaged(sql: SqlTransaction, write: StagedWrite): Promise<Judged> {
  const [table] = write.compiled.tables;
  if (table === undefined) throw new TypeError("A layout has a table.");
  const stage: Stage = {
    sql,
    write,
    table,
    place: qualified(write.schema, table.name),
    staged: `outgrow_staged_${write.collection}`,
    judged: `outgrow_judged_${write.collection}`,
  };
  await fill(stage);
  await failpoint("commit.staged");
  const verdicts = await judge(stage);
  await failpoint("commit.judged");
  const displaced = await takeOut(stage, verdicts);
  await addRows(stage, verdicts.added);
  await replaceRows(stage, verdicts.replaced);
  await addBelongings(stage, [...verdicts.added, ...verdicts.replaced]);
  await writeSidecar(stage, verdicts.known);
  return { lost: verdicts.lost, displaced };
}

/** The key's columns in the app's table, each with the name of its cell in the staged batch. */
function keyCells(table: CompiledTable): (readonly [column: string, cell: string])[] {
  return columnList(table)
    .slice(0, table.keyWidth)
    .map((column, index) => [column, `cell_${index}`] as const);
}

/** `t` is the app's table, `s` the staged batch. */
const sameKey = (table: CompiledTable): string =>
  keyCells(table)
    .map(([column, cell]) => `t.${column} = s.${cell}`)
    .join(" and ");

async function fill({ sql, write, table, place, staged }: Stage): Promise<void> {
  const { records } = write;
  const cells = keyCells(table);
  // The key's columns with the app's types and collations, whatever they are by now.
  const columns = cells.map(([column, cell]) => `t.${column} as ${cell}`);
  await sql.query(
    `create temporary table ${staged} on commit drop as
     select 0 as seq, r.*, ${columns.join(", ")} from outgrow.record r, ${place} t limit 0`,
  );
  const keyTypes = table.columns.slice(0, table.keyWidth).map(({ type }) => type);
  const sidecar = sidecarRows(write.collection, write.tenant, records);
  const stored = await sql.copyIn(
    staged,
    ["seq", ...SIDECAR.map(([name]) => quote(name)), ...cells.map(([, cell]) => cell)],
    copyBinary(
      ["integer", ...SIDECAR.map(([, type]) => type), ...keyTypes],
      sidecar.map((row, seq) => [
        seq,
        ...row,
        ...(write.encoded.rows[0]?.[seq] ?? []).slice(0, table.keyWidth),
      ]),
    ),
  );
  expectCount(stored, records.length, "the staged batch");
}

/**
 * Looks every key up by its index, one by one: `lateral … limit 1` leaves the planner no other way. It knows
 * little of tables that were filled a moment ago, and its guesses then cost a scan of all of them per batch.
 */
async function judge({ sql, write, table, place, staged, judged }: Stage): Promise<Verdicts> {
  await sql.query(
    `create temporary table ${judged} on commit drop as
     select s.seq, s.key, s.state, coalesce(r.state, 'none') as was, r.position,
       r.revision is not distinct from s.revision as same_revision,
       case
         when r.key is null or r.revision < s.revision then case
           when s.state = 'conflict' then 'conflict'
           when s.state = 'present' and t.found and r.state is distinct from 'present' then 'foreign'
           when r.key is null then 'new'
           when r.state = s.state and r.digest is not distinct from s.digest
             and (t.found or s.state = 'deleted') then 'same'
           else 'replace' end
         when r.revision > s.revision then 'stale'
         when s.state = 'conflict' then 'conflict'
         when r.state = s.state and r.digest is not distinct from s.digest then 'duplicate'
         else 'conflict'
       end as verdict
     from ${staged} s
     left join lateral (select * from outgrow.record o
       where o.collection = $1 and o.tenant = $2 and o.key = s.key limit 1) r on true
     left join lateral (select true as found from ${place} t
       where ${sameKey(table)} limit 1) t on true`,
    [String(write.collection), write.tenant],
  );
  const { rows } = await sql.query(`select seq, verdict, was, state from ${judged} order by seq`);
  expectCount(rows.length, write.records.length, "the judged batch");
  return sorted(rows);
}

function sorted(rows: SqlResult["rows"]): Verdicts {
  const lost = new Map<number, Loss>();
  const added: number[] = [];
  const replaced: number[] = [];
  const counts = { deleted: 0, conflicting: 0, known: 0 };
  for (const [number, verdict, was, state] of rows) {
    const seq = Number(number);
    if (verdict === "new" || verdict === "replace" || verdict === "same") {
      counts.known++;
      if (verdict === "same") continue;
      const there = was === "present";
      if (state === "present") (there ? replaced : added).push(seq);
      else if (there) counts.deleted++;
    } else {
      lost.set(seq, verdict as Loss);
      if (verdict === "conflict") counts.known++;
      if (verdict === "conflict" && was === "present") counts.conflicting++;
    }
  }
  return { lost, added, replaced, ...counts };
}

/**
 * Takes out the rows of deleted keys and of keys in conflict, and the children of all that are replaced; returns
 * the records that belong in quarantine.
 */
async function takeOut(stage: Stage, verdicts: Verdicts): Promise<Judged["displaced"]> {
  const gone: string[] = [];
  if (verdicts.deleted > 0) gone.push("(j.verdict = 'replace' and j.state = 'deleted')");
  if (verdicts.conflicting > 0) gone.push("j.verdict = 'conflict'");
  const displaced = verdicts.conflicting > 0 ? await displacedRecords(stage) : [];
  const changed = verdicts.replaced.length > 0 ? [...gone, "j.verdict = 'replace'"] : gone;
  if (changed.length > 0) await takeBelongings(stage, changed.join(" or "));
  if (gone.length > 0) {
    const { sql, table, place, staged, judged } = stage;
    await sql.query(
      `delete from ${place} t using ${staged} s, ${judged} j
       where s.seq = j.seq and ${sameKey(table)} and j.was = 'present' and (${gone.join(" or ")})`,
    );
  }
  return displaced;
}

/** What the tables hold of keys that are in conflict, of this very revision. */
async function displacedRecords(stage: Stage): Promise<Judged["displaced"]> {
  const { sql, write, table, staged, judged } = stage;
  const { schema, compiled, tenant } = write;
  const root = rootSql(schema, compiled, { id: write.collection, tenant });
  const { rows } = await sql.query(
    `select j.key, j.position, ${root.cells} from ${staged} s join ${judged} j on j.seq = s.seq, ${root.from}
     where ${sameKey(table)} and j.was = 'present' and j.verdict = 'conflict' and j.same_revision`,
  );
  const before = 2 + (compiled.restInLedger ? 2 : 0);
  const cells = rows.map((row) => row.slice(before));
  const family = await fetchFamily(sql, { schema, compiled, tenant }, cells);
  return rows.map(([key, position, ...row]) => ({
    key: key as string,
    position: position === null || position === undefined ? undefined : Number(position),
    value: compiled.decode(root.stored(row, family)).value,
  }));
}

/** Deletes the child rows and the kept rests of records whose verdict is one of these. */
async function takeBelongings(stage: Stage, which: string): Promise<void> {
  const { sql, write, table, staged, judged } = stage;
  const { schema, compiled, tenant } = write;
  const judgedRows = `from ${staged} s join ${judged} j on j.seq = s.seq where j.was = 'present' and (${which})`;
  const key = `s.cell_${table.keyWidth - 1}`;
  await deleteChildren(sql, { schema, compiled, tenant }, `select ${key} ${judgedRows}`);
  for (const kept of ["outgrow.rest", "outgrow.late"]) {
    await sql.query(
      `delete from ${kept} where collection = ${write.collection} and tenant = ${literal(tenant)}
       and key in (select s.key ${judgedRows})`,
    );
  }
}

/** The child rows and kept rests of records that were written. */
async function addBelongings(stage: Stage, seqs: readonly number[]): Promise<void> {
  const { sql, write } = stage;
  const { compiled, encoded, records, collection, tenant } = write;
  for (const [index, table] of compiled.tables.entries()) {
    if (index === 0) continue;
    const rows = encoded.of(index, seqs);
    if (rows.length === 0) continue;
    const place = qualified(write.schema, table.name);
    const count = write.secured
      ? await insertRows(stage, `outgrow_children_${index}`, table, rows, "")
      : await copyRows(stage, place, table, rows);
    expectCount(count, rows.length, table.name);
  }
  await copyInto(sql, "outgrow.rest", REST, restRows(collection, tenant, records, encoded, seqs));
  const late = lateRows(collection, tenant, records, encoded, new Set(seqs));
  await copyInto(sql, "outgrow.late", LATE, late);
}

/** Without `on conflict`: a row that appeared since the judgement is somebody's, and is not overwritten. */
async function addRows(stage: Stage, seqs: readonly number[]): Promise<void> {
  if (seqs.length === 0) return;
  const { write, table, place } = stage;
  const rows = write.encoded.of(0, seqs);
  const count = write.secured
    ? await insertRows(stage, "outgrow_added", table, rows, "")
    : await copyRows(stage, place, table, rows);
  expectCount(count, seqs.length, table.name);
}

/** An update rather than delete and insert: what refers to the row goes on doing so. */
async function replaceRows(stage: Stage, seqs: readonly number[]): Promise<void> {
  if (seqs.length === 0) return;
  const { table, write } = stage;
  const names = columnList(table);
  const keys = names.slice(0, table.keyWidth).join(", ");
  // A table of nothing but its key has nothing to change: it is set to what it is.
  const changed = names.slice(names.length > table.keyWidth ? table.keyWidth : 0);
  const changes = changed.map((name) => `${name} = excluded.${name}`);
  const update = `on conflict (${keys}) do update set ${changes.join(", ")}`;
  const rows = write.encoded.of(0, seqs);
  const count = await insertRows(stage, "outgrow_replaced", table, rows, update);
  expectCount(count, seqs.length, table.name);
}

function copyRows(
  { sql }: Stage,
  into: string,
  table: CompiledTable,
  rows: readonly SqlValue[][],
): Promise<number> {
  const types = table.columns.map(({ type }) => type);
  return sql.copyIn(into, columnList(table), copyBinary(types, rows));
}

async function insertRows(
  stage: Stage,
  name: string,
  table: CompiledTable,
  rows: readonly SqlValue[][],
  onConflict: string,
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

async function writeSidecar({ sql, staged, judged }: Stage, known: number): Promise<void> {
  if (known === 0) return;
  const { count } = await sql.query(
    `insert into outgrow.record as r (collection, tenant, key, revision, digest, state, position, form)
     select s.collection, s.tenant, s.key, s.revision,
       case when j.verdict = 'conflict' then null else s.digest end,
       case when j.verdict = 'conflict' then 'conflict' else s.state end, s.position, s.form
     from ${staged} s join ${judged} j on j.seq = s.seq
     where j.verdict in ('new', 'replace', 'same', 'conflict')
     on conflict (collection, tenant, key) do update set revision = excluded.revision,
       digest = excluded.digest, state = excluded.state, position = excluded.position, form = excluded.form`,
  );
  expectCount(count, known, "outgrow.record");
}
