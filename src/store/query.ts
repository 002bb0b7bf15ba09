/**
 * Queries over declared indexes: what may be asked, what it means, and how any driver answers it from a scan.
 *
 * Values compare as query-values.ts says. A record is in the result when all conditions hold; it comes at the place
 * that `orderBy` gives it, and ties are broken by key, in the direction of the first `orderBy`. Without `orderBy`
 * the order is that of the keys, ascending. `gt`, `gte`, `lt` and `lte` match only values of the operand's own kind
 * (numbers are one kind): no absent, no null. `eq: null` matches null and not absent; `exists` tells the two apart.
 *
 * `next` continues behind the last record of a page by that record's place, not by a count: what is inserted or
 * deleted elsewhere neither repeats nor skips a record.
 */
import { canonicalText } from "../collection/canonical.ts";
import { compareText } from "../collection/key.ts";
import { type ExactNumber, isPlainObject, type Value } from "../collection/value.ts";
import { OutgrowError } from "../errors.ts";
import { decodeCursor, encodeCursor, type Place } from "./query-cursor.ts";
import { compareValues, RANK, rankOf, sameValue, startsWith } from "./query-values.ts";

export { compareValues } from "./query-values.ts";

export const QUERY_LIMITS = {
  /** Records of a page, when the query names no limit, and at most. */
  page: 100,
  maxPage: 10_000,
  /** Values of one `in`. */
  values: 1000,
  /** Properties in `orderBy`. */
  order: 8,
} as const;

type Scalar = null | string | number | bigint | boolean | Date | ExactNumber;

/** Several in one object must all hold. */
export interface Conditions<V> {
  readonly eq?: V | null;
  readonly gt?: V;
  readonly gte?: V;
  readonly lt?: V;
  readonly lte?: V;
  readonly in?: readonly (V | null)[];
  /** By code points. */
  readonly startsWith?: string;
  /** `false`: the record lacks the property (or has it as `undefined`). */
  readonly exists?: boolean;
}

export type OrderBy<P extends string> =
  | P
  | { readonly property: P; readonly direction?: "asc" | "desc" };

export interface Query<Out> {
  /** A value is short for `{ eq: value }`; lists and objects need the long form. */
  readonly where?: {
    readonly [P in keyof Out & string]?:
      | Extract<Out[P], Scalar>
      | null
      | Conditions<Exclude<Out[P], undefined | null>>;
  };
  readonly orderBy?: OrderBy<keyof Out & string> | readonly OrderBy<keyof Out & string>[];
  /** 1 to 10,000; default 100. */
  readonly limit?: number;
  /** The `next` of the page before. */
  readonly after?: string | undefined;
}

export interface QueryResult<Out> {
  readonly records: readonly Out[];
  /** `undefined` behind the last record. */
  readonly next: string | undefined;
}

export type Test =
  | { readonly op: "in"; readonly values: readonly Value[] }
  | { readonly op: "gt" | "gte" | "lt" | "lte"; readonly value: Value }
  | { readonly op: "startsWith"; readonly prefix: string }
  | { readonly op: "exists"; readonly wanted: boolean };

export interface Condition {
  readonly property: string;
  readonly tests: readonly Test[];
}

export interface Order {
  readonly property: string;
  readonly descending: boolean;
}

/** A query that was checked: what drivers are given. */
export interface QueryPlan {
  readonly where: readonly Condition[];
  readonly order: readonly Order[];
  readonly limit: number;
  readonly after: Place | undefined;
  /** The property that holds each record's key, where one does. */
  readonly keyProperty: string | undefined;
}

export interface Keyed {
  /** Ledger text. */
  readonly key: string;
  readonly value: Value;
}

export interface Page<R extends Keyed> {
  readonly records: readonly R[];
  readonly next: string | undefined;
}

/**
 * Checks a query.
 *
 * @throws {OutgrowError} QUERY_INDEX for a property without an index, QUERY_INVALID for what is no query,
 * QUERY_CURSOR for an `after` that is none of this order's.
 */
