/** Taking back: what an earlier run brought and a newer source lacks, and all of a move. Page by page, in any state. */
import { dumpRevision, revision } from "../../collection/revision.ts";
import { OutgrowError } from "../../errors.ts";
import type { Lease } from "../../store/ledger.ts";
import { TAKE_AWAY } from "./cells-script.ts";
import { ask, askAll, type RedisConnection } from "./connection.ts";
import { type CollectionNames, globPrefix, type MoveNames } from "./names.ts";
import { indexedKeys } from "./scan.ts";
import { runRepeatable, runScript, script } from "./script.ts";

/** Records of one script: it judges each of them. */
const PAGE = 1000;

const TAKE_AWAY_FROM = `local call, sub = redis.call, string.sub\n${TAKE_AWAY}`;

/** The cells of records, and what is known of where they are. */
const TAKE_CELLS = script(`${TAKE_AWAY_FROM}
local plan = {name = ARGV[1], shape = cjson.decode(ARGV[2]), rest = KEYS[1], claims = KEYS[2]}
for i = 3, #ARGV do
  take_away(plan, (entry_of(plan, ARGV[i])))
  call('HDEL', plan.rest, ARGV[i])
end
return 1
`);

/**
 * Of an earlier run of the move, and of no app: below both revisions. They leave tombstones of the current run. Each
 * page finds the lease and the run as they were, or nothing of it is done.
 */
const PRUNE = script(`${TAKE_AWAY_FROM}
local held = redis.call('HMGET', KEYS[1], 'lease', 'run')
if held[1] ~= ARGV[1] or held[2] ~= ARGV[2] then return -1 end
local function below(a, b)
  for i = 1, 32 do
    local x, y = string.byte(a, i), string.byte(b, i)
    if x ~= y then return x < y end
  end
  return false
end
local plan = {name = ARGV[5], rest = KEYS[5], claims = KEYS[6]}
if ARGV[6] ~= '' then plan.shape = cjson.decode(ARGV[6]) end
local pruned = 0
for i = 7, #ARGV do
  local key = ARGV[i]
  local known = redis.call('HGET', KEYS[2], key)
  if known and string.sub(known, 1, 1) == 'p' then
    local revision = string.sub(known, 2, 33)
    if below(revision, ARGV[3]) and below(revision, ARGV[4]) then
      local bar = string.find(known, '|', 77, true)
      if plan.shape then
        take_away(plan, (entry_of(plan, key)))
        redis.call('HDEL', plan.rest, key)
      else redis.call('DEL', KEYS[i]) end
      redis.call('ZREM', KEYS[3], key)
      redis.call('ZREM', KEYS[4], key)
      redis.call('HSET', KEYS[2], key, 'd' .. ARGV[3] .. string.sub(known, 77, bar))
      pruned = pruned + 1
    end
  end
end
return pruned
`);

/** @throws {OutgrowError} FENCED */
export async function pruneCollection(
  connection: RedisConnection,
  names: CollectionNames,
  by: { readonly move: string; readonly run: number; readonly lease: Lease },
): Promise<number> {
  const { move, run, lease } = by;
  let pruned = 0;
  for await (const keys of indexedKeys({ connection, names }, PAGE)) {
    const { collection, cells } = names;
    const own = [move, names.known, names.keys, names.order, names.rest, names.claims];
    const records = cells === undefined ? keys.map((key) => names.record(key)) : [];
    const until = [String(lease.number), String(run), dumpRevision(run), revision(1, 0)];
    const args = [...until, collection, cells?.shape ?? "", ...keys];
    const count = Number(await runScript(connection, PRUNE, [...own, ...records], args));
    if (count < 0) throw new OutgrowError("FENCED", { detail: lease.move });
    pruned += count;
  }
  return pruned;
}

/** Takes away the records that the move knows of, then what it knows. What others put under its names stays. */
export async function dropCollection(
  connection: RedisConnection,
  names: CollectionNames,
): Promise<void> {
  for await (const keys of indexedKeys({ connection, names }, PAGE)) {
    // The records before their place in the index: a drop that is cut off finds them again.
    if (names.cells !== undefined) {
      const args = [names.collection, names.cells.shape, ...keys];
      await runRepeatable(connection, TAKE_CELLS, [names.rest, names.claims], args);
      await ask(connection, "ZREM", names.keys, ...keys);
      continue;
    }
    await askAll(connection, [
      ["UNLINK", ...keys.map((key) => names.record(key))],
      ["ZREM", names.keys, ...keys],
    ]);
  }
  await ask(connection, "UNLINK", names.known, names.keys, names.order, names.rest);
}

/** The move's own keys; the move itself last, so that a drop which is cut off can be done again. */
export async function dropLedger(
  connection: RedisConnection,
  names: MoveNames,
  collections: readonly string[],
): Promise<void> {
  await dropPieces(connection, names.piece);
  const taken = collections.length === 0 ? [] : [["HDEL", names.taken, ...collections]];
  await askAll(connection, [
    ["UNLINK", names.checkpoints, names.quarantine, names.raw, names.claims],
    ...taken,
    ["UNLINK", names.move],
  ]);
}

/** Arguments of commits that never came to be: they would lapse by themselves. */
async function dropPieces(connection: RedisConnection, prefix: string): Promise<void> {
  // Over TCP there are none.
  if (connection.limits.argument === Number.POSITIVE_INFINITY) return;
  let cursor = "0";
  do {
    const options = ["MATCH", globPrefix(prefix), "COUNT", "2000"];
    const reply = (await ask(connection, "SCAN", cursor, ...options)) as [unknown, string[]];
    cursor = String(reply[0]);
    if (reply[1].length > 0) await ask(connection, "UNLINK", ...reply[1]);
  } while (cursor !== "0");
}
