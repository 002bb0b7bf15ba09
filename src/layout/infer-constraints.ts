/** References, indexes and uniqueness of the tables of one collection, once all tables of the move are known. */
import { counted } from "./choices.ts";
import { evidenceOf, isComplete, type Reference } from "./infer-references.ts";
import type { Context, TablePlan, TablesPlan } from "./infer-tables.ts";
import type { Column, ForeignKey } from "./layout.ts";
import type { PropertyProfile } from "./profile-properties.ts";

/** So many distinct values, or rows, make a rule of what was seen (DECISIONS 23). */
const EVIDENCE = 20;
/** Characters that fit an entry of a btree (2,704 bytes), whatever they are. */
const INDEXED_TEXT = 800;

export interface Proposals {
  readonly notNull: { readonly table: string; readonly column: string }[];
  readonly foreignKeys: (ForeignKey & { readonly evidence: string })[];
  readonly unique: { readonly table: string; readonly columns: readonly string[] }[];
}

/** Values that should be keys of other records, and are not. */
export interface Dangling {
  readonly collection: string;
  /** The property, with the lists it lies in: `items.productId`. */
  readonly property: string;
  /** What it refers to: `products`, `images of products`. */
  readonly to: string;
  /** Distinct values that are keys of no record there, and how many distinct values there are. */
  readonly count: number;
  readonly distinct: number;
}

export class Constraints {
  readonly proposals: Proposals = { notNull: [], foreignKeys: [], unique: [] };
  readonly foreignKeys: ForeignKey[] = [];
  readonly dangling: Dangling[] = [];
  readonly #plan: TablesPlan;
  readonly #context: Context;

  constructor(plan: TablesPlan, context: Context) {
    this.#plan = plan;
    this.#context = context;
    for (const table of plan.tables) {
      for (const { property, column } of table.columns.values()) {
        if (this.#neverNull(table, property, column)) {
          this.proposals.notNull.push({ table: table.name, column: column.name });
        }
        const reference = context.references.get(property);
        if (reference !== undefined) this.#reference(table, property, column, reference);
      }
      this.#childId(table);
      if (table.child === undefined) {
        this.#declaredIndexes(table);
        this.#otherKeys(table);
      }
    }
  }