export function planQuery<Out>(
  type: {
    readonly name: string;
    readonly indexes: readonly string[];
    readonly keyProperty: string | undefined;
  },
  query: Query<Out> = {},
): QueryPlan {
  const usable = new Set(type.indexes);
  if (type.keyProperty !== undefined) usable.add(type.keyProperty);
  const checked = (property: unknown): string => {
    if (typeof property === "string" && usable.has(property)) return property;
    const site = { collection: type.name, detail: String(property) };
    throw new OutgrowError("QUERY_INDEX", site);
  };
  const { where = {}, limit = QUERY_LIMITS.page, after } = query;
  if (!Number.isInteger(limit) || limit < 1 || limit > QUERY_LIMITS.maxPage) {
    throw invalid(`limit must be a whole number from 1 to ${QUERY_LIMITS.maxPage}`);
  }
  const order = ordersOf(query.orderBy, checked);
  return {
    where: Object.entries(where).map(([property, wanted]) => ({
      property: checked(property),
      tests: testsOf(property, wanted as Value),
    })),
    order,
    limit,
    after: after === undefined ? undefined : decodeCursor(orderNames(order), after),
    keyProperty: type.keyProperty,
  };
}

function ordersOf(orderBy: unknown, checked: (property: unknown) => string): Order[] {
  const list: readonly unknown[] =
    orderBy === undefined ? [] : Array.isArray(orderBy) ? orderBy : [orderBy];
  if (list.length > QUERY_LIMITS.order) throw invalid("orderBy names too many properties");
  const orders = list.map((one): Order => {
    if (typeof one === "string") return { property: checked(one), descending: false };
    const { property, direction = "asc" } = (one ?? {}) as {
      property?: string;
      direction?: string;
    };
    if (direction !== "asc" && direction !== "desc") throw invalid("direction is asc or desc");
    return { property: checked(property), descending: direction === "desc" };
  });
  if (new Set(orders.map(({ property }) => property)).size < orders.length) {
    throw invalid("orderBy names a property twice");
  }
  return orders;
}

function testsOf(property: string, wanted: Value): readonly Test[] {
  // A condition that came out undefined would otherwise match everything: other people's records, perhaps.
  if (wanted === undefined) throw invalid(`where.${property} is undefined`);
  if (rankOf(wanted) !== RANK.other) return [{ op: "in", values: [wanted] }];
  const prototype: unknown = Object.getPrototypeOf(wanted);
  const entries = Object.entries(wanted as object);
  if ((prototype !== Object.prototype && prototype !== null) || entries.length === 0) {
    throw invalid(`where.${property} is no condition: use { eq: … } for a list or an object`);
  }
  return entries.map(([op, operand]) => testOf(`where.${property}.${op}`, op, operand as Value));
}

function testOf(place: string, op: string, operand: Value): Test {
  switch (op) {
    case "eq":
      return { op: "in", values: [operandOf(place, operand)] };
    case "in":
      if (!Array.isArray(operand) || operand.length > QUERY_LIMITS.values) {
        throw invalid(`${place} must be a list of at most ${QUERY_LIMITS.values} values`);
      }
      return { op, values: Array.from(operand, (one: Value) => operandOf(place, one)) };
    case "gt":
    case "gte":
    case "lt":
    case "lte": {
      const value = operandOf(place, operand);
      const rank = rankOf(value);
      if (rank !== RANK.null && rank !== RANK.other) return { op, value };
      throw invalid(`${place} must be a boolean, a number, a date or text`);
    }
    case "startsWith":
      if (typeof operand === "string") return { op, prefix: operand };
      throw invalid(`${place} must be text`);
    case "exists":
      if (typeof operand === "boolean") return { op, wanted: operand };
      throw invalid(`${place} must be true or false`);
    default:
      throw invalid(`${place} is no condition`);
  }
}

function operandOf(place: string, operand: Value): Value {
  if (operand === undefined) throw invalid(`${place} is undefined`);
  try {
    if (["function", "symbol"].includes(typeof operand)) throw new TypeError(typeof operand);
    canonicalText(operand);
  } catch {
    throw invalid(`${place} is nothing that a record can hold`);
  }
  return operand;
}

function invalid(detail: string): OutgrowError {
  return new OutgrowError("QUERY_INVALID", { detail });
}

