// The long version of what the tests check in short: properties with a hundred times the cases, moves and faults with
// five times the kills, cuts and planted changes. Every pass runs even if an earlier one failed. SEED replays a
// campaign; RUNS replaces the multiples of all passes; words after the command replace the passes by one of these.
import { spawn, spawnSync } from "node:child_process";
import { stripVTControlCharacters } from "node:util";

const seed = process.env.SEED ?? String(Math.floor(Math.random() * 2 ** 31));
const asked = process.argv.slice(2);

const PASSES =
  asked.length > 0
    ? [{ name: asked.join(" "), runs: 20, words: asked }]
    : [
        {
          name: "properties",
          runs: 100,
          words: ["test/collection", "test/layout", "test/formats", "test/drivers"],
        },
        { name: "moves", runs: 5, words: ["test/transfer"] },
        { name: "faults", runs: 5, words: ["test/faults"] },
      ];

/** One pass, shown as it runs; what its anchors said they reached is kept for the summary. */
function run({ name, runs, words }) {
  const startedAt = Date.now();
  const child = spawn("npx", ["vitest", "run", "--testTimeout=3600000", ...words], {
    stdio: ["inherit", "pipe", "inherit"],
    env: { ...process.env, RUNS: process.env.RUNS ?? String(runs), SEED: seed },
  });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text) => {
    process.stdout.write(text);
    output += text;
  });
  return new Promise((resolve) => {
    const end = (code) => {
      const lines = stripVTControlCharacters(output).split("\n");
      resolve({
        name,
        code,
        runs: process.env.RUNS ?? runs,
        minutes: ((Date.now() - startedAt) / 60_000).toFixed(1),
        tests: lines.find((line) => /^\s*Tests\s/.test(line))?.trim() ?? "no tests were run",
        reached: lines.filter((line) => /\bseed=/.test(line) && /\d/.test(line)),
      });
    };
    child.once("error", () => end(1));
    child.once("close", (code) => end(code ?? 1));
  });
}

console.log(`SEED=${seed}`);
const built = spawnSync("npm", ["run", "--silent", "build"], { stdio: "inherit" });
if (built.status !== 0) process.exit(built.status ?? 1);
const results = [];
for (const pass of PASSES) results.push(await run(pass));

console.log(`\nCampaign SEED=${seed}`);
for (const { name, code, runs, minutes, tests, reached } of results) {
  console.log(
    `${code === 0 ? "passed" : "FAILED"}  ${name}: RUNS=${runs}, ${minutes} min, ${tests}`,
  );
  for (const line of reached) console.log(`        ${line.trim()}`);
}
process.exitCode = results.find(({ code }) => code !== 0)?.code ?? 0;
