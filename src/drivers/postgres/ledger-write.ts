/** The ledger's part of a commit: written in the transaction of the data it speaks of. */

import { getOwn } from "../../collection/value.ts";
import { failpoint } from "../../failpoint.ts";
import type { Commit } from "../../store/driver.ts";
import type { QuarantineEntry, SpillCount } from "../../store/ledger.ts";
import { copyBinary } from "./copy-binary.ts";
import { type Counted, NOTHING_COUNTED } from "./counted.ts";
import type { SqlTransaction } from "./database.ts";
import { quote, storable } from "./quote.ts";

/** The move as this transaction sees it. */
export interface LedgerContext {
  readonly id: number;
  readonly run: number;
  /** Ids of its collections, by name. */
  readonly collections: ReadonlyMap<string, number>;
}

/** What a checkpoint remembers of the batch besides its place. */
const readJson = (ledger: Commit["ledger"]): string => JSON.stringify(ledger?.read ?? {});

/**
 * Whether this very batch has been committed before: an attempt whose reply was lost. Files are pinned by their
 * fingerprint, so a batch that ends at the same byte with the same number of records is the same batch.
 */
export async function finishedBefore(
  sql: SqlTransaction,
  move: number,
  ledger: Commit["ledger"],
): Promise<boolean> {
  const checkpoint = ledger?.checkpoint;
  if (checkpoint === undefined) return false;
  const { run, file, batch, offset } = checkpoint;
  const { rows } = await sql.query(
    `select byte_offset, read from outgrow.checkpoint
     where move = $1 and run = $2 and file = $3 and batch = $4`,
    [move, run, file, batch].map(String),
  );
  return rows.some(([byte, read]) => Number(byte) === offset && read === readJson(ledger));
}

export async function writeLedger(
  sql: SqlTransaction,
  context: LedgerContext,
  ledger: Commit["ledger"],
  counted: ReadonlyMap<string, Counted>,
): Promise<void> {
  if (ledger === undefined) return;
  const quarantine = ledger.quarantine ?? [];
  await addQuarantine(sql, context, quarantine);
  for (const [name, id] of context.collections) {
    const read = getOwn(ledger.read ?? {}, name);
    const templates = getOwn(ledger.templates ?? {}, name);
    if (read !== undefined) {
      const sums = sumUp(name, counted.get(name) ?? NOTHING_COUNTED, ledger, quarantine, read);
      await addCounts(sql, id, sums);
      await addSpills(sql, id, counted.get(name)?.spills ?? []);
    }
    if (templates !== undefined) {
      await sql.query("update outgrow.collection set templates = $2 where id = $1", [
        String(id),
        JSON.stringify(templates),
      ]);
    }
  }
  const { checkpoint } = ledger;
  if (checkpoint !== undefined) {
    const { run, file, batch, offset, resume, last } = checkpoint;
    await sql.query(
      `insert into outgrow.checkpoint (move, run, file, batch, byte_offset, resume, last, read)
       values ($1, $2, $3, $4, $5, $6, $7, $8)
       on conflict (move, run, file, batch) do update set byte_offset = excluded.byte_offset,
         resume = excluded.resume, last = excluded.last, read = excluded.read`,
      [
        String(context.id),
        String(run),
        String(file),
        String(batch),
        String(offset),
        JSON.stringify(resume ?? null),
        String(last),
        readJson(ledger),
      ],
    );
  }
  await failpoint("commit.ledger");
}

interface Sums {
  readonly read: number;
  readonly applied: number;
  readonly unchanged: number;
  readonly duplicate: number;
  readonly stale: number;
  readonly quarantined: number;
}

/** T1, asserted before anything is committed: a batch that does not add up is our own mistake. */
function sumUp(
  name: string,
  counted: Counted,
  ledger: NonNullable<Commit["ledger"]>,
  quarantine: readonly QuarantineEntry[],
  read: number,
): Sums {
  const duplicate = counted.duplicate + (getOwn(ledger.duplicates ?? {}, name) ?? 0);
  const entries = quarantine.filter(({ collection }) => collection === name).length;
  const quarantined = counted.conflicts.length + entries;
  const { applied, stale } = counted;
  if (applied + duplicate + stale + quarantined !== read) {
    throw new Error(
      `law T1 is broken: ${applied} + ${duplicate} + ${stale} + ${quarantined} is not ${read}`,
    );
  }
  return {
    read,
    applied: applied - counted.displaced,
    unchanged: counted.unchanged,
    duplicate,
    stale,
    quarantined: quarantined + counted.displaced,
  };
}

async function addCounts(sql: SqlTransaction, id: number, sums: Sums): Promise<void> {
  await sql.query(
    `update outgrow.collection set read = read + $2, applied = applied + $3, duplicate = duplicate + $4,
       stale = stale + $5, quarantined = quarantined + $6, unchanged = least(unchanged + $7, applied + $3)
     where id = $1`,
    [
      ...[id, sums.read, sums.applied, sums.duplicate, sums.stale, sums.quarantined],
      sums.unchanged,
    ].map(String),
  );
}

async function addSpills(
  sql: SqlTransaction,
  id: number,
  spills: readonly SpillCount[],
): Promise<void> {
  for (const { column, code, count } of spills) {
    await sql.query(
      `insert into outgrow.spill (collection, column_name, code, count) values ($1, $2, $3, $4)
       on conflict (collection, column_name, code) do update set count = spill.count + excluded.count`,
      [String(id), column, code, String(count)],
    );
  }
}

const QUARANTINE = [
  ["move", "integer"],
  ["run", "integer"],
  ["collection", "text"],
  ["key", "text"],
  ["code", "text"],
  ["detail", "text"],
  ["file", "text"],
  ["byte_offset", "bigint"],
  ["position", "bigint"],
  ["raw", "bytea"],
] as const;

export async function addQuarantine(
  sql: SqlTransaction,
  move: { readonly id: number; readonly run: number },
  entries: readonly QuarantineEntry[],
): Promise<void> {
  if (entries.length === 0) return;
  const rows = entries.map((entry) => [
    move.id,
    move.run,
    entry.collection,
    entry.key ?? null,
    entry.code,
    // A path in the record or a name of a file may hold what a text column cannot.
    entry.detail === undefined ? null : storable(entry.detail),
    storable(entry.file),
    entry.offset,
    entry.position,
    entry.raw,
  ]);
  await sql.copyIn(
    "outgrow.quarantine",
    QUARANTINE.map(([name]) => quote(name)),
    copyBinary(
      QUARANTINE.map(([, type]) => type),
      rows,
    ),
  );
}
