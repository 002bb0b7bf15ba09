/**
 * Takes up what others wrote past the store: each record that they touched is rebuilt from its tables, gets a revision
 * of its own, and goes into the sidecar and the outbox like any write of the app, so that going back loses none of it
 * (laws S3, S4; SEMANTICS row 17). A record that says what the sidecar says already is no news. A row that can be no
 * record stays noted, with the code why: it waits like what is to be delivered, and closes the same gates, until
 * somebody changes it.
 */

import { type Revision, revision } from "../../collection/revision.ts";
import { OutgrowError } from "../../errors.ts";
import type { Cells } from "../../layout/decode-row.ts";
import { deletion, present } from "../../store/writes.ts";
import { capture } from "./capture.ts";
import type { SqlDatabase, SqlResult, SqlTransaction } from "./database.ts";
import { fetchFamily } from "./family.ts";
import { literal, qualified, quote, textArray } from "./quote.ts";
import { rootSql } from "./root-sql.ts";
import { ledgerKeySql } from "./tables.ts";
import { takeTurn } from "./turn.ts";
import {
  COLLECTIONS,
  isWatching,
  keyColumn,
  keyColumns,
  type Watched,
  watchedBy,
} from "./watch.ts";

/** Changes that are taken up in one transaction, in which the app's writes wait. */
const AT_ONCE = 1000;
const ROUNDS = 20;

type Found = Record<string, number>;

/** What is noted and not yet taken up: as an outbox says it, and how much of it can be taken up. */
export async function noted(
  database: Pick<SqlDatabase, "query">,
  move: string,
): Promise<{
  readonly count: number;
  readonly oldestMs: number | undefined;
  readonly ready: number;
}> {
  if (!(await isWatching(database))) return { count: 0, oldestMs: undefined, ready: 0 };
  const { rows } = await database.query(
    `select count(*), count(*) filter (where refused is null),
       extract(epoch from clock_timestamp() - min(at)) * 1000
     from outgrow.change where collection in (${COLLECTIONS})`,
    [move],
  );
  const [count, ready, oldest] = rows[0] ?? [];
  const oldestMs = oldest == null ? undefined : Math.max(0, Number(oldest));
  return { count: Number(count), oldestMs, ready: Number(ready) };
}

/** Takes up all that is noted. @returns how many records were changed, by collection. */
export async function takeUp(database: SqlDatabase, move: string): Promise<Found> {
  const found: Found = {};
  // Others may note without end: what comes now is taken up with the next look.
  for (let round = 0; round < ROUNDS && (await noted(database, move)).ready > 0; round++) {
    const some = await database.transaction((sql) => takeUpSome(sql, move));
    for (const [collection, count] of Object.entries(some)) {
      found[collection] = (found[collection] ?? 0) + count;
    }
  }
  return found;
}

interface Note {
  readonly at: number;
  readonly op: string;
  /** As text. */
  readonly keys: Readonly<Record<string, string | null>>;
}

async function takeUpSome(sql: SqlTransaction, move: string): Promise<Found> {
  // Alone, as a commit that judges: nobody issues a revision for these records in between.
  await takeTurn(sql, move);
  const { rows } = await sql.query(
    `with taken as (delete from outgrow.change where id in (select id from outgrow.change
       where collection in (${COLLECTIONS}) and refused is null order by id limit ${AT_ONCE})
       returning collection, table_at, op, keys)
     select collection, table_at, op, keys::text from taken`,
    [move],
  );
  const found: Found = {};
  for (const watched of await watchedBy(sql, move)) {
    const notes = rows
      .filter(([collection]) => Number(collection) === watched.id)
      .map(([, at, op, keys]) => ({
        at: Number(at),
        op: op ?? "",
        keys: JSON.parse(keys ?? "{}"),
      }));
    const count = await takeUpOf(sql, move, watched, notes);
    if (count > 0) found[watched.name] = count;
  }
  return found;
}

