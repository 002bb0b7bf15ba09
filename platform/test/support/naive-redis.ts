/** Tills over Redis as one writes them at first, and as the seeds did. Each is wrong in a way of its own. */
import type { TcpConnection } from "../../../src/drivers/redis/tcp.ts";
import type { Till } from "./checks.ts";

type Take = (account: string, amount: number, key: string) => Promise<boolean>;

const counter = (account: string): string => `credits:${account}`;
const list = (account: string): string => `log:${account}`;

async function one(redis: TcpConnection, ...command: string[]): Promise<unknown> {
  const [reply] = await redis.send([command]);
  if (reply instanceof Error) throw reply;
  return reply;
}

const log = (redis: TcpConnection, account: string, amount: number): Promise<unknown> =>
  one(redis, "LPUSH", list(account), String(amount));

/** All but spending is done as well as a single command can. */
function till(redis: TcpConnection, spend: Take, others: Partial<Till> = {}): Till {
  const add = async (account: string, amount: number): Promise<void> => {
    await one(redis, "INCRBY", counter(account), String(amount));
    await log(redis, account, amount);
  };
  return {
    fund: add,
    spend,
    purchase: (account, amount) => add(account, amount),
    refund: (account, _of, amount) => add(account, amount),
    balance: async (account) => Number((await one(redis, "GET", counter(account))) ?? 0),
    async log(account) {
      return ((await one(redis, "LRANGE", list(account), "0", "-1")) as string[]).map(Number);
    },
    ...others,
  };
}

/** The seed: both the counter and the list are values that are read, changed and written back. */
function getChangeSet(redis: TcpConnection): Till {
  const transactions = (account: string): string => `transactions:${account}`;
  const logs = async (account: string): Promise<number[]> =>
    JSON.parse(((await one(redis, "GET", transactions(account))) ?? "[]") as string) as number[];
  const change = async (account: string, amount: number): Promise<boolean> => {
    const balance = Number((await one(redis, "GET", counter(account))) ?? 0);
    if (balance + amount < 0) return false;
    await one(redis, "SET", counter(account), String(balance + amount));
    const all = [...(await logs(account)), amount];
    await one(redis, "SET", transactions(account), JSON.stringify(all));
    return true;
  };
  const add = async (account: string, amount: number): Promise<void> => {
    await change(account, amount);
  };
  return till(redis, (account, amount) => change(account, -amount), {
    fund: add,
    purchase: add,
    log: logs,
  });
}

/** Takes first, looks afterwards, and leaves it at that. */
function decrementThenCheck(redis: TcpConnection): Till {
  return till(redis, async (account, amount) => {
    const left = Number(await one(redis, "DECRBY", counter(account), String(amount)));
    if (left < 0) return false;
    await log(redis, account, -amount);
    return true;
  });
}

function checkThenDecrement(redis: TcpConnection): Till {
  return till(redis, async (account, amount) => {
    if (Number(await one(redis, "GET", counter(account))) < amount) return false;
    await one(redis, "DECRBY", counter(account), String(amount));
    await log(redis, account, -amount);
    return true;
  });
}

/** WATCH is the connection's: on a shared one, the first EXEC ends everybody's. */
function watchOnSharedConnection(redis: TcpConnection): Till {
  return till(redis, async (account, amount) => {
    const [, balance] = await redis.send([
      ["WATCH", counter(account)],
      ["GET", counter(account)],
    ]);
    if (Number(balance) < amount) return false;
    const replies = await redis.send([
      ["MULTI"],
      ["DECRBY", counter(account), String(amount)],
      ["LPUSH", list(account), String(-amount)],
      ["EXEC"],
    ]);
    return Array.isArray(replies[3]);
  });
}

const TAKE = `
if tonumber(redis.call("GET", KEYS[1]) or "0") < tonumber(ARGV[1]) then return 0 end`;

async function scripted(
  redis: TcpConnection,
  text: string,
  account: string,
  ...args: string[]
): Promise<boolean> {
  return (await one(redis, "EVAL", text, "2", counter(account), list(account), ...args)) === 1;
}

/** Right about the balance; a retry after a lost answer takes again. */
function withoutKey(redis: TcpConnection): Till {
  const text = `${TAKE}
redis.call("DECRBY", KEYS[1], ARGV[1]) redis.call("LPUSH", KEYS[2], "-" .. ARGV[1]) return 1`;
  return till(redis, (account, amount) => scripted(redis, text, account, String(amount)));
}

/** The key is looked up and kept beside the change, not with it. */
function keyBeside(redis: TcpConnection): Till {
  const inner = withoutKey(redis);
  return {
    ...inner,
    async spend(account, amount, key) {
      if ((await one(redis, "EXISTS", `key:${key}`)) === 1) return true;
      const taken = await inner.spend(account, amount, key);
      await one(redis, "SET", `key:${key}`, "1");
      return taken;
    },
  };
}

/** Takes parts of credits, and gives for negative amounts. */
function floats(redis: TcpConnection): Till {
  const text = `${TAKE}
redis.call("INCRBYFLOAT", KEYS[1], -tonumber(ARGV[1])) redis.call("LPUSH", KEYS[2], -tonumber(ARGV[1]))
return 1`;
  return till(redis, (account, amount) => scripted(redis, text, account, String(amount)));
}

/** Lua writes large numbers with fourteen digits. */
function luaArithmetic(redis: TcpConnection): Till {
  const text = `${TAKE}
redis.call("SET", KEYS[1], tostring(tonumber(redis.call("GET", KEYS[1])) - tonumber(ARGV[1])))
redis.call("LPUSH", KEYS[2], "-" .. ARGV[1]) return 1`;
  return till(redis, (account, amount) => scripted(redis, text, account, String(amount)));
}

export const NAIVE_REDIS = {
  getChangeSet,
  decrementThenCheck,
  checkThenDecrement,
  watchOnSharedConnection,
  withoutKey,
  keyBeside,
  floats,
  luaArithmetic,
} as const;
