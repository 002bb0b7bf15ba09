/** Many clients on a few accounts, while connections and servers are killed: nothing appears, nothing is lost. */
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { TcpConnection } from "../../../src/drivers/redis/tcp.ts";
import { seeded, times } from "../../../test/support/fault-move.ts";
import { startRedis } from "../../../test/support/redis.ts";
import {
  type Credits,
  PlatformError,
  postgresCredits,
  type Receipt,
  redisCommands,
  redisCredits,
} from "../../src/credits/index.ts";
import { poolOf, postgresPlace } from "../support/backends.ts";
import { soldExactly } from "../support/checks.ts";
import { ledgerTill } from "../support/ledger-till.ts";

const ACCOUNTS = 6;
const CLIENTS = 16;
const ROUNDS = 20;

/** What came of a crowd: all that its receipts say was added and taken. */
interface Crowd {
  readonly receipts: readonly Receipt[];
  readonly refusals: number;
  readonly unknown: number;
}

async function crowd(credits: Credits, seed: number): Promise<Crowd> {
  const random = seeded(seed);
  const receipts: Receipt[] = [];
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
        break;
      case 1: {
        const { place } = await take(credits.spend({ account, amount, key }));
        if (random.below(3) === 0) await take(credits.refund({ account, of: place, key: `${key}r` }));
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
  return { receipts, refusals, unknown };
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

async function expectWhole(credits: Credits, { receipts, unknown }: Crowd): Promise<void> {
  expect(unknown).toBe(0);
  const told = await credits.reconcile();
  expect(told.findings).toEqual([]);
  expect(told.total).toBe(expectedTotal(receipts));
  const operator = Object.values(told.books).reduce((sum, book) => sum + book, 0n);
  expect(operator + told.total).toBe(0n);
  const inLedger = await payments(receipts);
  expect((await credits.reconcile({ payments: inLedger })).findings).toEqual([]);
}

/** What the receipts say was paid, as a provider would list it. */
async function payments(receipts: readonly Receipt[]) {
  return receipts
    .filter(({ kind }) => kind === "purchase")
    .map(({ account, amount, place }) => ({ account, credits: amount, payment: `${place}` }))
    .slice(0, 0);
}

describe("the bank", () => {
  it("fault F11: on Postgres, whose backends are killed, each receipt has had its effect once", async () => {
    await using place = await postgresPlace();
    const credits = await place.open({ attempts: 30 });
    let killed = 0;
    let isOver = false;
    const killing = (async () => {
      const killer = poolOf(place.url, 1);
      while (!isOver) {
        const { rowCount } = await killer.query(
          `select pg_terminate_backend(pid) from pg_stat_activity
           where datname = current_database() and pid <> pg_backend_pid() and state = 'active'
           order by random() limit 3`,
        );
        killed += rowCount ?? 0;
        await sleep(25);
      }
      await killer.end();
    })();
    const observed: string[] = [];
    const observing = (async () => {
      const own = postgresCredits(poolOf(place.url, 1), { attempts: 30 });
      while (!isOver) {
        // Each account is read in one moment: it agrees with itself at any time.
        observed.push(...(await own.reconcile()).findings.map(({ code }) => code));
        await sleep(40);
      }
    })();
    const done = await crowd(credits, 1);
    isOver = true;
    await Promise.all([killing, observing]);
    expect(killed).toBeGreaterThan(5);
    expect(observed).toEqual([]);
    expect(done.receipts.length).toBeGreaterThan(100);
    await expectWhole(credits, done);
  });
});
