/**
 * What an app's writes need beyond a copy's, in the transaction that stores them: the fence, the conditions, the
 * outbox; and the side of a move that stands on these.
 */
import { parseRevision } from "../../collection/revision.ts";
import { OutgrowError } from "../../errors.ts";
import type { Commit, Driver } from "../../store/driver.ts";
import type { OutboxEntry, Side } from "../../store/side.ts";
import type { SqlDatabase, SqlTransaction } from "./database.ts";
import { raiseSequences } from "./settle.ts";

/**
 * Law S5. The row stays locked until the commit's end, so that a fence which rises waits for it.
 * @throws {OutgrowError} FENCED
 */
export async function checkFence(sql: SqlTransaction, move: string, epoch: number): Promise<void> {
  const { rows } = await sql.query("select fence from outgrow.control where move = $1 for share", [
    move,
  ]);
  const fence = Number(rows[0]?.[0] ?? 0);
  if (epoch < fence) throw new OutgrowError("FENCED", { detail: `epoch ${epoch} < ${fence}` });
}

/**
 * The caller holds the move's lock: what is found here stands until the end.
 * @param collections ids by their names. @throws {OutgrowError} WRITE_CONFLICT
 */
export async function checkExpected(
  sql: SqlTransaction,
  collections: ReadonlyMap<string, number>,
  { tenant, expects = [] }: Commit,
): Promise<void> {
  if (expects.length === 0) return;
  const { rows } = await sql.query(
    `select w.n, r.revision
     from jsonb_array_elements($2::jsonb) with ordinality as w(wanted, n)
     left join outgrow.record r on r.collection = (wanted->>0)::integer and r.tenant = $1
       and r.key = wanted->>1 and r.state = 'present'
     order by w.n`,
    [
      tenant,
      JSON.stringify(expects.map(({ collection, key }) => [collections.get(collection), key])),
    ],
  );
  for (const [index, { collection, key, revision }] of expects.entries()) {
    if ((rows[index]?.[1] ?? null) !== revision) {
      throw new OutgrowError("WRITE_CONFLICT", { collection, key });
    }
  }
}

/** Laws S3, S4. */
export async function capture(
  sql: SqlTransaction,
  move: string,
  { tenant, writes }: Commit,
): Promise<void> {
  const entries = writes.flatMap(({ collection, records }) =>
    records.map(({ key, revision }) => [collection, key, revision]),
  );
  if (entries.length === 0) return;
  await sql.query(
    `insert into outgrow.outbox as o (move, tenant, collection, key, revision)
     select $1, $2, w->>0, w->>1, w->>2 from jsonb_array_elements($3::jsonb) as w
     on conflict (move, tenant, collection, key)
     do update set revision = greatest(o.revision, excluded.revision)`,
    [move, tenant, JSON.stringify(entries)],
  );
}

export function postgresSide(database: SqlDatabase, move: string, driver: Driver): Side {
  return {
    driver,
    outbox: {
      async pending(limit) {
        const { rows } = await database.query(
          `select tenant, collection, key, revision from outgrow.outbox where move = $1
           order by at limit $2`,
          [move, String(limit)],
        );
        return rows.map(([tenant, collection, key, revision]): OutboxEntry => {
          return {
            tenant: tenant as string,
            collection: collection as string,
            key: key as string,
            revision: parseRevision(revision as string),
          };
        });
      },
      async settle(delivered) {
        if (delivered.length === 0) return;
        const entries = delivered.map((one) => [one.tenant, one.collection, one.key, one.revision]);
        await database.query(
          `delete from outgrow.outbox o using jsonb_array_elements($2::jsonb) as w
           where o.move = $1 and o.tenant = w->>0 and o.collection = w->>1 and o.key = w->>2
             and o.revision <= w->>3`,
          [move, JSON.stringify(entries)],
        );
      },
      async depth() {
        const { rows } = await database.query(
          `select count(*), extract(epoch from clock_timestamp() - min(at)) * 1000
           from outgrow.outbox where move = $1`,
          [move],
        );
        const [count, oldest] = rows[0] ?? [];
        const oldestMs = oldest == null ? undefined : Math.max(0, Number(oldest));
        return { count: Number(count), oldestMs };
      },
    },
    fence: {
      async current() {
        const { rows } = await database.query("select fence from outgrow.control where move = $1", [
          move,
        ]);
        return Number(rows[0]?.[0] ?? 0);
      },
      async raise(epoch) {
        await database.query(
          "update outgrow.control set fence = greatest(fence, $2) where move = $1",
          [move, String(epoch)],
        );
      },
    },
    foreignWrites: async () => ({}),
    async takeOver() {
      await database.transaction(async (sql) => {
        const { rows } = await sql.query("select schema from outgrow.move where name = $1", [move]);
        const schema = rows[0]?.[0];
        if (typeof schema === "string") await raiseSequences(sql, schema, driver.layouts);
      });
    },
  };
}
