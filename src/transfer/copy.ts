/**
 * MOVING a source into a target: read -> decode -> map -> write, batch by batch.
 *
 * T1. In every batch: applied + duplicate + stale + quarantined = read. The driver asserts it, the ledger sums it,
 *     and the end of the run checks the sum against what the survey counted.
 * T2. Data and checkpoint commit together. The loop may be stopped anywhere, by anything, and run again: it goes
 *     on behind the last gapless finished batch, and a batch that arrives twice changes nothing.
 */

import { NameTemplates } from "../collection/name-order.ts";
import { dumpRevision } from "../collection/revision.ts";
import { OutgrowError, throwIfInterrupted } from "../errors.ts";
import { failpoint } from "../failpoint.ts";
import { type CompiledLayout, compileLayout } from "../layout/compile.ts";
import type { Target } from "../store/driver.ts";
import type {
  CheckpointEntry,
  CollectionCounts,
  Lease,
  Move,
  MoveCollection,
  Settlement,
  SpillCount,
} from "../store/ledger.ts";
import { ahead } from "./ahead.ts";
import { commitBatch } from "./commit-batch.ts";
import { checkDisk } from "./disk.ts";
import type { Inspection, InspectOptions } from "./inspect.ts";
import { decideLayouts, type LayoutOptions } from "./layouts.ts";
import { filesInOrder } from "./order.ts";
import { prepare } from "./prepare.ts";
import { Meter } from "./progress.ts";
import { type FileBatch, openSurveyed, type Source, samePrint } from "./source.ts";

export interface CopyOptions extends InspectOptions, LayoutOptions {
  /** Name of the move. Default: the source's stem. */
  readonly move?: string | undefined;
  readonly tenant?: string | undefined;
  /** Delete what an earlier copy of this move brought and this source lacks. */
  readonly prune?: boolean | undefined;
  /** Start a new run although an unfinished one looked at another state of the source. */
  readonly again?: boolean | undefined;
  /** Told what inspection found, before the first record is written. */
  readonly onInspected?: ((inspection: Inspection) => void) | undefined;
}

export interface CopyResult {
  readonly move: string;
  readonly run: number;
  /** Whether this call went on with a run that an earlier one had begun. */
  readonly resumed: boolean;
  readonly counts: Readonly<Record<string, CollectionCounts>>;
  readonly spills: readonly SpillCount[];
  readonly pruned: number;
  readonly settlement: Settlement;
  readonly seconds: number;
}

/**
 * Copies a source into a target, from its checkpoint if there is one. Idempotent.
 *
 * @throws {OutgrowError} as `openSurveyed`; TABLE_TAKEN, MOVE_LEASED, FENCED, SOURCE_MOVED, DISK_SPACE,
 * TARGET_*, INTERRUPTED when `signal` fires: the batch under way is finished first.
 */
export async function copy(
  spec: string | readonly string[],
  target: Target,
  options: CopyOptions = {},
): Promise<CopyResult> {
  const startedAt = performance.now();
  await using source = await openSurveyed(spec, {
    ...options,
    known: async (name) => (await target.ledger.find(options.move ?? name))?.files,
  });
  const name = options.move ?? source.name;
  // A move that exists is leased before anything of it changes; a new one as soon as it exists.
  const exists = (await target.ledger.find(name)) !== undefined;
  let lease = exists ? await hold(target, name) : undefined;
  try {
    const begun = await begin(name, source, target, options, lease?.lease);
    lease ??= await hold(target, name);
    await copyFiles(begun.move, source, target, lease.lease, options);
    const move = (await target.ledger.find(name)) as Move;
    // The counts of another mover's run say nothing of this one.
    if (move.run !== begun.move.run) throw new OutgrowError("FENCED", { detail: name });
    // Before anything is deleted because this run did not bring it.
    checkConservation(move, source, options);
    const pruned = options.prune ? await target.ledger.prune(name, lease.lease) : 0;
    const settlement = await target.ledger.settle(name, lease.lease);
    await target.ledger.setPhase(name, "copied", lease.lease);
    return {
      move: name,
      run: move.run,
      resumed: begun.resumed,
      counts: move.counts,
      spills: await target.ledger.spills(name),
      pruned,
      settlement,
      seconds: (performance.now() - startedAt) / 1000,
    };
  } finally {
    await lease?.[Symbol.asyncDispose]();
  }
}

/** Commits keep a lease alive; this does so while a long file is being read. Well within the time it lives. */
const HEARTBEAT_MS = 8000;

