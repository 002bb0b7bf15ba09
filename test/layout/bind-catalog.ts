/** Catalogs of tables made for a test, by Postgres itself, and profiles of records. */
import { expect } from "vitest";
import { canonicalText } from "../../src/collection/canonical.ts";
import { encodeKey, type Key } from "../../src/collection/key.ts";
import type { Value } from "../../src/collection/value.ts";
import { readCatalog } from "../../src/drivers/postgres/catalog.ts";
import {
  type BindOptions,
  type BindProblem,
  type Bound,
  bindLayout,
} from "../../src/layout/bind.ts";
import type { Catalog } from "../../src/layout/catalog.ts";
import type { ChildTableLayout, Column, Layout } from "../../src/layout/layout.ts";
import { CollectionProfile, keyAt } from "../../src/layout/profile.ts";
import { backends } from "../drivers/backends.ts";
import { throughLayout } from "./through-layout.ts";

const [postgres] = backends;

export async function catalogOf(ddl: string): Promise<Catalog> {
  if (postgres === undefined) throw new Error("There is no server.");
  await using opened = await postgres.open();
  await opened.database.query(ddl);
  return await readCatalog(opened.database, "public");
}

export function profileOf(
  name: string,
  records: readonly Value[],
  keys?: readonly Key[],
): CollectionProfile {
  const profile = new CollectionProfile(name, { keyed: keys !== undefined });
  for (const [at, record] of records.entries()) profile.observe(record, keys?.[at], 1);
  return profile;
}

export function layoutIn({ layout }: Bound): Layout {
  if (layout === undefined) throw new Error("There is no layout.");
  return layout;
}

export function columnIn(bound: Bound, name: string, table = 0): Column {
  const found = layoutIn(bound).tables[table]?.columns.find((column) => column.name === name);
  if (found === undefined) throw new Error(`No column ${name} is bound.`);
  return found;
}

export const columnNames = (bound: Bound, table = 0): string[] =>
  layoutIn(bound).tables[table]?.columns.map(({ name }) => name) ?? [];

export function childIn(bound: Bound, name: string): ChildTableLayout {
  const found = layoutIn(bound).tables.find((table) => table.name === name);
  if (found === undefined || !("parent" in found)) throw new Error(`No child ${name} is bound.`);
  return found;
}

export const fatal = ({ problems }: Bound): BindProblem[] => problems.filter((one) => one.fatal);

/** `code column` of each problem. */
export const codes = (problems: readonly BindProblem[]): string[] =>
  problems.map(({ code, column }) => (column === undefined ? code : `${code} ${column}`)).sort();

/** Binds, and holds what came of it to law L1. */
export async function bindTo(
  ddl: string,
  name: string,
  records: readonly Value[],
  options: BindOptions = {},
): Promise<Bound> {
  const bound = bindLayout(profileOf(name, records), await catalogOf(ddl), options);
  if (
    bound.layout !== undefined &&
    fatal(bound).length === 0 &&
    bound.layout.key.from === "property"
  ) {
    for (const record of records) {
      const key = keyAt(record, bound.layout.key.path) as Key;
      const back = throughLayout(bound.layout, encodeKey(key), record);
      expect(canonicalText(back.value)).toBe(canonicalText(record));
    }
  }
  return bound;
}
