/** What every ledger does, whatever keeps it. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Credits, type ErrorCode, PlatformError } from "../../src/credits/index.ts";
import { PLACES, type Place } from "../support/backends.ts";

const refused = (work: Promise<unknown>, code: ErrorCode): Promise<void> =>
  expect(work).rejects.toMatchObject({ name: "PlatformError", code });

describe.each(PLACES)("credits in $name", ({ start }) => {
  let place: Place;
  let credits: Credits;
  let count = 0;
  /** An account of this test's own, and keys. */
  const fresh = (): { account: string; key: () => string } => {
    const account = `user/${++count}`;
    let keys = 0;
    return { account, key: () => `${account}:${++keys}` };
  };
  beforeAll(async () => {
    place = await start();
    credits = await place.open();
  });
  afterAll(() => place?.[Symbol.asyncDispose]());

  it("promise P14: grants, spends, refunds, and tells each in its history, the newest first", async () => {
    const { account, key } = fresh();
    expect(await credits.balance(account)).toEqual({ available: 0, held: 0 });
    await credits.grant({ account, amount: 3, key: key(), note: "welcome" });
    const bought = await credits.grant({ account, amount: 20, key: key(), payment: "cs_1" });
    expect(bought).toMatchObject({ kind: "purchase", place: 2, available: 23, replayed: false });
    const spent = await credits.spend({ account, amount: 5, key: key(), note: "çiçek 🌺 a/b" });
    expect(spent).toMatchObject({ kind: "spend", place: 3, amount: 5, available: 18, held: 0 });
    expect(Math.abs(spent.at.getTime() - Date.now())).toBeLessThan(60_000);
    await credits.refund({ account, of: spent.place, amount: 2, key: key() });
    expect(await credits.balance(account)).toEqual({ available: 20, held: 0 });
    const { entries, next } = await credits.history(account);
    expect(next).toBeUndefined();
    expect(entries.map(({ at, ...entry }) => entry)).toEqual([
      {
        place: 4,
        kind: "refund",
        source: "spent",
        destination: "available",
        amount: 2,
        credits: 2,
        of: 3,
      },
      {
        place: 3,
        kind: "spend",
        source: "available",
        destination: "spent",
        amount: 5,
        credits: -5,
        note: "çiçek 🌺 a/b",
      },
      {
        place: 2,
        kind: "purchase",
        source: "sold",
        destination: "available",
        amount: 20,
        credits: 20,
        payment: "cs_1",
      },
      {
        place: 1,
        kind: "grant",
        source: "granted",
        destination: "available",
        amount: 3,
        credits: 3,
        note: "welcome",
      },
    ]);
    expect(entries[1]?.at).toEqual(spent.at);
  });

  it("promise P14: history goes on where a page ended, while entries come", async () => {
    const { account, key } = fresh();
    for (let amount = 1; amount <= 7; amount++)
      await credits.grant({ account, amount, key: key() });
    const first = await credits.history(account, { limit: 3 });
    await credits.grant({ account, amount: 8, key: key() });
    const second = await credits.history(account, { limit: 3, before: first.next });
    const third = await credits.history(account, { limit: 3, before: second.next });
    const all = [first, second, third].flatMap(({ entries }) => entries);
    expect(all.map(({ amount }) => amount)).toEqual([7, 6, 5, 4, 3, 2, 1]);
    expect(third.next).toBeUndefined();
    expect((await credits.history(account, { before: 99, limit: 1 })).entries[0]?.place).toBe(8);
    expect((await credits.history(account, { before: 1 })).entries).toEqual([]);
    for (const before of [0, -1, 1.5]) {
      await refused(credits.history(account, { before }), "CURSOR_INVALID");
    }
    await refused(credits.history(account, { limit: 0 }), "REQUEST_INVALID");
  });

  it("promise P14: a hold is captured, in part, or voided; a second time is refused", async () => {
    const { account, key } = fresh();
    await credits.grant({ account, amount: 10, key: key() });
    const first = await credits.reserve({ account, amount: 6, key: key(), ttlMs: 60_000 });
    expect(first).toMatchObject({ available: 4, held: 6 });
    expect(first.expiresAt?.getTime()).toBe(first.at.getTime() + 60_000);
    const hold = first.hold as string;
    await refused(credits.spend({ account, amount: 5, key: key() }), "INSUFFICIENT_CREDITS");
    await refused(credits.capture({ account, hold, amount: 7, key: key() }), "CAPTURE_TOO_LARGE");
    const captured = await credits.capture({ account, hold, amount: 4, key: "capture" });
    expect(captured).toMatchObject({ kind: "capture", amount: 4, available: 6, held: 0, hold });
    const again = await credits.capture({ account, hold, amount: 4, key: "capture" });
    expect(again).toEqual({ ...captured, replayed: true });
    await refused(credits.capture({ account, hold, key: key() }), "HOLD_CLOSED");
    await refused(credits.void({ account, hold, key: key() }), "HOLD_CLOSED");
    const second = await credits.reserve({ account, amount: 6, key: key() });
    const voided = await credits.void({ account, hold: second.hold as string, key: key() });
    expect(voided).toMatchObject({ kind: "void", amount: 6, available: 6, held: 0 });
    await refused(credits.void({ account, hold: "none", key: key() }), "HOLD_UNKNOWN");
    const other = fresh();
    await refused(credits.void({ account: other.account, hold, key: key() }), "HOLD_UNKNOWN");
    const kinds = (await credits.history(account)).entries.map(({ kind }) => kind);
    expect(kinds).toEqual(["void", "reserve", "void", "capture", "reserve", "grant"]);
  });

  it("promise P14: a hold ends by the store's clock, and its credits can be spent at once", async () => {
    const { account, key } = fresh();
    await credits.grant({ account, amount: 10, key: key() });
    const { hold = "" } = await credits.reserve({ account, amount: 8, key: key(), ttlMs: 40 });
    const late = await credits.reserve({ account, amount: 2, key: key(), ttlMs: 60_000 });
    await expect
      .poll(() => credits.balance(account), { interval: 10 })
      .toEqual({ available: 8, held: 2 });
    await refused(credits.capture({ account, hold, key: key() }), "HOLD_EXPIRED");
    await refused(credits.void({ account, hold, key: key() }), "HOLD_EXPIRED");
    const spent = await credits.spend({ account, amount: 8, key: key() });
    expect(spent).toMatchObject({ available: 0, held: 2 });
    await place.lapse(account, late.hold as string);
    expect(await credits.sweep()).toMatchObject({ released: 1 });
    expect(await credits.sweep()).toMatchObject({ released: 0 });
    const kinds = (await credits.history(account)).entries.map(({ kind }) => kind);
    expect(kinds).toEqual(["expire", "spend", "expire", "reserve", "reserve", "grant"]);
    expect(await credits.balance(account)).toEqual({ available: 2, held: 0 });
  });

  it("promise P14: a refund gives back what was taken once, and nothing of a grant or a refund", async () => {
    const { account, key } = fresh();
    await credits.grant({ account, amount: 10, key: key() });
    const spent = await credits.spend({ account, amount: 4, key: key() });
    const refund = await credits.refund({ account, of: spent.place, key: key() });
    expect(refund).toMatchObject({ kind: "refund", amount: 4, available: 10 });
    await refused(credits.refund({ account, of: spent.place, key: key() }), "REFUND_TOO_LARGE");
    await refused(credits.refund({ account, of: 1, key: key() }), "REFUND_UNKNOWN");
    await refused(credits.refund({ account, of: refund.place, key: key() }), "REFUND_UNKNOWN");
    await refused(credits.refund({ account, of: 99, key: key() }), "REFUND_UNKNOWN");
    const { hold = "" } = await credits.reserve({ account, amount: 4, key: key() });
    const captured = await credits.capture({ account, hold, amount: 3, key: key() });
    const of = captured.place;
    await credits.refund({ account, of, amount: 1, key: key() });
    await refused(credits.refund({ account, of, amount: 3, key: key() }), "REFUND_TOO_LARGE");
    expect(await credits.refund({ account, of, key: key() })).toMatchObject({ amount: 2 });
    expect(await credits.balance(account)).toEqual({ available: 10, held: 0 });
  });

  it("promise P14: a payment is credited once, whatever the keys", async () => {
    const { account, key } = fresh();
    const payment = `cs_${account}`;
    const first = await credits.grant({ account, amount: 50, key: "event-1", payment });
    const again = await credits.grant({ account, amount: 50, key: "event-2", payment });
    expect(again).toEqual({ ...first, replayed: true });
    await refused(credits.grant({ account, amount: 51, key: key(), payment }), "PAYMENT_TAKEN");
    const other = fresh().account;
    const taken = credits.grant({ account: other, amount: 50, key: key(), payment });
    await refused(taken, "PAYMENT_TAKEN");
    expect(await credits.balance(account)).toEqual({ available: 50, held: 0 });
    expect(await credits.balance(other)).toEqual({ available: 0, held: 0 });
    for (let round = 0; round < 5; round++) {
      const racing = Array.from({ length: 8 }, () => {
        const racer = fresh();
        const asked = { account: racer.account, amount: 5, payment: `race-${round}` };
        return credits.grant({ ...asked, key: racer.key() });
      });
      const outcomes = await Promise.allSettled(racing);
      expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    }
  });

  it("sem 57: a refusal stays one under its key, also when the credits came", async () => {
    const { account, key } = fresh();
    const wanted = { account, amount: 5, key: "refused-once" };
    await refused(credits.spend(wanted), "INSUFFICIENT_CREDITS");
    await credits.grant({ account, amount: 5, key: key() });
    await refused(credits.spend(wanted), "INSUFFICIENT_CREDITS");
    expect(await credits.spend({ ...wanted, key: key() })).toMatchObject({ available: 0 });
  });

  it("sem 57: one key means one request: another amount, account, note or operation is a mismatch", async () => {
    const { account, key } = fresh();
    const other = fresh().account;
    await credits.grant({ account, amount: 10, key: key() });
    await credits.grant({ account: other, amount: 10, key: key() });
    const one = { account, amount: 1, key: `one-${account}` };
    await credits.spend(one);
    const mismatches = [
      () => credits.spend({ ...one, amount: 2 }),
      () => credits.spend({ ...one, account: other }),
      () => credits.spend({ ...one, account: "nobody" }),
      () => credits.spend({ ...one, note: "other" }),
      () => credits.reserve(one),
      () => credits.grant(one),
    ];
    for (const mismatch of mismatches) await refused(mismatch(), "IDEMPOTENCY_MISMATCH");
    expect(await credits.balance(account)).toEqual({ available: 9, held: 0 });
    expect(await credits.balance(other)).toEqual({ available: 10, held: 0 });
  });

  it("sem 57: 20 calls with one key at once have one effect and one answer", async () => {
    const { account, key } = fresh();
    await credits.grant({ account, amount: 10, key: key() });
    const calls = Array.from({ length: 20 }, () =>
      credits.spend({ account, amount: 3, key: `same-${account}` }),
    );
    const receipts = await Promise.all(calls);
    expect(receipts.filter(({ replayed }) => !replayed)).toHaveLength(1);
    const [first] = receipts;
    for (const receipt of receipts) {
      expect({ ...receipt, replayed: false }).toEqual({ ...first, replayed: false });
    }
    expect(await credits.balance(account)).toEqual({ available: 7, held: 0 });
    // The first of all for its account, and on two accounts.
    const opened = Array.from({ length: 20 }, (_, at) =>
      credits.grant({ account: `${account}-${at % 2}`, amount: 3, key: `open-${account}` }),
    );
    const outcomes = await Promise.allSettled(opened);
    const done = outcomes.filter(({ status }) => status === "fulfilled");
    expect(done).toHaveLength(10);
    for (const outcome of outcomes) {
      if (outcome.status === "fulfilled") continue;
      expect(outcome.reason).toMatchObject({ code: "IDEMPOTENCY_MISMATCH" });
    }
  });

  it("sem 57: a key is kept as long as was said, and then it is free", async () => {
    const { account, key } = fresh();
    const brief = await place.open({ keepKeysMs: 150 });
    await brief.grant({ account, amount: 10, key: key() });
    const once = { account, amount: 1, key: `brief-${account}` };
    await brief.spend(once);
    await brief.spend(once);
    await expect
      .poll(async () => (await brief.spend(once)).replayed, { interval: 60, timeout: 5_000 })
      .toBe(false);
    expect(await brief.balance(account)).toEqual({ available: 8, held: 0 });
    // A payment outlives its keys.
    const paid = { account, amount: 7, payment: `cs_brief_${account}` };
    await brief.grant({ ...paid, key: key() });
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(await brief.grant({ ...paid, key: key() })).toMatchObject({ replayed: true });
    await brief.sweep();
    expect(await brief.balance(account)).toEqual({ available: 15, held: 0 });
  });

  it("input c-31: only whole numbers from 1 to 2^53-1 are amounts", async () => {
    const { account, key } = fresh();
    await credits.grant({ account, amount: 10, key: key() });
    const wrong = [
      0,
      -0,
      -1,
      0.1,
      2.5,
      Number.NaN,
      Infinity,
      1e16,
      2 ** 53,
      "5",
      5n,
      null,
      {},
      [5],
    ];
    for (const amount of [...wrong, undefined] as number[]) {
      await refused(credits.spend({ account, amount, key: key() }), "AMOUNT_INVALID");
      await refused(credits.grant({ account, amount, key: key() }), "AMOUNT_INVALID");
      await refused(credits.reserve({ account, amount, key: key() }), "AMOUNT_INVALID");
    }
    expect(await credits.balance(account)).toEqual({ available: 10, held: 0 });
  });

  it("promise P14: the largest balance is exact to the last credit, and nothing passes it", async () => {
    const { account, key } = fresh();
    const most = Number.MAX_SAFE_INTEGER;
    await credits.grant({ account, amount: most - 1, key: key() });
    await refused(credits.grant({ account, amount: 2, key: key() }), "BALANCE_TOO_LARGE");
    await credits.grant({ account, amount: 1, key: key() });
    await credits.spend({ account, amount: 1, key: key() });
    expect(await credits.balance(account)).toEqual({ available: most - 1, held: 0 });
    const { hold = "" } = await credits.reserve({ account, amount: most - 1, key: key() });
    await refused(credits.grant({ account, amount: 2, key: key() }), "BALANCE_TOO_LARGE");
    await credits.capture({ account, hold, amount: most - 2, key: key() });
    expect(await credits.balance(account)).toEqual({ available: 1, held: 0 });
    const { entries } = await credits.history(account);
    expect(entries.find(({ kind }) => kind === "capture")?.amount).toBe(most - 2);
  });

  it("sec R-27: two tenants with one user and one key know nothing of each other", async () => {
    const { account } = fresh();
    const [first, second] = [await place.open({ tenant: "a" }), await place.open({ tenant: "b" })];
    const asked = { account, amount: 5, key: "k", payment: "cs" };
    expect(await first.grant(asked)).toMatchObject({ available: 5, replayed: false });
    expect(await second.balance(account)).toEqual({ available: 0, held: 0 });
    expect(await second.grant({ ...asked, amount: 9 })).toMatchObject({ available: 9 });
    const { hold = "" } = await first.reserve({ account, amount: 1, key: "h" });
    await refused(second.void({ account, hold, key: "h" }), "HOLD_UNKNOWN");
    expect((await second.history(account)).entries).toHaveLength(1);
    expect(await second.reconcile()).toMatchObject({ accounts: 1, total: 9n, agrees: true });
    await refused(place.open({ tenant: "" }), "TENANT_INVALID");
  });

  it("sec: names that no store could hold are refused before one is asked", async () => {
    const { key } = fresh();
    const bad = ["", "a\u0000b", "a\nb", "\ud800", "x".repeat(201), 5, null] as string[];
    for (const name of bad) {
      await refused(credits.grant({ account: name, amount: 1, key: key() }), "REQUEST_INVALID");
      await refused(credits.grant({ account: "a", amount: 1, key: name }), "REQUEST_INVALID");
      await refused(credits.balance(name), "REQUEST_INVALID");
    }
    const odd = ["a:b{c}", "'; drop schema credits; --", "ACCOUNT", "TENANT", "\u2028", "*?["];
    for (const account of odd)
      await credits.grant({ account, amount: 1, key: key(), note: account });
    for (const account of odd) expect((await credits.balance(account)).available).toBe(1);
  });

  it("an error names its code, what to do, and nothing that was written", async () => {
    const { account, key } = fresh();
    const asked = credits.spend({ account, amount: 5, key: key(), note: "secret words" });
    const error = (await asked.catch((reason: unknown) => reason)) as PlatformError;
    expect(PlatformError.is(error, "INSUFFICIENT_CREDITS")).toBe(true);
    expect(error).toMatchObject({ status: 402, retry: false });
    expect(error.message).toContain("5 asked for, 0 there");
    expect(error.next).toContain("new key");
    expect(JSON.stringify(error) + error.message).not.toContain("secret");
  });
});
