/**
 * What a database says of the tables that somebody made: read by the Postgres driver, used to bind a collection to
 * them (bind.ts). Names are unquoted.
 */

export interface CatalogColumn {
  readonly name: string;
  /** As DDL says it: `character varying(255)`, `"Role"`, `email_address`. */
  readonly type: string;
  /**
   * The type itself, without its digits and below its domains: `character varying`, `timestamp with time zone`,
   * `text[]`. Of a type that Postgres does not come with, only the name: `Role`, `citext`.
   */
  readonly base: string;
  /** Refuses NULL, by itself or by its domain. */
  readonly notNull: boolean;
  /** The expression, of the column or of its domain. */
  readonly default?: string | undefined;
  readonly identity?: "always" | "default" | undefined;
  /** Computed by the database, stored or on reading: it cannot be written. */
  readonly generated: boolean;
  /** The sequence that it owns, as SQL names it. */
  readonly sequence?: string | undefined;
  readonly enumLabels?: readonly string[] | undefined;
  readonly isArray: boolean;
  /** Characters of varchar(n) and char(n); of an array, of each element. */
  readonly limit?: number | undefined;
  /** Digits of a numeric; digits behind the second of a time, where the type says them. */
  readonly precision?: number | undefined;
  readonly scale?: number | undefined;
  /** Where it is not the database's own. */
  readonly collation?: string | undefined;
  /** Texts that differ may be equal: its collation is not deterministic. */
  readonly looseEquality: boolean;
  /** Of its domains. */
  readonly checks: readonly CatalogCheck[];
}

/** A primary key, a unique constraint, or a unique index on plain columns. */
export interface CatalogKey {
  readonly name: string;
  readonly columns: readonly string[];
  /** Checked at the end of a transaction: `on conflict` cannot use it. */
  readonly deferrable: boolean;
  /** At most one row may have NULL there. */
  readonly nullsNotDistinct: boolean;
}

/** Something that is only shown: a check, an exclusion, a unique index over expressions or some of the rows. */
export interface CatalogCheck {
  readonly name: string;
  readonly definition: string;
}

export interface CatalogForeignKey {
  readonly name: string;
  readonly columns: readonly string[];
  /** Where the referenced table is in another schema. */
  readonly schema?: string | undefined;
  readonly table: string;
  readonly references: readonly string[];
  readonly onDelete: "no action" | "restrict" | "cascade" | "set null" | "set default";
  readonly deferrable: boolean;
}

export interface CatalogTable {
  readonly name: string;
  readonly partitioned: boolean;
  /** In their order. */
  readonly columns: readonly CatalogColumn[];
  readonly primaryKey?: CatalogKey | undefined;
  readonly unique: readonly CatalogKey[];
  /** Unique indexes over expressions, or over some of the rows. */
  readonly oddUnique: readonly CatalogCheck[];
  readonly foreignKeys: readonly CatalogForeignKey[];
  readonly checks: readonly CatalogCheck[];
  readonly exclusions: readonly CatalogCheck[];
  /** The planner's guess at the number of rows; none when it was never told. */
  readonly rows?: number | undefined;
  /** Whether there is no row that we may see; unknown where we may not look. */
  readonly empty?: boolean | undefined;
  readonly owner: string;
  readonly rowSecurity: "off" | "on" | "forced";
  /** Names of the triggers that somebody made. */
  readonly triggers: readonly string[];
  readonly canInsert: boolean;
  /** Of select, insert, update and delete: those that we lack. */
  readonly missingPrivileges: readonly string[];
}

export interface Catalog {
  readonly schema: string;
  /** By name. */
  readonly tables: readonly CatalogTable[];
}
