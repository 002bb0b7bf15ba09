import { statfs } from "node:fs/promises";
import { isRedis, openDatabase } from "../drivers/open-target.ts";
import { type Check, checkup } from "../drivers/postgres/checkup.ts";
import { targetAddress } from "./address.ts";
import { type CommonOptions, run } from "./run.ts";
import { bytes, style, visible } from "./screen.ts";

const MARKS = {
  ok: style("green", "ok      "),
  warning: style("yellow", "warning "),
  problem: style("red", "problem "),
} as const;

export function doctorCommand(named: string | undefined, options: CommonOptions): Promise<void> {
  return run(options, async () => {
    const { label, checks } = await examine(await targetAddress(named ?? options.to));
    return {
      result: { target: label, node: process.version, checks },
      text: () => checks.map(line).join("\n"),
      exit: checks.some(({ status }) => status === "problem") ? 2 : 0,
    };
  });
}

interface Examined {
  /** The address with its password masked. */
  readonly label: string;
  readonly checks: readonly Check[];
}

async function examine(address: string): Promise<Examined> {
  if (isRedis(address)) {
    const { examineRedis } = await import("../drivers/redis/index.ts");
    return examineRedis(address);
  }
  const { database, directory } = await openDatabase(address);
  try {
    const checks = [...(await checkup(database)), ...(await disk(directory))];
    return { label: database.label, checks };
  } finally {
    await database[Symbol.asyncDispose]();
  }
}

async function disk(directory: string | undefined): Promise<Check[]> {
  if (directory === undefined) return [];
  const { bavail, bsize } = await statfs(directory);
  const free = bavail * bsize;
  const enough = free > 2 ** 30;
  return [
    {
      name: "disk",
      status: enough ? "ok" : "warning",
      found: `${bytes(free)} free`,
      advice: enough ? "" : "A copy takes about two and a half times its source.",
    },
  ];
}

function line({ name, status, found, advice }: Check): string {
  const text = `${MARKS[status]}${name.padEnd(12)}${visible(found)}`;
  return advice === "" ? text : `${text}\n                    ${advice}`;
}
