/** What binding a collection to somebody's tables is told, and what it has to say. */
import type { ChildTableLayout, Column, KeyColumn, Layout, SqlConstant } from "./layout.ts";
import type { Kind } from "./profile-properties.ts";

/** What was seen under one name: see PropertyProfile, which is one. */
export interface SeenProperty {
  readonly kinds: ReadonlyMap<Kind, number>;
  readonly uuids?: number | undefined;
  readonly isoTimestamps?: number | undefined;
  readonly isoSeconds?: number | undefined;
  readonly sqlTimestamps?: number | undefined;
  readonly isoDates?: number | undefined;
  /** UTF-16 units of the longest text. */
  readonly longestText?: number | undefined;
  /** Numbers with more digits than a double holds. */
  readonly exact?: number | undefined;
  readonly notJson?: number | undefined;
  readonly lists?:
    | { readonly empty: number; readonly elements: number; readonly shape: SeenShape }
    | undefined;
  /** The distinct texts with their counts, where those are few: labels of enums are matched with them. */
  readonly texts?: ReadonlyMap<string, number> | undefined;
}

/** The properties of objects at one place: a CollectionProfile is one, and so is the shape of a list's elements. */
export interface SeenShape {
  readonly objects: number;
  readonly properties: ReadonlyMap<string, SeenProperty>;
}

/**
 * What the owner of a column says of it; the rest follows from its type. `coerce` has cells stand for what the column
 * cannot hold as it is: other spellings of an instant, of an amount or of a label, JSON without what jsonb refuses.
 * What was written is in the rest, and counted. `scale`: digits behind the point, where the column does not say them.
 */
export type ColumnRule = Partial<
  Pick<
    Column,
    | "codec"
    | "prefix"
    | "scale"
    | "pattern"
    | "labels"
    | "coerce"
    | "nullMeans"
    | "offsetColumn"
    | "to"
  >
>;

/** Where the value of each column lies; null leaves the column to the database. */
export type ColumnPaths = Readonly<Record<string, readonly string[] | null>>;

export interface ChildOptions {
  /** Below what the parent's row stands for. */
  readonly path: readonly string[];
  readonly holds?: ChildTableLayout["holds"] | undefined;
  readonly columns?: ColumnPaths | undefined;
}

/** In `fills` and `rules`, a column of a child table is named with its table: `product_images.url`. */
export interface BindOptions {
  /** The table, where its name does not say so. */
  readonly table?: string | undefined;
  /** The column that holds the key, where that is not the primary key: it has to be unique. */
  readonly key?: string | undefined;
  /**
   * Sets records aside whose keys the column cannot hold (`"18"` in an integer: KEY_TYPE). Otherwise they are a
   * problem, and nothing is begun.
   */
  readonly setAsideKeys?: boolean | undefined;
  /** The column that holds the tenant. It has to lead the primary key. */
  readonly tenantColumn?: string | undefined;
  /** The column of type json that takes what no column holds. Without it that lies in the ledger. */
  readonly rest?: string | undefined;
  readonly columns?: ColumnPaths | undefined;
  readonly rules?: Readonly<Record<string, ColumnRule>> | undefined;
  /** Cells for columns that refuse NULL, where a record has nothing that fits. */
  readonly fills?: Readonly<Record<string, Exclude<SqlConstant, null>>> | undefined;
  readonly constants?: Readonly<Record<string, Exclude<SqlConstant, null>>> | undefined;
  readonly children?: Readonly<Record<string, ChildOptions>> | undefined;
  /** Which collection lies in which table, of all of the move. */
  readonly collections?: Readonly<Record<string, string>> | undefined;
  /** The codec of other collections' keys, where they are known already. */
  readonly keys?: Readonly<Record<string, KeyColumn["codec"]>> | undefined;
  /** What was seen of elements, by the path of their list (`images.backgroundVersions`). */
  readonly elements?: Readonly<Record<string, SeenShape>> | undefined;
}

export type BindCode =
  /** No table, or more than one, goes by the name. */
  | "NO_TABLE"
  | "NO_COLUMN"
  /** Nothing identifies a row. */
  | "NO_KEY"
  | "COMPOUND_KEY"
  | "KEY_TYPE"
  | "NOT_NULL"
  /** A fill or a constant that its column cannot hold. */
  | "FILL"
  | "GENERATED"
  /** A type that no codec writes, or one that would round what it is given. */
  | "TYPE"
  /** A rule that means nothing for its column, or not what it says. */
  | "RULE_INVALID"
  /** Values that their column cannot hold: they lie in the rest. */
  | "SPILLS"
  | "AMBIGUOUS"
  /** Records that the database would refuse, as a dry run has found. */
  | "REFUSED"
  /** A child table whose key we cannot make. */
  | "CHILD_KEY"
  | "FOREIGN_KEY"
  | "UNIQUE"
  | "CHECK"
  | "TRIGGER"
  | "ROWS"
  | "ROW_SECURITY"
  | "PRIVILEGE";

export interface BindProblem {
  readonly code: BindCode;
  readonly table: string;
  readonly column?: string | undefined;
  readonly message: string;
  /** What to do about it. */
  readonly next: string;
  /** Nothing, or not what was seen, can be written before it is mended. */
  readonly fatal: boolean;
}

export interface BindChoice {
  readonly subject: string;
  readonly choice: string;
  readonly why: string;
}

export interface Bound {
  /** None where there is no table, or no key in it. It is only of use when no problem is fatal. */
  readonly layout: Layout | undefined;
  readonly problems: readonly BindProblem[];
  readonly choices: readonly BindChoice[];
}

/** Gathers what there is to say. */
export class Findings {
  readonly problems: BindProblem[] = [];
  readonly choices: BindChoice[] = [];

  choose(subject: string, choice: string, why: string): void {
    this.choices.push({ subject, choice, why });
  }

  /** Something that stands in the way. */
  problem(code: BindCode, table: string, column: string | undefined, text: Said): void {
    this.problems.push({ code, table, column, ...text, fatal: true });
  }

  /** Something to know. */
  note(code: BindCode, table: string, column: string | undefined, text: Said): void {
    this.problems.push({ code, table, column, ...text, fatal: false });
  }
}

interface Said {
  readonly message: string;
  readonly next: string;
}
