/** What may be asked for from outside, and what comes of it. */
import { expect, it } from "vitest";
import { stepTowards } from "../../src/move/requested.ts";
import { STAGES } from "../../src/move/stages.ts";
import { statusWith } from "../support/move-status.ts";

it("sem 10: a flag that is not answered, not known or not there moves nothing, at any stage", () => {
  const noWish = [
    undefined,
    "",
    "of",
    "toString",
    { value: "off", reason: "DEFAULT" },
    { value: "off", reason: "ERROR", errorCode: "PROVIDER_NOT_READY" },
    { value: "off", errorCode: "FLAG_NOT_FOUND" },
    { value: "complete", reason: "STALE" },
  ];
  for (const { name: stage } of STAGES) {
    for (const asked of noWish) {
      const step = stepTowards(asked, statusWith({ state: { stage } }));
      expect(step.do).toBe("nothing");
      const unknown = asked === "of" || asked === "toString";
      const code = unknown ? "STAGE_UNKNOWN" : asked ? "FLAG_UNREADABLE" : undefined;
      expect(step).toHaveProperty("because", expect.any(String));
      expect("warning" in step ? step.warning?.code : undefined).toBe(code);
    }
  }
});

it("law S5: whatever is asked for, one step is taken, and through its gates only", () => {
  expect(stepTowards("complete", statusWith())).toEqual({
    do: "advance",
    to: "dualwrite",
    because: "complete is asked for.",
  });
  const dualwrite = statusWith({ state: { stage: "dualwrite" } });
  expect(stepTowards({ value: "live", reason: "TARGETING_MATCH" }, dualwrite)).toEqual({
    do: "nothing",
    because: "The source has not been copied since this journey began: outgrow copy.",
  });
  const live = statusWith({ state: { stage: "live" } });
  expect(stepTowards("off", live)).toEqual({
    do: "back",
    to: "shadow",
    because: expect.anything(),
  });
  expect(stepTowards("live", live).do).toBe("nothing");
});

it("law S5: nothing is begun while a change is under way", () => {
  const pending = { to: "live", epoch: 9, by: "ada", at: 1 } as const;
  const status = statusWith({ state: { stage: "shadow", pending } });
  expect(stepTowards("off", status)).toEqual({
    do: "nothing",
    because: "A change to live is under way.",
  });
});

it("law S6: no flag leaves complete, nor enters it without a name", () => {
  const complete = statusWith({ state: { stage: "complete" } });
  expect(stepTowards("off", complete)).toEqual({
    do: "nothing",
    because: "Nothing leaves complete.",
  });
  const backup = { at: 1, file: "f", sha256: "", records: 1, restored: true };
  const ready = { state: { stage: "rampdown", backup } as const, stageAgeMs: 1e12 };
  expect(stepTowards("complete", statusWith(ready))).toMatchObject({
    do: "nothing",
    because: expect.stringContaining("--confirm NAME"),
  });
  const confirmed = { at: 1000, by: "ada" };
  const named = statusWith({ ...ready, state: { ...ready.state, confirmed } });
  expect(stepTowards("complete", named)).toMatchObject({ do: "advance", to: "complete" });
});
