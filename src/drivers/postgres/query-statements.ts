/** The statements of one query: each finds keys of rows. */
import { decodeKey, encodeKey } from "../../collection/key.ts";
import type { Value } from "../../collection/value.ts";
import type { ConstantColumn, TableLayout } from "../../layout/layout.ts";
import type { QueryPlan } from "../../store/query.ts";
import { compareValues } from "../../store/query-values.ts";
import type { SqlParameter } from "./database.ts";
import { all, any, CannotPush, Parameters, type QueryColumn } from "./query-columns.ts";
import { kindOf } from "./query-kinds.ts";
import { quote } from "./quote.ts";

export interface Statement {
  readonly text: string;
  readonly parameters: readonly SqlParameter[];
}

/** Rows with a cell in the first column of the order, and rows without: an index has them apart. */
export type Part = "all" | "sure" | "empty";

interface Where {
  readonly root: TableLayout;
  /** The table, qualified. */
  readonly place: string;
  readonly tenant: string;
  /** SQL for the ledger text of a row's key, where the column does not say it. */
  readonly key: string | undefined;
  /** SQL that tells this move's rows from foreign ones, where there may be such. */
  readonly ours: string | undefined;
}

/** How a row's key is selected, compared, and read again. */
interface KeySql {
  readonly compared: string;
  readonly type: string;
  /** What to compare with; `undefined` for a key that the column cannot hold. */
  cellOf(key: string): string | undefined;
  keyOf(cell: string): string;
}

export class Statements {
  readonly parts: readonly Part[];
  readonly #where: Where;
  readonly #plan: QueryPlan;
  readonly #columns: readonly QueryColumn[];
  readonly #tested: readonly QueryColumn[];
  readonly #ordered: readonly { readonly column: QueryColumn; readonly descending: boolean }[];
  readonly #descending: boolean;
  readonly #key: KeySql;

