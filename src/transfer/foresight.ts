/**
 * What the database will refuse in tables that somebody else made, as far as a dry run can tell: cells that are NULL
 * where it wants one, and references to rows that are not there when they are wanted.
 */
import type { Catalog, CatalogForeignKey, CatalogTable } from "../layout/catalog.ts";
import type { CompiledLayout } from "../layout/compile.ts";
import { KeySet } from "../layout/key-set.ts";
import type { SqlValue } from "../layout/layout.ts";
import type { CollectionProblem } from "./layouts.ts";

/** Distinct references that lead nowhere yet and are remembered, to tell whether they ever do. */
const MISSING = 100_000;

interface Watched {
  /** Index among the layout's tables, and among that table's cells. */
  readonly table: number;
  readonly cell: number;
  /** As `Field.label` calls it. */
  readonly label: string;
  readonly name: string;
  readonly tableName: string;
  /** What it refers to, when it cannot wait for it; else it only has to be there. */
  readonly to: string | undefined;
}

interface Refused {
  readonly collection: string;
  readonly column: Watched;
  count: number;
  /** References that lead nowhere yet: cell -> how many records. */
  readonly missing: Map<string, number>;
}

/** Why a record would be refused, and at which column. */
export interface Refusal {
  readonly code: "NOT_NULL" | "FOREIGN_KEY";
  readonly column: string;
}

export class Foresight {
  readonly #watched = new Map<CompiledLayout, readonly Watched[]>();
  /** Keys that are there by now, of the tables that are referred to. */
  readonly #present = new Map<string, KeySet>();
  readonly #refused = new Map<string, Refused>();

  constructor(compiled: Iterable<CompiledLayout>, catalog: Catalog | undefined) {
    const tables = new Map((catalog?.tables ?? []).map((table) => [table.name, table]));
    const layouts = [...compiled];
    for (const one of layouts) this.#watched.set(one, this.#watch(one, layouts, tables));
  }

  #watch(
    compiled: CompiledLayout,
    all: readonly CompiledLayout[],
    tables: ReadonlyMap<string, CatalogTable>,
  ): Watched[] {
    const { layout } = compiled;
    const paths: string[][] = [];
    return layout.tables.flatMap((table, index): Watched[] => {
      const inside = "parent" in table ? [...(paths[table.parent] ?? []), ...table.path] : [];
      paths.push(inside);
      const known = table.bound ? tables.get(table.name) : undefined;
      if (known === undefined) return [];
      const cells = compiled.tables[index]?.columns ?? [];
      return table.columns.flatMap(({ name, late }): Watched[] => {
        const cell = cells.findIndex((one) => one.name === name);
        const at = { table: index, cell, name, tableName: table.name };
        const column = { ...at, label: [...inside, name].join(".") };
        const isWanted = known.columns.some((one) => one.name === name && one.notNull);
        const found = late
          ? []
          : known.foreignKeys.flatMap((link) => this.#target(link, name, all, tables) ?? []);
        return [
          ...(isWanted ? [{ ...column, to: undefined }] : []),
          ...found.map((to) => ({ ...column, to })),
        ];
      });
    });
  }

  /** The table whose keys a column has to hold, where we know all the rows that it will have. */
  #target(
    { columns, references, schema, table }: CatalogForeignKey,
    name: string,
    all: readonly CompiledLayout[],
    tables: ReadonlyMap<string, CatalogTable>,
  ): string | undefined {
    const reference = references[columns.indexOf(name)];
    if (reference === undefined || schema !== undefined || !tables.get(table)?.empty) return;
    const writers = all.filter(({ layout }) => layout.tables.some((one) => one.name === table));
    const isKey = writers.every(
      ({
        layout: {
          tables: [root],
        },
      }) => {
        const own = root.tenantColumn === undefined ? 1 : 2;
        return root.name === table && root.key.name === reference && columns.length <= own;
      },
    );
    if (!isKey) return undefined;
    if (!this.#present.has(table)) this.#present.set(table, new KeySet());
    return table;
  }

  /** Says that a record's rows are there. */
  bring(compiled: CompiledLayout, rows: readonly SqlValue[][][]): void {
    const [root] = compiled.layout.tables;
    const present = this.#present.get(root.name);
    if (present === undefined) return;
    const at = root.tenantColumn === undefined ? 0 : 1;
    for (const row of rows[0] ?? []) present.add(String(row[at]));
  }

  /**
   * Why the database would refuse a record with these rows; `undefined` where nothing is known against it.
   *
   * @param references those to the record's own table, or those to others, and whether cells are there.
   */
  refusal(
    compiled: CompiledLayout,
    rows: readonly SqlValue[][][],
    references: "own" | "others",
  ): Refusal | undefined {
    const own = compiled.layout.tables[0].name;
    for (const column of this.#watched.get(compiled) ?? []) {
      if ((column.to === own) !== (references === "own")) continue;
      for (const row of rows[column.table] ?? []) {
        const cell = row[column.cell] ?? null;
        if (column.to === undefined ? cell !== null : this.#isThere(column.to, cell)) continue;
        this.#note(compiled.layout.collection, column, cell);
        return { code: column.to === undefined ? "NOT_NULL" : "FOREIGN_KEY", column: column.label };
      }
    }
    return undefined;
  }

  #isThere(table: string, cell: SqlValue): boolean {
    const present = this.#present.get(table);
    return cell === null || present === undefined || present.full || present.has(String(cell));
  }

  #note(collection: string, column: Watched, cell: SqlValue): void {
    const place = [collection, column.label, column.to ?? ""].join("\u0000");
    const known = this.#refused.get(place) ?? { collection, column, count: 0, missing: new Map() };
    this.#refused.set(place, known);
    known.count++;
    const { missing } = known;
    const text = String(cell);
    if (column.to === undefined || (missing.size >= MISSING && !missing.has(text))) return;
    missing.set(text, (missing.get(text) ?? 0) + 1);
  }

  /** What there is to say of it when all records have been seen. */
  problems(): CollectionProblem[] {
    return [...this.#refused.values()].flatMap((refused) => this.#said(refused));
  }

  #said({ collection, column, count, missing }: Refused): CollectionProblem[] {
    const { name, label, tableName: table, to } = column;
    const records = (some: number): string =>
      some === 1
        ? `1 record of ${collection} would be refused`
        : `${some} records of ${collection} would be refused`;
    const named = "--records lists them";
    const problem = (message: string, next: string): CollectionProblem => ({
      ...{ collection, code: "REFUSED", table, column: name, fatal: false },
      ...{ message, next },
    });
    if (to === undefined) {
      const message = `${records(count)}: ${label} refuses NULL, and they have nothing that it holds.`;
      return [problem(message, `Say what to write instead in fills; ${named}.`)];
    }
    let later = 0;
    for (const [cell, times] of missing) if (this.#isThere(to, cell)) later += times;
    const never = count - later;
    const found: CollectionProblem[] = [];
    if (later > 0) {
      const message = `${records(later)}: the rows of ${to} that ${label} refers to come behind them.`;
      const next = `Replay them from quarantine behind the copy (outgrow quarantine replay), or give the source as files of which ${to} has one of its own; ${named}.`;
      found.push(problem(message, next));
    }
    if (never > 0) {
      const message = `${records(never)}: ${label} refers to rows of ${to} that the source does not have.`;
      const next = `Bring those rows first, or leave the records in quarantine; ${named}.`;
      found.push(problem(message, next));
    }
    return found;
  }
}
