/**
 * Which moves a Redis holds. The list has its own key, on a cluster in another slot than the moves: so a move is
 * listed before it is made and as long as anything of it is there, and what is listed without being there is no move.
 */
import { OutgrowError } from "../../errors.ts";
import { LEDGER_VERSION } from "../../store/ledger.ts";
import { ask, askAll, fields, type RedisConnection, texts } from "./connection.ts";
import { type MoveNames, moveNames, REGISTRY } from "./names.ts";
import { runRepeatable, runScript, script } from "./script.ts";

/** Where a move lies. */
export interface Listed {
  readonly id: number;
  readonly schema: string;
  readonly tenant: string;
}

export const namesOf = ({ schema, tenant, id }: Listed): MoveNames => moveNames(schema, tenant, id);

/** Lists a move under a number of its own, unless the name is listed otherwise than it was looked at. */
const ADD = script(`
if (redis.call('HGET', KEYS[1], ARGV[1]) or '') ~= ARGV[2] then return 0 end
redis.call('HSETNX', KEYS[1], '#version', ARGV[4])
local id = redis.call('HINCRBY', KEYS[1], '#id', 1)
redis.call('HSET', KEYS[1], ARGV[1], '{"id":' .. id .. ',' .. ARGV[3])
return id
`);

/** Takes a move off the list, and the list away with the last one. */
const REMOVE = script(`
local listed = redis.call('HGET', KEYS[1], ARGV[1])
if listed and cjson.decode(listed).id == tonumber(ARGV[2]) then redis.call('HDEL', KEYS[1], ARGV[1]) end
for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
  if string.sub(field, 1, 1) ~= '#' then return 1 end
end
redis.call('DEL', KEYS[1])
return 1
`);

function checkVersion(version: string | null | undefined): void {
  if (Number(version ?? LEDGER_VERSION) > LEDGER_VERSION) throw new OutgrowError("LEDGER_VERSION");
}

export async function listed(
  connection: RedisConnection,
  name: string,
): Promise<Listed | undefined> {
  const [version, text] = texts(await ask(connection, "HMGET", REGISTRY, "#version", `m:${name}`));
  checkVersion(version);
  return text === null || text === undefined ? undefined : (JSON.parse(text) as Listed);
}

export async function allListed(
  connection: RedisConnection,
): Promise<readonly (readonly [name: string, move: Listed])[]> {
  const found = fields(await ask(connection, "HGETALL", REGISTRY));
  checkVersion(found.get("#version"));
  return [...found]
    .filter(([field]) => field.startsWith("m:"))
    .map(([field, text]) => [field.slice(2), JSON.parse(text) as Listed] as const)
    .sort(([, a], [, b]) => a.id - b.id);
}

/** @throws {OutgrowError} MOVE_TAKEN when there is a move of this name */
export async function list(
  connection: RedisConnection,
  name: string,
  schema: string,
  tenant: string,
): Promise<Listed> {
  const before = await listed(connection, name);
  if (before !== undefined) {
    const there = await ask(connection, "EXISTS", namesOf(before).move);
    if (there !== 0) throw new OutgrowError("MOVE_TAKEN", { detail: name });
  }
  const rest = JSON.stringify({ schema, tenant }).slice(1);
  const args = [
    `m:${name}`,
    before === undefined ? "" : JSON.stringify(before),
    rest,
    String(LEDGER_VERSION),
  ];
  const id = Number(await runScript(connection, ADD, [REGISTRY], args));
  if (id === 0) throw new OutgrowError("MOVE_TAKEN", { detail: name });
  return { id, schema, tenant };
}

export async function unlist(
  connection: RedisConnection,
  name: string,
  { id }: Listed,
): Promise<void> {
  await runRepeatable(connection, REMOVE, [REGISTRY], [`m:${name}`, String(id)]);
}

/** The last of so many numbers that are now issued in an epoch. */
export async function issueNumbers(
  connection: RedisConnection,
  count: number,
  epoch: number,
): Promise<number> {
  const field = `#revision:${epoch}`;
  const [last] = await askAll(connection, [["HINCRBY", REGISTRY, field, String(count)]]);
  return Number(last);
}
