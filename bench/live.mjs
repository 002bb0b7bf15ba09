/**
 * `npm run bench:live`: the move of an app with 100,000 users and their transactions while it is used. How long each
 * part takes, and what each stage adds to the app's reads and writes, against stage off in the same run.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import {
  createWriteStream,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { Random } from "./data.mjs";
import { describeMachine, watchMachine } from "./machine.mjs";
import { Postgres, Redis, withClient } from "./servers.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));

const { values } = parseArgs({
  options: {
    users: { type: "string", default: "100000" },
    transactions: { type: "string", default: "100000" },
    clients: { type: "string", default: "8" },
    think: { type: "string", default: "100" },
    seconds: { type: "string", default: "10" },
    target: { type: "string", default: "postgres" },
    dist: { type: "string", default: join(here, "../dist") },
    out: { type: "string" },
  },
});
const [users, transactions, clients, thinkMs, seconds] = [
  ...[values.users, values.transactions, values.clients, values.think, values.seconds],
].map(Number);
const dist = resolve(values.dist);

const CREDITS = 1000;

async function writeSource(path) {
  const random = new Random(5);
  const file = createWriteStream(path);
  const write = async (text) => {
    if (!file.write(text)) await once(file, "drain");
  };
  const at = (index) => new Date(Date.UTC(2025, 0, 1) + index * 1000).toISOString();
  await write('{"users":[\n');
  for (let id = 1; id <= users; id++) {
    const user = { id, email: `user${id}@example.com`, credits: CREDITS, created_at: at(id) };
    await write(`${id === 1 ? "" : ",\n"}${JSON.stringify(user)}`);
  }
  await write('\n],"transactions":[\n');
  for (let index = 0; index < transactions; index++) {
    const user = 1 + random.below(users);
    const one = { id: `t${index}`, user, credits: 0, at: at(index) };
    await write(`${index === 0 ? "" : ",\n"}${JSON.stringify(one)}`);
  }
  file.end("\n]}\n");
  await once(file, "finish");
}

class App {
  #child;
  constructor(options) {
    this.#child = fork(join(here, "live-app.mjs"), [JSON.stringify(options)]);
  }

  async #told(message) {
    const [answer] = await Promise.all([
      once(this.#child, "message"),
      message === undefined ? undefined : this.#child.send(message),
    ]);
    return answer[0];
  }

  ready = () => this.#told();
  measured = () => this.#told("measured");
  end = () => this.#told("end");
}

const at = (sorted, share) =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];

function latency(times) {
  const sorted = [...times].sort((a, b) => a - b);
  return { count: sorted.length, p50: at(sorted, 0.5), p99: at(sorted, 0.99) };
}

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/** What the app says of a while: of a time, or for as long as some work takes. */
async function measure(app, name, work = () => pause(seconds * 1000)) {
  await app.measured();
  const startedAt = performance.now();
  await work();
  const took = (performance.now() - startedAt) / 1000;
  const { reads, writes, failed } = await app.measured();
  const row = { name, seconds: took, reads: latency(reads), writes: latency(writes), failed };
  console.error(describe(row));
  return row;
}

const ms = (value) => (value === undefined ? "-" : value.toFixed(1));

function describe({ name, seconds: took, reads, writes, failed }) {
  const both = [reads, writes].map(({ count, p50, p99 }) => `${count}: ${ms(p50)} / ${ms(p99)} ms`);
  const end = failed.length === 0 ? "" : `  failed ${failed.length}: ${[...new Set(failed)]}`;
  return `${name.padEnd(22)} ${took.toFixed(1)} s  reads ${both[0]}  writes ${both[1]}${end}`;
}

/** The whole way, with a while of use at each stage. @returns rows in their order. */
async function journey(move, app, folder) {
  const rows = [];
  const row = async (name, work) => void rows.push(await measure(app, name, work));
  await row("off");
  await row("-> dualwrite", () => move.advance("dualwrite"));
  await row("dualwrite");
  await row("copy beneath", () => move.copy());
  await row("verify beneath", async () => {
    const { clean } = await move.verify();
    if (!clean) throw new Error("The target is not what the source is.");
  });
  for (const stage of ["shadow", "live", "rampdown"]) {
    await row(`-> ${stage}`, () => move.advance(stage));
    await row(stage);
  }
  await row("backup beneath", () => move.backup(folder));
  await move.confirm("bench");
  await row("-> complete", () => move.advance("complete"));
  await row("complete");
  return rows;
}

