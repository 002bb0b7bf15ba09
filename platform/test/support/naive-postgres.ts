/** Tills over Postgres as one writes them at first. Each is wrong in a way of its own. */
import type pg from "pg";
import type { Till } from "./checks.ts";

type Take = (account: string, amount: number, key: string) => Promise<boolean>;

export async function makeNaiveTables(pool: pg.Pool): Promise<void> {
  await pool.query(`
    create table till (account text primary key, balance numeric not null);
    create table till_log (account text not null, amount numeric not null);
    create table till_key (key text primary key)`);
}

function till(pool: pg.Pool, spend: Take): Till {
  const add = async (account: string, amount: number): Promise<void> => {
    await pool.query(
      `with added as (insert into till values ($1, $2)
         on conflict (account) do update set balance = till.balance + excluded.balance)
       insert into till_log values ($1, $2)`,
      [account, amount],
    );
  };
  return {
    fund: add,
    spend,
    purchase: (account, amount) => add(account, amount),
    refund: (account, _of, amount) => add(account, amount),
    async balance(account) {
      const { rows } = await pool.query("select balance from till where account = $1", [account]);
      return Number((rows[0] as { balance: string }).balance);
    },
    async log(account) {
      const { rows } = await pool.query("select amount from till_log where account = $1", [
        account,
      ]);
      return (rows as { amount: string }[]).map(({ amount }) => Number(amount));
    },
  };
}

/** Between BEGIN and COMMIT at that level; what fails is rolled back and thrown. */
async function within<R>(
  pool: pg.Pool,
  level: string,
  work: (client: pg.PoolClient) => Promise<R>,
): Promise<R> {
  const client = await pool.connect();
  try {
    await client.query(`begin isolation level ${level}`);
    const result = await work(client);
    await client.query("commit");
    return result;
  } catch (error) {
    await client.query("rollback");
    throw error;
  } finally {
    client.release();
  }
}

async function balanceOf(client: pg.PoolClient, account: string): Promise<number> {
  const { rows } = await client.query("select balance from till where account = $1", [account]);
  return Number((rows[0] as { balance: string }).balance);
}

const write = (level: string, absolute: boolean) => (pool: pg.Pool) =>
  till(pool, (account, amount) =>
    within(pool, level, async (client) => {
      const balance = await balanceOf(client, account);
      if (balance < amount) return false;
      const change = absolute
        ? client.query("update till set balance = $2 where account = $1", [
            account,
            balance - amount,
          ])
        : client.query("update till set balance = balance - $2 where account = $1", [
            account,
            amount,
          ]);
      await change;
      await client.query("insert into till_log values ($1, $2)", [account, -amount]);
      return true;
    }),
  );

/** Right about the balance; the log is a statement of its own, and a retry takes again. */
function conditionalWithoutKey(pool: pg.Pool): Till {
  return till(pool, async (account, amount) => {
    const { rowCount } = await pool.query(
      "update till set balance = balance - $2 where account = $1 and balance >= $2",
      [account, amount],
    );
    if (rowCount !== 1) return false;
    await pool.query("insert into till_log values ($1, $2)", [account, -amount]);
    return true;
  });
}

/** The key is looked up, and kept in a transaction of its own. */
function keyBeside(pool: pg.Pool): Till {
  const inner = conditionalWithoutKey(pool);
  return {
    ...inner,
    async spend(account, amount, key) {
      const { rowCount } = await pool.query("select 1 from till_key where key = $1", [key]);
      if (rowCount === 1) return true;
      const taken = await inner.spend(account, amount, key);
      await pool.query("insert into till_key values ($1) on conflict do nothing", [key]);
      return taken;
    },
  };
}

export const NAIVE_POSTGRES = {
  readWriteAbsolute: write("read committed", true),
  readWriteRelative: write("read committed", false),
  repeatableReadWithoutRetry: write("repeatable read", false),
  serializableWithoutRetry: write("serializable", true),
  conditionalWithoutKey,
  keyBeside,
} as const;
