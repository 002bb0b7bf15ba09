/**
 * Whether a Redis may hold data that is nowhere else: it keeps what it acknowledged over a kill, and throws nothing
 * away. Asked of INFO, which hosted servers answer too; only how often the log is forced to disk needs CONFIG.
 * `outgrow doctor` shows each finding; a target is opened only when none of them is a problem.
 */
import { type ErrorCode, OutgrowError } from "../../errors.ts";
import type { Check } from "../postgres/checkup.ts";
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

/** One finding; a problem says by which code a target is refused. */
interface Finding extends Check {
  readonly code?: ErrorCode;
}

interface Findings {
  readonly durable: boolean;
  readonly waits: boolean;
  readonly checks: readonly Finding[];
}

/**
 * @throws {OutgrowError} UNSUPPORTED for a server too old or a replica, KV_CLUSTER for a node of a cluster, KV_EVICTS
 * for one that may throw keys away, KV_NOT_DURABLE for one without a log (unless a loss window is declared).
 */
export async function preflight(
  connection: RedisConnection,
  options: PreflightOptions = {},
): Promise<Preflight> {
  const { durable, waits, checks } = await findings(connection, options);
  for (const { status, code = "UNSUPPORTED", found } of checks) {
    if (status === "problem") throw new OutgrowError(code, { detail: found });
  }
  const notes = checks
    .filter(({ status }) => status === "warning")
    .map(({ found, advice }) => `${found}. ${advice}.`);
  return { durable, waits, notes };
}

/** Every finding, also those for which a target is refused: what `doctor` shows. */
export async function checkRedis(
  connection: RedisConnection,
  options: PreflightOptions = {},
): Promise<readonly Check[]> {
  const startedAt = performance.now();
  await ask(connection, "PING");
  const elapsed = performance.now() - startedAt;
  const { checks } = await findings(connection, options);
  const found = `${connection.label} answers in ${elapsed.toFixed(1)} ms`;
  const near =
    elapsed < 100
      ? good("connection", found)
      : warning(
          "connection",
          found,
          "Run the move from a machine near it: each batch waits for a reply",
        );
  return [near, ...checks].map(({ name, status, found: what, advice }) => {
    return { name, status, found: what, advice: advice === "" ? "" : `${advice}.` };
  });
}

async function findings(connection: RedisConnection, options: PreflightOptions): Promise<Findings> {
  const info = await infoOf(connection);
  const version = info.get("redis_version");
  const often =
    info.get("aof_enabled") === "1" ? await configured(connection, "appendfsync") : undefined;
  return {
    durable: often === "always",
    waits: version !== undefined && atLeast(version, WAITS),
    checks: [
      versionOf(version),
      roleOf(info.get("role")),
      topology(info.get("cluster_enabled")),
      eviction(info.get("maxmemory_policy")),
      durability(info.get("aof_enabled"), often, options),
    ],
  };
}

const good = (name: string, found: string): Finding => ({ name, status: "ok", found, advice: "" });
const warning = (name: string, found: string, advice: string): Finding => ({
  name,
  status: "warning",
  found,
  advice,
});
const problem = (name: string, code: ErrorCode, found: string, advice: string): Finding => ({
  name,
  status: "problem",
  found,
  advice,
  code,
});

function versionOf(version: string | undefined): Finding {
  if (version === undefined) {
    return warning(
      "version",
      "the server does not tell its version",
      "It must be Redis 6.2 or newer",
    );
  }
  if (atLeast(version, OLDEST)) return good("version", `Redis ${version}`);
  const oldest = OLDEST.join(".");
  return problem(
    "version",
    "UNSUPPORTED",
    `Redis ${version}; it must be ${oldest} or newer`,
    "Upgrade the server",
  );
}

function atLeast(version: string, [major, minor]: readonly [number, number]): boolean {
  const [first = 0, second = 0] = version.split(".").map(Number);
  return first > major || (first === major && second >= minor);
}

function roleOf(role: string | undefined): Finding {
  return role === "slave"
    ? problem(
        "role",
        "UNSUPPORTED",
        "this Redis is a replica, which takes no writes",
        "Name its primary",
      )
    : good("role", role === undefined ? "the server takes writes" : "primary");
}

/** A move's own keys lie in one slot, but the list of moves and what others put under its names lie in any. */
function topology(cluster: string | undefined): Finding {
  return cluster === "1"
    ? problem(
        "cluster",
        "KV_CLUSTER",
        "cluster_enabled is 1",
        "Name a server that is no cluster's node",
      )
    : good("cluster", "not a node of a cluster");
}

function eviction(policy: string | undefined): Finding {
  const advice = "Set maxmemory-policy noeviction";
  if (policy === undefined) {
    return warning("eviction", "the server does not tell whether it evicts keys", advice);
  }
  return policy === "noeviction"
    ? good("eviction", "maxmemory-policy is noeviction")
    : problem("eviction", "KV_EVICTS", `maxmemory-policy is ${policy}`, advice);
}

function durability(
  isLogged: string | undefined,
  often: string | undefined,
  { lossWindowSeconds }: PreflightOptions,
): Finding {
  const name = "durability";
  if (isLogged === undefined) {
    return warning(
      name,
      "the server does not tell whether it keeps a log",
      "Its host answers for that",
    );
  }
  if (isLogged === "0") {
    const advice = "Set appendonly yes, or declare what may be lost: ?lossWindow=SECONDS";
    return lossWindowSeconds === undefined
      ? problem(name, "KV_NOT_DURABLE", "appendonly is no", advice)
      : warning(
          name,
          `appendonly is no: up to ${lossWindowSeconds} seconds of writes may be lost, as declared`,
          "Set appendonly yes to lose none",
        );
  }
  const advice = "Set appendfsync always to lose none";
  switch (often) {
    case "always":
      return good(name, "appendonly is yes, appendfsync is always");
    case undefined:
      return warning(name, "CONFIG is not allowed, so appendfsync is not known", advice);
    case "everysec":
      return warning(
        name,
        "appendfsync is everysec: a crash of the machine loses up to two seconds of writes",
        advice,
      );
    default:
      return warning(
        name,
        `appendfsync is ${often}: a crash of the machine loses what it had not written yet`,
        advice,
      );
  }
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
