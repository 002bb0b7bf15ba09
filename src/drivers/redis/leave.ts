/**
 * The clean exit of a move that is complete: the records stay exactly as they lie, and every key of ours goes, the list
 * of moves with the last of them. The stages go last, so that an exit which is cut off is done again.
 */
import { toTaggedJson } from "../../collection/tagged-json.ts";
import { OutgrowError } from "../../errors.ts";
import type { HeldHere } from "../../store/driver.ts";
import type { Ledger, Move } from "../../store/ledger.ts";
import { type Cells, type Entry, hasAllInCells } from "./cells.ts";
import { readCells } from "./cells-read.ts";
import { collectionsOf } from "./collections.ts";
import { ask, type RedisConnection } from "./connection.ts";
import { dropLive, redisControl } from "./control.ts";
import type { CollectionNames } from "./names.ts";
import { listed, namesOf, unlist } from "./registry.ts";
import { scanHash } from "./scan-hash.ts";
import { dropLedger } from "./undo.ts";

export interface LeavePlace {
  readonly connection: RedisConnection;
  readonly ledger: Ledger;
  readonly settleDown: () => Promise<void>;
}

/** @throws {OutgrowError} LEDGER_HOLDS without `keep`, where the ledger holds what is nowhere else; MOVE_LEASED */
export async function leaveMove(
  { connection, ledger, settleDown }: LeavePlace,
  name: string,
  keep: ((held: AsyncIterable<HeldHere>) => Promise<void>) | undefined,
): Promise<void> {
  const where = await listed(connection, name);
  const move = where === undefined ? undefined : await ledger.find(name);
  if (where !== undefined && move !== undefined) {
    if (move.leased) await ledger.acquire(name); // refuses while a mover is alive
    const collections = collectionsOf(where, move);
    const held = () => heldBy(connection, ledger, move, collections);
    if (keep === undefined) await refuseHeld(held());
    else await keep(held());
    for (const names of collections.values()) {
      await ask(connection, "UNLINK", names.known, names.keys, names.order, names.rest);
    }
    await dropLive(connection, name, namesOf(where).tag);
    await dropLedger(connection, namesOf(where), [...collections.keys()]);
  }
  if (where !== undefined) await unlist(connection, name, where);
  await redisControl(connection, settleDown).remove(name);
}

async function refuseHeld(held: AsyncIterable<HeldHere>): Promise<void> {
  const counts = new Map<string, number>();
  for await (const { what } of held) counts.set(what, (counts.get(what) ?? 0) + 1);
  if (counts.size === 0) return;
  const detail = [...counts].map(([what, count]) => `${count} of ${what}`).join(", ");
  throw new OutgrowError("LEDGER_HOLDS", { detail });
}

async function* heldBy(
  connection: RedisConnection,
  ledger: Ledger,
  move: Move,
  collections: ReadonlyMap<string, CollectionNames>,
): AsyncGenerator<HeldHere> {
  const { tenant } = move;
  for (const { name, layout } of move.collections) {
    const names = collections.get(name) as CollectionNames;
    // Under names of ours a record is whole, and its key is in its name.
    if (names.cells === undefined) continue;
    // A key from beside the record is in no name of the app's. (An ordinal is the source's order, not data.)
    const keysToo = layout.key.from === "format";
    for await (const key of restKeys(connection, names, names.cells, keysToo)) {
      const [record] = await readCells({ connection, names }, [key.key]);
      if (record?.state !== "present") continue;
      const rest = key.isWhole ? undefined : toTaggedJson(record.value);
      yield { what: "rest", collection: name, tenant, key: key.key, row: key.row, rest };
    }
  }
  for (const one of await ledger.quarantined(move.name)) {
    if (one.state === "replayed") continue;
    const { collection, key, code, raw } = one;
    yield { what: "quarantine", collection, tenant, key, code, raw };
  }
}

interface Kept {
  readonly key: string;
  /** The first of the app's keys that the record has. */
  readonly row: string;
  /** Whether the cells say all of it. */
  readonly isWhole: boolean;
}

async function* restKeys(
  connection: RedisConnection,
  names: CollectionNames,
  cells: Cells,
  keysToo: boolean,
): AsyncGenerator<Kept> {
  const seen = new Set<string>();
  for await (const [key, text] of scanHash(connection, names.rest)) {
    const entry = cells.entry(text);
    const isWhole = hasAllInCells(entry);
    if (seen.has(key) || (isWhole && !keysToo)) continue;
    seen.add(key);
    yield { key, row: rowOf(entry), isWhole };
  }
}

function rowOf({ places }: Entry): string {
  const place = places.find(({ at }) => at === "key");
  return place?.at === "key" ? place.name : "";
}
