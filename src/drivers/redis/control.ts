/**
 * The stage machine's documents in Redis: one hash per move, apart from the move's own keys, for stages begin before
 * the first copy makes those and outlive a copy that is dropped and begun anew.
 *
 * Its fields: `version` and `document`; `by`, whose replacement that is; `p:` and a process: when it said so by this
 * server's clock, a line feed, what it said; `tag:` and a hash tag: the move has a fence there.
 *
 * Each call is one script. So whoever reads the document without a change that is being announced is found among the
 * processes by whoever announces it: one of the two scripts came first.
 */
import { randomUUID } from "node:crypto";
import type { Beat, Control, Versioned } from "../../store/control.ts";
import { ask, askAll, fields, type RedisConnection } from "./connection.ts";
import { controlName, liveNames } from "./names.ts";
import { listed, namesOf } from "./registry.ts";
import type { Reply } from "./resp.ts";
import { runRepeatable, script } from "./script.ts";

const CLOCK = `
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
`;
const ANSWER = `
local held = redis.call('HMGET', KEYS[1], 'version', 'document')
if not held[1] then return {} end
return {held[1], held[2], now}
`;

const READ = script(CLOCK + ANSWER);

/** Asked for again by whoever lost the answer: its own replacement is known by its name. */
const REPLACE = script(`
local held = redis.call('HMGET', KEYS[1], 'version', 'by')
if held[2] == ARGV[3] then return 1 end
if (held[1] or '0') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'version', string.format('%.0f', ARGV[1] + 1), 'document', ARGV[2], 'by', ARGV[3])
return 1
`);

const BEAT = script(`${CLOCK}
if redis.call('HEXISTS', KEYS[1], 'version') == 0 then return {} end
redis.call('HSET', KEYS[1], ARGV[1], now .. '\\n' .. ARGV[2])
${ANSWER}`);

const PROCESSES = script(`${CLOCK}
local all, found = redis.call('HGETALL', KEYS[1]), {now}
for i = 1, #all, 2 do
  if string.sub(all[i], 1, 2) == 'p:' then
    table.insert(found, all[i])
    table.insert(found, all[i + 1])
  end
end
return found
`);

function versioned(reply: Reply): Versioned<unknown> | undefined {
  const [version, document, now] = reply as readonly string[];
  if (version === undefined) return undefined;
  return {
    version: Number(version),
    document: JSON.parse(document as string) as unknown,
    now: Number(now),
  };
}

/** @param settleDown makes what was acknowledged so far durable, where the server has to be asked for that. */
export function redisControl(
  connection: RedisConnection,
  settleDown: () => Promise<void>,
): Control {
  const run = (which: typeof READ, move: string, ...args: string[]): Promise<Reply> =>
    runRepeatable(connection, which, [controlName(move)], args);
  return {
    read: async (move) => versioned(await run(READ, move)),

    async replace(move, version, document) {
      const text = JSON.stringify(document);
      const done = await run(REPLACE, move, String(version), text, randomUUID());
      await settleDown();
      return done === 1;
    },

    async beat(move, process, document) {
      return versioned(await run(BEAT, move, `p:${process}`, JSON.stringify(document)));
    },

    async processes(move) {
      const [now, ...flat] = (await run(PROCESSES, move)) as readonly string[];
      const found = [...fields(flat)].map(([field, text]): Beat<unknown> => {
        const line = text.indexOf("\n");
        return {
          process: field.slice(2),
          document: JSON.parse(text.slice(line + 1)) as unknown,
          ageMs: Math.max(0, Number(now) - Number(text.slice(0, line))),
        };
      });
      return found.sort((a, b) => (a.process < b.process ? -1 : 1));
    },

    async forget(move, process) {
      await ask(connection, "HDEL", controlName(move), `p:${process}`);
    },

    async remove(move) {
      const key = controlName(move);
      const held = fields(await ask(connection, "HGETALL", key));
      const noted = [...held.keys()].filter((field) => field.startsWith("tag:"));
      const where = await listed(connection, move);
      const tags = new Set(noted.map((field) => field.slice("tag:".length)));
      if (where !== undefined) tags.add(namesOf(where).tag);
      const own = [...tags].map((tag): string[] => [
        "UNLINK",
        ...Object.values(liveNames(tag, move)),
      ]);
      // The document last: a removal that is cut off can be done again.
      await askAll(connection, [...own, ["UNLINK", key]]);
      await settleDown();
    },
  };
}

/**
 * What a copy that is dropped leaves of its live move: where stages go on, the fence, so that who slept since is still
 * refused; of a move without stages nothing.
 */
export async function dropLive(
  connection: RedisConnection,
  move: string,
  tag: string,
): Promise<void> {
  const { fence, outbox, waiting } = liveNames(tag, move);
  await ask(connection, "UNLINK", outbox, waiting);
  if ((await runRepeatable(connection, NOTE, [controlName(move)], [`tag:${tag}`])) === 0) {
    await ask(connection, "UNLINK", fence);
  }
}

const NOTE = script(`
if redis.call('HEXISTS', KEYS[1], 'version') == 0 then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], '1')
return 1
`);
