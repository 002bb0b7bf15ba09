import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { UnderWay } from "../../src/transfer/under-way.ts";

interface Gate {
  readonly passed: Promise<void>;
  open(error?: Error): void;
}

function gate(): Gate {
  let open: Gate["open"] = () => {};
  const passed = new Promise<void>((resolve, reject) => {
    open = (error) => (error === undefined ? resolve() : reject(error));
  });
  passed.catch(() => {});
  return { passed, open };
}

it("law T2: so many pieces are under way at once and no more, and each begins in its turn", async () => {
  const underWay = new UnderWay(2);
  const gates = [gate(), gate(), gate(), gate()];
  const begun: number[] = [];
  const all = (async () => {
    for (const [index, { passed }] of gates.entries()) {
      await underWay.begin(() => {
        begun.push(index);
        return passed;
      });
    }
    await underWay.ended();
  })();
  await sleep(5);
  expect(begun).toEqual([0, 1]);
  gates[1]?.open();
  await sleep(5);
  expect(begun).toEqual([0, 1, 2]);
  gates[2]?.open();
  gates[3]?.open();
  await sleep(5);
  expect(begun).toEqual([0, 1, 2, 3]);
  gates[0]?.open();
  await all;
});

it("law T2: behind a piece that failed nothing begins, and who leaves waits for what is under way", async () => {
  const [failing, slow] = [gate(), gate()];
  let hasEnded = false;
  const work = async (): Promise<void> => {
    await using underWay = new UnderWay(2);
    await underWay.begin(() => failing.passed);
    await underWay.begin(async () => {
      await slow.passed;
      hasEnded = true;
    });
    failing.open(new Error("the first"));
    await underWay.begin(async () => expect.unreachable());
  };
  const outcome = work();
  outcome.catch(() => {});
  await sleep(5);
  expect(await Promise.race([outcome.catch(() => "thrown"), sleep(5, "waiting")])).toBe("waiting");
  slow.open(new Error("the second"));
  await expect(outcome).rejects.toThrow("the first");
  expect(hasEnded).toBe(false);
});
