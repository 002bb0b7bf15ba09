/** The suites prove what they say: a store that breaks the contract fails a case that names the law. */
import { describe, expect, it, test } from "vitest";
import { driverSuite, type Outcome, runSuite, tenancySuite } from "../../src/testing/index.ts";
import { withGaps } from "../../src/testing/suite.ts";
import { BROKEN, type Broken } from "./broken.ts";
import { memoryStore } from "./memory-ledger.ts";
import { alterIn, memoryTarget } from "./memory-target.ts";

/** All names of cases that fail, for whoever looks which ones there are: SHOW=1. */
const isShown = process.env["SHOW"] !== undefined;

/** The cases that fail, of both suites, among those whose name says `law`. */
async function failing({ wrap, law }: Pick<Broken, "wrap" | "law">): Promise<string[]> {
  const store = memoryStore();
  const open = async () => {
    const target = wrap(memoryTarget(store));
    return { target, [Symbol.asyncDispose]: () => target[Symbol.asyncDispose]() };
  };
  const options = { open, alter: alterIn(store), runs: 4 };
  const outcomes: Outcome[] = [];
  for (const suite of [driverSuite(options), tenancySuite(options)]) {
    const cases = suite.cases.filter(({ name }) => isShown || law.test(name));
    outcomes.push(...(await runSuite({ ...suite, cases })));
  }
  return outcomes.filter(({ error }) => error !== undefined).map(({ name }) => name);
}

describe("a store that is deliberately broken is rejected", () => {
  test.each(BROKEN)("law: $name", async (broken) => {
    const names = await failing(broken);
    if (isShown) console.log(`${broken.name}\n  ${names.join("\n  ")}`);
    expect(names.filter((name) => broken.law.test(name))).not.toEqual([]);
  });

  it("and a good one is not", async () => {
    expect(await failing({ wrap: (target) => target, law: /./ })).toEqual([]);
  });
});

describe("known gaps", () => {
  const cases = [
    { name: "law A", run: async () => {} },
    { name: "law B", run: () => Promise.reject(new Error("no")) },
  ];

  it("a case with a gap passes as long as it fails, and fails once it passes", async () => {
    const [good, bad] = withGaps(cases, { "law A": "why", "law B": "why" });
    await expect(good?.run()).rejects.toThrow('"law A" passes now: take it out of the gaps.');
    await expect(bad?.run()).resolves.toBeUndefined();
    expect(withGaps(cases).map(({ gap }) => gap)).toEqual([undefined, undefined]);
  });

  it("a gap that names no case, or gives no reason, is an error", () => {
    expect(() => withGaps(cases, { "law C": "why" })).toThrow("No case is called");
    expect(() => withGaps(cases, { "law A": "" })).toThrow("needs a reason");
    expect(() => withGaps([...cases, ...cases])).toThrow("Two cases have one name.");
    expect(() => withGaps(cases, { constructor: "why" })).toThrow("No case is called");
  });
});
