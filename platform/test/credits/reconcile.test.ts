/** Reconciliation finds each single thing that is wrong, names its account, and repairs nothing. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Credits, PaymentRecord } from "../../src/credits/index.ts";
import {
  type Place,
  postgresPlace,
  type RedisPlace,
  redisPlace,
  SERVERS,
  type SqlPlace,
} from "../support/backends.ts";

const ACCOUNT = "checked";

/** One account with some of everything, and another one. */
async function fill(credits: Credits): Promise<{ readonly hold: string }> {
  const account = ACCOUNT;
  await credits.grant({ account, amount: 50, key: "1", payment: "cs_1" });
  await credits.grant({ account: "other", amount: 5, key: "2", payment: "cs_2" });
  await credits.spend({ account, amount: 4, key: "3" });
  const { hold = "" } = await credits.reserve({ account, amount: 6, key: "4", ttlMs: 60_000 });
  return { hold };
}

const codes = async (credits: Credits, account = ACCOUNT): Promise<readonly string[]> => {
  const { findings, agrees } = await credits.reconcile();
  expect(agrees).toBe(findings.length === 0);
  expect(findings.filter((finding) => finding.account !== account)).toEqual([]);
  return findings.map(({ code }) => code);
};

describe.each(SERVERS)("reconciliation in $name", ({ start }) => {
  let place: Place;
  let credits: Credits;
  beforeAll(async () => {
    place = await start();
    credits = await place.open();
  });
  afterAll(() => place?.[Symbol.asyncDispose]());

  it("promise P14: adds up, tells what is overdue, what was not paid and what was not credited", async () => {
    const { hold } = await fill(credits);
    const told = await credits.reconcile();
    expect(told).toEqual({
      agrees: true,
      accounts: 2,
      entries: 4,
      total: 51n,
      books: { sold: -55n, spent: 4n },
      findings: [],
      frozen: [],
    });
    const [first, second]: PaymentRecord[] = [
      { payment: "cs_1", account: ACCOUNT, credits: 50 },
      { payment: "cs_2", account: "other", credits: 5 },
    ];
    const check = async (payments: PaymentRecord[], paymentsSince?: Date) =>
      (await credits.reconcile({ payments, paymentsSince })).findings;
    expect(await check([first as PaymentRecord, second as PaymentRecord])).toEqual([]);
    expect(await check([first as PaymentRecord])).toEqual([
      { code: "PAYMENT_UNKNOWN", account: "other", at: "cs_2", found: "5" },
    ]);
    expect(await check([first as PaymentRecord], new Date(Date.now() + 3_600_000))).toEqual([]);
    const missing = { payment: "cs_3", account: ACCOUNT, credits: 9 };
    expect(await check([first, second, missing] as PaymentRecord[])).toEqual([
      { code: "PAYMENT_MISSING", account: ACCOUNT, at: "cs_3", expected: "9" },
    ]);
    const wrong = { payment: "cs_1", account: ACCOUNT, credits: 51 };
    const whose = { payment: "cs_2", account: ACCOUNT, credits: 5 };
    const differing = (await check([wrong, whose])).map(({ code, at }) => `${code} ${at}`);
    expect(differing.sort()).toEqual(["PAYMENT_DIFFERS cs_1", "PAYMENT_DIFFERS cs_2"]);

    const overdue = { code: "HOLD_OVERDUE", account: ACCOUNT, at: hold };
    await new Promise((resolve) => setTimeout(resolve, 20));
    const old = await credits.reconcile({ holdsOlderThanMs: 10 });
    expect(old.findings).toEqual([overdue]);
    expect((await credits.reconcile({ holdsOlderThanMs: 3_600_000 })).agrees).toBe(true);
    await place.lapse(ACCOUNT, hold);
    expect((await credits.reconcile()).findings).toEqual([overdue]);
    expect((await credits.reconcile()).findings).toEqual([overdue]);
    await credits.sweep();
    expect((await credits.reconcile()).agrees).toBe(true);

    const { available } = await credits.balance(ACCOUNT);
    await place.overwrite(ACCOUNT, available + 1);
    const [finding] = (await credits.reconcile()).findings;
    expect(finding).toEqual({
      code: "BALANCE_DIFFERS",
      account: ACCOUNT,
      expected: String(available),
      found: String(available + 1),
    });
    expect((await credits.balance(ACCOUNT)).available).toBe(available + 1);
  });

  it("promise P11: freezes what does not agree, and nothing else, until it is thawed", async () => {
    const tenant = "frozen";
    const own = await place.open({ tenant });
    const { hold } = await fill(own);
    const spend = { account: ACCOUNT, amount: 1 };
    const early = await own.spend({ ...spend, key: "early" });
    expect(await own.reconcile({ freeze: true })).toMatchObject({ agrees: true, frozen: [] });
    await place.overwrite(ACCOUNT, early.available + 1, tenant);
    expect((await own.reconcile()).frozen).toEqual([]);
    expect((await own.reconcile({ freeze: true })).frozen).toEqual([ACCOUNT]);
    const changes = [
      () => own.spend({ ...spend, key: "k" }),
      () => own.reserve({ ...spend, key: "k" }),
      () => own.grant({ ...spend, key: "k" }),
      () => own.grant({ ...spend, key: "k", payment: "cs_9" }),
      () => own.void({ account: ACCOUNT, hold, key: "k" }),
      () => own.refund({ account: ACCOUNT, of: early.place, key: "k" }),
    ];
    for (const change of changes) {
      await expect(change()).rejects.toMatchObject({ code: "ACCOUNT_FROZEN", status: 423 });
    }
    await place.lapse(ACCOUNT, hold, tenant);
    expect(await own.sweep()).toMatchObject({ released: 0 });
    expect(await own.spend({ ...spend, key: "early" })).toEqual({ ...early, replayed: true });
    await own.spend({ account: "other", amount: 1, key: "other" });
    expect(await own.freeze("nobody")).toBe(false);
    // One that agrees and holds nothing.
    expect(await own.freeze("other")).toBe(true);
    const stopped = own.spend({ account: "other", amount: 1, key: "stopped" });
    await expect(stopped).rejects.toMatchObject({ code: "ACCOUNT_FROZEN" });
    expect(await own.thaw("other")).toBe(true);
    await own.spend({ account: "other", amount: 1, key: "stopped" });

    await place.overwrite(ACCOUNT, early.available, tenant);
    expect(await own.thaw(ACCOUNT)).toBe(true);
    // The refusals were no answers: their key is free.
    expect(await own.spend({ ...spend, key: "k" })).toMatchObject({ replayed: false });
    expect(await own.reconcile({ freeze: true })).toMatchObject({ agrees: true, frozen: [] });
  });

  it("promise P14: goes through many accounts and long histories", async () => {
    const many = await place.open({ tenant: "many" });
    const all = Array.from({ length: 620 }, (_, at) => at);
    const grant = (at: number) =>
      many.grant({ account: `a${at}`, amount: 2, key: `m${at}`, payment: `m${at}` });
    await Promise.all(all.map(grant));
    const history = Array.from({ length: 2_100 }, () => ({ credits: 1 }));
    await many.importOpening({ account: "long", balance: 2_100, history });
    const payments = all.map((at) => ({ payment: `m${at}`, account: `a${at}`, credits: 2 }));
    expect(await many.reconcile({ payments })).toMatchObject({
      agrees: true,
      accounts: 621,
      entries: 2_720,
      total: 3_340n,
    });
  });
});

