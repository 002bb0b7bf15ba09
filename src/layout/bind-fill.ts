/** Cells for columns that refuse NULL: from what somebody says, or from the default that the column has. */
import type { Written } from "./bind-codec.ts";
import { sqlTypeOf } from "./bind-codec.ts";
import type { CatalogColumn } from "./catalog.ts";
import { CODECS, cellText, isUuid } from "./codec.ts";
import { fitDecimal, plainDecimal } from "./codec-number.ts";
import type { Column, SqlConstant, SqlType } from "./layout.ts";

type Cell = Exclude<SqlConstant, null>;

/**
 * The default of a column as a cell, when it is a constant that we can write. Postgres spells constants as their
 * type does: what it says of the default is what it will say of the cell.
 */
export function defaultFill(column: CatalogColumn, written: Written): Cell | undefined {
  const text = literalOf(column.default ?? "");
  if (text === undefined) return undefined;
  const type = sqlTypeOf(column);
  // A time is read in the session's zone, which a layout does not know.
  if (type === "timestamptz" || type === "timestamp" || type === "date") return undefined;
  if (type === "jsonb" || type === "json") return known(text, column, written);
  if (type === "text[]" || type === "varchar[]") {
    return text === "{}" ? known([], column, written) : undefined;
  }
  return fillCell(text, column, written);
}

/** A cast to a type by its name: nothing that computes. */
const CAST = String.raw`(?:::(?:[\w. ]|"[^"]+")+(?:\(\d+(?:, ?-?\d+)?\))?[\w ]*(?:\[\])?)?`;
const WRAPPED = new RegExp(String.raw`^\((.*)\)${CAST}$`, "s");
const QUOTED = new RegExp(`^'((?:[^']|'')*)'${CAST}$`, "s");
const EMPTY_LIST = new RegExp(String.raw`^ARRAY\[\]${CAST}$`);
const NUMBER = new RegExp(String.raw`^(-?\d+(?:\.\d+)?)${CAST}$`);

/** What a constant expression says: the inside of `'x'::text`, `('x'::text)::"Role"`, `0`, `(0)::numeric`. */
function literalOf(expression: string): string | undefined {
  const inner = WRAPPED.exec(expression)?.[1];
  if (inner !== undefined) return literalOf(inner);
  const quoted = QUOTED.exec(expression)?.[1];
  if (quoted !== undefined) return quoted.replaceAll("''", "'");
  if (EMPTY_LIST.test(expression)) return "{}";
  if (expression === "true" || expression === "false") return expression;
  return NUMBER.exec(expression)?.[1];
}

/** Whether a default is the same for every row. */
export function isConstant(expression: string): boolean {
  return literalOf(expression) !== undefined || /^NULL\b/i.test(expression);
}

/** A cell that the column takes, and of which we know what Postgres will say; else `undefined`. */
export function fillCell(value: Cell, column: CatalogColumn, written: Written): Cell | undefined {
  const type = sqlTypeOf(column);
  if (type === undefined) return undefined;
  if (Array.isArray(value)) {
    return type === "text[]" || type === "varchar[]" ? known(value, column, written) : undefined;
  }
  // What a rule says of the digits holds for a fill as well.
  const { scale = written.scale } = column;
  const plain = value as Exclude<Cell, readonly string[]>;
  const cell = scalarCell(plain, { ...column, scale }, type);
  return cell === undefined ? undefined : known(cell, column, written);
}

function scalarCell(
  value: string | number | boolean,
  column: CatalogColumn,
  type: SqlType,
): Cell | undefined {
  const text = String(value);
  switch (type) {
    case "text":
      return textCell(text, column);
    case "boolean":
      return text === "true" || text === "false" ? text === "true" : undefined;
    case "bigint":
    case "integer":
    case "smallint":
      return /^-?\d+$/.test(text) ? (holds(Number(text), "integer", type) as Cell) : undefined;
    case "real":
    case "double precision":
      return isPlain(Number(text)) ? (holds(Number(text), "number", type) as Cell) : undefined;
    case "numeric": {
      const digits = typeof value === "number" ? plainDecimal(value) : text;
      return fitDecimal(digits, column.precision, column.scale);
    }
    case "uuid":
      return isUuid(text) ? text : undefined;
    case "jsonb":
    case "json":
      return jsonCell(text);
    case "timestamptz":
    case "timestamp":
    case "date":
      return timeCell(value, column, type);
    default:
      return undefined;
  }
}

function textCell(text: string, { enumLabels, limit, base }: CatalogColumn): string | undefined {
  if (enumLabels !== undefined) return enumLabels.includes(text) ? text : undefined;
  if (text.includes("\u0000") || !text.isWellFormed()) return undefined;
  if (limit === undefined) return text;
  const { length } = [...text];
  if (length > limit) return undefined;
  // char(n) says it with its blanks.
  return base === "character" ? text + " ".repeat(limit - length) : text;
}

/** Postgres spells very large and very small numbers in its own way. */
function isPlain(value: number): boolean {
  const size = Math.abs(value);
  return Object.is(value, 0) || (size >= 1e-4 && size < 1e15);
}

function holds(value: number, codec: "integer" | "number", type: SqlType): number | undefined {
  const column: Column = { name: "", codec, path: [""], nullMeans: "absent", type };
  return CODECS[codec].encode(value, column, { tenant: "" }) as number | undefined;
}

/** Only what jsonb spells the same way: no numbers with exponents, no objects with names in an order of their own. */
function jsonCell(text: string): string | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (Array.isArray(value) && value.length === 0) return "[]";
    if (value === null) return undefined;
    if (typeof value === "object") return Object.keys(value).length === 0 ? "{}" : undefined;
    if (typeof value === "number") return Number.isFinite(value) ? plainDecimal(value) : undefined;
    if (typeof value === "string" && (value.includes("\u0000") || !value.isWellFormed())) {
      return undefined;
    }
    return JSON.stringify(value);
  } catch {
    return undefined;
  }
}

function timeCell(
  value: string | number | boolean,
  { precision = 6 }: CatalogColumn,
  type: SqlType,
): number | undefined {
  const text = String(value);
  const isUtc = /^\d{4}-\d\d-\d\d(?:T[\d:.]+Z)?$/.test(text);
  const time = typeof value === "number" ? value : isUtc ? Date.parse(text) : Number.NaN;
  if (!Number.isSafeInteger(time)) return undefined;
  if (type === "date" && time % 86_400_000 !== 0) return undefined;
  if (precision < 3 && time % 1000 !== 0) return undefined;
  const year = new Date(time).getUTCFullYear();
  return year >= 1 && year <= 9999 ? time : undefined;
}

/** Exactness rests on it: the rest says of a filled cell what it is, so that a cell changed by SQL is told apart. */
function known(cell: Cell, { name }: CatalogColumn, written: Written): Cell | undefined {
  const column: Column = { ...written, name, path: [name], nullMeans: "absent" };
  return cellText(cell, column) === null ? undefined : cell;
}
