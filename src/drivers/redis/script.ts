/** Running scripts: by their digest, and with their text only when the server does not have it (yet, or any more). */
import { createHash } from "node:crypto";
import { type Argument, type RedisConnection, refusal, sent } from "./connection.ts";
import { RedisReplyError, type Reply } from "./resp.ts";

export interface Script {
  readonly text: string;
  readonly digest: string;
}

export function script(text: string): Script {
  return { text, digest: createHash("sha1").update(text).digest("hex") };
}

export async function runScript(
  connection: RedisConnection,
  { text, digest }: Script,
  keys: readonly string[],
  args: readonly Argument[],
): Promise<Exclude<Reply, RedisReplyError>> {
  const rest = [String(keys.length), ...keys, ...args];
  return run((commands) => connection.send(commands), { text, digest }, rest);
}

/** The same for a script that does nothing more when it runs again: a lost answer is asked for again. */
export async function runRepeatable(
  connection: RedisConnection,
  which: Script,
  keys: readonly string[],
  args: readonly string[],
): ReturnType<typeof runScript> {
  const rest = [String(keys.length), ...keys, ...args];
  return run((commands) => sent(connection, commands), which, rest);
}

async function run(
  send: RedisConnection["send"],
  { text, digest }: Script,
  rest: readonly Argument[],
): ReturnType<typeof runScript> {
  let [reply] = await send([["EVALSHA", digest, ...rest]]);
  if (reply instanceof RedisReplyError && reply.code === "NOSCRIPT") {
    [reply] = await send([["EVAL", text, ...rest]]);
  }
  if (reply instanceof RedisReplyError) throw refusal(reply);
  return reply ?? null;
}
