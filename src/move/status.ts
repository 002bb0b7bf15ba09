/** Where a move is, gathered from its document, its processes, its ledger and its outbox. */
import type { Beat, Versioned } from "../store/control.ts";
import type { Move } from "../store/ledger.ts";
import { addComparisons, addSides, NO_CALLS, NO_COMPARISONS } from "./counts.ts";
import type { Comparisons, Mismatch, MoveState, ProcessReport, SideCounts } from "./state.ts";
import { LEASE_MS } from "./view.ts";

export interface ProcessStatus {
  readonly name: string;
  readonly host: string;
  readonly pid: number;
  /** Whether it was heard of within its lease. One that was not asks again before it does anything. */
  readonly alive: boolean;
  readonly confirmed: number;
  readonly ageMs: number;
}

export interface MoveStatus {
  readonly name: string;
  readonly version: number;
  readonly state: MoveState;
  readonly stageAgeMs: number;
  readonly processes: readonly ProcessStatus[];
  /** Of the stage in force, over all processes. */
  readonly sides: { readonly source: SideCounts; readonly target: SideCounts };
  readonly comparisons: Comparisons;
  readonly mismatches: readonly Mismatch[];
  /** Of the authority. */
  readonly outbox: { readonly count: number; readonly oldestMs: number | undefined } | undefined;
  readonly refused: ProcessReport["refused"];
  readonly foreign: Readonly<Record<string, number>>;
  /** What the ledger says of the copy; `undefined` before the first. */
  readonly copy: Pick<Move, "phase" | "run" | "counts"> | undefined;
  readonly openQuarantine: number;
}

export function gatherStatus(
  name: string,
  { version, document, now }: Versioned<MoveState>,
  beats: readonly Beat<unknown>[],
  rest: Pick<MoveStatus, "outbox" | "copy" | "openQuarantine">,
): MoveStatus {
  const reports = beats.map((beat) => ({ ...beat, document: beat.document as ProcessReport }));
  const current = reports.filter((beat) => beat.document.epoch === document.epoch);
  const foreign: Record<string, number> = {};
  for (const { document: report } of reports) {
    for (const [collection, count] of Object.entries(report.foreign)) {
      foreign[collection] = Math.max(foreign[collection] ?? 0, count);
    }
  }
  return {
    name,
    version,
    state: document,
    stageAgeMs: Math.max(0, now - document.since),
    processes: reports.map(({ process, document: report, ageMs }) => ({
      name: process,
      host: report.host,
      pid: report.pid,
      alive: ageMs <= LEASE_MS,
      confirmed: report.confirmed,
      ageMs,
    })),
    sides: {
      source: current.reduce((sum, one) => addSides(sum, one.document.sides.source), NO_CALLS),
      target: current.reduce((sum, one) => addSides(sum, one.document.sides.target), NO_CALLS),
    },
    comparisons: current.reduce(
      (sum, one) => addComparisons(sum, one.document.comparisons),
      NO_COMPARISONS,
    ),
    mismatches: current.flatMap((one) => one.document.mismatches),
    refused: distinct(reports.flatMap(({ document: report }) => report.refused)),
    foreign,
    ...rest,
  };
}

function distinct(refused: ProcessReport["refused"]): ProcessReport["refused"] {
  return [...new Map(refused.map((one) => [`${one.collection} ${one.key}`, one])).values()];
}
