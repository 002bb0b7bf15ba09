import { it } from "vitest";
import { history } from "../support/move-model.ts";
it("x", async () => { await history(Number(process.env.SEED), { faults: process.env.F ? JSON.parse(process.env.F) : { refused: 60, lost: 60, late: 60, crash: 150, freeze: 60 }, ...JSON.parse(process.env.M ?? "{}") }).catch((e) => console.log(e.message)); }, 1e6);