  #neverNull(table: TablePlan, property: PropertyProfile, column: Column): boolean {
    const { profile } = this.#plan.draft;
    const { objects } = table.shape;
    const { kinds } = property;
    if (objects < EVIDENCE || property.presence < objects || property.exact > 0) return false;
    if (kinds.has("null") || kinds.has("undefined")) return false;
    // A record or an element that is no object may still have a row, without any cell.
    if (profile.records > profile.objects || (table.child?.list.odd ?? 0) > 0) return false;
    // What is unusual about a value may keep it out of its column.
    const noticed = profile.notices.get(table.path[0] ?? property.name);
    const odd = ["STR_NUL", "STR_SURROGATE", "NUM_NAN", "NEG_ZERO", "NUM_EXACT"] as const;
    if (odd.some((code) => noticed?.has(code))) return false;
    return column.codec !== "jsonb" || (table.child === undefined && property.notJson === 0);
  }

  #reference(table: TablePlan, property: PropertyProfile, column: Column, found: Reference): void {
    const { label } = found.to;
    const evidence = evidenceOf(found);
    if (found.contained !== undefined && !isComplete(found)) {
      this.dangling.push({
        collection: this.#plan.draft.profile.name,
        property: [...table.path, property.name].join("."),
        to: label,
        count: found.distinct - found.contained,
        distinct: found.distinct,
      });
    }
    const say = (choice: string, why: string): void =>
      this.#plan.choose(table, "reference", property.name, choice, why);
    this.#addIndex(table, [property], [column.name], `it refers to ${label}`);
    const misfit = this.#misfit(found, column);
    const to = misfit === undefined ? this.#target(found) : undefined;
    if (to === undefined) {
      say(`refers to ${label}`, misfit === undefined ? evidence : `${evidence}; ${misfit}`);
      return;
    }
    const foreignKey: ForeignKey = {
      table: table.name,
      columns: [column.name],
      to,
      onDelete: "no action",
    };
    const against = this.#against(found, column);
    if (against === undefined) {
      this.foreignKeys.push(foreignKey);
      say(`foreign key to ${to.table} (${to.columns.join(", ")})`, evidence);
    } else {
      const why = against === "" ? evidence : `${evidence}; ${against}`;
      this.proposals.foreignKeys.push({ ...foreignKey, evidence: why });
      say(`proposed foreign key to ${to.table} (${to.columns.join(", ")})`, why);
    }
  }

  /** Why no foreign key can lead to a table that is settled: the database would refuse to make it. */
  #misfit({ to }: Reference, column: Column): string | undefined {
    const draft = this.#context.drafts.get(to.collection);
    if (to.list !== undefined || draft?.decided === undefined) return undefined;
    const { table, key, tenantColumn } = draft;
    if (key.codec !== column.codec) {
      return `no foreign key to ${table} (${key.name}), whose keys are held as ${key.codec}`;
    }
    if (tenantColumn === this.#plan.draft.tenantColumn) return undefined;
    return `no foreign key to ${table}, where tenants are told apart in another way`;
  }

  /** The table and columns that a foreign key would name; `undefined` when there are none. */
  #target({ to }: Reference): ForeignKey["to"] | undefined {
    if (to.list === undefined) {
      const draft = this.#context.drafts.get(to.collection);
      return draft && { table: draft.table, columns: [draft.key.name] };
    }
    // Elements can be referred to when their ids are unique over all records.
    const table = this.#context.lists.get(to.list);
    const id = table?.columns.get(to.keyName)?.column;
    if (table === undefined || id === undefined) return undefined;
    if (to.keys.repeated > 0 || to.keys.full) return undefined;
    return { table: table.name, columns: [id.name] };
  }

  /** Why it is not made a foreign key, empty when the evidence says so; `undefined` when nothing is against it. */
  #against(found: Reference, column: Column): string | undefined {
    if (!isComplete(found)) return "";
    const { to } = found;
    const draft = this.#context.drafts.get(to.collection);
    if (to.list !== undefined || draft === undefined) {
      return `${to.keyName} would have to be unique over all records`;
    }
    if (draft.inferred.rule.from !== "property") return "the key is no property of the record";
    if (draft.key.codec !== column.codec) return `the key is ${draft.key.codec}`;
    // Records that share a key may end in quarantine, and what refers to them would then dangle.
    if (to.keys.repeated > 0) {
      return `${counted(to.keys.repeated, "key")} of ${to.label} stand there more than once`;
    }
    return found.distinct < EVIDENCE ? `fewer than ${EVIDENCE} to go by` : undefined;
  }

  /** A child's own id is an ordinary column with an index. */
  #childId(table: TablePlan): void {
    const { id } = table.child?.choice ?? {};
    const held = id && table.columns.get(id.name);
    if (table.child === undefined || held === undefined || id === undefined) return;
    const { property, column } = held;
    this.#addIndex(table, [property], [column.name], "it is the id of the list's elements");
    if (table.shape.objects < EVIDENCE || id.clashes > 0) return;
    const columns = [...table.child.parentColumns, column.name];
    this.proposals.unique.push({ table: table.name, columns });
  }

  /** What Dexie declares: `name`, and `[a+b]` where there is a column for each. */
  #declaredIndexes(table: TablePlan): void {
    const { own, draft } = this.#plan;
    // An empty table has no columns yet: there is nothing to say of its indexes.
    if (draft.profile.objects === 0) return;
    for (const declared of draft.profile.indexes) {
      const parts = /^\[(.+)\]$/.exec(declared)?.[1]?.split("+") ?? [declared];
      // The primary key has its index.
      if (parts.length === 1 && parts[0] === own) continue;
      const columns: string[] = [];
      const properties: PropertyProfile[] = [];
      for (const part of parts) {
        const held = table.columns.get(part);
        if (part === own) columns.push(draft.key.name);
        else if (held !== undefined && held.column.codec !== "jsonb") {
          columns.push(held.column.name);
          properties.push(held.property);
        }
      }
      if (columns.length === parts.length) {
        this.#addIndex(table, properties, columns, "the source declares it");
      } else {
        const why = "the source declares it, but not each part of it has a column of its own";
        this.#plan.choose(table, "index", declared, "no index", why);
      }
    }
  }

  #addIndex(
    table: TablePlan,
    properties: readonly PropertyProfile[],
    columns: readonly string[],
    why: string,
  ): void {
    const subject = columns.join(", ");
    if (table.indexes.some((index) => index.columns.join(", ") === subject)) return;
    const longest = properties.reduce((sum, { longestText }) => sum + longestText, 0);
    if (longest > INDEXED_TEXT) {
      const long = `${why}, but texts of ${longest} characters do not fit an index`;
      this.#plan.choose(table, "index", subject, "no index", long);
      return;
    }
    table.indexes.push({ columns });
    this.#plan.choose(table, "index", subject, `index on (${subject})`, why);
  }

  /** Other properties that could be the key. */
  #otherKeys(table: TablePlan): void {
    const { profile, inferred } = this.#plan.draft;
    for (const key of profile.keys) {
      const held = key.path.length === 1 && table.columns.get(key.path[0] as string);
      if (!held || key === inferred.profile) continue;
      const { size, repeated, full } = key.distinct;
      if (full || repeated > 0 || size < EVIDENCE || key.present < profile.records) continue;
      this.proposals.unique.push({ table: table.name, columns: [held.column.name] });
    }
  }
}
