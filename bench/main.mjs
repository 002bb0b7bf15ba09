/**
 * `npm run bench`: the table of targets, measured in one interleaved run. In a round each method runs once; ratios
 * are formed within a round, and of several rounds the median counts. See README.md.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { LINES, methodsOf } from "./lines.mjs";
import { describeMachine, watchMachine } from "./machine.mjs";
import { Bench, has, METHODS } from "./methods.mjs";
import { describe, writeReport } from "./report.mjs";
import { Postgres, Redis } from "./servers.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    records: { type: "string", default: "200000" },
    many: { type: "string" },
    only: { type: "string", multiple: true },
    dist: { type: "string", default: join(here, "../dist") },
    out: { type: "string", default: join(here, "results") },
    list: { type: "boolean" },
  },
});

/** The peers are packages that nothing else of ours needs: installed here, for the benchmark alone. */
function installPeers() {
  const cwd = join(here, "peers");
  const env = {
    ...process.env,
    // Never run: it is looked for, and would be downloaded.
    PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
    PRISMA_HIDE_UPDATE_MESSAGE: "1",
    CHECKPOINT_DISABLE: "1",
    DATABASE_URL: "postgres://localhost/none",
  };
  const options = { cwd, env, stdio: ["ignore", "ignore", "inherit"] };
  execFileSync("npm", ["ci", "--ignore-scripts", "--prefer-offline"], options);
  const prisma = join(cwd, "node_modules/prisma/build/index.js");
  execFileSync(process.execPath, [prisma, "generate", "--schema", "schema.prisma"], options);
}

async function measure(bench, names, rounds, servers) {
  const results = [];
  const failures = new Map();
  for (let number = 0; number < rounds; number++) {
    const watched = watchMachine(servers.flatMap(({ processes }) => processes));
    const round = {};
    for (const name of names) {
      const { run, needs } = METHODS[name];
      if (needs !== undefined && !has(needs)) {
        failures.set(name, `${needs} is not on this machine`);
        continue;
      }
      process.stderr.write(`round ${number + 1} of ${rounds}  ${name.padEnd(20)}`);
      try {
        round[name] = await run(bench);
        process.stderr.write(`${describe(round[name])}\n`);
      } catch (error) {
        failures.set(name, error.message.split("\n")[0].replaceAll(bench.folder, "…"));
        process.stderr.write(`${error.stack}\n`);
      }
    }
    results.push({ methods: round, machine: watched() });
  }
  return { results, failures };
}

async function main() {
  const lines =
    values.only === undefined
      ? LINES
      : LINES.filter(({ name }) => values.only.flatMap((one) => one.split(",")).includes(name));
  if (values.list || lines.length === 0) {
    for (const { name, what, against } of LINES)
      console.log(`${name.padEnd(22)}${what} | ${against}`);
    if (lines.length === 0) process.exitCode = 1;
    return;
  }
  const records = Number(values.records);
  const names = methodsOf(lines, METHODS);
  const needsPeers = ["insert-loop", "prisma", "drizzle", "redis-hset", "copy-text"];
  if (names.some((name) => needsPeers.includes(name))) installPeers();
  const folder = mkdtempSync(join(tmpdir(), "outgrow-bench-"));
  const [postgres, redis] = [new Postgres(), new Redis()];
  const usesPsql = has("psql");
  const bench = new Bench({
    dist: resolve(values.dist),
    ...{ folder, postgres, redis, records, usesPsql },
    many: Number(values.many ?? records * 5),
  });
  try {
    await postgres.start();
    await redis.start();
    const measured = await measure(bench, names, Number(values.rounds), [postgres, redis]);
    const about = {
      date: new Date().toISOString().slice(0, 10),
      machine: describeMachine(),
      postgres: postgres.version,
      redis: redis.version,
      copy: usesPsql ? "psql" : "pg-copy-streams (there is no psql here)",
      records,
      many: bench.many,
      rounds: Number(values.rounds),
    };
    // A part of the table says nothing of the rest: it is printed, and the last whole one stays.
    writeReport({ about, lines, ...measured }, values.only === undefined ? values.out : undefined);
  } finally {
    await postgres.stop();
    await redis.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

await main();
