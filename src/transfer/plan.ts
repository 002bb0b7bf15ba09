/**
 * What a copy would do, tried on every record without writing one: the tables, why they are as they are, what does
 * not fit a column and lies in the rest instead, what a rule makes of values, and which records would be set aside.
 */
import type { Choice } from "../layout/choices.ts";
import { drizzleSchema, prismaConfig, prismaSchema, sqlMigration } from "../layout/emit/index.ts";
import type { Layout } from "../layout/layout.ts";
import type { Rules } from "../layout/rules.ts";
import type { Target } from "../store/driver.ts";
import type { Inspection, InspectOptions } from "./inspect.ts";
import {
  type CollectionProblem,
  type DecidedLayouts,
  decideLayouts,
  type LayoutOptions,
} from "./layouts.ts";
import { openSurveyed } from "./source.ts";
import { type Misfit, type PlannedSpill, type SetAside, Trial } from "./trial.ts";

export interface PlanOptions extends InspectOptions, LayoutOptions {
  /** Which Prisma the schema is for. Default 7. */
  readonly prisma?: 6 | 7 | undefined;
  /** How many records that do not fit are named. Default 0: they are only counted. */
  readonly records?: number | undefined;
}

/** A rule that would make a better column of values which inference leaves as they are. */
export interface SuggestedRule {
  /** As it is given: `campaigns.price=money`. */
  readonly rule: string;
  readonly why: string;
}

export interface Plan {
  readonly inspection: Inspection;
  readonly layouts: readonly Layout[];
  readonly choices: readonly Choice[];
  readonly bound: DecidedLayouts["bound"];
  readonly problems: readonly CollectionProblem[];
  readonly spills: readonly PlannedSpill[];
  readonly rules: readonly SuggestedRule[];
  /** Records that would go to quarantine: collection, code, count. */
  readonly setAside: readonly SetAside[];
  readonly misfits: readonly Misfit[];
  readonly files: {
    /** What makes the tables, and what is made behind the load. */
    readonly create: string;
    readonly afterLoad: string;
    readonly drizzle: string;
    readonly prisma: string;
    readonly prismaConfig: string;
  };
}

/**
 * Plans a copy. Nothing is written; the target is only asked for its tables, when collections are to be bound.
 *
 * @throws {OutgrowError} as `openSurveyed`; RULE_INVALID
 */
export async function plan(
  spec: string | readonly string[],
  target: Target | undefined,
  options: PlanOptions = {},
): Promise<Plan> {
  await using source = await openSurveyed(spec, options);
  const decided = await decideLayouts(source, target, options);
  const { inspection, layouts } = decided;
  const trial = await new Trial(layouts, decided.catalog, options.records ?? 0).run(
    source,
    options,
  );
  const input = { schema: options.schema ?? "public", layouts };
  const version = options.prisma ?? 7;
  return {
    inspection,
    layouts,
    choices: choicesOf(inspection, layouts, options),
    bound: decided.bound,
    problems: [...decided.problems, ...trial.problems()],
    spills: trial.spills(),
    rules: suggestedRules(inspection, options.rules ?? {}),
    setAside: trial.setAside(),
    misfits: trial.misfits,
    files: {
      ...sqlMigration(input),
      drizzle: drizzleSchema(input),
      prisma: prismaSchema(input, { version }),
      prismaConfig: prismaConfig(version),
    },
  };
}

const RULED: Readonly<Record<string, { rule: string; why: string }>> = {
  MONEY_TEXT: {
    rule: "money",
    why: "amounts as numbers that can be summed; how they were written is kept",
  },
  DATE_TEXT_AMBIGUOUS: {
    rule: "date(M/D/YYYY)",
    why: "dates that can be compared; say which of the numbers is the month",
  },
};

/** Why the inferred layouts are as they are. One that was given or bound has other reasons. */
function choicesOf(
  { collections }: Inspection,
  layouts: readonly Layout[],
  { layouts: given = {}, rules = {} }: PlanOptions,
): Choice[] {
  return collections.flatMap(({ name, choices }) => {
    const layout = layouts.find(({ collection }) => collection === name);
    if (given[name] !== undefined || layout?.tables[0].bound) return [];
    return choices.map((one) => {
      const rule = one.kind === "index" ? undefined : rules[`${name}.${one.subject}`];
      return rule === undefined || one.table !== layout?.tables[0].name
        ? one
        : { ...one, choice: rule, why: "a rule says so" };
    });
  });
}

/** For the findings that a rule is an answer to. Which rule is right, only a person knows. */
function suggestedRules({ findings }: Inspection, rules: Rules): SuggestedRule[] {
  return findings.flatMap(({ code, collection, property, count }) => {
    const ruled = RULED[code];
    if (ruled === undefined || property === undefined) return [];
    if (rules[`${collection}.${property}`] !== undefined) return [];
    return [
      { rule: `${collection}.${property}=${ruled.rule}`, why: `${count} values: ${ruled.why}` },
    ];
  });
}
