/**
 * MOVING a source into a target: read -> decode -> map -> write, batch by batch.
 *
 * T1. In every batch: applied + duplicate + stale + quarantined = read. The driver asserts it, the ledger sums it,
 *     and the end of the run checks the sum against what the survey counted.
 * T2. Data and checkpoint commit together. The loop may be stopped anywhere, by anything, and run again: it goes
 *     on behind the last gapless finished batch, and a batch that arrives twice changes nothing.
 */

import { getOwn } from "../collection/value.ts";
import { OutgrowError } from "../errors.ts";
import type { Target } from "../store/driver.ts";
import type {
  CollectionCounts,
  Lease,
  Move,
  MoveCollection,
  Settlement,
  SpillCount,
} from "../store/ledger.ts";
import { copyFiles } from "./copy-files.ts";
import { checkDisk } from "./disk.ts";
import type { Inspection, InspectOptions } from "./inspect.ts";
import { decideLayouts, type LayoutOptions } from "./layouts.ts";
import { openSurveyed, type Source, samePrint } from "./source.ts";

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
 * TARGET_*, INTERRUPTED when `signal` fires: the batches under way are finished first.
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

/** T1 over the whole run: what the ledger sums must be what the survey counted. */
function checkConservation(move: Move, source: Source, options: CopyOptions): void {
  for (const { collection, records } of source.collections) {
    const expected = options.limit === undefined ? records : Math.min(records, options.limit);
    const read = getOwn(move.counts, collection)?.read ?? 0;
    if (read !== expected) {
      throw new OutgrowError("LOST_ROW", {
        collection,
        detail: `${read} of the ${expected} records of the source are accounted for`,
      });
    }
  }
}
