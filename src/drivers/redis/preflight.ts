/**
 * Whether a Redis may hold data that is nowhere else: it keeps what it acknowledged over a kill, and throws nothing
 * away. Asked of INFO, which hosted servers answer too; only how often the log is forced to disk needs CONFIG.
 */
import { OutgrowError } from "../../errors.ts";
import { ask, type RedisConnection } from "./connection.ts";
import { RedisReplyError } from "./resp.ts";

/** ZMSCORE, and scripts whose effects are replicated. */
const OLDEST = [6, 2] as const;
/** WAITAOF. */
const WAITS = [7, 2] as const;

export interface PreflightOptions {
  /**
   * How many seconds of acknowledged writes may be lost when the server dies. Without it a server that keeps no log
   * is refused; with it, it is taken as it is.
   */
  readonly lossWindowSeconds?: number | undefined;
}

export interface Preflight {
  /** Whether what was acknowledged survives a kill of the server. */
  readonly durable: boolean;
  /** WAITAOF can be asked for. */
  readonly waits: boolean;
  /** What a person should know. */
  readonly notes: readonly string[];
}

/**
 * @throws {OutgrowError} UNSUPPORTED for a server too old, a replica, one that may evict keys, and one that keeps no
 * log (unless a loss window is declared).
 */
export async function preflight(
  connection: RedisConnection,
  options: PreflightOptions = {},
): Promise<Preflight> {
  const info = await infoOf(connection);
  const notes: string[] = [];
  const version = info.get("redis_version");
  if (version === undefined) {
    notes.push("The server does not tell its version.");
  } else if (!atLeast(version, OLDEST)) {
    throw refused(`Redis ${version}; it must be ${OLDEST.join(".")} or newer: upgrade it`);
  }
  if (info.get("role") === "slave") {
    throw refused("this Redis is a replica: name its primary");
  }
  checkEviction(info, notes);
  if (info.get("cluster_enabled") === "1") {
    notes.push(
      "The server is a node of a cluster: all of a move must lie on the node that was named.",
    );
  }
  const durable = await durability(connection, info, options, notes);
  return { durable, waits: version !== undefined && atLeast(version, WAITS), notes };
}

function refused(detail: string): OutgrowError {
  return new OutgrowError("UNSUPPORTED", { detail });
}

function atLeast(version: string, [major, minor]: readonly [number, number]): boolean {
  const [first = 0, second = 0] = version.split(".").map(Number);
  return first > major || (first === major && second >= minor);
}

function checkEviction(info: ReadonlyMap<string, string>, notes: string[]): void {
  const policy = info.get("maxmemory_policy");
  if (policy === undefined) {
    notes.push("The server does not tell whether it evicts keys: make sure that eviction is off.");
  } else if (policy !== "noeviction") {
    throw refused(
      `maxmemory-policy is ${policy}, which throws records away when memory is short: set it to noeviction`,
    );
  }
}

async function durability(
  connection: RedisConnection,
  info: ReadonlyMap<string, string>,
  { lossWindowSeconds }: PreflightOptions,
  notes: string[],
): Promise<boolean> {
  const isLogged = info.get("aof_enabled");
  if (isLogged === undefined) {
    notes.push(
      "The server does not tell whether it keeps a log: what it promises is its host's word.",
    );
    return false;
  }
  if (isLogged === "0") {
    if (lossWindowSeconds === undefined) {
      throw refused(
        "appendonly is no, so a crash loses what was acknowledged: set appendonly yes, or declare a loss window",
      );
    }
    notes.push(
      `The server keeps no log: up to ${lossWindowSeconds} seconds of writes may be lost, as declared.`,
    );
    return false;
  }
  const often = await configured(connection, "appendfsync");
  if (often === undefined) {
    notes.push("CONFIG is not allowed, so how often the log is forced to disk is not known.");
    return false;
  }
  if (often === "always") return true;
  notes.push(
    often === "everysec"
      ? "appendfsync is everysec: a crash of the machine loses up to two seconds of acknowledged writes."
      : `appendfsync is ${often}: a crash of the machine loses what its system had not written yet.`,
  );
  return false;
}

async function infoOf(connection: RedisConnection): Promise<ReadonlyMap<string, string>> {
  const [reply] = await connection.send([["INFO"]]);
  if (reply instanceof RedisReplyError && !isForbidden(reply)) {
    // Anything but a refusal of this one command: the password, say.
    await ask(connection, "PING");
  }
  const text = typeof reply === "string" ? reply : "";
  const pairs = text.split(/\r?\n/).flatMap((line) => {
    const colon = line.indexOf(":");
    return colon <= 0 || line.startsWith("#")
      ? []
      : [[line.slice(0, colon), line.slice(colon + 1)]];
  });
  return new Map(pairs as [string, string][]);
}

async function configured(connection: RedisConnection, name: string): Promise<string | undefined> {
  const [reply] = await connection.send([["CONFIG", "GET", name]]);
  return Array.isArray(reply) && typeof reply[1] === "string" ? reply[1] : undefined;
}

/** Refused by rights, or not there at all. */
function isForbidden({ code, message }: RedisReplyError): boolean {
  return code === "NOPERM" || /unknown command/i.test(message);
}
