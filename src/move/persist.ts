/**
 * The one layer of retries for a change of stage. Its steps can be done again, and what has been done is seen by what
 * is durable: so a conductor whose connection is lost for a while looks again and goes on, where a person would
 * otherwise have to, with writes waiting meanwhile. Neither the stores below nor the loops above try again.
 */
import { type ErrorCode, OutgrowError } from "../errors.ts";

/** A store did not answer, or not in time; FENCED: somebody else was faster with the same step, or has gone on. */
const PASSING: readonly ErrorCode[] = [
  "OUTCOME_UNKNOWN",
  "TARGET_UNREACHABLE",
  "TARGET_BUSY",
  "TIMEOUT",
  "FILE_LOCKED",
  "DATADIR_LOCKED",
  "DATADIR_POISONED",
  "FENCED",
];

/** No attempt begins later than so long after the first loss. */
export const PERSIST_MS = 60_000;
const FIRST_DELAY_MS = 25;
const LONGEST_DELAY_MS = 2000;

/**
 * Does something until it is answered.
 * @param work is told whether an earlier attempt was lost, and so may have taken place.
 * @throws the first error that time does not heal, or the last one when it is over.
 */
export async function persist<T>(work: (wasLost: boolean) => Promise<T>): Promise<T> {
  let deadline: number | undefined;
  for (let attempt = 0; ; attempt++) {
    try {
      return await work(attempt > 0);
    } catch (error) {
      if (!OutgrowError.is(error) || !PASSING.includes(error.code)) throw error;
      deadline ??= performance.now() + PERSIST_MS;
      const longest = Math.min(FIRST_DELAY_MS * 2 ** attempt, LONGEST_DELAY_MS);
      const delay = longest * (0.5 + Math.random() / 2);
      if (performance.now() + delay > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, delay));
    }
  }
}
