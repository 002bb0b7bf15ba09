/** Which codec writes a column that is there already: its SQL type decides, and what was seen where that leaves a choice. */
import type { ColumnRule, SeenProperty } from "./bind-types.ts";
import type { CatalogColumn } from "./catalog.ts";
import { CODECS } from "./codec.ts";
import type { CodecName, Column, SqlType } from "./layout.ts";
import type { Kind } from "./profile-properties.ts";

/** Postgres' names of the types that we write. */
const SQL_TYPES: Readonly<Record<string, SqlType>> = {
  text: "text",
  citext: "text",
  "character varying": "text",
  character: "text",
  boolean: "boolean",
  bigint: "bigint",
  integer: "integer",
  smallint: "smallint",
  "double precision": "double precision",
  real: "real",
  numeric: "numeric",
  uuid: "uuid",
  "timestamp with time zone": "timestamptz",
  "timestamp without time zone": "timestamp",
  date: "date",
  jsonb: "jsonb",
  json: "json",
  "text[]": "text[]",
  "character varying[]": "varchar[]",
};

/** What a column is to us; enums are text to whoever writes them. */
export function sqlTypeOf(column: CatalogColumn): SqlType | undefined {
  return column.enumLabels === undefined ? SQL_TYPES[column.base] : "text";
}

/** How a column is written, all but its name and place. */
export type Written = Omit<Column, "name" | "path" | "nullMeans">;

export type CodecChoice =
  | { readonly written: Written; readonly why?: string | undefined }
  /** No codec gives its values back exactly. */
  | { readonly refused: string };

export function chooseCodec(
  column: CatalogColumn,
  seen: SeenProperty | undefined,
  rule: ColumnRule = {},
): CodecChoice {
  const type = sqlTypeOf(column);
  if (type === undefined) return { refused: `no codec writes ${column.type}` };
  if (column.enumLabels !== undefined) return enumColumn(column, column.enumLabels, seen, rule);
  const { codec } = rule;
  if (codec !== undefined && !WRITERS[type].includes(codec)) {
    return { refused: `${codec} cannot write ${column.type}` };
  }
  switch (type) {
    case "text":
      return textColumn(column, rule);
    case "numeric":
      return numericColumn(column, rule);
    case "timestamptz":
    case "timestamp":
      return timeColumn(column, type, seen, rule);
    case "varchar[]":
    case "text[]":
      return column.limit === undefined
        ? made(column, type, "text-list", rule)
        : {
            refused: `a list in ${column.type} refuses longer texts, and takes the record with it`,
          };
    default:
      return made(column, type, PLAIN[type] as CodecName, rule);
  }
}

// biome-ignore format: one row per kind
const TIMED: readonly CodecName[] = [
  "iso-timestamp", "iso-seconds", "offset-timestamp", "sql-timestamp", "iso-date", "date-text", "date", "epoch-ms", "epoch-s",
];

/** The codecs whose cells a column of each type takes, and gives back as they read them. */
const WRITERS: Readonly<Record<SqlType, readonly CodecName[]>> = {
  text: ["text", "enum", "uuid", "ledger-key", "reference"],
  boolean: ["boolean"],
  bigint: ["integer"],
  integer: ["integer"],
  smallint: ["integer"],
  "double precision": ["number"],
  real: ["number"],
  numeric: ["decimal", "money"],
  uuid: ["uuid", "reference"],
  timestamptz: TIMED,
  timestamp: TIMED,
  date: ["iso-date", "date-text"],
  "text[]": ["text-list"],
  "varchar[]": ["text-list"],
  jsonb: ["jsonb"],
  json: ["jsonb"],
};

const PLAIN: Readonly<Partial<Record<SqlType, CodecName>>> = {
  boolean: "boolean",
  bigint: "integer",
  integer: "integer",
  smallint: "integer",
  "double precision": "number",
  real: "number",
  uuid: "uuid",
  date: "iso-date",
  jsonb: "jsonb",
  json: "jsonb",
};

