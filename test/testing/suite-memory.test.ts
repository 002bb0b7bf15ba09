/** The published suites over a store without tables, and over one that can do less and says so. */
import { afterAll, describe, it } from "vitest";
import type { Capabilities } from "../../src/store/driver.ts";
import { driverSuite, register, type SuiteOptions, tenancySuite } from "../../src/testing/index.ts";
import { memoryStore } from "./memory-ledger.ts";
import { alterIn, MEMORY_CAPABILITIES, memoryTarget } from "./memory-target.ts";
import { histories, TENANT } from "./sql-stores.ts";

const runner = { describe, it, afterAll };

function storeWith(can: Capabilities): SuiteOptions {
  const held = memoryStore();
  const open = async () => {
    const target = memoryTarget(held, can);
    return { target, [Symbol.asyncDispose]: () => target[Symbol.asyncDispose]() };
  };
  return { open, alter: alterIn(held), ...histories(6) };
}

const memory = storeWith(MEMORY_CAPABILITIES);
register(driverSuite({ ...memory, name: "memory", tenant: TENANT }), runner);
register(tenancySuite({ ...memory, name: "memory: tenancy" }), runner);

const plain = storeWith({ ...MEMORY_CAPABILITIES, transaction: false });
register(driverSuite({ ...plain, name: "memory without transactions" }), runner);

// Each handle has a store of its own, which is gone with it.
const forgetful = driverSuite({
  name: "memory that does not last",
  async open() {
    const held = memoryStore();
    const can = { ...MEMORY_CAPABILITIES, transaction: false, durable: false };
    const target = memoryTarget(held, can);
    return { target, [Symbol.asyncDispose]: () => target[Symbol.asyncDispose]() };
  },
  gaps: {
    "law L1: rebuild says what the app's own tables say":
      "its records cannot be reached from outside",
  },
  ...histories(2),
});
register(forgetful, runner);
