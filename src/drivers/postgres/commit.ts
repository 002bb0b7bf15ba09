/**
 * One commit: records, checkpoint, quarantine, counts, in one transaction (T2).
 *
 * `load`: into tables that this run found empty, rows are copied straight in. `staged`: rows are copied beside,
 * the sidecar `outgrow.record` judges each key by its revision (D1), and only the rows of keys that won are
 * written. A load that meets a key which is there already rolls back and is done again as staged.
 *
 * Every write asserts its row count: Postgres may drop a row without an error (a rule, a trigger, row security,
 * an embedded engine's limits), and that must never look like success.
 */
import { toTaggedJson } from "../../collection/tagged-json.ts";
import { OutgrowError } from "../../errors.ts";
import { failpoint } from "../../failpoint.ts";
import type { CompiledLayout } from "../../layout/compile.ts";
import type { SqlValue } from "../../layout/layout.ts";
import type { Commit, CommitReport, Conflict, RecordWrite } from "../../store/driver.ts";
import type { QuarantineEntry, SpillCount } from "../../store/ledger.ts";
import { type CopyType, type CopyValue, copyBinary } from "./copy-binary.ts";
import type { SqlDatabase, SqlTransaction } from "./database.ts";
import { renewLease } from "./ledger.ts";
import { addQuarantine, type LedgerContext, writeLedger } from "./ledger-write.ts";
import { qualified, quote } from "./quote.ts";
import { type Counted, judge } from "./staged.ts";
import { columnList } from "./tables.ts";

export interface CommitCollection {
  readonly id: number;
  readonly compiled: CompiledLayout;
  /** Whether rows may be copied straight in. Turned off by the first commit that finds a key there. */
  loading: boolean;
}

export interface CommitContext {
  readonly database: SqlDatabase;
  readonly move: {
    readonly id: number;
    readonly name: string;
    readonly schema: string;
    readonly run: number;
  };
  readonly collections: ReadonlyMap<string, CommitCollection>;
}

type CollectionWrite = Commit["writes"][number];

class Probed extends Error {
  readonly report: CommitReport;
  constructor(report: CommitReport) {
    super("probed");
    this.report = report;
  }
}

export async function commitTo(context: CommitContext, commit: Commit): Promise<CommitReport> {
  try {
    return await attempt(context, commit, true);
  } catch (error) {
    if (!OutgrowError.is(error) || error.sqlState !== "23505") throw error;
    // A key was there after all: a retry of a commit whose reply was lost, or a second record of that key.
    return attempt(context, commit, false);
  }
}

async function attempt(
  context: CommitContext,
  commit: Commit,
  mayLoad: boolean,
): Promise<CommitReport> {
  try {
    return await context.database.transaction(async (sql) => {
      await failpoint("commit.begin");
      if (commit.lease !== undefined) await renewLease(sql, commit.lease);
      const counted = new Map<string, Counted>();
      for (const write of commit.writes) {
        counted.set(write.collection, await writeCollection(sql, context, commit, write, mayLoad));
      }
      await failpoint("commit.rows");
      await writeLedger(sql, ledgerContext(context), commit.ledger, counted);
      const report = reportOf(counted);
      if (commit.probe) throw new Probed(report);
      await failpoint("commit.before_commit");
      return report;
    });
  } catch (error) {
    if (error instanceof Probed) return error.report;
    throw error;
  } finally {
    await failpoint("commit.after_commit");
  }
}

function ledgerContext({ move, collections }: CommitContext): LedgerContext {
  return { move, collectionIds: new Map([...collections].map(([name, { id }]) => [name, id])) };
}

function reportOf(counted: ReadonlyMap<string, Counted>): CommitReport {
  const sums = { applied: 0, duplicate: 0, stale: 0 };
  const conflicts: Conflict[] = [];
  const spills: SpillCount[] = [];
  for (const one of counted.values()) {
    sums.applied += one.applied;
    sums.duplicate += one.duplicate;
    sums.stale += one.stale;
    conflicts.push(...one.conflicts);
    spills.push(...one.spills);
  }
  return { ...sums, conflicts, spills };
}

