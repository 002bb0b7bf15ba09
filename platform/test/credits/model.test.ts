/** Random histories of one account do what a plain model says, answer by answer. */
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { propertyRuns } from "../../../test/support/property.ts";
import { type Credits, PlatformError, type Receipt } from "../../src/credits/index.ts";
import { type Place, SERVERS } from "../support/backends.ts";
import { Model, type ModelAnswer, type Step } from "../support/model.ts";

const amount = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 1, max: 12 }) },
  { weight: 1, arbitrary: fc.constantFrom(Number.MAX_SAFE_INTEGER, 2 ** 52) },
);
/** Which of the holds, entries or earlier requests so far; too large a number names none. */
const which = fc.nat({ max: 5 });
const hold = fc.nat({ max: 2 });
const optional = fc.option(amount, { nil: undefined });
const steps: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant("grant" as const), amount }),
  fc.record({ do: fc.constant("purchase" as const), amount, payment: fc.nat({ max: 1 }) }),
  fc.record({ do: fc.constant("spend" as const), amount }),
  { weight: 2, arbitrary: fc.record({ do: fc.constant("reserve" as const), amount }) },
  fc.record({ do: fc.constant("capture" as const), which: hold, amount: optional }),
  fc.record({ do: fc.constant("void" as const), which: hold }),
  fc.record({ do: fc.constant("refund" as const), which, amount: optional }),
  { weight: 2, arbitrary: fc.record({ do: fc.constant("lapse" as const), which: hold }) },
  fc.record({ do: fc.constant("again" as const), which }),
  fc.record({ do: fc.constant("mismatch" as const), which, amount }),
  fc.record({ do: fc.constant("sweep" as const) }),
);

/** With nothing in it an account would refuse nearly all. */
const FUNDS: Step = { do: "grant", amount: 40 };

describe.each(SERVERS)("histories in $name", ({ start }) => {
  let place: Place;
  let credits: Credits;
  let accounts = 0;
  beforeAll(async () => {
    place = await start();
    credits = await place.open();
  });
  afterAll(() => place?.[Symbol.asyncDispose]());

  it("promise P14: grants, spends, holds, their ends, refunds and repeated keys follow the model", async () => {
    const seen = new Map<string, number>();
    const runs = propertyRuns(30);
    const histories = fc.array(steps, { minLength: 10, maxLength: 40, size: "max" });
    await fc.assert(
      fc.asyncProperty(histories, async (history) => {
        const account = `model-${++accounts}`;
        const model = new Model(account);
        for (const step of [FUNDS, ...history]) {
          if (step.do === "lapse") {
            const lapsed = model.lapse(step.which);
            if (lapsed !== undefined) await place.lapse(account, lapsed);
            continue;
          }
          if (step.do === "sweep") {
            expect((await credits.sweep()).released).toBe(model.release());
            continue;
          }
          const asked = model.ask(step);
          if (asked === undefined) continue;
          const answer = await answered(credits[asked.method](asked.request as never));
          const expected = model.answer(asked, answer);
          expect(plain(answer), JSON.stringify(asked)).toEqual(expected);
          const told = "refused" in expected ? expected.refused : asked.method;
          seen.set(told, (seen.get(told) ?? 0) + 1);
          expect(await credits.balance(account)).toEqual(model.balance());
        }
        // What is left over would be swept in the next history.
        expect((await credits.sweep()).released).toBe(model.release());
        const { entries } = await credits.history(account, { limit: 1000 });
        expect(entries.reduce((sum, { credits: one }) => sum + one, 0)).toBe(model.stored());
        expect(entries.map(({ place: at }) => at)).toEqual(
          entries.map((_, at) => entries.length - at),
        );
      }),
      runs,
    );
    expect((await credits.reconcile()).findings).toEqual([]);
    const codes = ["INSUFFICIENT_CREDITS", "HOLD_CLOSED", "HOLD_EXPIRED", "CAPTURE_TOO_LARGE"];
    const rare = ["IDEMPOTENCY_MISMATCH", "REFUND_UNKNOWN", "PAYMENT_TAKEN"];
    expect([...codes, ...rare].filter((code) => !seen.has(code))).toEqual([]);
  });
});

async function answered(work: Promise<Receipt>): Promise<Receipt | PlatformError> {
  try {
    return await work;
  } catch (error) {
    if (PlatformError.is(error)) return error;
    throw error;
  }
}

function plain(answer: Receipt | PlatformError): ModelAnswer {
  if (answer instanceof PlatformError) return { refused: answer.code };
  const { kind, place, amount: taken, available, held, replayed } = answer;
  return { kind, place, amount: taken, available, held, replayed };
}
