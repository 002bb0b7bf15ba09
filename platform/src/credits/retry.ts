/**
 * The one layer that asks again. A store's error means one of four things, and only its backend knows which:
 *
 * - `refused`: the store said no, and would say so again;
 * - `unsent`: it never got the request;
 * - `contended`: it gave up for others' sake, and undid what it had begun;
 * - `unknown`: it may have done it or not.
 *
 * All but the first are tried again: the key makes that safe. How often is bounded, and what is left is said as it is.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { PlatformError } from "../errors.ts";

export interface Fate {
  readonly is: "refused" | "unsent" | "contended" | "unknown";
  /** What is thrown when no attempt is left. */
  readonly error: PlatformError;
}

export interface RetryOptions {
  /** How often a request is sent at most when answers are lost. Default 8. */
  readonly attempts?: number | undefined;
  /** How long an answer is waited for before it counts as lost. Default 10 seconds. */
  readonly answerMs?: number | undefined;
}

const ATTEMPTS = 8;
const ANSWER_MS = 10_000;
/** Whoever loses to others has cost them nothing, so it may lose more often. */
const CONTENDED_ATTEMPTS = 60;
const FIRST_DELAY_MS = 25;
const LONGEST_DELAY_MS = 2_000;
const LONGEST_CONTENDED_DELAY_MS = 200;

/**
 * @param attempt does the same each time
 * @param changes whether it changes anything, so that an unknown outcome matters
 */
export async function settled<R>(
  attempt: () => Promise<R>,
  fateOf: (error: unknown) => Fate,
  changes: boolean,
  options: RetryOptions = {},
): Promise<R> {
  const { attempts = ATTEMPTS, answerMs = ANSWER_MS } = options;
  let isUnknown = false;
  let sent = 0;
  let contended = 0;
  for (;;) {
    try {
      return await inTime(attempt, answerMs);
    } catch (cause) {
      const { is, error } = cause === LATE ? late() : fateOf(cause);
      isUnknown ||= is === "unknown";
      if (is === "contended") contended++;
      else sent++;
      const isOver = is === "refused" || sent >= attempts || contended >= CONTENDED_ATTEMPTS;
      if (isOver && isUnknown && changes) {
        throw new PlatformError("OUTCOME_UNKNOWN", error.site, { cause });
      }
      if (isOver) throw error;
      const round = is === "contended" ? contended : sent;
      const longest = is === "contended" ? LONGEST_CONTENDED_DELAY_MS : LONGEST_DELAY_MS;
      await sleep(Math.random() * Math.min(FIRST_DELAY_MS * 2 ** round, longest));
    }
  }
}

const LATE = Symbol("late");

function late(): Fate {
  const detail = "there was no answer in time";
  return { is: "unknown", error: new PlatformError("LEDGER_UNREACHABLE", { detail }) };
}

/** An attempt that is given up may still arrive, late: then it finds its key. */
async function inTime<R>(attempt: () => Promise<R>, ms: number): Promise<R> {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(LATE), ms);
  });
  const answer = attempt();
  answer.catch(() => {});
  try {
    return await Promise.race([answer, tooLate]);
  } finally {
    clearTimeout(timer);
  }
}
