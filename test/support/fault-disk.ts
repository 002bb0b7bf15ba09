/** A Postgres server on a disk of a few megabytes, which can be filled and freed: a tmpfs in a mount namespace. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { rm, statfs, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

export interface SmallDisk extends AsyncDisposable {
  readonly url: string;
  /** Leaves so many bytes free. */
  leave(bytes: number): Promise<void>;
  /** Takes away what `leave` put there. */
  heal(): Promise<void>;
  restart(): Promise<void>;
}

/** Without root, a user namespace gives the right to mount: where the kernel lets everybody have one. */
const UNSHARE =
  process.getuid?.() === 0
    ? ["unshare", "--mount"]
    : ["unshare", "--user", "--map-current-user", "--keep-caps", "--mount"];

/**
 * @param megabytes of the disk. @param whole whether the write-ahead log lies there too.
 * @throws Error that says what is missing, where no such disk can be made.
 */
export async function smallDisk(megabytes: number, whole: boolean): Promise<SmallDisk> {
  const disk = mkdtempSync(join(tmpdir(), "outgrow-disk-"));
  const jiti = join(
    createRequire(import.meta.url).resolve("jiti/package.json"),
    "../lib/jiti-cli.mjs",
  );
  const script = join(import.meta.dirname, "fault-server-process.ts");
  const mount = `mount -t tmpfs -o size=${megabytes}m,mode=777 tmpfs "$FAULT_DISK" && exec "$@"`;
  const words = [
    ...UNSHARE.slice(1),
    "--propagation",
    "private",
    "sh",
    "-c",
    mount,
    "sh",
    process.execPath,
    jiti,
    script,
  ];
  const child = spawn(UNSHARE[0] as string, words, {
    env: { ...process.env, FAULT_DISK: disk, FAULT_WHOLE: whole ? "yes" : "no" },
    stdio: ["pipe", "pipe", "pipe"],
  });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  child.on("error", (error) => {
    said += error.message;
  });
  child.stdin.on("error", () => {});
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const { value: url } = await lines.next();
  if (url === undefined) {
    rmSync(disk, { recursive: true, force: true });
    throw new Error(
      `A small disk needs Linux with unshare and the right to mount a tmpfs: ${said}`,
    );
  }
  // The disk is only there in the child's namespace: this is the way in.
  const inside = join(`/proc/${child.pid}/root`, disk);
  const ballast = join(inside, "ballast");
  return {
    url,
    async leave(bytes) {
      await rm(ballast, { force: true });
      const { bavail, bsize } = await statfs(inside);
      await writeFile(ballast, Buffer.alloc(Math.max(0, bavail * bsize - bytes)));
    },
    heal: () => rm(ballast, { force: true }),
    async restart() {
      child.stdin.write("restart\n");
      if ((await lines.next()).value !== "restarted") throw new Error(`No restart: ${said}`);
    },
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null) {
        const ended = once(child, "exit");
        child.stdin.end();
        await ended;
      }
      rmSync(disk, { recursive: true, force: true });
    },
  };
}
