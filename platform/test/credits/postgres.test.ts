/** What Postgres itself guards of a ledger, whoever writes. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sql } from "../../../test/support/sql.ts";
import { creditsSchema, installCredits, postgresCredits } from "../../src/credits/index.ts";
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