describe("what somebody else wrote into the tables", () => {
  let place: SqlPlace;
  beforeAll(async () => {
    place = await postgresPlace(2);
  });
  afterAll(() => place?.[Symbol.asyncDispose]());
  const unguarded = async (statement: string): Promise<void> => {
    await place.sql.query("alter table credits.transfer disable trigger user");
    await place.sql.query(statement);
    await place.sql.query("alter table credits.transfer enable trigger user");
  };
  let tenants = 0;
  const planted: readonly (readonly [string, readonly string[]])[] = [
    ["update credits.account set held = held - 1 where $", ["HELD_DIFFERS", "HOLDS_DIFFER"]],
    ["update credits.account set places = places + 1 where $", ["ENTRIES_MISSING"]],
    ["update credits.transfer set amount = 5 where kind = 'spend' and $", ["BALANCE_DIFFERS"]],
    [
      "delete from credits.transfer where kind = 'spend' and $",
      ["BALANCE_DIFFERS", "ENTRIES_MISSING"],
    ],
    ["update credits.hold set amount = 7 where $", ["HOLDS_DIFFER"]],
    ["update credits.hold set state = 'voided' where $", ["HOLDS_DIFFER"]],
    ["delete from credits.account where id = 'checked' and $", ["ACCOUNT_MISSING"]],
  ];
  it.each(planted)("promise P11: %s is found", async (statement, expected) => {
    const tenant = `planted-${++tenants}`;
    const credits = await place.open({ tenant });
    await fill(credits);
    const mine = statement.includes("account set") ? "id = 'checked'" : "true";
    await unguarded(statement.replace("$", `tenant = '${tenant}' and ${mine}`));
    expect(await codes(credits)).toEqual(expected);
    expect(await codes(credits)).toEqual(expected);
  });
});

describe("what somebody else wrote into the keys", () => {
  let place: RedisPlace;
  let credits: Credits;
  beforeEach(async () => {
    place = await redisPlace();
    credits = await place.open();
    await fill(credits);
  });
  const own = (what: string): string => `{default}:credits${what}:${ACCOUNT}`;
  const list = `{default}:transactions:${ACCOUNT}`;
  const planted: readonly (readonly [string, readonly string[], readonly string[], boolean])[] = [
    ["a counter that is no number", ["SET", own(""), "4.5"], ["UNREADABLE"], true],
    ["a counter that is gone", ["DEL", own("")], ["UNREADABLE"], true],
    [
      "a counter of another kind",
      ["RENAME", list, own("")],
      ["UNREADABLE", "HELD_DIFFERS", "ENTRIES_MISSING"],
      true,
    ],
    [
      "a held sum that is another",
      ["SET", own("-state"), "7 3"],
      ["HELD_DIFFERS", "HOLDS_DIFFER"],
      false,
    ],
    [
      "an entry that is gone",
      ["LPOP", list],
      ["BALANCE_DIFFERS", "HELD_DIFFERS", "ENTRIES_MISSING"],
      true,
    ],
    [
      "an entry that came in",
      ["LPUSH", list, `{"credits":3}`],
      ["BALANCE_DIFFERS", "ENTRIES_MISSING"],
      true,
    ],
    ["an entry that is another", ["LSET", list, "1", "{}"], ["BALANCE_DIFFERS"], false],
    ["a hold that is gone", ["DEL", own("-deadlines")], ["HOLDS_DIFFER"], false],
  ];
  it.each(planted)("promise P11: %s is found", async (_, command, expected, stops) => {
    await place.connection.command(command);
    expect(await codes(credits)).toEqual(expect.arrayContaining([...expected]));
    // What cannot be read is not written over either.
    if (stops) {
      const spend = credits.spend({ account: ACCOUNT, amount: 1, key: "stopped" });
      await expect(spend).rejects.toMatchObject({ code: "ACCOUNT_CORRUPT" });
    }
    await credits.spend({ account: "other", amount: 1, key: "goes on" });
    await place[Symbol.asyncDispose]();
  });
});
