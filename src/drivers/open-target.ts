/** From an address to a target. The libraries behind each kind are loaded only when that kind is asked for. */
import { OutgrowError } from "../errors.ts";
import type { Target } from "../store/driver.ts";
import { maskPassword } from "./mask.ts";
import type { SqlDatabase } from "./postgres/database.ts";

/** Where an app without any setting keeps its embedded database. */
export const EMBEDDED_DIRECTORY = ".outgrow/data";

/**
 * Opens the database behind an address, without looking for a ledger in it.
 *
 * @throws {OutgrowError} TARGET_ADDRESS, TARGET_UNREACHABLE, TARGET_REFUSED, DATADIR_LOCKED
 */
export async function openDatabase(
  address: string,
): Promise<{ readonly database: SqlDatabase; readonly directory: string | undefined }> {
  if (/^postgres(?:ql)?:\/\//.test(address)) {
    const { openPostgres } = await import("./postgres/index.ts");
    return { database: await openPostgres(address), directory: undefined };
  }
  if (address.startsWith("pglite:")) {
    const directory = address.slice("pglite:".length);
    if (directory === "") {
      throw new OutgrowError("TARGET_ADDRESS", { detail: "pglite: needs a folder" });
    }
    const { openPglite } = await import("./pglite/index.ts");
    return { database: await openPglite(directory), directory };
  }
  throw new OutgrowError("TARGET_ADDRESS", { detail: maskPassword(address) });
}

/** Plain `http:` is for a proxy on this machine: the driver refuses others. */
const REDIS = /^(?:rediss?|https?):\/\//;

export function isRedis(address: string): boolean {
  return REDIS.test(address);
}

/**
 * Opens a target by its address: `postgres://…` (or `postgresql://…`), `pglite:DIR`, `redis://…`, `rediss://…`, or
 * `https://…` of an Upstash REST address.
 *
 * @throws {OutgrowError} as `openDatabase`; KV_NOT_DURABLE, KV_EVICTS, KV_CLUSTER
 */
export async function openTarget(address: string): Promise<Target> {
  if (isRedis(address)) {
    const { openRedis } = await import("./redis/index.ts");
    return openRedis(address);
  }
  const { database, directory } = await openDatabase(address);
  const { postgresTarget } = await import("./postgres/index.ts");
  return postgresTarget(database, directory === undefined ? {} : { directory });
}
