/**
 * The stages of a move, as data. Everything that depends on the stage reads this table; nothing else knows the names.
 *
 * S2. Up to and including shadow the source alone can serve everything; from live on, the target can.
 * S3. In live and rampdown every write also reaches the source, so going back loses nothing.
 * S5. Only adjacent stages may coexist.
 * S6. Nothing leaves `complete`.
 */
import type { GateName } from "./gates.ts";

export type StageName = "off" | "dualwrite" | "shadow" | "live" | "rampdown" | "complete";
export type SideName = "source" | "target";

export interface Stage {
  readonly name: StageName;
  readonly reads: SideName;
  /** A sample of reads is asked of this side as well, and compared. In `off`, of the same side: that is A/A. */
  readonly sampled: SideName | undefined;
  /** Writes are acknowledged by this side. */
  readonly authority: SideName;
  /** And delivered to this one, through the authority's outbox. */
  readonly mirrored: SideName | undefined;
  /** What has to hold before it is entered from the stage before. */
  readonly gates: readonly GateName[];
  /** Where it can go back to, losing nothing. */
  readonly back: StageName | undefined;
}

/** In their order. */
export const STAGES: readonly Stage[] = [
  {
    name: "off",
    reads: "source",
    sampled: "source",
    authority: "source",
    mirrored: undefined,
    gates: [],
    back: undefined,
  },
  {
    name: "dualwrite",
    reads: "source",
    sampled: undefined,
    authority: "source",
    mirrored: "target",
    gates: ["steady"],
    back: "off",
  },
  {
    name: "shadow",
    reads: "source",
    sampled: "target",
    authority: "source",
    mirrored: "target",
    gates: ["steady", "copied", "verified", "quarantine", "outbox"],
    back: "dualwrite",
  },
  {
    name: "live",
    reads: "target",
    sampled: "source",
    authority: "target",
    mirrored: "source",
    gates: ["steady", "verified", "quarantine", "outbox", "compared", "latency"],
    back: "shadow",
  },
  {
    name: "rampdown",
    reads: "target",
    sampled: undefined,
    authority: "target",
    mirrored: "source",
    gates: ["steady", "held", "compared", "outbox"],
    back: "live",
  },
  {
    name: "complete",
    reads: "target",
    sampled: undefined,
    authority: "target",
    mirrored: undefined,
    gates: ["steady", "held", "outbox", "backup", "confirmed"],
    back: undefined,
  },
];

/** @throws {TypeError} for a name that is none. */
export function stageOf(name: string): Stage {
  const stage = STAGES.find((one) => one.name === name);
  if (stage === undefined) throw new TypeError(`There is no stage ${JSON.stringify(name)}.`);
  return stage;
}

export function stageAfter(name: StageName): Stage | undefined {
  return STAGES[STAGES.indexOf(stageOf(name)) + 1];
}