/** `type` and `sqlType` are said only where they differ from the codec's own. */
function made(
  column: CatalogColumn,
  type: SqlType,
  usual: CodecName,
  { codec = usual, prefix, pattern, coerce, offsetColumn }: ColumnRule,
  more: Partial<Written> = {},
  why?: string,
): CodecChoice {
  const own = CODECS[codec].sql;
  const plain = SQL_TYPES[column.type] === type && column.type !== "citext";
  const written: Written = {
    codec,
    ...(own === type ? {} : { type }),
    ...(plain ? {} : { sqlType: column.type }),
    ...more,
    ...(prefix === undefined ? {} : { prefix }),
    ...(pattern === undefined ? {} : { pattern }),
    ...(coerce === undefined ? {} : { coerce }),
    ...(offsetColumn === undefined ? {} : { offsetColumn }),
  };
  return { written, why };
}

const UUID_LENGTH = 36;

function textColumn(column: CatalogColumn, rule: ColumnRule): CodecChoice {
  const { limit } = column;
  const { codec = "text", labels = {} } = rule;
  const labelled = codec === "enum" ? { labels } : {};
  if (limit === undefined) return made(column, "text", "text", rule, labelled);
  const fits =
    codec === "text" ||
    (codec === "enum" && Object.values(labels).every((label) => [...label].length <= limit)) ||
    ((codec === "uuid" || codec === "reference") && limit >= UUID_LENGTH);
  if (!fits) return { refused: `${column.type} is too short for what ${codec} writes` };
  // char(n) pads what is shorter: the codec knows it by this spelling.
  const padded = column.base === "character" ? { sqlType: `char(${limit})` } : {};
  if (codec !== "text" && column.base === "character") {
    return { refused: `${column.type} pads what ${codec} writes with blanks` };
  }
  return made(column, "text", "text", rule, { limit, ...padded, ...labelled });
}

function numericColumn(column: CatalogColumn, rule: ColumnRule): CodecChoice {
  const { precision, scale } = column;
  if (scale !== undefined && precision !== undefined && (scale < 0 || scale > precision)) {
    return { refused: `${column.type} rounds in a way that no codec foresees` };
  }
  const digits = precision === undefined ? {} : { precision, scale: scale ?? 0 };
  return made(column, "numeric", "decimal", rule, digits);
}

// biome-ignore format: one row per codec
const TIMES: readonly (readonly [codec: CodecName, what: string, count: (seen: SeenProperty) => number])[] = [
  ["iso-timestamp", "ISO timestamps in UTC with milliseconds", (seen) => seen.isoTimestamps ?? 0],
  ["iso-seconds",   "ISO timestamps in UTC with seconds",      (seen) => seen.isoSeconds ?? 0],
  ["sql-timestamp", "timestamps as SQLite writes them",        (seen) => seen.sqlTimestamps ?? 0],
  ["iso-date",      "dates such as YYYY-MM-DD",                (seen) => seen.isoDates ?? 0],
  ["date",          "Dates",                                   (seen) => seen.kinds.get("date") ?? 0],
  ["epoch-ms",      "whole numbers, taken as milliseconds since 1970", (seen) => seen.kinds.get("integer") ?? 0],
];

/** Whole seconds are all that a column with fewer digits than milliseconds have gives back. */
const WHOLE_SECONDS: ReadonlySet<CodecName> = new Set<CodecName>([
  "iso-seconds",
  "sql-timestamp",
  "iso-date",
  "epoch-s",
]);

function timeColumn(
  column: CatalogColumn,
  type: SqlType,
  seen: SeenProperty | undefined,
  rule: ColumnRule,
): CodecChoice {
  let best: (typeof TIMES)[number] | undefined;
  let most = 0;
  for (const time of TIMES) {
    const count = seen === undefined ? 0 : time[2](seen);
    if (count > most) [best, most] = [time, count];
  }
  const coarse = column.precision !== undefined && column.precision < 3;
  const codec = rule.codec ?? best?.[0] ?? (coarse ? "iso-seconds" : "iso-timestamp");
  if (codec === "offset-timestamp" && rule.offsetColumn === undefined) {
    return { refused: "times with an offset need a column for the offset (offsetColumn)" };
  }
  if (coarse && !WHOLE_SECONDS.has(codec)) {
    return { refused: `${column.type} rounds the milliseconds away` };
  }
  const why = best === undefined ? undefined : `${most} values are ${best[1]}`;
  return made(column, type, codec, rule, {}, why);
}

