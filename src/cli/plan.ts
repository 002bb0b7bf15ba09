import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { OutgrowError } from "../errors.ts";
import { type Plan, plan } from "../transfer/plan.ts";
import { type LayoutFlags, layoutOptions } from "./layout-options.ts";
import { run } from "./run.ts";
import { count, style, table, visible } from "./screen.ts";
import { type ReadingOptions, reading } from "./source-options.ts";

interface PlanCommandOptions extends ReadingOptions, LayoutFlags {
  readonly out?: string;
  readonly prisma?: "6" | "7";
  readonly records?: number | boolean;
  readonly yes?: boolean;
}

const NAMED = 100;

export function planCommand(
  sources: readonly string[],
  options: PlanCommandOptions,
): Promise<void> {
  return run(options, async (context) => {
    const { spec, config, options: source } = await reading(sources, options, context);
    const layouts = layoutOptions(options, config);
    // Only binding has to know what is there.
    const asked = layouts.bind === undefined ? undefined : (options.to ?? config.target);
    const target = layouts.bind === undefined ? undefined : await context.target(asked);
    const planned = await plan(spec, target, {
      ...source,
      ...layouts,
      prisma: options.prisma === "6" ? 6 : 7,
      records: options.records === true ? NAMED : Number(options.records ?? 0),
    });
    const written =
      options.out === undefined ? [] : await writePlan(planned, options.out, options.yes ?? false);
    const refused = planned.problems.some(({ fatal }) => fatal);
    return {
      result: { written, ...planned },
      text: () => planText(planned, written),
      exit: refused || planned.setAside.length > 0 ? 2 : 0,
    };
  });
}

/**
 * Writes a plan's files, each where the tool that reads it looks for it.
 *
 * @returns their paths. @throws {OutgrowError} EXPORT_EXISTS unless they may be overwritten.
 */
export async function writePlan(
  planned: Pick<Plan, "files">,
  folder: string,
  overwrite: boolean,
): Promise<string[]> {
  const { create, afterLoad, drizzle, prisma, prismaConfig } = planned.files;
  const files = [
    ["create.sql", create],
    ["after-load.sql", afterLoad],
    ["schema.ts", drizzle],
    // Where prisma.config.ts says that it is, and `prisma generate` without one looks too.
    ["prisma/schema.prisma", prisma],
    ["prisma.config.ts", prismaConfig],
  ] as const;
  const paths: string[] = [];
  for (const [name, text] of files) {
    const path = join(folder, name);
    await mkdir(dirname(path), { recursive: true });
    try {
      await writeFile(path, text, { flag: overwrite ? "w" : "wx" });
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== "EEXIST") throw cause;
      throw new OutgrowError("EXPORT_EXISTS", { file: path }, { cause });
    }
    paths.push(path);
  }
  return paths;
}

/** A plan as a person reads it. */
export function planText(planned: Plan, written: readonly string[] = []): string {
  const parts = [
    heading("Why", choicesText(planned)),
    heading("Tables that are there", boundText(planned)),
    heading("In the way, and to know", problemsText(planned)),
    heading("Kept exactly, beside their column", spillsText(planned)),
    heading("Into quarantine", asideText(planned)),
    heading("Records", misfitsText(planned)),
    heading("Rules that would make better columns", rulesText(planned)),
    heading("Worth deciding", proposalsText(planned)),
    written.length === 0 ? sqlText(planned) : `Wrote ${written.map(visible).join(", ")}.`,
    "Nothing was written to a database.",
  ];
  return parts.filter((part) => part !== "").join("\n\n");
}

const heading = (words: string, text: string): string =>
  text === "" ? "" : `${style("bold", words)}\n${text}`;

function choicesText({ choices }: Plan): string {
  if (choices.length === 0) return "";
  return table(
    ["table", "of", "becomes", "because"],
    choices.map((one) => [one.table, visible(one.subject), visible(one.choice), visible(one.why)]),
  );
}

function boundText({ bound }: Plan): string {
  if (bound.length === 0) return "";
  return table(
    ["collection", "of", "becomes", "because"],
    bound.map(({ collection, subject, choice, why }) =>
      [collection, subject, choice, why].map(visible),
    ),
  );
}

function problemsText({ problems }: Plan): string {
  return [...notNullByTable(problems)]
    .sort((a, b) => Number(b.fatal) - Number(a.fatal))
    .map(({ code, fatal, message, next }) => {
      const mark = fatal ? style("red", "stops ") : style("dim", "know  ");
      return `  ${mark} ${code}  ${visible(message)} ${visible(next)}`;
    })
    .join("\n");
}

type Problem = Plan["problems"][number];

/** What all records seen so far have, and has to stay so, is one line for a table and not one for each column. */
function notNullByTable(problems: readonly Problem[]): Problem[] {
  const isPlain = ({ code, fatal, column }: Problem): boolean =>
    code === "NOT_NULL" && !fatal && column !== undefined;
  const said = new Set<string>();
  return problems.flatMap((problem) => {
    if (!isPlain(problem)) return [problem];
    const { collection, table: name } = problem;
    const place = [collection, name].join("\u0000");
    if (said.has(place)) return [];
    said.add(place);
    const alike = problems.filter(
      (one) => isPlain(one) && one.collection === collection && one.table === name,
    );
    if (alike.length === 1) return [problem];
    const columns = alike.map(({ column }) => column).join(", ");
    const message = `${name} refuses NULL in ${count(alike.length, "column")} without a default: ${columns}. A record that lacks one is refused.`;
    return [{ ...problem, message, next: "Say what to write instead in fills." }];
  });
}

function spillsText({ spills }: Plan): string {
  if (spills.length === 0) return "";
  return table(
    ["column", "why", ">values"],
    spills.map(({ collection, column, code, count: times }) => [
      visible(`${collection}.${column}`),
      code,
      times.toLocaleString("en-US"),
    ]),
  );
}

function asideText({ setAside }: Plan): string {
  if (setAside.length === 0) return "";
  return table(
    ["collection", "code", ">records"],
    setAside.map(({ collection, code, count: times }) => [
      visible(collection),
      code,
      String(times),
    ]),
  );
}

function misfitsText({ misfits }: Plan): string {
  if (misfits.length === 0) return "";
  return table(
    ["collection", "key", "column", "code"],
    misfits.map(({ collection, key, column = "", code }) =>
      [collection, key, column, code].map(visible),
    ),
  );
}

function rulesText({ rules }: Plan): string {
  return rules.map(({ rule, why }) => `  --rule '${visible(rule)}'   ${why}`).join("\n");
}

function proposalsText({ inspection }: Plan): string {
  const lines: string[] = [];
  for (const { proposals } of inspection.collections) {
    for (const { table: name, columns, to, evidence } of proposals.foreignKeys) {
      lines.push(`  ${name}(${columns.join(", ")}) references ${to.table}: ${visible(evidence)}`);
    }
    for (const { table: name, columns } of proposals.unique) {
      lines.push(`  ${name}(${columns.join(", ")}) is unique in all records`);
    }
    for (const name of new Set(proposals.notNull.map(({ table: one }) => one))) {
      const full = proposals.notNull.filter(({ table: one }) => one === name);
      const names = full.map(({ column }) => column).join(", ");
      lines.push(`  ${name}: ${count(full.length, "column")} without NULL so far: ${names}`);
    }
  }
  return lines.join("\n");
}

function sqlText({ files }: Plan): string {
  return [
    heading("Before the load", files.create.trimEnd()),
    heading("Behind it", files.afterLoad.trimEnd()),
  ]
    .filter((part) => part !== "")
    .join("\n\n");
}
