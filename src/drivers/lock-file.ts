/**
 * A lock between processes: one file, which names its holder.
 *
 * 1. The lock is a file beside the directory; it appears with its content, or not at all.
 * 2. It is never taken from a live process: only from one that is surely dead, or whose number
 *    now belongs to another process. Nothing is concluded from its age.
 * 3. To succeed a dead holder one must first hold `LOCK.ID` with the holder's id, by these same
 *    rules, then see that the lock is still the holder's, then rename the one over the other. Ids
 *    never come back, so of many that see the same dead holder exactly one succeeds it.
 * 4. Process numbers mean something only in one container. A holder in another one on the same
 *    machine is dead only if the caller found that out, for example since nothing listens on its socket.
 */
import { randomUUID } from "node:crypto";
import { linkSync, readFileSync, readlinkSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { OutgrowError } from "../errors.ts";
import { isDead, type ProcessIdentity, thisProcess } from "./process-identity.ts";

/** What the lock file holds. */
export interface LockHolder extends ProcessIdentity {
  readonly id: string;
  /** Where the holder can be asked, where it serves anything. */
  readonly socket: string | undefined;
  /** Which run of which system its number counts in; `undefined` where the system does not tell. */
  readonly space: Space | undefined;
}

interface Space {
  readonly boot: string;
  readonly pids: string;
}

export interface Lock {
  release(): void;
}

export interface LockOptions {
  readonly socket?: string | undefined;
  /** The id of a holder that the caller knows to be dead. */
  readonly refused?: string | undefined;
  /** Told of the dead holder whose place was taken. */
  readonly succeeded?: (dead: LockHolder) => void;
}

/** The lock, or who has it. */
export function takeLock(path: string, options: LockOptions = {}): Lock | LockHolder {
  const { socket } = options;
  const own: LockHolder = { ...thisProcess(), id: randomUUID(), socket, space: space() };
  const holder = claim(path, own, options);
  if (holder !== undefined) return holder;
  return {
    release: () => {
      if (readHolder(path)?.id === own.id) rmSync(path, { force: true });
    },
  };
}

/** Who has the lock and may be alive. */
export function liveHolder(path: string, refused?: string): LockHolder | undefined {
  const holder = readHolder(path);
  return holder === undefined || isGone(holder, refused) ? undefined : holder;
}

/** `undefined` once `path` is ours. */
function claim(path: string, own: LockHolder, options: LockOptions): LockHolder | undefined {
  for (;;) {
    if (create(path, own)) return undefined;
    const holder = readHolder(path);
    if (holder === undefined) continue; // released in between
    if (!isGone(holder, options.refused)) return holder;
    const succession = `${path}.${holder.id}`;
    const other = claim(succession, own, { refused: options.refused });
    if (other !== undefined) return other;
    if (readHolder(path)?.id !== holder.id) {
      rmSync(succession, { force: true }); // somebody else succeeded it before
      continue;
    }
    renameSync(succession, path);
    options.succeeded?.(holder);
    return undefined;
  }
}

/** Whether the file was made; never over another one. */
function create(path: string, own: LockHolder): boolean {
  const content = `${JSON.stringify(own)}\n`;
  const draft = `${path}.${own.id}.new`;
  try {
    writeFileSync(draft, content, { flag: "wx", mode: 0o600 });
    linkSync(draft, path);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") return false;
    // File systems without hard links: the content follows a moment after the name.
    if (code === "EPERM" || code === "ENOTSUP" || code === "ENOSYS") return write(path, content);
    throw lockFailed(path, code);
  } finally {
    rmSync(draft, { force: true });
  }
}

function write(path: string, content: string): boolean {
  try {
    writeFileSync(path, content, { flag: "wx", mode: 0o600 });
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") return false;
    throw lockFailed(path, code);
  }
}

function readHolder(path: string): LockHolder | undefined {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return undefined;
    throw lockFailed(path, code);
  }
  try {
    const holder = JSON.parse(text) as LockHolder;
    if (typeof holder.pid === "number" && /^[\w-]+$/.test(holder.id)) return holder;
  } catch {
    // told below
  }
  // Whose it is cannot be told, so it cannot be told that he is dead.
  throw new OutgrowError("DATADIR_LOCKED", {
    detail: `${path} cannot be read; remove it if no process uses it`,
  });
}

function isGone(holder: LockHolder, refused: string | undefined): boolean {
  if (holder.host !== hostname()) return false;
  const here = space();
  const there = holder.space;
  if (here?.boot === there?.boot && here?.pids !== there?.pids) return holder.id === refused;
  return isDead(holder);
}

function space(): Space | undefined {
  try {
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    return { boot, pids: readlinkSync("/proc/self/ns/pid") };
  } catch {
    return undefined;
  }
}

function lockFailed(path: string, code: string | undefined): OutgrowError {
  if (code === "ENOSPC") return new OutgrowError("TARGET_FULL");
  return new OutgrowError("TARGET_REFUSED", { detail: `the lock ${path} failed (${code})` });
}
