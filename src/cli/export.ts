import type { FormatName } from "../formats/format.ts";
import { exportMove } from "../transfer/export.ts";
import { type CommonOptions, run } from "./run.ts";
import { count, duration, style, visible } from "./screen.ts";

interface ExportCommandOptions extends CommonOptions {
  readonly out: string;
  readonly as?: FormatName;
  readonly move?: string;
  readonly yes?: boolean;
}

export function exportCommand(
  named: string | undefined,
  options: ExportCommandOptions,
): Promise<void> {
  return run(options, async (context) => {
    const target = await context.target(named ?? options.to);
    const result = await exportMove(target, options.out, {
      move: options.move,
      as: options.as,
      overwrite: options.yes,
      signal: context.signal,
      onProgress: context.onProgress,
    });
    if (options.out === "-") return { result: {}, text: () => "" };
    return {
      result: { target: target.label, ...result },
      text: () => {
        const lines = [
          `${style("green", "Exported")} ${count(result.records, "record")} as ${result.format} in ${duration(result.seconds)}:`,
          ...result.files.map((file) => `  ${visible(file)}`),
        ];
        if (result.tagged > 0) {
          lines.push(
            `${count(result.tagged, "value")} had no word in this format and stand as {"$…": …}.`,
          );
        }
        if (result.quarantined > 0) {
          lines.push(
            style("yellow", `${count(result.quarantined, "record")} in quarantine are not in it.`),
          );
        }
        return lines.join("\n");
      },
    };
  });
}
