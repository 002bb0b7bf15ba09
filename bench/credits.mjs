/**
 * Spends of one credit by 16 clients, each in its turn on one of a thousand accounts: by the ledger, and by the bare
 * change of a number that it is held against. Run as `node credits.mjs PLATFORM_DIST JOB`, like product.mjs.
 *
 * A ledger refuses a Redis that may lose what it acknowledged, so here the server logs each write before it answers,
 * for both.
 */
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { Redis } from "ioredis";
import pg from "pg";
import { processorSeconds } from "./machine.mjs";

const [dist, text] = process.argv.slice(2);
const job = JSON.parse(text);
const { installCredits, ioredisCommands, postgresCredits, redisCredits } = await import(
  pathToFileURL(join(dist, "credits/index.js")).href
);

const CLIENTS = 16;
const ACCOUNTS = 1000;
const FUNDS = 1_000_000;
/** Connections, plans and scripts are there before the clock starts. */
const WARM_UP = 2000;

const accountOf = (at) => `user-${(at * 7919) % ACCOUNTS}`;

async function inTurn(from, count, spend) {
  let next = from;
  const client = async () => {
    while (next < from + count) await spend(next++);
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
}

async function timed(spend) {
  await inTurn(0, WARM_UP, spend);
  const servers = job.servers ?? [];
  const server = processorSeconds(servers);
  const processor = process.cpuUsage();
  const startedAt = performance.now();
  await inTurn(WARM_UP, job.count, spend);
  const seconds = (performance.now() - startedAt) / 1000;
  const { user, system } = process.cpuUsage(processor);
  const serverSeconds = server === undefined ? undefined : processorSeconds(servers) - server;
  return { seconds, clientSeconds: (user + system) / 1e6, serverSeconds, records: job.count };
}

async function ledger(credits) {
  await inTurn(0, ACCOUNTS, (at) =>
    credits.grant({ account: accountOf(at), amount: FUNDS, key: `funds-${at}` }),
  );
  const result = await timed((at) =>
    credits.spend({ account: accountOf(at), amount: 1, key: `spend-${at}` }),
  );
  const { agrees, total } = await credits.reconcile();
  const left = BigInt(ACCOUNTS) * BigInt(FUNDS) - BigInt(WARM_UP + job.count);
  if (!agrees || total !== left) throw new Error("The ledger does not add up.");
  return result;
}

async function withPool(work) {
  const pool = new pg.Pool({ connectionString: job.url, max: CLIENTS });
  try {
    return await work(pool);
  } finally {
    await pool.end();
  }
}

const postgres = () =>
  withPool(async (pool) => {
    await installCredits(pool);
    return ledger(postgresCredits(pool));
  });

const update = () =>
  withPool(async (pool) => {
    await pool.query("create table credits (id text primary key, balance bigint not null)");
    await pool.query(
      "insert into credits select 'user-' || n, $2 from generate_series(0, $1::int - 1) n",
      [ACCOUNTS, FUNDS],
    );
    return timed(async (at) => {
      const { rowCount } = await pool.query(
        "update credits set balance = balance - $2 where id = $1 and balance >= $2",
        [accountOf(at), 1],
      );
      if (rowCount !== 1) throw new Error("Nothing was taken.");
    });
  });

async function withRedis(work) {
  const client = new Redis(job.url);
  const [, before] = await client.config("GET", "appendfsync");
  await client.config("SET", "appendfsync", "always");
  try {
    return await work(client);
  } finally {
    await client.config("SET", "appendfsync", before);
    client.disconnect();
  }
}

const redis = () =>
  withRedis(async (client) => ledger(await redisCredits(ioredisCommands(client))));

/** By hand: the key, the balance and an entry in one script, and no answer to give again. */
const LUA = `
if not redis.call("SET", KEYS[2], "1", "NX", "PX", ARGV[2]) then return -2 end
if tonumber(redis.call("GET", KEYS[1])) < tonumber(ARGV[1]) then return -1 end
redis.call("XADD", KEYS[3], "*", "type", "spend", "credits", -ARGV[1])
return redis.call("DECRBY", KEYS[1], ARGV[1])`;

const lua = () =>
  withRedis(async (client) => {
    client.defineCommand("spend", { numberOfKeys: 3, lua: LUA });
    for (let at = 0; at < ACCOUNTS; at++) await client.set(`credits:${accountOf(at)}`, FUNDS);
    const kept = 30 * 86_400_000;
    return timed(async (at) => {
      const account = accountOf(at);
      const keys = [`credits:${account}`, `key:spend-${at}`, `entries:${account}`];
      if ((await client.spend(...keys, 1, kept)) < 0) throw new Error("Nothing was taken.");
    });
  });

const outcome = await { postgres, update, redis, lua }[job.kind]();
console.log(JSON.stringify({ ...outcome, rssMiB: process.resourceUsage().maxRSS / 1024 }));
