import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { expect, it } from "vitest";
import { isDead, thisProcess } from "../../src/drivers/process-identity.ts";

it("tells the living from the dead, a number used again, and another machine's", async () => {
  const self = thisProcess();
  expect(isDead(self)).toBe(false);
  expect(isDead({ ...self, started: "1" })).toBe(self.started !== undefined);
  expect(isDead({ ...self, host: `not-${hostname()}`, started: "1" })).toBe(false);
  const child = spawn(process.execPath, ["-e", ""]);
  await new Promise((resolve) => child.once("close", resolve));
  expect(isDead({ host: hostname(), pid: child.pid as number, started: undefined })).toBe(true);
});

it("a process that was killed and whose parent has not asked is dead, although its number is taken", async () => {
  if (process.platform !== "linux") {
    // Elsewhere nothing tells such a process from a living one, so nothing may be taken from it.
    expect(thisProcess().started).toBeUndefined();
    return;
  }
  // The shell never asks how its child ended.
  const shell = spawn("bash", ["-c", "bash -c 'exec sleep 60' & echo $!; exec sleep 60"]);
  const line = await new Promise<string>((resolve) =>
    shell.stdout.once("data", (text) => resolve(String(text))),
  );
  const pid = Number(line);
  expect(isDead({ host: hostname(), pid, started: undefined })).toBe(false);
  // Until the outer shell has become `sleep`, it would still ask.
  await expect
    .poll(() => readFileSync(`/proc/${shell.pid}/comm`, "utf8"), { timeout: 20_000 })
    .toBe("sleep\n");
  process.kill(pid, "SIGKILL");
  await expect.poll(() => readFileSync(`/proc/${pid}/stat`, "utf8")).toMatch(/\) Z /);
  expect(isDead({ host: hostname(), pid, started: undefined })).toBe(true);
  shell.kill("SIGKILL");
});
