/** Which names of a database are meant by which names of an app. */
import { sqlName } from "./names.ts";
import { singularOf, stemsOf } from "./profile-names.ts";

/** A name without its case and without what stands between its words. */
function fold(name: string): string {
  return name
    .normalize()
    .replace(/[^\p{L}\p{N}]/gu, "")
    .toLowerCase();
}

/** `storage_path` as an app would say it: `storagePath`. */
export function camelCase(name: string): string {
  return name.replace(/_+([a-zA-Z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

const same = (column: string, property: string): boolean => column === property;
const isSnake = (column: string, property: string): boolean =>
  column === sqlName(property, new Set());
const folds = (column: string, property: string): boolean =>
  fold(column) === fold(property) && fold(column) !== "";
const stemmed = (table: string, name: string): boolean => {
  const stems = new Set(stemsOf(name));
  return stemsOf(table).some((stem) => stems.has(stem));
};

export interface Matched {
  /** Column -> property. */
  readonly pairs: ReadonlyMap<string, string>;
  /** Columns that several properties fit, or that fit one property together. */
  readonly unclear: ReadonlyMap<string, readonly string[]>;
}

/** Pairs that are surest come first, and leave the others what is left. */
export function matchNames(columns: readonly string[], properties: readonly string[]): Matched {
  const pairs = new Map<string, string>();
  const taken = new Set<string>();
  let unclear = new Map<string, readonly string[]>();
  for (const fits of [same, isSnake, folds]) {
    const left = columns.filter((column) => !pairs.has(column));
    const free = properties.filter((property) => !taken.has(property));
    unclear = new Map();
    for (const column of left) {
      const found = free.filter((property) => fits(column, property));
      const [property] = found;
      if (property === undefined) continue;
      const rivals = left.filter((other) => fits(other, property));
      if (found.length > 1 || rivals.length > 1) unclear.set(column, found);
      else {
        pairs.set(column, property);
        taken.add(property);
      }
    }
  }
  return { pairs, unclear };
}

/** The tables that a collection's name fits, all equally well: the surest kind that there is. */
export function tablesFor(name: string, tables: readonly string[]): readonly string[] {
  for (const fits of [same, isSnake, folds, stemmed]) {
    const found = tables.filter((table) => fits(table, name));
    if (found.length > 0) return found;
  }
  return [];
}

/**
 * Whether a child table's name says that it holds this property of its parent: `images`, `product_images`, or
 * `ProductImage` of `products`.
 */
export function namesChild(table: string, parent: string, property: string): boolean {
  if (stemmed(table, property)) return true;
  const owners = [fold(parent), fold(singularOf(parent))];
  return stemsOf(property).some((stem) =>
    stemsOf(table).some((name) => owners.some((owner) => name === owner + stem)),
  );
}
