/** Records under a declared layout, put together from the app's own keys: the entries of `rest` say where to look. */
import type { Value } from "../../collection/value.ts";
import type { Rebuilt, Stored } from "../../store/driver.ts";
import type { Cells, Entry } from "./cells.ts";
import { TAKE_AWAY } from "./cells-script.ts";
import { ask, type RedisConnection, refusal, sent, texts } from "./connection.ts";
import { storedOf } from "./known.ts";
import type { CollectionNames } from "./names.ts";
import { RedisReplyError } from "./resp.ts";
import { runRepeatable, script } from "./script.ts";

interface Context {
  readonly connection: RedisConnection;
  readonly names: CollectionNames;
}

/** Elements of a list that are read at a time. */
const ELEMENTS = 500;
/** Lists that are read at a time. */
const LISTS = 200;
/** Keys of one MGET. */
const KEYS = 2000;

/** What is known of records, their entries and their cells, as of one moment. */
const READ = script(`local call, sub = redis.call, string.sub
${TAKE_AWAY}
local plan = {name = ARGV[1], shape = cjson.decode(ARGV[2]), rest = KEYS[2], claims = KEYS[3]}
local found = {}
for i = 3, #ARGV do
  local texts = {}
  for index, held in ipairs((entry_of(plan, ARGV[i]))) do
    local text
    if sub(held, 1, 1) == '+' then
      if is_list(plan.shape[index][1]) then
        local _, element = element_of(held)
        text = element
      else text = redis.pcall('GET', sub(held, 2)) end
    end
    texts[index] = type(text) == 'string' and text or false
  end
  found[i - 2] = {call('HGET', KEYS[1], ARGV[i]), call('HGET', plan.rest, ARGV[i]), texts}
end
return found
`);

export async function readCells(
  { connection, names }: Context,
  keys: readonly string[],
): Promise<(Stored | undefined)[]> {
  const cells = names.cells as Cells;
  const all = [names.known, names.rest, names.claims];
  const args = [names.collection, cells.shape, ...keys];
  const found = (await runRepeatable(connection, READ, all, args)) as readonly (readonly [
    known: string | null,
    rest: string | null,
    texts: readonly (string | null)[],
  ])[];
  const entries = found.map(([, rest]) => (rest === null ? undefined : cells.entry(rest)));
  // An element that the app has changed is not found by its digest: it is looked for by its record's key.
  const isLost = (entry: Entry | undefined, texts: readonly (string | null)[]): boolean =>
    entry?.places.some(
      ({ at }, index) =>
        at === "key" && cells.cells[index]?.kind === "list" && texts[index] === null,
    ) ?? false;
  const lost = entries.map((entry, at) =>
    isLost(entry, found[at]?.[2] ?? []) ? entry : undefined,
  );
  const elements = await elementsOf(connection, cells, keys, lost);
  return keys.map((key, at) => {
    const [known = null, , texts = []] = found[at] ?? [];
    const entry = entries[at];
    if (entry === undefined) return storedOf(key, known, undefined);
    const whole = entry.places.map((place, index) => {
      const text = texts[index] ?? null;
      if (place.at !== "key" || text !== null) return text;
      return elements.get(place.name)?.get(key) ?? null;
    });
    const value = cells.decode(entry, whole);
    return storedOf(key, known, value === undefined ? undefined : { value });
  });
}

/** What the app's keys say, whatever is known of it. */
export async function rebuildCells(
  context: Context,
  keys: readonly string[],
): Promise<readonly Rebuilt[]> {
  const rest = texts(await ask(context.connection, "HMGET", context.names.rest, ...keys));
  const values = await valuesOf(context, keys, rest);
  return keys.flatMap((key, index) => {
    const held = values[index];
    return held === undefined ? [] : [{ key, value: held.value, foreign: false }];
  });
}

async function valuesOf(
  { connection, names }: Context,
  keys: readonly string[],
  rest: readonly (string | null)[],
): Promise<({ readonly value: Value } | undefined)[]> {
  const cells = names.cells as Cells;
  const entries = rest.map((text) => (text === null ? undefined : cells.entry(text)));
  const strings = await stringsOf(connection, cells, entries);
  const elements = await elementsOf(connection, cells, keys, entries);
  return entries.map((entry, at) => {
    if (entry === undefined) return undefined;
    const found = entry.places.map((place, index) => {
      if (place.at !== "key") return null;
      const isList = cells.cells[index]?.kind === "list";
      const text = isList
        ? elements.get(place.name)?.get(keys[at] as string)
        : strings.get(place.name);
      return text ?? null;
    });
    const value = cells.decode(entry, found);
    return value === undefined ? undefined : { value };
  });
}

/** Names of the keys of either kind, each once. */
function namesIn(
  cells: Cells,
  entries: readonly (Entry | undefined)[],
  wanted: "list" | "string",
): readonly string[] {
  const found = entries.flatMap((entry) =>
    (entry?.places ?? []).flatMap((place, index) =>
      place.at === "key" && (cells.cells[index]?.kind === "list") === (wanted === "list")
        ? [place.name]
        : [],
    ),
  );
  return [...new Set(found)];
}

async function stringsOf(
  connection: RedisConnection,
  cells: Cells,
  entries: readonly (Entry | undefined)[],
): Promise<ReadonlyMap<string, string | null>> {
  const found = new Map<string, string | null>();
  const all = namesIn(cells, entries, "string");
  for (let from = 0; from < all.length; from += KEYS) {
    const some = all.slice(from, from + KEYS);
    const replies = texts(await ask(connection, "MGET", ...some));
    for (const [index, name] of some.entries()) found.set(name, replies[index] ?? null);
  }
  return found;
}

/** By the name of the list, and by the key of the record: of those that are asked for. */
async function elementsOf(
  connection: RedisConnection,
  cells: Cells,
  keys: readonly string[],
  entries: readonly (Entry | undefined)[],
): Promise<ReadonlyMap<string, ReadonlyMap<string, string>>> {
  const wanted = new Set(keys);
  const found = new Map<string, Map<string, string>>();
  let open = namesIn(cells, entries, "list");
  for (let from = 0; open.length > 0; from += ELEMENTS) {
    const longer: string[] = [];
    for (let at = 0; at < open.length; at += LISTS) {
      const some = open.slice(at, at + LISTS);
      const range = [String(from), String(from + ELEMENTS - 1)];
      const replies = await sent(
        connection,
        some.map((name) => ["LRANGE", name, ...range]),
      );
      for (const [index, reply] of replies.entries()) {
        const name = some[index] as string;
        const elements = elementsIn(reply);
        if (elements.length === ELEMENTS) longer.push(name);
        const held = found.get(name) ?? new Map<string, string>();
        found.set(name, held);
        for (const element of elements) {
          const key = cells.keyOf(element);
          if (key !== undefined && wanted.has(key) && !held.has(key)) held.set(key, element);
        }
      }
    }
    open = longer;
  }
  return found;
}

/** Of what somebody has made another kind of key: none. */
function elementsIn(reply: unknown): readonly string[] {
  if (Array.isArray(reply)) return reply as string[];
  if (reply instanceof RedisReplyError && reply.code !== "WRONGTYPE") throw refusal(reply);
  return [];
}
