import { readdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { displayKey } from "../collection/key.ts";
import { openTarget } from "../drivers/open-target.ts";
import { ERRORS } from "../errors.ts";
import type { Quarantined } from "../store/ledger.ts";
import { type CopyResult, copy } from "../transfer/copy.ts";
import { type VerifyResult, verify } from "../transfer/verify.ts";
import { copyText, total } from "./copy.ts";
import { type CommonOptions, run } from "./run.ts";
import { say, style, table, visible } from "./screen.ts";
import { verifyText } from "./verify.ts";

interface TourOptions extends CommonOptions {
  readonly dir: string;
}

const DEMO = fileURLToPath(new URL("../../demo/", import.meta.url));

/** The main job on data that the package ships: into an embedded Postgres, verified, with what to do next. */
export function tourCommand(options: TourOptions): Promise<void> {
  return run(options, async (context) => {
    const tell = options.json ? () => {} : say;
    tell(
      style(
        "bold",
        "Outgrow moves the data of three small apps into a Postgres that runs inside this process.\n",
      ),
    );
    const sources = (await readdir(DEMO)).filter((name) => name.endsWith(".json")).sort();
    const address = `pglite:${options.dir}`;
    await using target = await openTarget(address);
    const results: TourStep[] = [];
    const quarantine: Quarantined[] = [];
    for (const name of sources) {
      const spec = `${DEMO}${name}`;
      const progress = { signal: context.signal, onProgress: context.onProgress };
      const copied = await copy(spec, target, { ...progress, schema: schemaOf(name) });
      const verified = await verify(spec, target, progress);
      tell(`${copyText(copied, target.label)}\n\n${verifyText(verified)}\n`);
      quarantine.push(...(await target.ledger.quarantined(copied.move)));
      results.push({ source: name, copied, verified });
    }
    return {
      result: { target: address, moves: results },
      text: () => `${quarantineText(quarantine)}\n${nextText(address, sources, results)}`,
    };
  });
}

interface TourStep {
  readonly source: string;
  readonly copied: CopyResult;
  readonly verified: VerifyResult;
}

/** The apps use some of the same table names, so each gets a schema of its own. */
function schemaOf(file: string): string {
  return file.replace(/\.json$/, "").replaceAll("-", "_");
}

function quarantineText(entries: readonly Quarantined[]): string {
  if (entries.length === 0) return "";
  return [
    style(
      "yellow",
      "Set aside, with their bytes, because no honest move could take them as they are:",
    ),
    table(
      ["collection", "key", "why", "next"],
      entries.map(({ collection, key, code }) => [
        visible(collection),
        key === undefined ? "" : visible(displayKey(key)),
        ERRORS[code].say,
        ERRORS[code].next,
      ]),
    ),
    "",
  ].join("\n");
}

function nextText(
  address: string,
  sources: readonly string[],
  results: readonly TourStep[],
): string {
  const moved = results.reduce((sum, { copied }) => sum + total(copied, "applied"), 0);
  const [first = ""] = sources;
  const move = first.replace(/\.json$/, "");
  const commands = [
    [`npx outgrow status ${address}`, "where the moves stand"],
    [`npx outgrow quarantine list --to ${address} --move viral-dashboard`, "what was set aside"],
    [
      `npx outgrow export ${address} --move ${move} --out ${move}.back.json`,
      "the way back: the file again",
    ],
    [`npx outgrow inspect YOUR-EXPORT.json`, "your own data: nothing is written"],
    [`npx outgrow copy YOUR-EXPORT.json --to postgres://…`, "your own move"],
  ];
  return [
    style(
      "green",
      `${moved} records are in ${address}, each rebuilt and compared with its source.`,
    ),
    "",
    "Go on with:",
    ...commands.map(([command = "", what = ""]) => `  ${command.padEnd(76)} ${style("dim", what)}`),
  ].join("\n");
}
