/**
 * What a copy would do, tried on every record without writing one: the tables, why they are as they are, what does
 * not fit a column and lies in the rest instead, what a rule makes of values, and which records would be set aside.
 */
import { displayKey } from "../collection/key.ts";
import { type ErrorCode, throwIfInterrupted } from "../errors.ts";
import type { Choice } from "../layout/choices.ts";
import { type CompiledLayout, compileLayout } from "../layout/compile.ts";
import { drizzleSchema, prismaConfig, prismaSchema, sqlMigration } from "../layout/emit/index.ts";
import type { Layout, SqlValue } from "../layout/layout.ts";
import type { Rules } from "../layout/rules.ts";
import type { Target } from "../store/driver.ts";
import type { Inspection, InspectOptions } from "./inspect.ts";
import {
  type CollectionProblem,
  type DecidedLayouts,
  decideLayouts,
  type LayoutOptions,
} from "./layouts.ts";
import { recordKey } from "./prepare.ts";
import { Meter } from "./progress.ts";
import { openSurveyed, type Source } from "./source.ts";

export interface PlanOptions extends InspectOptions, LayoutOptions {
  /** Which Prisma the schema is for. Default 7. */
  readonly prisma?: 6 | 7 | undefined;
  /** How many records that do not fit are named. Default 0: they are only counted. */
  readonly records?: number | undefined;
}

/** How often a value did not fit its column. */
export interface PlannedSpill {
  readonly collection: string;
  readonly column: string;
  /** Why; `RULE_…` where a rule made a cell that stands for the value. */
  readonly code: string;
  readonly count: number;
}

/** A rule that would make a better column of values which inference leaves as they are. */
export interface SuggestedRule {
  /** As it is given: `campaigns.price=money`. */
  readonly rule: string;
  readonly why: string;
}

/** A record with a value that does not fit, or one that would be set aside. Never its content. */
export interface Misfit {
  readonly collection: string;
  /** The key as a person reads it; its place in the file where there is none. */
  readonly key: string;
  readonly column: string | undefined;
  readonly code: string;
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
  readonly setAside: readonly {
    readonly collection: string;
    readonly code: ErrorCode;
    readonly count: number;
  }[];
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
  const trial = await new Trial(layouts, options.records ?? 0).run(source, options);
  const input = { schema: options.schema ?? "public", layouts };
  const version = options.prisma ?? 7;
  return {
    inspection,
    layouts,
    choices: choicesOf(inspection, layouts, options),
    bound: decided.bound,
    problems: decided.problems,
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

/** Every record encoded, and thrown away again. */
class Trial {
  readonly misfits: Misfit[] = [];
  readonly #most: number;
  readonly #compiled: ReadonlyMap<string, CompiledLayout>;
  readonly #spills = new Map<string, number>();
  readonly #aside = new Map<string, number>();

  constructor(layouts: readonly Layout[], most: number) {
    this.#compiled = new Map(layouts.map((layout) => [layout.collection, compileLayout(layout)]));
    this.#most = most;
  }

  async run(source: Source, options: PlanOptions): Promise<this> {
    const meter = new Meter("plan", source.bytes, options.onProgress);
    for (const file of source.files.keys()) {
      const before = source.bytesBefore(file);
      for await (const batch of source.read(file)) {
        throwIfInterrupted(options.signal);
        const compiled = this.#compiled.get(batch.collection);
        if (compiled === undefined) continue;
        for (const { code, position } of batch.bad) {
          this.#setAside(batch.collection, `#${position}`, code);
        }
        for (const record of batch.records) {
          const found = recordKey(compiled, record);
          if ("code" in found) {
            this.#setAside(batch.collection, `#${record.position}`, found.code);
          } else {
            this.#encode(compiled, found.key, record.value);
          }
        }
        meter.advance(batch.collection, batch.records.length, before + batch.offset);
      }
    }
    meter.finish();
    return this;
  }

  #encode(
    compiled: CompiledLayout,
    key: string,
    value: Parameters<CompiledLayout["encode"]>[1],
  ): void {
    const { collection } = compiled.layout;
    const rows: SqlValue[][][] = compiled.tables.map(() => []);
    const spill = (column: string, code: string): void => {
      this.#note(collection, displayKey(key), column, code);
      add(this.#spills, [collection, column, code].join("\u0000"));
    };
    compiled.encode(key, value, "default", rows, { spill, late: () => {} });
  }

  #setAside(collection: string, key: string, code: ErrorCode): void {
    this.#note(collection, key, undefined, code);
    add(this.#aside, [collection, code].join("\u0000"));
  }

  #note(collection: string, key: string, column: string | undefined, code: string): void {
    if (this.misfits.length < this.#most) this.misfits.push({ collection, key, column, code });
  }

  spills(): PlannedSpill[] {
    return [...this.#spills].map(([place, count]) => {
      const [collection = "", column = "", code = ""] = place.split("\u0000");
      return { collection, column, code, count };
    });
  }

  setAside(): Plan["setAside"] {
    return [...this.#aside].map(([place, count]) => {
      const [collection = "", code = ""] = place.split("\u0000");
      return { collection, code: code as ErrorCode, count };
    });
  }
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

function add(counts: Map<string, number>, place: string): void {
  counts.set(place, (counts.get(place) ?? 0) + 1);
}
