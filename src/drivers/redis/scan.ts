/**
 * Reading. The index of a collection (a sorted set) gives the order and the pages; a page's records and what is known
 * of them are then read together. Records that the app wrote itself, under names of ours, are in no index: they are
 * looked for among all names of the server, and merged in by key.
 */
import { compareText } from "../../collection/key.ts";
import { throwIfInterrupted } from "../../errors.ts";
import type { Rebuilt, ScanOptions, Stored } from "../../store/driver.ts";
import { readCells, rebuildCells } from "./cells-read.ts";
import { ask, askAll, type RedisConnection, texts } from "./connection.ts";
import { storedOf, textValue } from "./known.ts";
import { type CollectionNames, globPrefix } from "./names.ts";
import { completeIndexes } from "./order-index.ts";
import type { Reply } from "./resp.ts";
import { runRepeatable, script } from "./script.ts";

export interface ScanContext {
  readonly connection: RedisConnection;
  readonly names: CollectionNames;
}

const PAGE = 2000;
/** Keys of one read: Lua unpacks no more than about 8,000. */
const READ_KEYS = 2000;
/** Names looked at by one SCAN. */
const SCAN_COUNT = "2000";

/** Records and what is known of them, as of one moment. */
const READ = script(
  "return {redis.call('HMGET', KEYS[1], unpack(ARGV)), redis.call('MGET', unpack(KEYS, 2))}",
);

/** How many of these names there are. */
const THERE = script("return redis.call('EXISTS', unpack(KEYS))");

export async function read(
  context: ScanContext,
  keys: readonly string[],
): Promise<(Stored | undefined)[]> {
  const found: (Stored | undefined)[] = [];
  for (let from = 0; from < keys.length; from += READ_KEYS) {
    const wanted = keys.slice(from, from + READ_KEYS);
    if (context.names.cells !== undefined) {
      found.push(...(await readCells(context, wanted)));
      continue;
    }
    const { known, values } = await readRaw(context, wanted);
    for (const [index, key] of wanted.entries()) {
      const text = values[index] ?? null;
      const held = text === null ? undefined : { value: textValue(text) };
      found.push(storedOf(key, known[index] ?? null, held));
    }
  }
  return found;
}

async function readRaw(
  { connection, names }: ScanContext,
  keys: readonly string[],
): Promise<{ known: readonly (string | null)[]; values: readonly (string | null)[] }> {
  const all = [names.known, ...keys.map((key) => names.record(key))];
  const reply = (await runRepeatable(connection, READ, all, keys)) as readonly Reply[];
  return { known: texts(reply[0]), values: texts(reply[1]) };
}

/** Ledger keys of the index, ascending, in pages. What is removed between two pages shifts nothing. */
export async function* indexedKeys(
  { connection, names }: ScanContext,
  size: number,
): AsyncGenerator<readonly string[]> {
  await completeIndexes(connection, names);
  for (let from = "-"; ; ) {
    const limit = ["LIMIT", "0", String(size)];
    const page = (await ask(
      connection,
      "ZRANGEBYLEX",
      names.keys,
      from,
      "+",
      ...limit,
    )) as string[];
    if (page.length > 0) yield page;
    if (page.length < size) return;
    from = `(${page.at(-1)}`;
  }
}

/** The same by position. Several may share one: pages then go on within it, by key. */
async function* placedKeys(
  { connection, names }: ScanContext,
  size: number,
): AsyncGenerator<readonly string[]> {
  let [score, last, tied] = ["-inf", "", 0];
  for (;;) {
    const count = String(size + tied);
    const range = ["ZRANGEBYSCORE", names.order, score, "+inf", "WITHSCORES", "LIMIT", "0", count];
    const flat = (await ask(connection, ...(range as [string, ...string[]]))) as string[];
    const page: string[] = [];
    for (let at = 0; at + 1 < flat.length; at += 2) {
      const [key, place] = [flat[at] as string, String(flat[at + 1])];
      if (place === score && compareText(key, last) <= 0) continue;
      page.push(key);
      tied = place === score ? tied + 1 : 1;
      [score, last] = [place, key];
    }
    if (page.length > 0) yield page;
    if (page.length < size) return;
  }
}

/**
 * Keys of records that are under names of ours and in no index, ascending. Under a declared layout the names are the
 * app's own: what else it keeps under them is not looked for.
 */
