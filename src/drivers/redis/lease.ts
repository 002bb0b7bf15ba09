/** The lease: one mover at a time. Its times are the server's clock; no machine's clock is compared with another's. */
import { randomUUID } from "node:crypto";
import { OutgrowError } from "../../errors.ts";
import type { Lease } from "../../store/ledger.ts";
import { isDead, type ProcessIdentity, thisProcess } from "../process-identity.ts";
import { askAll, type RedisConnection, texts } from "./connection.ts";
import type { Reply } from "./resp.ts";
import { runRepeatable, script } from "./script.ts";

/** How long a lease holds without a heartbeat, in milliseconds. */
export const LEASE_MS = 30_000;

/** Takes the lease if it still is as it was looked at; told again to whoever has just taken it. */
const ACQUIRE = script(`
local held = redis.call('HMGET', KEYS[1], 'lease', 'holder')
if held[2] == ARGV[2] then return tonumber(held[1]) end
if (held[1] or '0') ~= ARGV[1] then return 0 end
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
local now = redis.call('TIME')
local number = redis.call('HINCRBY', KEYS[1], 'lease', 1)
redis.call('HSET', KEYS[1], 'holder', ARGV[2],
  'heartbeat', string.format('%.0f', now[1] * 1000 + math.floor(now[2] / 1000)))
return number
`);

/** Sets fields while the lease holds: none for a heartbeat. */
export const UNDER_LEASE = script(`
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
if ARGV[1] ~= '' and redis.call('HGET', KEYS[1], 'lease') ~= ARGV[1] then return 0 end
local now = redis.call('TIME')
now = string.format('%.0f', now[1] * 1000 + math.floor(now[2] / 1000))
if ARGV[1] ~= '' then redis.call('HSET', KEYS[1], 'heartbeat', now) end
redis.call('HSET', KEYS[1], 'updated', now, unpack(ARGV, 2))
return 1
`);

const RELEASE = script(`
if redis.call('HGET', KEYS[1], 'lease') == ARGV[1] then redis.call('HDEL', KEYS[1], 'holder', 'heartbeat') end
return 1
`);

/** Milliseconds since 1970 out of the reply of TIME. */
export function serverTime(reply: Reply | undefined): number {
  const [seconds, micros] = texts(reply);
  return Number(seconds) * 1000 + Math.floor(Number(micros) / 1000);
}

/** @throws {OutgrowError} MOVE_LEASED naming the holder */
export async function acquireLease(
  connection: RedisConnection,
  key: string,
  name: string,
  ttlMs: number,
): Promise<Lease> {
  const [held, time] = await askAll(connection, [
    ["HMGET", key, "lease", "holder", "heartbeat"],
    ["TIME"],
  ]);
  const [number, holderText, heartbeat] = texts(held);
  const holder = JSON.parse(holderText ?? "null") as ProcessIdentity | null;
  const isLive = holder !== null && Number(heartbeat) > serverTime(time) - ttlMs;
  if (isLive && !isDead(holder)) {
    throw new OutgrowError("MOVE_LEASED", { detail: `process ${holder.pid} on ${holder.host}` });
  }
  // One attempt's own: an answer that was lost must not leave the lease with nobody.
  const identity = JSON.stringify({ ...thisProcess(), attempt: randomUUID() });
  const taken = await runRepeatable(connection, ACQUIRE, [key], [number ?? "0", identity]);
  // Somebody was quicker between the two.
  if (taken === 0) {
    throw new OutgrowError("MOVE_LEASED", { detail: "another mover has just begun" });
  }
  return { move: name, number: Number(taken) };
}

export async function renewLease(
  connection: RedisConnection,
  key: string,
  lease: Lease,
): Promise<void> {
  const done = await runRepeatable(
    connection,
    UNDER_LEASE,
    [key],
    [String(lease.number), "lease", String(lease.number)],
  );
  if (done !== 1) throw new OutgrowError("FENCED", { detail: lease.move });
}

export async function releaseLease(
  connection: RedisConnection,
  key: string,
  lease: Lease,
): Promise<void> {
  await runRepeatable(connection, RELEASE, [key], [String(lease.number)]);
}
