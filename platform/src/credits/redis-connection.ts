/** The way to a Redis, whoever's client it is, and what its errors say of a command. */
import { PlatformError } from "../errors.ts";
import type { Fate } from "./retry.ts";

/** One command at a time; others may be under way. An error reply is a rejection whose message is the server's. */
export interface RedisConnection {
  command(args: readonly string[]): Promise<unknown>;
}

/** A client of ioredis, single or cluster, as a connection for a ledger. */
export function ioredisCommands(client: {
  call(command: string, ...args: string[]): Promise<unknown>;
}): RedisConnection {
  return { command: ([name = "", ...args]) => client.call(name, ...args) };
}

/** A connection of `outgrow/drivers/redis` as a connection for a ledger. */
export function redisCommands(connection: {
  send(commands: readonly (readonly string[])[]): Promise<readonly unknown[]>;
}): RedisConnection {
  return {
    async command(args) {
      const [reply] = await connection.send([args]);
      if (reply instanceof Error) throw reply;
      return reply;
    },
  };
}

/** Not now, and nothing was done. */
const BUSY = new Set(["LOADING", "BUSY", "TRYAGAIN", "CLUSTERDOWN", "MASTERDOWN", "NOREPLICAS"]);
/** The client never got as far as to send anything; the first is our own. */
const UNSENT = new Set([
  "TARGET_UNREACHABLE",
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
]);
/** Our own client's: the server did not let us in, or the connection is closed for good. */
const CLOSED = new Set(["TARGET_REFUSED", "STORE_CLOSED", "TARGET_ADDRESS"]);

export function fateOfRedis(cause: unknown): Fate {
  if (PlatformError.is(cause)) return { is: "refused", error: cause };
  const error = (which: PlatformError["code"], detail?: string): PlatformError =>
    new PlatformError(which, { detail }, { cause });
  const { code } = (cause ?? {}) as { readonly code?: unknown };
  const name = typeof code === "string" ? code : undefined;
  if (name !== undefined && CLOSED.has(name)) {
    return { is: "refused", error: error("LEDGER_REFUSED", name) };
  }
  if (name !== undefined && UNSENT.has(name)) {
    return { is: "unsent", error: error("LEDGER_UNREACHABLE", name) };
  }
  const said = refusalOf(cause);
  if (said === undefined) return { is: "unknown", error: error("LEDGER_UNREACHABLE", name) };
  if (BUSY.has(said)) return { is: "contended", error: error("LEDGER_BUSY", said) };
  return { is: "refused", error: error("LEDGER_REFUSED", said) };
}

/** The first word of what a server answered: `undefined` for an error that is no answer. */
export function refusalOf(error: unknown): string | undefined {
  const message = error instanceof Error ? error.message : "";
  return /^[A-Z][A-Z]+(?= )/.exec(message)?.[0];
}
