/** A move's status as Prometheus text (exposition format 0.0.4): names and help as that format's guide asks for them. */
import { STAGES } from "./stages.ts";
import { LATENCY_CLASSES_MS } from "./state.ts";
import type { MoveStatus } from "./status.ts";

type Labels = Readonly<Record<string, string>>;

class Exposition {
  #text = "";

  family(name: string, type: "gauge" | "counter" | "histogram", help: string): void {
    this.#text += `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`;
  }

  sample(name: string, labels: Labels, value: number): void {
    const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escaped(text)}"`);
    this.#text += `${name}{${pairs.join(",")}} ${value}\n`;
  }

  get text(): string {
    return this.#text;
  }
}

const escaped = (text: string): string =>
  text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");

/** Counts are those of the stage in force: they begin anew with each, as those of a process that starts again. */
export function metricsText(status: MoveStatus): string {
  const out = new Exposition();
  const move = status.name;
  out.family("outgrow_stage", "gauge", "1 for the stage that the move is at.");
  for (const { name } of STAGES) {
    out.sample("outgrow_stage", { move, stage: name }, name === status.state.stage ? 1 : 0);
  }
  out.family("outgrow_epoch", "gauge", "Grows with each change of stage.");
  out.sample("outgrow_epoch", { move }, status.state.epoch);
  out.family("outgrow_calls_total", "counter", "Calls of the app by side and kind.");
  for (const side of ["source", "target"] as const) {
    const { reads, writes, errors } = status.sides[side];
    out.sample("outgrow_calls_total", { move, side, kind: "read" }, reads);
    out.sample("outgrow_calls_total", { move, side, kind: "write" }, writes);
    out.sample("outgrow_calls_total", { move, side, kind: "error" }, errors);
  }
  out.family("outgrow_call_ms", "histogram", "Milliseconds of answered calls by side.");
  for (const side of ["source", "target"] as const) {
    let sum = 0;
    for (const [index, count] of status.sides[side].latency.entries()) {
      sum += count;
      const bound = LATENCY_CLASSES_MS[index];
      const le = bound === undefined ? "+Inf" : String(bound);
      out.sample("outgrow_call_ms_bucket", { move, side, le }, sum);
    }
    out.sample("outgrow_call_ms_count", { move, side }, sum);
  }
  out.family("outgrow_compared_total", "counter", "Reads compared between the sides, by outcome.");
  for (const [outcome, count] of Object.entries(status.comparisons)) {
    out.sample("outgrow_compared_total", { move, outcome }, count as number);
  }
  out.family("outgrow_outbox_records", "gauge", "Records that wait to be delivered.");
  out.sample("outgrow_outbox_records", { move }, status.outbox?.count ?? 0);
  out.family("outgrow_outbox_oldest_ms", "gauge", "How long the oldest of them has waited.");
  out.sample("outgrow_outbox_oldest_ms", { move }, status.outbox?.oldestMs ?? 0);
  out.family("outgrow_refused_records", "gauge", "Records that the other side refuses.");
  out.sample("outgrow_refused_records", { move }, status.refused.length);
  out.family("outgrow_quarantine_open", "gauge", "Records in quarantine that nobody has settled.");
  out.sample("outgrow_quarantine_open", { move }, status.openQuarantine);
  out.family("outgrow_processes", "gauge", "Processes of the app that serve the move.");
  out.sample("outgrow_processes", { move }, status.processes.filter(({ alive }) => alive).length);
  return out.text;
}
