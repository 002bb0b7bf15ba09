/**
 * One commit: records, checkpoint, quarantine, counts, in one transaction (T2).
 *
 * `load`: into tables that this run found empty, rows are copied straight in. `staged`: rows are copied beside,
 * the sidecar `outgrow.record` judges each key by its revision (D1), and only the rows of keys that won are
 * written. A load that meets a key which is there already rolls back and is done again as staged.
 *
 * Loads of one move go side by side, staged commits alone (turn.ts): what is judged stays true until it is written.
 */
import { setImmediate as breathe } from "node:timers/promises";
import { revision } from "../../collection/revision.ts";
import { toTaggedJson } from "../../collection/tagged-json.ts";
import { OutgrowError } from "../../errors.ts";
import { failpoint } from "../../failpoint.ts";
import type { CompiledLayout } from "../../layout/compile.ts";
import type { Commit, CommitReport, RecordWrite } from "../../store/driver.ts";
import type { QuarantineEntry } from "../../store/ledger.ts";
import { capture } from "./capture.ts";
import { type Counted, NOTHING_COUNTED, reportOf, spillsOf } from "./counted.ts";
import type { SqlDatabase, SqlTransaction } from "./database.ts";
import { EncodedRows } from "./encoded-rows.ts";
import { isFew } from "./few.ts";
import { renewLease } from "./lease.ts";
import { addQuarantine, finishedBefore, writeLedger } from "./ledger-write.ts";
import { checkExpected, checkFence } from "./live.ts";
import { type Load, makeLoad, sendLoad } from "./load.ts";
import { type Judged, writeStaged } from "./staged.ts";
import { lockMove, takeTurnBeside } from "./turn.ts";

/**
 * A load costs half of what a staged batch does, and is as right: keys that are there are refused by the database. One
 * that met so many of them will meet more, and all is staged, until a staged batch has been all new.
 */
const COLLISIONS = 3;

/** Lower ones are of copies. */
const FIRST_OF_APPS = revision(1, 0);

export interface CommitCollection {
  readonly id: number;
  readonly compiled: CompiledLayout;
  /** Whether the run found nothing of the collection there: whoever writes, its keys are likely new. */
  readonly loading: boolean;
  /** Row security applies to whoever writes, under which Postgres refuses COPY. */
  readonly secured: boolean;
  /** Loads of this process that met a key of theirs in the table, less staged batches since that met none. */
  collisions: number;
}

export interface CommitContext {
  readonly database: SqlDatabase;
  readonly move: { readonly id: number; readonly name: string; readonly schema: string };
  readonly collections: ReadonlyMap<string, CommitCollection>;
}

const NO_MEMBERS = { value: {} };

/** A collection's part of a commit, with its rows encoded. */
interface Part {
  readonly name: string;
  readonly collection: CommitCollection;
  readonly tenant: string;
  readonly records: readonly RecordWrite[];
  /** How it is written: as a load, or, where that may not be, judged by what is there. */
  readonly rows: { readonly load: Load } | { readonly staged: EncodedRows };
  /** Columns and codes of what columns could not hold, by the record's place in the batch. */
  readonly spilled: ReadonlyMap<number, readonly (readonly [column: string, code: string])[]>;
}

const NOTHING_STORED: CommitReport = {
  applied: 0,
  duplicate: 0,
  stale: 0,
  conflicts: [],
  spills: [],
};

/** Carries a report out of the transaction that it rolls back: of a probe, and of what was done before. */
class RolledBack extends Error {
  readonly report: CommitReport;
  constructor(report: CommitReport) {
    super("rolled back");
    this.report = report;
  }
}

export async function commitTo(context: CommitContext, commit: Commit): Promise<CommitReport> {
  const report = await commitParts(context, commit, await encodeParts(context, commit, true));
  await failpoint("commit.after_commit");
  return report;
}

async function commitParts(
  context: CommitContext,
  commit: Commit,
  parts: readonly Part[],
): Promise<CommitReport> {
  try {
    return await attempt(context, commit, parts);
  } catch (error) {
    if (!OutgrowError.is(error) || error.sqlState !== "23505") throw error;
    const loaded = parts.filter(({ rows }) => "load" in rows);
    if (loaded.length > 0) {
      // A key was there after all: a commit whose reply was lost, or a second record of that key.
      for (const { collection } of loaded) collection.collisions++;
      return commitParts(context, commit, await encodeParts(context, commit, false));
    }
    // A unique index of somebody else's: about one record, like any other constraint.
    const { sqlState, site } = error;
    throw new OutgrowError("RECORD_REFUSED", site, { sqlState, cause: error });
  }
}

