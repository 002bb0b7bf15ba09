/** Keys that the other side may not have yet, noted in the transaction that stores their records. */
import type { Commit } from "../../store/driver.ts";
import type { SqlTransaction } from "./database.ts";

/** Laws S3, S4. */
export async function capture(
  sql: SqlTransaction,
  move: string,
  { tenant, writes }: Pick<Commit, "tenant" | "writes">,
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
