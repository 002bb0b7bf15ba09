/** Projects that are no part of ours: each is copied into a temporary folder and installed there by its lockfile. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { endWithProcess } from "../support/end-with-process.ts";

const INSTALL_MS = 300_000;
const STEP_MS = 120_000;

export const TSC = "node_modules/typescript/bin/tsc";

export const here = fileURLToPath(new URL(".", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "outgrow-consumers-"));
endWithProcess({ endAtOnce: removeProjects });

export function removeProjects(): void {
  rmSync(folder, { recursive: true, force: true });
}

interface Ended {
  readonly code: number | null;
  readonly output: string;
}

/** What npm tells its children of the repository and its settings; how a registry is reached is for us as well. */
const REPOSITORYS =
  /^(?:npm_(?!config_(?:registry|cache|userconfig|globalconfig|(?:https?_)?proxy|noproxy|cafile|ca|strict_ssl|[@/].*)$)|INIT_CWD$|NODE_)/i;

export async function run(
  cwd: string,
  [command, ...parameters]: readonly [string, ...string[]],
  env: Readonly<Record<string, string>> = {},
  timeout = STEP_MS,
): Promise<Ended> {
  // Whoever runs the tests has a database, not we.
  const inherited = Object.entries(process.env).filter(
    ([name]) => !REPOSITORYS.test(name) && !/^(?:DATABASE_URL|DIRECT_URL)$/.test(name),
  );
  const child = spawn(command, parameters, {
    cwd,
    env: { ...Object.fromEntries(inherited), ...env },
    stdio: ["ignore", "pipe", "pipe"],
    timeout,
    killSignal: "SIGKILL",
    shell: process.platform === "win32",
  });
  const ended = once(child, "close");
  const [out, error] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const [code] = (await ended) as [number | null];
  return { code, output: `${out}${error}` };
}

/** Runs a tool that the project has installed. @throws with what it said when it fails. */
export async function tool(
  project: string,
  parameters: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const { code, output } = await run(project, [process.execPath, ...parameters], env);
  if (code !== 0) throw new Error(`node ${parameters.join(" ")} ended with ${code}:\n${output}`);
  return output;
}

const installed = new Map<string, Promise<string>>();

/** The folder of a consumer, with what its lockfile says. No install script is run. */
export function install(name: string): Promise<string> {
  const project = installed.get(name) ?? installOnce(name);
  installed.set(name, project);
  return project;
}

async function installOnce(name: string): Promise<string> {
  const project = join(folder, name);
  cpSync(join(here, name), project, {
    recursive: true,
    filter: (path) => !/[\\/](?:node_modules|built|generated)$/.test(path),
  });
  const flags = ["--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund"];
  const { code, output } = await run(project, ["npm", "ci", ...flags], {}, INSTALL_MS);
  if (code === 0) return project;
  throw new Error(
    `The packages of test/consumers/${name} could not be installed. These tests need the npm registry, or a cache ` +
      `of npm that holds them: \`npm ci ${flags.join(" ")}\` in that folder says the same.\n${output}`,
  );
}
