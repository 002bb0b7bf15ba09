/** `outgrow stage --follow`, as a process of its own on a move that has data. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { runCli } from "../support/cli.ts";
import { freshDatabase } from "../support/postgres.ts";

let folder: string;
let database: Awaited<ReturnType<typeof freshDatabase>>;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "outgrow-follow-"));
  database = await freshDatabase();
  writeFileSync(join(folder, "app.json"), JSON.stringify({ users: [{ id: 1 }, { id: 2 }] }));
  const live = { jsonFile: "app.json", collections: [{ name: "users", key: "id" }] };
  const config = `export default ${JSON.stringify({ move: "app", live })};\n`;
  writeFileSync(join(folder, "outgrow.config.ts"), config);
});
afterEach(async () => {
  await database.drop();
  rmSync(folder, { recursive: true, force: true });
});

const cli = (args: readonly string[], more: Readonly<Record<string, string>> = {}) => {
  const { killAfterMs, ...env } = more;
  return runCli(args, {
    cwd: folder,
    env: { DATABASE_URL: database.url, NO_COLOR: "1", ...env },
    ...(killAfterMs !== undefined && { killAfterMs: Number(killAfterMs), signal: "SIGINT" }),
  });
};

it("law S5: OUTGROW_STAGE is gone towards through the gates, and ends there", async () => {
  const there = await cli(["stage", "--follow"], { OUTGROW_STAGE: "dualwrite" });
  expect(there).toMatchObject({ code: 0, stderr: "" });
  expect(there.stdout.trim().split("\n")).toEqual(["on to dualwrite  dualwrite is asked for."]);
  const waits = { OUTGROW_STAGE: "live", killAfterMs: "4000" };
  const closed = await cli(["stage", "--follow", "--json"], waits);
  expect(closed.code).toBe(0);
  expect(JSON.parse(closed.stdout.split("\n")[0] as string)).toEqual({
    stage: "dualwrite",
    did: "nothing",
    because: expect.stringContaining("outgrow copy"),
  });
});

it("input: what is no stage is refused with a code, and so is nothing at all", async () => {
  const wrong = await cli(["stage", "--follow"], { OUTGROW_STAGE: "production" });
  expect(wrong).toMatchObject({ code: 1, stdout: "" });
  expect(wrong.stderr).toContain("STAGE_UNKNOWN");
  const nobody = await cli(["stage", "--follow"]);
  expect(nobody).toMatchObject({ code: 1, stdout: "" });
  expect(nobody.stderr).toContain("OUTGROW_STAGE");
});

it("law S5: a file is followed until Ctrl-C", async () => {
  const file = join(folder, "stage");
  writeFileSync(file, "dualwrite\n");
  const following = cli(["stage", "--follow", "stage"], { killAfterMs: "12000" });
  const stage = async () => ((await cli(["stage", "--json"])).json() as Shown).state.stage;
  await expect.poll(stage, { timeout: 20_000 }).toBe("dualwrite");
  writeFileSync(file, "nowhere\n");
  await new Promise((resolve) => setTimeout(resolve, 1500));
  writeFileSync(file, "off\n");
  const { code, stdout } = await following;
  expect(code).toBe(0);
  expect(stdout).toContain("on to dualwrite  dualwrite is asked for.\n");
  expect(stdout).toContain('STAGE_UNKNOWN  There is no stage "nowhere": the stage stays.\n');
  expect(stdout).toContain("back to off  off is asked for.\n");
});

interface Shown {
  readonly state: { readonly stage: string };
}
