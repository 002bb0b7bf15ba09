import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { OutgrowError } from "../errors.ts";
import { exportMove } from "../transfer/export.ts";
import { type CommonOptions, run } from "./run.ts";
import { visible } from "./screen.ts";

interface SnapshotOptions extends CommonOptions {
  readonly out?: string;
  readonly page?: string;
}

/** The browser's side, shipped as it is: it runs in a console or in a page, without any library. */
const SNIPPET = new URL("../../demo/snapshot.js", import.meta.url);

export function snapshotCommand(
  named: string | undefined,
  options: SnapshotOptions,
): Promise<void> {
  return run(options, async (context) => {
    if (options.out !== undefined) {
      const target = await context.target(named ?? options.to);
      return backup(target, options.out, context.signal);
    }
    const snippet = await readFile(SNIPPET, "utf8");
    if (options.page !== undefined) {
      await writeNew(options.page, page(snippet));
      const { page: path } = options;
      return {
        result: { page: path },
        text: () =>
          `Wrote ${visible(path)}. Host it on the app's own origin and open it in each browser that holds data.`,
      };
    }
    return {
      result: { snippet },
      text: () =>
        `${snippet}\n// Paste all of the above into the browser's console, on the app's own page.\n` +
        "// It downloads localStorage and every IndexedDB database as files; nothing is sent anywhere and nothing is changed.",
    };
  });
}

async function backup(
  target: Awaited<ReturnType<Parameters<Parameters<typeof run>[1]>[0]["target"]>>,
  folder: string,
  signal: AbortSignal,
): ReturnType<Parameters<typeof run>[1]> {
  const moves = await target.ledger.moves();
  const files: string[] = [];
  for (const { name, files: sources } of moves) {
    const out = sources.length > 1 ? join(folder, name) : join(folder, `${name}.json`);
    const result = await exportMove(target, out, { move: name, signal });
    files.push(...result.files);
  }
  return {
    result: { target: target.label, files },
    text: () =>
      [`Backed up ${moves.length} moves:`, ...files.map((file) => `  ${visible(file)}`)].join("\n"),
  };
}

async function writeNew(path: string, text: string): Promise<void> {
  try {
    await writeFile(path, text, { flag: "wx" });
  } catch (cause) {
    throw new OutgrowError("EXPORT_EXISTS", { file: path }, { cause });
  }
}

function page(snippet: string): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Save the data of this browser</title>
<h1>Save the data of this browser</h1>
<p>Downloads what this app keeps in this browser as files. Nothing is sent anywhere and nothing is changed.</p>
<button id="save">Save</button>
<script>
document.getElementById("save").addEventListener("click", () => {
${snippet}
});
</script>
</html>
`;
}
