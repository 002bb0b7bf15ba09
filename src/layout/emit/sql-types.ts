/** The SQL types of columns as DDL says them. */
import type { CodecName, Column, ConstantColumn, KeyColumn, SqlType } from "../layout.ts";

export interface ColumnType {
  /** As DDL says it: `varchar(255)`, `numeric(10,2)`, `"Role"`. */
  readonly text: string;
  /** The type without its digits; `enum` and `other` are types of the database that we know by name only. */
  readonly kind: SqlType | "varchar" | "char" | "enum" | "other";
  readonly length?: number | undefined;
  readonly precision?: number | undefined;
  readonly scale?: number | undefined;
  /** The unquoted name of an enum type. */
  readonly enumName?: string | undefined;
  /** The schema that the type names before it. */
  readonly enumSchema?: string | undefined;
}

const KEY_TYPES: Readonly<Record<KeyColumn["codec"], SqlType>> = {
  text: "text",
  integer: "bigint",
  number: "double precision",
  uuid: "uuid",
  "ledger-key": "text",
  "derived-uuid": "uuid",
};

const CODEC_TYPES: Readonly<Record<CodecName, SqlType>> = {
  text: "text",
  boolean: "boolean",
  integer: "bigint",
  number: "double precision",
  decimal: "numeric",
  money: "numeric",
  uuid: "uuid",
  "iso-timestamp": "timestamptz",
  "iso-seconds": "timestamptz",
  "offset-timestamp": "timestamptz",
  "sql-timestamp": "timestamp",
  "iso-date": "date",
  "date-text": "date",
  "epoch-ms": "timestamptz",
  "epoch-s": "timestamptz",
  date: "timestamptz",
  jsonb: "jsonb",
  "text-list": "text[]",
  enum: "text",
  reference: "uuid",
  "ledger-key": "text",
};

/** Other spellings of the types that we know, as `format_type` and people write them. */
const SPELLINGS: Readonly<Record<string, ColumnType["kind"]>> = {
  text: "text",
  boolean: "boolean",
  bool: "boolean",
  bigint: "bigint",
  int8: "bigint",
  integer: "integer",
  int: "integer",
  int4: "integer",
  smallint: "smallint",
  int2: "smallint",
  "double precision": "double precision",
  float8: "double precision",
  real: "real",
  float4: "real",
  numeric: "numeric",
  decimal: "numeric",
  uuid: "uuid",
  timestamptz: "timestamptz",
  "timestamp with time zone": "timestamptz",
  timestamp: "timestamp",
  "timestamp without time zone": "timestamp",
  date: "date",
  "text[]": "text[]",
  "varchar[]": "varchar[]",
  "character varying[]": "varchar[]",
  jsonb: "jsonb",
  json: "json",
  varchar: "varchar",
  "character varying": "varchar",
  char: "char",
  character: "char",
  bpchar: "char",
};

export function keyType(key: KeyColumn): ColumnType {
  return readType(key.sqlType ?? key.type ?? KEY_TYPES[key.codec]);
}

export function constantType(constant: ConstantColumn): ColumnType {
  return readType(constant.type);
}

export function columnType(column: Column): ColumnType {
  if (column.sqlType !== undefined) {
    const read = readType(column.sqlType);
    if (column.codec !== "enum" || read.kind !== "other") return read;
    const [enumName, enumSchema] = nameParts(column.sqlType).reverse();
    return { ...read, kind: "enum", enumName, enumSchema };
  }
  const type = column.type ?? CODEC_TYPES[column.codec];
  if (type === "text" && column.limit !== undefined) return readType(`varchar(${column.limit})`);
  if (type === "numeric" && column.precision !== undefined) {
    return readType(`numeric(${column.precision},${column.scale ?? 0})`);
  }
  return readType(type);
}

export function readType(text: string): ColumnType {
  // The digits of `timestamp(3) with time zone` stand in the middle.
  const digits = /\(\s*(\d+)\s*(?:,\s*(-?\d+)\s*)?\)/.exec(text);
  const base = text
    .replace(digits?.[0] ?? "", "")
    .replace(/\s+/g, " ")
    .trim()
    .toLowerCase();
  const kind = SPELLINGS[base] ?? "other";
  const first = digits === null ? undefined : Number(digits[1]);
  const second = digits?.[2] === undefined ? undefined : Number(digits[2]);
  switch (kind) {
    case "varchar":
    case "varchar[]":
    case "char":
      return { text, kind, length: first };
    case "numeric":
      return { text, kind, precision: first, scale: second ?? (first === undefined ? first : 0) };
    case "timestamptz":
    case "timestamp":
      return { text, kind, precision: first };
    default:
      return { text, kind };
  }
}

/** `public`, `Role` of `public."Role"`. Postgres folds what is not quoted. */
function nameParts(type: string): string[] {
  const parts = type.matchAll(/"((?:[^"]|"")+)"|([^".\s]+)/g);
  return [...parts].map(
    ([, quoted, plain = ""]) => quoted?.replaceAll('""', '"') ?? plain.toLowerCase(),
  );
}
