/**
 * Columns whose order in Postgres is the order of their values: how a value is found among their cells.
 *
 * A value that a query compares with need not be one that the column can hold (1.5 beside a bigint, `"2026-02"`
 * beside a timestamp, a lone surrogate beside text). So it is given a place between cells, and every comparison
 * with it becomes one with the cell next to it, which an index understands.
 */

import { ExactNumber, type Value } from "../../collection/value.ts";
import { isUuid } from "../../layout/codec.ts";
import type { CodecName, Column } from "../../layout/layout.ts";
import { compareValues, decimalOf, RANK, type Rank } from "../../store/query-values.ts";

/** Where a value stands among all cells that there can be: at one, or beside one with none in between. */
export type Bound =
  | { readonly at: "start" }
  | { readonly at: "end" }
  | { readonly at: "exact" | "above" | "below"; readonly cell: string };

export interface Kind {
  /** Of all values that the column's cells stand for. */
  readonly rank: Rank;
  /** SQL type of the cells in parameters. */
  readonly type: string;
  /** What compares as the values do. */
  compared(column: string): string;
  /** Where a value of `rank` stands. `undefined` when Postgres cannot be asked. */
  bound(value: Value): Bound | undefined;
  /** Cells that were written by SQL and stand anywhere in the order (NaN, infinity): SQL, not true for NULL. */
  readonly strays?: ((column: string) => string) | undefined;
  /** Times that SQL may write more finely than the codec does. */
  readonly grid?: Grid | undefined;
}

/** Cells between the ticks: their values stand within two ticks of them, but not always in their order. */
export interface Grid {
  /** SQL: whether a cell (not NULL, no stray) lies between two ticks. */
  between(column: string): string;
  /** SQL: the number of the tick below a cell. */
  tick(column: string): string;
  /** The cell this many ticks from a value. */
  near(value: Value, ticks: bigint): string;
  /** The cell this many ticks from the one of that number. */
  cellNear(tick: bigint, ticks: bigint): string;
  /** The value this many ticks from the one of that number. */
  valueNear(tick: bigint, ticks: bigint): Value;
}

/** Values that can be numbered in their order. */
interface Ticks {
  readonly first: bigint;
  readonly last: bigint;
  valueAt(tick: bigint): Value;
  cellAt(tick: bigint): string;
}

const plain = (column: string): string => column;

/** The first tick that is not below the value: by halving, whatever the value is. */
function search({ first, last, valueAt }: Ticks, value: Value): bigint {
  let low = first;
  let high = last + 1n;
  while (low < high) {
    const middle = low + (high - low) / 2n;
    if (compareValues(valueAt(middle), value) < 0) low = middle + 1n;
    else high = middle;
  }
  return low;
}

function tickBound(ticks: Ticks, value: Value): Bound {
  const tick = search(ticks, value);
  if (tick > ticks.last) return { at: "end" };
  const exact = compareValues(ticks.valueAt(tick), value) === 0;
  return { at: exact ? "exact" : "below", cell: ticks.cellAt(tick) };
}

const BOOLEAN: Kind = {
  rank: RANK.boolean,
  type: "boolean",
  compared: plain,
  bound: (value) => ({ at: "exact", cell: value === true ? "t" : "f" }),
};

const WHOLE: Ticks = {
  first: -(2n ** 63n),
  last: 2n ** 63n - 1n,
  valueAt: (tick) => tick,
  cellAt: String,
};
const INTEGER: Kind = {
  rank: RANK.number,
  type: "bigint",
  compared: plain,
  bound: (value) =>
    Number.isSafeInteger(value) ? { at: "exact", cell: String(value) } : tickBound(WHOLE, value),
};

