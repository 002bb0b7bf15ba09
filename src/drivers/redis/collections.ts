/** The collections of a move: what they are called, and what a declared layout asks of a server and tells of its records. */
import { OutgrowError } from "../../errors.ts";
import type { Move, MoveCollection, SpillCount } from "../../store/ledger.ts";
import { type Cells, compileCells } from "./cells.ts";
import { ask, type RedisConnection } from "./connection.ts";
import { type CollectionNames, collectionNames, hashTag } from "./names.ts";
import type { Listed } from "./registry.ts";
import { scanHash } from "./scan-hash.ts";

/** The only tenant whose keys may be without a hash tag. */
const PLAIN_TENANT = "default";
const SCAN_COUNT = "2000";

/** By collection. */
export function collectionsOf(
  { schema, tenant, id }: Listed,
  move: Pick<Move, "collections">,
): ReadonlyMap<string, CollectionNames> {
  const tag = hashTag(schema, tenant);
  return new Map(
    move.collections.map(({ name, layout }) => [
      name,
      collectionNames(tag, id, name, layout.tables[0].key.codec, compileCells(layout)),
    ]),
  );
}

/** Names of a collection's keys, for a person. */
export function placesOf({ cells, prefix }: CollectionNames): readonly string[] {
  return cells === undefined ? [`${prefix}*`] : cells.cells.map(({ key }) => key);
}

/**
 * Whether the keys that declared layouts name are free: a key of somebody else's is never touched.
 *
 * @throws {OutgrowError} TABLE_TAKEN naming the template; CONFIG_INVALID; UNSUPPORTED for another tenant than the
 * default one, whose keys would be anybody's.
 */
export async function checkCells(
  connection: RedisConnection,
  tenant: string,
  added: readonly MoveCollection[],
): Promise<void> {
  for (const { layout } of added) {
    const cells = compileCells(layout);
    if (cells === undefined) continue;
    const { collection } = layout;
    if (tenant !== PLAIN_TENANT) {
      const detail = "keys of an app's own names hold the default tenant's records only";
      throw new OutgrowError("UNSUPPORTED", { collection, detail });
    }
    for (const [index, pattern] of cells.patterns.entries()) {
      if (await anyKey(connection, pattern)) {
        throw new OutgrowError("TABLE_TAKEN", { collection, detail: cells.cells[index]?.key });
      }
    }
  }
}

async function anyKey(connection: RedisConnection, pattern: string): Promise<boolean> {
  let cursor = "0";
  do {
    const options = ["MATCH", pattern, "COUNT", SCAN_COUNT];
    const reply = (await ask(connection, "SCAN", cursor, ...options)) as [unknown, string[]];
    if (reply[1].length > 0) return true;
    cursor = String(reply[0]);
  } while (cursor !== "0");
  return false;
}

/** Why a cell holds nothing. */
const REASONS: Readonly<Record<string, string>> = {
  K: "KEY_TAKEN",
  N: "KEY_NAME",
  T: "TYPE_MISMATCH",
};

/** How often the cells of declared layouts could not hold what a record says, as of now. */
export async function countSpills(
  connection: RedisConnection,
  collections: ReadonlyMap<string, CollectionNames>,
): Promise<readonly SpillCount[]> {
  const counts = new Map<string, SpillCount>();
  for (const [collection, { cells, rest }] of collections) {
    if (cells === undefined) continue;
    // Each record counts once.
    const seen = new Set<string>();
    for await (const [key, entry] of scanHash(connection, rest)) {
      const spilt = seen.has(key) ? [] : spillsIn(cells, entry);
      if (spilt.length > 0) seen.add(key);
      for (const [column, code] of spilt) {
        const id = JSON.stringify([collection, column, code]);
        const count = (counts.get(id)?.count ?? 0) + 1;
        counts.set(id, { collection, column, code, count });
      }
    }
  }
  return [...counts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, spill]) => spill);
}

function spillsIn(cells: Cells, entry: string): readonly (readonly [string, string])[] {
  return cells.entry(entry).places.flatMap((place, index) => {
    const column = cells.cells[index]?.key ?? "";
    if (place.at === "key") return [];
    const code = place.at === "rest" ? "KEY_TAKEN" : REASONS[place.why];
    return code === undefined ? [] : [[column, code] as const];
  });
}
