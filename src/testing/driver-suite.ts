/** The driver suite: the contract of `store/driver.ts` and `store/ledger.ts`, as cases that any store can be put to. */
import { Bench, type BenchCase, type SuiteOptions } from "./bench.ts";
import { APP_CASES } from "./cases/app.ts";
import { BESIDE_CASES } from "./cases/beside.ts";
import { COMMIT_CASES } from "./cases/commit.ts";
import { DRIVER_CASES } from "./cases/driver.ts";
import { LEASE_CASES } from "./cases/lease.ts";
import { LEDGER_CASES } from "./cases/ledger.ts";
import { ORDER_CASES } from "./cases/order.ts";
import { QUERY_CASES } from "./cases/query.ts";
import { QUERY_MEANING_CASES } from "./cases/query-meaning.ts";
import { SCAN_CASES } from "./cases/scan.ts";
import { VALUE_CASES } from "./cases/values.ts";
import { type PlainCase, type Suite, withGaps } from "./suite.ts";

export interface DriverSuiteOptions extends SuiteOptions {
  /**
   * Runs every case a second time, through this tenant, in tables that hold other tenants' records beside it. Those
   * cases are called `… (tenant NAME)`.
   */
  readonly tenant?: string;
}

const CASES: readonly BenchCase[] = [
  ...ORDER_CASES,
  ...COMMIT_CASES,
  ...SCAN_CASES,
  ...VALUE_CASES,
  ...DRIVER_CASES,
  ...APP_CASES,
  ...QUERY_CASES,
  ...QUERY_MEANING_CASES,
  ...LEDGER_CASES,
  ...BESIDE_CASES,
  ...LEASE_CASES,
];

/**
 * All cases of the driver contract, for the store that `open` opens. Each makes moves of its own and drops them;
 * what else is in the store is left alone.
 *
 * @throws {TypeError} for a gap that names no case.
 */
export function driverSuite(options: DriverSuiteOptions): Suite {
  const { name = "driver", tenant, gaps } = options;
  const benches = [new Bench(options, undefined)];
  const cases = bound(CASES, benches[0] as Bench, "");
  if (tenant !== undefined) {
    const second = new Bench(options, tenant);
    benches.push(second);
    cases.push(...bound(CASES, second, ` (tenant ${tenant})`));
  }
  return {
    name,
    cases: withGaps(cases, gaps),
    async close() {
      for (const bench of benches) await bench.close();
    },
  };
}

function bound(cases: readonly BenchCase[], bench: Bench, mark: string): PlainCase[] {
  return cases.map(({ name, run }) => ({
    name: `${name}${mark}`,
    run: () => bench.use(run),
  }));
}
