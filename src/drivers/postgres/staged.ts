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
import type { CompiledTable } from "../../layout/compile.ts";
import type { SqlValue } from "../../layout/layout.ts";
import type { RecordWrite } from "../../store/driver.ts";
import { copyBinary } from "./copy-binary.ts";
import type { SqlTransaction } from "./database.ts";
import { qualified, quote } from "./quote.ts";
import { expectCount, SIDECAR, sidecarRows } from "./sidecar.ts";
import { columnList, keysEqual } from "./tables.ts";

export interface StagedWrite {
  readonly schema: string;
  readonly collection: number;
  readonly tenant: string;
  readonly table: CompiledTable;
  readonly records: readonly RecordWrite[];
  /** One row of the table per record. */
  readonly rows: readonly SqlValue[][];
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
    readonly cells: readonly (string | null)[];
  }[];
}

/** A staged batch: its names in SQL. */
interface Stage {
  readonly sql: SqlTransaction;
  readonly write: StagedWrite;
  /** The app's table. */
  readonly place: string;
  /** The temporary tables: what the sidecar would say, the app's rows, and the verdicts. */
  readonly staged: string;
  readonly rows: string;
  readonly judged: string;
  /** The column of `rows` that numbers them; no column of the app's table has this name. */
  readonly seq: string;
}

type Verdict = Loss | "new" | "replace" | "same";

/** How many records got each verdict, by what their key was before and what it is to become. */
type Tally = (counts: (verdict: Verdict, was: string, state: string) => boolean) => number;

export async function writeStaged(sql: SqlTransaction, write: StagedWrite): Promise<Judged> {
  const names = new Set(write.table.columns.map(({ name }) => name));
  let seq = "outgrow_seq";
  while (names.has(seq)) seq += "_";
  const stage: Stage = {
    sql,
    write,
    place: qualified(write.schema, write.table.name),
    staged: `outgrow_staged_${write.collection}`,
    rows: `outgrow_rows_${write.collection}`,
    judged: `outgrow_judged_${write.collection}`,
    seq: quote(seq),
  };
  await fill(stage);
  await failpoint("commit.staged");
  const tally = await judge(stage);
  await failpoint("commit.judged");
  const lost = await lostRecords(stage);
  const displaced = await takeOut(stage, tally);
  await writeRows(stage, tally);
  await writeSidecar(stage, tally);
  return { lost, displaced };
}

async function fill({ sql, write, place, staged, rows, seq }: Stage): Promise<void> {
  // `rows` has the columns of the app's table with its types and collations, whatever they are by now.
  await sql.query(
    `create temporary table ${staged} (seq integer primary key, like outgrow.record) on commit drop;
     create temporary table ${rows} on commit drop as
       select 0 as ${seq}, ${columnList(write.table).join(", ")} from ${place} limit 0`,
  );
  const numbered = <T>(cells: readonly (readonly T[])[]): (number | T)[][] =>
    cells.map((row, index) => [index, ...row]);
  const known = await sql.copyIn(
    staged,
    ["seq", ...SIDECAR.map(([name]) => quote(name))],
    copyBinary(
      ["integer", ...SIDECAR.map(([, type]) => type)],
      numbered(sidecarRows(write.collection, write.tenant, write.records)),
    ),
  );
  const stored = await sql.copyIn(
    rows,
    [seq, ...columnList(write.table)],
    copyBinary(["integer", ...write.table.columns.map(({ type }) => type)], numbered(write.rows)),
  );
  expectCount(known, write.records.length, "the staged sidecar");
  expectCount(stored, write.records.length, "the staged rows");
}

/**
 * Looks every key up by its index, one by one: `lateral … limit 1` leaves the planner no other way. It knows
 * little of tables that were filled a moment ago, and its guesses then cost a scan of all of them per batch.
 */
