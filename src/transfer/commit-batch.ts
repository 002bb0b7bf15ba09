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
 * Commits, again where that may help: full-jitter backoff, at most eight attempts.
 *
 * @returns `undefined` when the batch turned out to be in the target already: an earlier attempt's commit had
 * arrived although its reply was lost.
 */
async function commitWithRetry(
  driver: Driver,
  ledger: Ledger,
  move: string,
  commit: Commit,
): Promise<CommitReport | undefined> {
  const checkpoint = commit.ledger?.checkpoint;
  for (let attempt = 1; ; attempt++) {
    try {
      return await driver.commit(commit);
    } catch (error) {
      if (!OutgrowError.is(error) || !error.retry || attempt >= ATTEMPTS) throw error;
      if (
        !["TARGET_BUSY", "TARGET_UNREACHABLE", "OUTCOME_UNKNOWN", "TIMEOUT"].includes(error.code)
      ) {
        throw error;
      }
      const longest = Math.min(FIRST_DELAY_MS * 2 ** attempt, LONGEST_DELAY_MS);
      await sleep(Math.random() * longest);
      if (checkpoint !== undefined && (await isDone(ledger, move, checkpoint))) return undefined;
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

/**
 * Commits a batch of one collection. When the database refuses it, the refused records are found by halving
 * (each half is tried and rolled back) and quarantined with the rest of the batch's commit.
 */
export async function commitBatch(
  driver: Driver,
  ledger: Ledger,
  move: string,
  commit: Commit,
): Promise<CommitReport> {
  try {
    return (await commitWithRetry(driver, ledger, move, commit)) ?? NOTHING;
  } catch (error) {
    if (!OutgrowError.is(error, "RECORD_REFUSED")) throw error;
    const [write] = commit.writes;
    if (write === undefined || commit.writes.length > 1) throw error;
    const refused = new Map<RecordWrite, OutgrowError>();
    await isolate(driver, commit, write.records, refused);
    // Refused together and fine apart: nothing to isolate, so the refusal stands.
    if (refused.size === 0) throw error;
    const quarantine = [...refused].map(([record, why]) =>
      refusedEntry(write.collection, record, why),
    );
    const rest: Commit = {
      ...commit,
      writes: [
        {
          collection: write.collection,
          records: write.records.filter((record) => !refused.has(record)),
        },
      ],
      ledger: {
        ...commit.ledger,
        quarantine: [...(commit.ledger?.quarantine ?? []), ...quarantine],
      },
    };
    return (await commitWithRetry(driver, ledger, move, rest)) ?? NOTHING;
  }
}

async function isolate(
  driver: Driver,
  commit: Commit,
  records: readonly RecordWrite[],
  refused: Map<RecordWrite, OutgrowError>,
): Promise<void> {
  if (records.length === 0) return;
  const [write] = commit.writes;
  try {
    await driver.commit({
      ...commit,
      writes: [{ collection: write?.collection as string, records }],
      ledger: undefined,
      probe: true,
    });
  } catch (error) {
    if (!OutgrowError.is(error, "RECORD_REFUSED")) throw error;
    if (records.length === 1) {
      refused.set(records[0] as RecordWrite, error);
      return;
    }
    const middle = records.length >> 1;
    await isolate(driver, commit, records.slice(0, middle), refused);
    await isolate(driver, commit, records.slice(middle), refused);
  }
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
