/**
 * Queries that Postgres answers from its indexes, with the same pages as `runQuery` over all records.
 *
 * Statements find keys only; the records are then read as `get` reads them and put in order by the same code that
 * orders a scan. Rows whose cells say all that the query asks about are selected, ordered and cut by Postgres; the
 * few of which they do not (see query-columns.ts) are read as well and compete with them. What Postgres said is
 * checked against the records: after a change in between it is asked again. When there is no such column, or too
 * many rows have to be looked at, the answer comes from a scan.
 */
import type { Layout } from "../../layout/layout.ts";
import {
  comparePlaces,
  type Keyed,
  type Page,
  placeOf,
  type QueryPlan,
  runQuery,
  Selection,
} from "../../store/query.ts";
import type { SqlDatabase, SqlTransaction } from "./database.ts";
import { CannotPush, QueryColumn } from "./query-columns.ts";
import { type Statement, Statements } from "./query-statements.ts";
import { qualified, quote } from "./quote.ts";

/** Rows that may have to be looked at, before a scan is the better way. */
const OPEN_ROWS = 1000;
/** Loose rows that are looked at beside a page of sure ones. */
const LOOSE_ROWS = 200;
const FETCH = 500;
/** How often Postgres is asked while records change between its answer and their reading. */
const ATTEMPTS = 3;

export interface QueryContext<R extends Keyed> {
  readonly database: Pick<SqlDatabase, "transaction">;
  readonly schema: string;
  readonly layout: Layout;
  readonly tenant: string;
  /**
   * Columns that could not hold some value they were given, if that is known of all writes there ever were.
   * `undefined` is always right.
   */
  readonly spilled?: ReadonlySet<string> | undefined;
  /** SQL: the rest of row `t` as text or NULL, for a layout without a rest column. */
  readonly rest?: string | undefined;
  /** SQL: the ledger text of row `t`'s key, for keys that their column only stands for. */
  readonly key?: string | undefined;
  /** SQL: whether row `t` is a record of this move, where rows in scope may be foreign to it. */
  readonly ours?: string | undefined;
  /** One answer per key, in the order asked. */
  fetch(keys: readonly string[]): Promise<readonly (R | undefined)[]>;
  scan(): AsyncIterable<readonly R[]>;
}

/** @param plan from `planQuery`. */
export async function queryRows<R extends Keyed>(
  context: QueryContext<R>,
  plan: QueryPlan,
): Promise<Page<R>> {
  return (await pushed(context, plan)) ?? runQuery(context.scan(), plan);
}

/** `undefined` when Postgres cannot answer. Apart from `queryRows` so that a test can tell which one did. */
export async function pushed<R extends Keyed>(
  context: QueryContext<R>,
  plan: QueryPlan,
): Promise<Page<R> | undefined> {
  try {
    const statements = statementsOf(context, plan);
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const found = await context.database.transaction((sql) => find(sql, statements, plan), {
        readOnly: true,
      });
      if (found === undefined) return undefined;
      const page = await assemble(context, plan, found);
      if (page !== undefined) return page;
    }
    return undefined;
  } catch (error) {
    if (error instanceof CannotPush) return undefined;
    throw error;
  }
}

function statementsOf<R extends Keyed>(context: QueryContext<R>, plan: QueryPlan): Statements {
  const { layout, schema } = context;
  const [root] = layout.tables;
  const { restColumn } = root;
  const rest = restColumn === undefined ? context.rest : `t.${quote(restColumn)}::text`;
  const named = [...plan.where, ...plan.order].map(({ property }) => property);
  const columns = new Map(
    [...new Set(named)].map((property) => [
      property,
      new QueryColumn({ layout, rest, spilled: context.spilled }, plan, property),
    ]),
  );
  const place = qualified(schema, root.name);
  const { tenant, key, ours } = context;
  return new Statements({ root, place, tenant, key, ours }, plan, columns);
}

interface Found {
  /** In the order of the query, as far as a page and one more. */
  readonly sure: readonly string[];
  readonly others: readonly string[];
  /** Set when not all loose rows were taken: those left out stand at this tick or behind it. */
  readonly leftOut: bigint | undefined;
  readonly statements: Statements;
}

/** `undefined` when too many rows would have to be looked at. */
async function find(
  sql: SqlTransaction,
  statements: Statements,
  plan: QueryPlan,
): Promise<Found | undefined> {
  const ask = async ({ text, parameters }: Statement) => (await sql.query(text, parameters)).rows;
  const others: string[] = [];
  const open = statements.open(OPEN_ROWS + 1);
  if (open !== undefined) {
    const rows = await ask(open);
    if (rows.length > OPEN_ROWS) return undefined;
    for (const [key] of rows) others.push(statements.keyOf(key as string));
  }
  const sure: string[] = [];
  let last: bigint | undefined;
  let isInside = true;
  for (const part of statements.parts) {
    const wanted = plan.limit + 1 - sure.length;
    if (wanted === 0) break;
    const rows = await ask(statements.sure(part, wanted));
    for (const [key] of rows) sure.push(statements.keyOf(key as string));
    if (rows.length < wanted) continue;
    const tick = rows.at(-1)?.[1];
    last = tick === undefined || tick === null ? undefined : BigInt(tick);
    // A page of rows without a time, before all that have one.
    isInside = part !== "empty" || part === statements.parts.at(-1);
  }
  let leftOut: bigint | undefined;
  const most = plan.limit * 2 + LOOSE_ROWS;
  const loose = isInside ? statements.loose(most, last) : undefined;
  if (loose !== undefined) {
    const rows = await ask(loose);
    for (const [key] of rows) others.push(statements.keyOf(key as string));
    if (rows.length === most) leftOut = BigInt(rows.at(-1)?.[1] as string);
  }
  return { sure, others, leftOut, statements };
}

/** The page; `undefined` when records are not, or no more, what Postgres said of them. */
async function assemble<R extends Keyed>(
  context: QueryContext<R>,
  plan: QueryPlan,
  { sure, others, leftOut, statements }: Found,
): Promise<Page<R> | undefined> {
  const selection = new Selection<R>(plan);
  const isSure = new Set(sure);
  const rest = [...new Set(others)].filter((key) => !isSure.has(key));
  let before: R | undefined;
  for (const keys of slices([...sure, ...rest], FETCH)) {
    const records = await context.fetch(keys);
    for (const [index, key] of keys.entries()) {
      const record = records[index];
      if (record === undefined || isGone(record)) {
        // It leaves a gap in what was sure; of the others each stands for itself.
        if (isSure.has(key)) return undefined;
        continue;
      }
      const isNext = selection.add(record);
      if (!isSure.has(key)) continue;
      if (!isNext || (before !== undefined && !inOrder(plan, before, record))) return undefined;
      before = record;
    }
  }
  if (leftOut !== undefined) {
    const { end } = selection;
    if (end === undefined || !statements.endsBefore(end.values[0], leftOut)) {
      throw new CannotPush("too many loose rows");
    }
  }
  return selection.page();
}

/** A tombstone is read like a record. */
const isGone = (record: Keyed & { readonly state?: string }): boolean =>
  record.state !== undefined && record.state !== "present";

const inOrder = (plan: QueryPlan, a: Keyed, b: Keyed): boolean =>
  comparePlaces(plan, placeOf(plan, a), placeOf(plan, b)) < 0;

function* slices<T>(items: readonly T[], size: number): Generator<readonly T[]> {
  for (let at = 0; at < items.length; at += size) yield items.slice(at, at + size);
}
