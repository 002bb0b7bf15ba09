/**
 * Follows what somebody outside asks for, through the gates: at each look one stage at most, and none where a gate is
 * closed, where the flag is not answered, or where it names no stage. One follower for a move is enough: of several
 * that are told different things, each would undo what another did.
 */
import { readFile } from "node:fs/promises";
import { OutgrowError } from "../errors.ts";
import type { LiveMove } from "./live-move.ts";
import { type Asked, type Step, stepThrough, unreadable } from "./requested.ts";
import type { StageName } from "./stages.ts";

/** Finds out which stage is asked for. What it throws counts as no answer. */
export type Wish = () => Promise<Asked> | Asked;

/** What the environment says, by default `OUTGROW_STAGE`: a stage's name. Unset or empty, nobody asks. */
export function environmentWish(variable = "OUTGROW_STAGE"): Wish {
  return () => process.env[variable]?.trim();
}

/** What a file says: a stage's name. Where there is no file, nobody asks. */
export function fileWish(path: string): Wish {
  return async () => {
    try {
      return (await readFile(path, "utf8")).trim();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
  };
}

/** What came of one look. */
export interface Followed {
  /** Where the move stands now; `undefined` where that could not be found out. */
  readonly stage: StageName | undefined;
  readonly did: Step["do"];
  /** Why, as a sentence: who asks for it, or what stands in the way. */
  readonly because: string;
  /** What was asked for could not be made out, or the step failed. */
  readonly warning?: OutgrowError | undefined;
}

/** Looks once, and takes one step at most. It never throws: a step that fails is told, and tried at the next look. */
export async function followOnce(move: LiveMove, wish: Wish): Promise<Followed> {
  let stage: StageName | undefined;
  try {
    const status = await move.status();
    stage = status.state.stage;
    const step = await stepNow(wish, status, async () => (await move.gates()).gates);
    if (step.do === "nothing") return { stage, did: "nothing", ...told(step) };
    const { stage: now } = step.do === "back" ? await move.back() : await move.advance(step.to);
    return { stage: now, did: step.do, because: step.because };
  } catch (error) {
    const warning = OutgrowError.is(error)
      ? error
      : new OutgrowError("INTERNAL", {}, { cause: error });
    return { stage, did: "nothing", because: warning.message, warning };
  }
}

const told = ({ because, warning }: Extract<Step, { do: "nothing" }>) => ({ because, warning });

async function stepNow(
  wish: Wish,
  status: Parameters<typeof stepThrough>[1],
  gates: () => Promise<Parameters<typeof stepThrough>[2]>,
): Promise<Step> {
  let asked: Asked;
  try {
    asked = await wish();
  } catch (error) {
    return unreadable("it could not be asked", error);
  }
  return stepThrough(asked, status, await gates());
}

export interface FollowOptions {
  /** Milliseconds between looks. Default 5000. */
  readonly everyMs?: number | undefined;
  /** Told when something was done, and when the reason why nothing was done has changed. */
  readonly onReport?: ((report: Followed) => void) | undefined;
}

/** Looks now and again until it is disposed of, which waits for the step under way. It keeps no process alive. */
export function follow(move: LiveMove, wish: Wish, options: FollowOptions = {}): AsyncDisposable {
  const { everyMs = 5000, onReport } = options;
  let timer: NodeJS.Timeout | undefined;
  let ended = false;
  let before = "";
  const look = async (): Promise<void> => {
    const report = await followOnce(move, wish);
    const news = report.did !== "nothing" || report.because !== before;
    before = report.because;
    if (news) onReport?.(report);
  };
  let looking = Promise.resolve();
  const again = (): void => {
    if (ended) return;
    looking = look()
      .catch(() => {
        // What the listener throws is its own affair.
      })
      .finally(() => {
        if (ended) return;
        timer = setTimeout(again, everyMs);
        timer.unref();
      });
  };
  again();
  return {
    async [Symbol.asyncDispose]() {
      ended = true;
      clearTimeout(timer);
      await looking;
    },
  };
}
