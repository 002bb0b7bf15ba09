/**
 * How a record lies in a relational target, as data: the ledger keeps it, `plan` prints it, `compile.ts` runs it.
 *
 * L1. decode(encode(record)) is exactly the record. A column holds a value only when its codec gives that very
 *     value back; everything else lies in the rest, which holds anything. So nothing is ever coerced.
 * T3. A column may hold a value that only stands for the record's (a price as a number for `"$4.99"`) where
 *     `coerce` says so. The rest then keeps what was written, for as long as the cell is what was made of it.
 *
 * The root table has a row per record. A child table has a row per element of a list, per member of a map, or
 * one for a nested object. Child rows carry no rest of their own: all of a record's rest lies with its root row.
 */

import type { RedisLayout } from "./redis-layout.ts";

/** How the values of a column are written and read: see codec.ts. */
export type CodecName =
  | "text"
  | "boolean"
  /** Whole numbers within 2^53, in bigint, integer or smallint. */
  | "integer"
  /** Any finite number, in double precision (or real, for the few that it holds). */
  | "number"
  /** Numbers as numeric(precision, scale): only those that come back as the same double. */
  | "decimal"
  /** Text such as `$4.99` as numeric: `prefix` and `scale` say how it is written. */
  | "money"
  | "uuid"
  /** `2026-02-06T00:45:19.270Z`, as Date.toISOString writes it, in timestamptz or timestamp. */
  | "iso-timestamp"
  /** `2026-02-06T00:45:19Z`. */
  | "iso-seconds"
  /** ISO 8601 with an offset; `offsetColumn` keeps the offset and the digits. */
  | "offset-timestamp"
  /** `2025-08-24 15:51:55`, as SQLite writes it, taken as UTC. */
  | "sql-timestamp"
  /** `2026-02-06`, in date. */
  | "iso-date"
  /** A date in the app's own spelling, such as `M/D/YYYY`, in date: `pattern`. */
  | "date-text"
  /** Milliseconds, or seconds, since 1970 as a number, in timestamptz. */
  | "epoch-ms"
  | "epoch-s"
  /** A Date of IndexedDB. */
  | "date"
  /** Objects and lists of plain JSON. */
  | "jsonb"
  /** A list of text, in text[]. */
  | "text-list"
  /** Text of a closed set, in an enum type, a text or a varchar: `labels`. */
  | "enum"
  /** The key of a record of another collection, as that table's key column holds it: `to`. */
  | "reference"
  | "ledger-key";

export type SqlType =
  | "text"
  | "boolean"
  | "bigint"
  | "integer"
  | "smallint"
  | "double precision"
  | "real"
  | "numeric"
  | "uuid"
  | "timestamptz"
  | "timestamp"
  | "date"
  | "text[]"
  | "varchar[]"
  | "jsonb"
  | "json";

/**
 * One cell as a layout names it. Milliseconds since 1970 for timestamptz, timestamp and date; decimal digits as text
 * for numeric; JSON text for json and jsonb.
 */
export type SqlConstant = null | string | number | boolean | readonly string[];

/** One cell on its way into a table. Text and JSON may be bytes of UTF-8. */
export type SqlValue = SqlConstant | Uint8Array;

export interface Column {
  /** Unquoted SQL name. */
  readonly name: string;
  readonly codec: CodecName;
  /** Where the value lies below what the row stands for: `["price"]`, `["metadata", "sku"]`. Never empty. */
  readonly path: readonly string[];
  /** What NULL stands for when the rest does not say otherwise. */
  readonly nullMeans: "absent" | "null";
  /** The column's type, where it is not the codec's own: an integer, a varchar, an enum of the database. */
  readonly type?: SqlType | undefined;
  /** The type as DDL says it, where `type` is only its kind: `varchar(255)`, `numeric(10,2)`, `"Role"`. */
  readonly sqlType?: string | undefined;
  /** The most characters of a varchar. */
  readonly limit?: number | undefined;
  readonly precision?: number | undefined;
  readonly scale?: number | undefined;
  /** What stands before the digits of money, such as `$`. */
  readonly prefix?: string | undefined;
  /** `YYYY`, `MM`, `M`, `DD`, `D` with what stands between them. */
  readonly pattern?: string | undefined;
  /** enum: the record's text -> the label in the database. No two texts have one label. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly offsetColumn?: string | undefined;
  /** The collection whose key this is. Required by `reference`; a plain column may say it too. */
  readonly to?: string | undefined;
  /**
   * The database refuses cells that refer to nothing, and what is referred to may come later: the cell is written
   * when that is there. Until then, and for a reference that dangles, it is NULL, and the rest says the value.
   */
  readonly late?: boolean | undefined;
  /** The rule that allows cells which only stand for the value. Counted; the rest keeps what was written. */
  readonly coerce?: boolean | undefined;
  /** Refuses NULL: this cell is written where the record has nothing that fits. The rest says so. */
  readonly fill?: SqlConstant | undefined;
}

