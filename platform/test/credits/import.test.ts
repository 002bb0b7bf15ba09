/** Old balances and old histories, as PictureAi and hostile people have them. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type Credits,
  existingAccount,
  redisCredits,
  SEED_NAMES,
} from "../../src/credits/index.ts";
import { type Place, redisPlace, SERVERS } from "../support/backends.ts";

/** The forms of PictureAi's file: usage rows with a prompt, purchases with what was paid. */
const usage = (id: number, credits: unknown = -1) => ({
  id,
  user_id: 7,
  type: "usage",
  credits,
  prompt: "Büyülü orman \ud83c\udf32",
  created_at: "2025-01-02 03:04:05",
});
const purchase = (id: number, credits: number) => ({
  id,
  user_id: 7,
  type: "purchase",
  credits,
  amount: 2500,
  created_at: "2025-01-02T03:04:05.000Z",
});

describe.each(SERVERS)("imports into $name", ({ start }) => {
  let place: Place;
  let credits: Credits;
  let count = 0;
  beforeAll(async () => {
    place = await start();
    credits = await place.open();
  });
  afterAll(() => place?.[Symbol.asyncDispose]());
  const fresh = (): string => `old-${++count}`;

  it("promise P14: a balance that its history explains is imported with that history and no more", async () => {
    const account = fresh();
    const history = [purchase(1, 20), usage(2), usage(3)];
    const request = { account, balance: 21, history, initial: 3 };
    const receipt = await credits.importOpening(request);
    expect(receipt).toMatchObject({ available: 21, held: 0, findings: [], replayed: false });
    const { entries } = await credits.history(account);
    expect(entries.map(({ kind, credits: one }) => [kind, one])).toEqual([
      ["initial", 3],
      ["imported", -1],
      ["imported", -1],
      ["imported", 20],
    ]);
    expect(entries[1]?.imported).toEqual(usage(3));
    const again = await credits.importOpening(request);
    expect(again).toEqual({ ...receipt, replayed: true });
    expect((await credits.history(account)).entries).toHaveLength(4);
  });

  it("promise P14: a balance that its history does not explain is told, and is one entry of its own", async () => {
    const more = fresh();
    const receipt = await credits.importOpening({ account: more, balance: 3, history: [usage(1)] });
    const gap = { code: "LEDGER_GAP", account: more, expected: "-1", found: "3" };
    expect(receipt.findings).toEqual([gap]);
    const [opening] = (await credits.history(more)).entries;
    expect(opening).toMatchObject({ kind: "opening", credits: 4, source: "opening" });
    const less = fresh();
    const history = [purchase(1, 100), usage(2)];
    await credits.importOpening({ account: less, balance: 10, history });
    const [{ kind, credits: one, destination } = {}] = (await credits.history(less)).entries;
    expect([kind, one, destination]).toEqual(["opening", -89, "opening"]);
    const spent = await credits.spend({ account: less, amount: 10, key: `spend-${less}` });
    expect(spent).toMatchObject({ available: 0, place: 4 });
    expect(await credits.reconcile()).toMatchObject({ agrees: true });
  });

  it("input c-31: a balance that is no whole number from 0 is refused, and the ledger untouched", async () => {
    const account = fresh();
    const wrong = [-3, 2.5, 1e16, "10", "", null, undefined, Number.NaN, Infinity, 5n, true, {}];
    for (const balance of wrong) {
      const importing = credits.importOpening({ account, balance });
      await expect(importing, String(balance)).rejects.toMatchObject({ code: "AMOUNT_INVALID" });
    }
    expect(await credits.balance(account)).toEqual({ available: 0, held: 0 });
    expect((await credits.history(account)).entries).toEqual([]);
    expect(await credits.importOpening({ account, balance: -0 })).toMatchObject({ available: 0 });
  });

  it("input c-31: an entry without a whole number of credits counts nothing, and is told by its place", async () => {
    const account = fresh();
    const history = [usage(1, -1.5), usage(2, "-1"), usage(3, null), usage(4), "text", null, [1]];
    const { findings } = await credits.importOpening({ account, balance: 5, history });
    const invalid = findings.filter(({ code }) => code === "HISTORY_INVALID");
    expect(invalid.map(({ at }) => at)).toEqual(["0", "1", "2", "4", "5", "6"]);
    expect(invalid[0]?.found).toBe("it is a fraction");
    expect(findings.at(-1)).toMatchObject({ code: "LEDGER_GAP", expected: "-1", found: "5" });
    const { entries } = await credits.history(account);
    expect(entries.map(({ credits: one }) => one)).toEqual([6, 0, 0, 0, -1, 0, 0, 0]);
    expect(entries.at(-1)?.imported).toEqual(usage(1, -1.5));
    expect(await credits.reconcile()).toMatchObject({ agrees: true });
  });

  it("input: histories whose sums no number holds, with NUL, lone surrogates and __proto__, are kept as they are", async () => {
    const account = fresh();
    const most = Number.MAX_SAFE_INTEGER;
    const odd = JSON.parse(
      `{"credits":1,"prompt":"\\\\u0000 \\\\ud800 \\u2028","__proto__":{"credits":5},"user_id":"{x}"}`,
    ) as unknown;
    const history = [purchase(1, most), purchase(2, most), purchase(3, most), odd];
    const { findings } = await credits.importOpening({ account, balance: most, history });
    expect(findings).toMatchObject([
      { code: "LEDGER_GAP", expected: String(3n * BigInt(most) + 1n) },
    ]);
    const { entries } = await credits.history(account);
    expect(entries.find(({ place: at }) => at === 4)?.imported).toEqual(odd);
    expect(await credits.reconcile()).toMatchObject({ agrees: true });
    const circular: Record<string, unknown> = { credits: 1 };
    circular["self"] = circular;
    for (const item of [circular, { credits: 1, big: 1n }, undefined]) {
      const importing = credits.importOpening({ account: fresh(), balance: 1, history: [item] });
      await expect(importing).rejects.toMatchObject({ code: "REQUEST_INVALID" });
    }
    const endless = { account: fresh(), balance: 1, history: Array(20_001).fill(usage(1)) };
    await expect(credits.importOpening(endless)).rejects.toMatchObject({
      code: "IMPORT_TOO_LARGE",
    });
  });

  it("promise P14: what was paid before is not credited again, and is told when it was credited twice", async () => {
    const account = fresh();
    const payments = [
      { payment: `old-${account}`, credits: 20, at: new Date("2025-01-02T03:04:05.678Z") },
      { payment: `twice-${account}`, credits: 5 },
      { payment: `twice-${account}`, credits: 5 },
    ];
    const history = [purchase(1, 20), purchase(2, 5), purchase(3, 5), usage(4)];
    const receipt = await credits.importOpening({ account, balance: 29, history, payments });
    expect(receipt.findings).toEqual([{ code: "PAYMENT_TWICE", account, at: `twice-${account}` }]);
    for (const [at, { payment, credits: amount }] of payments.entries()) {
      const again = { account, amount, payment, key: `webhook-${account}-${at}` };
      expect(await credits.grant(again)).toMatchObject({ amount, place: 4, replayed: true });
      const more = credits.grant({ ...again, amount: amount + 1, key: `${again.key}-more` });
      await expect(more).rejects.toMatchObject({ code: "PAYMENT_TAKEN" });
    }
    expect(await credits.balance(account)).toEqual({ available: 29, held: 0 });
    const other = { account: fresh(), balance: 5, payments: payments.slice(2) };
    await expect(credits.importOpening(other)).rejects.toMatchObject({ code: "PAYMENT_TAKEN" });
    expect(await credits.balance(other.account)).toEqual({ available: 0, held: 0 });
    const since = { payments: [], paymentsSince: new Date("2025-01-01") };
    const found = (await credits.reconcile(since)).findings;
    expect(found).toEqual([
      { code: "PAYMENT_UNKNOWN", account, at: `old-${account}`, found: "20" },
    ]);
    for (const wrong of [0, -1, 0.5, "5"] as number[]) {
      const paid = [{ payment: "p", credits: wrong }];
      const importing = credits.importOpening({ account: fresh(), balance: 5, payments: paid });
      await expect(importing).rejects.toMatchObject({ code: "AMOUNT_INVALID" });
    }
    const racing = Array.from({ length: 6 }, () =>
      credits.importOpening({
        account: fresh(),
        balance: 5,
        payments: [{ payment: "raced", credits: 5 }],
      }),
    );
    const outcomes = await Promise.allSettled(racing);
    expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  });

  it("promise P14: an account is opened once: neither twice, nor when it has entries", async () => {
    const account = fresh();
    await credits.importOpening({ account, balance: 5 });
    const other = credits.importOpening({ account, balance: 6 });
    await expect(other).rejects.toMatchObject({ code: "IDEMPOTENCY_MISMATCH" });
    const second = credits.importOpening({ account, balance: 6, key: `second-${account}` });
    await expect(second).rejects.toMatchObject({ code: "ACCOUNT_OPEN" });
    const used = fresh();
    await credits.grant({ account: used, amount: 1, key: `used-${used}` });
    const late = credits.importOpening({ account: used, balance: 6 });
    await expect(late).rejects.toMatchObject({ code: "ACCOUNT_OPEN" });
    const many = fresh();
    const calls = Array.from({ length: 8 }, (_, at) =>
      credits.importOpening({ account: many, balance: 5, key: `${many}-${at}` }),
    );
    const outcomes = await Promise.allSettled(calls);
    expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    expect(await credits.balance(many)).toEqual({ available: 5, held: 0 });
  });
});

