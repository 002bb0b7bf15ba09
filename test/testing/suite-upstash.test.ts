/** The published suite over Redis behind HTTP, as Upstash has it: requests are small, and batches are cut. */
import { afterAll, describe, it } from "vitest";
import { openRedis } from "../../src/drivers/redis/index.ts";
import { driverSuite, register } from "../../src/testing/index.ts";
import { freshRedis, type RestProxy, restProxy } from "../support/redis.ts";
import { REDIS_GAPS, redisAlter } from "./redis-store.ts";
import { histories } from "./sql-stores.ts";

let fresh: ReturnType<typeof freshRedis> | undefined;
let proxy: Promise<RestProxy> | undefined;
const url = async (): Promise<string> => {
  fresh ??= freshRedis();
  return (await fresh).url;
};

const store = {
  async open() {
    proxy ??= url().then(restProxy);
    const { url: address, token } = await proxy;
    const target = await openRedis(address, { token });
    return { target, [Symbol.asyncDispose]: () => target[Symbol.asyncDispose]() };
  },
  alter: redisAlter(url),
  ...histories(1),
};
// Hooks run in reverse order: the suite closes what it opened before the server goes.
afterAll(async () => {
  await (await proxy)?.[Symbol.asyncDispose]();
  await (await fresh)?.drop();
});

const suite = driverSuite({ ...store, name: "redis over HTTP", gaps: REDIS_GAPS });
register(suite, { describe, it, afterAll });
