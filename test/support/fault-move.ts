/**
 * What the fault tests move, and all that a move leaves behind, seen by plain SQL: two moves of one source must
 * leave the same, whatever happened to one of them on the way.
 */
import pg from "pg";

/** How often an anchor does its thing: `count` in the test run, RUNS times as often in a campaign. */
export function times(count: number): number {
  return Math.max(1, Math.round(count * Number(process.env["RUNS"] ?? 1)));
}

export interface Random {
  readonly seed: number;
  /** From 0 (inclusive) to 1. */
  next(): number;
  /** From 0 to below `limit`. */
  below(limit: number): number;
  pick<T>(of: readonly T[]): T;
}

/** The same numbers for the same SEED. */
export function seeded(fallback: number): Random {
  const seed = Number(process.env["SEED"] ?? fallback);
  let state = seed >>> 0;
  const next = (): number => {
    // mulberry32: the low bits are as good as the high ones.
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (limit: number): number => Math.floor(next() * limit);
  return { seed, next, below, pick: (of) => of[below(of.length)] as (typeof of)[number] };
}

/**
 * Says what an anchor reached, and fails where that was nothing: an anchor that never meets what it is about proves
 * nothing.
 */
export function reached(anchor: string, seed: number, counts: Readonly<Record<string, number>>) {
  const words = Object.entries(counts).map(([what, count]) => `${what}: ${count}`);
  console.log(`${anchor} seed=${seed} ${words.join(", ")}`);
  const never = Object.entries(counts).flatMap(([what, count]) => (count > 0 ? [] : [what]));
  if (never.length > 0)
    throw new Error(`${anchor} seed=${seed} never reached: ${never.join(", ")}`);
}

export interface AppOptions {
  readonly people?: number;
  /** Of a megabyte and a half each: three fill a batch. */
  readonly pages?: number;
  /** A later dump of the same app differs in some records, has others, and lacks some. */
  readonly dump?: 1 | 2;
}

/**
 * An app's file with a bit of each: references that come before what they refer to, child rows, values that fit no
 * column, a record that is no JSON, one key with two contents, a repetition, and batches of one collection.
 */
export function appFile({ people = 60, pages = 0, dump = 1 }: AppOptions = {}): string {
  const from = dump === 1 ? 0 : 3;
  const numbers = (count: number) => Array.from({ length: count }, (_, id) => id + from);
  const changed = (id: number): string => (dump === 2 && id % 5 === 0 ? " (changed)" : "");
  const app = {
    orders: numbers(people + 30).map((id) => ({
      id: `o${id}`,
      personId: from + (id % people),
      total: id * 1.25,
      createdAt: new Date(1e12 + id * 1e7).toISOString(),
      ...(id % 7 === 0 ? { note: `n${changed(id)}` } : {}),
    })),
    people: numbers(people).map((id) => ({
      id,
      name: `person ${id}${changed(id)}`,
      score: id / 7,
      active: id % 2 === 0,
      mixed: id % 2 === 0 ? id : "x",
      tags: ["a", id],
      images: Array.from({ length: (id + dump) % 4 }, (_, at) => ({
        id: `${id}-${at}`,
        url: `u${at}-${id}${changed(id)}`,
      })),
    })),
    notes: numbers(40).map((id) => ({ id, text: `note ${id}${changed(id)}` })),
    pages: numbers(pages).map((id) => ({ id, text: `${id}${changed(id)}`.padEnd(1_500_000, "x") })),
  };
  if (pages === 0) Reflect.deleteProperty(app, "pages");
  return JSON.stringify(app).replace(
    `{"id":7,"text":"note 7"}`,
    `{"id":7,"text":NaN},{"id":6,"text":"another six"},{"id":4,"text":"note 4"}`,
  );
}

/** Tables of the app's own for some of its collections, without a column for what fits none. */
export const OWN_TABLES = `
  create table people (id bigint primary key, name text, score float8, active boolean, tags jsonb);
  create table notes (id integer primary key, text varchar(200) not null);
  insert into notes values (-1, 'of somebody else')`;

/** Runs work on a connection of its own, which owes nothing to our driver. */
export async function onServer<R>(
  url: string,
  work: (query: (text: string) => Promise<string[][]>) => Promise<R>,
): Promise<R> {
  const client = new pg.Client({ connectionString: url });
  client.on("error", () => {});
  await client.connect();
  try {
    return await work(async (text) => {
      const result = await client.query({ text, rowMode: "array" });
      return (Array.isArray(result) ? result.at(-1) : result).rows as string[][];
    });
  } finally {
    await client.end().catch(() => {});
  }
}

const ofMove = "(select c.id from outgrow.collection c where c.move = m.id)";
const named = "(select c.name from outgrow.collection c where c.id = x.collection)";

/** What the ledger knows, without what differs between any two runs: ids, times, revisions, the number of runs. */
const LEDGER: Readonly<Record<string, string>> = {
  phase: "select m.phase, m.lease_holder is null from outgrow.move m where {m}",
  collections: `select x.name, x.templates::text, x.read, x.applied, x.duplicate, x.stale, x.quarantined
    from outgrow.collection x, outgrow.move m where {m} and x.move = m.id`,
  records: `select ${named}, x.tenant, x.key, x.state, x.digest::text, x.position, x.form::text
    from outgrow.record x, outgrow.move m where {m} and x.collection in ${ofMove}`,
  rests: `select ${named}, x.key, x.row, x.rest::text
    from outgrow.rest x, outgrow.move m where {m} and x.collection in ${ofMove}`,
  late: `select ${named}, x.key, x.table_name, x.row, x.column_name, x.cell
    from outgrow.late x, outgrow.move m where {m} and x.collection in ${ofMove}`,
  spills: `select ${named}, x.column_name, x.code, x.count
    from outgrow.spill x, outgrow.move m where {m} and x.collection in ${ofMove}`,
  checkpoints: `select x.file, x.batch, x.byte_offset, x.resume::text, x.last, x.read::text
    from outgrow.checkpoint x, outgrow.move m where {m} and x.move = m.id and x.run = m.run`,
  quarantine: `select x.collection, x.key, x.code, x.detail, x.byte_offset, x.position, md5(x.raw), x.state
    from outgrow.quarantine x, outgrow.move m where {m} and x.move = m.id and x.run = m.run`,
};

/** All that a move left behind: its schema's tables with their indexes and constraints, and the ledger. */
export function stateOf(url: string, move: string): Promise<Record<string, string>> {
  return onServer(url, async (query) => {
    const state: Record<string, string> = {};
    const add = async (name: string, text: string): Promise<void> => {
      const rows = await query(
        `select count(*), md5(coalesce(string_agg(x::text, e'\\n' order by x::text collate "C"), '')) from (${text}) x`,
      );
      state[name] = `${rows[0]?.[0]} rows ${rows[0]?.[1]}`;
    };
    for (const [name, text] of Object.entries(LEDGER)) {
      await add(name, text.replace("{m}", `m.name = '${move}'`));
    }
    const [found] = await query(`select schema from outgrow.move where name = '${move}'`);
    const schema = found?.[0] ?? "";
    const tables = await query(
      `select tablename from pg_tables where schemaname = '${schema}' order by 1`,
    );
    for (const [table] of tables)
      await add(`table ${table}`, `select * from "${schema}"."${table}"`);
    await add(
      "indexes",
      `select tablename, replace(indexdef, '${schema}.', '') from pg_indexes where schemaname = '${schema}'`,
    );
    await add(
      "constraints",
      `select conname, contype, convalidated, replace(pg_get_constraintdef(oid), '${schema}.', '')
       from pg_constraint where connamespace = to_regnamespace('${schema}')`,
    );
    return state;
  });
}