describe("the seed's own keys", () => {
  const NAMES = { names: SEED_NAMES };
  const text = (value: unknown): string => JSON.stringify(value);

  it("promise P14: a counter and a list stay where they are, and are gone on with", async () => {
    await using place = await redisPlace();
    const { connection } = place;
    const credits = await redisCredits(connection, NAMES);
    // The newest first, in the spelling of another writer.
    await connection.command(["SET", "credits:42", "7"]);
    await connection.command(["LPUSH", "transactions:42", text(purchase(1, 9)), text(usage(2))]);
    await connection.command([
      "LPUSH",
      "transactions:42",
      `{ "credits": -1 , "id": 3 }`,
      "no json",
    ]);
    const account = "42";
    const early = credits.spend({ account, amount: 1, key: "early" });
    await expect(early).rejects.toMatchObject({ code: "ACCOUNT_NOT_OPEN" });
    await expect(credits.balance(account)).rejects.toMatchObject({ code: "ACCOUNT_NOT_OPEN" });
    const old = await existingAccount(connection, account, NAMES);
    expect(old.balance).toBe(7);
    const { findings } = await credits.importOpening({ account, ...old });
    expect(findings).toEqual([{ code: "HISTORY_INVALID", account, at: "3", found: "no credits" }]);
    await credits.spend({ account, amount: 2, key: "spend", note: "prompt" });
    expect(await connection.command(["GET", "credits:42"])).toBe("5");
    const list = (await connection.command(["LRANGE", "transactions:42", "0", "-1"])) as string[];
    expect(list.slice(1)).toEqual([
      "no json",
      `{ "credits": -1 , "id": 3 }`,
      text(usage(2)),
      text(purchase(1, 9)),
    ]);
    expect(JSON.parse(list[0] ?? "")).toMatchObject({
      id: 5,
      user_id: "42",
      type: "spend",
      credits: -2,
    });
    expect(JSON.parse(list[0] ?? "").created_at).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]{12}Z$/);
    const { entries } = await credits.history(account);
    expect(entries.map(({ credits: one }) => one)).toEqual([-2, 0, -1, -1, 9]);
    expect(await credits.reconcile()).toMatchObject({ agrees: true, accounts: 1, total: 5n });
  });

  it("promise P14: what changed since it was read, or is of another kind, is not taken over", async () => {
    await using place = await redisPlace();
    const { connection } = place;
    const credits = await redisCredits(connection, NAMES);
    await connection.command(["SET", "credits:1", "7"]);
    await connection.command(["LPUSH", "transactions:1", text(purchase(1, 7))]);
    const old = await existingAccount(connection, "1", NAMES);
    await connection.command(["DECRBY", "credits:1", "1"]);
    const importing = (): Promise<unknown> => credits.importOpening({ account: "1", ...old });
    await expect(importing()).rejects.toMatchObject({ code: "IMPORT_CONFLICT" });
    await connection.command(["INCRBY", "credits:1", "1"]);
    await connection.command(["LPUSH", "transactions:1", text(usage(2))]);
    await expect(importing()).rejects.toMatchObject({ code: "IMPORT_CONFLICT" });
    await connection.command(["LPOP", "transactions:1"]);
    await importing();
    await connection.command(["SET", "transactions:2", text([purchase(1, 7)])]);
    const wrong = existingAccount(connection, "2", NAMES);
    await expect(wrong).rejects.toMatchObject({ code: "IMPORT_CONFLICT" });
    const over = credits.importOpening({ account: "2", balance: 0 });
    await expect(over).rejects.toMatchObject({ code: "IMPORT_CONFLICT" });
    for (const balance of ["2.5", "-3", "ten", "9007199254740993", ""]) {
      await connection.command(["SET", "credits:3", balance]);
      const hostile = credits.importOpening({
        account: "3",
        ...(await existingAccount(connection, "3", NAMES)),
      });
      await expect(hostile, balance).rejects.toMatchObject({ code: "AMOUNT_INVALID" });
      expect(await connection.command(["GET", "credits:3"])).toBe(balance);
    }
  });
});
