/** One commit against what a JSON file holds: what it changes, or why it may not. */
import { digestHex } from "../../collection/digest-sum.ts";
import { type Revision, revision } from "../../collection/revision.ts";
import { OutgrowError } from "../../errors.ts";
import type { Commit, CommitReport, Conflict } from "../../store/driver.ts";
import type { Contents, Row } from "./contents.ts";
import type { Journal } from "./journal.ts";

/** A record that will be written: `row` is undefined for a deletion. */
export interface Pending {
  readonly row: Row | undefined;
  readonly revision: Revision;
  readonly capture: boolean;
}

interface Held {
  readonly row: Row | undefined;
  readonly revision: Revision | undefined;
}

interface FileState {
  readonly contents: Contents;
  readonly journal: Journal;
  readonly tenant: string;
}

type Changes = Map<string, Map<string, Pending>>;

/**
 * The revision of a record that nobody wrote since the move began: of epoch 0, below all of an app's, and another
 * one for other content, so that a compare-and-set tells whether the record is still the one that was read.
 */
export function stamp(digest: Uint8Array): Revision {
  let counter = 0;
  for (const byte of digest.subarray(0, 6)) counter = counter * 256 + byte;
  return revision(0, counter % 10 ** 14);
}

export function heldRevision(journal: Journal, name: string, key: string, row: Row | undefined) {
  return journal.known(name, key)?.revision ?? (row === undefined ? undefined : stamp(row.digest));
}

/**
 * Adds a commit's changes to those of the commits before it that are written together with it.
 *
 * @throws {OutgrowError} FENCED, WRITE_CONFLICT, RECORD_REFUSED; nothing was added then.
 */
export function judge(commit: Commit, state: FileState, changes: Changes): CommitReport {
  if (commit.tenant !== state.tenant) {
    throw new OutgrowError("UNSUPPORTED", { detail: `the file holds tenant ${state.tenant} only` });
  }
  if (commit.epoch !== undefined && commit.epoch < state.journal.fence) {
    throw new OutgrowError("FENCED", { detail: `epoch ${commit.epoch} < ${state.journal.fence}` });
  }
  const held = (name: string, key: string): Held => {
    const pending = changes.get(name)?.get(key);
    if (pending !== undefined) return pending;
    const row = state.contents.rows(name).get(key);
    return { row, revision: heldRevision(state.journal, name, key, row) };
  };
  checkExpected(commit.expects, held);
  const own: Changes = new Map();
  const conflicts: Conflict[] = [];
  const counts = { applied: 0, duplicate: 0, stale: 0 };
  for (const { collection, records } of commit.writes) {
    const keys = new Map<string, Pending>();
    for (const { key, state: wanted, value, revision: given, digest } of records) {
      const { row, revision: there } = held(collection, key);
      if (there !== undefined && given <= there) {
        if (given < there) counts.stale++;
        else if (sameDigest(row, wanted, digest)) counts.duplicate++;
        else conflicts.push({ collection, key });
        continue;
      }
      const made = wanted === "present" ? state.contents.rowFor(collection, key, value) : undefined;
      keys.set(key, { row: made, revision: given, capture: commit.capture === true });
      counts.applied++;
    }
    if (keys.size > 0) own.set(collection, keys);
  }
  if (commit.probe !== true) merge(changes, own);
  return { ...counts, conflicts, spills: [] };
}

function sameDigest(row: Row | undefined, wanted: string, digest: Uint8Array): boolean {
  if (row === undefined || wanted !== "present") return row === undefined && wanted !== "present";
  return digestHex(row.digest) === digestHex(digest);
}

function checkExpected(
  expects: Commit["expects"],
  held: (name: string, key: string) => Held,
): void {
  for (const { collection, key, revision: expected } of expects ?? []) {
    const { row, revision: there } = held(collection, key);
    const fits = expected === null ? row === undefined : row !== undefined && there === expected;
    if (!fits) throw new OutgrowError("WRITE_CONFLICT", { collection, key });
  }
}

function merge(changes: Changes, own: Changes): void {
  for (const [name, keys] of own) {
    const all = changes.get(name) ?? new Map<string, Pending>();
    for (const [key, pending] of keys) {
      const earlier = all.get(key);
      all.set(key, { ...pending, capture: pending.capture || earlier?.capture === true });
    }
    changes.set(name, all);
  }
}
