/** The embedded database: a real Postgres in this process, in a folder, with nothing to install. */
import { mkdirSync, realpathSync } from "node:fs";
import { OutgrowError } from "../../errors.ts";
import type { SqlDatabase } from "../postgres/database.ts";
import { PgliteDatabase } from "./database.ts";
import { Shared } from "./shared.ts";

export interface PgliteOptions {
  /** How long one statement may take, in milliseconds. Default 10 minutes. */
  readonly watchdogMs?: number;
  /**
   * How long another process may leave its transaction on this database alone before it is rolled
   * back, in milliseconds. Default 1 minute.
   */
  readonly idleMs?: number;
}

/**
 * Opens the database in a folder, and makes it if there is none. One process holds it; others that
 * open it use it through that one, as if they had it themselves. If a folder is opened more than
 * once in a process, the options of the first opening count.
 *
 * @throws {OutgrowError} DATADIR_LOCKED, DATADIR_POISONED, TARGET_REFUSED, TARGET_FULL
 */
export async function openPglite(
  directory: string,
  options: PgliteOptions = {},
): Promise<SqlDatabase> {
  const shared = await Shared.open(realDirectory(directory), {
    watchdogMs: options.watchdogMs ?? 10 * 60_000,
    idleMs: options.idleMs ?? 60_000,
  });
  return new PgliteDatabase(shared, `pglite:${directory}`);
}

function realDirectory(directory: string): string {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    return realpathSync(directory);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const detail = `the directory ${directory} cannot be used (${code})`;
    throw new OutgrowError("TARGET_REFUSED", { detail }, { cause: error });
  }
}
