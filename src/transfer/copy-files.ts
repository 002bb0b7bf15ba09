/**
 * The batches of a copy on their way, of which some are committed at the same time where a store can do that: one
 * is encoded while another is stored. They are begun in the order of the source and may end in any.
 *
 * A batch goes beside another only where it is all the same which of them comes first:
 *
 *   - both are of one collection, whose tables the move has made: nothing refers to their rows before all is settled;
 *   - they have no key in common;
 *   - neither has taught the templates an order of names: what is learnt is stored before anything builds on it.
 *
 * A copy that dies may so leave a gap in front of a finished batch. The next one reads on before the gap.
 */
import { NameTemplates } from "../collection/name-order.ts";
import { dumpRevision } from "../collection/revision.ts";
import { getOwn } from "../collection/value.ts";
import { OutgrowError, throwIfInterrupted } from "../errors.ts";
import { failpoint } from "../failpoint.ts";
import { type CompiledLayout, compileLayout } from "../layout/compile.ts";
import type { Commit, Driver, Target } from "../store/driver.ts";
import type { CheckpointEntry, Lease, Move } from "../store/ledger.ts";
import { commitBatch } from "./commit-batch.ts";
import { type FileInOrder, filesInOrder } from "./order.ts";
import { prepare } from "./prepare.ts";
import { Meter, type OnProgress } from "./progress.ts";
import type { FileBatch, Source } from "./source.ts";
import { UnderWay } from "./under-way.ts";

export interface CopyFilesOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: OnProgress | undefined;
}

/**
 * Copies what is not yet finished of a move's files. When it throws, nothing is under way any more.
 *
 * @throws {OutgrowError} INTERRUPTED when `signal` fires: the batches under way are finished first.
 */
export async function copyFiles(
  move: Move,
  source: Source,
  target: Target,
  lease: Lease,
  options: CopyFilesOptions,
): Promise<void> {
  const driver = await target.open(move.name);
  const done = await target.ledger.checkpoints(move.name);
  const meter = new Meter("copy", source.bytes, options.onProgress);
  await using batches = new Batches({ move, source, target, driver, lease, meter });
  for (const piece of filesInOrder(source, driver.layouts)) {
    const finished = done.filter(({ file }) => file === piece.file);
    await copyFile(source, piece, finished, batches, options.signal);
    await batches.ended();
  }
  meter.finish();
}

async function copyFile(
  source: Source,
  { file, opened, before }: FileInOrder,
  finished: readonly CheckpointEntry[],
  batches: Batches,
  signal: AbortSignal | undefined,
): Promise<void> {
  const from = gapless(finished);
  if (from?.last) return;
  const behindGap = new Map(finished.map((checkpoint) => [checkpoint.batch, checkpoint]));
  let isEmpty = from === undefined;
  for await (const { batch, last } of lookBehind(source.read(file, from?.resume))) {
    throwIfInterrupted(signal);
    await failpoint("copy.batch");
    isEmpty = false;
    const known = behindGap.get(batch.batch);
    if (known === undefined) await batches.begin(batch, { last, name: opened.input.name, before });
    else if (known.offset !== batch.offset || known.last !== last) throw otherBatches(opened);
  }
  if (isEmpty) await batches.noteEmptyFile(file);
}

/** Another version cut the source into other batches, and was stopped where it left a gap. */
function otherBatches({ input }: FileInOrder["opened"]): OutgrowError {
  const detail = "the copy that was stopped had read it in other pieces";
  return new OutgrowError("SOURCE_MOVED", { file: input.name, detail });
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
  readonly source: Source;
  readonly target: Target;
  readonly driver: Driver;
  readonly lease: Lease;
  readonly meter: Meter;
}

interface BatchPlace {
  /** Whether it is the file's last. */
  readonly last: boolean;
  /** The file's name. */
  readonly name: string;
  /** Bytes of the files before this one. */
  readonly before: number;
}

/** The keys of a batch that others may go beside, as far as they have none of them. */
interface Company {
  readonly collection: string;
  readonly keys: ReadonlySet<string>;
}

