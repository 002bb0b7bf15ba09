/** What the ledger makes of answers that never come, of servers that are not there, and of those that say nothing. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TcpConnection } from "../../../src/drivers/redis/tcp.ts";
import type { Message } from "../../../test/support/fault-framing.ts";
import { startProxy, type TcpProxy } from "../../../test/support/tcp-proxy.ts";
import {
  type Credits,
  postgresCredits,
  type RetryOptions,
  redisCommands,
  redisCredits,
} from "../../src/credits/index.ts";
import {
  type PostgresPlace,
  poolOf,
  postgresPlace,
  type RedisPlace,
  redisPlace,
} from "../support/backends.ts";
import { soldExactly } from "../support/checks.ts";
import { crowdTill } from "../support/ledger-till.ts";

interface Behind extends AsyncDisposable {
  readonly proxy: TcpProxy;
  /** Not by way of the proxy. */
  readonly direct: Credits;
  open(options?: RetryOptions): Promise<Credits>;
  /** Whether a message of the server's is the answer to a change; those before it have come. */
  isAnswer(message: Message): boolean;
  /** Whether a message of the client's asks for a change. */
  isRequest(message: Message): boolean;
}

async function behindPostgres(): Promise<Behind> {
  const place: PostgresPlace = await postgresPlace(2);
  const proxy = await startProxy(place.url);
  const pool = poolOf(proxy.through(place.url));
  return {
    proxy,
    direct: await place.open(),
    open: async (options = {}) => postgresCredits(pool, options),
    isAnswer: ({ type }) => type === "C",
    isRequest: ({ type, bytes }) => type === "P" && /\.(?:post|spend)\(/.test(String(bytes)),
    async [Symbol.asyncDispose]() {
      await pool.end();
      await proxy[Symbol.asyncDispose]();
      await place[Symbol.asyncDispose]();
    },
  };
}

async function behindRedis(): Promise<Behind> {
  const place: RedisPlace = await redisPlace();
  const proxy = await startProxy(place.url, "chunks");
  const tcp = new TcpConnection(proxy.through(place.url));
  return {
    proxy,
    direct: await place.open(),
    open: (options = {}) => redisCredits(redisCommands(tcp), options),
    // The server's word after SELECT is the connection's.
    isAnswer: ({ bytes }) => bytes.includes('{"call"'),
    isRequest: ({ bytes }) => bytes.includes("EVALSHA"),
    async [Symbol.asyncDispose]() {
      await tcp[Symbol.asyncDispose]();
      await proxy[Symbol.asyncDispose]();
      await place[Symbol.asyncDispose]();
    },
  };
}

const BEHIND = [
  { name: "postgres", start: behindPostgres },
  { name: "redis", start: behindRedis },
];

describe.each(BEHIND)("lost replies of $name", ({ start }) => {
  let behind: Behind;
  let credits: Credits;
  beforeAll(async () => {
    behind = await start();
    credits = await behind.open();
    // Whatever is sent once per connection or server has been sent.
    await credits.spend({ account: "first", amount: 1, key: "first" }).catch(() => {});
  });
  afterAll(() => behind?.[Symbol.asyncDispose]());

  it("fault F11: an answer that is lost is asked for again, and the change is done once", async () => {
    const { proxy, isAnswer, isRequest } = behind;
    await credits.grant({ account: "a", amount: 10, key: "fund" });
    const requests = proxy.watch(isRequest);
    proxy.arm({ direction: "down", at: isAnswer, when: "before", deed: "cut" });
    const spent = await credits.spend({ account: "a", amount: 4, key: "lost" });
    expect(proxy.reached).toHaveLength(1);
    expect(requests.count).toBe(2);
    expect(spent).toMatchObject({ available: 6, place: 2, replayed: false });
    proxy.arm();
    expect(await credits.spend({ account: "a", amount: 4, key: "lost" })).toEqual({
      ...spent,
      replayed: true,
    });
  });

  it("fault F11: holds, captures, refunds and refusals survive lost answers as well", async () => {
    const { proxy, isAnswer } = behind;
    const lose = (): void =>
      proxy.arm({ direction: "down", at: isAnswer, when: "before", deed: "reset" });
    const account = "b";
    lose();
    await credits.grant({ account, amount: 10, key: "b1", payment: "cs_b" });
    lose();
    const { hold = "" } = await credits.reserve({ account, amount: 6, key: "b2" });
    lose();
    const { place } = await credits.capture({ account, hold, amount: 5, key: "b3" });
    lose();
    await credits.refund({ account, of: place, amount: 2, key: "b4" });
    lose();
    const refused = credits.spend({ account, amount: 99, key: "b5" });
    await expect(refused).rejects.toMatchObject({ code: "INSUFFICIENT_CREDITS" });
    expect(proxy.reached).toHaveLength(1);
    proxy.arm();
    expect(await credits.balance(account)).toEqual({ available: 7, held: 0 });
    expect((await credits.history(account)).entries).toHaveLength(5);
  });

  it("fault F11: 50 clients on 10 credits are sold 10, whichever answers are lost", async () => {
    const { proxy, isAnswer, direct } = behind;
    const crowd = await crowdTill(() => behind.open());
    let lost = 0;
    for (const every of [2, 3, 5, 7]) {
      let answers = 0;
      proxy.arm({
        direction: "down",
        at: (message) => isAnswer(message) && ++answers % every === 0,
        when: "before",
        deed: "cut",
        times: 6,
      });
      expect(await soldExactly(crowd), `every ${every}`).toBeUndefined();
      lost += proxy.reached.length;
    }
    proxy.arm();
    expect(lost).toBeGreaterThan(3);
    expect(await direct.reconcile()).toMatchObject({ agrees: true });
  });

  it("fault F11: what stays unknown is said to be unknown, after so many attempts, and its key resolves it", async () => {
    const { proxy, isAnswer, isRequest } = behind;
    const patient = await behind.open({ attempts: 3 });
    await patient.grant({ account: "c", amount: 10, key: "fund-c" });
    const requests = proxy.watch(isRequest);
    const fault = { direction: "down", at: isAnswer, when: "before", deed: "cut" } as const;
    proxy.arm({ ...fault, times: 99 });
    const spend = { account: "c", amount: 4, key: "unknown" };
    await expect(patient.spend(spend)).rejects.toMatchObject({
      code: "OUTCOME_UNKNOWN",
      retry: true,
    });
    expect(requests.count).toBe(3);
    proxy.arm();
    expect(await patient.spend(spend)).toMatchObject({ available: 6, replayed: true });
    expect((await patient.history("c")).entries).toHaveLength(2);
  });

  it("fault F11: a server that says nothing is not waited for longer than was said", async () => {
    const { proxy, direct } = behind;
    const hasty = await behind.open({ attempts: 2, answerMs: 150 });
    await direct.grant({ account: "d", amount: 10, key: "fund-d" });
    proxy.freeze(true);
    const startedAt = performance.now();
    const spend = { account: "d", amount: 4, key: "frozen" };
    try {
      await expect(hasty.spend(spend)).rejects.toMatchObject({ code: "OUTCOME_UNKNOWN" });
      const reading = hasty.balance("d");
      await expect(reading).rejects.toMatchObject({ code: "LEDGER_UNREACHABLE", retry: true });
      expect(performance.now() - startedAt).toBeLessThan(3_000);
    } finally {
      proxy.freeze(false);
      proxy.cutAll();
    }
    expect(await credits.spend(spend)).toMatchObject({ available: 6 });
  });

  it("fault F11: a server that is not there is told apart: nothing was changed", async () => {
    const gone = await start();
    const far = await gone.open({ attempts: 2 });
    await gone.proxy[Symbol.asyncDispose]();
    // The connection that was there is found to be lost: of what is asked on it nobody knows.
    await far.balance("e").catch(() => {});
    const spend = far.spend({ account: "e", amount: 1, key: "gone" });
    await expect(spend).rejects.toMatchObject({ code: "LEDGER_UNREACHABLE" });
    await gone[Symbol.asyncDispose]();
  });
});
