/**
 * WHEN: a move of an app's live data from one store to another, in six stages, each with a gate into it and a way back.
 *
 * @module
 */
export type { CompareOptions } from "./compare.ts";
export { percentile } from "./counts.ts";
export {
  environmentWish,
  type Followed,
  type FollowOptions,
  fileWish,
  follow,
  followOnce,
  type Wish,
} from "./follow.ts";
export { DEFAULT_LIMITS, type Gate, type GateLimits, type GateName, judgeGates } from "./gates.ts";
export { type LiveMove, type MoveOptions, openMove } from "./live-move.ts";
export type { MoveObserver, ObservedCall } from "./observer.ts";
export { type Asked, type FlagAnswer, type Step, stepTowards } from "./requested.ts";
export { type SideName, STAGES, type Stage, type StageName, stageOf } from "./stages.ts";
export type * from "./state.ts";
export type { MoveStatus, ProcessStatus } from "./status.ts";
export type { LiveVerification } from "./work.ts";
