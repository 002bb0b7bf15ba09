/** The checks of a till find what is wrong with naive ones, and nothing with ours. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TcpConnection } from "../../../src/drivers/redis/tcp.ts";
import {
  type Place,
  type PostgresPlace,
  postgresPlace,
  type RedisPlace,
  redisPlace,
  SERVERS,
} from "../support/backends.ts";
import { CHECKS } from "../support/checks.ts";
import { crowdTill, ledgerTill } from "../support/ledger-till.ts";
import { makeNaiveTables, NAIVE_POSTGRES } from "../support/naive-postgres.ts";
import { NAIVE_REDIS } from "../support/naive-redis.ts";

type Name = keyof typeof CHECKS;

describe.each(SERVERS)("the checks on the ledger in $name", ({ start }) => {
  let place: Place;
  beforeAll(async () => {
    place = await start();
  });
  afterAll(() => place?.[Symbol.asyncDispose]());
  it.each(Object.keys(CHECKS) as Name[])("promise P14: %s finds nothing", async (name) => {
    expect(await CHECKS[name](ledgerTill(await place.open()))).toBeUndefined();
  });
  it.each(["soldExactly", "addedExactly", "appliedOnce", "creditedOnce"] as const)(
    "promise P14: %s finds nothing with 50 clients that know nothing of each other",
    async (name) => {
      expect(await CHECKS[name](await crowdTill(() => place.open()))).toBeUndefined();
      expect(await (await place.open()).reconcile()).toMatchObject({ agrees: true });
    },
  );
});

describe("the checks on naive tills over Redis", () => {
  let place: RedisPlace;
  let redis: TcpConnection;
  beforeAll(async () => {
    place = await redisPlace();
    redis = new TcpConnection(place.url);
  });
  afterAll(async () => {
    await redis?.[Symbol.asyncDispose]();
    await place?.[Symbol.asyncDispose]();
  });
  const caught: readonly (readonly [keyof typeof NAIVE_REDIS, Name, RegExp])[] = [
    ["getChangeSet", "soldExactly", /^50 granted/],
    ["getChangeSet", "addedExactly", /balance 110/],
    ["getChangeSet", "creditedOnce", /balance/],
    ["decrementThenCheck", "soldExactly", /10 granted, balance -40/],
    ["checkThenDecrement", "soldExactly", /^50 granted/],
    ["watchOnSharedConnection", "soldExactly", /^50 granted/],
    ["withoutKey", "appliedOnce", /balance 40/],
    ["withoutKey", "creditedOnce", /balance 301/],
    ["withoutKey", "refundedOnce", /balance 14/],
    ["withoutKey", "refusesAmounts", /wrong amount/],
    ["keyBeside", "appliedOnce", /balance/],
    ["floats", "refusesAmounts", /wrong amount/],
    ["luaArithmetic", "keepsDigits", /balance/],
  ];
  it.each(caught)("promise P14: %s is caught by %s", async (naive, check, finding) => {
    expect(await CHECKS[check](NAIVE_REDIS[naive](redis))).toMatch(finding);
  });
});

describe("the checks on naive tills over Postgres", () => {
  let place: PostgresPlace;
  beforeAll(async () => {
    place = await postgresPlace(50);
    await makeNaiveTables(place.pool);
    // Connections are made before, so that all clients really come at once.
    await Promise.all(Array.from({ length: 50 }, () => place.pool.query("select pg_sleep(0.2)")));
  });
  afterAll(() => place?.[Symbol.asyncDispose]());
  const caught: readonly (readonly [keyof typeof NAIVE_POSTGRES, Name, RegExp])[] = [
    ["readWriteAbsolute", "soldExactly", /granted/],
    ["readWriteRelative", "soldExactly", /granted/],
    ["repeatableReadWithoutRetry", "soldExactly", /got no answer/],
    ["serializableWithoutRetry", "soldExactly", /got no answer/],
    ["conditionalWithoutKey", "appliedOnce", /balance 40/],
    ["conditionalWithoutKey", "creditedOnce", /balance 301/],
    ["conditionalWithoutKey", "refundedOnce", /balance 14/],
    ["conditionalWithoutKey", "refusesAmounts", /wrong amount/],
    ["keyBeside", "appliedOnce", /balance/],
  ];
  it.each(caught)("fault F19: %s is caught by %s", async (naive, check, finding) => {
    expect(await CHECKS[check](NAIVE_POSTGRES[naive](place.pool))).toMatch(finding);
  });
});