/** Each credit that was there is there or was spent, and each transaction was kept. */
async function checkBooks(address, made) {
  if (!address.startsWith("postgres")) return "";
  return withClient(address, async (client) => {
    const { rows } = await client.query(
      `select (select sum(credits) from users)::bigint as left,
              (select count(*) from transactions)::bigint as kept`,
    );
    const [{ left, kept }] = rows;
    const spent = Number(kept) - transactions;
    if (spent !== made || Number(left) + spent !== users * CREDITS) {
      throw new Error(`The books do not balance: ${left} left, ${kept} kept, ${made} made.`);
    }
    return `${made} credits were spent; the books balance.`;
  });
}

function markdown({ rows, about }) {
  const [off] = rows;
  const cell = (row, what, which) => {
    const value = row[what][which];
    if (value === undefined) return "-";
    const added = value - off[what][which];
    return row === off ? ms(value) : `${ms(value)} (${added < 0 ? "" : "+"}${ms(added)})`;
  };
  return [
    `# An app of ${users.toLocaleString("en-US")} users moves while it is used: ${about.date}`,
    "",
    `${about.machine.cores} cores of ${about.machine.processor}, Node ${about.machine.node}, into ${about.target}; a JSON file of ${about.mebibytes} MiB,`,
    `${clients} clients that think for ${thinkMs} ms, one request in five a transaction. Milliseconds (against off). ${about.books}`,
    `Processor time of others: ${about.foreign === undefined ? "not known" : `${Math.round(about.foreign * 100)} %`}.`,
    "",
    "| | seconds | reads | p50 | p99 | writes | p50 | p99 | failed |",
    "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ...rows.map((row) => {
      const cells = ["reads", "writes"].flatMap((what) => [
        row[what].count,
        cell(row, what, "p50"),
        cell(row, what, "p99"),
      ]);
      return `| ${row.name} | ${row.seconds.toFixed(1)} | ${cells.join(" | ")} | ${row.failed.length} |`;
    }),
    "",
  ].join("\n");
}

async function main() {
  const folder = mkdtempSync(join(tmpdir(), "outgrow-live-"));
  const server = values.target === "redis" ? new Redis() : new Postgres();
  await server.start();
  const watched = watchMachine(server.processes);
  try {
    const file = join(folder, "database.json");
    await writeSource(file);
    const address = await server.fresh("live");
    const load = (path) => import(pathToFileURL(join(dist, path)).href);
    const [{ openTarget }, { openJsonFile }, { openMove }] = await Promise.all([
      load("index.js"),
      load("drivers/json-file/index.js"),
      load("move/index.js"),
    ]);
    const app = new App({ dist, address, file, users, clients, thinkMs });
    await app.ready();
    const target = await openTarget(address);
    const source = openJsonFile(file, {
      collections: ["users", "transactions"].map((name) => ({ name, key: "id" })),
    });
    const limits = { holdMs: 0, minCompared: 1, goodLatencyMs: 60_000 };
    const move = await openMove({ name: "bench", source, target, limits });
    const rows = await journey(move, app, folder);
    await move[Symbol.asyncDispose]();
    await target[Symbol.asyncDispose]();
    const { made } = await app.end();
    const books = await checkBooks(address, made);
    const { foreign } = watched();
    const about = {
      date: new Date().toISOString().slice(0, 10),
      machine: describeMachine(),
      target:
        values.target === "redis" ? `Redis ${server.version}` : `PostgreSQL ${server.version}`,
      mebibytes: Math.round(statSync(file).size / 2 ** 20),
      ...{ books, foreign },
    };
    const text = markdown({ rows, about });
    console.log(text);
    if (values.out !== undefined) {
      mkdirSync(values.out, { recursive: true });
      writeFileSync(join(values.out, `live-${values.target}.md`), text);
    }
    if (rows.some(({ failed }) => failed.length > 0)) process.exitCode = 1;
  } finally {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

await main();
