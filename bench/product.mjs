/**
 * One measurement of ours, in a process of its own: memory and processor time are then its own as well. Started as
 * `node product.mjs DIST JOB`, with the job as JSON; the last line it prints is the result.
 *
 * The clock starts when the library is loaded, and stops when the call has returned.
 */
import { mkdirSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";

const [dist, text] = process.argv.slice(2);
const job = JSON.parse(text);
const load = (path) => import(pathToFileURL(join(dist, path)).href);
const { copy, verify, inspect, openTarget } = await load("index.js");

async function timed(work) {
  const processor = process.cpuUsage();
  const startedAt = performance.now();
  const outcome = (await work()) ?? {};
  const seconds = (performance.now() - startedAt) / 1000;
  const { user, system } = process.cpuUsage(processor);
  return { seconds, cpuSeconds: (user + system) / 1e6, ...outcome };
}

/** The move as a plan leaves it: layouts decided, the file surveyed, nothing read of its records. */
async function planned(target, { source, move, again }) {
  const { openSurveyed } = await load("transfer/source.js");
  await using opened = await openSurveyed(source);
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
}

function countsOf(result) {
  const all = Object.values(result.counts);
  const sum = (what) => all.reduce((total, counts) => total + counts[what], 0);
  return { records: sum("read"), applied: sum("applied"), quarantined: sum("quarantined") };
}

/** Decides on a move in one process, so that another has only the copy in its memory and on its clock. */
async function prepare({ target: address, ...options }) {
  await using target = await openTarget(address);
  return timed(() => planned(target, options));
}

async function runCopy({ target: address, source, move }) {
  await using target = await openTarget(address);
  return timed(async () => countsOf(await copy(source, target, { move })));
}

async function runVerify({ target: address, source, move }) {
  await using target = await openTarget(address);
  return timed(async () => {
    const { clean, collections } = await verify(source, target, { move });
    if (!clean) throw new Error("What was copied is not what is there.");
    return { records: collections.reduce((sum, { equal }) => sum + equal, 0) };
  });
}

function runInspect({ source }) {
  return timed(async () => {
    const { collections } = await inspect(source);
    return { records: collections.reduce((sum, { records }) => sum + records, 0) };
  });
}

/** Bytes to records, as `copy` reads them. */
async function scan({ source }) {
  const { openSurveyed } = await load("transfer/source.js");
  await using opened = await openSurveyed(source);
  return timed(async () => {
    let records = 0;
    for await (const batch of opened.read(0)) records += batch.records.length;
    return { records };
  });
}

/** A commit is timed without what was read and prepared for it. */
async function redisDriver({ target: address, source, move, count }) {
  const { openSurveyed } = await load("transfer/source.js");
  const { prepare: prepareBatch } = await load("transfer/prepare.js");
  const { compileLayout } = await load("layout/compile.js");
  const { NameTemplates } = await load("collection/name-order.js");
  const { dumpRevision } = await load("collection/revision.js");
  await using target = await openTarget(address);
  await planned(target, { source, move });
  const driver = await target.open(move);
  await using opened = await openSurveyed(source);
  const [layout] = driver.layouts;
  const by = {
    layout: compileLayout(layout),
    templates: new NameTemplates(),
    revision: dumpRevision(1),
    file: basename(source),
  };
  const batches = [];
  for await (const batch of opened.read(0)) {
    batches.push(prepareBatch(batch, by).writes);
    if (batches.reduce((sum, { length }) => sum + length, 0) >= count) break;
  }
  return timed(async () => {
    for (const records of batches) {
      const writes = [{ collection: layout.collection, records }];
      await driver.commit({ tenant: "default", writes });
    }
    return { records: batches.reduce((sum, { length }) => sum + length, 0) };
  });
}

async function pgliteCopy({ folder, source, move }) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const address = `pglite:${join(folder, "data")}`;
  await using target = await openTarget(address);
  await planned(target, { source, move });
  return timed(async () => countsOf(await copy(source, target, { move })));
}

const JOBS = {
  bare: async () => timed(() => ({})),
  prepare,
  copy: runCopy,
  verify: runVerify,
  inspect: runInspect,
  scan,
  redisDriver,
  pgliteCopy,
};

const outcome = await JOBS[job.kind](job);
console.log(JSON.stringify({ ...outcome, rssMiB: process.resourceUsage().maxRSS / 1024 }));
