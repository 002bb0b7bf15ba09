/**
 * Verification: every record of the source is read again, every record of the target is rebuilt from the app's
 * own tables, and the two are compared exactly, both ways. It shares no code with the writing path but the value
 * model (`collection/`), the format's reader and the layout's decoder.
 *
 * First one pass of each side sums digests of (key, record) into 4,096 buckets (mod 2^256, so that no two changes
 * cancel out as they would under XOR; bound to their keys, so that two records which swap theirs do not either). Then only the buckets that differ are read again, record by record, and
 * what differs is named.
 */
import { digest as digestOf, keyedDigest } from "../collection/canonical.ts";
import { BUCKETS, bucketOf, DigestSum, digestHex } from "../collection/digest-sum.ts";
import { displayKey } from "../collection/key.ts";
import { OutgrowError, throwIfInterrupted } from "../errors.ts";
import { type CompiledLayout, compileLayout } from "../layout/compile.ts";
import type { Driver, TakeDigest, Target } from "../store/driver.ts";
import type { Move, Quarantined } from "../store/ledger.ts";
import { recordKey } from "./prepare.ts";
import { Meter } from "./progress.ts";
import { openSurveyed, type Source, type SourceCollection, type SourceOptions } from "./source.ts";

/** How many records are rebuilt at a time: enough to be worth a question, few enough to be gone by the next. */
const REBUILT_RECORDS = 500;

/** How many records of differing buckets are held in memory at a time. */
const HELD_RECORDS = 100_000;

export interface Difference {
  readonly collection: string;
  /** The key as a person reads it. */
  readonly key: string;
  /** Its ledger text. */
  readonly ledgerKey: string;
  /** missing: only the source has it. extra: only the target has it. different: both, not equal. */
  readonly kind: "missing" | "extra" | "different";
}

export interface VerifiedCollection {
  readonly name: string;
  /** Records of the source that should be in the target: without quarantined ones, repetitions once. */
  readonly source: number;
  readonly target: number;
  readonly equal: number;
  readonly missing: number;
  readonly different: number;
  readonly extra: number;
  /** Records of the source that are in quarantine instead. */
  readonly quarantined: number;
  /** Records that a person changed in quarantine and replayed: the target has what that person decided. */
  readonly decided: number;
  /** Rows of somebody else's in a table that the move was bound to. */
  readonly foreign: number;
}

export interface VerifyResult {
  readonly move: string;
  /** Whether nothing is missing, different or extra. Quarantined records are told apart. */
  readonly clean: boolean;
  readonly collections: readonly VerifiedCollection[];
  /** At most `maxDifferences`; the counts above are complete. */
  readonly differences: readonly Difference[];
  readonly seconds: number;
}

export interface VerifyOptions extends SourceOptions {
  readonly move?: string | undefined;
  /** How many differences are named. Default 1,000. */
  readonly maxDifferences?: number | undefined;
}

/**
 * Compares a source with what a move made of it.
 *
 * @throws {OutgrowError} as `openSurveyed`; MOVE_UNKNOWN, MOVE_INCOMPLETE when its copy has not finished.
 */
export async function verify(
  spec: string | readonly string[],
  target: Target,
  options: VerifyOptions = {},
): Promise<VerifyResult> {
  const startedAt = performance.now();
  await using source = await openSurveyed(spec, {
    ...options,
    known: async (name) => (await target.ledger.find(options.move ?? name))?.files,
  });
  const move = await moveOf(source, target, options.move);
  const { name } = move;
  if (move.phase === "copying") throw new OutgrowError("MOVE_INCOMPLETE", { detail: name });
  const driver = await target.open(name);
  const quarantined = await target.ledger.quarantined(name, { raw: false });
  const meter = new Meter("verify", source.bytes, options.onProgress);
  const differences: Difference[] = [];
  const collections: VerifiedCollection[] = [];
  const layouts = layoutsOf(source, move, driver);
  // The source is read while the target is asked: otherwise one of them would always wait for the other.
  const giveUp = new AbortController();
  const sums = sumSource(source, layouts, meter, [options.signal, giveUp.signal]);
  sums.catch(() => {}); // awaited where the first collection is compared
  try {
    for (const part of source.collections) {
      const check = new CollectionCheck({
        ...{ source, part, move, driver, options },
        layout: layouts.get(part.collection) as CompiledLayout,
        quarantined: quarantined.filter((entry) => entry.collection === part.collection),
      });
      const result = await check.run(sums);
      collections.push(result.summary);
      const room = (options.maxDifferences ?? 1000) - differences.length;
      differences.push(...result.differences.slice(0, Math.max(room, 0)));
    }
    await sums;
  } finally {
    giveUp.abort();
    await sums.catch(() => {});
  }
  meter.finish();
  const clean = collections.every(
    ({ missing, different, extra }) => missing + different + extra === 0,
  );
  if (clean && options.limit === undefined) await target.ledger.setPhase(name, "verified");
  return {
    move: name,
    clean,
    collections,
    differences,
    seconds: (performance.now() - startedAt) / 1000,
  };
}

