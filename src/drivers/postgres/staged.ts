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
import type { SqlResult, SqlTransaction } from "./database.ts";
import { qualified, quote } from "./quote.ts";
import { expectCount, SIDECAR, sidecarRows } from "./sidecar.ts";
import { keyCells, type RowVerdicts, type Stage, type StagedWrite, sameKey } from "./stage.ts";
import { type Displaced, writeRows } from "./staged-rows.ts";

/** Why a record was not written. */
export type Loss = "duplicate" | "stale" | "conflict" | "foreign";

export interface Judged {
  /** Every record that was not written, by its place in the batch. All others were. */
  readonly lost: ReadonlyMap<number, Loss>;
  /** How many of the others were there just so: `same`. */
  readonly unchanged: number;
  /** Records of the same revision that were taken out of the table because their key is in conflict. */
  readonly displaced: readonly Displaced[];
}

/** Where each record of the batch ended, by its place. */
interface Verdicts extends RowVerdicts {
  readonly lost: ReadonlyMap<number, Loss>;
  readonly unchanged: number;
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
  const displaced = await writeRows(stage, verdicts);
  await writeSidecar(stage, verdicts.known);
  return { lost: verdicts.lost, unchanged: verdicts.unchanged, displaced };
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
  const counts = { deleted: 0, conflicting: 0, unchanged: 0, known: 0 };
  for (const [number, verdict, was, state] of rows) {
    const seq = Number(number);
    if (verdict === "new" || verdict === "replace" || verdict === "same") {
      counts.known++;
      if (verdict === "same") {
        counts.unchanged++;
        continue;
      }
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
