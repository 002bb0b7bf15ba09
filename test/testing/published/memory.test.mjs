// As somebody has it who writes a driver, and tests with node:test. Run from a build: see published.test.ts.
import { after, describe, it } from "node:test";
import { driverSuite, register, tenancySuite } from "outgrow/testing";
import { memoryStore } from "../memory-ledger.js";
import { alterIn, memoryTarget } from "../memory-target.js";

const store = memoryStore();

async function open() {
  const target = memoryTarget(store);
  if (process.env.BREAK === "count") {
    const { open: openMove } = target;
    target.open = async (move) => {
      const driver = await openMove(move);
      driver.count = async () => 0;
      return driver;
    };
  }
  return { target, [Symbol.asyncDispose]: () => target[Symbol.asyncDispose]() };
}

const GAP = "law T3: what spills is counted, once";
const gaps = process.env.GAP === undefined ? {} : { [GAP]: process.env.GAP };
const runner = { describe, it, afterAll: after };
register(driverSuite({ name: "memory", open, alter: alterIn(store), gaps }), runner);
register(tenancySuite({ name: "memory: tenants", open }), runner);
