/**
 * Ends the output of a run with one line for scripts to read: `N passed, N failed`, and
 * `, N skipped` where there are any.
 *
 * Law: `N failed` is 0 only if vitest calls the run passed. Whatever else went wrong (a file that
 * does not load, a hook, an unhandled rejection, a run that never began) counts as a failure.
 */
import { writeSync } from "node:fs";
import type { Reporter, TestModule } from "vitest/node";

type RunEnd = Parameters<NonNullable<Reporter["onTestRunEnd"]>>;

export class ClosingLineReporter implements Reporter {
  #line = "0 passed, 1 failed";

  onInit(): void {
    // Other reporters, coverage and the end of the global setup still write after the run's end.
    process.once("exit", () => writeSync(1, `${this.#line}\n`));
  }

  onTestRunEnd(modules: RunEnd[0], unhandled: RunEnd[1], reason: RunEnd[2]): void {
    let passed = 0;
    let failed = unhandled.length;
    let skipped = 0;
    for (const module of modules) {
      failed += countSuiteErrors(module);
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state === "passed") passed++;
        else if (state === "failed") failed++;
        else skipped++;
      }
    }
    if (failed === 0 && (reason !== "passed" || passed === 0)) failed = 1;
    this.#line = `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
  }
}

function countSuiteErrors(module: TestModule): number {
  let count = module.errors().length;
  for (const suite of module.children.allSuites()) count += suite.errors().length;
  return count;
}
