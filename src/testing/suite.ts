/** A suite: named cases that a test runner runs, with the gaps that are known. */
import { ConformanceError } from "./assert.ts";

export interface Case {
  /** Begins with the law that it proves: `law D1: …`. */
  readonly name: string;
  /** Why this case is known to fail: see `gaps`. */
  readonly gap: string | undefined;
  /** Fails with a `ConformanceError`, whose `name` is `AssertionError`, or with what the store throws. */
  run(): Promise<void>;
}

export interface Suite {
  readonly name: string;
  readonly cases: readonly Case[];
  /** Closes what the cases have opened. Call it once, behind the last case. */
  close(): Promise<void>;
}

/** What vitest, jest and node:test have in common. In node:test, `afterAll` is called `after`. */
export interface Runner {
  describe(name: string, body: () => void): unknown;
  it(name: string, body: () => Promise<void>): unknown;
  afterAll(body: () => Promise<void>): unknown;
}

/**
 * Registers all cases of a suite with a test runner.
 *
 * @example
 * import { afterAll, describe, it } from "vitest";
 * register(driverSuite({ open }), { describe, it, afterAll });
 */
export function register(suite: Suite, { describe, it, afterAll }: Runner): void {
  describe(suite.name, () => {
    for (const { name, gap, run } of suite.cases) {
      it(gap === undefined ? name : `${name} [known gap: ${gap}]`, run);
    }
    afterAll(() => suite.close());
  });
}

export interface Outcome {
  readonly name: string;
  /** `undefined` when the case passed. */
  readonly error: unknown;
}

/** Runs all cases one behind the other, without a test runner, and closes the suite. */
export async function runSuite(suite: Suite): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const { name, run } of suite.cases) {
    outcomes.push(
      await run().then(
        () => ({ name, error: undefined }),
        (error: unknown) => ({ name, error }),
      ),
    );
  }
  await suite.close();
  return outcomes;
}

export interface PlainCase {
  readonly name: string;
  run(): Promise<void>;
}

/**
 * Lays known gaps over cases. A case with a gap has to fail: once it passes, it fails until the gap is taken out, so
 * that the list can only tell the truth.
 *
 * @throws {TypeError} for a gap that names no case, or gives no reason.
 */
export function withGaps(
  cases: readonly PlainCase[],
  gaps: Readonly<Record<string, string>> = {},
): Case[] {
  const names = new Set(cases.map(({ name }) => name));
  if (names.size < cases.length) throw new TypeError("Two cases have one name.");
  for (const [name, reason] of Object.entries(gaps)) {
    if (!names.has(name)) throw new TypeError(`No case is called ${JSON.stringify(name)}.`);
    if (reason === "") throw new TypeError(`The gap ${JSON.stringify(name)} needs a reason.`);
  }
  return cases.map(({ name, run }) => {
    const gap = Object.hasOwn(gaps, name) ? gaps[name] : undefined;
    return { name, gap, run: gap === undefined ? run : () => failing(name, run) };
  });
}

async function failing(name: string, run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch {
    return;
  }
  throw new ConformanceError(`${JSON.stringify(name)} passes now: take it out of the gaps.`);
}
