#!/usr/bin/env node
/** The command line. One file per command; this one only names them, their words and their options. */
import { readFileSync } from "node:fs";
import { setFlagsFromString } from "node:v8";
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";

// Records live for one batch: room that grows with their number would only be filled, by a third of all memory, and
// save hardly any time.
for (const flag of ["--semi-space-growth-factor=1", "--heap-growing-percent=150"]) {
  setFlagsFromString(flag);
}

const { version } = JSON.parse(
  readFileSync(new URL("../../package.json", import.meta.url), "utf8"),
) as { version: string };

const FORMATS = ["dexie", "localstorage", "json", "ndjson"];

function wholeNumber(text: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 0)
    throw new InvalidArgumentError("a whole number is wanted");
  return number;
}

function list(text: string, earlier: readonly string[] = []): string[] {
  return [...earlier, ...text.split(",").filter((name) => name !== "")];
}

const program = new Command("outgrow")
  .description(
    "Move an app's data out of localStorage, IndexedDB or JSON files into Postgres, exactly.",
  )
  .version(version)
  .showSuggestionAfterError()
  .configureHelp({ sortSubcommands: false })
  .exitOverride()
  .addHelpText(
    "after",
    `
Sources   a file or folder, or - for standard input; the format is recognised, or named before it:
          dexie:FILE  localstorage:FILE  json:FILE  ndjson:FILE
Targets   postgres://…, pglite:DIR, redis://…, rediss://…, https://… (Upstash), or @FILE that holds one.
          Default: DATABASE_URL, else REDIS_URL, else pglite:.outgrow/data
Exit      0 done  1 error  2 differences or quarantine  3 interrupted  75 somebody else is at work`,
  );

const json = new Option("--json", "print the result for a machine");
const to = new Option("--to <target>", "where the data goes");
const move = new Option("--move <name>", "name of the move (default: the source's name)");
const config = new Option(
  "--config <file>",
  "configuration (default: outgrow.config.ts, if there is one)",
);

function reading(command: Command): Command {
  return command
    .option("--only <names>", "only these collections", list)
    .option("--exclude <names>", "not these collections", list)
    .option("--limit <n>", "at most so many records of each collection", wholeNumber)
    .option("--repair", "accept missing and doubled commas between records, counted")
    .addOption(
      new Option("--dup-keys <how>", "a record that names a property twice").choices([
        "quarantine",
        "last",
      ]),
    )
    .addOption(config)
    .addOption(json);
}

function gather(text: string, earlier: readonly string[] = []): string[] {
  return [...earlier, text];
}

function layouts(command: Command): Command {
  return command
    .option("--schema <name>", "Postgres schema of the tables (default: public)")
    .option("--tenant <id>", "whose data it is; rows then carry a tenant_id")
    .option(
      "--bind [collections]",
      "into tables that are there: of these collections, or of all that have one of their name",
      list,
    )
    .option("--rule <rule>", "decide on a property: campaigns.price=money; may be repeated", gather)
    .addOption(
      new Option("--flatten <how>", "which lists of objects become tables (default: auto)").choices(
        ["none", "auto", "all"],
      ),
    );
}

reading(
  program
    .command("inspect")
    .description("what is there, types as they really are, findings; nothing is written")
    .argument("[source...]"),
).action(async (...args) =>
  (await import("./inspect.ts")).inspectCommand(...(args as [string[], never])),
);

layouts(
  reading(
    program
      .command("plan")
      .description(
        "the tables that a copy would make, why, and what would not fit; nothing is written",
      )
      .argument("[source...]"),
  ),
)
  .addOption(to)
  .option(
    "--records [n]",
    "name the records that do not fit (default: only count them)",
    wholeNumber,
  )
  .option(
    "--out <folder>",
    "write create.sql, after-load.sql, schema.ts (Drizzle) and prisma/schema.prisma there",
  )
  .addOption(new Option("--prisma <version>", "which Prisma the schema is for").choices(["6", "7"]))
  .option("--yes", "overwrite files that exist")
  .addHelpText(
    "after",
    `
Rules     money, money($), decimal(10,2), date(M/D/YYYY), date, timestamp, timestamp-seconds, timestamp-sql, epoch-ms,
          epoch-s, integer, number, boolean, text, uuid, jsonb, rest. What does not fit a column exactly is kept
          beside it and counted; money, decimal and date(…) also make a cell of what is only nearly so.`,
  )
  .action(async (...args) =>
    (await import("./plan.ts")).planCommand(...(args as [string[], never])),
  );

layouts(
  reading(
    program
      .command("copy")
      .description("copy a source into a target: streaming, resumable, idempotent")
      .argument("[source...]"),
  ),
)
  .addOption(to)
  .addOption(move)
  .option("--prune", "delete what an earlier copy brought and this source lacks")
  .option("--again", "begin a new run although an unfinished one saw another state of the source")
  .option("--dry-run", "inspect and show what would be made; nothing is written")
  .option("--yes", "answer yes to whatever is asked")
  .action(async (...args) =>
    (await import("./copy.ts")).copyCommand(...(args as [string[], never])),
  );

reading(
  program
    .command("verify")
    .description("compare every record with the source, both ways; differences are named")
    .argument("[source...]"),
)
  .addOption(to)
  .addOption(move)
  .action(async (...args) =>
    (await import("./verify.ts")).verifyCommand(...(args as [string[], never])),
  );