/** The move that was named; else the one of the source's name, or the only one that was made from these files. */
async function moveOf(source: Source, target: Target, named: string | undefined): Promise<Move> {
  const wanted = named ?? source.name;
  const found = await target.ledger.find(wanted);
  if (found !== undefined) return found;
  const same =
    named !== undefined
      ? []
      : (await target.ledger.moves()).filter(
          ({ files }) =>
            files.length === source.files.length &&
            files.every(
              ({ fingerprint }, index) =>
                fingerprint.sha256 === source.files[index]?.fingerprint.sha256,
            ),
        );
  const [only] = same;
  if (only === undefined || same.length > 1) {
    throw new OutgrowError(same.length > 1 ? "MOVE_AMBIGUOUS" : "MOVE_UNKNOWN", {
      detail: same.length > 1 ? same.map(({ name }) => name).join(", ") : wanted,
    });
  }
  return only;
}

interface SourceSums {
  readonly buckets: DigestSum[];
  records: number;
  /** Records of the source without a usable key, or that cannot be read. */
  keyless: number;
}

function emptyBuckets(): DigestSum[] {
  return Array.from({ length: BUCKETS }, () => new DigestSum());
}

/** By collection of the source. @throws {OutgrowError} MOVE_INCOMPLETE */
function layoutsOf(source: Source, move: Move, driver: Driver): Map<string, CompiledLayout> {
  const compiled = new Map<string, CompiledLayout>();
  for (const { collection } of source.collections) {
    const layout = driver.layouts.find((one) => one.collection === collection);
    if (layout === undefined) {
      const detail = `move ${move.name} did not copy it`;
      throw new OutgrowError("MOVE_INCOMPLETE", { collection, detail });
    }
    compiled.set(collection, compileLayout(layout));
  }
  return compiled;
}

/** One pass over the source, for all collections together. */
async function sumSource(
  source: Source,
  layouts: ReadonlyMap<string, CompiledLayout>,
  meter: Meter,
  signals: readonly (AbortSignal | undefined)[],
): Promise<Map<string, SourceSums>> {
  const sums = new Map<string, SourceSums>();
  for (const collection of layouts.keys()) {
    sums.set(collection, { buckets: emptyBuckets(), records: 0, keyless: 0 });
  }
  for (const file of source.files.keys()) {
    const before = source.bytesBefore(file);
    for await (const batch of source.read(file)) {
      for (const signal of signals) throwIfInterrupted(signal);
      const sum = sums.get(batch.collection);
      const layout = layouts.get(batch.collection);
      if (sum === undefined || layout === undefined) continue;
      sum.keyless += batch.bad.length;
      for (const record of batch.records) {
        const found = recordKey(layout, record);
        if ("code" in found) {
          sum.keyless++;
          continue;
        }
        sum.records++;
        sum.buckets[bucketOf(found.key)]?.add(
          keyedDigest(found.key, record.read?.digest ?? digestOf(record.value)),
        );
      }
      meter.advance(batch.collection, batch.records.length, before + batch.offset);
    }
  }
  return sums;
}

interface CheckContext {
  readonly source: Source;
  readonly part: SourceCollection;
  readonly move: Move;
  readonly driver: Driver;
  readonly layout: CompiledLayout;
  readonly quarantined: readonly Quarantined[];
  readonly options: VerifyOptions;
}

/** The comparison of one collection. */
class CollectionCheck {
  readonly #context: CheckContext;
  readonly #differences: Difference[] = [];
  #missing = 0;
  #different = 0;
  #extra = 0;
  #decided = 0;
  /** Records of the source that repeat another one exactly: found in differing buckets only. */
  #repeated = 0;
  #setAside = 0;

  constructor(context: CheckContext) {
    this.#context = context;
  }

