/**
 * Whose child is whose. Postgres' backends leave their postmaster's process group, and outlive it
 * for a moment when it is killed, so that only the table of processes tells when all are gone.
 */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

interface Row {
  readonly pid: number;
  readonly parent: number;
  readonly state: string;
}

/** @returns the pids of the living children of `parent`. */
export function childrenOf(parent: number): number[] {
  return table()
    .filter((row) => row.parent === parent && !isZombie(row))
    .map(({ pid }) => pid);
}

/** A zombie counts as dead: where process 1 reaps nobody, it stays in the table for ever. */
export function isAlive(pid: number): boolean {
  const row = process.platform === "linux" ? procRow(pid) : table().find((one) => one.pid === pid);
  return row !== undefined && !isZombie(row);
}

function isZombie(row: Row): boolean {
  return row.state.startsWith("Z");
}

function table(): Row[] {
  if (process.platform !== "linux") return psTable();
  const rows: Row[] = [];
  for (const name of readdirSync("/proc")) {
    const row = /^\d+$/.test(name) ? procRow(Number(name)) : undefined;
    if (row !== undefined) rows.push(row);
  }
  return rows;
}

/** `/proc/PID/stat` is `PID (NAME) STATE PARENT …`, and NAME may hold spaces and brackets. */
function procRow(pid: number): Row | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch {
    return undefined;
  }
  const [state, parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return { pid, parent: Number(parent), state: state ?? "" };
}

function psTable(): Row[] {
  const lines = execFileSync("ps", ["-A", "-o", "pid=,ppid=,stat="], { encoding: "utf8" });
  return lines
    .trim()
    .split("\n")
    .map((line) => {
      const [pid, parent, state] = line.trim().split(/\s+/);
      return { pid: Number(pid), parent: Number(parent), state: state ?? "" };
    });
}
