/** The laws of a move, over thousands of histories. `RUNS=20` makes it a campaign, `SEED=n` replays one history. */
import { describe, expect, it } from "vitest";
import { history, type Model, type Reached } from "../support/move-model.ts";
import { propertyRuns } from "../support/property.ts";

async function histories(runs: number, model: Model): Promise<Reached> {
  const { numRuns, seed } = propertyRuns(runs);
  const sum: Reached = { stages: {}, calls: 0, unknown: 0, deaths: 0, compared: 0 };
  for (const one of seed === undefined ? Array.from({ length: numRuns }, (_, n) => n + 1) : [seed]) {
    const reached = await history(one, model);
    for (const [stage, count] of Object.entries(reached.stages)) {
      sum.stages[stage] = (sum.stages[stage] ?? 0) + count;
    }
    for (const what of ["calls", "unknown", "deaths", "compared"] as const) sum[what] += reached[what];
  }
  return sum;
}

const ROUND = ["advance", "advance", "advance", "back", "advance", "advance", "back"] as const;
const FAULTS = { refused: 60, lost: 60, late: 60, crash: 150, freeze: 60 };

describe("every history of a move", () => {
  it("law S5: without faults no call fails because of the move, through all stages and back", async () => {
    const reached = await histories(40, {
      mustSucceed: true,
      processes: 3,
      steps: [...ROUND, "advance", "advance"],
    });
    console.log(reached);
    expect(reached.stages["complete"]).toBeGreaterThan(0);
  });

  it("laws D1, D2, S1 to S5: what was acknowledged is there, whatever dies, sleeps or is lost", async () => {
    const reached = await histories(100, { faults: FAULTS });
    console.log(reached);
    expect(reached.stages["complete"]).toBeGreaterThan(0);
  });
});
