/**
 * The contract of stores, as tests that yours can be put to.
 *
 * A store that moves can be made in is a `Target` with its `Ledger`, and a `Driver` for each move. `driverSuite` has a
 * case for every promise of the three, called by its law; `tenancySuite` those about several tenants. They need no
 * test runner: a case is a name and a function that throws. With vitest, jest or node:test:
 *
 * @example
 * import { afterAll, describe, it } from "vitest";
 * import { driverSuite, register, tenancySuite } from "outgrow/testing";
 * import { openMyStore } from "my-store";
 *
 * // Every call opens the same store, which outlives the handle. Use one that may be filled and emptied.
 * const open = async () => {
 *   const target = await openMyStore("mystore://localhost/test");
 *   return { target, [Symbol.asyncDispose]: () => target[Symbol.asyncDispose]() };
 * };
 *
 * const suite = driverSuite({
 *   name: "my store",
 *   open,
 *   // Runs all cases a second time, through this tenant, with other tenants' records beside.
 *   tenant: "second",
 *   // Writes a title past the driver, as an app would.
 *   alter: ({ collection, tenant, key, title }) => setTitle(`${tenant}/${collection}/${key}`, title),
 *   // What does not work yet, each with its reason. A case listed here has to fail: once it passes, take it out.
 *   gaps: { "law D3: a scan by position gives the source's order": "#12: positions are not kept" },
 * });
 * register(suite, { describe, it, afterAll });
 * register(tenancySuite({ name: "my store's tenants", open }), { describe, it, afterAll });
 *
 * What a driver cannot do, it says in `can` and refuses with UNSUPPORTED. The suite then looks for the refusal, so
 * nothing is skipped. Random histories print their seed when they fail: `driverSuite({ …, seed, runs: 1 })` gives
 * that history again; more `runs` make it a campaign.
 */
export { ConformanceError } from "./assert.ts";
export type { AlteredRow, Handle, SuiteOptions } from "./bench.ts";
export { type DriverSuiteOptions, driverSuite } from "./driver-suite.ts";
export { HOSTILE_KEYS, HOSTILE_NAMES, HOSTILE_TENANTS, HOSTILE_VALUES } from "./hostile.ts";
export type { WantedLayout } from "./layouts.ts";
export { type Case, type Outcome, type Runner, register, runSuite, type Suite } from "./suite.ts";
export { tenancySuite } from "./tenancy-suite.ts";
