/** From an address to a Redis target: over TCP, TLS, or HTTP as Upstash speaks it. */
import { OutgrowError } from "../../errors.ts";
import { maskPassword } from "../mask.ts";
import type { Check } from "../postgres/checkup.ts";
import type { RedisConnection } from "./connection.ts";
import { checkRedis, type PreflightOptions, preflight } from "./preflight.ts";
import { RestConnection } from "./rest.ts";
import { redisTarget } from "./target.ts";
import { TcpConnection } from "./tcp.ts";

export type { RedisConnection } from "./connection.ts";
export { type Preflight, type PreflightOptions, preflight } from "./preflight.ts";
export { redisTarget } from "./target.ts";

/** Where hosts put an HTTP address, and the token for it. */
const TOKENS = [
  ["UPSTASH_REDIS_REST_URL", "UPSTASH_REDIS_REST_TOKEN"],
  ["KV_REST_API_URL", "KV_REST_API_TOKEN"],
] as const;
/** The parameter by which an address declares a loss window, in seconds. */
const LOSS = "lossWindow";

export interface RedisOptions extends PreflightOptions {
  /** Of an HTTP address. Default: from the environment. */
  readonly token?: string | undefined;
}

/** Whether an address is for this driver. Plain HTTP is for a proxy on this machine only. */
export function isRedisAddress(address: string): boolean {
  return /^(?:rediss?|https):\/\//.test(address) || isLocalHttp(address);
}

function isLocalHttp(address: string): boolean {
  return /^http:\/\/(?:127\.0\.0\.1|localhost|\[::1\])(?=[:/]|$)/.test(address);
}

/** Opens a connection without asking the server anything. @throws {OutgrowError} TARGET_ADDRESS */
export function connectRedis(address: string, token?: string): RedisConnection {
  if (/^rediss?:\/\//.test(address)) return new TcpConnection(address);
  if (!isRedisAddress(address)) {
    throw new OutgrowError("TARGET_ADDRESS", { detail: maskPassword(address) });
  }
  const given = token ?? tokenOf(address);
  if (given === undefined) {
    const wanted = TOKENS.map(([, name]) => name).join(" or ");
    const detail = `${maskPassword(address)} needs its token in ${wanted}`;
    throw new OutgrowError("TARGET_ADDRESS", { detail });
  }
  return new RestConnection(address, given);
}

/** The token that the environment names for this address, or for no address: it goes to nobody else. */
function tokenOf(address: string): string | undefined {
  const bare = (url: string | undefined): string | undefined => url?.replace(/\/+$/, "");
  const pairs = TOKENS.map(([url, token]) => [process.env[url], process.env[token]] as const);
  const own = pairs.find(([url, token]) => token && bare(url) === bare(address));
  return (own ?? pairs.find(([url, token]) => token && !url))?.[1];
}

/**
 * Opens a Redis as a target, after looking whether it may hold data: see `preflight`.
 *
 * @param address `redis://…`, `rediss://…`, or `https://…` of an Upstash REST address; `?lossWindow=SECONDS` declares
 * what a crash of the server may lose.
 * @throws {OutgrowError} TARGET_ADDRESS, TARGET_UNREACHABLE, TARGET_REFUSED, and as `preflight`
 */
export async function openRedis(
  address: string,
  options: RedisOptions = {},
): Promise<ReturnType<typeof redisTarget>> {
  const { bare, seconds } = declared(address);
  const connection = connectRedis(bare, options.token);
  try {
    const lossWindowSeconds = options.lossWindowSeconds ?? seconds;
    return redisTarget(connection, await preflight(connection, { lossWindowSeconds }));
  } catch (error) {
    await connection[Symbol.asyncDispose]();
    throw error;
  }
}

/** What would stand in the way of a Redis as a target, and what is good to know of it. */
export async function examineRedis(
  address: string,
  options: RedisOptions = {},
): Promise<{ readonly label: string; readonly checks: readonly Check[] }> {
  const { bare, seconds } = declared(address);
  await using connection = connectRedis(bare, options.token);
  const lossWindowSeconds = options.lossWindowSeconds ?? seconds;
  return { label: connection.label, checks: await checkRedis(connection, { lossWindowSeconds }) };
}

function declared(address: string): {
  readonly bare: string;
  readonly seconds: number | undefined;
} {
  const found = new RegExp(`[?&]${LOSS}=([^&#]*)`).exec(address);
  if (found === null) return { bare: address, seconds: undefined };
  const seconds = Number(found[1]);
  if (!(seconds >= 0) || found[1] === "") {
    const detail = `${LOSS} is a number of seconds: ${maskPassword(address)}`;
    throw new OutgrowError("TARGET_ADDRESS", { detail });
  }
  return { bare: address.replace(found[0], found[0][0] === "?" ? "?" : ""), seconds };
}
