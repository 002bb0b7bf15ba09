// The long version of what the tests check in short: properties with a hundred times the cases, those that go through
// a store with ten times as many, moves and faults with five times the kills, cuts and planted changes, rehearsals of whole moves under load and faults. Every pass runs
// even if an earlier one failed. SEED replays a campaign; RUNS replaces the multiples of all passes; words after the
// command replace the passes by one of these, or by `rehearsals`.
import { spawn, spawnSync } from "node:child_process";
import { stripVTControlCharacters } from "node:util";

const seed = process.env.SEED ?? String(Math.floor(Math.random() * 2 ** 31));
const asked = process.argv.slice(2);

/** An app goes through all stages: with faults once per seed, and once into the embedded database. */
const REHEARSALS = { name: "rehearsals", runs: 3, rehearses: "picture-ai" };

const PASSES =
  asked.join() === "rehearsals"
    ? [REHEARSALS]
    : asked.length > 0
      ? [{ name: asked.join(" "), runs: 20, words: asked }]
      : [
          {
            name: "properties",
            runs: 100,
            words: ["test/collection", "test/layout", "test/formats"],
          },
          { name: "stores", runs: 10, words: ["test/drivers"] },
          { name: "moves", runs: 5, words: ["test/transfer"] },
          { name: "faults", runs: 5, words: ["test/faults"] },
          REHEARSALS,
        ];

/** A program, shown as it runs. @returns its exit code and the lines that it said. */
function shown(command, words, environment) {
  const child = spawn(command, words, {
    stdio: ["inherit", "pipe", "inherit"],
    env: { ...process.env, ...environment },
  });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text) => {
    process.stdout.write(text);
    output += text;
  });
  return new Promise((resolve) => {
    const end = (code) => resolve({ code, lines: stripVTControlCharacters(output).split("\n") });
    child.once("error", () => end(1));
    child.once("close", (code) => end(code ?? 1));
  });
}

/** One pass; what its anchors said they reached is kept for the summary. */
async function run(pass) {
  const startedAt = Date.now();
  const runs = process.env.RUNS ?? String(pass.runs);
  const result = pass.rehearses === undefined ? await test(pass, runs) : await rehearse(pass, runs);
  const minutes = ((Date.now() - startedAt) / 60_000).toFixed(1);
  return { name: pass.name, runs, minutes, ...result };
}

async function test({ words }, runs) {
  const all = ["vitest", "run", "--testTimeout=3600000", ...words];
  const { code, lines } = await shown("npx", all, { RUNS: runs, SEED: seed });
  const tests = lines.find((line) => /^\s*Tests\s/.test(line))?.trim() ?? "no tests were run";
  return { code, tests, reached: lines.filter((line) => /\bseed=/.test(line) && /\d/.test(line)) };
}

async function rehearse({ rehearses }, runs) {
  const journeys = [["--target", "pglite"]];
  for (let count = 0; count < Number(runs); count++) journeys.push(["--faults"]);
  const reached = [];
  let failed = 0;
  for (const [index, words] of journeys.entries()) {
    const all = ["scripts/rehearse.mjs", rehearses, ...words];
    const { code, lines } = await shown(process.execPath, all, { SEED: String(+seed + index) });
    if (code !== 0) failed++;
    reached.push(...lines.filter((line) => /SEED=|claim|: \d+, /.test(line)));
  }
  const tests = `${journeys.length - failed} of ${journeys.length} held every claim`;
  return { code: failed === 0 ? 0 : 1, tests, reached };
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