/** What a cursor says of the order that it belongs to. */
function orderNames(order: readonly Order[]): string[] {
  return order.map(({ property, descending }) => `${descending ? "-" : "+"}${property}`);
}

/** A property of a record; `undefined` where it is absent, as in any record that is no plain object. */
export function propertyOf(record: Value, property: string): Value {
  return isPlainObject(record) && Object.hasOwn(record, property) ? record[property] : undefined;
}

export function holds(test: Test, value: Value): boolean {
  switch (test.op) {
    case "in":
      return test.values.some((wanted) => sameValue(value, wanted));
    case "exists":
      return (value !== undefined) === test.wanted;
    case "startsWith":
      return typeof value === "string" && startsWith(value, test.prefix);
    default: {
      if (rankOf(value) !== rankOf(test.value)) return false;
      const compared = compareValues(value, test.value);
      if (test.op === "gt") return compared > 0;
      if (test.op === "gte") return compared >= 0;
      return test.op === "lt" ? compared < 0 : compared <= 0;
    }
  }
}

export function matches({ where }: Pick<QueryPlan, "where">, record: Value): boolean {
  return where.every(({ property, tests }) => {
    const value = propertyOf(record, property);
    return tests.every((test) => holds(test, value));
  });
}

export function placeOf({ order }: Pick<QueryPlan, "order">, { key, value }: Keyed): Place {
  return { values: order.map(({ property }) => propertyOf(value, property)), key };
}

/** Negative when `a` comes first; 0 only for one key at one place. */
export function comparePlaces({ order }: Pick<QueryPlan, "order">, a: Place, b: Place): number {
  for (const [index, { descending }] of order.entries()) {
    const compared = compareValues(a.values[index], b.values[index]);
    if (compared !== 0) return descending ? -compared : compared;
  }
  const compared = compareText(a.key, b.key);
  return order[0]?.descending ? -compared : compared;
}

interface Candidate<R> {
  readonly place: Place;
  readonly record: R;
}

/** Takes records in any order and keeps the page's: never more than about twice as many as it will hold. */
export class Selection<R extends Keyed> {
  readonly #plan: QueryPlan;
  /** One more than the page, to know whether another follows. */
  readonly #wanted: number;
  #kept: Candidate<R>[] = [];
  /** From here on nothing is wanted any more. */
  #end: Place | undefined;

  constructor(plan: QueryPlan) {
    this.#plan = plan;
    this.#wanted = plan.limit + 1;
  }

  /** Whether the record belongs to what follows `after`, on this page or a later one. */
  add(record: R): boolean {
    const plan = this.#plan;
    if (!matches(plan, record.value)) return false;
    const place = placeOf(plan, record);
    if (plan.after !== undefined && comparePlaces(plan, place, plan.after) <= 0) return false;
    if (this.#end !== undefined && comparePlaces(plan, place, this.#end) >= 0) return true;
    this.#kept.push({ place, record });
    if (this.#kept.length >= this.#wanted * 2 + 64) this.#cut();
    return true;
  }

  #cut(): void {
    this.#kept.sort((a, b) => comparePlaces(this.#plan, a.place, b.place));
    this.#kept.length = Math.min(this.#kept.length, this.#wanted);
    if (this.#kept.length === this.#wanted) this.#end = this.#kept.at(-1)?.place;
  }

  /** Where the record behind the page stands; `undefined` when none was given. */
  get end(): Place | undefined {
    this.#cut();
    return this.#end;
  }

  page(): Page<R> {
    this.#cut();
    const page = this.#kept.slice(0, this.#plan.limit);
    const last = page.at(-1);
    const isMore = this.#kept.length > page.length && last !== undefined;
    return {
      records: page.map(({ record }) => record),
      next: isMore ? encodeCursor(orderNames(this.#plan.order), last.place) : undefined,
    };
  }
}

/** Answers a query from all records of a collection, in bounded memory: right for any driver, fast for none. */
export async function runQuery<R extends Keyed>(
  scan: AsyncIterable<readonly R[]>,
  plan: QueryPlan,
): Promise<Page<R>> {
  const selection = new Selection<R>(plan);
  for await (const batch of scan) for (const record of batch) selection.add(record);
  return selection.page();
}