/** Where a record's key comes from. */
export type KeyRule =
  /** A property of the record, by path: `["id"]`. */
  | { readonly from: "property"; readonly path: readonly string[] }
  /** The format gives it beside the record: the name in a keyed object, an out-of-line key of IndexedDB. */
  | { readonly from: "format" }
  /** The record's ordinal in its collection: for dumps without any key. */
  | { readonly from: "position" };

/**
 * The primary key's column. With `ledger-key` it holds the key's ledger text (keys of mixed types). With
 * `derived-uuid` it holds the key itself where that is a UUID, else one made from it (RFC 9562, version 5): the
 * ledger then keeps which key it stands for.
 */
export interface KeyColumn {
  readonly name: string;
  readonly codec: "text" | "integer" | "number" | "uuid" | "ledger-key" | "derived-uuid";
  readonly type?: SqlType | undefined;
  readonly sqlType?: string | undefined;
}

/** A column that holds the same in all rows of this collection, and tells them from other collections' rows. */
export interface ConstantColumn {
  readonly name: string;
  readonly type: SqlType;
  readonly cell: Exclude<SqlConstant, null>;
}

export interface IndexLayout {
  readonly columns: readonly string[];
  readonly unique?: boolean | undefined;
}

interface AnyTable {
  /** Unquoted SQL name; the schema is the move's. */
  readonly name: string;
  /** Set when rows carry their tenant; it then leads the primary key. */
  readonly tenantColumn?: string | undefined;
  readonly columns: readonly Column[];
  /** Made behind the first load. The tenant leads them where there is one. */
  readonly indexes?: readonly IndexLayout[] | undefined;
  /** Somebody else's table, found in the database: it is neither made nor dropped by us. */
  readonly bound?: boolean | undefined;
}

export interface TableLayout extends AnyTable {
  readonly key: KeyColumn;
  readonly constants?: readonly ConstantColumn[] | undefined;
  /** The json column for what no column holds. Without one the rest lies in `outgrow.rest`. */
  readonly restColumn?: string | undefined;
}

export interface ChildTableLayout extends AnyTable {
  /** Index in `Layout.tables` of the table whose rows these belong to: lower than this table's own. */
  readonly parent: number;
  /** Where the elements lie below what the parent's row stands for. */
  readonly path: readonly string[];
  /** A row per element of a list, per member of an object used as a map, or one row for a nested object. */
  readonly holds: "list" | "map" | "object";
  /** What no rows stand for when the rest does not say otherwise. */
  readonly emptyMeans: "absent" | "empty";
  /**
   * `place`: the primary key is the parent's (its columns without the tenant's, by the names they have here), then
   * the element's place: its index (bigint) or its name (text); nothing more for an object.
   * `own`: a UUID of its own, made from the parent's key and the element's `from` (or its place), and the parent's
   * key in one column. The order of a list is kept in the rest, or in `place` where there is such a column; a map
   * needs one for the names of its members.
   */
  readonly key:
    | {
        readonly by: "place";
        readonly parent: readonly string[];
        readonly place?: string | undefined;
        /** Of `place`: bigint, or text for names, where nothing else is said. */
        readonly placeType?: SqlType | undefined;
        /**
         * In a table that is there already, the column that is the primary key in place of these: a number which the
         * database counts. Without a `place`, it gives the elements' order. Nothing of ours can refer to such rows.
         */
        readonly counted?: string | undefined;
      }
    | {
        readonly by: "own";
        readonly column: string;
        readonly parent: string;
        readonly from?: readonly string[] | undefined;
        readonly place?: string | undefined;
        readonly placeType?: SqlType | undefined;
        /** Of its own column: `uuid`, or `text` that holds one. */
        readonly type?: "uuid" | "text" | undefined;
      };
}

export interface Layout {
  readonly version: 2;
  readonly collection: string;
  readonly key: KeyRule;
  /** The root table first; every child behind its parent. */
  readonly tables: readonly [TableLayout, ...ChildTableLayout[]];
  /** Made behind the first load, beside those of child tables, which every child has to its parent. */
  readonly foreignKeys?: readonly ForeignKey[] | undefined;
  /** In a Redis: the app's own keys, where records lie under its names rather than under ours. */
  readonly redis?: RedisLayout | undefined;
}

/** A foreign key to another collection's root table. `columns` are without the tenant's. */
export interface ForeignKey {
  readonly table: string;
  readonly columns: readonly string[];
  readonly to: { readonly table: string; readonly columns: readonly string[] };
  readonly onDelete: "cascade" | "set null" | "no action";
}