const DOUBLE: Kind = {
  rank: RANK.number,
  type: "double precision",
  compared: plain,
  bound(value) {
    // Below all others here, above all others in Postgres.
    if (Number.isNaN(value)) return { at: "start" };
    const nearest = Number(value instanceof ExactNumber ? value.text : value);
    const side = compareValues(value, nearest);
    return { at: side === 0 ? "exact" : side > 0 ? "above" : "below", cell: String(nearest) };
  },
  strays: (column) => `${column} = 'NaN'::double precision`,
};

/** Beyond any double; numeric holds more, and infinity in newer versions. */
const HUGE = 1000n;
const DECIMAL: Kind = {
  rank: RANK.number,
  type: "numeric",
  compared: plain,
  bound(value) {
    if (Number.isNaN(value) || value === Number.NEGATIVE_INFINITY) return { at: "start" };
    if (value === Number.POSITIVE_INFINITY) return { at: "end" };
    const { sign, digits, exponent, top } = decimalOf(value as number | bigint | ExactNumber);
    if (sign !== 0 && top > HUGE) return { at: sign < 0 ? "start" : "end" };
    if (sign !== 0 && (exponent < -HUGE || digits.length > 2 * Number(HUGE))) return undefined;
    return { at: "exact", cell: sign === 0 ? "0" : `${sign < 0 ? "-" : ""}${digits}e${exponent}` };
  },
  // NaN is above all, as infinity is.
  strays: (column) => `(${column} < '-1e${HUGE}'::numeric or ${column} > '1e${HUGE}'::numeric)`,
};

/** The first character that no text of Postgres holds: NUL, or half of a surrogate pair. */
const UNSTORABLE = /\u0000|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;

const TEXT: Kind = {
  rank: RANK.text,
  type: "text",
  compared: (column) => `${column} collate "C"`,
  bound(value) {
    const text = value as string;
    const at = text.search(UNSTORABLE);
    if (at < 0) return { at: "exact", cell: text };
    const before = text.slice(0, at);
    // No text has a character below U+0001 behind `before`, or one between U+D7FF and U+E000.
    if (text[at] === "\u0000") return { at: "above", cell: before };
    return { at: "below", cell: `${before}\ue000` };
  },
};

const hexDigits = (tick: bigint): string => tick.toString(16).padStart(32, "0");
const uuidAt = (tick: bigint): string =>
  hexDigits(tick).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
/** Their bytes are in the order of their text. */
const UUIDS: Ticks = { first: 0n, last: 2n ** 128n - 1n, valueAt: uuidAt, cellAt: uuidAt };
const UUID: Kind = {
  rank: RANK.text,
  type: "uuid",
  compared: plain,
  bound: (value) =>
    isUuid(value as string) ? { at: "exact", cell: value as string } : tickBound(UUIDS, value),
};

const FIRST_MS = Date.parse("0001-01-01T00:00:00.000Z");
const LAST_MS = Date.parse("9999-12-31T23:59:59.999Z");
const MS = { first: BigInt(FIRST_MS), last: BigInt(LAST_MS), unit: 1, word: "milliseconds" };
const SECOND = {
  first: BigInt(FIRST_MS / 1000),
  last: BigInt(Math.floor(LAST_MS / 1000)),
  unit: 1000,
  word: "second",
};
const iso = (ms: number): string => new Date(ms).toISOString();

/** Times in timestamptz or timestamp; `valueAt` grows with the time. */
function time(
  rank: Rank,
  { first, last, unit, word }: typeof MS,
  valueAt: (ms: number) => Value,
  type: "timestamptz" | "timestamp",
): Kind {
  const ticks: Ticks = {
    first,
    last,
    valueAt: (tick) => valueAt(Number(tick) * unit),
    cellAt: (tick) => iso(Number(tick) * unit).slice(0, type === "timestamp" ? -1 : undefined),
  };
  const clamped = (tick: bigint): bigint => (tick < first ? first : tick > last ? last : tick);
  const literal = (ms: number): string => `'${iso(ms)}'::${type}`;
  return {
    rank,
    type,
    compared: plain,
    bound: (value) => tickBound(ticks, value),
    // Other years are written with another number of digits, and infinity in letters.
    strays: (column) => `(${column} < ${literal(FIRST_MS)} or ${column} >= '10000-01-01'::${type})`,
    grid: {
      between: (column) => `${column} <> date_trunc('${word}', ${column})`,
      tick: (column) => `floor(extract(epoch from ${column}) * ${1000 / unit})::bigint`,
      near: (value, distance) => ticks.cellAt(clamped(search(ticks, value) + distance)),
      cellNear: (tick, distance) => ticks.cellAt(clamped(tick + distance)),
      valueNear: (tick, distance) => ticks.valueAt(clamped(tick + distance)),
    },
  };
}

