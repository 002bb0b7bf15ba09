/** Each gate, closed with its sentence and open at its border: what is not known does not open one. */
import { expect, it } from "vitest";
import { DEFAULT_LIMITS, type GateName, judgeGates } from "../../src/move/gates.ts";
import { STAGES } from "../../src/move/stages.ts";
import type { MoveState, Verification } from "../../src/move/state.ts";
import type { MoveStatus } from "../../src/move/status.ts";
import { readsOf, statusWith } from "../support/move-status.ts";

function closed(gate: GateName, status: MoveStatus, limits = DEFAULT_LIMITS): string | undefined {
  const [found] = judgeGates([gate], status, limits);
  expect(found?.name).toBe(gate);
  return found?.closed;
}

const found = (wrong: Partial<Verification> = {}): Verification => {
  return { at: 20, run: 2, source: 9, missing: 0, different: 0, extra: 0, settled: 0, ...wrong };
};
const copied = { at: 10, run: 2 };

const processNamed = (name: string, alive: boolean, confirmed: number) => {
  return { name, host: "h", pid: 1, alive, confirmed, ageMs: 0 };
};

it("sem 1: a stage is entered when every living process has confirmed the one in force, and names who has not", () => {
  const processes = [processNamed("one", true, 3), processNamed("two", true, 2)];
  const state = { epoch: 3, stage: "dualwrite" } as const;
  expect(closed("steady", statusWith({ state, processes }))).toBe(
    "The process two has not confirmed the stage dualwrite yet: wait, or stop it.",
  );
  const silent = [processNamed("one", true, 3), processNamed("two", false, 2)];
  expect(closed("steady", statusWith({ state, processes: silent }))).toBeUndefined();
  expect(closed("steady", statusWith({ state }))).toBeUndefined();
});

it("law S5: while a change of stage is under way no other begins", () => {
  const pending = { to: "shadow", epoch: 4, by: "ada", at: 5 } as const;
  expect(closed("steady", statusWith({ state: { pending } }))).toBe(
    "A change to shadow is under way, begun by ada: outgrow stage --resume.",
  );
});

it("law S1: shadow waits for a copy of this journey", () => {
  expect(closed("copied", statusWith())).toMatch(/^The source has not been copied since/);
  expect(closed("copied", statusWith({ state: { copied } }))).toBeUndefined();
});

it("sem 41: without a verification of the copy to its last record nothing goes on", () => {
  const unverified: Partial<MoveState>[] = [
    { copied },
    {},
    { copied, verified: found({ run: 1 }) },
    { copied, verified: found({ at: 9 }) },
    { verified: found() },
  ];
  for (const state of unverified) {
    expect(closed("verified", statusWith({ state }))).toBe(
      "The copy has not been verified to its last record: outgrow verify.",
    );
  }
  expect(closed("verified", statusWith({ state: { copied, verified: found() } }))).toBeUndefined();
});

it("sem 43: records missing, different or extra keep the gate closed, each kind alone", () => {
  const sentence = (wrong: Partial<Verification>) =>
    closed("verified", statusWith({ state: { copied, verified: found(wrong) } }));
  expect(sentence({ missing: 1 })).toMatch(/^Verification found 1 record missing, 0 different, 0/);
  expect(sentence({ different: 2 })).toMatch(/found 0 records missing, 2 different, 0 extra/);
  expect(sentence({ extra: 3 })).toMatch(/found 0 records missing, 0 different, 3 extra/);
  // What was being written while it was looked at, and was equal then, is no difference.
  expect(sentence({ settled: 7 })).toBeUndefined();
});

it("sem 26: records in quarantine keep the gate closed until each is replayed or accepted", () => {
  expect(closed("quarantine", statusWith({ openQuarantine: 1 }))).toMatch(
    /^1 record in quarantine/,
  );
  expect(closed("quarantine", statusWith({ openQuarantine: 2 }))).toMatch(/^2 records in quarant/);
  expect(closed("quarantine", statusWith())).toBeUndefined();
});

it("sem 2: what waits in the outbox keeps the gate closed, unless it is just on its way", () => {
  const waiting = (oldestMs: number) =>
    closed("outbox", statusWith({ outbox: { count: 4, oldestMs } }));
  expect(waiting(61_000)).toMatch(/^4 records still wait to be delivered, the oldest for 61 s/);
  expect(waiting(3000)).toBeDefined();
  expect(waiting(2999)).toBeUndefined();
  expect(closed("outbox", statusWith({ outbox: { count: 0, oldestMs: undefined } }))).toBe(
    undefined,
  );
});

