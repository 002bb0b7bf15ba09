/** Which properties the columns of one table are for: as the options say, or by their names. */
import { isConstant } from "./bind-fill.ts";
import { camelCase, matchNames } from "./bind-names.ts";
import type { BindOptions, ColumnPaths, Findings, SeenProperty, SeenShape } from "./bind-types.ts";
import type { Catalog, CatalogColumn, CatalogTable } from "./catalog.ts";

export interface TableAtHand {
  readonly table: CatalogTable;
  /** What was seen of the objects that its rows stand for; `undefined` when nobody looked. */
  readonly shape: SeenShape | undefined;
  /** How many of those there are, objects or not: a row is made of what is no object, too. */
  readonly owners: number;
  readonly paths: ColumnPaths;
  /** Columns that are written otherwise: keys, tenants, constants, places, the rest. */
  readonly used: ReadonlySet<string>;
  /** What child tables hold: no column can. */
  readonly children: readonly { readonly path: readonly string[]; readonly table: string }[];
  /** The property that the key's column holds: another one has it only where the options say so. */
  readonly own: string | undefined;
  readonly tenant: string | undefined;
  /** One column is its whole primary key, and ours: a cell can be written when its row is there already. */
  readonly isSimple: boolean;
  readonly catalog: Catalog;
  /** What stands before a column's name in `fills` and `rules`. */
  readonly prefix: string;
  readonly options: BindOptions;
  readonly findings: Findings;
}

/** Where a column's values lie, and how that is known. */
export interface Place {
  readonly path: readonly string[];
  readonly why: string;
  readonly seen: SeenProperty | undefined;
}

/** Which columns the options, or names, give to which properties. */
export function placesOf(at: TableAtHand): Map<string, Place> {
  const { table, paths, shape, used, findings } = at;
  const places = new Map<string, Place>();
  for (const [name, path] of Object.entries(paths)) {
    if (!table.columns.some((column) => column.name === name)) {
      findings.problem("NO_COLUMN", table.name, name, {
        message: `${table.name} has no column ${name}.`,
        next: "Correct its name in `columns`.",
      });
    } else if (path !== null && !used.has(name)) {
      const seen = path.length === 1 ? shape?.properties.get(path[0] as string) : undefined;
      places.set(name, { path, seen, why: "as the options say" });
    }
  }
  const open = table.columns.filter(({ name }) => !used.has(name) && !Object.hasOwn(paths, name));
  if (shape === undefined) guess(at, open, places);
  else byName(at, shape, open, places);
  filled(at, open, places);
  withoutOverlaps(at, places);
  return places;
}

/** A column that the options fill, though no property was seen for it: one may come. */
function filled(
  { options, prefix, own }: TableAtHand,
  open: readonly CatalogColumn[],
  places: Map<string, Place>,
): void {
  for (const { name } of open) {
    if (places.has(name) || options.fills?.[prefix + name] === undefined) continue;
    const property = camelCase(name);
    if (property === own) continue;
    places.set(name, { path: [property], seen: undefined, why: "filled, as the options say" });
  }
}

/** Nobody saw the elements: a column is for the property that its name is in the app's spelling. */
function guess(
  { table, findings }: TableAtHand,
  open: readonly CatalogColumn[],
  places: Map<string, Place>,
): void {
  for (const column of open) {
    const property = camelCase(column.name);
    if (isComputed(column)) continue;
    places.set(column.name, { path: [property], seen: undefined, why: "by its name alone" });
  }
  findings.choose(
    table.name,
    "columns by their names alone",
    "nothing was seen of what lies in its rows; what the database computes is left to it",
  );
}

function byName(
  { table, findings, own, children }: TableAtHand,
  shape: SeenShape,
  open: readonly CatalogColumn[],
  places: Map<string, Place>,
): void {
  const names = [...shape.properties.keys()];
  const said = whole([...places.values(), ...children]);
  const free = names.filter((name) => !said.has(name) && name !== own);
  const { pairs, unclear } = matchNames(
    open.map(({ name }) => name),
    free,
  );
  for (const [column, property] of pairs) {
    const seen = shape.properties.get(property);
    places.set(column, { path: [property], seen, why: `by the name of ${property}` });
  }
  for (const [column, properties] of unclear) {
    findings.note("AMBIGUOUS", table.name, column, {
      message: `${column} may be for ${properties.join(" or ")}, and other columns may be too.`,
      next: `Say which in columns: { ${JSON.stringify(column)}: [${JSON.stringify(properties[0])}] }.`,
    });
  }
  const spread = whole([...places.values(), ...children]);
  for (const { name } of open) {
    if (places.has(name) || unclear.has(name)) continue;
    const path = joined(name, shape, spread);
    if (path !== undefined) {
      places.set(name, { path, seen: undefined, why: `${path.join(".")}, by the names joined` });
    }
  }
}

/** Properties that lie somewhere as they are, not only something in them. */
function whole(places: readonly { readonly path: readonly string[] }[]): Set<string | undefined> {
  return new Set(places.filter(({ path }) => path.length === 1).map(({ path }) => path[0]));
}

/** `metadata_sku`, where `metadata` holds objects and has no column to itself. */
function joined(
  column: string,
  shape: SeenShape,
  spread: ReadonlySet<string | undefined>,
): readonly string[] | undefined {
  const at = column.lastIndexOf("_");
  const [first, last] = [column.slice(0, at), column.slice(at + 1)];
  // A name of several words may be spelt in several ways inside.
  if (at < 1 || last === "") return undefined;
  const { pairs } = matchNames([first], [...shape.properties.keys()]);
  const property = pairs.get(first);
  if (property === undefined || spread.has(property)) return undefined;
  const kinds = shape.properties.get(property)?.kinds;
  return (kinds?.get("object") ?? 0) > 0 ? [property, last] : undefined;
}

/** A column for a property and others for what lies in it cannot be: those that the options name win. */
function withoutOverlaps(
  { table, findings, children }: TableAtHand,
  places: Map<string, Place>,
): void {
  const key = (path: readonly string[]): string => JSON.stringify(path).slice(0, -1);
  const inOrder = [...places].sort(([, a], [, b]) => rank(a) - rank(b));
  const kept: [string, string][] = children.map((child) => [key(child.path), child.table]);
  for (const [column, { path }] of inOrder) {
    const own = key(path);
    const rival = kept.find(
      ([other]) =>
        own === other || `${own},`.startsWith(`${other},`) || `${other},`.startsWith(`${own},`),
    );
    if (rival === undefined) {
      kept.push([own, column]);
      continue;
    }
    places.delete(column);
    findings.choose(
      `${table.name}.${column}`,
      "left to the database",
      `${path.join(".")} lies in ${rival[1]} already, or what is in it does`,
    );
  }
}

const rank = ({ why }: Place): number => (why === "as the options say" ? 0 : 1);

/** A default that the database computes anew for each row. */
export function isComputed({ default: expression, identity, generated }: CatalogColumn): boolean {
  return (
    identity !== undefined || generated || (expression !== undefined && !isConstant(expression))
  );
}
