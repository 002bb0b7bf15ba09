import { sqlMigration } from "../layout/emit/index.ts";
import { type CopyResult, copy } from "../transfer/copy.ts";
import { inspect } from "../transfer/inspect.ts";
import { inspectionText } from "./inspect.ts";
import { type Outcome, run } from "./run.ts";
import { count, duration, style, table, visible } from "./screen.ts";
import { type ReadingOptions, reading } from "./source-options.ts";

interface CopyCommandOptions extends ReadingOptions {
  readonly schema?: string;
  readonly tenant?: string;
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
    const { spec, config, move, options: source } = await reading(sources, options, context);
    if (options.dryRun) return dryRun(spec, options, source);
    const target = await context.target(options.to ?? config.target);
    const result = await copy(spec, target, {
      ...source,
      move,
      schema: options.schema ?? config.schema,
      tenant: options.tenant ?? config.tenant,
      prune: options.prune,
      again: options.again,
      layouts: config.layouts,
    });
    const quarantined = total(result, "quarantined");
    return {
      result: { target: target.label, ...result },
      text: () => copyText(result, target.label),
      exit: quarantined > 0 ? 2 : 0,
    };
  });
}

async function dryRun(
  spec: string | readonly string[],
  options: CopyCommandOptions,
  source: Parameters<typeof inspect>[1],
): Promise<Outcome> {
  const inspection = await inspect(spec, { ...source, tenantColumn: options.tenant !== undefined });
  const schema = options.schema ?? "public";
  const layouts = inspection.collections.map(({ layout }) => layout);
  const { create, afterLoad } = sqlMigration({ schema, layouts });
  const sql = afterLoad === "" ? [create] : [create, afterLoad];
  return {
    result: { dryRun: true, inspection, sql },
    text: () => `${inspectionText(inspection)}\n\n${sql.join("\n\n")}\n\nNothing was written.`,
  };
}

export function total(result: CopyResult, what: keyof CopyResult["counts"][string]): number {
  return Object.values(result.counts).reduce((sum, counts) => sum + counts[what], 0);
}

/** What was moved, as a person reads it. */
export function copyText(result: CopyResult, target: string): string {
  const read = total(result, "read");
  const quarantined = total(result, "quarantined");
  const rate = result.seconds > 0 ? Math.round(read / result.seconds) : read;
  const lines = [
    `${style("green", "Copied")} ${count(read, "record")} into ${visible(target)} in ${duration(result.seconds)} (${rate.toLocaleString("en-US")}/s), move ${style("bold", visible(result.move))}, run ${result.run}${result.resumed ? ", gone on from where it stopped" : ""}`,
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
