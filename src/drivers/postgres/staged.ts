/**
 * The staged path: rows wait in temporary tables while the sidecar judges their keys.
 *
 *   new        the key is unknown: written
 *   replace    a lower revision with other content: replaced
 *   same       a lower revision with the same content: the sidecar takes the revision, the row stays
 *   duplicate  the same revision and content: nothing to do
 *   stale      a higher revision is there: nothing to do
 *   conflict   the same revision with other content: neither stays; both go to quarantine
 *   foreign    a row of this key that no sidecar row speaks of: it stays, ours goes to quarantine
 */

import { failpoint } from "../../failpoint.ts";
import type { CompiledTable } from "../../layout/compile.ts";
import type { KeyColumn, SqlValue } from "../../layout/layout.ts";
import type { Conflict, RecordWrite } from "../../store/driver.ts";
import type { SpillCount } from "../../store/ledger.ts";
import { expectCount, SIDECAR } from "./commit.ts";
import { type CopyValue, copyBinary } from "./copy-binary.ts";
import type { SqlTransaction } from "./database.ts";
import { qualified, quote } from "./quote.ts";
import { columnList, keysEqual } from "./tables.ts";

/** What a commit did to one collection. */
export interface Counted {
  readonly applied: number;
  readonly duplicate: number;
  readonly stale: number;
  readonly quarantined: number;
  readonly conflicts: readonly Conflict[];
  readonly spills: readonly SpillCount[];
}

export interface StagedWrite {
  readonly schema: string;
  readonly collection: number;
  readonly name: string;
  readonly tenant: string;
  readonly table: CompiledTable;
  readonly key: KeyColumn;
  readonly records: readonly RecordWrite[];
  readonly rows: readonly SqlValue[][];
  readonly sidecar: readonly CopyValue[][];
}

export interface Judged {
  readonly applied: number;
  readonly duplicate: number;
  readonly stale: number;
  /** Records of the batch that are not stored. `seq` is the record's place in the batch. */
  readonly refused: readonly {
    readonly key: string;
    readonly seq: number;
    readonly foreign: boolean;
  }[];
  /** Rows taken out of the table because their key is in conflict. */
  readonly displaced: readonly {
    readonly key: string;
    readonly position: number | undefined;
    readonly cells: readonly (string | null)[];
    /** Whether the run that displaced it had counted it as applied. */
    readonly sameRun: boolean;
  }[];
}

const JUDGE = `
create temporary table outgrow_judged on commit drop as
select s.seq, s.key, s.state, r.revision is not distinct from s.revision as same_run, r.state as was,
  case
    when r.key is null then case when s.state = 'conflict' then 'conflict' when f.seq is not null then 'foreign' else 'new' end
    when r.revision > s.revision then 'stale'
    when s.state = 'conflict' then 'conflict'
    when r.revision < s.revision then
      case when r.state = s.state and r.digest is not distinct from s.digest and (f.seq is not null or s.state = 'deleted')
        then 'same' else 'replace' end
    when r.state = s.state and r.digest is not distinct from s.digest then 'duplicate'
    else 'conflict'
  end as verdict
from outgrow_staged s
left join outgrow.record r on r.collection = $1 and r.tenant = $2 and r.key = s.key
left join outgrow_found f on f.seq = s.seq`;

export async function judge(sql: SqlTransaction, write: StagedWrite): Promise<Judged> {
  const place = qualified(write.schema, write.table.name);
  const scope = [String(write.collection), write.tenant];
  await stage(sql, write, place);
  await failpoint("commit.staged");
  await sql.query(
    `select 1 from outgrow.record r join outgrow_staged s on s.key = r.key
     where r.collection = $1 and r.tenant = $2 order by r.key for update of r`,
    scope,
  );
  await sql.query(
    `create temporary table outgrow_found on commit drop as
     select n.seq from outgrow_rows n join ${place} t on ${keysEqual(write.table, "t", "n")}`,
  );
  await sql.query(JUDGE, scope);
  await failpoint("commit.judged");
  const verdicts = await countVerdicts(sql);
  const refused = await refusedRecords(sql);
  const displaced = await displace(sql, write, place);
  await writeRows(sql, write, place);
  await writeSidecar(sql);
  await sql.query("drop table outgrow_judged, outgrow_found, outgrow_rows, outgrow_staged");
  return {
    applied: verdicts("new") + verdicts("replace") + verdicts("same"),
    duplicate: verdicts("duplicate"),
    stale: verdicts("stale"),
    refused,
    displaced,
  };
}

