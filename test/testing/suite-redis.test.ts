/** The published suites over a real Redis, once as it is and once through a second tenant. */
import { afterAll, describe, it } from "vitest";
import { openRedis } from "../../src/drivers/redis/index.ts";
import { driverSuite, register, tenancySuite } from "../../src/testing/index.ts";
import { freshRedis } from "../support/redis.ts";
import { REDIS_GAPS, redisAlter } from "./redis-store.ts";
import { histories, TENANT, twice } from "./sql-stores.ts";

let fresh: ReturnType<typeof freshRedis> | undefined;
const url = async (): Promise<string> => {
  fresh ??= freshRedis();
  return (await fresh).url;
};

const store = {
  async open() {
    const target = await openRedis(await url());
    return { target, [Symbol.asyncDispose]: () => target[Symbol.asyncDispose]() };
  },
  alter: redisAlter(url),
  ...histories(3),
};
// Hooks run in reverse order: the suites close what they opened before the server goes.
afterAll(async () => (await fresh)?.drop());

const runner = { describe, it, afterAll };
const gaps = twice(REDIS_GAPS);
register(driverSuite({ ...store, name: "redis", tenant: TENANT, gaps }), runner);
register(tenancySuite({ ...store, name: "redis: tenancy" }), runner);
