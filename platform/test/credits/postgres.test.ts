/** What Postgres itself guards of a ledger, whoever writes. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sql } from "../../../test/support/sql.ts";
import {
  creditsSchema,
  installCredits,
  postgresCredits,
  type Receipt,
} from "../../src/credits/index.ts";
import { type PostgresPlace, poolOf, postgresPlace } from "../support/backends.ts";

describe("the ledger's tables", () => {
  let place: PostgresPlace;
  beforeAll(async () => {
    place = await postgresPlace();
    const credits = await place.open();
    await credits.grant({ account: "a", amount: 10, key: "1" });
    await credits.spend({ account: "a", amount: 4, key: "2" });
  });
  afterAll(() => place?.[Symbol.asyncDispose]());

  it.each([
    "update credits.transfer set amount = 1",
    "delete from credits.transfer",
    "truncate credits.transfer",
  ])("promise P14: %s is refused, also to their owner", async (statement) => {
    await expect(sql(place.url, statement)).rejects.toMatchObject({ code: "42501" });
  });

  it.each([
    "update credits.account set available = -1",
    "update credits.account set held = -1",
    "update credits.account set available = 9007199254740992",
    "insert into credits.transfer select tenant, account, 9, kind, source, destination, -1, null, null, null, null, null, made_at from credits.transfer where place = 1",
    "insert into credits.transfer select tenant, account, 9, 'spend', 'granted', 'available', 1, null, null, null, null, null, made_at from credits.transfer where place = 1",
    "insert into credits.transfer select tenant, account, 9, 'bonus', 'granted', 'available', 1, null, null, null, null, null, made_at from credits.transfer where place = 1",
    "insert into credits.transfer select tenant, account, 9, 'imported', 'imported', 'spent', 1, null, null, null, null, null, made_at from credits.transfer where place = 1",
  ])("promise P14: %s breaks a rule of the table", async (statement) => {
    await expect(sql(place.url, statement)).rejects.toMatchObject({ code: "23514" });
  });

  it("promise P14: the two sides of each transfer sum to zero", async () => {
    const sides = await sql<{ book: string; sum: string }>(
      place.url,
      "select book, sum(amount)::text as sum from credits.entry group by book order by book",
    );
    expect(sides).toEqual([
      { book: "available", sum: "6" },
      { book: "granted", sum: "-10" },
      { book: "spent", sum: "4" },
    ]);
  });

  it("promise P14: installs beside itself and again, under another name, and says when it is not there", async () => {
    const missing = postgresCredits(place.pool, { schema: "shop_credits" });
    await expect(missing.balance("a")).rejects.toMatchObject({ code: "LEDGER_MISSING" });
    const grant = { account: "a", amount: 3, key: "1" };
    await expect(missing.grant(grant)).rejects.toMatchObject({ code: "LEDGER_MISSING" });
    await Promise.all(Array.from({ length: 8 }, () => installCredits(place.pool, "shop_credits")));
    expect(await missing.grant(grant)).toMatchObject({ available: 3 });
    await installCredits(place.pool, "shop_credits");
    expect(await missing.balance("a")).toEqual({ available: 3, held: 0 });
    expect((await (await place.open()).balance("a")).available).toBe(6);
    for (const name of ["", "Shop", "a;b", 'a"b', "x".repeat(64)]) {
      expect(() => creditsSchema(name)).toThrow(
        expect.objectContaining({ code: "REQUEST_INVALID" }),
      );
    }
  });

  it("promise P14: of changes that travel together each has its own outcome", async () => {
    const statements: string[] = [];
    const credits = postgresCredits({
      query(text, values) {
        statements.push(text);
        return place.pool.query(text, values);
      },
    });
    const accounts = ["t1", "t2", "broken", "t3"];
    await Promise.all(
      accounts.map((account) => credits.grant({ account, amount: 5, key: `${account}-1` })),
    );
    expect(statements).toHaveLength(1);
    const spends = accounts.map((account) => ({ account, amount: 6, key: `${account}-2` }));
    spends.push(
      { account: "t1", amount: 2, key: "t1-3" },
      { account: "t1", amount: 2, key: "t1-3" },
    );
    const told = (outcomes: readonly PromiseSettledResult<Receipt>[]) =>
      outcomes.map((one) => (one.status === "rejected" ? one.reason.code : one.value.available));
    const refused = accounts.map(() => "INSUFFICIENT_CREDITS");
    const once = await Promise.allSettled(spends.map((spend) => credits.spend(spend)));
    expect(told(once)).toEqual([...refused, 3, 3]);
    expect(statements).toHaveLength(2);
    // Its next entry's place is taken: what travels with it is done nevertheless.
    await sql(place.url, "update credits.account set places = 0 where id = 'broken'");
    const all = accounts.map((account) =>
      credits.spend({ account, amount: 1, key: `${account}-4` }),
    );
    expect(told(await Promise.allSettled(all))).toEqual([2, 4, "LEDGER_REFUSED", 4]);
    expect(statements).toHaveLength(3 + accounts.length);
    await sql(place.url, "update credits.account set places = 1 where id = 'broken'");
  });

  it("promise P14: an account that somebody else has locked keeps nobody else waiting", async () => {
    const credits = await place.open();
    const accounts = Array.from({ length: 20 }, (_, at) => `free-${at}`);
    for (const account of [...accounts, "locked"]) {
      await credits.grant({ account, amount: 5, key: `${account}-1` });
    }
    const client = await place.pool.connect();
    await client.query("begin");
    await client.query("select from credits.account where id = 'locked' for update");
    let isReleased = false;
    const spend = (account: string) => credits.spend({ account, amount: 1, key: `${account}-2` });
    const startedAt = performance.now();
    const locked = spend("locked").then(() => isReleased);
    await Promise.all(accounts.map(spend));
    expect(performance.now() - startedAt).toBeLessThan(5_000);
    isReleased = true;
    await client.query("rollback");
    client.release();
    expect(await locked).toBe(true);
    expect((await credits.balance("locked")).available).toBe(4);
  });

  it("promise P14: a refusal spares a transaction that the caller has opened", async () => {
    const pool = poolOf(place.url, 1);
    const client = await pool.connect();
    const inside = postgresCredits(client, { attempts: 1 });
    await client.query("begin");
    const refused = inside.spend({ account: "a", amount: 99, key: "in-1" });
    await expect(refused).rejects.toMatchObject({ code: "INSUFFICIENT_CREDITS" });
    await inside.spend({ account: "a", amount: 1, key: "in-2" });
    await client.query("rollback");
    client.release();
    await pool.end();
    const credits = await place.open();
    expect(await credits.balance("a")).toEqual({ available: 6, held: 0 });
    expect((await credits.spend({ account: "a", amount: 1, key: "in-2" })).replayed).toBe(false);
  });

  it("sec L-01: a role that may only use the ledger", async () => {
    await sql(place.url, "create role ledger_user nologin").catch(() => {});
    await sql(
      place.url,
      `grant usage on schema credits to ledger_user;
       grant select, insert on credits.transfer, credits.payment to ledger_user;
       grant select, insert, update on credits.account, credits.hold to ledger_user;
       grant select, insert, delete on credits.request to ledger_user`,
    );
    const pool = poolOf(place.url, 2, "-c role=ledger_user");
    const credits = postgresCredits(pool);
    await credits.grant({ account: "r", amount: 5, key: "r1", payment: "cs_r" });
    const { hold = "" } = await credits.reserve({ account: "r", amount: 3, key: "r2" });
    const { place: of } = await credits.capture({ account: "r", hold, amount: 2, key: "r3" });
    await credits.refund({ account: "r", of, key: "r4" });
    await credits.importOpening({ account: "r2", balance: 1 });
    await credits.sweep();
    expect(await credits.reconcile()).toMatchObject({ agrees: true });
    const tampering = pool.query("update credits.transfer set amount = 1");
    await expect(tampering).rejects.toMatchObject({ code: "42501" });
    await pool.end();
  });
});
