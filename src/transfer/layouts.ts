/**
 * Which layout each collection gets: the one that was given, one bound to tables that are there, or one inferred,
 * with the rules that a person named.
 */
import { bindLayout } from "../layout/bind.ts";
import { tablesFor } from "../layout/bind-names.ts";
import type { BindChoice, BindOptions, BindProblem } from "../layout/bind-types.ts";
import type { Catalog } from "../layout/catalog.ts";
import type { KeyColumn, Layout } from "../layout/layout.ts";
import type { CollectionProfile } from "../layout/profile.ts";
import type { RedisLayout } from "../layout/redis-layout.ts";
import { applyRules, type Rules } from "../layout/rules.ts";
import type { Target } from "../store/driver.ts";
import { type Inspection, type InspectOptions, inspectSource } from "./inspect.ts";
import type { Source } from "./source.ts";

export interface LayoutOptions {
  /** Postgres schema of the tables. Default `public`. */
  readonly schema?: string | undefined;
  /** Layouts decided beforehand, by collection: they are not inferred. */
  readonly layouts?: Readonly<Record<string, Layout>> | undefined;
  /** Rules for properties, by collection and path: `{ "campaigns.price": "money" }`. */
  readonly rules?: Rules | undefined;
  /**
   * Collections that go into tables which are there already, with what names and types do not say; or `auto`: every
   * collection for which there is a table of its name.
   */
  readonly bind?: "auto" | Readonly<Record<string, BindOptions>> | undefined;
  /** In a Redis: the keys under which the app expects a collection's records. */
  readonly redis?: Readonly<Record<string, RedisLayout>> | undefined;
}

export interface CollectionProblem extends BindProblem {
  readonly collection: string;
}

export interface DecidedLayouts {
  readonly inspection: Inspection;
  /** In the source's order. */
  readonly layouts: readonly Layout[];
  /** What stands in the way of binding, and what there is to know. */
  readonly problems: readonly CollectionProblem[];
  readonly bound: readonly (BindChoice & { readonly collection: string })[];
  /** The tables that were there, when somebody asked for them. */
  readonly catalog: Catalog | undefined;
}

/** @param target asked for its tables, when collections are to be bound. @throws {OutgrowError} RULE_INVALID */
export async function decideLayouts(
  source: Source,
  target: Pick<Target, "catalog"> | undefined,
  options: InspectOptions & LayoutOptions,
): Promise<DecidedLayouts> {
  const given = options.layouts ?? {};
  const catalog =
    options.bind === undefined ? undefined : await target?.catalog(options.schema ?? "public");
  let bound = NOTHING_BOUND;
  const { inspection } = await inspectSource(source, options, async (profiles) => {
    if (catalog !== undefined) {
      const free = profiles.filter(({ name }) => given[name] === undefined);
      bound = bindCollections(free, catalog, bindings(free, catalog, options.bind), given);
    }
    // What is inferred goes beside what is there: nobody's table is taken for ours.
    const taken = new Set(catalog?.tables.map(({ name }) => name));
    return { decided: { ...Object.fromEntries(bound.layouts), ...given }, taken };
  });
  const layouts = inspection.collections.map(({ name, layout }): Layout => {
    const redis = options.redis?.[name];
    return redis === undefined ? layout : { ...layout, redis };
  });
  return {
    inspection,
    layouts: options.rules === undefined ? layouts : applyRules(layouts, options.rules),
    problems: bound.problems,
    bound: bound.choices,
    catalog,
  };
}

interface BoundCollections {
  readonly layouts: ReadonlyMap<string, Layout>;
  readonly problems: readonly CollectionProblem[];
  readonly choices: readonly (BindChoice & { readonly collection: string })[];
}

const NOTHING_BOUND: BoundCollections = { layouts: new Map(), problems: [], choices: [] };

function bindings(
  profiles: readonly CollectionProfile[],
  { tables }: Catalog,
  bind: LayoutOptions["bind"],
): ReadonlyMap<string, BindOptions> {
  if (bind !== "auto") return new Map(Object.entries(bind ?? {}));
  const names = tables.map(({ name }) => name);
  return new Map(
    profiles.flatMap(({ name }) => (tablesFor(name, names).length > 0 ? [[name, {}]] : [])),
  );
}

/**
 * All collections of a move are bound together: foreign keys lead from one's table to another's.
 *
 * @param given layouts of collections that are in tables already.
 */
export function bindCollections(
  profiles: readonly CollectionProfile[],
  catalog: Catalog,
  bind: ReadonlyMap<string, BindOptions>,
  given: Readonly<Record<string, Layout>> = {},
): BoundCollections {
  const names = catalog.tables.map(({ name }) => name);
  const collections: Record<string, string> = {};
  for (const [collection, { table }] of bind) {
    const found = table === undefined ? tablesFor(collection, names) : [table];
    // A table of several collections: foreign keys lead to the first.
    if (found.length === 1) collections[found[0] as string] ??= collection;
  }
  for (const { tables, collection } of Object.values(given)) {
    collections[tables[0].name] ??= collection;
  }
  const wanted = profiles.filter(({ name }) => bind.has(name));
  const once = wanted.map((profile) => bindOne(profile, catalog, bind, collections, {}));
  // A reference is written as the key that it leads to: which that is, the first round has found out.
  const keys: Record<string, KeyColumn["codec"]> = {};
  for (const layout of [...once.map((one) => one.layout), ...Object.values(given)]) {
    if (layout !== undefined) keys[layout.collection] = layout.tables[0].key.codec;
  }
  const layouts = new Map<string, Layout>();
  const problems: CollectionProblem[] = [];
  const choices: BoundCollections["choices"][number][] = [];
  for (const profile of wanted) {
    const { name: collection } = profile;
    const one = bindOne(profile, catalog, bind, collections, keys);
    if (one.layout !== undefined) layouts.set(collection, one.layout);
    problems.push(...one.problems.map((problem) => ({ ...problem, collection })));
    choices.push(...one.choices.map((choice) => ({ ...choice, collection })));
  }
  return { layouts, problems, choices };
}

function bindOne(
  profile: CollectionProfile,
  catalog: Catalog,
  bind: ReadonlyMap<string, BindOptions>,
  collections: Readonly<Record<string, string>>,
  keys: Readonly<Record<string, KeyColumn["codec"]>>,
): ReturnType<typeof bindLayout> {
  const own = bind.get(profile.name) ?? {};
  const options = { keys, ...own, collections: { ...collections, ...own.collections } };
  // A table that several collections share is this one's as well.
  const table =
    own.table ?? Object.keys(collections).find((one) => collections[one] === profile.name);
  return bindLayout(profile, catalog, table === undefined ? options : { ...options, table });
}
