/**
 * From what was seen to layouts. All collections of a move are inferred together, because they refer to each
 * other. The same data gives the same layout, and so does more data of the same kind.
 */
import type { Choice } from "./choices.ts";
import type { Flatten } from "./infer-children.ts";
import { Constraints, type Dangling, type Proposals } from "./infer-constraints.ts";
import { inferKey, whyKey } from "./infer-key.ts";
import { findReferences } from "./infer-references.ts";
import { type Context, type Draft, TablesPlan } from "./infer-tables.ts";
import type { Layout } from "./layout.ts";
import { sqlName } from "./names.ts";
import type { CollectionProfile } from "./profile.ts";

export type { Choice } from "./choices.ts";
export type { Dangling, Proposals } from "./infer-constraints.ts";
export { inferKey } from "./infer-key.ts";

export interface InferOptions {
  /** Makes the tables multi-tenant: rows carry their tenant, which leads every key. */
  readonly tenantColumn?: boolean | undefined;
  /** SQL names of tables in use already in the schema; the chosen ones join them. */
  readonly taken?: Set<string> | undefined;
  /** Layouts that were given or bound, by collection: they are not inferred, and what refers to them fits them. */
  readonly decided?: Readonly<Record<string, Layout>> | undefined;
  /**
   * Which lists become tables: those of objects that are told apart or refer to something (auto), every list of
   * plain objects, or none.
   */
  readonly flatten?: Flatten | undefined;
}

export interface InferredLayout {
  readonly layout: Layout;
  readonly choices: readonly Choice[];
  /** What the data suggests and a person decides: a dump proves nothing about tomorrow's write. */
  readonly proposals: Proposals;
  /** References that lead nowhere: DANGLING_REFERENCE. */
  readonly dangling: readonly Dangling[];
}

/** The layouts for what the profiles saw, in their order. */
export function inferLayouts(
  profiles: readonly CollectionProfile[],
  options: InferOptions = {},
): readonly InferredLayout[] {
  const taken = options.taken ?? new Set<string>();
  const { decided = {} } = options;
  for (const { tables } of Object.values(decided)) for (const { name } of tables) taken.add(name);
  // All collections are named first: a child table never takes a collection's name.
  const drafts = profiles.map((profile) => {
    const layout = Object.hasOwn(decided, profile.name) ? decided[profile.name] : undefined;
    return layout === undefined
      ? draft(profile, taken, options.tenantColumn ?? false)
      : decidedDraft(profile, layout);
  });
  const context: Context = {
    flatten: options.flatten ?? "auto",
    taken,
    drafts: new Map(drafts.map((one) => [one.profile, one])),
    references: findReferences(drafts.map(({ profile, inferred: key }) => ({ profile, key }))),
    lists: new Map(),
  };
  // Of what is decided, only the references that lead nowhere are told: no table is made, none is named.
  const apart: Context = { ...context, taken: new Set(), lists: new Map() };
  const plans = drafts.map(
    (one) => new TablesPlan(one, one.decided === undefined ? context : apart),
  );
  return plans.map((plan) => {
    const { proposals, foreignKeys, dangling } = new Constraints(plan, context);
    const { profile, inferred, key, table, decided: layoutOf } = plan.draft;
    if (layoutOf !== undefined) {
      const none: Proposals = { notNull: [], foreignKeys: [], unique: [] };
      return { layout: layoutOf, choices: [], proposals: none, dangling };
    }
    const keyChoice: Choice = {
      collection: profile.name,
      table,
      subject: inferred.rule.from === "property" ? inferred.rule.path.join(".") : table,
      kind: "key",
      choice: `${key.name}: ${key.codec}`,
      why: whyKey(profile, inferred),
    };
    const layout: Layout = {
      version: 2,
      collection: profile.name,
      key: inferred.rule,
      tables: plan.layout(),
      ...(foreignKeys.length > 0 ? { foreignKeys } : {}),
    };
    return { layout, choices: [keyChoice, ...plan.choices], proposals, dangling };
  });
}

/** The layout of one collection by itself: it refers to no other. */
export function inferLayout(profile: CollectionProfile, options: InferOptions = {}): Layout {
  return (inferLayouts([profile], options)[0] as InferredLayout).layout;
}

function draft(profile: CollectionProfile, taken: Set<string>, tenancy: boolean): Draft {
  const inferred = inferKey(profile);
  const names = new Set<string>();
  const tenantColumn = tenancy ? sqlName("tenant_id", names) : undefined;
  const key = { ...inferred.column, name: sqlName(inferred.column.name, names) };
  const table = sqlName(profile.name, taken, "collection");
  return { profile, inferred, table, tenantColumn, key, names, decided: undefined };
}

/** What others need to know of a collection whose tables are settled. */
function decidedDraft(profile: CollectionProfile, layout: Layout): Draft {
  const [{ name, key, tenantColumn }] = layout.tables;
  const path = layout.key.from === "property" ? layout.key.path.join(".") : "";
  // References are held against the keys that the table has, not against those that it would have had.
  const seen = profile.keys.find((one) => one.path.join(".") === path);
  const inferred = { rule: layout.key, column: key, profile: seen };
  return { profile, inferred, table: name, tenantColumn, key, names: new Set(), decided: layout };
}
