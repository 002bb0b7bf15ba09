/** The ledger of a Redis target: a few hashes beside the records, under their hash tag. */
import { OutgrowError } from "../../errors.ts";
import type {
  CheckpointEntry,
  CollectionCounts,
  Lease,
  Ledger,
  Move,
  MoveCollection,
  NewMove,
  Quarantined,
  Settlement,
  SourceFile,
  SpillCount,
} from "../../store/ledger.ts";
import { checkCells, collectionsOf, countSpills, placesOf } from "./collections.ts";
import { rawBytes, rawText } from "./commit.ts";
import { ask, askAll, fields, type RedisConnection, texts } from "./connection.ts";
import { dropLive } from "./control.ts";
import {
  acquireLease,
  LEASE_MS,
  releaseLease,
  renewLease,
  serverTime,
  UNDER_LEASE,
} from "./lease.ts";
import { Pieces } from "./pieces.ts";
import { allListed, type Listed, list, listed, namesOf, unlist } from "./registry.ts";
import { runRepeatable, runScript, script } from "./script.ts";
import { dropCollection, dropLedger, pruneCollection } from "./undo.ts";

/**
 * Takes collections for the move and sets its fields, all or nothing. Says which collection is another's; 0 when the
 * lease that is given is no more.
 */
const SET_UP = script(`
if ARGV[3] ~= '' and redis.call('HGET', KEYS[1], 'lease') ~= ARGV[3] then return 0 end
local many = tonumber(ARGV[2])
for i = 4, many + 3 do
  local by = redis.call('HGET', KEYS[2], ARGV[i])
  if by and by ~= ARGV[1] then return ARGV[i] end
end
for i = 4, many + 3 do redis.call('HSET', KEYS[2], ARGV[i], ARGV[1]) end
local now = redis.call('TIME')
now = string.format('%.0f', now[1] * 1000 + math.floor(now[2] / 1000))
-- Leases of a move that is made anew under the name, and perhaps the number, of one that was dropped go on above those.
if redis.call('HSETNX', KEYS[1], 'created', now) == 1 then redis.call('HSETNX', KEYS[1], 'lease', now) end
redis.call('HSET', KEYS[1], 'updated', now)
for i = many + 4, #ARGV, 2 do
  local value = ARGV[i + 1]
  if string.byte(value, 1) == 1 then value = redis.call('GET', KEYS[3 + tonumber(string.sub(value, 2))]) end
  if value then redis.call('HSET', KEYS[1], ARGV[i], value) end
end
if redis.call('HGET', KEYS[1], 'phase') == 'copying' then redis.call('DEL', KEYS[3]) end
if #KEYS > 3 then redis.call('DEL', unpack(KEYS, 4)) end
return ''
`);

/** Changes an entry if it still is as it was read. */
const CHANGE = script(`
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
if ARGV[4] ~= '' then
  local raw = ARGV[4]
  if string.byte(raw, 1) == 1 then raw = redis.call('GET', KEYS[3]) redis.call('DEL', KEYS[3]) end
  redis.call('HSET', KEYS[2], ARGV[1], raw)
end
return 1
`);

const COUNTS = ["read", "applied", "duplicate", "stale", "quarantined"] as const;
/** Entries of the quarantine that are read at a time: with their bytes they may be large. */
const ENTRIES = 200;
const NO_SETTLEMENT: Settlement = { dangling: [], made: [], refused: [], sequences: [] };

/** An entry as it is kept; its number of the run stands before it. */
type Entry = Omit<Quarantined, "id" | "run" | "raw" | "state"> & {
  readonly state?: Quarantined["state"];
};

export class RedisLedger implements Ledger {
  readonly #connection: RedisConnection;
  /** Makes what was acknowledged so far durable, where the server can be asked for that. */
  readonly #settleDown: () => Promise<void>;

  constructor(connection: RedisConnection, settleDown: () => Promise<void> = async () => {}) {
    this.#connection = connection;
    this.#settleDown = settleDown;
  }

