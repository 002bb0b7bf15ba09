/**
 * What an app's writes need beyond a copy's, in the transaction that stores them: the fence, the conditions, the
 * outbox; and the side of a move that stands on these.
 */
import { parseRevision } from "../../collection/revision.ts";
import { OutgrowError } from "../../errors.ts";
import type { Commit, Driver } from "../../store/driver.ts";
import type { OutboxEntry, Side } from "../../store/side.ts";
import type { SqlDatabase, SqlTransaction } from "./database.ts";
import { noted, takeUp } from "./foreign.ts";
import { raiseSequences } from "./settle.ts";
import { OWN_WRITE, unwatch, watch } from "./watch.ts";

/**
 * Law S5. The row stays locked until the commit's end, so that a fence which rises waits for it.
 * @throws {OutgrowError} FENCED
 */
export async function checkFence(sql: SqlTransaction, move: string, epoch: number): Promise<void> {
  // In the same round trip: what is written from here on is our own, and nobody's past the store.
  const { rows } = await sql.query(
    `select fence, ${OWN_WRITE} from outgrow.control where move = $1 for share`,
    [move],
  );
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

export function postgresSide(database: SqlDatabase, move: string, driver: Driver): Side {
  /** Found since they were last told of. */
  let found: Readonly<Record<string, number>> = {};
  const look = async (): Promise<void> => {
    for (const [collection, count] of Object.entries(await takeUp(database, move))) {
      found = { ...found, [collection]: (found[collection] ?? 0) + count };
    }
  };
  return {
    driver,
    outbox: {
      async pending(limit) {
        await look();
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
          `with w as (
             select w->>0 as tenant, w->>1 as collection, w->>2 as key, w->>3 as revision
             from jsonb_array_elements($2::jsonb) as w
           ), gone as (
             delete from outgrow.outbox o using w where o.move = $1 and o.tenant = w.tenant
               and o.collection = w.collection and o.key = w.key and o.revision <= w.revision
           )
           update outgrow.outbox o set at = clock_timestamp() from w where o.move = $1
             and o.tenant = w.tenant and o.collection = w.collection and o.key = w.key
             and o.revision > w.revision`,
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
        // What nobody has taken up yet waits as well: a gate is not to pass it by.
        const more = await noted(database, move);
        const ages = [
          oldest == null ? [] : Math.max(0, Number(oldest)),
          more.oldestMs ?? [],
        ].flat();
        const oldestMs = ages.length === 0 ? undefined : Math.max(...ages);
        return { count: Number(count) + more.count, oldestMs };
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
    async foreignWrites() {
      await look();
      const all = found;
      found = {};
      return all;
    },
    async takeOver() {
      await watch(database, move);
      await database.transaction(async (sql) => {
        const { rows } = await sql.query("select schema from outgrow.move where name = $1", [move]);
        const schema = rows[0]?.[0];
        if (typeof schema === "string") await raiseSequences(sql, schema, driver.layouts);
      });
    },
    standDown: () => database.transaction((sql) => unwatch(sql, move)),
  };
}