async function writeCollection(
  sql: SqlTransaction,
  context: CommitContext,
  commit: Commit,
  write: CollectionWrite,
  mayLoad: boolean,
): Promise<Counted> {
  const collection = context.collections.get(write.collection);
  if (collection === undefined)
    throw new OutgrowError("MOVE_UNKNOWN", { collection: write.collection });
  const none = { applied: 0, duplicate: 0, stale: 0, quarantined: 0, conflicts: [], spills: [] };
  if (write.records.length === 0) return none;
  const encoded = encodeAll(collection.compiled, write, commit.tenant);
  const present = write.records.every(({ state }) => state === "present");
  if (mayLoad && collection.loading && present) {
    await load(sql, context, collection, write.records, encoded.rows, commit.tenant);
    return { ...none, applied: write.records.length, spills: encoded.spills };
  }
  const judged = await judge(sql, {
    schema: context.move.schema,
    collection: collection.id,
    name: write.collection,
    tenant: commit.tenant,
    table: collection.compiled.tables[0] as CompiledLayout["tables"][number],
    key: collection.compiled.layout.tables[0].key,
    records: write.records,
    rows: encoded.rows,
    sidecar: sidecarRows(collection.id, commit.tenant, write.records),
  });
  const entries = quarantineOf(write, judged, collection.compiled);
  await addQuarantine(sql, context.move, entries);
  return {
    applied: judged.applied - judged.displaced.filter(({ sameRun }) => sameRun).length,
    duplicate: judged.duplicate,
    stale: judged.stale,
    quarantined: judged.refused.length + judged.displaced.filter(({ sameRun }) => sameRun).length,
    conflicts: judged.refused.map(({ key }) => ({ collection: write.collection, key })),
    spills: encoded.spills,
  };
}

/** What a commit itself has to set aside: the record that lost, and the one that it displaced from the table. */
function quarantineOf(
  write: CollectionWrite,
  judged: Awaited<ReturnType<typeof judge>>,
  compiled: CompiledLayout,
): QuarantineEntry[] {
  const entries: QuarantineEntry[] = [];
  for (const { key, cells, position } of judged.displaced) {
    const raw = new TextEncoder().encode(toTaggedJson(compiled.decode(cells).value));
    entries.push({
      collection: write.collection,
      key,
      code: "ID_CONFLICT",
      detail: "rebuilt from the table",
      file: "",
      offset: 0,
      position: position ?? 0,
      raw,
    });
  }
  for (const { key, seq, foreign } of judged.refused) {
    const record = write.records[seq] as RecordWrite;
    const origin = record.origin?.() ?? {
      file: "",
      offset: 0,
      raw: new TextEncoder().encode(toTaggedJson(record.value)),
    };
    entries.push({
      collection: write.collection,
      key,
      code: "ID_CONFLICT",
      detail: foreign ? "the table holds a row of this key that is not this move's" : undefined,
      position: record.position ?? 0,
      ...origin,
    });
  }
  return entries;
}

function encodeAll(
  compiled: CompiledLayout,
  write: CollectionWrite,
  tenant: string,
): { readonly rows: SqlValue[][]; readonly spills: SpillCount[] } {
  const rows: SqlValue[][][] = compiled.tables.map(() => []);
  const counts = new Map<string, SpillCount & { count: number }>();
  const spill = (column: string, code: string): void => {
    const id = `${column}\u0000${code}`;
    const found = counts.get(id);
    if (found === undefined)
      counts.set(id, { collection: write.collection, column, code, count: 1 });
    else found.count++;
  };
  for (const { key, value } of write.records) compiled.encode(key, value, tenant, rows, spill);
  return { rows: rows[0] as SqlValue[][], spills: [...counts.values()] };
}

// biome-ignore format: name and type of each column of outgrow.record, in the order of sidecarRows
export const SIDECAR: readonly (readonly [string, CopyType])[] = [
  ["collection", "integer"], ["tenant", "text"], ["key", "text"], ["revision", "text"],
  ["digest", "bytea"], ["state", "text"], ["position", "bigint"], ["form", "json"],
];

function sidecarRows(
  collection: number,
  tenant: string,
  records: readonly RecordWrite[],
): CopyValue[][] {
  return records.map(({ key, revision, digest, state, position, exception }) => [
    collection,
    tenant,
    key,
    revision,
    state === "present" ? digest : null,
    state,
    position ?? null,
    exception === undefined ? null : JSON.stringify(exception),
  ]);
}

async function load(
  sql: SqlTransaction,
  context: CommitContext,
  collection: CommitCollection,
  records: readonly RecordWrite[],
  rows: readonly SqlValue[][],
  tenant: string,
): Promise<void> {
  const [table] = collection.compiled.tables as [CompiledLayout["tables"][number]];
  const types = table.columns.map(({ type }) => type);
  const stored = await sql.copyIn(
    qualified(context.move.schema, table.name),
    columnList(table),
    copyBinary(types, rows),
  );
  await failpoint("commit.copied");
  const known = await sql.copyIn(
    "outgrow.record",
    SIDECAR.map(([name]) => quote(name)),
    copyBinary(
      SIDECAR.map(([, type]) => type),
      sidecarRows(collection.id, tenant, records),
    ),
  );
  expectCount(stored, records.length, table.name);
  expectCount(known, records.length, "outgrow.record");
}

/** @throws {OutgrowError} LOST_ROW */
export function expectCount(stored: number, given: number, table: string): void {
  if (stored !== given) {
    throw new OutgrowError("LOST_ROW", { detail: `${stored} of ${given} rows of ${table}` });
  }
}
