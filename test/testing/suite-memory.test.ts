/** The published suites over a store without tables, and over one that can do less and says so. */
import { afterAll, describe, it } from "vitest";
import { driverSuite, register, tenancySuite } from "../../src/testing/index.ts";
import { memoryStore } from "./memory-ledger.ts";
import { alterIn, MEMORY_CAPABILITIES, memoryTarget } from "./memory-target.ts";
import { histories } from "./sql-stores.ts";

const kinds = {
  memory: MEMORY_CAPABILITIES,
  "memory without transactions": { ...MEMORY_CAPABILITIES, transaction: false },
};

for (const [name, can] of Object.entries(kinds)) {
  const held = memoryStore();
  const open = async () => {
    const target = memoryTarget(held, can);
    return { target, [Symbol.asyncDispose]: () => target[Symbol.asyncDispose]() };
  };
  const store = { open, alter: alterIn(held), ...histories(10) };
  register(driverSuite({ ...store, name, tenant: "two" }), { describe, it, afterAll });
  register(tenancySuite({ ...store, name: `${name}: tenancy` }), { describe, it, afterAll });
}

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
  ...histories(4),
});
register(forgetful, { describe, it, afterAll });
