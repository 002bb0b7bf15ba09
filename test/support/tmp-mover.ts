/** The command line as a process that a test may stop, wake and kill while it works. */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { CliResult } from "./cli.ts";
import { endWithProcess, hasEnded } from "./end-with-process.ts";
import { until } from "./fault-copy.ts";
import { onServer } from "./fault-move.ts";

const main = "/tmp/redis-live/dist/cli/main.js";

export interface Mover {
  readonly pid: number;
  readonly ended: Promise<Omit<CliResult, "json">>;
  readonly running: boolean;
  signal(signal: NodeJS.Signals): void;
}

export function startMover(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Mover {
  const child = spawn(process.execPath, [main, ...args], {
    env: { PATH: process.env["PATH"], HOME: process.env["HOME"], ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const started = { endAtOnce: () => void child.kill("SIGKILL") };
  endWithProcess(started);
  let running = true;
  const ended = new Promise<Omit<CliResult, "json">>((resolve, reject) => {
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    child.once("error", reject);
    child.once("close", (code, signal) => {
      running = false;
      hasEnded(started);
      resolve({ code, signal, stdout, stderr });
    });
  });
  return {
    pid: child.pid ?? 0,
    ended,
    get running() {
      return running;
    },
    signal: (signal) => void child.kill(signal),
  };
}

/** Still is also who waits for a lock: for that of the mover's own transaction which hangs. */
const ACTIVITY = `select count(*), count(*) filter (where (state in ('idle', 'idle in transaction')
    or wait_event_type = 'Lock') and state_change < clock_timestamp() - interval '250 milliseconds')
  from pg_stat_activity where application_name = 'outgrow' and datname = current_database() and pid <> pg_backend_pid()`;

/** Waits until a mover does nothing any more although it runs. Nobody else may be at this database. */
export function untilStill(url: string, mover: Mover): Promise<boolean> {
  return until("the mover hangs", async () => {
    if (!mover.running) throw new Error("The mover ended instead of hanging.");
    const [row] = await onServer(url, (query) => query(ACTIVITY));
    return Number(row?.[0]) > 0 && row?.[0] === row?.[1];
  });
}