class Batches implements AsyncDisposable {
  readonly #context: BatchContext;
  readonly #compiled: ReadonlyMap<string, CompiledLayout>;
  readonly #templates: ReadonlyMap<string, NameTemplates>;
  readonly #underWay: UnderWay;
  /** Of what is under way; `undefined` when that is alone. */
  #company: Set<Company> | undefined = new Set();

  constructor(context: BatchContext) {
    const { move, driver } = context;
    this.#context = context;
    this.#compiled = new Map(driver.layouts.map((one) => [one.collection, compileLayout(one)]));
    this.#templates = new Map(
      driver.layouts.map(({ collection }) => [
        collection,
        new NameTemplates(getOwn(move.templates, collection)),
      ]),
    );
    this.#underWay = new UnderWay(driver.can.commits ?? 1);
  }

  /** Resolves when the batch is on its way. @throws {OutgrowError} what an earlier one ended with. */
  async begin(batch: FileBatch, place: BatchPlace): Promise<void> {
    const { commit, company } = await this.#prepare(batch, place);
    if (!this.#goesBeside(company)) await this.ended();
    const { driver, target, move, meter } = this.#context;
    const { collection, offset } = batch;
    const records = batch.records.length + batch.bad.length;
    // The batch itself is not held until then: with it go the values that the driver lets go.
    await this.#underWay.begin(async () => {
      await commitBatch(driver, target.ledger, move.name, commit);
      if (company !== undefined) this.#company?.delete(company);
      meter.advance(collection, records, place.before + offset);
    });
    if (company === undefined) this.#company = undefined;
    else this.#company?.add(company);
  }

  /** Resolves when all that was begun is committed. @throws {OutgrowError} what one of them ended with. */
  async ended(): Promise<void> {
    await this.#underWay.ended();
    this.#company = new Set();
  }

  /** A file without a single batch is done as well. */
  async noteEmptyFile(file: number): Promise<void> {
    const { move, driver, lease } = this.#context;
    const checkpoint = { run: move.run, file, batch: 0, offset: 0, resume: null, last: true };
    await driver.commit({ tenant: move.tenant, writes: [], ledger: { checkpoint }, lease });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#underWay[Symbol.asyncDispose]();
  }

  #goesBeside(one: Company | undefined): boolean {
    if (one === undefined || this.#company === undefined) return false;
    for (const other of this.#company) {
      if (other.collection !== one.collection) return false;
      for (const key of one.keys) if (other.keys.has(key)) return false;
    }
    return true;
  }

  async #prepare(
    batch: FileBatch,
    place: BatchPlace,
  ): Promise<{ readonly commit: Commit; readonly company: Company | undefined }> {
    const { move, source, lease } = this.#context;
    const { collection, file, offset, resume } = batch;
    const base = { tenant: move.tenant, lease };
    const checkpoint = {
      ...{ run: move.run, file, batch: batch.batch, offset, resume },
      last: place.last,
    };
    const layout = this.#compiled.get(collection);
    const templates = this.#templates.get(collection);
    if (layout === undefined || templates === undefined) {
      // Left out by --only or --exclude: only its place is kept.
      return { commit: { ...base, writes: [], ledger: { checkpoint } }, company: undefined };
    }
    const revision = dumpRevision(move.run);
    const again = source.readerOf(batch);
    const by = { layout, templates, revision, file: place.name, again };
    const { writes, quarantine, read, duplicates } = await prepare(batch, by);
    const learnt = templates.takeChanged();
    const commit = {
      ...base,
      writes: [{ collection, records: writes }],
      ledger: {
        checkpoint,
        quarantine,
        templates: learnt === undefined ? undefined : { [collection]: learnt },
        read: { [collection]: read },
        duplicates: { [collection]: duplicates },
      },
    };
    const isAlone = learnt !== undefined || layout.layout.tables.some(({ bound }) => bound);
    const keys = (): ReadonlySet<string> => new Set(writes.map(({ key }) => key));
    return { commit, company: isAlone ? undefined : { collection, keys: keys() } };
  }
}
