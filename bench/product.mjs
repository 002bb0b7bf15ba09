/**
 * One measurement of ours, in a process of its own: memory and processor time are then its own as well. Started as
 * `node product.mjs DIST JOB`, with the job as JSON; the last line it prints is the result.
 *
 * The clock starts when the library is loaded, and stops when the call has returned.
 */
import { mkdirSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";
import { processorSeconds } from "./machine.mjs";

const [dist, text] = process.argv.slice(2);
const job = JSON.parse(text);
const load = (path) => import(pathToFileURL(join(dist, path)).href);
const { copy, verify, inspect, openTarget } = await load("index.js");

async function using(resource, work) {
  try {
    return await work(resource);
  } finally {
    await resource[Symbol.asyncDispose]();
  }
}

/** @param work with the open source and the target. */
async function withSource(source, work) {
  const { openSurveyed } = await load("transfer/source.js");
  return using(await openSurveyed(source), work);
}

const withTarget = async (address, work) => using(await openTarget(address), work);

async function timed(work) {
  const servers = job.servers ?? [];
  const server = processorSeconds(servers);
  const processor = process.cpuUsage();
  const startedAt = performance.now();
  const outcome = (await work()) ?? {};
  const seconds = (performance.now() - startedAt) / 1000;
  const { user, system } = process.cpuUsage(processor);
  const serverSeconds = server === undefined ? undefined : processorSeconds(servers) - server;
  return { seconds, clientSeconds: (user + system) / 1e6, serverSeconds, ...outcome };
}

/** The move as a plan leaves it: layouts decided, the file surveyed, nothing read of its records. */
function planned(target, { source, move, again }) {
  return withSource(source, async (opened) => {
    const files = opened.files.map(({ fingerprint, survey, collections }) => ({
      fingerprint,
      survey,
      collections,
    }));
    if (again) {
      await target.ledger.startRun(move, files, []);
      return;
    }
    const { collections } = await inspect(source);
    await target.ledger.create({
      name: move,
      tenant: "default",
      schema: "public",
      files,
      collections: collections.map(({ name, layout }) => ({ name, layout })),
    });
  });
}

function countsOf(result) {
  const all = Object.values(result.counts);
  const sum = (what) => all.reduce((total, counts) => total + counts[what], 0);
  return { records: sum("read"), applied: sum("applied"), quarantined: sum("quarantined") };
}

/** Decides on a move in one process, so that another has only the copy in its memory and on its clock. */
const prepare = ({ target, ...options }) =>
  withTarget(target, (opened) => timed(() => planned(opened, options)));

const runCopy = ({ target, source, move }) =>
  withTarget(target, (opened) => timed(async () => countsOf(await copy(source, opened, { move }))));

const runVerify = ({ target, source, move }) =>
  withTarget(target, (opened) =>
    timed(async () => {
      const { clean, collections } = await verify(source, opened, { move });
      if (!clean) throw new Error("What was copied is not what is there.");
      return { records: collections.reduce((sum, { equal }) => sum + equal, 0) };
    }),
  );

const runInspect = ({ source }) =>
  timed(async () => {
    const { collections } = await inspect(source);
    return { records: collections.reduce((sum, { records }) => sum + records, 0) };
  });

/** Bytes to records, as `copy` reads them. */
const scan = ({ source }) =>
  withSource(source, (opened) =>
    timed(async () => {
      let records = 0;
      // A record's value is made when it is asked for.
      for await (const batch of opened.read(0, undefined, false)) {
        for (const { value } of batch.records) if (value !== undefined) records++;
      }
      return { records };
    }),
  );

/** A commit is timed without what was read and prepared for it. */
async function redisDriver({ target: address, source, move }) {
  const { prepare: prepareBatch } = await load("transfer/prepare.js");
  const { compileLayout } = await load("layout/compile.js");
  const { NameTemplates } = await load("collection/name-order.js");
  const { dumpRevision } = await load("collection/revision.js");
  return withTarget(address, async (target) => {
    await planned(target, { source, move });
    const driver = await target.open(move);
    const [layout] = driver.layouts;
    const by = {
      layout: compileLayout(layout),
      templates: new NameTemplates(),
      revision: dumpRevision(1),
      file: basename(source),
    };
    const batches = await withSource(source, async (opened) => {
      const all = [];
      for await (const batch of opened.read(0)) all.push((await prepareBatch(batch, by)).writes);
      return all;
    });
    return timed(async () => {
      for (const records of batches) {
        const writes = [{ collection: layout.collection, records }];
        await driver.commit({ tenant: "default", writes });
      }
      return { records: batches.reduce((sum, { length }) => sum + length, 0) };
    });
  });
}

function pgliteImport({ folder, source, move }) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  return withTarget(`pglite:${join(folder, "data")}`, async (target) => {
    await planned(target, { source, move });
    return timed(async () => countsOf(await copy(source, target, { move })));
  });
}

/** The command line in this process, for what it takes of memory: its flags are those that users have. */
async function cli({ words }) {
  process.argv = [process.argv[0], join(dist, "cli/main.js"), ...words];
  const spent = await timed(() => load("cli/main.js"));
  if (process.exitCode) throw new Error(`The command ended with ${process.exitCode}.`);
  return spent;
}

const JOBS = {
  cli,
  prepare,
  copy: runCopy,
  verify: runVerify,
  inspect: runInspect,
  scan,
  redisDriver,
  pgliteImport,
};

const outcome = await JOBS[job.kind](job);
console.log(JSON.stringify({ ...outcome, rssMiB: process.resourceUsage().maxRSS / 1024 }));
