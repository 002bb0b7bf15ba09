/** The whole journey under load, in brief: `npm run rehearse -- picture-ai --faults` is the long version. */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";

const program = fileURLToPath(new URL("../../../scripts/rehearse.mjs", import.meta.url));

it("law S1 to S6: people who use the app while its data moves, there and back and over, notice nothing", async () => {
  const env = { ...process.env, SEED: "1" };
  const run = await promisify(execFile)(process.execPath, [program, "picture-ai", "--brief"], {
    env,
  }).catch((error: { stdout: string; stderr: string }) => error);
  expect(`${run.stdout}${run.stderr}`).toContain("Every claim held.");
});
