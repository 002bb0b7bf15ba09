// The long version of what the tests check in short: properties with a hundred times the cases, and kills by the
// hundred. RUNS and SEED may be set; the seed of what failed is printed and replays it.
import { spawnSync } from "node:child_process";

const seed = process.env.SEED ?? String(Math.floor(Math.random() * 2 ** 31));
console.log(`SEED=${seed}`);
for (const command of [
  ["npm", "run", "--silent", "build"],
  [
    "npx",
    "vitest",
    "run",
    "--testTimeout=3600000",
    ...(process.argv.length > 2
      ? process.argv.slice(2)
      : ["test/collection", "test/layout", "test/formats", "test/drivers", "test/transfer"]),
  ],
]) {
  const [program, ...words] = command;
  const { status } = spawnSync(program, words, {
    stdio: "inherit",
    env: { ...process.env, RUNS: process.env.RUNS ?? "20", SEED: seed },
  });
  if (status !== 0) process.exit(status ?? 1);
}
