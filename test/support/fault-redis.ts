/** What a move leaves behind in a Redis, and copies that go on after a failure: for the fault tests. */
import { createHash } from "node:crypto";
import { openRedis } from "../../src/drivers/redis/index.ts";
import { REGISTRY } from "../../src/drivers/redis/names.ts";
import { TcpConnection } from "../../src/drivers/redis/tcp.ts";
import { type ErrorCode, OutgrowError } from "../../src/errors.ts";
import { type CopyOptions, copy } from "../../src/transfer/copy.ts";

/** Fields that differ between any two runs: clocks, the lease. */
const OWN_FIELDS = /^(?:created|updated|heartbeat|lease|holder)$/;

/** Every key of a database, and how long and what it is that it holds; lists in their order. */
export async function redisState(url: string): Promise<Record<string, string>> {
  await completeIndexes(url);
  await using connection = new TcpConnection(url);
  const [names] = await connection.send([["KEYS", "*"]]);
  const state: Record<string, string> = {};
  for (const name of (names as string[]).sort()) {
    const [type] = await connection.send([["TYPE", name]]);
    const command = {
      string: ["GET", name],
      list: ["LRANGE", name, "0", "-1"],
      zset: ["ZRANGE", name, "0", "-1", "WITHSCORES"],
      hash: ["HGETALL", name],
    }[String(type)] as string[];
    const [value] = await connection.send([command]);
    const isTaken = name.endsWith(":outgrow:taken");
    const held = type === "hash" ? fieldsOf(value as string[]) : value;
    const text = JSON.stringify(isTaken ? (held as string[][]).map(([field]) => field) : held);
    const sum = createHash("sha256").update(text).digest("hex").slice(0, 16);
    // A number that was given out while its answer was lost is not given out again.
    if (name !== REGISTRY) state[name.replace(/(?<=:outgrow:)\d+/, "N")] = `${text.length} ${sum}`;
  }
  return state;
}

function fieldsOf(flat: readonly string[]): readonly (readonly string[])[] {
  const pairs = flat.flatMap((field, at) => (at % 2 === 0 ? [[field, flat[at + 1] ?? ""]] : []));
  return pairs.filter(([field = ""]) => !OWN_FIELDS.test(field)).sort();
}

/** Whoever asks for a count has the indexes completed that a load left behind. */
async function completeIndexes(url: string): Promise<void> {
  await using target = await openRedis(url);
  for (const { name, tenant, collections } of await target.ledger.moves()) {
    const driver = await target.open(name);
    for (const { name: collection } of collections) await driver.count({ tenant, collection });
  }
}

/** How many batches a move has finished; `undefined` while there is no server. */
export async function redisCheckpoints(url: string, move: string): Promise<number | undefined> {
  try {
    await using target = await openRedis(url);
    return (await target.ledger.checkpoints(move)).length;
  } catch {
    return undefined;
  }
}

/** Whether a copy had come to its end: the next one would be another run. */
export async function isCopied(url: string, move: string): Promise<boolean> {
  await using target = await openRedis(url);
  return (await target.ledger.find(move))?.phase === "copied";
}

/** @returns `done`, or the code that it ended with. @throws what is no `OutgrowError` */
export async function tryRedisCopy(
  url: string,
  source: string,
  options: CopyOptions,
): Promise<"done" | ErrorCode> {
  try {
    await using target = await openRedis(url);
    await copy(source, target, options);
    return "done";
  } catch (error) {
    if (OutgrowError.is(error)) return error.code;
    throw error;
  }
}

/** Runs a copy again that failed, which must now end well. */
export async function goOnRedis(url: string, source: string, options: CopyOptions): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const ended = await tryRedisCopy(url, source, options);
    if (ended === "done") return;
    // This process lives, so its own lost lease is not known to be dead: elsewhere a killed one's is.
    if (ended !== "MOVE_LEASED" || attempt > 1) throw new Error(`The second copy ended ${ended}.`);
    await using connection = new TcpConnection(url);
    const [moves] = await connection.send([["KEYS", "*:outgrow:*:move"]]);
    for (const name of moves as string[]) await connection.send([["HSET", name, "heartbeat", "0"]]);
  }
}

export async function emptyRedis(url: string): Promise<void> {
  await using connection = new TcpConnection(url);
  await connection.send([["FLUSHDB"]]);
}