  /** @param source what the pass over the source finds, whenever that ends. */
  async run(source: Promise<ReadonlyMap<string, SourceSums>>): Promise<{
    readonly summary: VerifiedCollection;
    readonly differences: readonly Difference[];
  }> {
    const buckets = emptyBuckets();
    let target = 0;
    let foreign = 0;
    await this.#digests((key, digest, isForeign) => {
      target++;
      if (isForeign) foreign++;
      else buckets[bucketOf(key)]?.add(keyedDigest(key, digest));
    });
    const sums = (await source).get(this.#context.part.collection) as SourceSums;
    const bad = buckets.flatMap((bucket, index) =>
      bucket.equals(sums.buckets[index] as DigestSum) ? [] : [index],
    );
    for (const group of grouped(bad, sums.buckets, buckets)) await this.#compare(group);
    const unaccounted = this.#keylessUnaccounted(sums.keyless);
    this.#missing += unaccounted;
    const expected = sums.records - this.#repeated - this.#setAside;
    return {
      summary: {
        name: this.#context.part.collection,
        source: expected + unaccounted,
        target: target - foreign,
        equal: expected + unaccounted - this.#missing - this.#different,
        missing: this.#missing,
        different: this.#different,
        extra: this.#extra,
        quarantined: this.#context.quarantined.filter(({ state }) => state !== "replayed").length,
        decided: this.#decided,
        foreign,
      },
      differences: this.#differences,
    };
  }

  /** Every record of the target, rebuilt from the app's own tables. */
  async #digests(take: TakeDigest): Promise<void> {
    const { driver, move, part, options } = this.#context;
    const { signal } = options;
    const from = { tenant: move.tenant, collection: part.collection };
    if (driver.digests !== undefined) {
      await driver.digests(from, take, { signal });
      return;
    }
    for await (const batch of driver.rebuild(from, { signal, size: REBUILT_RECORDS })) {
      throwIfInterrupted(signal);
      for (const { key, value, foreign } of batch) take(key, digestOf(value), foreign);
    }
  }

  /** Records without a key must each have their entry in quarantine, found by their place in the source. */
  #keylessUnaccounted(keyless: number): number {
    const { quarantined } = this.#context;
    const accounted = quarantined.filter(
      ({ code }) => code !== "ID_CONFLICT" && code !== "RECORD_REFUSED",
    );
    const missing = Math.max(0, keyless - accounted.length);
    for (let index = 0; index < missing; index++) {
      this.#differ("missing", undefined);
    }
    return missing;
  }

  #differ(kind: Difference["kind"], ledgerKey: string | undefined): void {
    this.#differences.push({
      collection: this.#context.part.collection,
      key: ledgerKey === undefined ? "(unreadable record)" : displayKey(ledgerKey),
      ledgerKey: ledgerKey ?? "",
      kind,
    });
  }

  /** Record by record, for the buckets of one group. */
  async #compare(group: ReadonlySet<number>): Promise<void> {
    const held = await this.#hold(group);
    const decided = this.#keys((state) => state === "replayed");
    await this.#digests((key, found, foreign) => {
      if (foreign || !group.has(bucketOf(key))) return;
      const digest = held.get(key);
      held.delete(key);
      if (decided.has(key)) {
        this.#decided++;
      } else if (digest === undefined) {
        this.#extra++;
        this.#differ("extra", key);
      } else if (digest !== digestHex(found)) {
        this.#different++;
        this.#differ("different", key);
      }
    });
    const open = this.#keys((state) => state !== "replayed");
    for (const key of held.keys()) {
      if (open.has(key)) {
        this.#setAside++;
      } else {
        this.#missing++;
        this.#differ("missing", key);
      }
    }
  }

  #keys(wanted: (state: Quarantined["state"]) => boolean): ReadonlySet<string> {
    const keys = this.#context.quarantined.flatMap(({ key, state }) =>
      key !== undefined && wanted(state) ? [key] : [],
    );
    return new Set(keys);
  }

  /** The digests of the source's records in these buckets, by key. */
  async #hold(group: ReadonlySet<number>): Promise<Map<string, string>> {
    const { source, part, layout } = this.#context;
    const held = new Map<string, string>();
    for await (const batch of source.read(part.file)) {
      if (batch.collection !== part.collection) continue;
      for (const record of batch.records) {
        const found = recordKey(layout, record);
        if ("code" in found || !group.has(bucketOf(found.key))) continue;
        if (held.has(found.key)) this.#repeated++;
        held.set(found.key, digestHex(record.read?.digest ?? digestOf(record.value)));
      }
    }
    return held;
  }
}

/** Differing buckets in groups that together hold no more records than fit in memory. */
function* grouped(
  bad: readonly number[],
  source: readonly DigestSum[],
  target: readonly DigestSum[],
): Generator<ReadonlySet<number>> {
  let group = new Set<number>();
  let records = 0;
  for (const bucket of bad) {
    const size = Math.max(source[bucket]?.count ?? 0, target[bucket]?.count ?? 0);
    if (group.size > 0 && records + size > HELD_RECORDS) {
      yield group;
      group = new Set();
      records = 0;
    }
    group.add(bucket);
    records += size;
  }
  if (group.size > 0) yield group;
}
