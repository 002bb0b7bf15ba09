/**
 * What was judged becomes of the rows: those of deleted keys and of keys in conflict go, new ones are added, and of
 * changed records every table gets what the record says now.
 *
 * In tables that the move made, a changed record's root row is updated and its child rows are put in anew, which
 * costs least. In tables that somebody else made (bound) rows that stay are updated: see upsert.ts.
 */
import type { Value } from "../../collection/value.ts";
import type { SqlValue } from "../../layout/layout.ts";
import { deleteChildren, fetchFamily } from "./family.ts";
import { literal } from "./quote.ts";
import { rootSql } from "./root-sql.ts";
import { copyInto, expectCount, LATE, lateRows, REST, restRows } from "./sidecar.ts";
import { addRows, insertRows, type RowVerdicts, type Stage, sameKey } from "./stage.ts";
import { columnList } from "./tables.ts";
import { makeRoom } from "./unique-room.ts";
import { stageUpsert, type Upsert, upsertRows } from "./upsert.ts";

/** A record that was in the table, and whose key is in conflict. */
export interface Displaced {
  readonly key: string;
  readonly position: number | undefined;
  readonly value: Value;
}

/** Carries the verdicts out. Returns the records that were taken out of the table and belong in quarantine. */
export async function writeRows(stage: Stage, verdicts: RowVerdicts): Promise<Displaced[]> {
  const { added, replaced } = verdicts;
  const upserts = await stageUpserts(stage, replaced);
  const displaced = await takeOut(stage, verdicts, upserts);
  const tables = stage.write.compiled.layout.tables;
  for (const [index, { bound }] of tables.entries()) {
    if (bound) await fillBound(stage, index, added, upserts.get(index));
    else if (index === 0) await fillRoot(stage, added, replaced);
    else await addRows(stage, index, stage.write.encoded.of(index, [...added, ...replaced]));
  }
  await keepBeside(stage, [...added, ...replaced]);
  return displaced;
}

/** By the table's index: rows of changed records in tables that are not ours. */
async function stageUpserts(
  stage: Stage,
  replaced: readonly number[],
): Promise<ReadonlyMap<number, Upsert>> {
  const { compiled, encoded } = stage.write;
  const upserts = new Map<number, Upsert>();
  for (const [index, { bound }] of compiled.layout.tables.entries()) {
    const rows = bound ? encoded.of(index, replaced) : [];
    if (rows.length > 0) upserts.set(index, await stageUpsert(stage, index, rows));
  }
  return upserts;
}

/**
 * Added rows come before updated ones, which may refer to them; what is unique and will be free is made free for
 * both beforehand.
 */
async function fillBound(
  stage: Stage,
  index: number,
  added: readonly number[],
  upsert: Upsert | undefined,
): Promise<void> {
  const rows = stage.write.encoded.of(index, added);
  if (upsert !== undefined && upsert.count + rows.length > 1) await makeRoom(stage.sql, upsert);
  await addRows(stage, index, rows);
  if (upsert !== undefined) await upsertRows(stage.sql, upsert);
}

async function fillRoot(
  stage: Stage,
  added: readonly number[],
  replaced: readonly number[],
): Promise<void> {
  const { encoded } = stage.write;
  await addRows(stage, 0, encoded.of(0, added));
  if (replaced.length > 0) await replaceRoots(stage, encoded.of(0, replaced));
}

/** An update rather than delete and insert: what refers to the row goes on doing so. */
async function replaceRoots(stage: Stage, rows: readonly SqlValue[][]): Promise<void> {
  const { table } = stage;
  const names = columnList(table);
  const keys = names.slice(0, table.keyWidth).join(", ");
  // A table of nothing but its key has nothing to change: it is set to what it is.
  const changed = names.slice(names.length > table.keyWidth ? table.keyWidth : 0);
  const changes = changed.map((name) => `${name} = excluded.${name}`);
  const update = `on conflict (${keys}) do update set ${changes.join(", ")}`;
  const count = await insertRows(stage, "outgrow_replaced", table, rows, update);
  expectCount(count, rows.length, table.name);
}

/**
 * Takes out the rows of deleted keys and of keys in conflict, and those children of changed records that do not
 * stay; returns the records that belong in quarantine.
 */
async function takeOut(
  stage: Stage,
  { replaced, deleted, conflicting }: RowVerdicts,
  upserts: ReadonlyMap<number, Upsert>,
): Promise<Displaced[]> {
  const gone: string[] = [];
  if (deleted > 0) gone.push("(j.verdict = 'replace' and j.state = 'deleted')");
  if (conflicting > 0) gone.push("j.verdict = 'conflict'");
  const displaced = conflicting > 0 ? await displacedRecords(stage) : [];
  const changed = replaced.length > 0 ? [...gone, "j.verdict = 'replace'"] : gone;
  if (changed.length > 0) await takeBelongings(stage, changed.join(" or "), upserts);
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
async function displacedRecords(stage: Stage): Promise<Displaced[]> {
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

/** Deletes the child rows that do not stay, and the kept rests, of records whose verdict is one of these. */
async function takeBelongings(
  stage: Stage,
  which: string,
  upserts: ReadonlyMap<number, Upsert>,
): Promise<void> {
  const { sql, write, table, staged, judged } = stage;
  const { schema, compiled, tenant } = write;
  const judgedRows = `from ${staged} s join ${judged} j on j.seq = s.seq where j.was = 'present' and (${which})`;
  const key = `s.cell_${table.keyWidth - 1}`;
  await deleteChildren(sql, { schema, compiled, tenant }, `select ${key} ${judgedRows}`, upserts);
  for (const kept of ["outgrow.rest", "outgrow.late"]) {
    await sql.query(
      `delete from ${kept} where collection = ${write.collection} and tenant = ${literal(tenant)}
       and key in (select s.key ${judgedRows})`,
    );
  }
}

/** The rests and waiting cells of records that were written. */
async function keepBeside({ sql, write }: Stage, seqs: readonly number[]): Promise<void> {
  const { encoded, records, collection, tenant } = write;
  await copyInto(sql, "outgrow.rest", REST, restRows(collection, tenant, records, encoded, seqs));
  const late = lateRows(collection, tenant, records, encoded, new Set(seqs));
  await copyInto(sql, "outgrow.late", LATE, late);
}
