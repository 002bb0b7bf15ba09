/**
 * What the machine did beside a run. On a shared machine a time says little; it says something together with how
 * much of the processors others had meanwhile.
 *
 * A share of 0.1 means: of all the time that the processors had, a tenth went to processes that are neither the
 * benchmark nor its servers. Beyond `CONTENDED` a round is marked.
 */
import { readdirSync, readFileSync } from "node:fs";
import { arch, availableParallelism, cpus, loadavg, platform, totalmem } from "node:os";

export const CONTENDED = 0.1;

const isLinux = platform() === "linux";

/** Ticks that all processors spent working, and that they had. */
function processors() {
  const [, ...fields] = readFileSync("/proc/stat", "utf8").split("\n")[0].split(/\s+/);
  const [user, nice, system, idle, wait, irq, soft, steal] = fields.map(Number);
  const busy = user + nice + system + irq + soft + steal;
  return { busy, all: busy + idle + wait };
}

/** Parent and ticks of every process; what its ended children took counts as its own. */
function processTable() {
  const table = new Map();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const text = readFileSync(`/proc/${name}/stat`, "utf8");
      // The command in parentheses may hold anything, so fields are counted from behind it.
      const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
      const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
      table.set(Number(name), { parent: Number(fields[1]), ticks });
    } catch {
      // It has ended meanwhile.
    }
  }
  return table;
}

/** Linux counts in hundredths, whatever the kernel's own clock. */
const TICK_SECONDS = 0.01;

/** Processor time of these processes and all below them, so far; `undefined` where it cannot be told. */
export function processorSeconds(ids) {
  return isLinux && ids.length > 0 ? ticksOf(new Set(ids)) * TICK_SECONDS : undefined;
}

function ticksOf(roots) {
  const table = processTable();
  const ours = new Map();
  const isOurs = (id) => {
    if (roots.has(id)) return true;
    const entry = table.get(id);
    if (entry === undefined || entry.parent === 0) return false;
    if (!ours.has(id)) ours.set(id, isOurs(entry.parent));
    return ours.get(id);
  };
  let ticks = 0;
  for (const [id, entry] of table) if (isOurs(id)) ticks += entry.ticks;
  return ticks;
}

/** @param servers ids of server processes on this machine that work for us and are not our children. */
export function watchMachine(servers = []) {
  if (!isLinux) return () => ({ load: [loadavg()[0], loadavg()[0]], foreign: undefined });
  const roots = new Set([process.pid, ...servers]);
  const [load, before, own] = [loadavg()[0], processors(), ticksOf(roots)];
  return () => {
    const after = processors();
    const spent = after.busy - before.busy - (ticksOf(roots) - own);
    const foreign = Math.max(0, spent / (after.all - before.all));
    return { load: [load, loadavg()[0]], foreign, contended: foreign > CONTENDED };
  };
}

/** The parent of a server's process, if it is on this machine: whose children all its workers are. */
export function parentOf(id) {
  try {
    return processTable().get(id)?.parent;
  } catch {
    return undefined;
  }
}

/** No names, no paths: this is committed. */
export function describeMachine() {
  return {
    processor: cpus()[0]?.model.trim() ?? "unknown",
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    platform: `${platform()} ${arch()}`,
    node: process.version,
  };
}