async function takeUpOf(
  sql: SqlTransaction,
  move: string,
  watched: Watched,
  notes: readonly Note[],
): Promise<number> {
  let count = 0;
  for (const [tenant, cells] of await rootsOf(sql, watched, notes)) {
    const array = textArray([...cells]);
    await sql.query(
      `delete from outgrow.change where collection = $1 and refused is not null
       and keys->>0 = $2 and keys->>1 = any($3::text[])`,
      [String(watched.id), tenant, array],
    );
    const { news, refused } = await newsOf(sql, watched, tenant, array);
    await adopt(sql, move, watched, tenant, news);
    await refuse(sql, watched, tenant, refused);
    count += news.length + refused.length;
  }
  return count;
}

/** Keys of the root rows that the changed rows belong to, as text, by tenant. */
async function rootsOf(
  sql: SqlTransaction,
  watched: Watched,
  notes: readonly Note[],
): Promise<Map<string, Set<string>>> {
  const { compiled, id } = watched;
  const roots = new Map<string, Set<string>>();
  const add = (tenant: string, cell: string): void => {
    roots.set(tenant, (roots.get(tenant) ?? new Set()).add(cell));
  };
  for (const { at, op, keys } of notes) {
    if (op === "TRUNCATE") {
      const { rows } = await sql.query(
        "select tenant, key from outgrow.record where collection = $1 and state = 'present'",
        [String(id)],
      );
      for (const [tenant, key] of rows as readonly (readonly [string, string])[]) {
        const cell = compiled.rowKey(key, tenant);
        if (cell !== undefined) add(tenant, String(cell));
      }
      continue;
    }
    const [column = "", tenantColumn] = [...keyColumns(watched, at)].reverse();
    const tenant = tenantColumn === undefined ? watched.tenant : keys[tenantColumn];
    const value = keys[column];
    // What belongs to nobody says nothing of any record.
    if (typeof value !== "string" || typeof tenant !== "string") continue;
    const cell = await rootOf(sql, watched, at, value);
    if (cell !== undefined) add(tenant, cell);
  }
  return roots;
}

/** Up from a child's anchor to the root's key. A parent that has gone was noted itself. */
async function rootOf(
  sql: SqlTransaction,
  { compiled, schema }: Watched,
  at: number,
  key: string,
): Promise<string | undefined> {
  let cell: string | null | undefined = key;
  let index = compiled.tables[at]?.anchor?.table ?? 0;
  while (index !== 0 && typeof cell === "string") {
    const table = compiled.tables[index];
    const own = keyColumn(compiled, index);
    const column = table?.anchor?.column ?? "";
    const { rows }: SqlResult = await sql.query(
      `select t.${quote(column)}::text from ${qualified(schema, table?.name ?? "")} t
       where t.${quote(own)}::text = $1 limit 1`,
      [cell],
    );
    cell = rows[0]?.[0];
    index = table?.anchor?.table ?? 0;
  }
  return cell ?? undefined;
}

type News = ReturnType<typeof present>;

/** A row that can be no record, by its key. */
interface RefusedRow {
  readonly cell: string;
  readonly code: string;
}

/** Which of these records say something else than the sidecar does. */
async function newsOf(
  sql: SqlTransaction,
  watched: Watched,
  tenant: string,
  cells: string,
): Promise<{ readonly news: readonly News[]; readonly refused: readonly RefusedRow[] }> {
  const { compiled, schema, id } = watched;
  const root = rootSql(schema, compiled, { id, tenant });
  const { rows } = await sql.query(
    `select r.state, r.digest, ${root.key}::text, ${root.cells} from ${root.from}
     left join outgrow.record r on r.collection = ${id} and r.tenant = ${literal(tenant)} and r.key = ${root.ledgerKey}
     where ${root.key} = any($1::${root.keyType}[]) and ${root.scope}`,
    [cells],
  );
  const before = 3 + (compiled.restInLedger ? 2 : 0);
  const roots: Cells[] = rows.map((row) => row.slice(before));
  const family =
    compiled.tables.length === 1 ? [] : await fetchFamily(sql, { schema, compiled, tenant }, roots);
  const news: News[] = [];
  const refused: RefusedRow[] = [];
  for (const [state, digest, cell, ...row] of rows) {
    try {
      const { key, value } = compiled.decode(root.stored(row, family));
      const record = present(key, value);
      const hex = `\\x${Buffer.from(record.digest).toString("hex")}`;
      if (state !== "present" || digest !== hex) news.push(record);
    } catch (error) {
      const code = OutgrowError.is(error) ? error.code : "INTERNAL";
      refused.push({ cell: cell as string, code });
    }
  }
  const gone = await goneOf(sql, watched, tenant, cells);
  return { news: [...news, ...gone], refused };
}

