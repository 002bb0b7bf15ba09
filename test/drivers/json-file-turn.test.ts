/** The lock of a file that is written all the time: whoever waits for it gets it. */
import { existsSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, it } from "vitest";
import { lockInTurn, noteBeside } from "../../src/drivers/json-file/turn.ts";

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "outgrow-turn-"));
  path = join(folder, "file.lock");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

it("one that takes it again as soon as it has released it keeps nobody waiting", async () => {
  let isOver = false;
  let rounds = 0;
  const greedy = (async () => {
    while (!isOver) {
      const lock = await lockInTurn(path, "file");
      rounds++;
      await sleep(3);
      lock.release();
    }
  })();
  try {
    for (let turn = 1; turn <= 5; turn++) {
      const begun = rounds;
      const lock = await lockInTurn(path, "file");
      expect(rounds - begun).toBeLessThan(100);
      lock.release();
      await sleep(20);
    }
    expect(rounds).toBeGreaterThan(1);
  } finally {
    isOver = true;
    await greedy;
  }
  expect(existsSync(noteBeside(path))).toBe(false);
});

it("fault F36: the note of one that died costs others a moment, once", async () => {
  const note = noteBeside(path);
  writeFileSync(note, "");
  const startedAt = performance.now();
  (await lockInTurn(path, "file")).release();
  expect(performance.now() - startedAt).toBeGreaterThan(40);
  const longAgo = Date.now() / 1000 - 60;
  utimesSync(note, longAgo, longAgo);
  (await lockInTurn(path, "file")).release();
  expect(existsSync(note)).toBe(false);
});