async function attempt(
  context: CommitContext,
  commit: Commit,
  parts: readonly Part[],
): Promise<CommitReport> {
  const { move, collections } = context;
  const ids = new Map([...collections].map(([name, { id }]) => [name, id]));
  try {
    return await context.database.transaction(async (sql) => {
      await failpoint("commit.begin");
      const loaded = goesBeside(commit, parts) ? await loadBeside(sql, move, parts) : undefined;
      const run = await lockMove(sql, move, { alone: loaded === undefined });
      await checkRight(sql, context, commit, ids);
      if (await finishedBefore(sql, move.id, commit.ledger)) {
        const duplicate = parts.reduce((sum, { records }) => sum + records.length, 0);
        throw new RolledBack({ ...NOTHING_STORED, duplicate });
      }
      const counted = loaded ?? (await writeParts(sql, { ...move, run }, parts));
      await failpoint("commit.rows");
      if (commit.capture) await capture(sql, move.name, commit);
      await writeLedger(sql, { id: move.id, run, collections: ids }, commit.ledger, counted);
      const report = reportOf(counted);
      if (commit.probe) {
        await sql.query("set constraints all immediate");
        throw new RolledBack(report);
      }
      await failpoint("commit.before_commit");
      return report;
    });
  } catch (error) {
    if (error instanceof RolledBack) return error.report;
    throw error;
  }
}

/** Only a mover's batch of keys that it takes for new: whatever else writes is judged by what is there. */
function goesBeside(commit: Commit, parts: readonly Part[]): boolean {
  return (
    commit.lease !== undefined &&
    !commit.probe &&
    commit.epoch === undefined &&
    commit.expects === undefined &&
    parts.length > 0 &&
    parts.every(({ rows }) => "load" in rows)
  );
}

/** What must hold until the transaction's end. The move's row is locked. @throws {OutgrowError} FENCED, WRITE_CONFLICT */
async function checkRight(
  sql: SqlTransaction,
  { move }: CommitContext,
  commit: Commit,
  ids: ReadonlyMap<string, number>,
): Promise<void> {
  if (commit.lease !== undefined) await renewLease(sql, commit.lease);
  if (commit.epoch !== undefined) await checkFence(sql, move.name, commit.epoch);
  await checkExpected(sql, ids, commit);
}

/** The rows of a batch that goes beside others: whether it has the right to them is asked behind them. */
async function loadBeside(
  sql: SqlTransaction,
  move: CommitContext["move"],
  parts: readonly Part[],
): Promise<Map<string, Counted>> {
  await takeTurnBeside(sql, move);
  const counted = new Map<string, Counted>();
  for (const part of parts) {
    if ("load" in part.rows) counted.set(part.name, await loadPart(sql, part, part.rows.load));
  }
  return counted;
}

async function writeParts(
  sql: SqlTransaction,
  move: OpenMove,
  parts: readonly Part[],
): Promise<Map<string, Counted>> {
  const counted = new Map<string, Counted>();
  for (const part of parts) {
    const { rows } = part;
    const write =
      "load" in rows ? loadPart(sql, part, rows.load) : judgePart(sql, move, part, rows.staged);
    counted.set(part.name, await write);
  }
  return counted;
}

/** @param mayLoad whether it is worth trying where it is possible at all. */
async function encodeParts(
  context: CommitContext,
  commit: Commit,
  mayLoad: boolean,
): Promise<readonly Part[]> {
  const parts: Part[] = [];
  for (const write of commit.writes) {
    parts.push(await encodePart(context, commit, write, mayLoad));
  }
  return parts;
}

/** Records between two looks at what else there is to do: another batch is being stored and waits for answers. */
const BREATH = 32;

