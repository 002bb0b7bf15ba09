/** Runs the built command as its users do: in a process of its own, which a test may kill. */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { endWithProcess, hasEnded } from "./end-with-process.ts";

const project = fileURLToPath(new URL("../../", import.meta.url));
const main = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

/** What a command inherits of the tests' environment: nothing that changes what it does. */
const INHERITED = ["PATH", "HOME", "TMPDIR", "SystemRoot", "NODE_V8_COVERAGE"];

export interface CliOptions {
  /** Working directory; by default, the project's root. */
  readonly cwd?: string | undefined;
  /** Variables to set: the tests' own DATABASE_URL and such are not inherited. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /** All of standard input; by default it is empty. */
  readonly stdin?: string | Uint8Array | undefined;
  /** Sends `signal` after so many milliseconds, unless the command ended before. */
  readonly killAfterMs?: number | undefined;
  /** What `killAfterMs` sends; SIGKILL by default. */
  readonly signal?: NodeJS.Signals | undefined;
  /** Milliseconds after which a command counts as hung; 110,000 by default. */
  readonly deadlineMs?: number | undefined;
}

export interface CliResult {
  /** Exit code; null when a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  /**
   * What the command printed for machines.
   *
   * @throws Error that shows all output when that is no JSON.
   */
  json(): unknown;
}

/**
 * Runs `outgrow ARGS` and waits for its end.
 *
 * @throws Error when the command is not built, cannot be started, or passes the deadline.
 */
export function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  if (!existsSync(main)) throw new Error("dist/cli/main.js is missing: run npm run build first.");
  const { cwd = project, env = {}, stdin = "", deadlineMs = 110_000 } = options;
  const { killAfterMs, signal: killSignal = "SIGKILL" } = options;
  const inherited = INHERITED.map((name) => [name, process.env[name]]);
  const child = spawn(process.execPath, [main, ...args], {
    cwd,
    env: { ...Object.fromEntries(inherited), ...env },
  });
  return new Promise((resolve, reject) => {
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    const started = { endAtOnce: () => void child.kill("SIGKILL") };
    endWithProcess(started);
    const killing =
      killAfterMs === undefined ? undefined : setTimeout(() => child.kill(killSignal), killAfterMs);
    const deadline = setTimeout(() => {
      child.kill("SIGKILL");
      const shown = `${stdout.slice(-2000)}\n${stderr.slice(-2000)}`;
      reject(new Error(`outgrow ${args.join(" ")} ran longer than ${deadlineMs} ms:\n${shown}`));
    }, deadlineMs);
    const settle = () => {
      clearTimeout(killing);
      clearTimeout(deadline);
      hasEnded(started);
    };
    child.once("error", (error) => {
      settle();
      reject(error);
    });
    child.once("close", (code, signal) => {
      settle();
      resolve({ code, signal, stdout, stderr, json: () => parse(stdout, stderr) });
    });
    // A command that ends without reading its input closes the pipe: that is its right.
    child.stdin.on("error", () => {});
    child.stdin.end(stdin);
  });
}

function parse(stdout: string, stderr: string): unknown {
  try {
    return JSON.parse(stdout);
  } catch (cause) {
    throw new Error(`The command printed no JSON:\n${stdout}\n${stderr}`, { cause });
  }
}
