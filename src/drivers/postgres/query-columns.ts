/**
 * The columns of one query, and which of their cells can be believed.
 *
 * Of a row, a column's cell is one of these:
 *   sure    not NULL: it is the value
 *   empty   NULL, and the rest has no word on the property: absent or null, as the layout says
 *   open    anything may be the value: the rest speaks of the property (the column could not hold what the record
 *           has), or SQL wrote NaN or the like
 *   loose   a time finer than the codec's: its value stands near the cell's place
 * Rows that are sure or empty in all columns of a query are left to Postgres; the others are looked at as records.
 */

import type { Value } from "../../collection/value.ts";
import type { Column, Layout, TableLayout } from "../../layout/layout.ts";
import { type Condition, holds, type QueryPlan, type Test } from "../../store/query.ts";
import { RANK, rankOf } from "../../store/query-values.ts";
import type { SqlParameter } from "./database.ts";
import { type Bound, type Kind, kindOf } from "./query-kinds.ts";
import { quote, textArray } from "./quote.ts";

/** Postgres cannot answer this query: it is answered from a scan. */
export class CannotPush extends Error {}

/** A place of a parameter, until its statement is complete: no SQL name holds NUL. */
const PLACE = /\u0000(\d+)\u0000/g;

/** Collects what a statement may have as parameters. */
export class Parameters {
  readonly #values: string[] = [];

  /** Without a type it is that of whatever the parameter is compared with. */
  add(value: string, type?: string): string {
    const place = `\u0000${this.#values.push(value) - 1}\u0000`;
    return type === undefined ? place : `${place}::${type}`;
  }

  /** The statement with those parameters that it came to use: Postgres refuses others. */
  complete(text: string): { readonly text: string; readonly parameters: readonly SqlParameter[] } {
    const parameters: string[] = [];
    const numbered = text.replace(PLACE, (_, place: string) => {
      return `$${parameters.push(this.#values[Number(place)] as string)}`;
    });
    return { text: numbered, parameters };
  }
}

/** SQL conditions, simplified: they stay readable in a log. */
export const all = (parts: readonly string[]): string => joined(parts, "and", "false", "true");
export const any = (parts: readonly string[]): string => joined(parts, "or", "true", "false");

function joined(parts: readonly string[], word: string, zero: string, one: string): string {
  if (parts.includes(zero)) return zero;
  const kept = [...new Set(parts)].filter((part) => part !== one);
  if (kept.length <= 1) return kept[0] ?? one;
  return `(${kept.join(` ${word} `)})`;
}

export interface ColumnContext {
  readonly layout: Layout;
  /** Columns that hold all values they were ever given; `undefined` when that is not known. */
  readonly spilled?: ReadonlySet<string> | undefined;
  /** A row's rest as text; `undefined` when SQL cannot see it. */
  readonly rest: string | undefined;
}

type Operator = "gt" | "gte" | "lt" | "lte";
// biome-ignore format: one row per place of the operand
const OPERATORS: Readonly<Record<"exact" | "above" | "below", Readonly<Record<Operator, string>>>> = {
  exact: { gt: ">",  gte: ">=", lt: "<",  lte: "<=" },
  above: { gt: ">",  gte: ">",  lt: "<=", lte: "<=" },
  below: { gt: ">=", gte: ">=", lt: "<",  lte: "<" },
};

export class QueryColumn {
  readonly property: string;
  readonly kind: Kind;
  readonly #sql: string;
  readonly #tests: readonly Test[];
  readonly #isKey: boolean;
  /** What an empty cell says. */
  readonly #emptyMeans: null | undefined;
  readonly #fill: string | undefined;
  /** Whether the rest may speak of the property, as far as this query cares. */
  readonly #mayOpen: boolean;
  /** Whether an empty cell passes the tests. */
  readonly hasEmpty: boolean;
  readonly #mention: ((parameters: Parameters) => string) | undefined;

  constructor(context: ColumnContext, plan: QueryPlan, property: string) {
    const found = columnOf(context.layout, property);
    const kind = found === undefined ? undefined : kindOf(found.column);
    if (found === undefined || kind === undefined) throw new CannotPush(property);
    const { column, isKey } = found;
    this.property = property;
    this.kind = kind;
    this.#sql = `t.${quote(column.name)}`;
    this.#isKey = isKey;
    this.#tests = plan.where.flatMap((one: Condition) =>
      one.property === property ? one.tests : [],
    );
    this.#fill = "fill" in column ? fillText(column) : undefined;
    const saysNull = "nullMeans" in column && column.nullMeans === "null";
    this.#emptyMeans = saysNull && this.#fill === undefined ? null : undefined;
    const passes = (value: Value): boolean => this.#tests.every((test) => holds(test, value));
    this.hasEmpty = !isKey && passes(this.#emptyMeans);
    const isOrdered = plan.order.some((order) => order.property === property);
    const isTold = passes(null) !== passes(undefined) || (isOrdered && passes(null));
    // A late cell is NULL at first, and until then the rest has the value.
    const isLate = "late" in column && column.late === true;
    const maySpill = isLate || context.spilled?.has(column.name) !== false;
    this.#mayOpen = isKey ? plan.keyProperty !== property : maySpill || isTold;
    // Of an empty cell a rest that says no more than null or absent is of no interest, where neither of them passes.
    const isOnly = !isKey && this.#fill === undefined && !passes(null) && !passes(undefined);
    this.#mention = mentionOf(context.rest, property, isOnly);
    if (this.#mention === undefined && (isKey ? this.#mayOpen : this.#fill !== undefined)) {
      throw new CannotPush(property);
    }
  }

