/**
 * What somebody outside asks for: a flag of an OpenFeature provider, a variable of the environment. It may only ask.
 * In force is what the control document says, and a stage is entered through its gates, one at a time: so a flag that
 * is gone, that falls back to a default, or that names the last stage by mistake moves nothing (SEMANTICS row 10).
 */
import { OutgrowError } from "../errors.ts";
import { DEFAULT_LIMITS, type Gate, type GateLimits, judgeGates } from "./gates.ts";
import { STAGES, type StageName, stageAfter, stageOf } from "./stages.ts";
import type { MoveStatus } from "./status.ts";

/** What an OpenFeature client's `getStringDetails` answers, as far as it matters here. */
export interface FlagAnswer {
  readonly value: string;
  /** `DEFAULT`, `ERROR` and `STALE` are no one's wish. */
  readonly reason?: string | undefined;
  readonly errorCode?: string | undefined;
}

/** A stage's name, a flag's answer, or `undefined` where nobody asks for anything. */
export type Asked = string | FlagAnswer | undefined;

/** What a conductor does about a request now, and why. Asked again behind each step, it goes on. */
export type Step =
  | { readonly do: "advance" | "back"; readonly to: StageName; readonly because: string }
  | {
      readonly do: "nothing";
      readonly because: string;
      /** STAGE_UNKNOWN or FLAG_UNREADABLE: what was asked for could not be made out. */
      readonly warning?: OutgrowError;
    };

const NOBODYS_WISH = ["DEFAULT", "ERROR", "STALE"];

/** @param limits of the gates, as the move was opened with them. */
export function stepTowards(
  asked: Asked,
  status: MoveStatus,
  limits: Partial<GateLimits> = {},
): Step {
  const next = stageAfter(status.state.stage);
  const all = { ...DEFAULT_LIMITS, ...limits };
  return stepThrough(asked, status, judgeGates(next?.gates ?? [], status, all));
}

/** @param gates into the next stage, as they were judged. */
export function stepThrough(asked: Asked, { state }: MoveStatus, gates: readonly Gate[]): Step {
  const answer = typeof asked === "string" ? { value: asked } : asked;
  if (answer === undefined) return nothing("Nobody asks for a stage.");
  const { value, reason, errorCode }: FlagAnswer = answer;
  if (errorCode !== undefined || NOBODYS_WISH.includes(reason ?? "")) {
    return unreadable(errorCode ?? (reason as string));
  }
  if (value === "") return nothing("Nobody asks for a stage.");
  const wanted = STAGES.findIndex(({ name }) => name === value);
  if (wanted < 0) return unknown(value);
  const { stage, pending } = state;
  if (pending !== undefined) return nothing(`A change to ${pending.to} is under way.`);
  const here = STAGES.indexOf(stageOf(stage));
  if (wanted === here) return nothing(`The move stands at ${stage}, as asked.`);
  const to = wanted < here ? stageOf(stage).back : stageAfter(stage)?.name;
  if (to === undefined) return nothing(`Nothing leaves ${stage}.`);
  if (wanted < here) return { do: "back", to, because: `${value} is asked for.` };
  const shut = gates.find(({ closed }) => closed !== undefined);
  if (shut?.closed !== undefined) return nothing(shut.closed);
  return { do: "advance", to, because: `${value} is asked for.` };
}

function nothing(because: string): Step {
  return { do: "nothing", because };
}

/** @param detail the flag's error code or reason. */
export function unreadable(detail: string, cause?: unknown): Step {
  const warning = new OutgrowError("FLAG_UNREADABLE", { detail }, { cause });
  const because = `The flag was not answered (${detail}): the stage stays.`;
  return { do: "nothing", because, warning };
}

function unknown(value: string): Step {
  const detail = JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
  const warning = new OutgrowError("STAGE_UNKNOWN", { detail });
  return { do: "nothing", because: `There is no stage ${detail}: the stage stays.`, warning };
}