async function encodePart(
  { collections, move: { schema } }: CommitContext,
  { tenant, lease }: Commit,
  { collection: name, records }: Commit["writes"][number],
  mayLoad: boolean,
): Promise<Part> {
  const collection = collections.get(name);
  if (collection === undefined) throw new OutgrowError("MOVE_UNKNOWN", { collection: name });
  const { compiled, loading, secured, collisions } = collection;
  const spilled = new Map<number, (readonly [string, string])[]>();
  let at = 0;
  const spill = (column: string, code: string): void => {
    const known = spilled.get(at);
    if (known === undefined) spilled.set(at, [[column, code]]);
    else known.push([column, code]);
  };
  const encoded = new EncodedRows(compiled, tenant);
  let present = true;
  for (const record of records) {
    const isPresent = record.state === "present";
    // Of a key that goes, only the key's own cells are needed.
    encoded.add(record.key, isPresent ? record : NO_MEMBERS, spill);
    record.letGo?.();
    present &&= isPresent;
    if (++at % BREATH === 0) await breathe();
  }
  // What an app writes is mostly of records that are there, and a few new ones cost no less as a load.
  const isApps = records.every((record) => record.revision >= FIRST_OF_APPS);
  const isLoad = loading && !(isApps && isFew({ compiled, records, encoded }));
  const isNew = (isLoad || lease !== undefined) && present && collisions < COLLISIONS;
  const loads = mayLoad && isNew && !secured;
  const rows = loads
    ? { load: makeLoad({ schema, collection, tenant, records, encoded }) }
    : { staged: encoded };
  return { name, collection, tenant, records, rows, spilled };
}

interface OpenMove {
  readonly id: number;
  readonly schema: string;
  readonly run: number;
}

async function loadPart(
  sql: SqlTransaction,
  { name, records, spilled }: Part,
  load: Load,
): Promise<Counted> {
  await sendLoad(sql, load);
  return { ...NOTHING_COUNTED, applied: records.length, spills: spillsOf(name, spilled.values()) };
}

async function judgePart(
  sql: SqlTransaction,
  move: OpenMove,
  part: Part,
  encoded: EncodedRows,
): Promise<Counted> {
  const { name, collection, tenant, records, spilled } = part;
  if (records.length === 0) return NOTHING_COUNTED;
  const judged = await writeStaged(sql, {
    schema: move.schema,
    collection: collection.id,
    tenant,
    compiled: collection.compiled,
    secured: collection.secured,
    records,
    encoded,
  });
  if (judged.added === records.length && collection.collisions > 0) collection.collisions--;
  await addQuarantine(sql, move, quarantineOf(part, judged));
  const losses = [...judged.lost];
  const refused = losses.filter(([, why]) => why === "conflict" || why === "foreign");
  const kept = [...spilled].filter(([seq]) => !judged.lost.has(seq)).map(([, spills]) => spills);
  return {
    applied: records.length - losses.length,
    unchanged: judged.unchanged,
    duplicate: losses.filter(([, why]) => why === "duplicate").length,
    stale: losses.filter(([, why]) => why === "stale").length,
    displaced: judged.displaced.length,
    conflicts: refused.map(([seq]) => ({ collection: name, key: records[seq]?.key as string })),
    spills: spillsOf(name, kept),
  };
}

/** What a commit itself has to set aside: the record that lost, and the one that it displaced from the table. */
function quarantineOf(part: Part, { lost, displaced }: Judged): QuarantineEntry[] {
  const { name: collection, records } = part;
  const entries: QuarantineEntry[] = displaced.map(({ key, value, position }) => ({
    collection,
    key,
    code: "ID_CONFLICT",
    detail: "rebuilt from the table",
    file: "",
    offset: 0,
    position: position ?? 0,
    raw: taggedBytes(value),
  }));
  for (const [seq, why] of lost) {
    if (why !== "conflict" && why !== "foreign") continue;
    const record = records[seq] as RecordWrite;
    const origin = record.origin?.() ?? { file: "", offset: 0, raw: taggedBytes(record.value) };
    entries.push({
      collection,
      key: record.key,
      code: "ID_CONFLICT",
      detail:
        why === "foreign" ? "the table holds a row of this key that is not this move's" : undefined,
      position: record.position ?? 0,
      ...origin,
    });
  }
  return entries;
}

const utf8 = new TextEncoder();
const taggedBytes = (value: RecordWrite["value"]): Uint8Array => utf8.encode(toTaggedJson(value));