/** Records that the sidecar calls present and whose rows are gone. */
async function goneOf(
  sql: SqlTransaction,
  { compiled, id, schema }: Watched,
  tenant: string,
  cells: string,
): Promise<readonly News[]> {
  const [root] = compiled.layout.tables;
  const { keyType, key, place, scope } = rootSql(schema, compiled, { id, tenant });
  const where = `collection = ${id} and tenant = ${literal(tenant)}`;
  const { rows } = await sql.query(
    `select r.key from outgrow.record r where ${where} and r.state = 'present' and r.key in (
       select coalesce((select x.key from outgrow.rest x where x.${where.replace(" and ", " and x.")}
         and x.row = c.cell::text), ${ledgerKeySql(root.key.codec, "c.cell")})
       from unnest($1::${keyType}[]) as c(cell)
       where not exists (select from ${place} t where ${key} = c.cell and ${scope}))`,
    [cells],
  );
  return rows.map(([key]) => deletion(key as string));
}

async function refuse(
  sql: SqlTransaction,
  { id, schema, compiled }: Watched,
  tenant: string,
  refused: readonly RefusedRow[],
): Promise<void> {
  for (const { cell, code } of refused) {
    await sql.query(
      `insert into outgrow.change (collection, table_at, table_schema, table_name, op, keys, refused)
       values ($1, 0, $2, $3, 'UPDATE', jsonb_build_array($4::text, $5::text), $6)`,
      [String(id), schema, compiled.tables[0]?.name ?? "", tenant, cell, code],
    );
  }
}

async function adopt(
  sql: SqlTransaction,
  move: string,
  { id, name }: Watched,
  tenant: string,
  news: readonly News[],
): Promise<void> {
  if (news.length === 0) return;
  const revisions = await issue(sql, move, news.length);
  const records = news.map((one, index) => ({ ...one, revision: revisions[index] as Revision }));
  const { count } = await sql.query(
    `insert into outgrow.record as r (collection, tenant, key, revision, digest, state)
     select $1::integer, $2, w->>0, w->>1, decode(w->>2, 'hex'), w->>3 from jsonb_array_elements($3::jsonb) as w
     on conflict (collection, tenant, key) do update
       set revision = excluded.revision, digest = excluded.digest, state = excluded.state, form = null`,
    [
      String(id),
      tenant,
      JSON.stringify(
        records.map(({ key, revision: number, state, digest }) => [
          key,
          number,
          state === "present" ? Buffer.from(digest).toString("hex") : null,
          state,
        ]),
      ),
    ],
  );
  if (count !== records.length) {
    throw new OutgrowError("LOST_ROW", { detail: `${count} of ${records.length} rows` });
  }
  const deleted = records.filter(({ state }) => state === "deleted").map(({ key }) => key);
  for (const kept of deleted.length === 0 ? [] : ["outgrow.rest", "outgrow.late"]) {
    await sql.query(
      `delete from ${kept} where collection = $1 and tenant = $2 and key = any($3::text[])`,
      [String(id), tenant, textArray(deleted)],
    );
  }
  await capture(sql, move, { tenant, writes: [{ collection: name, records }] });
}

/** Of the epoch in force: the fence has risen to it before this store became the authority. */
async function issue(sql: SqlTransaction, move: string, count: number): Promise<Revision[]> {
  const { rows } = await sql.query(
    `select greatest(1, (select fence from outgrow.control where move = $1)), nextval('outgrow.revision')
     from generate_series(1, $2::integer)`,
    [move, String(count)],
  );
  return rows.map(([epoch, number]) => revision(Number(epoch), Number(number)));
}
