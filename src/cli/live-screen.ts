/** A live move's status for a person: one screen. */
import { percentile } from "../move/counts.ts";
import type { Gate } from "../move/gates.ts";
import { STAGES, type StageName } from "../move/stages.ts";
import type { MoveStatus } from "../move/status.ts";
import { style, table, visible } from "./screen.ts";

export function liveLines(
  status: MoveStatus,
  to: StageName | undefined,
  gates: readonly Gate[],
): readonly string[] {
  const { name, state, processes, outbox, refused, foreign, mismatches } = status;
  const path = STAGES.map((one) => (one.name === state.stage ? style("bold", one.name) : one.name));
  const lines = [
    `${style("bold", visible(name))}  ${path.join(" > ")}  (epoch ${state.epoch})`,
    "",
    table(
      ["side", ">reads", ">writes", ">errors", ">p50", ">p99"],
      (["source", "target"] as const).map((side) => {
        const counts = status.sides[side];
        const { reads, writes, errors } = counts;
        const cells = [reads, writes, errors].map(String);
        return [side, ...cells, within(percentile(counts, 0.5)), within(percentile(counts, 0.99))];
      }),
    ),
    "",
    comparisonLine(status),
    `${outbox?.count ?? 0} records wait to be delivered to the other side; ${refused.length} are refused by it.`,
    processes.length === 0
      ? "No process of the app serves this move now."
      : table(
          ["process", "", ">confirmed"],
          processes.map(({ name: process, alive, confirmed }) => [
            visible(process),
            alive ? "alive" : "silent: asks again before it does anything",
            String(confirmed),
          ]),
        ),
  ];
  for (const { collection, key } of mismatches)
    lines.push(`differs  ${visible(collection)}  ${visible(key)}`);
  for (const [collection, count] of Object.entries(foreign)) {
    lines.push(
      `${count} writes to ${visible(collection)} went around the store; they were found and captured.`,
    );
  }
  lines.push("", ...gateLines(to, gates));
  return lines;
}

const within = (ms: number | undefined): string => (ms === undefined ? "" : `<=${ms} ms`);

function comparisonLine({ comparisons }: MoveStatus): string {
  const { equal, mismatched, busy, unknown, dropped } = comparisons;
  return `${equal + mismatched} reads compared: ${equal} equal, ${mismatched} different (${busy} in motion, ${unknown} without an answer, ${dropped} left out).`;
}

function gateLines(to: StageName | undefined, gates: readonly Gate[]): string[] {
  if (to === undefined)
    return ["The move is complete:  outgrow leave  takes away what is left of it."];
  const closed = gates.filter((gate) => gate.closed !== undefined);
  if (closed.length === 0) return [`${to} is open:  outgrow stage ${to}`];
  return [
    `${to} is closed:`,
    ...closed.map((gate) => `  ${style("red", gate.name)}  ${gate.closed}`),
  ];
}
