/** Taking back: what an earlier run brought and a newer source lacks, and all of a move. Page by page, in any state. */
import { dumpRevision, revision } from "../../collection/revision.ts";
import { ask, askAll, type RedisConnection } from "./connection.ts";
import { type CollectionNames, globPrefix, type MoveNames } from "./names.ts";
import { indexedKeys } from "./scan.ts";
import { runScript, script } from "./script.ts";

/** Records of one script: it judges each of them. */
const PAGE = 1000;

/** Of an earlier run of the move, and of no app: below both revisions. They leave tombstones of the current run. */
const PRUNE = script(`
local function below(a, b)
  for i = 1, 32 do
    local x, y = string.byte(a, i), string.byte(b, i)
    if x ~= y then return x < y end
  end
  return false
end
local pruned = 0
for i = 4, #KEYS do
  local key = ARGV[i - 1]
  local known = redis.call('HGET', KEYS[1], key)
  if known and string.sub(known, 1, 1) == 'p' then
    local revision = string.sub(known, 2, 33)
    if below(revision, ARGV[1]) and below(revision, ARGV[2]) then
      local bar = string.find(known, '|', 77, true)
      redis.call('DEL', KEYS[i])
      redis.call('ZREM', KEYS[2], key)
      redis.call('ZREM', KEYS[3], key)
      redis.call('HSET', KEYS[1], key, 'd' .. ARGV[1] .. string.sub(known, 77, bar))
      pruned = pruned + 1
    end
  end
end
return pruned
`);

export async function pruneCollection(
  connection: RedisConnection,
  names: CollectionNames,
  run: number,
): Promise<number> {
  let pruned = 0;
  for await (const keys of indexedKeys({ connection, names }, PAGE)) {
    const all = [names.known, names.keys, names.order, ...keys.map((key) => names.record(key))];
    const args = [dumpRevision(run), revision(1, 0), ...keys];
    pruned += Number(await runScript(connection, PRUNE, all, args));
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
    await askAll(connection, [
      ["UNLINK", ...keys.map((key) => names.record(key))],
      ["ZREM", names.keys, ...keys],
    ]);
  }
  await ask(connection, "UNLINK", names.known, names.keys, names.order);
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
    ["UNLINK", names.checkpoints, names.quarantine, names.raw],
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