  async moves(): Promise<readonly Move[]> {
    const moves: Move[] = [];
    for (const [, where] of await allListed(this.#connection)) {
      const move = await this.#read(where);
      if (move !== undefined) moves.push(move);
    }
    return moves;
  }

  async find(name: string): Promise<Move | undefined> {
    const where = await listed(this.#connection, name);
    return where === undefined ? undefined : this.#read(where);
  }

  async #read(where: Listed): Promise<Move | undefined> {
    const [hash, time] = await askAll(this.#connection, [
      ["HGETALL", namesOf(where).move],
      ["TIME"],
    ]);
    const held = fields(hash);
    const text = (field: string): string => held.get(field) ?? "";
    if (!held.has("run")) return undefined;
    const names = JSON.parse(text("collections")) as string[];
    const countsOf = (name: string): CollectionCounts =>
      Object.fromEntries(
        COUNTS.map((what) => [what, Number(held.get(`${what}:${name}`) ?? 0)]),
      ) as unknown as CollectionCounts;
    const templatesOf = (name: string): Move["templates"][string] =>
      JSON.parse(held.get(`templates:${name}`) ?? "{}");
    const collections = names.map(
      (name): MoveCollection => ({ name, layout: JSON.parse(text(`layout:${name}`)) }),
    );
    return {
      id: where.id,
      name: text("name"),
      tenant: text("tenant"),
      schema: text("schema"),
      run: Number(text("run")),
      phase: text("phase") as Move["phase"],
      files: JSON.parse(text("files")),
      collections,
      // A collection may be called `__proto__`.
      templates: Object.fromEntries(names.map((name) => [name, templatesOf(name)])),
      counts: Object.fromEntries(names.map((name) => [name, countsOf(name)])),
      createdAt: new Date(Number(text("created"))).toISOString(),
      updatedAt: new Date(Number(text("updated"))).toISOString(),
      leased: held.has("holder") && Number(text("heartbeat")) > serverTime(time) - LEASE_MS,
    };
  }

  async #known(name: string): Promise<{ readonly where: Listed; readonly move: Move }> {
    const where = await listed(this.#connection, name);
    const move = where === undefined ? undefined : await this.#read(where);
    if (where === undefined || move === undefined) {
      throw new OutgrowError("MOVE_UNKNOWN", { detail: name });
    }
    return { where, move };
  }

