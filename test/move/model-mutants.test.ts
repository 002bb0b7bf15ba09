/** Each law of a move is broken once, and the same histories that hold for the real thing find it. */
import { describe, expect, it } from "vitest";
import { counterexample, FAULTS, type Model } from "../support/move-model.ts";

const SLEEPS = { ...FAULTS, crash: 0, refused: 0, lost: 0, late: 40, freeze: 40 };
const LIVE = ["advance", "advance", "advance", "back", "advance", "back", "advance", "back"] as const;
const JOURNEYS = ["advance", "advance", "back", "back", "advance", "advance"] as const;

const ON = ["advance", "advance", "advance", "advance", "advance"] as const;
const MUTANTS: Readonly<Record<string, Model>> = {
  "law D1: whatever arrives last stays": { target: { lastWins: true } },
  "law S3: the target captures nothing": { target: { noCapture: true } },
  "law S4: the source captures nothing": { source: { noCapture: true } },
  "law S4: an entry is taken away though it was written again": {
    source: { settlesAll: true },
    target: { settlesAll: true },
  },
  "law S5: the source takes writes of every epoch": { source: { noFence: true } },
  "law S5: the target takes writes of every epoch": {
    faults: SLEEPS,
    steps: LIVE,
    target: { noFence: true },
  },
  "law S5: a late delivery of another journey is taken": {
    faults: SLEEPS,
    steps: JOURNEYS,
    target: { noFence: true },
  },
  "law S2: shadow is served by the target": {
    table: { stage: "shadow", row: { reads: "target" } },
  },
  "law S3: live mirrors to nobody": { table: { stage: "live", row: { mirrored: undefined } } },
  "law S6: there is a way back from complete": {
    faults: SLEEPS,
    steps: [...ON, "back", "back", "back"],
    table: { stage: "complete", row: { back: "rampdown" } },
  },
  "law S1: the copy begins before writes are captured": { copy: "before capture" },
  "law T2: the checkpoint is written before the records": { copy: "checkpoint early" },
  "sem 18: a copy outranks what was written": { copy: "outranks" },
  "sem 19: a copy takes no heed of what is there": { copy: "heedless" },
  "sem 20: a deletion leaves nothing behind": { target: { noTombstones: true } },
  "conditions are not looked at": { source: { noExpect: true }, target: { noExpect: true } },
};

describe("a broken move is found out", () => {
  for (const [name, model] of Object.entries(MUTANTS)) {
    it(name, async () => {
      const found = await counterexample(400, { faults: FAULTS, ...model });
      console.log(name, found?.seed, found?.message.split("\n").slice(0, 3).join(" | "));
      expect(found).toBeDefined();
    });
  }
});
