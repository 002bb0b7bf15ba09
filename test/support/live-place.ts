/** The stores that an app may move into while it runs: the tests of live moves run over each of them. */
import { openTarget } from "../../src/drivers/open-target.ts";
import { openRedis } from "../../src/drivers/redis/index.ts";
import type { Target } from "../../src/store/driver.ts";
import type { CopyOptions } from "../../src/transfer/copy.ts";
import { freshDatabase } from "./postgres.ts";
import { freshRedis, type RestProxy, restProxy } from "./redis.ts";

/** An empty store for one test. */
export interface LivePlace extends AsyncDisposable {
  readonly url: string;
  /** The Redis that is asked in the end, where it is one. */
  readonly redis?: string;
  /** What stands before it, where it is asked over HTTP. */
  readonly rest?: RestProxy;
  /** What the command line has to be told beside the address. */
  readonly env: Readonly<Record<string, string>>;
  /** A connection of its own, as another process would have. Whoever opens it closes it. */
  open(): Promise<Target>;
}

async function postgres(): Promise<LivePlace> {
  const { url, drop } = await freshDatabase();
  return { url, env: {}, open: () => openTarget(url), [Symbol.asyncDispose]: drop };
}

async function redis(): Promise<LivePlace> {
  const { url, drop } = await freshRedis();
  return { url, redis: url, env: {}, open: () => openTarget(url), [Symbol.asyncDispose]: drop };
}

async function redisOverHttp(): Promise<LivePlace> {
  const { url: behind, drop } = await freshRedis();
  const proxy = await restProxy(behind);
  const { url, token } = proxy;
  return {
    url,
    redis: behind,
    rest: proxy,
    env: { UPSTASH_REDIS_REST_TOKEN: token },
    open: () => openRedis(url, { token }),
    async [Symbol.asyncDispose]() {
      await proxy[Symbol.asyncDispose]();
      await drop();
    },
  };
}

export const LIVE_PLACES: readonly (readonly [name: string, make: () => Promise<LivePlace>])[] = [
  ["Postgres", postgres],
  ["Redis", redis],
  ["Redis over HTTP", redisOverHttp],
];

/** As an app would have its users in Redis that knows Redis by itself: under its own keys. */
export const OWN_KEYS: Pick<CopyOptions, "redis"> = {
  redis: {
    users: {
      cells: [
        { kind: "object", key: "user:{email}" },
        { kind: "pointer", key: "user_id:{id}", value: "{email}" },
        { kind: "counter", key: "credits:{id}", property: "credits" },
      ],
    },
  },
};
