/** Where a configuration may lie, and what it may import there. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { loadConfig } from "../../src/cli/load-config.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "outgrow-config-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

it("a configuration imports the package and its parts where nothing is installed beside it", async () => {
  const path = join(folder, "outgrow.config.ts");
  writeFileSync(
    path,
    `import { defineConfig } from "outgrow";
import { openJsonFile } from "outgrow/drivers/json-file";
import { STAGES } from "outgrow/move";
export default defineConfig({ move: typeof openJsonFile, target: STAGES[5].name });`,
  );
  expect(await loadConfig(path)).toEqual({ move: "function", target: "complete" });
});
