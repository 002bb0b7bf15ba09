/**
 * The lock of a file that several processes write all the time. Whoever releases it could take it again at once, and
 * others, who look now and then, would hardly ever find it free. So one of those who wait says so in a note beside
 * the lock, and whoever comes anew lets that one go first.
 *
 * 1. The note is a courtesy: who has the lock is decided by the lock alone (../lock-file.ts).
 * 2. Nobody gives way for long, nor to a note that is old: whoever wrote that may be dead, or asleep.
 */
import { rmSync, statSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { OutgrowError } from "../../errors.ts";
import { type Lock, takeLock } from "../lock-file.ts";

const WAIT_MS = 10_000;
const GIVE_WAY_MS = 50;
const OLD_MS = 1000;

/** @param file for messages. @throws {OutgrowError} FILE_LOCKED after ten seconds. */
export async function lockInTurn(path: string, file: string): Promise<Lock> {
  const note = noteBeside(path);
  await giveWay(note);
  const deadline = performance.now() + WAIT_MS;
  let isNoted = false;
  try {
    for (;;) {
      const lock = takeLock(path);
      if ("release" in lock) return lock;
      if (performance.now() > deadline) {
        const detail = `process ${lock.pid} on ${lock.host} holds ${path}`;
        throw new OutgrowError("FILE_LOCKED", { file, detail });
      }
      isNoted = write(note) || isNoted;
      await moment();
    }
  } finally {
    if (isNoted) rmSync(note, { force: true });
  }
}

export const noteBeside = (path: string): string => `${path}.next`;

/** Whether nobody else's was there. */
function write(note: string): boolean {
  try {
    writeFileSync(note, "", { flag: "wx" });
    return true;
  } catch {
    return false;
  }
}

async function giveWay(note: string): Promise<void> {
  const until = performance.now() + GIVE_WAY_MS;
  for (;;) {
    const there = statSync(note, { throwIfNoEntry: false });
    if (there === undefined || performance.now() > until) return;
    if (Math.abs(Date.now() - there.mtimeMs) > OLD_MS) {
      rmSync(note, { force: true });
      return;
    }
    await moment();
  }
}

const moment = (): Promise<void> => sleep(1 + Math.random() * 4);