async function hold(
  { ledger }: Target,
  name: string,
): Promise<AsyncDisposable & { readonly lease: Lease }> {
  const lease = await ledger.acquire(name);
  // A heartbeat that fails says nothing new: the next commit finds out whether the lease still holds.
  const pulse = setInterval(() => void ledger.heartbeat(lease).catch(() => {}), HEARTBEAT_MS);
  pulse.unref();
  return {
    lease,
    async [Symbol.asyncDispose]() {
      clearInterval(pulse);
      await ledger.release(lease);
    },
  };
}

/** Finds where the move stands: makes it, goes on with its unfinished run, or starts its next one. */
async function begin(
  name: string,
  source: Source,
  target: Target,
  options: CopyOptions,
  lease: Lease | undefined,
): Promise<{ readonly move: Move; readonly resumed: boolean }> {
  const { ledger } = target;
  const move = await ledger.find(name);
  const known = new Set(move?.collections.map((collection) => collection.name));
  if (move?.phase === "copying" && !options.again) {
    if (!sameFiles(move, source))
      throw new OutgrowError("SOURCE_MOVED", { detail: `move ${name}` });
    const unknown = source.collections.find(({ collection }) => !known.has(collection));
    if (unknown !== undefined) {
      const detail = "the unfinished copy left this collection out";
      throw new OutgrowError("SOURCE_MOVED", { collection: unknown.collection, detail });
    }
    return { move, resumed: true };
  }
  // Two files may be called data.json. A newer dump of the same app has some collection in common with the older.
  if (known.size > 0 && !source.collections.some(({ collection }) => known.has(collection))) {
    throw new OutgrowError("MOVE_TAKEN", { detail: name });
  }
  const tenant = options.tenant ?? move?.tenant ?? "default";
  const collections = await layouts(source, target, options, move);
  await checkDisk(source, target);
  const files = source.files.map(({ fingerprint, survey, collections: names }) => ({
    fingerprint,
    survey,
    collections: names,
  }));
  if (move === undefined) {
    const schema = options.schema ?? "public";
    return {
      move: await ledger.create({ name, tenant, schema, files, collections }),
      resumed: false,
    };
  }
  const added = collections.filter((collection) => !known.has(collection.name));
  return { move: await ledger.startRun(name, files, added, lease), resumed: false };
}

function sameFiles(move: Move, source: Source): boolean {
  return (
    move.files.length === source.files.length &&
    move.files.every(({ fingerprint }, index) => {
      const now = source.files[index]?.fingerprint;
      return now !== undefined && samePrint(fingerprint, now);
    })
  );
}

/** Layouts for the collections: those that the move has, and for the others as the options say. */
async function layouts(
  source: Source,
  target: Target,
  options: CopyOptions,
  move: Move | undefined,
): Promise<MoveCollection[]> {
  const known = new Map((move?.collections ?? []).map(({ name, layout }) => [name, layout]));
  const names = source.collections.map(({ collection }) => collection);
  if (names.every((name) => known.has(name)) && options.onInspected === undefined) {
    return names.map((name) => ({ name, layout: known.get(name) as MoveCollection["layout"] }));
  }
  const decided = await decideLayouts(source, target, {
    ...options,
    layouts: { ...options.layouts, ...Object.fromEntries(known) },
    schema: options.schema ?? move?.schema,
    tenantColumn: options.tenantColumn ?? options.tenant !== undefined,
  });
  options.onInspected?.(decided.inspection);
  const fatal = decided.problems.filter((one) => one.fatal && !known.has(one.collection));
  if (fatal.length > 0) {
    const [{ collection, message, next }] = fatal as [(typeof fatal)[number]];
    const more = fatal.length === 1 ? "" : ` (and ${fatal.length - 1} more)`;
    throw new OutgrowError("BIND_REFUSED", { collection, detail: `${message} ${next}${more}` });
  }
  return decided.layouts.map((layout) => ({
    name: layout.collection,
    layout: known.get(layout.collection) ?? layout,
  }));
}

