/** From a data directory to a link: this process holds it, or attaches to the one that does. */
import { setTimeout as sleep } from "node:timers/promises";
import { OutgrowError } from "../../errors.ts";
import { type Lock, type LockHolder, liveHolder, takeLock } from "../lock-file.ts";
import { attach } from "./attach.ts";
import { Engine, type OnEnd } from "./engine.ts";
import { Holder } from "./holder.ts";
import type { Link } from "./link.ts";
import { HolderServer } from "./server.ts";
import { removeSocket } from "./socket-path.ts";

export interface ConnectOptions {
  readonly watchdogMs: number;
  readonly idleMs: number;
  /** The engine of this process had to be ended: its link is of no use any more. */
  readonly onPoisoned: OnEnd;
}

const POLL_MS = 25;
/** A holder that lives without listening is about to leave, or will never answer. */
const ABSENT_MS = 1_000;
/** A holder that closes first lets everybody finish; idle transactions lapse before this. */
const CLOSING_GRACE_MS = 10_000;

/**
 * @param directory its real path.
 * @throws {OutgrowError} DATADIR_LOCKED, and what `Engine.start` throws
 */
export async function connect(directory: string, options: ConnectOptions): Promise<Link> {
  const path = `${directory}.lock`;
  const started = performance.now();
  let absent: { readonly id: string; readonly since: number } | undefined;
  let refused: string | undefined;
  for (;;) {
    const holder = liveHolder(path, refused) ?? (await hold(directory, options, refused));
    if (!("id" in holder)) return holder;
    // Who holds a data directory always listens.
    const link = await attach(holder.socket as string);
    if (typeof link !== "string") return link;
    const now = performance.now();
    if (link === "silent") throw locked(path, holder);
    if (link === "closing") {
      if (now - started > options.idleMs + CLOSING_GRACE_MS) throw locked(path, holder);
    } else {
      if (link === "refused") refused = holder.id;
      if (absent?.id !== holder.id) absent = { id: holder.id, since: now };
      if (now - absent.since > ABSENT_MS) throw locked(path, holder);
    }
    await sleep(POLL_MS);
  }
}

/** The link of a holder; or who was faster. */
async function hold(
  directory: string,
  options: ConnectOptions,
  refused: string | undefined,
): Promise<Link | LockHolder> {
  // It listens before its lock can be seen, so that whoever sees the lock is answered.
  const server = new HolderServer(options.idleMs);
  await server.listen();
  let lock: Lock | LockHolder;
  try {
    lock = takeLock(`${directory}.lock`, {
      socket: server.path,
      refused,
      succeeded: ({ socket }) => socket !== undefined && removeSocket(socket),
    });
  } catch (error) {
    await server.close();
    throw error;
  }
  if (!("release" in lock)) {
    await server.close();
    return lock;
  }
  const { release } = lock;
  const leave = async () => {
    release();
    await server.close();
  };
  const engine = Engine.start(directory, options.watchdogMs, (why) => {
    void leave();
    options.onPoisoned(why);
  });
  const holder = new Holder(engine, options.watchdogMs, leave);
  server.serve(holder);
  try {
    await engine;
  } catch (error) {
    await leave();
    throw error;
  }
  return holder;
}

function locked(path: string, holder: LockHolder): OutgrowError {
  return new OutgrowError("DATADIR_LOCKED", {
    detail: `process ${holder.pid} on ${holder.host}, says ${path}`,
  });
}
