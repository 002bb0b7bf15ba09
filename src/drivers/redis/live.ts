/**
 * What a live move has beside its records: the fence, which the commit's script asks first, and the outbox, which it
 * writes last (`commit-script.ts`). Both are under the records' hash tag.
 *
 * An entry of the outbox is the length of the collection's name in bytes, a colon, the name, the ledger key. The sorted
 * set has it by the microsecond in which it began to wait; the hash, with the newest revision that was captured.
 */
import { parseRevision } from "../../collection/revision.ts";
import type { Driver } from "../../store/driver.ts";
import type { OutboxEntry, Side } from "../../store/side.ts";
import type { RedisConnection } from "./connection.ts";
import type { LiveNames } from "./names.ts";
import { runRepeatable, script } from "./script.ts";

const PENDING = script(`
local entries = redis.call('ZRANGE', KEYS[1], 0, ARGV[1] - 1)
local found = {}
for i, entry in ipairs(entries) do
  found[2 * i - 1] = entry
  found[2 * i] = redis.call('HGET', KEYS[2], entry)
end
return found
`);

/** One that was written again since has a higher revision, and waits from now on. Revisions go by their bytes, not by the server's locale. */
const SETTLE = script(`
local function above(a, b)
  for i = 1, 32 do
    local x, y = string.byte(a, i), string.byte(b, i)
    if x ~= y then return x > y end
  end
  return false
end
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000000 + time[2])
for i = 1, #ARGV, 2 do
  local revision = redis.call('HGET', KEYS[2], ARGV[i])
  if revision and above(revision, ARGV[i + 1]) then
    redis.call('ZADD', KEYS[1], 'XX', now, ARGV[i])
  elseif revision then
    redis.call('ZREM', KEYS[1], ARGV[i])
    redis.call('HDEL', KEYS[2], ARGV[i])
  end
end
return 1
`);

const DEPTH = script(`
local time = redis.call('TIME')
local first = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
local waited = first[2] and string.format('%.0f', time[1] * 1000000 + time[2] - first[2]) or ''
return {redis.call('ZCARD', KEYS[1]), waited}
`);

/** A script and not a command: a host's replica that is behind would answer that. */
const CURRENT = script("return redis.call('GET', KEYS[1])");

/** A script runs alone: no commit is under way. */
const RAISE = script(`
local lowest = redis.call('GET', KEYS[1])
if not lowest or tonumber(lowest) < tonumber(ARGV[1]) then redis.call('SET', KEYS[1], ARGV[1]) end
return 1
`);

/** Entries that are settled at a time. */
const ENTRIES = 400;

export interface LivePlace {
  readonly connection: RedisConnection;
  readonly tenant: string;
  readonly names: LiveNames;
  /** Makes what was acknowledged so far durable, where the server has to be asked for that. */
  readonly settleDown: () => Promise<void>;
}

export function redisSide(place: LivePlace, driver: Driver): Side {
  const { connection, tenant, names, settleDown } = place;
  const both = [names.outbox, names.waiting];
  return {
    driver,
    outbox: {
      async pending(limit) {
        const found = await runRepeatable(connection, PENDING, both, [String(limit)]);
        const flat = found as readonly string[];
        return Array.from({ length: flat.length / 2 }, (_, index) =>
          entryOf(tenant, flat[2 * index] as string, flat[2 * index + 1] as string),
        );
      },
      async settle(delivered) {
        // A move in Redis has one tenant: nobody else's keys wait here.
        const own = delivered.filter((one) => one.tenant === tenant);
        for (let from = 0; from < own.length; from += ENTRIES) {
          const args = own.slice(from, from + ENTRIES).flatMap((one) => [idOf(one), one.revision]);
          await runRepeatable(connection, SETTLE, both, args);
        }
      },
      async depth() {
        const found = await runRepeatable(connection, DEPTH, [names.outbox], []);
        const [count, waited] = found as readonly [number, string];
        const oldestMs = waited === "" ? undefined : Math.max(0, Number(waited) / 1000);
        return { count, oldestMs };
      },
    },
    fence: {
      current: async () => Number(await runRepeatable(connection, CURRENT, [names.fence], [])),
      async raise(epoch) {
        await runRepeatable(connection, RAISE, [names.fence], [String(epoch)]);
        await settleDown();
      },
    },
    // Nothing here numbers records by itself, so there is nothing to be done before taking over: revisions are counted
    // by epoch, and a counter of the app's is a cell of a record, delivered with it.
    foreignWrites: async () => ({}),
  };
}

function idOf({ collection, key }: Pick<OutboxEntry, "collection" | "key">): string {
  return `${Buffer.byteLength(collection)}:${collection}${key}`;
}

function entryOf(tenant: string, entry: string, revision: string): OutboxEntry {
  const bytes = Buffer.from(entry);
  const colon = bytes.indexOf(":");
  const end = colon + 1 + Number(bytes.toString("latin1", 0, colon));
  return {
    tenant,
    collection: bytes.toString("utf8", colon + 1, end),
    key: bytes.toString("utf8", end),
    revision: parseRevision(revision),
  };
}
