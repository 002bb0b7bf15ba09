import { type VerifyResult, verify } from "../transfer/verify.ts";
import { verifyLive } from "./live.ts";
import { loadConfig } from "./load-config.ts";
import { run } from "./run.ts";
import { count, duration, style, table, visible } from "./screen.ts";
import { type ReadingOptions, reading } from "./source-options.ts";

/** Differences that a terminal shows; `--json` has all that were named. */
const SHOWN = 20;

export function verifyCommand(sources: readonly string[], options: ReadingOptions): Promise<void> {
  return run(options, async (context) => {
    const live = sources.length === 0 ? await loadConfig(options.config) : undefined;
    if (live?.live !== undefined) return verifyLive(context, options, live);
    const { spec, config, move, options: source } = await reading(sources, options, context);
    const target = await context.target(options.to ?? config.target);
    const result = await verify(spec, target, { ...source, move });
    return {
      result: { target: target.label, ...result },
      text: () => verifyText(result),
      exit: result.clean ? 0 : 2,
    };
  });
}

/** What was compared, as a person reads it. */
export function verifyText(result: VerifyResult): string {
  const compared = result.collections.reduce((sum, { source }) => sum + source, 0);
  const verdict = result.clean ? style("green", "Verified") : style("red", "Different");
  const lines = [
    `${verdict}  ${count(compared, "record")} rebuilt and compared in ${duration(result.seconds)}`,
    "",
    table(
      [
        "collection",
        ">source",
        ">target",
        ">equal",
        ">missing",
        ">different",
        ">extra",
        ">quarantined",
      ],
      result.collections.map((one) => [
        visible(one.name),
        ...[
          one.source,
          one.target,
          one.equal,
          one.missing,
          one.different,
          one.extra,
          one.quarantined,
        ].map((number) => number.toLocaleString("en-US")),
      ]),
    ),
  ];
  if (result.differences.length > 0) {
    lines.push(
      "",
      table(
        ["difference", "collection", "key"],
        result.differences
          .slice(0, SHOWN)
          .map(({ kind, collection, key }) => [kind, visible(collection), visible(key)]),
      ),
    );
    const more = result.differences.length - SHOWN;
    if (more > 0) lines.push(`  and ${more} more: --json names them`);
  }
  return lines.join("\n");
}
