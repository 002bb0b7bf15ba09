/**
 * The laws of a move, over thousands of histories with processes that die, sleep, and lose answers. `RUNS=20` makes it
 * a campaign; `SEED=n` replays one history of each kind, and `TRACE=1` tells all that happened in it.
 */
import { describe, expect, it, vi } from "vitest";
import { disorder } from "../support/linear.ts";
import {
  FAULTS,
  history,
  JOURNEYS,
  type Model,
  type Reached,
  ROUNDS,
  SLEEPS,
} from "../support/move-model.ts";
import { propertyRuns } from "../support/property.ts";
import { NO_FAULTS } from "../support/world.ts";

vi.setConfig({ testTimeout: 120_000 * Number(process.env["RUNS"] ?? 1) });

/** One history alone need not reach what all of them do. */
const expectAll = process.env["SEED"] === undefined ? (checks: () => void) => checks() : () => {};

async function histories(runs: number, model: Model): Promise<Reached> {
  const { numRuns, seed } = propertyRuns(runs);
  const seeds =
    seed === undefined ? Array.from({ length: numRuns }, (_, index) => index + 1) : [seed];
  const sum: Reached = { stages: {}, calls: 0, whileDown: 0, unknown: 0, deaths: 0, compared: 0 };
  for (const one of seeds) {
    const { stages, ...counts } = await history(one, model);
    for (const [stage, count] of Object.entries(stages)) {
      sum.stages[stage] = (sum.stages[stage] ?? 0) + count;
    }
    for (const [what, count] of Object.entries(counts)) sum[what as keyof typeof counts] += count;
  }
  if (process.env["RUNS"] !== undefined) console.log(seeds.length, "histories", sum);
  return sum;
}

const ALL = ["dualwrite", "shadow", "live", "rampdown", "complete"];
const reachedAll = ({ stages }: Reached): string[] =>
  ALL.filter((stage) => (stages[stage] ?? 0) > 0);

describe("the move", () => {
  it("laws S1 to S5, sem 5, sem 11: through all stages and back no call fails, and each is seen", async () => {
    const reached = await histories(50, { mustSucceed: true, processes: 3, steps: ROUNDS });
    expectAll(() => {
      expect(reachedAll(reached)).toEqual(ALL);
      expect(reached.unknown).toBe(0);
    });
  });

  it("law S2: up to shadow the app does not notice that the target is gone, and it has all when it is back", async () => {
    for (const steps of [["advance"], ["advance", "advance"]] as const) {
      const reached = await histories(25, {
        mustSucceed: true,
        calls: 80,
        steps: [...steps, "down", "up", "advance"],
      });
      expectAll(() => {
        expect(reached.whileDown).toBeGreaterThan(100);
      });
    }
  });

  it("fault F36: a conductor that dies in the middle costs no call: the app's processes end what it began", async () => {
    const reached = await histories(12, {
      mustSucceed: true,
      faults: { ...NO_FAULTS, crash: 20 },
      appIsWell: true,
      calls: 300,
      restMs: 25_000,
      steps: ["advance", "advance", "advance", "back"],
    });
    expectAll(() => {
      expect(reached.deaths).toBeGreaterThan(30);
      expect(reached.unknown).toBe(0);
    });
  });

  it("laws D1, D2, S1, S3, S4, T2, fault F35, fault F36, fault F37, sem 6: what was acknowledged is there at the end", async () => {
    const reached = await histories(250, { faults: FAULTS });
    expectAll(() => {
      expect(reachedAll(reached)).toEqual(ALL);
      expect(reached.deaths).toBeGreaterThan(100);
      expect(reached.unknown).toBeGreaterThan(100);
      expect(reached.compared).toBeGreaterThan(50);
    });
  });

  it("law S5, sem 4, sem 5: a process that slept through a change of authority changes nothing by the old one", async () => {
    const reached = await histories(80, { faults: SLEEPS, processes: 3, steps: ROUNDS });
    expectAll(() => {
      expect(reachedAll(reached)).toEqual(ALL);
    });
  });

  it("laws S1, S3, sem 18 to 21: a second journey takes nothing from the first", async () => {
    const reached = await histories(80, { faults: SLEEPS, steps: JOURNEYS });
    expectAll(() => {
      expect(reached.compared).toBeGreaterThan(40);
    });
  });
});

describe("the judge of histories", () => {
  const read = (value: string | null, start: number, end: number) =>
    ({ kind: "read", value, start, end, by: "p" }) as const;
  const write = (value: string | null, start: number, end?: number) =>
    ({ kind: "write", value, start, end, by: "p" }) as const;

  it("finds an order where there is one", () => {
    expect(disorder(null, [write("a", 1, 2), read("a", 3, 4)])).toBeUndefined();
    expect(
      disorder(null, [write("a", 1, 9), write("b", 2, 8), read("b", 3, 4), read("a", 5, 6)]),
    ).toBeUndefined();
    expect(disorder("o", [write("a", 1), read("o", 2, 3), read("a", 4, 5)])).toBeUndefined();
    expect(disorder("o", [write("a", 1), read("o", 2, 3), read("o", 4, 5)])).toBeUndefined();
    expect(disorder("o", [write(null, 1, 2), read(null, 3, 4)])).toBeUndefined();
  });

  it("finds none where there is none", () => {
    expect(disorder(null, [write("a", 1, 2), read(null, 3, 4)]), "a lost write").toBeDefined();
    expect(
      disorder(null, [write("a", 1, 2), write("b", 3, 4), read("a", 5, 6)]),
      "an old value",
    ).toBeDefined();
    expect(
      disorder("o", [write("a", 1), read("a", 2, 3), read("o", 4, 5)]),
      "a value that goes again",
    ).toBeDefined();
    expect(disorder("o", [read("x", 1, 2)]), "a value that nobody wrote").toBeDefined();
    const swapped = [
      write("a", 1, 9),
      write("b", 1, 9),
      read("a", 2, 3),
      read("b", 4, 5),
      read("a", 6, 7),
    ];
    expect(disorder(null, swapped), "two values that take turns").toBeDefined();
  });
});
