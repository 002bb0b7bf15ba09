/** Whether a Redis may hold credits: what it acknowledges must survive it, and nothing may be thrown away. */
import { PlatformError } from "../errors.ts";
import { type RedisConnection, refusalOf } from "./redis-connection.ts";

export interface RedisPreflightOptions {
  /**
   * How many seconds of acknowledged writes may be lost when the server dies: 2 with `appendfsync everysec`. Where a
   * server does not tell, 0 says that its host answers for losing none. Without a log no window is wide enough.
   */
  readonly lossWindowSeconds?: number | undefined;
  /** Declares that the server evicts nothing, where it does not tell. */
  readonly neverEvicts?: boolean | undefined;
}

/** By `appendfsync`. The last leaves it to the kernel, which writes after 30 seconds. */
const LOST_SECONDS: Readonly<Record<string, number>> = { always: 0, everysec: 2, no: 30 };

/** @throws {PlatformError} KV_NOT_DURABLE, KV_EVICTS, KV_CLUSTER, LEDGER_REFUSED, and what `ask` throws */
export async function preflightRedis(
  connection: RedisConnection,
  options: RedisPreflightOptions,
  together: boolean,
): Promise<void> {
  const { lossWindowSeconds, neverEvicts = false } = options;
  if (lossWindowSeconds !== undefined && !(lossWindowSeconds >= 0)) {
    const detail = "lossWindowSeconds is a number of seconds";
    throw new PlatformError("REQUEST_INVALID", { detail });
  }
  const info = await infoOf(connection);
  if (info.get("role") === "slave") {
    throw new PlatformError("LEDGER_REFUSED", { detail: "this is a replica; name its primary" });
  }
  if (!together && info.get("cluster_enabled") === "1") throw new PlatformError("KV_CLUSTER");
  const policy = info.get("maxmemory_policy") ?? (await setting(connection, "maxmemory-policy"));
  if (policy === undefined ? !neverEvicts : policy !== "noeviction") {
    const detail = `maxmemory-policy is ${policy ?? "not known"}`;
    throw new PlatformError("KV_EVICTS", { detail });
  }
  const { lost, found } = await lossOf(connection, info.get("aof_enabled"));
  if (lossWindowSeconds === undefined ? lost !== 0 : lossWindowSeconds < (lost ?? 0)) {
    throw new PlatformError("KV_NOT_DURABLE", { detail: found });
  }
}

/** How many seconds of what it acknowledged a server may lose: `undefined` where it does not tell. */
async function lossOf(
  connection: RedisConnection,
  isLogged: string | undefined,
): Promise<{ readonly lost: number | undefined; readonly found: string }> {
  if (isLogged === undefined) return { lost: undefined, found: "it does not tell of its log" };
  if (isLogged !== "1") return { lost: Number.POSITIVE_INFINITY, found: "appendonly is no" };
  const often = await setting(connection, "appendfsync");
  return { lost: LOST_SECONDS[often ?? ""], found: `appendfsync is ${often ?? "not known"}` };
}

async function infoOf(connection: RedisConnection): Promise<ReadonlyMap<string, string>> {
  const reply = await permitted(connection, ["INFO"]);
  const lines = typeof reply === "string" ? reply.split(/\r?\n/) : [];
  const pairs = lines.flatMap((line): [string, string][] => {
    const colon = line.indexOf(":");
    return colon <= 0 ? [] : [[line.slice(0, colon), line.slice(colon + 1)]];
  });
  return new Map(pairs);
}

/** Clients answer with a flat list, or with an object of names. */
async function setting(connection: RedisConnection, name: string): Promise<string | undefined> {
  const reply = await permitted(connection, ["CONFIG", "GET", name]);
  const value = Array.isArray(reply) ? reply[1] : (reply as Record<string, unknown> | null)?.[name];
  return typeof value === "string" ? value : undefined;
}

/** Nothing for a command that this server does not let us use: then somebody has to declare what it would tell. */
async function permitted(connection: RedisConnection, args: readonly string[]): Promise<unknown> {
  try {
    return await connection.command(args);
  } catch (error) {
    const said = refusalOf(error);
    const isUnknown = said === "ERR" && /unknown (?:sub)?command/i.test((error as Error).message);
    if (said === "NOPERM" || isUnknown) return null;
    throw error;
  }
}
