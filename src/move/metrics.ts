/**
 * A move's status as Prometheus text (exposition format 0.0.4), as that format's guide asks for it: base units,
 * `_total` on what only grows, a histogram of cumulated buckets with its `_sum` and `_count`.
 */
import { type SideName, STAGES } from "./stages.ts";
import { LATENCY_CLASSES_MS, type SideCounts } from "./state.ts";
import type { MoveStatus } from "./status.ts";

/** The content type of `metricsText`. */
export const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

type Labels = Readonly<Record<string, string>>;

class Exposition {
  #text = "";
  readonly #move: string;

  constructor(move: string) {
    this.#move = move;
  }

  family(name: string, type: "gauge" | "counter" | "histogram", help: string): void {
    this.#text += `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`;
  }

  sample(name: string, value: number, labels: Labels = {}): void {
    const pairs = Object.entries({ move: this.#move, ...labels });
    const said = pairs.map(([label, text]) => `${label}="${escaped(text)}"`);
    this.#text += `${name}{${said.join(",")}} ${value}\n`;
  }

  /** A family of one sample. */
  gauge(name: string, help: string, value: number): void {
    this.family(name, "gauge", help);
    this.sample(name, value);
  }

  get text(): string {
    return this.#text;
  }
}

const escaped = (text: string): string =>
  text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");

/** Counts are those of the stage in force: they begin anew with each, as those of a process that starts again. */
export function metricsText(status: MoveStatus): string {
  const out = new Exposition(status.name);
  const { state, outbox, processes } = status;
  out.family("outgrow_stage", "gauge", "1 for the stage that the move is at.");
  for (const { name } of STAGES) {
    out.sample("outgrow_stage", name === state.stage ? 1 : 0, { stage: name });
  }
  out.gauge("outgrow_epoch", "Grows with each change of stage.", state.epoch);
  calls(out, status.sides);
  out.family("outgrow_compared_total", "counter", "Reads compared between the sides, by outcome.");
  for (const [outcome, count] of Object.entries(status.comparisons)) {
    out.sample("outgrow_compared_total", count, { outcome });
  }
  out.gauge("outgrow_outbox_records", "Records that wait to be delivered.", outbox?.count ?? 0);
  const oldest = (outbox?.oldestMs ?? 0) / 1000;
  out.gauge("outgrow_outbox_oldest_seconds", "How long the oldest of them has waited.", oldest);
  const refused = status.refused.length;
  out.gauge("outgrow_refused_records", "Records that the other side refuses.", refused);
  const open = status.openQuarantine;
  out.gauge("outgrow_quarantine_open", "Records in quarantine that nobody has settled.", open);
  out.family("outgrow_foreign_writes_total", "counter", "Writes found that went past the store.");
  for (const [collection, count] of Object.entries(status.foreign)) {
    out.sample("outgrow_foreign_writes_total", count, { collection });
  }
  const alive = processes.filter((one) => one.alive).length;
  out.gauge("outgrow_processes", "Processes of the app that serve the move.", alive);
  return out.text;
}

function calls(out: Exposition, sides: Readonly<Record<SideName, SideCounts>>): void {
  const both = [["source", sides.source] as const, ["target", sides.target] as const];
  out.family("outgrow_calls_total", "counter", "Answered calls of the app by side and kind.");
  for (const [side, { reads, writes }] of both) {
    out.sample("outgrow_calls_total", reads, { side, kind: "read" });
    out.sample("outgrow_calls_total", writes, { side, kind: "write" });
  }
  out.family("outgrow_call_errors_total", "counter", "Calls of the app that failed, by side.");
  for (const [side, { errors }] of both) out.sample("outgrow_call_errors_total", errors, { side });
  const name = "outgrow_call_duration_seconds";
  out.family(name, "histogram", "How long answered calls took, by side.");
  for (const [side, { latency, ms }] of both) {
    let count = 0;
    for (const [index, more] of latency.entries()) {
      count += more;
      const bound = LATENCY_CLASSES_MS[index];
      const le = bound === undefined ? "+Inf" : String(bound / 1000);
      out.sample(`${name}_bucket`, count, { side, le });
    }
    out.sample(`${name}_sum`, ms / 1000, { side });
    out.sample(`${name}_count`, count, { side });
  }
}
