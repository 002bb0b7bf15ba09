/**
 * How a record lies in a relational target, as data: the ledger keeps it, `plan` prints it, `compile.ts` runs it.
 *
 * L1. decode(encode(record)) is exactly the record. A column holds a value only when its codec gives that very
 *     value back; everything else lies in the rest, which holds anything. So nothing is ever coerced.
 *
 * A layout has one root table with a row per record. Further tables (children of records) come behind it; the
 * bulk interface speaks of rows per table already, although inferred flat layouts have one table.
 */

/** How the values of a column are written and read: see codec.ts. Each codec has one SQL type. */
export type CodecName =
  | "text"
  | "boolean"
  | "integer"
  | "number"
  | "uuid"
  | "iso-timestamp"
  | "date"
  | "ledger-key";

export type SqlType =
  | "text"
  | "boolean"
  | "bigint"
  | "double precision"
  | "uuid"
  | "timestamptz"
  | "json";

/** One cell on its way into a table. Milliseconds since 1970 for timestamptz; JSON text for json. */
export type SqlValue = null | string | number | boolean;

export interface Column {
  /** Unquoted SQL name. */
  readonly name: string;
  readonly codec: CodecName;
  /** The property of the record that lies here. */
  readonly property: string;
  /** What NULL stands for when the rest does not say otherwise. */
  readonly nullMeans: "absent" | "null";
}

/** Where a record's key comes from. */
export type KeyRule =
  /** A property of the record, by path: `["id"]`. */
  | { readonly from: "property"; readonly path: readonly string[] }
  /** The format gives it beside the record: the name in a keyed object, an out-of-line key of IndexedDB. */
  | { readonly from: "format" }
  /** The record's ordinal in its collection: for dumps without any key. */
  | { readonly from: "position" };

/** The primary key's column. With `ledger-key` it holds the key's ledger text (keys of mixed types). */
export interface KeyColumn {
  readonly name: string;
  readonly codec: "text" | "integer" | "number" | "uuid" | "ledger-key";
}

export interface TableLayout {
  /** Unquoted SQL name; the schema is the move's. */
  readonly name: string;
  /** Set when rows carry their tenant; it then leads the primary key. */
  readonly tenantColumn?: string | undefined;
  readonly key: KeyColumn;
  readonly columns: readonly Column[];
  /** The json column for what no column holds. */
  readonly restColumn: string;
}

export interface Layout {
  readonly version: 1;
  readonly collection: string;
  readonly key: KeyRule;
  /** The root table first. */
  readonly tables: readonly [TableLayout, ...TableLayout[]];
}