async function copyFiles(
  move: Move,
  source: Source,
  target: Target,
  lease: Lease,
  options: CopyOptions,
): Promise<void> {
  const driver = await target.open(move.name);
  const done = await target.ledger.checkpoints(move.name);
  const compiled = new Map(
    driver.layouts.map((layout) => [layout.collection, compileLayout(layout)]),
  );
  const templates = new Map(
    [...compiled.keys()].map((name) => [name, new NameTemplates(move.templates[name])]),
  );
  const meter = new Meter("copy", source.bytes, options.onProgress);
  for (const { file, opened, before } of filesInOrder(source, driver.layouts)) {
    const finished = done.filter((checkpoint) => checkpoint.file === file);
    if (finished.some(({ last }) => last)) continue;
    const from = gapless(finished);
    let next = (from?.batch ?? -1) + 1;
    const batches = lookBehind(ahead(source.read(file, from?.resume)));
    for await (const { batch, last } of batches) {
      throwIfInterrupted(options.signal);
      await failpoint("copy.batch");
      const checkpoint = checkpointOf(batch, move.run, last);
      next = batch.batch + 1;
      await copyBatch(batch, checkpoint, {
        move,
        target,
        driver,
        lease,
        compiled,
        templates,
        file: opened.input.name,
      });
      meter.advance(
        batch.collection,
        batch.records.length + batch.bad.length,
        before + batch.offset,
      );
    }
    if (next === 0) await noteEmptyFile(driver, move, file, lease);
  }
  meter.finish();
}

function checkpointOf(batch: FileBatch, run: number, last: boolean): CheckpointEntry {
  const { file, offset, resume } = batch;
  return { run, file, batch: batch.batch, offset, resume, last };
}

/** The last of the batches that are finished without a gap before them. */
function gapless(finished: readonly CheckpointEntry[]): CheckpointEntry | undefined {
  let last: CheckpointEntry | undefined;
  for (const checkpoint of finished) {
    if (checkpoint.batch !== (last?.batch ?? -1) + 1) break;
    last = checkpoint;
  }
  return last;
}

/** Tells of each batch whether it is the last one, by holding it until the next is there. */
async function* lookBehind(
  batches: AsyncIterable<FileBatch>,
): AsyncGenerator<{ readonly batch: FileBatch; readonly last: boolean }> {
  let held: FileBatch | undefined;
  for await (const batch of batches) {
    if (held !== undefined) yield { batch: held, last: false };
    held = batch;
  }
  if (held !== undefined) yield { batch: held, last: true };
}

interface BatchContext {
  readonly move: Move;
  readonly target: Target;
  readonly driver: Awaited<ReturnType<Target["open"]>>;
  readonly lease: Lease;
  readonly compiled: ReadonlyMap<string, CompiledLayout>;
  readonly templates: ReadonlyMap<string, NameTemplates>;
  readonly file: string;
}

async function copyBatch(
  batch: FileBatch,
  checkpoint: CheckpointEntry,
  context: BatchContext,
): Promise<void> {
  const { move, target, driver, lease } = context;
  const { collection } = batch;
  const layout = context.compiled.get(collection);
  const templates = context.templates.get(collection);
  if (layout === undefined || templates === undefined) {
    // Left out by --only or --exclude: only its place is kept.
    await commitBatch(driver, target.ledger, move.name, {
      tenant: move.tenant,
      writes: [],
      ledger: { checkpoint },
      lease,
    });
    return;
  }
  const prepared = prepare(batch, {
    layout,
    templates,
    revision: dumpRevision(move.run),
    file: context.file,
  });
  const learnt = templates.takeChanged();
  await commitBatch(driver, target.ledger, move.name, {
    tenant: move.tenant,
    writes: [{ collection, records: prepared.writes }],
    ledger: {
      checkpoint,
      quarantine: prepared.quarantine,
      templates: learnt === undefined ? undefined : { [collection]: learnt },
      read: { [collection]: prepared.read },
      duplicates: { [collection]: prepared.duplicates },
    },
    lease,
  });
}

/** A file without a single batch is done as well. */
async function noteEmptyFile(
  driver: BatchContext["driver"],
  move: Move,
  file: number,
  lease: Lease,
): Promise<void> {
  const checkpoint = { run: move.run, file, batch: 0, offset: 0, resume: null, last: true };
  await driver.commit({ tenant: move.tenant, writes: [], ledger: { checkpoint }, lease });
}

/** T1 over the whole run: what the ledger sums must be what the survey counted. */
function checkConservation(move: Move, source: Source, options: CopyOptions): void {
  for (const { collection, records } of source.collections) {
    const expected = options.limit === undefined ? records : Math.min(records, options.limit);
    const read = move.counts[collection]?.read ?? 0;
    if (read !== expected) {
      throw new OutgrowError("LOST_ROW", {
        collection,
        detail: `${read} of the ${expected} records of the source are accounted for`,
      });
    }
  }
}
