/**
 * The ways in which people load records today, each in a process of its own. Started as `node run.mjs JOB`, with the
 * job as JSON; the last line it prints is the result. Records are in memory before the clock starts.
 */
import { createReadStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { sample } from "../data.mjs";
import { processorSeconds } from "../machine.mjs";

const job = JSON.parse(process.argv[2]);
const COLUMNS = "id, tenant_id, created_at, topic, platform, favorite, input, output";

async function timed(records, work) {
  const servers = job.servers ?? [];
  const server = processorSeconds(servers);
  const processor = process.cpuUsage();
  const startedAt = performance.now();
  await work();
  const seconds = (performance.now() - startedAt) / 1000;
  const { user, system } = process.cpuUsage(processor);
  const serverSeconds = server === undefined ? undefined : processorSeconds(servers) - server;
  return { seconds, clientSeconds: (user + system) / 1e6, serverSeconds, records };
}

async function connect() {
  const { default: pg } = await import("pg");
  const client = new pg.Client({ connectionString: job.url });
  await client.connect();
  return client;
}

/** What `\copy` does, for machines without psql: the encoded rows of files, straight through. */
async function copyText() {
  const { from } = await import("pg-copy-streams");
  const client = await connect();
  const result = await timed(undefined, async () => {
    for (const { copyText, file } of job.tables) {
      await pipeline(createReadStream(file), client.query(from(`${copyText} from stdin`)));
    }
  });
  await client.end();
  return result;
}

async function insertLoop() {
  const client = await connect();
  const rows = sample("generations", job.count);
  const result = await timed(rows.length, async () => {
    for (const row of rows) {
      await client.query(
        `insert into generations (${COLUMNS}) values ($1, $2, $3, $4, $5, $6, $7, $8)`,
        [
          row.id,
          row.tenantId,
          row.createdAt,
          row.topic,
          row.platform,
          row.favorite,
          JSON.stringify(row.input),
          JSON.stringify(row.output),
        ],
      );
    }
  });
  await client.end();
  return result;
}

async function prismaCreate() {
  const { PrismaPg } = await import("@prisma/adapter-pg");
  const { PrismaClient } = await import("./generated/index.js");
  const prisma = new PrismaClient({ adapter: new PrismaPg({ connectionString: job.url }) });
  await prisma.$connect();
  await prisma.generation.count();
  const rows = sample("generations", job.count);
  const result = await timed(rows.length, async () => {
    for (const row of rows) {
      await prisma.generation.create({ data: { ...row, createdAt: new Date(row.createdAt) } });
    }
  });
  await prisma.$disconnect();
  return result;
}

async function drizzleBatches() {
  const { drizzle } = await import("drizzle-orm/node-postgres");
  const { boolean, jsonb, pgTable, text, timestamp, uuid } = await import("drizzle-orm/pg-core");
  const generations = pgTable("generations", {
    id: text().primaryKey(),
    tenantId: uuid("tenant_id"),
    createdAt: timestamp("created_at", { withTimezone: true }),
    topic: text(),
    platform: text(),
    favorite: boolean(),
    input: jsonb(),
    output: jsonb(),
  });
  const client = await connect();
  const db = drizzle(client);
  const rows = sample("generations", job.count).map((row) => ({
    ...row,
    createdAt: new Date(row.createdAt),
  }));
  const result = await timed(rows.length, async () => {
    for (let at = 0; at < rows.length; at += 1000) {
      await db.insert(generations).values(rows.slice(at, at + 1000));
    }
  });
  await client.end();
  return result;
}

async function redisHset() {
  const { default: Redis } = await import("ioredis");
  const redis = new Redis(job.url);
  await redis.ping();
  const rows = sample("generations", job.count);
  const result = await timed(rows.length, async () => {
    for (let at = 0; at < rows.length; at += 1000) {
      const pipe = redis.pipeline();
      for (const row of rows.slice(at, at + 1000)) {
        const fields = [];
        for (const [name, value] of Object.entries(row)) {
          fields.push(name, typeof value === "string" ? value : JSON.stringify(value));
        }
        pipe.hset(`generations:${row.id}`, ...fields);
      }
      const replies = await pipe.exec();
      const failed = replies.find(([error]) => error !== null);
      if (failed !== undefined) throw failed[0];
    }
  });
  redis.disconnect();
  return result;
}

const JOBS = { copyText, insertLoop, prismaCreate, drizzleBatches, redisHset };
const outcome = await JOBS[job.kind]();
console.log(JSON.stringify({ ...outcome, rssMiB: process.resourceUsage().maxRSS / 1024 }));
