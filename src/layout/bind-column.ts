/** Maps the columns of one table to the properties of what its rows stand for. */
import { chooseCodec, type Written } from "./bind-codec.ts";
import { defaultFill, fillCell } from "./bind-fill.ts";
import { heldBy } from "./bind-held.ts";
import { matchNames } from "./bind-names.ts";
import { isComputed, type Place, placesOf, type TableAtHand } from "./bind-places.ts";
import type { ColumnRule, SeenProperty } from "./bind-types.ts";
import type { CatalogColumn, CatalogForeignKey } from "./catalog.ts";
import { counted } from "./choices.ts";
import type { Column, SqlConstant } from "./layout.ts";

export function bindColumns(at: TableAtHand): Column[] {
  const places = placesOf(at);
  const columns: Column[] = [];
  for (const column of at.table.columns) {
    if (at.used.has(column.name)) continue;
    const place = places.get(column.name);
    const bound = place === undefined ? undefined : bindColumn(at, column, place);
    if (bound !== undefined) columns.push(bound);
    else leaveAlone(at, column, place, meantBy(at, places, column.name));
  }
  return columns;
}

function bindColumn(at: TableAtHand, column: CatalogColumn, place: Place): Column | undefined {
  const { table, findings, options, prefix } = at;
  const { name } = column;
  if (column.generated || column.identity === "always") {
    findings.note("GENERATED", table.name, name, {
      message: `${name} is computed by the database; ${place.path.join(".")} lies in the rest.`,
      next: "Nothing, if the database computes the same.",
    });
    return undefined;
  }
  const rule = options.rules?.[prefix + name] ?? {};
  const link = linkOf(at, name);
  const to = rule.to ?? collectionOf(at, link);
  const choice = chooseCodec(column, place.seen, referring(at, column, place, rule, to));
  if ("invalid" in choice) {
    findings.problem("RULE_INVALID", table.name, name, {
      message: `The rule for ${name} is none: ${choice.invalid}.`,
      next: `Correct it in rules: { ${JSON.stringify(prefix + name)}: … }.`,
    });
    return undefined;
  }
  if ("refused" in choice) {
    findings.note("TYPE", table.name, name, {
      message: `${name} is left to the database: ${choice.refused}.`,
      next: `${place.path.join(".")} lies in the rest.`,
    });
    return undefined;
  }
  const fill = fillOf(at, column, choice.written);
  if (column.notNull && fill === undefined && leftToDefault(at, column, choice.written, place)) {
    return undefined;
  }
  const why = [place.why, choice.why].filter((part) => part !== undefined).join("; ");
  findings.choose(`${table.name}.${name}`, choice.written.codec, why);
  sayWhatSpills(at, column, choice.written, place, fill);
  if (link !== undefined) sayWhatItRefersTo(at, column, link, to);
  return {
    name,
    ...choice.written,
    path: place.path,
    nullMeans: rule.nullMeans ?? nullMeans(place.seen, at.shape?.objects ?? 0),
    ...(to === undefined ? {} : { to }),
    ...(link !== undefined && canWait(at, column, link) ? { late: true } : {}),
    ...(fill === undefined ? {} : { fill }),
  };
}

/** The foreign key that this column makes, with its tenant or alone. */
function linkOf({ table, tenant }: TableAtHand, column: string): CatalogForeignKey | undefined {
  return table.foreignKeys.find(({ columns }) => {
    const others = columns.filter((name) => name !== tenant);
    return others.length === 1 && others[0] === column;
  });
}

/** The collection whose key that column holds. */
function collectionOf(
  { catalog, options, tenant }: TableAtHand,
  link: CatalogForeignKey | undefined,
): string | undefined {
  if (link === undefined || link.schema !== undefined) return undefined;
  const to = options.collections?.[link.table];
  const target = catalog.tables.find(({ name }) => name === link.table);
  const key = target?.primaryKey?.columns.filter((name) => name !== tenant);
  // A foreign key to another unique column holds no key of a record.
  const isKey =
    key === undefined || (key.length === 1 && link.references.includes(key[0] as string));
  return isKey ? to : undefined;
}

