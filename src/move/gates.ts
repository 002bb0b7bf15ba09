/**
 * What has to hold before a stage is entered: pure functions of the move's status. A gate that is closed says so in a
 * sentence, with what it counted and what to do. Nothing passes a gate by being unknown.
 */
import { percentile } from "./counts.ts";
import { LATENCY_CLASSES_MS } from "./state.ts";
import type { MoveStatus } from "./status.ts";

export type GateName =
  | "steady"
  | "copied"
  | "verified"
  | "quarantine"
  | "outbox"
  | "compared"
  | "latency"
  | "held"
  | "backup"
  | "confirmed";

export interface GateLimits {
  /** Reads that shadow comparison must have compared. Default 100. */
  readonly minCompared: number;
  /** Share of them that may have differed. Default 0. */
  readonly maxMismatchRate: number;
  /** The side that is to serve reads may be so many times as slow at its 99th percentile. Default 4. */
  readonly maxSlowdown: number;
  /** And this many milliseconds are always good enough. Default 50. */
  readonly goodLatencyMs: number;
  /** How long a stage from live on has to last. Default 24 hours. */
  readonly holdMs: number;
}

export const DEFAULT_LIMITS: GateLimits = {
  minCompared: 100,
  maxMismatchRate: 0,
  maxSlowdown: 4,
  goodLatencyMs: 50,
  holdMs: 24 * 60 * 60 * 1000,
};

export interface Gate {
  readonly name: GateName;
  /** `undefined` when open. */
  readonly closed: string | undefined;
}

type Check = (status: MoveStatus, limits: GateLimits) => string | undefined;

const records = (count: number): string => (count === 1 ? "1 record" : `${count} records`);

/** A key that waits for longer than this is not just on its way. */
const PROMPT_MS = 3000;

function copied({ state }: MoveStatus): string | undefined {
  if (state.copied !== undefined) return undefined;
  return "The source has not been copied since this journey began: outgrow copy.";
}

function verified({ state }: MoveStatus): string | undefined {
  const { verified: found, copied: copy } = state;
  if (found === undefined || found.run !== copy?.run || found.at < copy.at) {
    return "The copy has not been verified to its last record: outgrow verify.";
  }
  const wrong = found.missing + found.different + found.extra;
  if (wrong === 0) return undefined;
  return `Verification found ${records(found.missing)} missing, ${found.different} different, ${found.extra} extra: outgrow verify names them; copy again, then verify.`;
}

function quarantine({ openQuarantine }: MoveStatus): string | undefined {
  if (openQuarantine === 0) return undefined;
  return `${records(openQuarantine)} in quarantine: replay or accept each by name (outgrow quarantine list).`;
}

function outbox({ outbox: box, refused }: MoveStatus): string | undefined {
  if (refused.length > 0) {
    const [{ collection, key, code }] = refused as [(typeof refused)[number]];
    return `The other side refuses ${records(refused.length)}, among them ${collection} ${key} (${code}): change the layout or the record; it is delivered by itself then.`;
  }
  // While an app writes there is nearly always something on its way. What stays behind is another matter; and where the
  // authority changes, the outbox is emptied behind the fence.
  if (box === undefined || (box.oldestMs ?? 0) < PROMPT_MS) return undefined;
  const waited = Math.round((box.oldestMs ?? 0) / 1000);
  return `${records(box.count)} still wait to be delivered, the oldest for ${waited} s: wait, or see whether the other side answers.`;
}

const compared: Check = ({ comparisons }, { minCompared, maxMismatchRate }) => {
  const { equal, mismatched } = comparisons;
  const all = equal + mismatched;
  if (all < minCompared) {
    return `${all} of ${minCompared} reads have been compared with the other side: let the app run on, or raise the sample.`;
  }
  if (mismatched <= all * maxMismatchRate) return undefined;
  return `${mismatched} of ${all} compared reads differed: outgrow status names them; verify, and copy again.`;
};

const most = (ms: number): string =>
  Number.isFinite(ms) ? `up to ${ms} ms` : `more than ${LATENCY_CLASSES_MS.at(-1)} ms`;

/** The side that will serve has been asked for the sample. */
const latency: Check = ({ sides }, { minCompared, maxSlowdown, goodLatencyMs }) => {
  const [now, then] = [percentile(sides.source, 0.99), percentile(sides.target, 0.99)];
  if (then === undefined) {
    if (minCompared === 0) return undefined;
    return "It is not known how fast the target answers: it has not been asked in this stage.";
  }
  if (then <= goodLatencyMs) return undefined;
  if (now !== undefined && Number.isFinite(then) && then <= now * maxSlowdown) return undefined;
  return `At its 99th percentile the target takes ${most(then)}, the source ${most(now ?? 0)}: see to the target first.`;
};

const held: Check = ({ stageAgeMs, state }, { holdMs }) => {
  if (stageAgeMs >= holdMs) return undefined;
  const left = Math.ceil((holdMs - stageAgeMs) / 1000);
  return `The stage ${state.stage} is to last for another ${left} s, in which going back costs nothing.`;
};

function steady({ state, processes }: MoveStatus): string | undefined {
  if (state.pending !== undefined) {
    return `A change to ${state.pending.to} is under way, begun by ${state.pending.by}: outgrow stage --resume.`;
  }
  const late = processes.find(({ alive, confirmed }) => alive && confirmed < state.epoch);
  if (late === undefined) return undefined;
  return `The process ${late.name} has not confirmed the stage ${state.stage} yet: wait, or stop it.`;
}

function backup({ state }: MoveStatus): string | undefined {
  if (state.backup?.restored === true) return undefined;
  return "There is no backup that has been restored and checked: outgrow backup.";
}

function confirmed({ state }: MoveStatus): string | undefined {
  if (state.confirmed !== undefined && state.confirmed.at >= state.since) return undefined;
  return "There is no way back from complete: somebody has to confirm it by name (--confirm NAME).";
}

const CHECKS: Readonly<Record<GateName, Check>> = {
  steady,
  copied,
  verified,
  quarantine,
  outbox,
  compared,
  latency,
  held,
  backup,
  confirmed,
};

export function judgeGates(
  names: readonly GateName[],
  status: MoveStatus,
  limits: GateLimits = DEFAULT_LIMITS,
): readonly Gate[] {
  return names.map((name) => ({ name, closed: CHECKS[name](status, limits) }));
}
