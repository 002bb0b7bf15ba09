/** Who holds a lock or a lease: a process of a machine, told apart from a later one that got the same number. */
import { readFileSync } from "node:fs";
import { hostname } from "node:os";

export interface ProcessIdentity {
  readonly host: string;
  readonly pid: number;
  /** When it started, in the machine's own units; `undefined` where the machine does not tell. */
  readonly started: string | undefined;
}

export function thisProcess(): ProcessIdentity {
  return { host: hostname(), pid: process.pid, started: startedAt(process.pid) };
}

/** Field 22 of Linux' /proc/PID/stat; the name before it may hold spaces and brackets. */
function startedAt(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  } catch {
    return undefined;
  }
}

/** `dead` only when that is sure: a process of another machine is never known to be dead. */
export function isDead(holder: ProcessIdentity): boolean {
  if (holder.host !== hostname()) return false;
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
  const started = startedAt(holder.pid);
  return started !== undefined && holder.started !== undefined && started !== holder.started;
}
