/** Each law of a move is broken once, and the same histories that hold for the real thing find it. */
import { describe, expect, it } from "vitest";
import { counterexample, type Model } from "../support/move-model.ts";

const FAULTS = { refused: 60, lost: 60, late: 60, crash: 150, freeze: 60 };

const MUTANTS: Readonly<Record<string, Model>> = {
  "law D1: whatever arrives last stays": { faults: FAULTS, target: { lastWins: true } },
  "law S3: the target captures nothing": { faults: FAULTS, target: { noCapture: true } },
  "law S4: the source captures nothing": { faults: FAULTS, source: { noCapture: true } },
  "law S4: an entry is taken away though it was written again": { faults: FAULTS, source: { settlesAll: true }, target: { settlesAll: true } },
  "law S5: the source takes writes of every epoch": { faults: FAULTS, source: { noFence: true } },
  "law S5: the target takes writes of every epoch": { faults: FAULTS, target: { noFence: true } },
  "law S1: the copy begins before writes are captured": { faults: FAULTS, copy: "before capture" },
  "law T2: the checkpoint is written before the records": { faults: FAULTS, copy: "checkpoint early" },
  "sem 18: a copy outranks what was written": { faults: FAULTS, copy: "outranks" },
  "sem 20: a deletion leaves nothing behind": { faults: FAULTS, target: { noTombstones: true } },
  "conditions are not looked at": { faults: FAULTS, source: { noExpect: true }, target: { noExpect: true } },
};

describe("a broken move is found out", () => {
  for (const [name, model] of Object.entries(MUTANTS)) {
    it(name, async () => {
      const found = await counterexample(300, model);
      console.log(name, found?.seed, found?.message.split("\n").slice(0, 3).join(" | "));
      expect(found).toBeDefined();
    });
  }
});