program
  .command("status")
  .description("the moves in a target and where they stand")
  .argument("[target]")
  .addOption(to)
  .addOption(move)
  .addOption(json)
  .action(async (...args) =>
    (await import("./status.ts")).statusCommand(...(args as [string, never])),
  );

const quarantine = program
  .command("quarantine")
  .description("records that could not be moved: list, show, edit, replay, accept");
for (const [name, description, argument] of [
  ["list", "what is in quarantine and why", ""],
  ["show", "one entry; --raw prints the record itself", "<id>"],
  ["edit", "replace an entry's bytes by those of --file (- for standard input)", "<id>"],
  ["replay", "try entries again: as they are, or as edited", "[ids...]"],
  ["accept", "leave an entry out for good, by name", "<id>"],
] as const) {
  const command = quarantine.command(name).description(description);
  if (argument !== "") command.argument(argument);
  command.addOption(to).addOption(move).addOption(json);
  if (name === "show") command.option("--raw", "print the record's bytes as the source has them");
  if (name === "edit") command.requiredOption("--file <file>", "the new bytes");
  if (name === "accept") command.option("--note <text>", "why");
  command.action(async (...args: unknown[]) => {
    const { quarantineCommand } = await import("./quarantine.ts");
    const options = args.at(-2) as never;
    await quarantineCommand(name, argument === "" ? [] : ([args[0]].flat() as string[]), options);
  });
}

program
  .command("export")
  .description("a move's records as a file again, equal in value and form")
  .argument("[target]")
  .requiredOption("--out <file>", "the file (a folder where the source was several files), or -")
  .addOption(new Option("--as <format>", "another format than the source's").choices(FORMATS))
  .addOption(to)
  .addOption(move)
  .option("--yes", "overwrite the file")
  .addOption(json)
  .action(async (...args) =>
    (await import("./export.ts")).exportCommand(...(args as [string, never])),
  );

program
  .command("snapshot")
  .description("how to get a dump out of a browser; or, with --out, a backup of a target's moves")
  .argument("[target]")
  .option("--out <folder>", "write a backup of every move in the target here")
  .option("--page <file>", "write a page to host beside the app")
  .addOption(to)
  .addOption(json)
  .action(async (...args) =>
    (await import("./snapshot.ts")).snapshotCommand(...(args as [string, never])),
  );

program
  .command("drop")
  .description("undo a copy: the move's tables and its ledger, nothing else")
  .argument("[target]")
  .addOption(to)
  .requiredOption("--move <name>", "the move to undo")
  .option("--yes", "do not ask")
  .addOption(json)
  .action(async (...args) => (await import("./drop.ts")).dropCommand(...(args as [string, never])));

program
  .command("init")
  .description(
    "write outgrow.config.ts, collection definitions, types and a storage.ts from a source",
  )
  .argument("[source...]")
  .option("--out <folder>", "where to write (default: .)", ".")
  .option("--yes", "overwrite files that exist")
  .addOption(json)
  .action(async (...args) =>
    (await import("./init.ts")).initCommand(...(args as [string[], never])),
  );

program
  .command("doctor")
  .description(
    "connection, roles, row security, exposure, durability, clock, versions: what would go wrong",
  )
  .argument("[target]")
  .addOption(to)
  .addOption(json)
  .action(async (...args) =>
    (await import("./doctor.ts")).doctorCommand(...(args as [string, never])),
  );

for (const [name, description] of [
  [
    "stage",
    "a live move: where it is; or, with a name, one stage forward or back through its gate",
  ],
  ["back", "a live move: one stage back, losing nothing"],
  ["watch", "a live move: a line whenever something changes"],
  ["backup", "a live move: export the target, restore it beside, and compare"],
  ["leave", "a live move that is complete: take away what is left of it"],
] as const) {
  const command = program.command(name).description(description);
  if (name === "stage") {
    command
      .argument("[stage]")
      .option("--resume", "end a change of stage that was interrupted")
      .option("--abort", "take such a change back")
      .option("--confirm <name>", "say by your name that there is no way back from complete")
      .option(
        "--follow [file]",
        "go towards the stage that a file (or OUTGROW_STAGE) names, through the gates as they open",
      );
  }
  if (name === "leave") {
    command
      .option("--forget", "the schema outgrow in the target too: the app's tables stay as they are")
      .option("--rest-to <file>", "with --forget: write there what lies only in that schema");
  }
  if (name === "backup") command.option("--out <folder>", "where to (default: .outgrow/backups)");
  command.addOption(to).addOption(move).addOption(config).addOption(json);
  command.action(async (...args: unknown[]) => {
    const live = await import("./live.ts");
    const options = args.at(-2) as never;
    if (name === "stage" && "follow" in (options as object)) {
      await (await import("./follow.ts")).followCommand(options);
    } else if (name === "stage") await live.stageCommand(args[0] as string | undefined, options);
    else await live[`${name}Command`](options);
  });
}

program
  .command("tour")
  .description("moves demo data into an embedded Postgres, verifies it, and shows what to do next")
  .option("--dir <folder>", "where the embedded database lies", ".outgrow/tour")
  .addOption(json)
  .action(async (...args) => (await import("./tour.ts")).tourCommand(...(args as [never])));

try {
  await program.parseAsync();
} catch (error) {
  // Commander has printed what was wrong; its help and version end here as well, with 0.
  process.exitCode = error instanceof CommanderError ? error.exitCode : 1;
  if (!(error instanceof CommanderError)) throw error;
}
