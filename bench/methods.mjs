/**
 * What is measured: ours and the others', each once in a round. Every method runs in a process of its own, in a
 * database of its own that was made for it before the clock starts.
 */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { createWriteStream, mkdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { fileURLToPath, pathToFileURL } from "node:url";
import copyStreams from "pg-copy-streams";
import { writeData } from "./data.mjs";
import { processorSeconds } from "./machine.mjs";
import { withClient } from "./servers.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));

export function has(program) {
  return spawnSync(program, ["--version"], { stdio: "ignore" }).status === 0;
}

/** @returns how long it ran, and what it printed. @param servers whose processor time is told as well. */
async function run(program, parameters, servers = [], ownServers = false) {
  const before = [processorSeconds([process.pid]), processorSeconds(servers)];
  const startedAt = performance.now();
  const child = spawn(program, parameters, { stdio: ["ignore", "pipe", "pipe"] });
  const ended = once(child, "close");
  const [output, error] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const [code] = await ended;
  const seconds = (performance.now() - startedAt) / 1000;
  if (code !== 0) throw new Error(`${program} ended with ${code}: ${error || output}`);
  const after = [processorSeconds([process.pid]), processorSeconds(servers)];
  const [clientSeconds, serverSeconds] = after.map((spent, index) =>
    spent === undefined ? undefined : spent - before[index],
  );
  // A server that we have started is a child of ours as well.
  const own =
    ownServers && clientSeconds !== undefined ? clientSeconds - serverSeconds : clientSeconds;
  return { seconds, clientSeconds: own, serverSeconds, output };
}

/** A script of ours, which prints its result last. */
async function script(file, parameters, job) {
  const path = join(here, file);
  const { output } = await run(process.execPath, [path, ...parameters, JSON.stringify(job)]);
  return JSON.parse(output.trim().split("\n").at(-1));
}

/** What all methods share. */
export class Bench {
  constructor({ dist, folder, postgres, redis, records, many, usesPsql }) {
    Object.assign(this, { dist, folder, postgres, redis, records, many, usesPsql });
    this.few = Math.min(10_000, records);
  }

  /** Files are made when they are first asked for. */
  async file(name, options) {
    const path = join(this.folder, name);
    try {
      statSync(path);
    } catch {
      mkdirSync(join(path, ".."), { recursive: true });
      await writeData(path, options);
    }
    return path;
  }

  generations(shape, count = this.records, folder = "all") {
    const ending = shape === "dexie" ? "dexie.json" : shape;
    const options = { kind: "generations", shape, count };
    return this.file(`${folder}/generations.${ending}`, options);
  }

  get servers() {
    return [...this.postgres.processes, ...this.redis.processes];
  }

  product(job) {
    return script("product.mjs", [this.dist], { servers: this.servers, ...job });
  }

  peer(job) {
    return script("peers/run.mjs", [], { servers: this.servers, ...job });
  }

  bare(job) {
    return script("bare.mjs", [], job);
  }

  /** Spends: a few for each record of the usual number, or there would be minutes of them. */
  credits(kind, url) {
    const dist = join(this.dist, "../platform/dist");
    const count = Math.ceil(this.records / 10);
    return script("credits.mjs", [dist], { kind, url, count, servers: this.servers });
  }

  #templates = new Map();

  /** A copy of a database that is filled once. */
  async prepared(name, fill) {
    const template = `${name}_template`;
    if (!this.#templates.has(template)) {
      const url = await this.postgres.fresh(template);
      this.#templates.set(template, await fill(url));
    }
    return { url: await this.postgres.fresh(name, template), of: this.#templates.get(template) };
  }

  /** A database in which a move is planned and nothing is copied. */
  async planned(name, source) {
    const { url } = await this.prepared(name, (target) =>
      this.product({ kind: "prepare", target, source, move: "bench" }),
    );
    return url;
  }

  async import(name, source) {
    const target = await this.planned(name, source);
    return this.product({ kind: "copy", target, source, move: "bench" });
  }

  /** The command line, into a database or from one that a copy has filled. */
  cli(command, target, source) {
    const words = [command, source, "--to", target, "--move", "bench", "--json"];
    return this.product({ kind: "cli", words });
  }

  /** Tables as a copy makes them, with their indexes, empty; and their rows as text of COPY. */
  encoded(name, source) {
    return this.prepared(`${name}_tables`, async (url) => {
      await this.product({ kind: "prepare", target: url, source, move: "bench" });
      await this.product({ kind: "copy", target: url, source, move: "bench" });
      return withClient(url, async (client) => {
        const { rows } = await client.query(
          `select c.relname as name, string_agg(quote_ident(a.attname), ', ' order by a.attnum) as columns
           from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0
           where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace
           group by c.oid order by c.oid`,
        );
        const tables = [];
        for (const { name: table, columns } of rows) {
          const file = join(this.folder, `${name}.${table}.copy`);
          const copyText = `copy "${table}" (${columns})`;
          const stream = client.query(copyStreams.to(`${copyText} to stdout`));
          await pipeline(stream, createWriteStream(file));
          tables.push({ table, columns, copyText, file, rows: stream.rowCount });
        }
        const names = rows.map(({ name: table }) => `"${table}"`).join(", ");
        await client.query(`truncate ${names}`);
        return tables;
      });
    });
  }

  async copyText(name, source, records) {
    const { url, of: tables } = await this.encoded(name, source);
    const spent = this.usesPsql
      ? await this.#psql(url, tables)
      : await this.peer({ kind: "copyText", url, tables });
    await this.#expectRows(url, tables);
    return { ...spent, records };
  }

  async #psql(url, tables) {
    const commands = tables.flatMap(({ copyText, file }) => ["-c", `\\${copyText} from '${file}'`]);
    const { output: _, ...spent } = await run(
      "psql",
      ["-qX", url, ...commands],
      this.postgres.processes,
      this.postgres.isOwn,
    );
    return spent;
  }

  async #expectRows(url, tables) {
    await withClient(url, async (client) => {
      for (const { table, rows } of tables) {
        const { rows: counted } = await client.query(`select count(*)::int as n from "${table}"`);
        if (counted[0].n !== rows) throw new Error(`${counted[0].n} of ${rows} rows of ${table}`);
      }
    });
  }

  /** The same rows into the same table, by an ORM or a loop. */
  async intoTable(kind, count) {
    const source = await this.generations("dexie");
    const { url } = await this.encoded("main", source);
    return this.peer({ kind, url, count });
  }

  async pgloader() {
    const source = await this.generations("dexie");
    const { url, of: tables } = await this.encoded("main", source);
    const [{ file, columns, rows }] = tables;
    const command = join(this.folder, "pgloader.load");
    const target = url.replace(/^postgres:/, "postgresql:");
    writeFileSync(
      command,
      `LOAD COPY FROM '${file}' (${columns}) INTO ${target} TARGET TABLE generations (${columns}) WITH batch rows = 10000;\n`,
    );
    const options = ["--root-dir", this.folder, command];
    const { output: _, ...spent } = await run(
      "pgloader",
      options,
      this.postgres.processes,
      this.postgres.isOwn,
    );
    await this.#expectRows(url, tables);
    return { ...spent, records: rows };
  }

  async existing() {
    const source = await this.generations("dexie");
    const { url } = await this.prepared("existing", async (target) => {
      const options = { kind: "generations", shape: "dexie", count: 100, seed: 9 };
      const other = await this.file("other/generations.dexie.json", options);
      await this.product({ kind: "copy", target, source: other, move: "bench" });
      return this.product({ kind: "prepare", target, source, move: "bench", again: true });
    });
    return this.product({ kind: "copy", target: url, source, move: "bench" });
  }

  async pgliteCopy() {
    const source = await this.generations("dexie", this.few, "few");
    const { of: tables } = await this.encoded("few", source);
    const load = (path) => import(pathToFileURL(join(this.dist, path)).href);
    const [{ inspect }, { sqlMigration }] = await Promise.all([
      load("index.js"),
      load("layout/emit/index.js"),
    ]);
    const { collections } = await inspect(source);
    const layouts = collections.map(({ layout }) => layout);
    const { create, afterLoad } = sqlMigration({ schema: "public", layouts });
    const folder = join(this.folder, "pglite-copy");
    return this.bare({ kind: "pglite", folder, sql: create + afterLoad, tables });
  }
}

