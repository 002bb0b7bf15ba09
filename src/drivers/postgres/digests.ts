/** What the app's own tables say, as digests: what `verify` sums. */

import { digest } from "../../collection/canonical.ts";
import type { Address } from "../../collection/change.ts";
import { OutgrowError } from "../../errors.ts";
import type { TakeDigest } from "../../store/driver.ts";
import { CopyText } from "./copy-text.ts";
import type { SqlTransaction } from "./database.ts";
import { rebuild, rebuildQuery, type ScanContext, wantAll } from "./scan.ts";

/** Rows that are rebuilt at a time: enough to be worth a question, few enough to be gone by the next. */
const SIZE = 500;

/** Tells of every row. Rows of one table are looked at as they come from the server; others are rebuilt. */
export async function digests(
  context: ScanContext,
  from: Address,
  take: TakeDigest,
  signal: AbortSignal | undefined,
): Promise<void> {
  const options = { readOnly: true, signal };
  const isDone = await context.database.transaction(
    (sql) => copyDigests(sql, context, from, take, signal),
    options,
  );
  if (isDone) return;
  for await (const batch of rebuild(context, from, { signal, size: SIZE })) {
    for (const { key, value, foreign } of batch) take(key, digest(value), foreign);
  }
}

/** @returns whether the database and the layout are such that it could be done. */
async function copyDigests(
  sql: SqlTransaction,
  context: ScanContext,
  from: Address,
  take: TakeDigest,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const { compiled } = context;
  const { rowDigest } = compiled;
  if (sql.copyOut === undefined || rowDigest === undefined) return false;
  const { text, bound, stored } = rebuildQuery(context, from);
  const first = bound ? 1 : 0;
  const cells = new CopyText();
  await wantAll(sql);
  // One statement for all of a table, whatever its size: that nothing comes is found out otherwise.
  await sql.query("set local statement_timeout = 0");
  await sql.copyOut(text, (line) => {
    if (signal?.aborted) throw new OutgrowError("INTERRUPTED");
    cells.read(line);
    const foreign = bound && cells.text(0) !== "t";
    const key = rowDigest.key(cells, first);
    const found = foreign ? undefined : rowDigest.digest(cells, first, key);
    if (found !== undefined) {
      take(key, found, foreign);
      return;
    }
    const record = compiled.decode(stored(cells.texts(first), []));
    take(record.key, digest(record.value), foreign);
  });
  return true;
}
