/** Many clients on a few accounts, while connections and servers are killed: nothing appears, nothing is lost. */
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { TcpConnection } from "../../../src/drivers/redis/tcp.ts";
import { type Random, reached, seeded } from "../../../test/support/fault-move.ts";
import { startRedis } from "../../../test/support/redis.ts";
import {
  type Credits,
  type PaymentRecord,
  PlatformError,
  postgresCredits,
  type Receipt,
  redisCommands,
  redisCredits,
} from "../../src/credits/index.ts";
import { poolOf, postgresPlace } from "../support/backends.ts";
import { soldExactly } from "../support/checks.ts";
import { crowdTill, ledgerTill } from "../support/ledger-till.ts";

const ACCOUNTS = 6;
const CLIENTS = 16;
const ROUNDS = 20;

/** What came of a crowd: all that its receipts say was added and taken. */
interface Crowd {
  readonly receipts: readonly Receipt[];
  /** What was paid, as a provider would list it. */
  readonly paid: readonly PaymentRecord[];
  readonly refusals: number;
  readonly unknown: number;
}

async function crowd(credits: Credits, random: Random): Promise<Crowd> {
  const receipts: Receipt[] = [];
  const paid: PaymentRecord[] = [];
  let refusals = 0;
  let unknown = 0;
  const act = async (client: number, round: number): Promise<void> => {
    const account = `bank-${random.below(ACCOUNTS)}`;
    const key = `${client}-${round}`;
    const amount = 1 + random.below(9);
    const take = async (work: Promise<Receipt>): Promise<Receipt> => {
      const receipt = await work;
      receipts.push(receipt);
      return receipt;
    };
    switch (random.below(4)) {
      case 0:
        await take(credits.grant({ account, amount, key, payment: key }));
        paid.push({ payment: key, account, credits: amount });
        break;
      case 1: {
        const { place } = await take(credits.spend({ account, amount, key }));
        if (random.below(3) === 0)
          await take(credits.refund({ account, of: place, key: `${key}r` }));
        break;
      }
      default: {
        const { hold = "" } = await take(credits.reserve({ account, amount, key }));
        const close = { account, hold, key: `${key}c` };
        if (random.below(2) === 0) await take(credits.void(close));
        else await take(credits.capture({ ...close, amount: 1 + random.below(amount) }));
      }
    }
  };
  const clients = Array.from({ length: CLIENTS }, async (_, client) => {
    for (let round = 0; round < ROUNDS; round++) {
      try {
        await act(client, round);
      } catch (error) {
        if (PlatformError.is(error, "INSUFFICIENT_CREDITS")) refusals++;
        else if (PlatformError.is(error) && error.retry) unknown++;
        else throw error;
      }
    }
  });
  await Promise.all(clients);
  return { receipts, paid, refusals, unknown };
}

/** What is in the accounts if each receipt had its effect once. */
function expectedTotal(receipts: readonly Receipt[]): bigint {
  const signs: Partial<Record<Receipt["kind"], bigint>> = {
    purchase: 1n,
    refund: 1n,
    spend: -1n,
    capture: -1n,
  };
  return receipts.reduce((sum, { kind, amount }) => sum + (signs[kind] ?? 0n) * BigInt(amount), 0n);
}

async function expectWhole(credits: Credits, { receipts, paid, unknown }: Crowd): Promise<void> {
  expect(unknown).toBe(0);
  const told = await credits.reconcile();
  expect(told.findings).toEqual([]);
  expect(told.total).toBe(expectedTotal(receipts));
  const operator = Object.values(told.books).reduce((sum, book) => sum + book, 0n);
  expect(operator + told.total).toBe(0n);
  const { findings } = await credits.reconcile({ payments: paid });
  expect(findings).toEqual([]);
}

/** Runs beside the crowd, again and again, until it is over. */
async function beside<R>(work: () => Promise<R>, deed: () => Promise<void>, pauseMs: number) {
  let isOver = false;
  const again = (async () => {
    while (!isOver) {
      await deed();
      await sleep(pauseMs);
    }
  })();
  try {
    return await work();
  } finally {
    isOver = true;
    await again;
  }
}

describe("the bank", () => {
  it("fault F11: on Postgres, whose backends are killed, each receipt has had its effect once", async () => {
    await using place = await postgresPlace();
    const credits = await place.open({ attempts: 30 });
    const pool = poolOf(place.url, 1);
    const watcher = poolOf(place.url, 1);
    const own = postgresCredits(watcher, { attempts: 30 });
    const random = seeded(1);
    let killed = 0;
    let looks = 0;
    const kill = async (): Promise<void> => {
      const { rowCount } = await pool.query(
        `select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and pid <> pg_backend_pid() and state = 'active'
         order by random() limit 3`,
      );
      killed += rowCount ?? 0;
    };
    const look = async (): Promise<void> => {
      // Each account is read in one moment: it agrees with itself at any time.
      expect((await own.reconcile()).findings).toEqual([]);
      looks++;
    };
    const work = (): Promise<Crowd> => beside(() => crowd(credits, random), kill, 25);
    const done = await beside(work, look, 40);
    await pool.end();
    await watcher.end();
    reached("A9 postgres", random.seed, { killed, looks, refusals: done.refusals });
    expect(done.receipts.length).toBeGreaterThan(100);
    await expectWhole(credits, done);
  });

  it("fault F45: on a Redis that is killed and comes back, what was acknowledged is there", async () => {
    const server = await startRedis();
    try {
      const tcp = new TcpConnection(server.url);
      const other = new TcpConnection(server.url);
      const credits = await redisCredits(redisCommands(tcp), { attempts: 60 });
      const random = seeded(2);
      let killed = 0;
      let cut = 0;
      const deed = async (): Promise<void> => {
        if (++cut % 6 === 0) {
          await server.kill9();
          await server.restart();
          killed++;
        } else {
          await other.send([["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]]).catch(() => {});
        }
      };
      const done = await beside(() => crowd(credits, random), deed, 15);
      reached("A9 redis", random.seed, { killed, cut, refusals: done.refusals });
      expect(done.receipts.length).toBeGreaterThan(100);
      await expectWhole(credits, done);
      await tcp[Symbol.asyncDispose]();
      await other[Symbol.asyncDispose]();
    } finally {
      await server.stop();
    }
  });

  it.each(["repeatable read", "serializable"])(
    "fault F19: 50 clients on one account at %s all get their answer",
    async (level) => {
      await using place = await postgresPlace(1);
      const option = `-c default_transaction_isolation=${level.replace(" ", "\\ ")}`;
      const pool = poolOf(place.url, 25, option);
      expect(await soldExactly(await crowdTill(async () => postgresCredits(pool)))).toBeUndefined();
      expect(await soldExactly(ledgerTill(postgresCredits(pool)))).toBeUndefined();
      await pool.end();
      expect(await (await place.open()).reconcile()).toMatchObject({ agrees: true, total: 0n });
    },
  );
});