export async function strayKeys({ connection, names }: ScanContext): Promise<readonly string[]> {
  if (names.cells !== undefined) return [];
  const strays = new Set<string>();
  const pattern = globPrefix(names.prefix);
  let cursor = "0";
  do {
    const options = ["MATCH", pattern, "COUNT", SCAN_COUNT, "TYPE", "string"];
    const reply = (await ask(connection, "SCAN", cursor, ...options)) as [unknown, string[]];
    cursor = String(reply[0]);
    const keys = reply[1].flatMap((name) => names.key(name) ?? []);
    if (keys.length === 0) continue;
    const scores = texts(await ask(connection, "ZMSCORE", names.keys, ...keys));
    for (const [index, key] of keys.entries()) if (scores[index] === null) strays.add(key);
  } while (cursor !== "0");
  return [...strays].sort(compareText);
}

/** Pages of both, merged: no key comes twice, and all are in order. */
async function* allKeys(context: ScanContext, size: number): AsyncGenerator<readonly string[]> {
  await completeIndexes(context.connection, context.names);
  const strays = await strayKeys(context);
  let at = 0;
  for await (const page of indexedKeys(context, size)) {
    const last = page.at(-1) as string;
    const from = at;
    while (at < strays.length && compareText(strays[at] as string, last) < 0) at++;
    // A stray that a commit has taken up since is in the index now.
    const merged = new Set([...page, ...strays.slice(from, at)]);
    while (at < strays.length && merged.has(strays[at] as string)) at++;
    yield from === at ? page : [...merged].sort(compareText);
  }
  if (at < strays.length) yield strays.slice(at);
}

export async function* scan(
  context: ScanContext,
  options: ScanOptions = {},
): AsyncGenerator<readonly Stored[]> {
  const { size = PAGE, order = "key", signal } = options;
  if (order === "key") {
    for await (const keys of allKeys(context, size)) yield* records(context, keys, size, signal);
    return;
  }
  const { connection, names } = context;
  await completeIndexes(connection, names);
  const cards = await askAll(connection, [
    ["ZCARD", names.keys],
    ["ZCARD", names.order],
  ]);
  for await (const keys of placedKeys(context, size)) yield* records(context, keys, size, signal);
  // Those without a position: an app's own.
  const strays = await strayKeys(context);
  if (cards[0] === cards[1] && strays.length === 0) return;
  for await (const keys of allKeys(context, size)) {
    for await (const batch of records(context, keys, size, signal)) {
      const unplaced = batch.filter(({ position }) => position === undefined);
      if (unplaced.length > 0) yield unplaced;
    }
  }
}

async function* records(
  context: ScanContext,
  keys: readonly string[],
  size: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<readonly Stored[]> {
  for (let from = 0; from < keys.length; from += size) {
    throwIfInterrupted(signal);
    const found = await read(context, keys.slice(from, from + size));
    const present = found.filter((one) => one?.state === "present") as Stored[];
    if (present.length > 0) yield present;
  }
}

/**
 * What lies under the records' names. Of the ledger only the index is asked: which names there are to look at, and
 * which records are this move's.
 */
export async function* rebuild(
  context: ScanContext,
  { size = PAGE, signal }: ScanOptions = {},
): AsyncGenerator<readonly Rebuilt[]> {
  const { connection, names } = context;
  for await (const page of allKeys(context, size)) {
    for (let from = 0; from < page.length; from += READ_KEYS) {
      throwIfInterrupted(signal);
      const keys = page.slice(from, from + READ_KEYS);
      if (names.cells !== undefined) {
        const batch = await rebuildCells(context, keys);
        for (let at = 0; at < batch.length; at += size) yield batch.slice(at, at + size);
        continue;
      }
      const [values, scores] = await askAll(connection, [
        ["MGET", ...keys.map((key) => names.record(key))],
        ["ZMSCORE", names.keys, ...keys],
      ]);
      const ours = texts(scores);
      const batch = texts(values).flatMap((text, index): Rebuilt[] =>
        text === null
          ? []
          : [
              {
                key: keys[index] as string,
                value: textValue(text),
                foreign: ours[index] === null,
              },
            ],
      );
      for (let at = 0; at < batch.length; at += size) yield batch.slice(at, at + size);
    }
  }
}

export async function count(context: ScanContext): Promise<number> {
  const { connection, names } = context;
  let there = 0;
  for await (const keys of allKeys(context, READ_KEYS)) {
    for (let from = 0; from < keys.length; from += READ_KEYS) {
      const some = keys.slice(from, from + READ_KEYS);
      if (names.cells !== undefined) {
        there += (await rebuildCells(context, some)).length;
        continue;
      }
      const all = some.map((key) => names.record(key));
      there += Number(await runRepeatable(connection, THERE, all, []));
    }
  }
  return there;
}
