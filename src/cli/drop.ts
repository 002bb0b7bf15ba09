import { createInterface } from "node:readline/promises";
import { OutgrowError } from "../errors.ts";
import { chooseMove } from "../transfer/export.ts";
import { type CommonOptions, run } from "./run.ts";
import { visible } from "./screen.ts";

interface DropOptions extends CommonOptions {
  readonly move: string;
  readonly yes?: boolean;
}

export function dropCommand(named: string | undefined, options: DropOptions): Promise<void> {
  return run(options, async (context) => {
    const target = await context.target(named ?? options.to);
    const move = await chooseMove(target, options.move);
    if (!options.yes) await confirm(move.name, target.label);
    const { tables } = await target.ledger.drop(move.name);
    return {
      result: { move: move.name, tables },
      text: () =>
        `Dropped the move ${visible(move.name)}: ${tables.map(visible).join(", ")}, and its ledger.`,
    };
  });
}

/** The name is typed, because what goes away is data. */
async function confirm(move: string, target: string): Promise<void> {
  if (process.stdin.isTTY !== true || process.stdout.isTTY !== true) {
    throw new OutgrowError("CONFIRM", { detail: `dropping ${move}` });
  }
  const lines = createInterface({ input: process.stdin, output: process.stdout });
  const answer = await lines.question(
    `This drops the tables of ${visible(move)} in ${visible(target)}. Type the move's name to go on: `,
  );
  lines.close();
  if (answer.trim() !== move)
    throw new OutgrowError("CONFIRM", { detail: "the name was not typed" });
}