  async create(move: NewMove): Promise<Move> {
    checkNames(move);
    const where = await list(this.#connection, move.name, move.schema, move.tenant);
    try {
      await checkCells(this.#connection, move.tenant, move.collections);
      await this.#setUp(where, move.collections, [], {
        name: move.name,
        tenant: move.tenant,
        schema: move.schema,
        run: "1",
        phase: "copying",
        files: JSON.stringify(move.files),
      });
    } catch (error) {
      // Refused before anything was made, unlike by a lost answer.
      if (OutgrowError.is(error) && !error.retry) await unlist(this.#connection, move.name, where);
      throw error;
    }
    return (await this.find(move.name)) as Move;
  }

  async startRun(
    name: string,
    files: readonly SourceFile[],
    added: readonly MoveCollection[],
    lease?: Lease,
  ): Promise<Move> {
    const { where, move } = await this.#known(name);
    const zeros = move.collections.flatMap((one) =>
      COUNTS.map((what) => [`${what}:${one.name}`, "0"]),
    );
    await checkCells(this.#connection, move.tenant, added);
    const set = {
      run: String(move.run + 1),
      phase: "copying",
      files: JSON.stringify(files),
      ...Object.fromEntries(zeros),
    };
    await this.#setUp(where, added, move.collections, set, lease);
    return (await this.find(name)) as Move;
  }

  async #setUp(
    where: Listed,
    added: readonly MoveCollection[],
    known: readonly MoveCollection[],
    more: Readonly<Record<string, string>>,
    lease?: Lease,
  ): Promise<void> {
    for (const { name } of added) {
      if (!name.isWellFormed()) {
        throw new OutgrowError("COLLECTION_NAME", { detail: "it is not well-formed text" });
      }
    }
    const keys = namesOf(where);
    const names = [...known, ...added].map(({ name }) => name);
    const set = Object.entries({ ...more, collections: JSON.stringify(names) });
    for (const { name, layout } of added) set.push([`layout:${name}`, JSON.stringify(layout)]);
    const pieces = new Pieces(this.#connection, keys.piece);
    const args = [String(where.id), String(added.length), String(lease?.number ?? "")];
    args.push(...added.map(({ name }) => name));
    for (const [field, value] of set) args.push(field, pieces.long(value));
    await pieces.bring();
    const all = [keys.move, keys.taken, keys.checkpoints, ...pieces.names];
    const taken = await runRepeatable(this.#connection, SET_UP, all, args);
    if (taken === 0) throw new OutgrowError("FENCED", { detail: lease?.move ?? "" });
    if (taken !== "") {
      throw new OutgrowError("TABLE_TAKEN", { detail: `${keys.tag}:${String(taken)}` });
    }
  }

  /** Nothing refers to anything by a rule of the store, and nothing waited. */
  async settle(name: string, lease: Lease): Promise<Settlement> {
    await this.#known(name);
    await this.heartbeat(lease);
    return NO_SETTLEMENT;
  }

  async setPhase(name: string, phase: Move["phase"], lease?: Lease): Promise<void> {
    const key = await this.#moveKey(name, "FENCED");
    const number = lease === undefined ? "" : String(lease.number);
    const done = await runRepeatable(
      this.#connection,
      UNDER_LEASE,
      [key],
      [number, "phase", phase],
    );
    if (done !== 1) throw new OutgrowError("FENCED", { detail: name });
    await this.#settleDown();
  }

  async #moveKey(name: string, otherwise: "FENCED" | "MOVE_UNKNOWN"): Promise<string> {
    const where = await listed(this.#connection, name);
    if (where === undefined) throw new OutgrowError(otherwise, { detail: name });
    return namesOf(where).move;
  }

  async checkpoints(name: string): Promise<readonly CheckpointEntry[]> {
    const where = await listed(this.#connection, name);
    if (where === undefined) return [];
    const [hash, run] = await askAll(this.#connection, [
      ["HGETALL", namesOf(where).checkpoints],
      ["HGET", namesOf(where).move, "run"],
    ]);
    return [...fields(hash)]
      .filter(([field]) => !field.startsWith("part:"))
      .map(([, text]) => JSON.parse(text.slice(text.indexOf("\n") + 1)) as CheckpointEntry)
      .filter((checkpoint) => checkpoint.run === Number(run))
      .sort((a, b) => a.file - b.file || a.batch - b.batch);
  }

  async acquire(name: string, ttlMs = LEASE_MS): Promise<Lease> {
    const { where } = await this.#known(name);
    return acquireLease(this.#connection, namesOf(where).move, name, ttlMs);
  }

  async heartbeat(lease: Lease): Promise<void> {
    await renewLease(this.#connection, await this.#moveKey(lease.move, "FENCED"), lease);
  }

  async release(lease: Lease): Promise<void> {
    const where = await listed(this.#connection, lease.move);
    if (where !== undefined) await releaseLease(this.#connection, namesOf(where).move, lease);
  }

  async quarantined(
    name: string,
    filter: Parameters<Ledger["quarantined"]>[1] = {},
  ): Promise<readonly Quarantined[]> {
    const where = await listed(this.#connection, name);
    if (where === undefined) return [];
    const { move, quarantine, raw } = namesOf(where);
    const numbers = texts(await ask(this.#connection, "HMGET", move, "run", "entries")).map(Number);
    const [run = 0, last = 0] = numbers;
    const found: Quarantined[] = [];
    const [first, end] = filter.id === undefined ? [1, last] : [filter.id, filter.id];
    for (let from = first; from <= end; from += ENTRIES) {
      const many = Math.min(ENTRIES, end - from + 1);
      const ids = Array.from({ length: many }, (_, index) => String(from + index));
      const commands = [["HMGET", quarantine, ...ids]];
      if (filter.raw !== false) commands.push(["HMGET", raw, ...ids]);
      const [entries, bytes] = await askAll(this.#connection, commands);
      for (const [index, text] of texts(entries).entries()) {
        const one = entryOf(from + index, text, bytes === undefined ? null : texts(bytes)[index]);
        const isWanted = filter.state === undefined || one?.state === filter.state;
        if (one !== undefined && one.run === run && isWanted) found.push(one);
      }
    }
    return found;
  }

  async updateQuarantined(
    name: string,
    id: number,
    change: Parameters<Ledger["updateQuarantined"]>[2],
  ): Promise<void> {
    const unknown = new OutgrowError("QUARANTINE_UNKNOWN", { detail: String(id) });
    const where = await listed(this.#connection, name);
    if (where === undefined) throw unknown;
    const { quarantine, raw, piece } = namesOf(where);
    const before = (await ask(this.#connection, "HGET", quarantine, String(id))) as string | null;
    if (before === null) throw unknown;
    const behind = before.indexOf("\n") + 1;
    const entry = JSON.parse(before.slice(behind)) as Entry;
    if (change.raw !== undefined && (entry.state ?? "open") !== "open") throw unknown;
    const { key = entry.key, state = entry.state, note = entry.note } = change;
    const after = before.slice(0, behind) + JSON.stringify({ ...entry, key, state, note });
    const pieces = new Pieces(this.#connection, piece);
    const bytes = change.raw === undefined ? "" : pieces.long(rawText(change.raw));
    await pieces.bring();
    const keys = [quarantine, raw, ...pieces.names];
    const done = await runScript(this.#connection, CHANGE, keys, [
      String(id),
      before,
      after,
      bytes,
    ]);
    if (done !== 1) throw new OutgrowError("TARGET_BUSY", { detail: "the entry was just changed" });
  }

  /** A record is stored whole; only cells that a layout declares may not be able to hold what it says. */
  async spills(name: string): Promise<readonly SpillCount[]> {
    const { where, move } = await this.#known(name);
    return countSpills(this.#connection, collectionsOf(where, move));
  }

  async prune(name: string, lease: Lease): Promise<number> {
    const { where, move } = await this.#known(name);
    const by = { move: namesOf(where).move, run: move.run, lease };
    let pruned = 0;
    for (const names of collectionsOf(where, move).values()) {
      pruned += await pruneCollection(this.#connection, names, by);
    }
    return pruned;
  }

  async drop(name: string, id?: number): Promise<{ readonly tables: readonly string[] }> {
    const { where, move } = await this.#known(name);
    if (id !== undefined && move.id !== id) return { tables: [] };
    if (move.leased) await this.acquire(name); // refuses while a mover is alive
    const collections = collectionsOf(where, move);
    for (const names of collections.values()) await dropCollection(this.#connection, names);
    await dropLive(this.#connection, name, namesOf(where).tag);
    await dropLedger(this.#connection, namesOf(where), [...collections.keys()]);
    await unlist(this.#connection, name, where);
    await this.#settleDown();
    return { tables: [...collections.values()].flatMap(placesOf) };
  }
}

function entryOf(
  id: number,
  text: string | null,
  raw: string | null | undefined,
): Quarantined | undefined {
  if (text === null) return undefined;
  const behind = text.indexOf("\n") + 1;
  const entry = JSON.parse(text.slice(behind)) as Entry;
  return {
    collection: entry.collection,
    key: entry.key,
    code: entry.code,
    detail: entry.detail,
    file: entry.file,
    offset: entry.offset,
    position: entry.position,
    raw: rawBytes(raw ?? null),
    id,
    run: Number(text.slice(0, behind)),
    state: entry.state ?? "open",
    note: entry.note,
  };
}

function checkNames({ name, schema, tenant }: NewMove): void {
  for (const text of [name, schema, tenant]) {
    if (!text.isWellFormed())
      throw new TypeError("Names of moves and tenants are well-formed text.");
  }
}
