/** A way to a Redis, over TCP or over HTTP, and what its refusals mean. */
import { setTimeout as sleep } from "node:timers/promises";
import { OutgrowError } from "../../errors.ts";
import { RedisReplyError, type Reply } from "./resp.ts";

/** Of a command: a text, or one in UTF-8 already. */
export type Argument = string | Uint8Array;

export interface RedisConnection extends AsyncDisposable {
  /** For messages: the address with its password masked. */
  readonly label: string;
  /**
   * How much one script may carry. A longer argument is brought in pieces beforehand. `whole`: of what is not to be
   * cut; left out, `bytes`.
   */
  readonly limits: {
    readonly records: number;
    readonly bytes: number;
    readonly argument: number;
    readonly whole?: number;
  };
  /** Whether arguments may be bytes. Elsewhere all are texts. */
  readonly takesBytes?: boolean;
  /** Whether what is sent while an answer is awaited is done behind what was sent before. Elsewhere nobody knows. */
  readonly inOrder?: boolean;
  /** What an argument takes of `limits.bytes`. */
  cost(argument: string): number;
  /**
   * Sends commands one behind the other; other callers' may come between. A refusal is one of the replies.
   *
   * @throws {OutgrowError} TARGET_UNREACHABLE when nothing was sent; OUTCOME_UNKNOWN when the way broke or the
   * answer did not come in time: every command may have been done, or not.
   */
  send(commands: readonly (readonly Argument[])[]): Promise<readonly Reply[]>;
}

/** What an argument takes of the limits: bytes go as they are. */
export function argumentCost(connection: RedisConnection, argument: Argument): number {
  return typeof argument === "string" ? connection.cost(argument) : argument.length;
}

/** One command's reply; it may be sent more than once. @throws {OutgrowError} also what its refusal means */
export async function ask(
  connection: RedisConnection,
  ...command: readonly string[]
): Promise<Exclude<Reply, RedisReplyError>> {
  const [reply] = await sent(connection, [command]);
  return accepted(reply);
}

/** Several commands' replies; they may be sent more than once. @throws {OutgrowError} what the first refusal means */
export async function askAll(
  connection: RedisConnection,
  commands: readonly (readonly string[])[],
): Promise<readonly Exclude<Reply, RedisReplyError>[]> {
  return (await sent(connection, commands)).map(accepted);
}

const ATTEMPTS = 4;
const FIRST_DELAY_MS = 40;

/** For what changes nothing, or nothing that matters twice: a lost answer is asked for again. */
export async function sent(
  connection: RedisConnection,
  commands: readonly (readonly Argument[])[],
): Promise<readonly Reply[]> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await connection.send(commands);
    } catch (error) {
      const isLost = OutgrowError.is(error, "OUTCOME_UNKNOWN");
      if (!isLost && !OutgrowError.is(error, "TARGET_UNREACHABLE")) throw error;
      if (attempt < ATTEMPTS) await sleep(Math.random() * FIRST_DELAY_MS * 2 ** attempt);
      else if (!isLost) throw error;
      else throw new OutgrowError("TARGET_UNREACHABLE", error.site, { cause: error });
    }
  }
}

function accepted(reply: Reply | undefined): Exclude<Reply, RedisReplyError> {
  if (reply instanceof RedisReplyError) throw refusal(reply);
  if (reply === undefined) throw new OutgrowError("LOST_ROW", { detail: "a reply is missing" });
  return reply;
}

/** What a refusal means. Its text may quote arguments, so only its first word is told. */
export function refusal(error: RedisReplyError): OutgrowError {
  const say = (code: ConstructorParameters<typeof OutgrowError>[0], detail: string): OutgrowError =>
    new OutgrowError(code, { detail });
  switch (error.code) {
    case "LOADING":
    case "BUSY":
    case "TRYAGAIN":
    case "CLUSTERDOWN":
    case "MASTERDOWN":
    case "NOREPLICAS":
      return say("TARGET_BUSY", error.code);
    case "OOM":
      return say("TARGET_FULL", "Redis is at its maxmemory");
    case "MISCONF":
      return say("TARGET_FULL", "Redis cannot write to its disk");
    case "READONLY":
      return say("TARGET_REFUSED", "READONLY: this is a replica; name its primary");
    case "MOVED":
    case "ASK":
      return say("UNSUPPORTED", "this is one node of a cluster, and the move lies on another");
    case "NOAUTH":
    case "WRONGPASS":
      return say("TARGET_REFUSED", `${error.code}: name and password are not accepted`);
    case "NOPERM":
      return say("TARGET_REFUSED", "NOPERM: the user may not run one of the commands");
    default:
      return say("TARGET_REFUSED", error.code);
  }
}

/** A list of texts, as most replies are. */
export function texts(reply: Reply | undefined): readonly (string | null)[] {
  return reply as readonly (string | null)[];
}

/** The reply of HGETALL, over TCP a flat list. */
export function fields(reply: Reply | undefined): Map<string, string> {
  const found = new Map<string, string>();
  const flat = reply as readonly string[];
  for (let at = 0; at + 1 < flat.length; at += 2) found.set(flat[at] ?? "", flat[at + 1] ?? "");
  return found;
}
