/**
 * The indexes of a collection: two sorted sets, by key and by position. A load does not keep them up, since a million
 * places in order cost it more than the records do; it counts its batches instead. Whoever asks for an order has the
 * indexes completed up to that count. Other commits keep them up, whether they are complete or not.
 */
import { ask, type RedisConnection, texts } from "./connection.ts";
import type { CollectionNames } from "./names.ts";
import { runRepeatable, script } from "./script.ts";

/** How many fields one script looks at: it holds the server up for some milliseconds. */
const PAGE = "2000";

/** A page of what is known, into both sets. What is there already stays as it is. */
const INDEX = script(`
local scanned = redis.call('HSCAN', KEYS[1], ARGV[1], 'COUNT', ARGV[2])
local add, place = {}, {}
local function flush(key, list, least)
  if #list < least then return list end
  redis.call('ZADD', key, unpack(list))
  return {}
end
for i = 1, #scanned[2], 2 do
  local key, known = scanned[2][i], scanned[2][i + 1]
  if string.byte(known) == 112 then
    add[#add + 1] = '0'
    add[#add + 1] = key
    local position = string.sub(known, 77, string.find(known, '|', 77, true) - 1)
    if position ~= '' then
      place[#place + 1] = position
      place[#place + 1] = key
    end
    add, place = flush(KEYS[2], add, 4000), flush(KEYS[3], place, 4000)
  end
end
flush(KEYS[2], add, 1)
flush(KEYS[3], place, 1)
return scanned[1]
`);

/** They are complete, unless a load went on meanwhile. */
const DONE = script(`
if redis.call('HGET', KEYS[1], ARGV[1]) == ARGV[3] then redis.call('HSET', KEYS[1], ARGV[2], ARGV[3]) end
return 1
`);

/** Completes both indexes, where a load has left them behind. */
export async function completeIndexes(
  connection: RedisConnection,
  names: CollectionNames,
): Promise<void> {
  const { move, loads, indexed, known, keys, order } = names;
  const [batches, upTo] = texts(await ask(connection, "HMGET", move, loads, indexed));
  if (batches === null || batches === undefined || batches === upTo) return;
  let cursor = "0";
  do {
    const reply = await runRepeatable(connection, INDEX, [known, keys, order], [cursor, PAGE]);
    cursor = String(reply);
  } while (cursor !== "0");
  // What a load brought meanwhile was not there when this began: the next one who asks finds it.
  await runRepeatable(connection, DONE, [move], [loads, indexed, batches]);
}
