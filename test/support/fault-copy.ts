/** Copies that may fail: in this process by way of a proxy, and what becomes of them when they are run again. */
import { setTimeout as sleep } from "node:timers/promises";
import { openTarget } from "../../src/drivers/open-target.ts";
import { type PostgresOptions, postgresTarget } from "../../src/drivers/postgres/index.ts";
import { openPostgres } from "../../src/drivers/postgres/pg-database.ts";
import { type ErrorCode, OutgrowError } from "../../src/errors.ts";
import { type CopyOptions, copy } from "../../src/transfer/copy.ts";
import { onServer } from "./fault-move.ts";

/** How a copy may end that lost its server: with these and no others. */
export const LOST: readonly ErrorCode[] = [
  "TARGET_UNREACHABLE",
  "OUTCOME_UNKNOWN",
  "TARGET_BUSY",
  "TIMEOUT",
];

export interface CopyTry extends CopyOptions, PostgresOptions {}

/** @returns `done`, or the code that it ended with. @throws what is no `OutgrowError`: that has no excuse. */
export async function tryCopy(
  url: string,
  source: string,
  options: CopyTry,
): Promise<"done" | ErrorCode> {
  try {
    await using target =
      options.statementMs === undefined
        ? await openTarget(url)
        : postgresTarget(await openPostgres(url, options));
    await copy(source, target, options);
    return "done";
  } catch (error) {
    if (!OutgrowError.is(error)) throw error;
    return error.code;
  }
}

/** The lease of a mover that cannot be asked any more lapses: as if half a minute had passed. */
export function lapse(url: string, move: string): Promise<unknown> {
  return onServer(url, (query) =>
    query(
      `update outgrow.move set heartbeat = heartbeat - interval '1 hour' where name = '${move}'`,
    ),
  );
}

/** Runs a copy again that failed, which must now end well. @returns how often a lease had to lapse first. */
export async function goOn(url: string, source: string, options: CopyTry): Promise<number> {
  let lapsed = 0;
  for (;;) {
    const ended = await tryCopy(url, source, options);
    if (ended === "done") return lapsed;
    // This process lives, so its own lost lease is not known to be dead: elsewhere a killed one's is.
    if (ended !== "MOVE_LEASED" || lapsed++ > 0) throw new Error(`The second copy ended ${ended}.`);
    await lapse(url, options.move ?? "");
  }
}

/** Waits until `probe` answers. @throws Error after `deadlineMs` */
export async function until<T>(
  what: string,
  probe: () => Promise<T | undefined | false>,
  deadlineMs = 20_000,
): Promise<T> {
  const deadline = Date.now() + deadlineMs;
  for (;;) {
    const answer = await probe();
    if (answer !== undefined && answer !== false) return answer;
    if (Date.now() > deadline) throw new Error(`Not within ${deadlineMs} ms: ${what}.`);
    await sleep(20);
  }
}
