import { it } from "vitest";
import { counterexample } from "../support/move-model.ts";
it("x", async () => {
    for (const steps of [["advance","down","up","advance"],["advance","advance","down","up","advance"]] as any) {
    const found = await counterexample(40, { mustSucceed: true, steps, calls: 60 });
    console.log("FOUND", found?.message.slice(0, 1500)); }
}, 1e6);
