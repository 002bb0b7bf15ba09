/** A move's status, as `gatherStatus` gives it, for what is judged from it alone. */
import { NO_CALLS, NO_COMPARISONS } from "../../src/move/counts.ts";
import { firstState, LATENCY_CLASSES_MS, type SideCounts } from "../../src/move/state.ts";
import type { MoveStatus } from "../../src/move/status.ts";

type Changes = Partial<Omit<MoveStatus, "state">> & {
  readonly state?: Partial<MoveStatus["state"]>;
};

/** At `off`, with nothing done and nobody there, but for what is given. */
export function statusWith({ state, ...rest }: Changes = {}): MoveStatus {
  return {
    name: "app",
    version: 1,
    state: { ...firstState(1000, "a test"), ...state },
    stageAgeMs: 0,
    processes: [],
    sides: { source: NO_CALLS, target: NO_CALLS },
    comparisons: NO_COMPARISONS,
    mismatches: [],
    outbox: undefined,
    refused: [],
    foreign: {},
    copy: undefined,
    openQuarantine: 0,
    ...rest,
  };
}

/** So many reads, each of which took this class of milliseconds, or longer than all classes. */
export function readsOf(count: number, ms: number): SideCounts {
  const found = LATENCY_CLASSES_MS.findIndex((bound) => ms <= bound);
  const index = found < 0 ? LATENCY_CLASSES_MS.length : found;
  const latency = [...NO_CALLS.latency];
  latency[index] = count;
  return { ...NO_CALLS, reads: count, latency };
}