const DAY_MS = 86_400_000;
const DAYS: Ticks = {
  first: BigInt(FIRST_MS / DAY_MS),
  last: BigInt(Math.floor(LAST_MS / DAY_MS)),
  valueAt: (tick) => iso(Number(tick) * DAY_MS).slice(0, 10),
  cellAt: (tick) => iso(Number(tick) * DAY_MS).slice(0, 10),
};
const DATE: Kind = {
  rank: RANK.text,
  type: "date",
  compared: plain,
  bound: (value) => tickBound(DAYS, value),
  strays: (column) => `(${column} < '0001-01-01'::date or ${column} > '9999-12-31'::date)`,
};

type TimeCodec =
  | "iso-timestamp"
  | "iso-seconds"
  | "sql-timestamp"
  | "date"
  | "epoch-ms"
  | "epoch-s";
// biome-ignore format: one row per codec
const TIMES: Readonly<Record<TimeCodec, readonly [Rank, typeof MS, (ms: number) => Value]>> = {
  "iso-timestamp": [RANK.text, MS, iso],
  "iso-seconds":   [RANK.text, SECOND, (ms) => `${iso(ms).slice(0, 19)}Z`],
  "sql-timestamp": [RANK.text, SECOND, (ms) => iso(ms).slice(0, 19).replace("T", " ")],
  date:            [RANK.date, MS, (ms) => new Date(ms)],
  "epoch-ms":      [RANK.number, MS, (ms) => ms],
  "epoch-s":       [RANK.number, SECOND, (ms) => ms / 1000],
};

const isTime = (codec: string): codec is TimeCodec => Object.hasOwn(TIMES, codec);

/** `undefined` for columns whose order says nothing of their values'. */
export function kindOf(
  column: Pick<Column, "type" | "sqlType"> & { readonly codec: CodecName | "derived-uuid" },
): Kind | undefined {
  const { codec, type, sqlType } = column;
  if (isTime(codec)) {
    const sql = type ?? (codec === "sql-timestamp" ? "timestamp" : "timestamptz");
    return sql === "timestamptz" || sql === "timestamp" ? time(...TIMES[codec], sql) : undefined;
  }
  switch (codec) {
    case "text":
      return isPlainText(type, sqlType) ? TEXT : undefined;
    case "uuid":
      if (type === undefined || type === "uuid") return UUID;
      return isPlainText(type, sqlType) ? TEXT : undefined;
    case "boolean":
      return type === undefined || type === "boolean" ? BOOLEAN : undefined;
    case "integer":
      return ["bigint", "integer", "smallint"].includes(type ?? "bigint") ? INTEGER : undefined;
    case "number":
      return (type ?? "double precision") === "double precision" ? DOUBLE : undefined;
    case "decimal":
      return (type ?? "numeric") === "numeric" ? DECIMAL : undefined;
    case "iso-date":
      return (type ?? "date") === "date" ? DATE : undefined;
    default:
      return undefined;
  }
}

/** Not `citext`, which ignores case, nor `char(n)`, which ignores spaces. */
function isPlainText(type: string | undefined, sqlType: string | undefined): boolean {
  if (type !== undefined && type !== "text") return false;
  return sqlType === undefined || /^(?:text|varchar|character varying)\b/i.test(sqlType);
}