/**
 * The labels are the app's own texts where those were not seen in another spelling. A label that was seen as it is
 * stands for itself alone; else one other spelling of it may (`Draft` for `draft`), so that no label means two texts.
 */
function enumColumn(
  column: CatalogColumn,
  names: readonly string[],
  seen: SeenProperty | undefined,
  rule: ColumnRule,
): CodecChoice {
  if (rule.codec !== undefined && rule.codec !== "enum") {
    return { refused: `${rule.codec} cannot write the enum ${column.type}` };
  }
  if (rule.labels !== undefined) {
    return made(column, "text", "enum", rule, { labels: rule.labels }, "as the options say");
  }
  const texts = new Set(seen?.texts ?? []);
  const bare = (text: string): string => text.toLowerCase().replace(/[^\p{L}\p{N}]/gu, "");
  const labels: Record<string, string> = {};
  const respelt: string[] = [];
  for (const label of names) {
    const others = [...texts].filter((text) => !names.includes(text) && bare(text) === bare(label));
    const rivals = names.filter((name) => bare(name) === bare(label));
    const [only] = others;
    if (!texts.has(label) && others.length === 1 && rivals.length === 1 && only !== undefined) {
      labels[only] = label;
      respelt.push(`${only} as ${label}`);
    } else labels[label] = label;
  }
  const why =
    seen?.texts === undefined
      ? "its labels as they are spelt; which texts the records have was not kept"
      : respelt.length === 0
        ? "its labels as they are spelt"
        : respelt.join(", ");
  return made(column, "text", "enum", rule, { labels }, why);
}

/** Kinds that no column holds: what NULL or the rest says. */
const NOTHING: ReadonlySet<Kind> = new Set<Kind>(["null", "undefined"]);

export interface Held {
  /** Values that are something. */
  readonly values: number;
  /** Those that the column holds, as far as counts can tell. */
  readonly held: number;
  /** Whether some texts are too long, of which nobody counted how many. */
  readonly tooLong: boolean;
}

/** How many of the seen values a column holds. */
export function heldBy(column: Written, seen: SeenProperty): Held {
  let values = 0;
  for (const [kind, count] of seen.kinds) if (!NOTHING.has(kind)) values += count;
  const of = (...kinds: Kind[]): number =>
    kinds.reduce((sum, kind) => sum + (seen.kinds.get(kind) ?? 0), 0);
  // A character is at most two units: a text within the limit surely fits.
  const longest = seen.longestText ?? 0;
  const tooLong = column.codec === "text" && column.limit !== undefined && longest > column.limit;
  const exact = seen.exact ?? 0;
  return { values, tooLong, held: Math.max(0, count(column, seen, of, exact)) };
}

function count(
  { codec, labels = {}, coerce }: Written,
  seen: SeenProperty,
  of: (...kinds: Kind[]) => number,
  exact: number,
): number {
  const time = TIMES.find(([name]) => name === codec);
  if (time !== undefined) return time[2](seen);
  switch (codec) {
    case "boolean":
    case "integer":
      return of(codec);
    case "number":
      return of("integer", "number") - exact;
    case "decimal":
      return of("integer", "number", ...(coerce ? (["string"] as const) : [])) - exact;
    case "money":
      return coerce ? of("string", "integer", "number") - exact : of("string");
    case "uuid":
      return seen.uuids ?? 0;
    case "reference":
      return of("string", "integer", "number") - exact;
    case "jsonb":
      return (
        of("object", "array", "string", "boolean", "integer", "number") -
        exact -
        (seen.notJson ?? 0)
      );
    case "text-list":
      return of("array");
    case "epoch-s":
      return of("integer");
    case "ledger-key":
      return of("string", "integer", "number", "date") - exact;
    case "enum": {
      if (seen.texts === undefined) return of("string");
      const isHeld = [...seen.texts].every((text) => Object.hasOwn(labels, text));
      return isHeld ? of("string") : 0;
    }
    default:
      return of("string");
  }
}