async function stage(sql: SqlTransaction, write: StagedWrite, place: string): Promise<void> {
  await sql.query(
    "create temporary table outgrow_staged (seq integer primary key, like outgrow.record) on commit drop",
  );
  await sql.query(
    `create temporary table outgrow_rows on commit drop as select 0 as seq, t.* from ${place} t limit 0`,
  );
  const numbered = <T>(rows: readonly (readonly T[])[]): (number | T)[][] =>
    rows.map((row, seq) => [seq, ...row]);
  const staged = await sql.copyIn(
    "outgrow_staged",
    ["seq", ...SIDECAR.map(([name]) => quote(name))],
    copyBinary(["integer", ...SIDECAR.map(([, type]) => type)], numbered(write.sidecar)),
  );
  const rows = await sql.copyIn(
    "outgrow_rows",
    ["seq", ...columnList(write.table)],
    copyBinary(["integer", ...write.table.columns.map(({ type }) => type)], numbered(write.rows)),
  );
  expectCount(staged, write.records.length, "the staged sidecar");
  expectCount(rows, write.records.length, "the staged rows");
  await sql.query("analyze outgrow_staged");
}

async function countVerdicts(sql: SqlTransaction): Promise<(verdict: string) => number> {
  const { rows } = await sql.query("select verdict, count(*) from outgrow_judged group by 1");
  const counts = new Map(rows.map(([verdict, number]) => [verdict, Number(number)]));
  return (verdict) => counts.get(verdict) ?? 0;
}

async function refusedRecords(sql: SqlTransaction): Promise<Judged["refused"]> {
  const { rows } = await sql.query(
    "select key, seq, verdict = 'foreign' from outgrow_judged where verdict in ('conflict', 'foreign') order by seq",
  );
  return rows.map(([key, seq, foreign]) => ({
    key: key as string,
    seq: Number(seq),
    foreign: foreign === "t",
  }));
}

/** Takes the rows of keys in conflict out of the table, and returns them. */
async function displace(
  sql: SqlTransaction,
  write: StagedWrite,
  place: string,
): Promise<Judged["displaced"]> {
  const cells = columnList(write.table, "t").join(", ");
  const { rows } = await sql.query(
    `delete from ${place} t using outgrow_rows n, outgrow_judged j
     left join outgrow.record r on r.collection = $1 and r.tenant = $2 and r.key = j.key
     where n.seq = j.seq and ${keysEqual(write.table, "t", "n")} and j.verdict = 'conflict' and j.was = 'present'
     returning j.key, r.position, j.same_run, ${cells}`,
    [String(write.collection), write.tenant],
  );
  return rows.map(([key, position, sameRun, ...row]) => ({
    key: key as string,
    position: position === null || position === undefined ? undefined : Number(position),
    sameRun: sameRun === "t",
    cells: row,
  }));
}

async function writeRows(sql: SqlTransaction, write: StagedWrite, place: string): Promise<void> {
  await sql.query(
    `delete from ${place} t using outgrow_rows n, outgrow_judged j
     where n.seq = j.seq and ${keysEqual(write.table, "t", "n")} and j.verdict = 'replace'`,
  );
  const columns = columnList(write.table).join(", ");
  const { count: stored } = await sql.query(
    `insert into ${place} (${columns}) select ${columnList(write.table, "n").join(", ")}
     from outgrow_rows n join outgrow_judged j on j.seq = n.seq
     where j.verdict in ('new', 'replace') and j.state = 'present'`,
  );
  const { rows } = await sql.query(
    "select count(*) from outgrow_judged where verdict in ('new', 'replace') and state = 'present'",
  );
  expectCount(stored, Number(rows[0]?.[0]), write.table.name);
}

async function writeSidecar(sql: SqlTransaction): Promise<void> {
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
