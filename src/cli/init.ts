import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { OutgrowError } from "../errors.ts";
import { type Inspection, inspect } from "../transfer/inspect.ts";
import { collectionsModule, configModule, storageModule } from "./init-modules.ts";
import { type CommonOptions, run } from "./run.ts";
import { style, visible } from "./screen.ts";

interface InitOptions extends CommonOptions {
  readonly out: string;
  readonly yes?: boolean;
}

export function initCommand(sources: readonly string[], options: InitOptions): Promise<void> {
  return run(options, async ({ signal, onProgress }) => {
    if (sources.length === 0) throw new OutgrowError("USAGE", { detail: "no source was named" });
    const inspection = await inspect(sources, { signal, onProgress });
    const files = modules(sources, inspection);
    await mkdir(options.out, { recursive: true });
    for (const [name, text] of files)
      await write(join(options.out, name), text, options.yes ?? false);
    const names = files.map(([name]) => join(options.out, name));
    return {
      result: { files: names },
      text: () =>
        [
          `${style("green", "Wrote")} ${names.map(visible).join(", ")}.`,
          "Read them, change what you know better, then:  outgrow copy",
        ].join("\n"),
    };
  });
}

function modules(
  sources: readonly string[],
  inspection: Inspection,
): (readonly [string, string])[] {
  return [
    ["outgrow.config.ts", configModule(sources, inspection)],
    ["collections.ts", collectionsModule(inspection)],
    ["storage.ts", storageModule(inspection)],
  ];
}

async function write(path: string, text: string, overwrite: boolean): Promise<void> {
  try {
    await writeFile(path, text, { flag: overwrite ? "w" : "wx" });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "EEXIST") throw cause;
    throw new OutgrowError("EXPORT_EXISTS", { file: path }, { cause });
  }
}
