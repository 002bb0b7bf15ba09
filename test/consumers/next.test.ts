/**
 * The recipe for Next in docs/http.md, as the page shows it, in a project of its own: built by `next build`, which also
 * checks its types, and served by `next start`, with the package as it is published.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterAll, expect, it } from "vitest";
import { checkMounted, TOKEN, writeRecipes } from "../http/recipes.ts";
import { endWithProcess, hasEnded } from "../support/end-with-process.ts";
import { freshDatabase } from "../support/postgres.ts";
import { install, removeProjects, run, tool } from "./project.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const NEXT = "node_modules/next/dist/bin/next";

afterAll(removeProjects);

/** The package, from the tarball that would be published. */
async function installOutgrow(project: string): Promise<void> {
  const packed = mkdtempSync(join(tmpdir(), "outgrow-packed-"));
  try {
    const pack = ["pack", "--ignore-scripts", "--silent", "--pack-destination", packed];
    const name = execFileSync("npm", pack, { cwd: root, encoding: "utf8" }).trim();
    const flags = ["--no-save", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund"];
    const { code, output } = await run(project, ["npm", "i", ...flags, join(packed, name)]);
    if (code !== 0) throw new Error(`The package could not be installed:\n${output}`);
  } finally {
    rmSync(packed, { recursive: true, force: true });
  }
}

async function serve(project: string, env: Readonly<Record<string, string>>) {
  const child = spawn(process.execPath, [NEXT, "start", "-p", "0", "-H", "127.0.0.1"], {
    cwd: project,
    env: { PATH: process.env["PATH"], ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ending = { endAtOnce: () => void child.kill("SIGKILL") };
  endWithProcess(ending);
  const origin = await said(child, /http:\/\/127\.0\.0\.1:\d+/);
  const stop = async (): Promise<void> => {
    const ended = new Promise((resolve) => child.once("close", resolve));
    child.kill("SIGTERM");
    await ended;
    hasEnded(ending);
  };
  return { origin, stop };
}

async function said(child: ChildProcess, what: RegExp): Promise<string> {
  if (child.stdout === null) throw new Error("Nobody hears it.");
  for await (const line of createInterface({ input: child.stdout })) {
    const found = what.exec(line)?.[0];
    if (found === undefined) continue;
    child.stdout.resume();
    return found;
  }
  throw new Error("It ended before it was ready.");
}

it("the recipe for Next, as the page shows it, is built, and serves the move", async () => {
  const project = await install("next");
  writeRecipes(project, ["outgrow.ts", "app/outgrow/[...call]/route.ts", "next.config.ts"]);
  await installOutgrow(project);
  const database = await freshDatabase();
  try {
    const quiet = { NEXT_TELEMETRY_DISABLED: "1", NODE_ENV: "production" };
    // Without a database and a token: what is built opens nothing yet.
    const built = await tool(project, [NEXT, "build"], quiet);
    expect(built).toContain("/outgrow/[...call]");
    expect(readFileSync(join(project, "data", "database.json"), "utf8")).toContain("user 299");
    const env = { ...quiet, DATABASE_URL: database.url, OUTGROW_TOKEN: TOKEN };
    const { origin, stop } = await serve(project, env);
    try {
      await checkMounted(origin);
    } finally {
      await stop();
    }
  } finally {
    await database.drop();
  }
}, 600_000);
