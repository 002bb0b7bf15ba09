import { readFile } from "node:fs/promises";
import { EMBEDDED_DIRECTORY } from "../drivers/open-target.ts";
import { OutgrowError } from "../errors.ts";

/**
 * Which target a command speaks of: what was named (`@FILE` holds it in a file), else DIRECT_URL or DATABASE_URL,
 * else a Redis that the environment names, else the embedded database in the current folder. Schema work and bulk
 * loads want the direct connection, so DIRECT_URL goes first where both are set.
 */
export async function targetAddress(named: string | undefined): Promise<string> {
  if (named?.startsWith("@")) return fromFile(named.slice(1));
  if (named !== undefined) return named;
  // A variable that is set to nothing is a variable that somebody unset.
  const env = Object.fromEntries(Object.entries(process.env).filter(([, text]) => text !== ""));
  const direct =
    env["DIRECT_URL"] ??
    env["DIRECT_DATABASE_URL"] ??
    env["DATABASE_URL_UNPOOLED"] ??
    env["POSTGRES_URL_NON_POOLING"];
  const pooled = env["DATABASE_URL"] ?? env["POSTGRES_URL"];
  const postgres = pooled === undefined ? undefined : (direct ?? pooled);
  return postgres ?? redisAddress(env) ?? `pglite:${EMBEDDED_DIRECTORY}`;
}

/** As hosts name it: over TCP where there is such an address, else over HTTP, which needs its token too. */
function redisAddress(env: NodeJS.ProcessEnv): string | undefined {
  if (env["REDIS_URL"] !== undefined) return env["REDIS_URL"];
  for (const [url, token] of [
    ["UPSTASH_REDIS_REST_URL", "UPSTASH_REDIS_REST_TOKEN"],
    ["KV_REST_API_URL", "KV_REST_API_TOKEN"],
  ] as const) {
    if (env[url] !== undefined && env[token] !== undefined) return env[url];
  }
  return undefined;
}

async function fromFile(path: string): Promise<string> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (cause) {
    throw new OutgrowError("TARGET_ADDRESS", { detail: `@${path} cannot be read` }, { cause });
  }
  const address = text.trim();
  if (address === "" || address.includes("\n")) {
    throw new OutgrowError("TARGET_ADDRESS", { detail: `@${path} does not hold one address` });
  }
  return address;
}