async function judge({ sql, write, place, staged, rows, judged, seq }: Stage): Promise<Tally> {
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
     from ${staged} s join ${rows} n on n.${seq} = s.seq
     left join lateral (select * from outgrow.record o
       where o.collection = $1 and o.tenant = $2 and o.key = s.key limit 1) r on true
     left join lateral (select true as found from ${place} t
       where ${keysEqual(write.table, "t", "n")} limit 1) t on true`,
    [String(write.collection), write.tenant],
  );
  const { rows: groups } = await sql.query(
    `select verdict, was, state, count(*) from ${judged} group by 1, 2, 3`,
  );
  const tally: Tally = (counts) =>
    groups
      .filter(([verdict, was, state]) => counts(verdict as Verdict, was ?? "", state ?? ""))
      .reduce((sum, [, , , number]) => sum + Number(number), 0);
  expectCount(
    tally(() => true),
    write.records.length,
    "the judged records",
  );
  return tally;
}

async function lostRecords({ sql, judged }: Stage): Promise<Map<number, Loss>> {
  const { rows } = await sql.query(
    `select seq, verdict from ${judged}
     where verdict in ('duplicate', 'stale', 'conflict', 'foreign') order by seq`,
  );
  return new Map(rows.map(([seq, verdict]) => [Number(seq), verdict as Loss]));
}

/** Takes out the rows of deleted keys and of keys in conflict; returns those that belong in quarantine. */
async function takeOut(stage: Stage, tally: Tally): Promise<Judged["displaced"]> {
  const { sql, write, place, rows, judged, seq } = stage;
  const remove = (which: string): string =>
    `delete from ${place} t using ${rows} n, ${judged} j
     where n.${seq} = j.seq and ${keysEqual(write.table, "t", "n")} and j.was = 'present' and ${which}`;
  const deleted = tally(
    (verdict, was, state) => verdict === "replace" && was === "present" && state === "deleted",
  );
  if (deleted > 0) {
    await sql.query(remove("j.verdict = 'replace' and j.state = 'deleted'"));
  }
  if (tally((verdict, was) => verdict === "conflict" && was === "present") === 0) return [];
  const { rows: gone } = await sql.query(
    `${remove("j.verdict = 'conflict'")}
     returning j.key, j.position, j.same_revision, ${columnList(write.table, "t").join(", ")}`,
  );
  return gone
    .filter(([, , sameRevision]) => sameRevision === "t")
    .map(([key, position, , ...cells]) => ({
      key: key as string,
      position: position === null || position === undefined ? undefined : Number(position),
      cells,
    }));
}

async function writeRows(stage: Stage, tally: Tally): Promise<void> {
  const { sql, write, place, rows, judged, seq } = stage;
  const names = columnList(write.table);
  const insert = (which: string): string =>
    `insert into ${place} (${names.join(", ")})
     select ${columnList(write.table, "n").join(", ")}
     from ${rows} n join ${judged} j on j.seq = n.${seq}
     where j.state = 'present' and ${which}`;
  const added = tally(
    (verdict, was, state) =>
      state === "present" && (verdict === "new" || (verdict === "replace" && was !== "present")),
  );
  if (added > 0) {
    // Without `on conflict`: a row that appeared since the judgement is somebody's, and is not overwritten.
    const { count } = await sql.query(
      insert("(verdict = 'new' or (verdict = 'replace' and was <> 'present'))"),
    );
    expectCount(count, added, write.table.name);
  }
  const replaced = tally(
    (verdict, was, state) => state === "present" && verdict === "replace" && was === "present",
  );
  if (replaced > 0) {
    // An update rather than delete and insert: what refers to the row goes on doing so.
    const keys = names.slice(0, write.table.keyWidth).join(", ");
    const changes = names.slice(write.table.keyWidth).map((name) => `${name} = excluded.${name}`);
    const { count } = await sql.query(
      `${insert("verdict = 'replace' and was = 'present'")}
       on conflict (${keys}) do update set ${changes.join(", ")}`,
    );
    expectCount(count, replaced, write.table.name);
  }
}

async function writeSidecar({ sql, staged, judged }: Stage, tally: Tally): Promise<void> {
  const known = ["new", "replace", "same", "conflict"];
  const wanted = tally((verdict) => known.includes(verdict));
  if (wanted === 0) return;
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
  expectCount(count, wanted, "outgrow.record");
}
