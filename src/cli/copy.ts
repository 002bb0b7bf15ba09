import { type CopyResult, copy } from "../transfer/copy.ts";
import { type Plan, plan } from "../transfer/plan.ts";
import { inspectionText } from "./inspect.ts";
import { type LayoutFlags, layoutOptions } from "./layout-options.ts";
import { copyLive } from "./live.ts";
import { loadConfig } from "./load-config.ts";
import { planText } from "./plan.ts";
import { run } from "./run.ts";
import { count, duration, style, table, visible } from "./screen.ts";
import { type ReadingOptions, reading } from "./source-options.ts";

interface CopyCommandOptions extends ReadingOptions, LayoutFlags {
  readonly prune?: boolean;
  readonly again?: boolean;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
}

export function copyCommand(
  sources: readonly string[],
  options: CopyCommandOptions,
): Promise<void> {
  return run(options, async (context) => {
    const live = sources.length === 0 ? await loadConfig(options.config) : undefined;
    if (live?.live !== undefined) return copyLive(context, options, live);
    const { spec, config, move, options: source } = await reading(sources, options, context);
    const layouts = layoutOptions(options, config);
    if (options.dryRun) {
      const asked =
        layouts.bind === undefined ? undefined : await context.target(options.to ?? config.target);
      const planned = await plan(spec, asked, { ...source, ...layouts });
      return { result: { dryRun: true, ...planned }, text: () => dryRunText(planned) };
    }
    const target = await context.target(options.to ?? config.target);
    const result = await copy(spec, target, {
      ...source,
      ...layouts,
      move,
      tenant: options.tenant ?? config.tenant,
      prune: options.prune,
      again: options.again,
    });
    const quarantined = total(result, "quarantined");
    return {
      result: { target: target.label, ...result },
      text: () => copyText(result, target.label),
      exit: quarantined > 0 ? 2 : 0,
    };
  });
}

function dryRunText(planned: Plan): string {
  return `${inspectionText(planned.inspection)}\n\n${planText(planned)}`;
}

export function total(result: CopyResult, what: keyof CopyResult["counts"][string]): number {
  return Object.values(result.counts).reduce((sum, counts) => sum + (counts[what] ?? 0), 0);
}

/** What of the stored records was there just so before this copy. */
function already(unchanged: number): string {
  return unchanged === 0 ? "" : ` (${unchanged.toLocaleString("en-US")} of them as they were)`;
}

/** What was moved, as a person reads it. */
export function copyText(result: CopyResult, target: string): string {
  const read = total(result, "read");
  const quarantined = total(result, "quarantined");
  const unchanged = total(result, "unchanged");
  const rate = result.seconds > 0 ? Math.round(read / result.seconds) : read;
  const lines = [
    `${style("green", "Stored")} ${count(total(result, "applied"), "record")}${already(unchanged)} in ${visible(target)}, ${read.toLocaleString("en-US")} read in ${duration(result.seconds)} (${rate.toLocaleString("en-US")}/s), move ${style("bold", visible(result.move))}, run ${result.run}${result.resumed ? ", gone on from where it stopped" : ""}`,
    "",
    table(
      ["collection", ">read", ">stored", ">repeated", ">older", ">quarantined"],
      Object.entries(result.counts).map(([name, counts]) => [
        visible(name),
        ...[counts.read, counts.applied, counts.duplicate, counts.stale, counts.quarantined].map(
          (number) => number.toLocaleString("en-US"),
        ),
      ]),
    ),
  ];
  if (result.spills.length > 0) {
    lines.push(
      "",
      "Kept exactly, beside their column:",
      table(
        ["column", "why", ">values"],
        result.spills.map(({ collection, column, code, count: times }) => [
          visible(`${collection}.${column}`),
          code,
          times.toLocaleString("en-US"),
        ]),
      ),
    );
  }
  lines.push(...settlementLines(result.settlement));
  if (result.pruned > 0)
    lines.push("", `${count(result.pruned, "record")} of an earlier copy pruned.`);
  if (quarantined > 0) {
    lines.push(
      "",
      style("yellow", `${count(quarantined, "record")} in quarantine:`),
      "  outgrow quarantine list",
    );
  }
  return lines.join("\n");
}

function settlementLines({ dangling, refused }: CopyResult["settlement"]): string[] {
  const lines = dangling.map(
    ({ collection, column, count: times }) =>
      `${count(times, "reference")} of ${visible(`${collection}.${column}`)} lead nowhere: NULL in the column, kept in the record.`,
  );
  for (const { name, sqlState } of refused) {
    lines.push(
      `${visible(name)} was not made: the records do not bear it out (SQLSTATE ${sqlState}).`,
    );
  }
  return lines.length === 0 ? [] : ["", ...lines];
}
