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

/** Fields of Linux' /proc/PID/stat behind the name, which may itself hold spaces and brackets. */
function statFields(pid: number): readonly string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  } catch {
    return undefined;
  }
}

function startedAt(pid: number): string | undefined {
  return statFields(pid)?.[19];
}

/** Dead but for its parent asking how it ended: such a one still has its number, and none of its threads is left. */
function isZombie(pid: number): boolean {
  const fields = statFields(pid);
  return fields?.[0] === "Z" && Number(fields[17]) <= 1;
}

/** `true` only when that is sure: a process of another machine is never known to be dead. */
export function isDead(holder: ProcessIdentity): boolean {
  if (holder.host !== hostname()) return false;
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
  const started = startedAt(holder.pid);
  if (started !== undefined && holder.started !== undefined && started !== holder.started)
    return true;
  return isZombie(holder.pid);
}
