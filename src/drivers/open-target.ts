/** From an address to a target. The libraries behind each kind are loaded only when that kind is asked for. */
import { OutgrowError } from "../errors.ts";
import type { Target } from "../store/driver.ts";
import { maskPassword } from "./mask.ts";

/** Where an app without any setting keeps its embedded database. */
export const EMBEDDED_DIRECTORY = ".outgrow/data";

/**
 * Opens a target by its address: `postgres://…` (or `postgresql://…`), or `pglite:DIR`.
 *
 * @throws {OutgrowError} TARGET_ADDRESS, TARGET_UNREACHABLE, DATADIR_LOCKED, LEDGER_VERSION
 */
export async function openTarget(address: string): Promise<Target> {
  if (/^postgres(?:ql)?:\/\//.test(address)) {
    const { openPostgres, postgresTarget } = await import("./postgres/index.ts");
    return postgresTarget(await openPostgres(address));
  }
  if (address.startsWith("pglite:")) {
    const directory = address.slice("pglite:".length);
    if (directory === "")
      throw new OutgrowError("TARGET_ADDRESS", { detail: "pglite: needs a folder" });
    const { postgresTarget } = await import("./postgres/index.ts");
    const { openPglite } = await import("./pglite/index.ts");
    return postgresTarget(await openPglite(directory), { directory });
  }
  throw new OutgrowError("TARGET_ADDRESS", { detail: maskPassword(address) });
}