  get compared(): string {
    return this.kind.compared(this.#sql);
  }

  get tick(): string {
    return this.kind.grid?.tick(this.#sql) ?? "0";
  }

  /** Whether the cell is there and stands for something else. */
  #isFill(to: Parameters): string {
    if (this.#fill === undefined || this.#mention === undefined) return "false";
    const cell = to.add(this.#fill, this.kind.type);
    return all([`${this.compared} = ${cell}`, this.#mention(to)]);
  }

  open(to: Parameters): string {
    const mention = this.#mention?.(to) ?? "true";
    if (this.#isKey) return any([this.#mayOpen ? mention : "false", this.#stray()]);
    const isOpen = this.#mayOpen ? all([`${this.#sql} is null`, mention]) : "false";
    return any([isOpen, this.#stray(), this.#isFill(to)]);
  }

  #stray(): string {
    return this.kind.strays?.(this.#sql) ?? "false";
  }

  /** @param narrowed leaves out cells that no value near them passes the tests. */
  loose(to: Parameters, narrowed: boolean): string {
    const { grid, type } = this.kind;
    if (grid === undefined) return "false";
    const parts = [`${this.#sql} is not null`, not(this.#stray()), grid.between(this.#sql)];
    for (const test of narrowed ? this.#tests : []) {
      if (!("value" in test) || rankOf(test.value) !== this.kind.rank) continue;
      const [sign, ticks] = test.op.startsWith("g") ? [">=", -2n] : ["<=", 2n];
      const near = grid.near(test.value, ticks as bigint);
      parts.push(`${this.#sql} ${sign} ${to.add(near, type)}`);
    }
    return all(parts);
  }

  /** Empty, and passing the tests. */
  #empty(to: Parameters): string {
    if (!this.hasEmpty) return "false";
    const mention = this.#mention?.(to) ?? "true";
    return all([`${this.#sql} is null`, this.#mayOpen ? not(mention) : "true"]);
  }

  /** Sure or empty, and passing the tests. @param only leaves the other of the two out. */
  passing(to: Parameters, only?: "sure" | "empty"): string {
    const sure = [
      `${this.#sql} is not null`,
      not(this.#stray()),
      not(this.kind.grid?.between(this.#sql) ?? "false"),
      not(this.#isFill(to)),
      this.#isKey && this.#mayOpen ? not(this.#mention?.(to) ?? "true") : "true",
      ...this.#tests.map((test) => this.#passes(test, to)),
    ];
    return any([
      only === "empty" ? "false" : all(sure),
      only === "sure" ? "false" : this.#empty(to),
    ]);
  }

  #passes(test: Test, to: Parameters): string {
    const { kind } = this;
    switch (test.op) {
      case "exists":
        return test.wanted ? "true" : "false";
      case "in": {
        const cells = test.values.flatMap((value) => {
          if (rankOf(value) !== kind.rank) return [];
          const bound = this.#bound(value);
          return bound.at === "exact" ? [bound.cell] : [];
        });
        if (cells.length === 0) return "false";
        if (cells.length === 1)
          return `${this.compared} = ${to.add(cells[0] as string, kind.type)}`;
        return `${this.compared} = any(${to.add(textArray(cells), `${kind.type}[]`)})`;
      }
      case "startsWith": {
        if (kind.rank !== RANK.text || !test.prefix.isWellFormed()) return "false";
        const end = behindPrefix(test.prefix);
        const before = end === undefined ? "true" : this.#against("lt", end, to);
        return all([this.#against("gte", test.prefix, to), before]);
      }
      default:
        return rankOf(test.value) === kind.rank ? this.#against(test.op, test.value, to) : "false";
    }
  }

  #bound(value: Value): Bound {
    const bound = this.kind.bound(value);
    if (bound === undefined) throw new CannotPush(this.property);
    return bound;
  }

  /** A sure cell against a value of its rank. */
  #against(operator: Operator, value: Value, to: Parameters): string {
    const bound = this.#bound(value);
    if (bound.at === "start" || bound.at === "end") {
      const isAll = (bound.at === "start") === operator.startsWith("g");
      return isAll ? `${this.#sql} is not null` : "false";
    }
    const cell = to.add(bound.cell, this.kind.type);
    return `${this.compared} ${OPERATORS[bound.at][operator]} ${cell}`;
  }

  /** Whether the row's value comes behind `value`, or is it, in the order of the query. */
  behind(value: Value, descending: boolean, orSame: boolean, to: Parameters): string {
    const comes = (rank: number): number => (rank - rankOf(value)) * (descending ? -1 : 1);
    const empty = comes(this.#emptyMeans === null ? RANK.null : RANK.absent);
    const sure = comes(this.kind.rank);
    const operator = `${descending ? "l" : "g"}t${orSame ? "e" : ""}` as Operator;
    return any([
      this.hasEmpty && (empty > 0 || (orSame && empty === 0)) ? `${this.#sql} is null` : "false",
      sure > 0 ? `${this.#sql} is not null` : "false",
      sure === 0 ? this.#against(operator, value, to) : "false",
    ]);
  }

  same(value: Value, to: Parameters): string {
    const rank = this.#emptyMeans === null ? RANK.null : RANK.absent;
    if (this.hasEmpty && rankOf(value) === rank) return `${this.#sql} is null`;
    return rankOf(value) === this.kind.rank
      ? this.#passes({ op: "in", values: [value] }, to)
      : "false";
  }

  /** Whether a loose cell may come before the cell of that tick in the order of the query. */
  looseBefore(tick: bigint, descending: boolean, to: Parameters): string {
    const { grid, type } = this.kind;
    if (grid === undefined) return "true";
    const near = to.add(grid.cellNear(tick, descending ? -2n : 2n), type);
    return `${this.#sql} ${descending ? ">=" : "<="} ${near}`;
  }

  /** Whether a loose cell may come behind a value in the order of the query. */
  looseBehind(value: Value, descending: boolean, to: Parameters): string {
    const { grid, type, rank } = this.kind;
    if (grid === undefined || rankOf(value) !== rank) return "true";
    const near = to.add(grid.near(value, descending ? 2n : -2n), type);
    return `${this.#sql} ${descending ? "<=" : ">="} ${near}`;
  }
}

export function not(condition: string): string {
  if (condition === "true") return "false";
  return condition === "false" ? "true" : `not (${condition})`;
}

type AnyColumn = Column | (TableLayout["key"] & { readonly path?: undefined });

/** The one place where a property lies; `undefined` when there is none, or several, or what only stands for it. */
function columnOf(
  { tables, key }: Layout,
  property: string,
): { readonly column: AnyColumn; readonly isKey: boolean } | undefined {
  const [root, ...children] = tables;
  if (children.some(({ parent, path }) => parent === 0 && path[0] === property)) return undefined;
  const columns = root.columns.filter(({ path }) => path[0] === property);
  const [column] = columns;
  const isKey = key.from === "property" && key.path.length === 1 && key.path[0] === property;
  if (isKey) return columns.length === 0 ? { column: root.key, isKey } : undefined;
  if (column === undefined || columns.length > 1 || column.path.length > 1) return undefined;
  return column.coerce === true ? undefined : { column, isKey };
}

function fillText({ fill, type, codec }: Column): string | undefined {
  if (fill === undefined || fill === null) return undefined;
  if (typeof fill === "object") throw new CannotPush(codec);
  const isTime =
    ["timestamptz", "timestamp", "date"].includes(type ?? "") || /iso|date|epoch|time/.test(codec);
  return isTime && typeof fill === "number" ? new Date(fill).toISOString() : String(fill);
}

/**
 * Whether a rest may speak of a property. It may say yes too often: then a record is looked at in vain.
 *
 * @param isOnly not of rests that only say that it is null, or absent.
 */
function mentionOf(
  rest: string | undefined,
  property: string,
  isOnly: boolean,
): ((to: Parameters) => string) | undefined {
  if (rest === undefined) return undefined;
  const name = JSON.stringify(property);
  const patterns = [`%${name.replace(/[\\%_]/g, "\\$&")}%`, "[%"];
  // SQL may have written the rest anew, with other characters escaped than we do.
  if (/[^ -~]/.test(property)) patterns.push("%\\\\u%");
  return (to) => {
    let text = rest;
    for (const empty of isOnly ? ["null", '{"$absent":true}'] : []) {
      text = `replace(${text}, ${to.add(`${name}:${empty}`, "text")}, '')`;
    }
    return `coalesce(${text} like any (${to.add(textArray(patterns), "text[]")}), false)`;
  };
}

/** The first text behind all that begin with this one; `undefined` when nothing is behind them. */
function behindPrefix(prefix: string): string | undefined {
  const points = [...prefix];
  for (let last = points.pop(); last !== undefined; last = points.pop()) {
    const point = last.codePointAt(0) as number;
    if (point === 0x10ffff) continue;
    return points.join("") + String.fromCodePoint(point === 0xd7ff ? 0xe000 : point + 1);
  }
  return undefined;
}
