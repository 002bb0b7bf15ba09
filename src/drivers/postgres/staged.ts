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

import { failpoint } from "../../failpoint.ts";
import { copyBinary } from "./copy-binary.ts";
import type { SqlTransaction } from "./database.ts";
import { isFew, judgeFew, writeFew } from "./few.ts";
import { judgement, type Loss, SIDECAR_UPSERT, sortVerdicts, type Verdicts } from "./judge.ts";
import { qualified, quote } from "./quote.ts";
import { expectCount, SIDECAR, sidecarRows } from "./sidecar.ts";
import { keyCells, type Stage, type StagedWrite } from "./stage.ts";
import { type Displaced, writeRows } from "./staged-rows.ts";

export interface Judged {
  /** Every record that was not written, by its place in the batch. All others were. */
  readonly lost: ReadonlyMap<number, Loss>;
  /** How many of the others were there just so: `same`. */
  readonly unchanged: number;
  /** How many were not there: `new`, or deleted before. */
  readonly added: number;
  /** Records of the same revision that were taken out of the table because their key is in conflict. */
  readonly displaced: readonly Displaced[];
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
  const isLight = isFew(write);
  if (!isLight) await fill(stage);
  await failpoint("commit.staged");
  if (isLight) {
    const few = await judgeFew(stage);
    if (few !== undefined) {
      await failpoint("commit.judged");
      await writeFew(stage, few);
      return { lost: few.lost, unchanged: few.unchanged, added: few.added.length, displaced: [] };
    }
    await fill(stage);
  }
  const verdicts = await judge(stage);
  await failpoint("commit.judged");
  const displaced = await writeRows(stage, verdicts);
  await writeSidecar(stage, verdicts.known);
  const { lost, unchanged, added } = verdicts;
  return { lost, unchanged, added: added.length, displaced };
}

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

async function judge({ sql, write, table, place, staged, judged }: Stage): Promise<Verdicts> {
  await sql.query(
    `create temporary table ${judged} on commit drop as ${judgement(table, place, staged)}`,
    [String(write.collection), write.tenant],
  );
  const { rows } = await sql.query(`select seq, verdict, was, state from ${judged} order by seq`);
  expectCount(rows.length, write.records.length, "the judged batch");
  return sortVerdicts(rows);
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
     ${SIDECAR_UPSERT}`,
  );
  expectCount(count, known, "outgrow.record");
}