/** In the order of a round. `after` names what must have run before in the same round. */
const credits = (kind, server) => ({
  run: async (bench) => bench.credits(kind, await bench[server].fresh("credits")),
});

export const METHODS = {
  nothing: { run: (bench) => bench.bare({ kind: "nothing" }) },
  "cli-start": { run: cliStart },
  "copy-text": {
    run: async (bench) => bench.copyText("main", await bench.generations("dexie"), bench.records),
  },
  import: { run: async (bench) => bench.import("main", await bench.generations("dexie")) },
  verify: {
    after: "import",
    run: async (bench) =>
      bench.product({
        kind: "verify",
        target: bench.postgres.urlOf("main"),
        source: await bench.generations("dexie"),
        move: "bench",
      }),
  },
  inspect: {
    run: async (bench) =>
      bench.product({ kind: "inspect", source: await bench.generations("dexie") }),
  },
  "import-existing": { run: (bench) => bench.existing() },
  "first-copy": {
    run: async (bench) => {
      const target = await bench.postgres.fresh("first");
      const source = await bench.generations("dexie");
      return bench.product({ kind: "copy", target, source, move: "bench" });
    },
  },
  "second-copy": {
    after: "first-copy",
    run: async (bench) => {
      const target = bench.postgres.urlOf("first");
      const source = await bench.generations("dexie");
      return bench.product({ kind: "copy", target, source, move: "bench" });
    },
  },
  "copy-children": {
    run: async (bench) => bench.copyText("children", await products(bench), bench.records),
  },
  "import-children": {
    run: async (bench) => bench.import("children", await products(bench)),
  },
  "insert-loop": { run: (bench) => bench.intoTable("insertLoop", 2000) },
  prisma: { run: (bench) => bench.intoTable("prismaCreate", 500) },
  drizzle: { run: (bench) => bench.intoTable("drizzleBatches", 10_000) },
  pgloader: { needs: "pgloader", run: (bench) => bench.pgloader() },
  "import-few": {
    run: async (bench) => bench.import("few", await bench.generations("dexie", bench.few, "few")),
  },
  "import-many": {
    run: async (bench) =>
      bench.import("many", await bench.generations("dexie", bench.many, "many")),
  },
  "cli-few": {
    run: async (bench) => {
      const source = await bench.generations("dexie", bench.few, "few");
      return bench.cli("copy", await bench.postgres.fresh("cli"), source);
    },
  },
  "cli-many": {
    run: async (bench) => {
      const source = await bench.generations("dexie", bench.many, "many");
      return bench.cli("copy", await bench.postgres.fresh("cli"), source);
    },
  },
  "cli-verify": {
    after: "cli-many",
    run: async (bench) => {
      const source = await bench.generations("dexie", bench.many, "many");
      return bench.cli("verify", bench.postgres.urlOf("cli"), source);
    },
  },
  "cli-large": {
    run: async (bench) => {
      const options = { kind: "large", shape: "dexie", count: Math.ceil(bench.records / 4) };
      const source = await bench.file("large/large.dexie.json", options);
      return bench.cli("copy", await bench.postgres.fresh("large"), source);
    },
  },
  "cli-redis": {
    run: async (bench) =>
      bench.cli("copy", await bench.redis.fresh(), await bench.generations("dexie")),
  },
  "parse-dexie": {
    run: async (bench) =>
      bench.bare({
        kind: "parse",
        source: await bench.generations("dexie"),
        at: ["data", "data", 0, "rows"],
      }),
  },
  "scan-dexie": {
    run: async (bench) => bench.product({ kind: "scan", source: await bench.generations("dexie") }),
  },
  "parse-json": {
    run: async (bench) =>
      bench.bare({ kind: "parse", source: await bench.generations("json"), at: [] }),
  },
  "scan-json": {
    run: async (bench) => bench.product({ kind: "scan", source: await bench.generations("json") }),
  },
  "pglite-copy": { run: (bench) => bench.pgliteCopy() },
  "pglite-import": {
    run: async (bench) =>
      bench.product({
        kind: "pgliteImport",
        folder: join(bench.folder, "pglite-import"),
        source: await bench.generations("dexie", bench.few, "few"),
        move: "bench",
      }),
  },
  "redis-hset": {
    run: async (bench) =>
      bench.peer({ kind: "redisHset", url: await bench.redis.fresh(), count: bench.records }),
  },
  "redis-driver": {
    run: async (bench) =>
      bench.product({
        kind: "redisDriver",
        target: await bench.redis.fresh(),
        source: await bench.generations("dexie"),
        move: "bench",
        count: bench.records,
      }),
  },
  "credits-update": credits("update", "postgres"),
  "credits-postgres": credits("postgres", "postgres"),
  "credits-lua": credits("lua", "redis"),
  "credits-redis": credits("redis", "redis"),
  "redis-import": {
    run: async (bench) => {
      const target = await bench.redis.fresh();
      const source = await bench.generations("dexie");
      await bench.product({ kind: "prepare", target, source, move: "bench" });
      return bench.product({ kind: "copy", target, source, move: "bench" });
    },
  },
};

function products(bench) {
  const options = { kind: "products", shape: "dexie", count: bench.records };
  return bench.file("children/products.dexie.json", options);
}

/** Of five starts the median: one alone is mostly the file system's mood. */
async function cliStart(bench) {
  const times = [];
  for (let start = 0; start < 5; start++) {
    const { seconds } = await run(process.execPath, [join(bench.dist, "cli/main.js"), "--help"]);
    times.push(seconds);
  }
  return { seconds: times.sort((a, b) => a - b)[2] };
}