it("sem 13: records that the other side refuses keep the gate closed, however briefly they wait", () => {
  const refused = [
    { collection: "users", key: "n1", code: "NUM_RANGE" },
    { collection: "users", key: "n2", code: "23505" },
  ];
  const status = statusWith({ refused, outbox: { count: 2, oldestMs: 1 } });
  expect(closed("outbox", status)).toMatch(
    /^The other side refuses 2 records, among them users n1 \(NUM_RANGE\): /,
  );
});

it("sem 9: answers that are unknown, dropped or of moving records do not count as compared", () => {
  const status = (equal: number, mismatched = 0) =>
    statusWith({ comparisons: { equal, mismatched, busy: 500, unknown: 500, dropped: 500 } });
  expect(closed("compared", status(99))).toMatch(/^99 of 100 reads have been compared/);
  expect(closed("compared", status(100))).toBeUndefined();
  expect(closed("compared", status(99, 1))).toMatch(/^1 of 100 compared reads differed/);
});

it("the share of compared reads that may differ is a limit, and is not passed", () => {
  const limits = { ...DEFAULT_LIMITS, maxMismatchRate: 0.01 };
  const status = (equal: number, mismatched: number) =>
    statusWith({ comparisons: { equal, mismatched, busy: 0, unknown: 0, dropped: 0 } });
  expect(closed("compared", status(99, 1), limits)).toBeUndefined();
  expect(closed("compared", status(98, 2), limits)).toBeDefined();
});

it("the target may be slower than the source, but not by more than the limit, nor slow by itself", () => {
  const status = (source: number, target: number) =>
    statusWith({ sides: { source: readsOf(100, source), target: readsOf(100, target) } });
  expect(closed("latency", status(1, 32))).toBeUndefined();
  expect(closed("latency", status(1, 64))).toBe(
    "At its 99th percentile the target takes up to 64 ms, the source up to 1 ms: see to the target first.",
  );
  expect(closed("latency", status(16, 64))).toBeUndefined();
  expect(closed("latency", status(8, 64))).toBeDefined();
  expect(closed("latency", status(1, 10_000))).toMatch(/ takes more than 4096 ms, the source/);
  // Both slower than can be told: that is not the same speed.
  expect(closed("latency", status(10_000, 10_000))).toBeDefined();
  expect(closed("latency", statusWith())).toMatch(/^It is not known how fast the target answers/);
});

it("a stage from live on lasts as long as the limit says", () => {
  const limits = { ...DEFAULT_LIMITS, holdMs: 10_000 };
  const status = (stageAgeMs: number) => statusWith({ stageAgeMs, state: { stage: "live" } });
  expect(closed("held", status(9_001), limits)).toMatch(
    /^The stage live is to last for another 1 s/,
  );
  expect(closed("held", status(10_000), limits)).toBeUndefined();
});

it("law S6: complete waits for a backup that was restored, and for a name given in this stage", () => {
  const backup = { at: 1, file: "f", sha256: "", records: 1, restored: false };
  expect(closed("backup", statusWith())).toMatch(/^There is no backup that has been restored/);
  expect(closed("backup", statusWith({ state: { backup } }))).toBeDefined();
  const restored = statusWith({ state: { backup: { ...backup, restored: true } } });
  expect(closed("backup", restored)).toBeUndefined();
  const by = (at: number) => statusWith({ state: { since: 100, confirmed: { at, by: "ada" } } });
  expect(closed("confirmed", statusWith())).toMatch(/^There is no way back from complete/);
  expect(closed("confirmed", by(99))).toBeDefined();
  expect(closed("confirmed", by(100))).toBeUndefined();
});

it("law S6: nothing opens by being unknown: with nothing known, no stage but the first is open", () => {
  for (const { name, gates } of STAGES.slice(2)) {
    const open = judgeGates(gates, statusWith()).every((gate) => gate.closed === undefined);
    expect([name, open]).toEqual([name, false]);
  }
  // The way into complete asks for each of what cannot be made good behind it.
  expect(STAGES.at(-1)?.gates).toEqual(expect.arrayContaining(["outbox", "backup", "confirmed"]));
});
