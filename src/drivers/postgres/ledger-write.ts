/** The ledger's part of a commit: written in the transaction of the data it speaks of. */

import { failpoint } from "../../failpoint.ts";
import type { Commit } from "../../store/driver.ts";
import type { QuarantineEntry, SpillCount } from "../../store/ledger.ts";
import { copyBinary } from "./copy-binary.ts";
import type { SqlTransaction } from "./database.ts";
import { quote } from "./quote.ts";
import type { Counted } from "./staged.ts";

export interface LedgerContext {
  readonly move: { readonly id: number; readonly name: string; readonly run: number };
  readonly collectionIds: ReadonlyMap<string, number>;
}

const NOTHING: Counted = {
  applied: 0,
  duplicate: 0,
  stale: 0,
  quarantined: 0,
  conflicts: [],
  spills: [],
};

export async function writeLedger(
  sql: SqlTransaction,
  context: LedgerContext,
  ledger: Commit["ledger"],
  counted: ReadonlyMap<string, Counted>,
): Promise<void> {
  if (ledger === undefined) return;
  const quarantine = ledger.quarantine ?? [];
  await addQuarantine(sql, context.move, quarantine);
  for (const [name, id] of context.collectionIds) {
    const read = ledger.read?.[name];
    const templates = ledger.templates?.[name];
    if (read !== undefined) {
      const sums = sumUp(name, counted.get(name) ?? NOTHING, ledger, quarantine, read);
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
      `insert into outgrow.checkpoint (move, run, file, batch, byte_offset, resume, last)
       values ($1, $2, $3, $4, $5, $6, $7)`,
      [
        String(context.move.id),
        String(run),
        String(file),
        String(batch),
        String(offset),
        JSON.stringify(resume ?? null),
        String(last),
      ],
    );
  }
  await failpoint("commit.ledger");
}

interface Sums {
  readonly read: number;
  readonly applied: number;
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
  const duplicate = counted.duplicate + (ledger.duplicates?.[name] ?? 0);
  const entries = quarantine.filter(({ collection }) => collection === name).length;
  const quarantined = counted.quarantined + entries;
  const { applied, stale } = counted;
  if (applied + duplicate + stale + quarantined !== read) {
    throw new Error(
      `law T1 is broken: ${applied} + ${duplicate} + ${stale} + ${quarantined} is not ${read}`,
    );
  }
  return { read, applied, duplicate, stale, quarantined };
}

async function addCounts(sql: SqlTransaction, id: number, sums: Sums): Promise<void> {
  await sql.query(
    `update outgrow.collection set read = read + $2, applied = applied + $3, duplicate = duplicate + $4,
       stale = stale + $5, quarantined = quarantined + $6 where id = $1`,
    [id, sums.read, sums.applied, sums.duplicate, sums.stale, sums.quarantined].map(String),
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
    entry.detail ?? null,
    entry.file,
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
