/** Real processes around one embedded database, for the tests that kill and stop them. */
import { type ChildProcess, spawn } from "node:child_process";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, afterEach, beforeAll } from "vitest";
import { openPglite } from "../../src/drivers/pglite/index.ts";
import type { OutgrowError } from "../../src/errors.ts";

export const folder = mkdtempSync(join(tmpdir(), "pglite-test-"));
const template = join(folder, "template");
const built = new URL("../../dist/drivers/pglite/index.js", import.meta.url).href;
const children = new Set<ChildProcess>();

beforeAll(async () => {
  const db = await openPglite(template);
  await db.query("create table t (who text, n int)");
  await db[Symbol.asyncDispose]();
}, 60_000);

afterEach(() => {
  for (const child of children) child.kill("SIGKILL");
  children.clear();
});
afterAll(() => rmSync(folder, { recursive: true }));

export function copied(name: string): string {
  const directory = join(folder, name);
  cpSync(template, directory, { recursive: true });
  return directory;
}

/** A process that runs `code` with `openPglite`, `directory` and `say(line)` at hand. */
export function start(directory: string, code: string) {
  const head = `
    const { openPglite } = await import(${JSON.stringify(built)});
    const directory = ${JSON.stringify(directory)};
    const say = (line) => process.stdout.write(line + "\\n");
    const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", head + code], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  children.add(child);
  const lines: string[] = [];
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  const reader = createInterface({ input: child.stdout });
  reader.on("line", (line) => lines.push(line));
  /** Until it has said `line`. */
  const said = async (line: string) => {
    while (!lines.includes(line)) {
      if (child.exitCode !== null) throw new Error(`It ended; it said ${lines.join()}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  return { child, lines, ended, said };
}

/** Holds the database until it is told to close. */
export const HOLD = `
  const db = await openPglite(directory);
  say("open");
  process.stdin.once("data", async () => { await db[Symbol.asyncDispose](); process.exit(); });`;

export async function codeOf(promise: Promise<unknown>): Promise<string> {
  return await promise.then(
    () => "none",
    (error: OutgrowError) => error.code,
  );
}

export async function countOf(directory: string): Promise<string | null | undefined> {
  const db = await openPglite(directory);
  const { rows } = await db.query("select count(*) from t");
  await db[Symbol.asyncDispose]();
  return rows[0]?.[0];
}
