/**
 * One batch into the target, whatever it takes: the one place where a commit is retried, where an unknown
 * outcome is resolved, and where a record that the database refuses is found and set aside.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { OutgrowError } from "../errors.ts";
import type { Commit, CommitReport, Driver, RecordWrite } from "../store/driver.ts";
import type { CheckpointEntry, Ledger, QuarantineEntry } from "../store/ledger.ts";

const ATTEMPTS = 8;
const FIRST_DELAY_MS = 25;
const LONGEST_DELAY_MS = 2000;

const NOTHING: CommitReport = { applied: 0, duplicate: 0, stale: 0, conflicts: [], spills: [] };

/**
 * Does something, and again where that may help: full-jitter backoff, at most eight attempts.
 *
 * @returns `undefined` when `isDone` found between two attempts that the one before had done it.
 */
async function withRetry<T>(
  attempt: () => Promise<T>,
  isDone: () => Promise<boolean>,
): Promise<T | undefined> {
  for (let attempts = 1; ; attempts++) {
    try {
      return await attempt();
    } catch (error) {
      if (!OutgrowError.is(error) || !error.retry || attempts >= ATTEMPTS) throw error;
      if (
        !["TARGET_BUSY", "TARGET_UNREACHABLE", "OUTCOME_UNKNOWN", "TIMEOUT"].includes(error.code)
      ) {
        throw error;
      }
      const longest = Math.min(FIRST_DELAY_MS * 2 ** attempts, LONGEST_DELAY_MS);
      await sleep(Math.random() * longest);
      if (await isDone()) return undefined;
    }
  }
}

/** Whether a batch's checkpoint is in the ledger: it commits with the data, so it answers for it. */
async function isDone(ledger: Ledger, move: string, wanted: CheckpointEntry): Promise<boolean> {
  try {
    const done = await ledger.checkpoints(move);
    return done.some(
      ({ run, file, batch }) =>
        run === wanted.run && file === wanted.file && batch === wanted.batch,
    );
  } catch (error) {
    // Not known yet: the next attempt commits under the same revision, which changes nothing twice.
    if (OutgrowError.is(error) && error.retry) return false;
    throw error;
  }
}

const never = async (): Promise<boolean> => false;

/**
 * Commits a batch of one collection. When the database refuses it, the refused records are found and quarantined
 * with the rest of the batch's commit.
 */
export async function commitBatch(
  driver: Driver,
  ledger: Ledger,
  move: string,
  commit: Commit,
): Promise<CommitReport> {
  const checkpoint = commit.ledger?.checkpoint;
  const isThere = checkpoint === undefined ? never : () => isDone(ledger, move, checkpoint);
  const put = async (one: Commit): Promise<CommitReport> =>
    (await withRetry(() => driver.commit(one), isThere)) ?? NOTHING;
  try {
    return await put(commit);
  } catch (error) {
    if (!OutgrowError.is(error, "RECORD_REFUSED") || commit.writes.length !== 1) throw error;
  }
  const refused = new Map(await withRetry(async () => driver.refusals?.(commit), never));
  if (refused.size > 0) {
    try {
      return await put(without(commit, refused));
    } catch (error) {
      if (!OutgrowError.is(error, "RECORD_REFUSED")) throw error;
    }
  }
  await isolate(driver, commit, [], recordsOf(without(commit, refused)), refused);
  return put(without(commit, refused));
}

const recordsOf = (commit: Commit): readonly RecordWrite[] => commit.writes[0]?.records ?? [];

function withRecords(commit: Commit, records: readonly RecordWrite[]): Commit {
  return { ...commit, writes: commit.writes.map((write) => ({ ...write, records })) };
}

/** The commit without these records, which it quarantines. */
function without(commit: Commit, refused: ReadonlyMap<RecordWrite, OutgrowError>): Commit {
  const collection = commit.writes[0]?.collection ?? "";
  const rest = recordsOf(commit).filter((record) => !refused.has(record));
  const entries = [...refused].map(([record, why]) => refusedEntry(collection, record, why));
  return {
    ...withRecords(commit, rest),
    ledger: {
      ...commit.ledger,
      quarantine: [...(commit.ledger?.quarantine ?? []), ...entries],
    },
  };
}

/**
 * Finds what is refused by halving. Each part is tried together with all before it that is fine, and rolled back:
 * of two records that a unique index refuses only together, the later one is set aside.
 *
 * @param before was accepted.
 * @returns those of `records` that are accepted behind it.
 */
async function isolate(
  driver: Driver,
  commit: Commit,
  before: readonly RecordWrite[],
  records: readonly RecordWrite[],
  refused: Map<RecordWrite, OutgrowError>,
): Promise<readonly RecordWrite[]> {
  const [first] = records;
  if (first === undefined) return records;
  const probe = withRecords(commit, [...before, ...records]);
  try {
    await withRetry(() => driver.commit({ ...probe, ledger: undefined, probe: true }), never);
    return records;
  } catch (error) {
    if (!OutgrowError.is(error, "RECORD_REFUSED")) throw error;
    if (records.length === 1) {
      refused.set(first, error);
      return [];
    }
  }
  const middle = records.length >> 1;
  const fine = await isolate(driver, commit, before, records.slice(0, middle), refused);
  const behind = [...before, ...fine];
  return [...fine, ...(await isolate(driver, commit, behind, records.slice(middle), refused))];
}

function refusedEntry(collection: string, record: RecordWrite, why: OutgrowError): QuarantineEntry {
  const origin = record.origin?.() ?? { file: "", offset: 0, raw: new Uint8Array() };
  return {
    collection,
    key: record.key,
    code: "RECORD_REFUSED",
    detail: why.site.detail,
    position: record.position ?? 0,
    ...origin,
  };
}
