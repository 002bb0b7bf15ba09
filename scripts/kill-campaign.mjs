// A large move that is killed again and again: does it end as one that nobody disturbed, and what did that cost?
//
//   npm run campaign:kills            1,000,000 records, 300 kills; RECORDS, KILLS, SEED and DATABASE_URL replace these
//
// Kills come at random moments, as many as there are asked for, so that nearly all batches are hit. Without
// DATABASE_URL the tests' own Postgres is used.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import pg from "pg";

const RECORDS = Number(process.env.RECORDS ?? 1_000_000);
const KILLS = Number(process.env.KILLS ?? 300);
const SEED = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
const cli = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));
const server = process.env.DATABASE_URL;
if (server === undefined) throw new Error("DATABASE_URL: a server where databases may be made");

let state = SEED >>> 0;
function random() {
  state = (state + 0x6d2b79f5) >>> 0;
  let mixed = Math.imul(state ^ (state >>> 15), state | 1);
  mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
}

async function write(path) {
  const out = createWriteStream(path);
  for (let id = 1; id <= RECORDS; id++) {
    const record = {
      id,
      title: `note ${id}`,
      at: new Date(1.7e12 + id * 1000).toISOString(),
      done: id % 3 === 0,
      body: "word ".repeat(1 + (id % 60)),
    };
    if (!out.write(`${JSON.stringify(record)}\n`)) await once(out, "drain");
  }
  out.end();
  await once(out, "close");
}

async function query(url, text) {
  const client = new pg.Client(url);
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}

async function database(name) {
  await query(server, `drop database if exists ${name}`);
  await query(server, `create database ${name}`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  return url.href;
}

/** All rows, their digests, and nothing of the way that led there. */
const stateOf = (url) =>
  query(
    url,
    `select (select count(*) || ' ' || sum(hashtextextended(t::text, 0)) from notes t) as rows,
            (select count(*) || ' ' || sum(hashtextextended(concat_ws(' ', key, revision, digest, state, position), 0)) from outgrow.record) as sidecar,
            (select string_agg(concat_ws(' ', name, read, applied, duplicate, stale, quarantined), ',') from outgrow.collection) as counts`,
  );

function copy(file, url) {
  const child = spawn(process.execPath, [cli, "copy", file, "--to", url, "--json"], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  child.stderr.on("data", (text) => {
    said += text;
  });
  return { child, ended: once(child, "close").then(([code, signal]) => ({ code, signal, said })) };
}

const folder = mkdtempSync(join(tmpdir(), "outgrow-kills-"));
const file = join(folder, "notes.ndjson");
await write(file);
const clean = await database("outgrow_kills_clean");
let startedAt = Date.now();
const first = await copy(file, clean).ended;
if (first.code !== 0) throw new Error(first.said);
const cleanMs = Date.now() - startedAt;
const expected = JSON.stringify(await stateOf(clean));

const killed = await database("outgrow_kills");
let kills = 0;
let totalMs = 0;
let runs = 0;
for (;;) {
  startedAt = Date.now();
  const { child, ended } = copy(file, killed);
  const left = KILLS - kills;
  // The kills that are left, spread over what a clean run takes and a start for each.
  const timer =
    left > 0
      ? setTimeout(() => child.kill("SIGKILL"), 200 + random() * 2 * Math.max(200, cleanMs / KILLS))
      : undefined;
  const { code, signal, said } = await ended;
  clearTimeout(timer);
  totalMs += Date.now() - startedAt;
  runs++;
  if (signal === "SIGKILL") {
    kills++;
    continue;
  }
  if (code !== 0) throw new Error(`SEED=${SEED}, behind kill ${kills}: ${said}`);
  break;
}
const same = JSON.stringify(await stateOf(killed)) === expected;
rmSync(folder, { recursive: true });
console.log(
  `SEED=${SEED} ${RECORDS} records: clean run ${(cleanMs / 1000).toFixed(1)} s; ${kills} kills, ${runs} runs, ${(totalMs / 1000).toFixed(1)} s together (${(totalMs / cleanMs).toFixed(2)} times)`,
);
console.log(
  same ? "the same end: every row, digest, revision, position and count" : "NOT the same end",
);
process.exitCode = same ? 0 : 1;
