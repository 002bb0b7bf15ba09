/** Each law of a move is broken once, and the same kinds of histories that hold for the real thing find it. */
import { describe, expect, it } from "vitest";
import {
  counterexample,
  FAULTS,
  JOURNEYS,
  type Model,
  ROUNDS,
  SLEEPS,
} from "../support/move-model.ts";

const ON = ["advance", "advance", "advance", "advance", "advance"] as const;

const MUTANTS: Readonly<Record<string, Model>> = {
  "law D1: whatever arrives last stays": { target: { lastWins: true } },
  "law S1: the copy begins before writes are captured": {
    copy: "before capture",
    steps: ["advance", "advance"],
    processes: 3,
  },
  "law S2: shadow is served by the target": {
    table: { stage: "shadow", row: { reads: "target" } },
  },
  "law S3: the target captures nothing": { target: { noCapture: true } },
  "law S3: live mirrors to nobody": {
    steps: ROUNDS,
    table: { stage: "live", row: { mirrored: undefined } },
  },
  "law S4: the source captures nothing": { source: { noCapture: true } },
  "law S4: an entry is taken away though it was written again": {
    source: { settlesAll: true },
    target: { settlesAll: true },
  },
  "law S5: the source takes writes of every epoch": {
    faults: SLEEPS,
    steps: ROUNDS,
    source: { noFence: true },
  },
  "law S5: the target takes writes of every epoch": {
    faults: SLEEPS,
    steps: ROUNDS,
    target: { noFence: true },
  },
  "law S5: a delivery of another journey is taken": {
    faults: SLEEPS,
    steps: JOURNEYS,
    target: { noFence: true },
  },
  "law S6: there is a way back from complete": {
    faults: SLEEPS,
    steps: [...ON, "back", "back", "back"],
    table: { stage: "complete", row: { back: "rampdown" } },
  },
  "law T2: the checkpoint is written before the records": { copy: "checkpoint early" },
  "sem 18: a copy outranks what was written": { copy: "outranks" },
  "sem 19: a copy takes no heed of what is there": { copy: "heedless" },
  "sem 20: a deletion leaves nothing behind": {
    faults: SLEEPS,
    steps: ["advance", "advance"],
    processes: 3,
    target: { noTombstones: true },
  },
  "the conditions of a transaction are not looked at": {
    source: { noExpect: true },
    target: { noExpect: true },
  },
};

describe("a broken move is found out", () => {
  for (const [name, model] of Object.entries(MUTANTS)) {
    it(name, async () => {
      const found = await counterexample(500, { faults: FAULTS, ...model });
      if (process.env["TRACE"] !== undefined) console.log(found?.message);
      expect(found?.message).toMatch(/no order|holds|hold |counted/);
    });
  }
});