/** Where NULL can stand for what refers to nothing, it is written when that is there: the database refuses it before. */
function canWait(at: TableAtHand, { notNull }: CatalogColumn, link: CatalogForeignKey): boolean {
  return !notNull && at.isSimple && link.columns.length === 1;
}

function sayWhatItRefersTo(
  at: TableAtHand,
  column: CatalogColumn,
  link: CatalogForeignKey,
  to: string | undefined,
): void {
  const { table, findings } = at;
  const { name, notNull } = column;
  const waits = canWait(at, column, link);
  if (waits && to !== undefined) {
    findings.choose(
      `${table.name}.${name}`,
      `refers to ${to}`,
      `${link.name}: it is NULL until the row of ${link.table} is there, and for good where there is none`,
    );
    return;
  }
  const refused = "records that refer to no row there are refused";
  findings.note("FOREIGN_KEY", table.name, name, {
    message: waits
      ? `${name} refers to ${link.table}, which no collection of this move is bound to.`
      : `${name} refers to ${link.table}, and cannot wait for it${notNull ? ", because it refuses NULL" : ""}: ${refused}.`,
    next: `Have the rows of ${link.table} there first.`,
  });
}

/** A reference to a key that another was made for has to hold that other one. */
function referring(
  { options }: TableAtHand,
  column: CatalogColumn,
  { seen }: Place,
  rule: ColumnRule,
  to: string | undefined,
): ColumnRule {
  if (to === undefined || rule.codec !== undefined) return rule;
  const key = options.keys?.[to];
  if (key === "ledger-key") return { ...rule, codec: "ledger-key" };
  if (column.base !== "uuid") return rule;
  const texts = seen?.kinds.get("string") ?? 0;
  const allUuids = seen !== undefined && (seen.uuids ?? 0) === texts && !seen.kinds.has("integer");
  const derived = key === undefined ? !allUuids : key === "derived-uuid";
  return derived ? { ...rule, codec: "reference" } : rule;
}

function nullMeans(seen: SeenProperty | undefined, objects: number): "absent" | "null" {
  if (seen === undefined) return "absent";
  let presence = 0;
  for (const count of seen.kinds.values()) presence += count;
  return (seen.kinds.get("null") ?? 0) > objects - presence ? "null" : "absent";
}

/** What is written instead of NULL: as the options say, or as the column's own default does. */
function fillOf(
  { table, options, prefix, findings }: TableAtHand,
  column: CatalogColumn,
  written: Written,
): Exclude<SqlConstant, null> | undefined {
  const said = options.fills?.[prefix + column.name];
  if (said === undefined) return column.notNull ? defaultFill(column, written) : undefined;
  const fill = fillCell(said, column, written);
  if (fill === undefined) {
    findings.problem("FILL", table.name, column.name, {
      message: `The fill for ${column.name} is nothing that ${column.type} holds in a known spelling.`,
      next: `Correct it in fills: { ${JSON.stringify(prefix + column.name)}: … }.`,
    });
  }
  return fill;
}

/** Whether some record has nothing for the column; `undefined` when nobody looked. */
function lacks(at: TableAtHand, written: Written, { seen, path }: Place): boolean | undefined {
  if (at.shape === undefined || path.length > 1) return undefined;
  if (seen === undefined) return at.owners > 0;
  const { held, tooLong } = heldBy(written, seen);
  return tooLong || held < at.owners;
}

/**
 * A column that refuses NULL and has no fill. Where all records have a value it is bound, with a word of warning;
 * else a default that the database computes may stand for all of them, or it is a problem.
 */
