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
  /** The column of `outgrow_rows` that numbers them; no column of the app's table has this name. */
  readonly seq: string;
}

const JUDGE = `
create temporary table outgrow_judged on commit drop as
select s.seq, s.key, s.state, coalesce(r.state, 'none') as was, r.position,
  r.revision is not distinct from s.revision as same_revision,
  case
    when r.key is null or r.revision < s.revision then case
      when s.state = 'conflict' then 'conflict'
      when s.state = 'present' and f.seq is not null and r.state is distinct from 'present' then 'foreign'
      when r.key is null then 'new'
      when r.state = s.state and r.digest is not distinct from s.digest
        and (f.seq is not null or s.state = 'deleted') then 'same'
      else 'replace' end
    when r.revision > s.revision then 'stale'
    when s.state = 'conflict' then 'conflict'
    when r.state = s.state and r.digest is not distinct from s.digest then 'duplicate'
    else 'conflict'
  end as verdict
from outgrow_staged s
left join outgrow.record r on r.collection = $1 and r.tenant = $2 and r.key = s.key
left join outgrow_found f on f.seq = s.seq`;

export async function writeStaged(sql: SqlTransaction, write: StagedWrite): Promise<Judged> {
  const names = new Set(write.table.columns.map(({ name }) => name));
  let seq = "outgrow_seq";
  while (names.has(seq)) seq += "_";
  const place = qualified(write.schema, write.table.name);
  const stage: Stage = { sql, write, place, seq: quote(seq) };
  await fill(stage);
  await failpoint("commit.staged");
  await sql.query(
    `create temporary table outgrow_found on commit drop as
     select n.${stage.seq} as seq
     from outgrow_rows n join ${place} t on ${keysEqual(write.table, "t", "n")}`,
  );
  await sql.query(JUDGE, [String(write.collection), write.tenant]);
  await failpoint("commit.judged");
  const lost = await lostRecords(stage);
  const displaced = await takeOut(stage);
  await writeRows(stage);
  await writeSidecar(stage);
  await sql.query("drop table outgrow_judged, outgrow_found, outgrow_rows, outgrow_staged");
  return { lost, displaced };
}

async function fill({ sql, write, place, seq }: Stage): Promise<void> {
  await sql.query(
    "create temporary table outgrow_staged (seq integer primary key, like outgrow.record) on commit drop",
  );
  // The columns of the app's table with its types and collations, whatever they are by now.
  await sql.query(
    `create temporary table outgrow_rows on commit drop as
     select 0 as ${seq}, ${columnList(write.table).join(", ")} from ${place} limit 0`,
  );
  const numbered = <T>(rows: readonly (readonly T[])[]): (number | T)[][] =>
    rows.map((row, index) => [index, ...row]);
  const staged = await sql.copyIn(
    "outgrow_staged",
    ["seq", ...SIDECAR.map(([name]) => quote(name))],
    copyBinary(
      ["integer", ...SIDECAR.map(([, type]) => type)],
      numbered(sidecarRows(write.collection, write.tenant, write.records)),
    ),
  );
  const rows = await sql.copyIn(
    "outgrow_rows",
    [seq, ...columnList(write.table)],
    copyBinary(["integer", ...write.table.columns.map(({ type }) => type)], numbered(write.rows)),
  );
  expectCount(staged, write.records.length, "the staged sidecar");
  expectCount(rows, write.records.length, "the staged rows");
  await sql.query("analyze outgrow_staged; analyze outgrow_rows");
}

async function lostRecords({ sql, write }: Stage): Promise<Map<number, Loss>> {
  const { rows } = await sql.query(
    `select seq, verdict from outgrow_judged
     where verdict in ('duplicate', 'stale', 'conflict', 'foreign') order by seq`,
  );
  const { rows: judged } = await sql.query("select count(*) from outgrow_judged");
  expectCount(Number(judged[0]?.[0]), write.records.length, "the judged records");
  return new Map(rows.map(([seq, verdict]) => [Number(seq), verdict as Loss]));
}

/** Takes out the rows of deleted keys and of keys in conflict; returns those that belong in quarantine. */
async function takeOut({ sql, write, place, seq }: Stage): Promise<Judged["displaced"]> {
  const gone = `outgrow_rows n, outgrow_judged j where n.${seq} = j.seq and j.was = 'present'
    and ${keysEqual(write.table, "t", "n")}`;
  await sql.query(
    `delete from ${place} t using ${gone} and j.verdict = 'replace' and j.state = 'deleted'`,
  );
  const { rows } = await sql.query(
    `delete from ${place} t using ${gone} and j.verdict = 'conflict'
     returning j.key, j.position, j.same_revision, ${columnList(write.table, "t").join(", ")}`,
  );
  return rows
    .filter(([, , sameRevision]) => sameRevision === "t")
    .map(([key, position, , ...cells]) => ({
      key: key as string,
      position: position === null || position === undefined ? undefined : Number(position),
      cells,
    }));
}

async function writeRows({ sql, write, place, seq }: Stage): Promise<void> {
  const names = columnList(write.table);
  const rows = (which: string): string =>
    `insert into ${place} (${names.join(", ")})
     select ${columnList(write.table, "n").join(", ")}
     from outgrow_rows n join outgrow_judged j on j.seq = n.${seq}
     where j.state = 'present' and ${which}`;
  // Without `on conflict`: a row that appeared since the judgement is somebody's, and is not overwritten.
  const added = await sql.query(
    rows("(verdict = 'new' or (verdict = 'replace' and was <> 'present'))"),
  );
  // An update rather than delete and insert: what refers to the row goes on doing so.
  const keys = names.slice(0, write.table.keyWidth).join(", ");
  const changes = names.slice(write.table.keyWidth).map((name) => `${name} = excluded.${name}`);
  const replaced = await sql.query(
    `${rows("verdict = 'replace' and was = 'present'")}
     on conflict (${keys}) do update set ${changes.join(", ")}`,
  );
  const { rows: wanted } = await sql.query(
    "select count(*) from outgrow_judged where verdict in ('new', 'replace') and state = 'present'",
  );
  expectCount(added.count + replaced.count, Number(wanted[0]?.[0]), write.table.name);
}

async function writeSidecar({ sql }: Stage): Promise<void> {
  const { count: known } = await sql.query(
    `insert into outgrow.record as r (collection, tenant, key, revision, digest, state, position, form)
     select s.collection, s.tenant, s.key, s.revision,
       case when j.verdict = 'conflict' then null else s.digest end,
       case when j.verdict = 'conflict' then 'conflict' else s.state end, s.position, s.form
     from outgrow_staged s join outgrow_judged j on j.seq = s.seq
     where j.verdict in ('new', 'replace', 'same', 'conflict')
     on conflict (collection, tenant, key) do update set revision = excluded.revision,
       digest = excluded.digest, state = excluded.state, position = excluded.position, form = excluded.form`,
  );
  const { rows } = await sql.query(
    "select count(*) from outgrow_judged where verdict in ('new', 'replace', 'same', 'conflict')",
  );
  expectCount(known, Number(rows[0]?.[0]), "outgrow.record");
}
