/** Which codec writes a column that is there already: its SQL type decides, and what was seen where that leaves a choice. */

import { SEEN_TIMES } from "./bind-held.ts";
import type { ColumnRule, SeenProperty } from "./bind-types.ts";
import type { CatalogColumn } from "./catalog.ts";
import { CODECS } from "./codec.ts";
import { bare } from "./codec-enum.ts";
import type { CodecName, Column, SqlType } from "./layout.ts";

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
  | { readonly refused: string }
  /** The rule means nothing for the column. */
  | { readonly invalid: string };

export function chooseCodec(
  column: CatalogColumn,
  seen: SeenProperty | undefined,
  rule: ColumnRule = {},
): CodecChoice {
  const choice = codecFor(column, seen, rule);
  if (!("written" in choice)) return choice;
  const invalid = ruleFault(rule, choice.written, column);
  return invalid === undefined ? choice : { invalid };
}

/** What each part of a rule is for. */
const MEANT: readonly (readonly [part: keyof ColumnRule, codecs: readonly CodecName[]])[] = [
  ["prefix", ["money"]],
  ["scale", ["money", "decimal"]],
  ["pattern", ["date-text"]],
  ["labels", ["enum"]],
  ["offsetColumn", ["offset-timestamp"]],
];

/** A rule that would do nothing, or not what it says. */
function ruleFault(
  rule: ColumnRule,
  { codec }: Written,
  column: CatalogColumn,
): string | undefined {
  for (const [part, codecs] of MEANT) {
    if (rule[part] !== undefined && !codecs.includes(codec)) {
      return `${part} is for ${codecs.join(" and ")}, and the column is written as ${codec}`;
    }
  }
  if (rule.coerce === true && CODECS[codec].coerce === undefined) {
    return `coerce means nothing for ${codec}: no cell stands for a value that is another`;
  }
  const { scale } = rule;
  if (scale !== undefined && column.precision !== undefined && scale !== (column.scale ?? 0)) {
    return `${column.type} writes ${column.scale ?? 0} digits, whatever a rule says of scale`;
  }
  const labels = Object.values(rule.labels ?? {});
  const twice = labels.find((label, at) => labels.indexOf(label) !== at);
  return twice === undefined
    ? undefined
    : `two texts have the label ${quoted(twice)}: nobody could tell which it was. With coerce, texts that differ in case or blanks share one`;
}

function codecFor(
  column: CatalogColumn,
  seen: SeenProperty | undefined,
  rule: ColumnRule,
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
  { codec = usual, prefix, pattern, coerce, offsetColumn, scale }: ColumnRule,
  more: Partial<Written> = {},
  why?: string,
): CodecChoice {
  const own = CODECS[codec].sql;
  const plain = SQL_TYPES[column.type] === type && column.type !== "citext";
  const written: Written = {
    codec,
    ...(own === type ? {} : { type }),
    ...(plain ? {} : { sqlType: column.type }),
    ...(scale === undefined ? {} : { scale }),
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
  const { labels = {} } = rule;
  const usual = rule.labels === undefined ? "text" : "enum";
  const { codec = usual } = rule;
  const labelled = codec === "enum" ? { labels } : {};
  if (limit === undefined) return made(column, "text", usual, rule, labelled);
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
  return made(column, "text", usual, rule, { limit, ...padded, ...labelled });
}

function numericColumn(column: CatalogColumn, rule: ColumnRule): CodecChoice {
  const { precision, scale } = column;
  if (scale !== undefined && precision !== undefined && (scale < 0 || scale > precision)) {
    return { refused: `${column.type} rounds in a way that no codec foresees` };
  }
  const digits = precision === undefined ? {} : { precision, scale: scale ?? 0 };
  return made(column, "numeric", "decimal", rule, digits);
}

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
  let best: (typeof SEEN_TIMES)[number] | undefined;
  let most = 0;
  for (const time of SEEN_TIMES) {
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
    const unknown = Object.values(rule.labels).filter((label) => !names.includes(label));
    if (unknown.length > 0) {
      return { invalid: `${column.type} has no label ${unknown.map(quoted).join(", ")}` };
    }
    return made(column, "text", "enum", rule, { labels: rule.labels }, "as the options say");
  }
  const texts = seen?.texts;
  const labels: Record<string, string> = {};
  const respelt: string[] = [];
  for (const label of names) {
    const others = [...(texts?.keys() ?? [])].filter(
      (text) => !names.includes(text) && bare(text) === bare(label),
    );
    const rivals = names.filter((name) => bare(name) === bare(label));
    const [only] = others;
    if (!texts?.has(label) && others.length === 1 && rivals.length === 1 && only !== undefined) {
      labels[only] = label;
      respelt.push(`${only} as ${label}`);
    } else labels[label] = label;
  }
  const why =
    texts === undefined
      ? "its labels as they are spelt: too many texts were seen to hold them against each other"
      : respelt.length === 0
        ? "its labels as they are spelt"
        : respelt.join(", ");
  return made(column, "text", "enum", rule, { labels }, why);
}

const quoted = (text: string): string => JSON.stringify(text);
