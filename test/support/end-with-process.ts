/**
 * What must not outlive this process, however it ends: by its exit, or by a signal that nobody
 * handles, which is how vitest ends its workers. (Against SIGKILL nothing helps.)
 */
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

export interface EndsAtOnce {
  /** Ends without waiting for anything. */
  endAtOnce(): void;
}

const running = new Set<EndsAtOnce>();

/** Ends `thing` when this process ends, unless `hasEnded` is called before. */
export function endWithProcess(thing: EndsAtOnce): void {
  if (running.size === 0) {
    process.on("exit", endAll);
    for (const signal of SIGNALS) process.on(signal, onSignal);
  }
  running.add(thing);
}

/** Takes `endWithProcess` back. */
export function hasEnded(thing: EndsAtOnce): void {
  if (running.delete(thing) && running.size === 0) stopListening();
}

function endAll(): void {
  for (const thing of running) thing.endAtOnce();
  running.clear();
  stopListening();
}

function stopListening(): void {
  process.off("exit", endAll);
  for (const signal of SIGNALS) process.off(signal, onSignal);
}

function onSignal(signal: NodeJS.Signals): void {
  // Another listener (the test runner's) decides when to exit; `endAll` is called then.
  if (process.listenerCount(signal) > 1) return;
  endAll();
  process.kill(process.pid, signal);
}
