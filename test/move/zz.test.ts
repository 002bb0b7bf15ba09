import { it } from "vitest";
import { counterexample } from "../support/move-model.ts";
it("x", async () => {
    const t = process.cpuUsage().user;
    const n = Number(process.env.N ?? 200);
    const faults = process.env.F ? JSON.parse(process.env.F) : { refused: 60, lost: 60, late: 60, crash: 150, freeze: 60 };
    const found = await counterexample(n, { faults, ...JSON.parse(process.env.M ?? "{}") });
    console.log((process.cpuUsage().user - t) / n / 1000, "ms each", found?.message.slice(0, 1500)); if (found) (await import("node:fs")).writeFileSync(process.env.OUT ?? "/tmp/trace", found.message);
}, 1e6);
