/**
 * What somebody outside asks for: a flag of an OpenFeature provider, a variable of the environment. It may only ask.
 * In force is what the control document says, and a stage is entered through its gates, one at a time: so a flag that
 * is gone, that falls back to a default, or that names the last stage by mistake moves nothing (SEMANTICS row 10).
 */
import { DEFAULT_LIMITS, type GateLimits, judgeGates } from "./gates.ts";
import { STAGES, type StageName, stageAfter, stageOf } from "./stages.ts";
import type { MoveStatus } from "./status.ts";

/** What an OpenFeature client's `getStringDetails` answers, as far as it matters here. */
export interface FlagAnswer {
  readonly value: string;
  /** `DEFAULT`, `ERROR` and `STALE` are no one's wish. */
  readonly reason?: string | undefined;
  readonly errorCode?: string | undefined;
}

/** What a conductor does about a request now, and why. Asked again behind each step, it goes on. */
export type Step =
  | { readonly do: "advance" | "back"; readonly to: StageName; readonly because: string }
  | { readonly do: "nothing"; readonly because: string };

const NOBODYS_WISH = ["DEFAULT", "ERROR", "STALE"];

/** @param asked a stage's name, a flag's answer, or `undefined` where nobody asks for anything. */
export function stepTowards(
  asked: string | FlagAnswer | undefined,
  status: MoveStatus,
  limits: Partial<GateLimits> = {},
): Step {
  if (asked === undefined || asked === "") return nothing("Nobody asks for a stage.");
  const { value, reason, errorCode } =
    typeof asked === "string" ? { value: asked, reason: undefined, errorCode: undefined } : asked;
  if (errorCode !== undefined || NOBODYS_WISH.includes(reason ?? "")) {
    return nothing(`The flag was not answered (${errorCode ?? reason}): the stage stays.`);
  }
  const wanted = STAGES.findIndex(({ name }) => name === value);
  if (wanted < 0) return nothing(`There is no stage ${JSON.stringify(value)}: the stage stays.`);
  const { stage, pending } = status.state;
  if (pending !== undefined) return nothing(`A change to ${pending.to} is under way.`);
  const here = STAGES.indexOf(stageOf(stage));
  if (wanted === here) return nothing(`The move stands at ${stage}, as asked.`);
  return wanted < here ? stepBack(stage, value) : stepForward(status, value, limits);
}

function stepBack(stage: StageName, wanted: string): Step {
  const { back } = stageOf(stage);
  if (back === undefined) return nothing(`Nothing leaves ${stage}.`);
  return { do: "back", to: back, because: `${wanted} is asked for.` };
}

function stepForward(status: MoveStatus, wanted: string, limits: Partial<GateLimits>): Step {
  const next = stageAfter(status.state.stage);
  if (next === undefined) return nothing(`Nothing leaves ${status.state.stage}.`);
  const gates = judgeGates(next.gates, status, { ...DEFAULT_LIMITS, ...limits });
  const shut = gates.find(({ closed }) => closed !== undefined);
  if (shut?.closed !== undefined) return nothing(shut.closed);
  return { do: "advance", to: next.name, because: `${wanted} is asked for.` };
}

function nothing(because: string): Step {
  return { do: "nothing", because };
}
