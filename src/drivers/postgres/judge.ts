/** What becomes of each key of a batch: the judgement of the sidecar, whatever the batch lies in (see staged.ts). */
import type { CompiledTable } from "../../layout/compile.ts";
import type { SqlResult } from "./database.ts";
import { type RowVerdicts, sameKey } from "./stage.ts";

/** Why a record was not written. */
export type Loss = "duplicate" | "stale" | "conflict" | "foreign";

/** Where each record of the batch ended, by its place. */
export interface Verdicts extends RowVerdicts {
  readonly lost: ReadonlyMap<number, Loss>;
  /** Deleted from now on, and present before. */
  readonly gone: readonly number[];
  readonly unchanged: number;
  /** Sidecar rows to write. */
  readonly known: number;
}

/** Behind an insert into outgrow.record. */
export const SIDECAR_UPSERT = `on conflict (collection, tenant, key) do update set revision = excluded.revision,
  digest = excluded.digest, state = excluded.state, position = excluded.position, form = excluded.form`;

/**
 * Looks every key up by its index, one by one: `lateral … limit 1` leaves the planner no other way. It knows
 * little of tables that were filled a moment ago, and its guesses then cost a scan of all of them per batch.
 *
 * @param staged a relation of the batch's keys, called `s`. $1 is the collection's number, $2 the tenant.
 */
export function judgement(table: CompiledTable, place: string, staged: string): string {
  return `select s.seq, s.key, s.state, coalesce(r.state, 'none') as was, r.position,
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
      where ${sameKey(table)} limit 1) t on true`;
}

/** @param rows place, verdict, what was there, and what the record is. */
export function sortVerdicts(rows: SqlResult["rows"]): Verdicts {
  const lost = new Map<number, Loss>();
  const added: number[] = [];
  const replaced: number[] = [];
  const gone: number[] = [];
  const counts = { conflicting: 0, unchanged: 0, known: 0 };
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
      else if (there) gone.push(seq);
    } else {
      lost.set(seq, verdict as Loss);
      if (verdict === "conflict") counts.known++;
      if (verdict === "conflict" && was === "present") counts.conflicting++;
    }
  }
  return { lost, added, replaced, gone, deleted: gone.length, ...counts };
}