  constructor(where: Where, plan: QueryPlan, columns: ReadonlyMap<string, QueryColumn>) {
    const named = (property: string) => columns.get(property) as QueryColumn;
    this.#where = where;
    this.#plan = plan;
    this.#columns = [...columns.values()];
    this.#tested = plan.where.map(({ property }) => named(property));
    this.#ordered = plan.order.map(({ property, descending }) => ({
      column: named(property),
      descending,
    }));
    this.#descending = plan.order[0]?.descending ?? false;
    this.#key = keySql(where);
    const [first] = this.#ordered;
    if (first === undefined) this.parts = ["all"];
    else if (!first.column.hasEmpty) this.parts = ["sure"];
    else this.parts = first.descending ? ["sure", "empty"] : ["empty", "sure"];
  }

  keyOf(cell: string): string {
    return this.#key.keyOf(cell);
  }

  /** The next rows of which their cells say all, in order. */
  sure(part: Part, limit: number): Statement {
    const [first] = this.#ordered;
    const to = new Parameters();
    const condition = all([
      this.#mine(to),
      ...this.#columns.map((column) =>
        column === first?.column && part !== "all" ? column.passing(to, part) : column.passing(to),
      ),
      this.#behind(to),
    ]);
    const direction = this.#descending ? " desc" : "";
    const orders = this.#ordered
      .filter(({ column }) => column !== first?.column || part !== "empty")
      .map(({ column, descending }) => {
        // Absent and null come before all values; without empty cells an index serves as it is.
        const places =
          column === first?.column || !column.hasEmpty
            ? ""
            : descending
              ? " nulls last"
              : " nulls first";
        return `${column.compared}${descending ? " desc" : ""}${places}`;
      });
    const by = [...orders, `${this.#key.compared}${direction}`];
    // The last row's time says how far loose rows are of interest.
    return this.#select(part === "sure" ? first : undefined, condition, by, limit, to);
  }

  /** Rows that have to be looked at, wherever they stand; `undefined` when there can be none. */
  open(limit: number): Statement | undefined {
    const [first] = this.#ordered;
    const to = new Parameters();
    // One case for each column: an index may find its rows.
    const cases = this.#columns.map((column) => {
      // Loose ones of the first column of the order are found by their place.
      const loose = column === first?.column ? "false" : column.loose(to, true);
      return all([any([column.open(to), loose]), ...this.#maybe(column, to)]);
    });
    const condition = any(cases);
    if (condition === "false") return undefined;
    return this.#select(undefined, all([this.#mine(to), condition]), [], limit, to);
  }

  /**
   * Rows with a loose cell in the first column of the order, from about where the page begins.
   *
   * @param last tick of the page's last sure row, behind which none is wanted.
   */
  loose(limit: number, last: bigint | undefined): Statement | undefined {
    const [first] = this.#ordered;
    if (first?.column.kind.grid === undefined) return undefined;
    const { column, descending } = first;
    const to = new Parameters();
    const { after } = this.#plan;
    const condition = all([
      this.#mine(to),
      column.loose(to, true),
      ...this.#maybe(column, to),
      after === undefined ? "true" : column.looseBehind(after.values[0], descending, to),
      last === undefined ? "true" : column.looseBefore(last, descending, to),
    ]);
    const order = `${column.compared}${descending ? " desc" : ""}`;
    return this.#select(first, condition, [order], limit, to);
  }

  /** Whether a page that ends at this value is not touched by loose rows from that tick on. */
  endsBefore(end: Value, tick: bigint): boolean {
    const [first] = this.#ordered;
    const grid = first?.column.kind.grid;
    if (first === undefined || grid === undefined) return false;
    const nearest = grid.valueNear(tick, first.descending ? 2n : -2n);
    const compared = compareValues(end, nearest);
    return first.descending ? compared > 0 : compared < 0;
  }

  #select(
    timed: { readonly column: QueryColumn } | undefined,
    condition: string,
    orders: readonly string[],
    limit: number,
    to: Parameters,
  ): Statement {
    const order = orders.length === 0 ? "" : ` order by ${orders.join(", ")}`;
    const from = `from ${this.#where.place} t where ${condition}`;
    const more = timed?.column.kind.grid === undefined ? "" : `, ${timed.column.tick}`;
    return to.complete(`select ${this.#key.compared}${more} ${from}${order} limit ${limit}`);
  }

  /** This tenant's, this collection's and this move's rows. */
  #mine(to: Parameters): string {
    const { root, tenant, ours = "true" } = this.#where;
    return all([
      root.tenantColumn === undefined
        ? "true"
        : `t.${quote(root.tenantColumn)} = ${to.add(tenant)}`,
      ...(root.constants ?? []).map((column) => constantIs(column, to)),
      ours,
    ]);
  }

  /** Leaves out rows whose other cells are sure and do not pass. */
  #maybe(except: QueryColumn, to: Parameters): string[] {
    return this.#tested
      .filter((column) => column !== except)
      .map((column) => any([column.open(to), column.loose(to, false), column.passing(to)]));
  }

  /** Behind the last page, column by column: at its place in all before, and behind it in this one. */
  #behind(to: Parameters): string {
    const { after } = this.#plan;
    if (after === undefined) return "true";
    const cases: string[] = [];
    const before: string[] = [];
    for (const [index, { column, descending }] of this.#ordered.entries()) {
      const value = after.values[index];
      cases.push(all([...before, column.behind(value, descending, false, to)]));
      before.push(column.same(value, to));
    }
    const cell = this.#key.cellOf(after.key);
    if (cell === undefined) throw new CannotPush("the cursor's key");
    const sign = this.#descending ? "<" : ">";
    cases.push(all([...before, `${this.#key.compared} ${sign} ${to.add(cell, this.#key.type)}`]));
    // Follows from the cases, but an index can start from it.
    const [first] = this.#ordered;
    const start = first?.column.behind(after.values[0], first.descending, true, to) ?? "true";
    return all([start, any(cases)]);
  }
}

function constantIs({ name, cell }: ConstantColumn, to: Parameters): string {
  if (typeof cell === "object") throw new CannotPush(name);
  return `t.${quote(name)} = ${to.add(String(cell))}`;
}

function keySql({ root, key }: Where): KeySql {
  const { codec, name } = root.key;
  const column = `t.${quote(name)}`;
  if (key !== undefined || codec === "ledger-key") {
    const compared = `(${key ?? column}) collate "C"`;
    return { compared, type: "text", cellOf: (text) => text, keyOf: (cell) => cell };
  }
  const kind = codec === "derived-uuid" ? undefined : kindOf(root.key);
  if (kind === undefined) throw new CannotPush(name);
  return {
    compared: kind.compared(column),
    type: kind.type,
    cellOf(text) {
      const value = decodeKey(text);
      const isText = typeof value === "string";
      if (!isText && typeof value !== "number") return undefined;
      if (isText !== (codec === "text" || codec === "uuid")) return undefined;
      const bound = kind.bound(value);
      return bound?.at === "exact" ? bound.cell : undefined;
    },
    keyOf: (cell) => encodeKey(codec === "text" || codec === "uuid" ? cell : Number(cell)),
  };
}