function leftToDefault(
  at: TableAtHand,
  column: CatalogColumn,
  written: Written,
  place: Place,
): boolean {
  const { table, findings, prefix } = at;
  const { name } = column;
  const property = place.path.join(".");
  const lacking = lacks(at, written, place);
  if (isComputed(column) && place.seen === undefined && place.why !== "as the options say") {
    return true;
  }
  const fill = `fills: { ${JSON.stringify(prefix + name)}: … }`;
  const leave = `columns: { ${JSON.stringify(name)}: null }`;
  const next =
    column.default === undefined
      ? `Say what to write instead: ${fill}.`
      : `Say what to write instead: ${fill}; or leave it to its default for all rows: ${leave}.`;
  if (lacking === true) {
    findings.problem("NOT_NULL", table.name, name, {
      message: `${name} refuses NULL, and ${property} is not always there, or not as ${column.type}.`,
      next,
    });
  } else {
    findings.note("NOT_NULL", table.name, name, {
      message:
        lacking === false
          ? `${name} refuses NULL. All that was seen has ${property}; a record without it is refused.`
          : `${name} refuses NULL, and nobody looked whether ${property} is always there.`,
      next,
    });
  }
  return false;
}

function sayWhatSpills(
  { table, findings, prefix }: TableAtHand,
  column: CatalogColumn,
  written: Written,
  { seen, path }: Place,
  fill: SqlConstant | undefined,
): void {
  if (seen === undefined) return;
  const { values, held, tooLong } = heldBy(written, seen);
  const { name } = column;
  const instead = fill === undefined ? "NULL" : "its fill";
  const rules = `rules: { ${JSON.stringify(prefix + name)}: { … } }`;
  const money = column.base === "numeric" ? ` such as { codec: "money", prefix: "$" }` : "";
  if (held < values) {
    findings.note("SPILLS", table.name, name, {
      message: `${name} (${column.type}, as ${written.codec}) has ${instead} for ${counted(values - held, "value")} of ${path.join(".")} that it cannot hold; the rest has what was written.`,
      next: `Nothing is lost. To have them in the column, say how they are written: ${rules}${money}.`,
    });
  } else if (tooLong) {
    findings.note("SPILLS", table.name, name, {
      message: `Some texts of ${path.join(".")} may be longer than ${column.type}: ${name} has ${instead} for those, and the rest has the text.`,
      next: "Nothing is lost. To have them in the column, make it longer.",
    });
  }
}

/** A property that no column has, and whose name is nearly the column's: `created` for `created_at`. */
function meantBy(
  { shape, own }: TableAtHand,
  places: ReadonlyMap<string, Place>,
  column: string,
): string | undefined {
  const bare = /^(.+?)_?at$/i.exec(column)?.[1];
  if (bare === undefined || shape === undefined) return undefined;
  const placed = new Set([...places.values()].map(({ path }) => path[0]));
  const free = [...shape.properties.keys()].filter((name) => name !== own && !placed.has(name));
  return matchNames([bare], free).pairs.get(bare);
}

/** A column without a property is the database's own, unless it then has to refuse every row. */
function leaveAlone(
  { table, findings, prefix, paths }: TableAtHand,
  column: CatalogColumn,
  place: Place | undefined,
  meant: string | undefined,
): void {
  const { name } = column;
  const hint =
    meant === undefined
      ? ""
      : `; ${meant} may be meant: columns: { ${JSON.stringify(name)}: [${JSON.stringify(meant)}] }`;
  const isFilled =
    !column.notNull ||
    column.default !== undefined ||
    column.identity !== undefined ||
    column.generated;
  if (isFilled) {
    if (place !== undefined) return;
    const to =
      column.default === undefined && column.identity === undefined && !column.generated
        ? "NULL"
        : "its default";
    const why =
      paths[name] === null ? "as the options say" : `no property of its name was seen${hint}`;
    findings.choose(`${table.name}.${name}`, `left to the database: ${to}`, why);
    return;
  }
  findings.problem("NOT_NULL", table.name, name, {
    message: `${name} refuses NULL and has no default, and nothing is written to it.`,
    next: `Name its property in columns, or say what to write: fills: { ${JSON.stringify(prefix + name)}: … }.`,
  });
}
