/**
 * One account of a Redis, added up without holding the server: numbers are read in one moment, and the entries that
 * were there then are read page by page. They stay as they are, each at its distance from the list's end.
 */
import type { Audit } from "./backend.ts";
import type { Book } from "./credits.ts";
import type { RedisConnection } from "./redis-connection.ts";
import { entryOf } from "./redis-entry.ts";
import { SCRIPTS, type Script } from "./redis-scripts.ts";

const PAGE = 1_000;

export async function auditRedis(
  connection: RedisConnection,
  run: (script: Script, keys: readonly string[]) => Promise<unknown>,
  keys: readonly [string, string, string, string, string],
  account: string,
): Promise<Audit> {
  const looked = (await run(SCRIPTS.look, keys)) as readonly string[];
  const [available, held, places, openHolds, length = "0"] = looked;
  const books: Partial<Record<Book, bigint>> = {};
  const add = (book: Book, amount: bigint): void => {
    books[book] = (books[book] ?? 0n) + amount;
  };
  const count = Number(length);
  for (let first = 1; first <= count; first += PAGE) {
    const last = Math.min(first + PAGE - 1, count);
    const range = ["LRANGE", keys[1], String(-last), String(-first)];
    const texts = (await connection.command(range)) as readonly string[];
    for (const [index, text] of texts.entries()) {
      const { source, destination, amount } = entryOf(text, last - index);
      add(source, -BigInt(amount));
      add(destination, BigInt(amount));
    }
  }
  return {
    account,
    isMissing: false,
    available: wholeOf(available),
    held: wholeOf(held),
    places: wholeOf(places),
    entries: BigInt(count),
    openHolds: wholeOf(openHolds) ?? 0n,
    books,
  };
}

function wholeOf(text: string | undefined): bigint | undefined {
  return text !== undefined && /^\d+$/.test(text) ? BigInt(text) : undefined;
}
