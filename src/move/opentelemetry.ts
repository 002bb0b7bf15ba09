/**
 * A move's measures by the OpenTelemetry API: `outgrow/opentelemetry`.
 *
 * Calls and comparisons are recorded as they happen, by the process that makes them. Where the move is (stage, outbox)
 * is asked of the target whenever the measures are read; every process that opens the move says the same then, so
 * these are not to be added up over processes.
 */
import type { Attributes, BatchObservableResult, Meter, Observable } from "@opentelemetry/api";
import type { MoveObserver } from "./observer.ts";
import { STAGES, stageOf } from "./stages.ts";
import type { MoveStatus } from "./status.ts";

/** In seconds: 1 ms to 4 s, as the move's own classes. */
const BOUNDS = [
  0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.024, 2.048, 4.096,
];

/**
 * What `openMove({ observer })` takes.
 *
 * @param meter `metrics.getMeter("outgrow")` of `@opentelemetry/api`.
 * @param attributes added to all that is recorded, such as the move's name where a process serves several.
 */
export function openTelemetry(meter: Meter, attributes: Attributes = {}): MoveObserver {
  const calls = meter.createCounter("outgrow.calls", {
    description: "Calls of the app, by side and kind.",
    unit: "{call}",
  });
  const errors = meter.createCounter("outgrow.call.errors", {
    description: "Calls of the app that failed, by side, kind and code.",
    unit: "{call}",
  });
  const duration = meter.createHistogram("outgrow.call.duration", {
    description: "How long calls of the app took, by side and kind.",
    unit: "s",
    advice: { explicitBucketBoundaries: BOUNDS },
  });
  const compared = meter.createCounter("outgrow.comparisons", {
    description: "Reads compared between the sides, by outcome; mismatched are those that differ.",
    unit: "{read}",
  });
  const gauges = standing(meter);
  return {
    called: ({ side, kind, ms, failed }) => {
      const labels = { ...attributes, side, kind: kind === "reads" ? "read" : "write" };
      const said = failed === undefined ? labels : { ...labels, "error.type": failed };
      calls.add(1, labels);
      duration.record(ms / 1000, said);
      if (failed !== undefined) errors.add(1, said);
    },
    compared: (outcome) => compared.add(1, { ...attributes, outcome }),
    opened: (move, status) => gauges({ ...attributes, move }, status),
  };
}

function standing(meter: Meter) {
  const gauge = (name: string, unit: string, description: string): Observable =>
    meter.createObservableGauge(name, { unit, description });
  const stage = gauge("outgrow.stage", "1", "1 for the stage that the move is at.");
  const epoch = gauge("outgrow.epoch", "1", "Grows with each change of stage.");
  const waiting = gauge("outgrow.outbox.records", "{record}", "Records that wait to be delivered.");
  const oldest = gauge("outgrow.outbox.oldest", "s", "How long the oldest of them has waited.");
  const refused = gauge("outgrow.refused", "{record}", "Records that the other side refuses.");
  const open = gauge("outgrow.quarantine", "{record}", "Records in quarantine, not settled.");
  const foreign = gauge("outgrow.foreign", "{write}", "Writes found that went past the store.");
  const all = [stage, epoch, waiting, oldest, refused, open, foreign];

  const observe = (to: BatchObservableResult, labels: Attributes, status: MoveStatus): void => {
    const { state, outbox } = status;
    for (const { name } of STAGES) {
      to.observe(stage, name === state.stage ? 1 : 0, { ...labels, stage: name });
    }
    to.observe(epoch, state.epoch, labels);
    const { authority, mirrored } = stageOf(state.stage);
    for (const side of ["source", "target"] as const) {
      // Only the authority's outbox fills, and only while there is another side to deliver to.
      const full = side === authority && mirrored !== undefined ? outbox : undefined;
      to.observe(waiting, full?.count ?? 0, { ...labels, side });
      to.observe(oldest, (full?.oldestMs ?? 0) / 1000, { ...labels, side });
    }
    to.observe(refused, status.refused.length, labels);
    to.observe(open, status.openQuarantine, labels);
    for (const [collection, count] of Object.entries(status.foreign)) {
      to.observe(foreign, count, { ...labels, collection });
    }
  };

  return (labels: Attributes, status: () => Promise<MoveStatus>): (() => void) => {
    const callback = async (to: BatchObservableResult): Promise<void> => {
      // A target that does not answer has no measures: they are missing, not zero.
      const found = await status().catch(() => undefined);
      if (found !== undefined) observe(to, labels, found);
    };
    meter.addBatchObservableCallback(callback, all);
    return () => meter.removeBatchObservableCallback(callback, all);
  };
}
