/** The work of stages: copying the source beneath the app's writes, verifying it, and the backup before the end. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { digestHex } from "../collection/digest-sum.ts";
import { OutgrowError } from "../errors.ts";
import type { Driver, LiveTarget, Target } from "../store/driver.ts";
import type { Side, SourceSide } from "../store/side.ts";
import { type CopyOptions, type CopyResult, copy } from "../transfer/copy.ts";
import { exportMove } from "../transfer/export.ts";
import { type Difference, type VerifyResult, verify } from "../transfer/verify.ts";
import { stageOf } from "./stages.ts";
import type { MoveState } from "./state.ts";
import { catchUp, changeMove, inJourney, readMove } from "./transition.ts";

export interface WorkParts {
  readonly name: string;
  readonly tenant: string;
  readonly source: SourceSide;
  readonly target: Target;
  readonly live: LiveTarget;
  /** Layouts, rules and tables of the target, as `copy` takes them. */
  readonly layout: Omit<CopyOptions, "move" | "tenant" | "again" | "signal" | "onProgress">;
}

export type WorkOptions = Pick<CopyOptions, "signal" | "onProgress">;

/**
 * Copies a snapshot of the source. What the app writes meanwhile is captured and outranks the copy, whichever comes
 * first (SEMANTICS rows 18 to 20).
 *
 * @throws {OutgrowError} GATE_CLOSED unless writes are captured (law S1); as `copy`.
 */
export async function copyUnderWrites(
  parts: WorkParts,
  state: MoveState,
  options: WorkOptions,
): Promise<CopyResult> {
  const { name, source, target, live, tenant } = parts;
  const { mirrored, authority } = stageOf(state.stage);
  if (mirrored !== "target" || authority !== "source") {
    const detail = `at ${state.stage}: a copy begins when the app's writes are captured, from dualwrite on`;
    throw new OutgrowError("GATE_CLOSED", { detail });
  }
  await using snapshot = await source.snapshot();
  const result = await copy(snapshot.spec, target, {
    ...parts.layout,
    ...options,
    move: name,
    tenant,
    again: true,
  });
  const copied = inJourney(state, (now, at) => {
    return { ...now, copied: { at, run: result.run }, verified: undefined };
  });
  await changeMove(live.control, name, copied);
  return result;
}

/** How often records that differ are looked at again, while they are being written. */
const LOOKS = 20;
const LOOK_MS = 100;
const CATCH_UP_MS = 60_000;

export interface LiveVerification extends VerifyResult {
  /** Differences that were writes on their way. */
  readonly settled: number;
}

/**
 * Compares every record of a snapshot with what the target rebuilds of it; what differs is looked at again, key by
 * key, until it has come to rest (SEMANTICS row 37).
 */
export async function verifyUnderWrites(
  parts: WorkParts,
  options: WorkOptions,
): Promise<LiveVerification> {
  const { name, source, target, live } = parts;
  const { document: state } = await readMove(live.control, name);
  const side = await live.side(name);
  await catchUp(source, side, state.epoch, CATCH_UP_MS);
  await using snapshot = await source.snapshot();
  const result = await verify(snapshot.spec, target, {
    ...options,
    move: name,
    maxDifferences: 100_000,
  });
  const real = await unsettled(parts, side, state.epoch, result.differences);
  const all = result.collections.map((one) => one.missing + one.different + one.extra);
  // More than are named cannot be looked at again: they count as they were found.
  const unnamed = all.reduce((sum, one) => sum + one, 0) - result.differences.length;
  const count = (kind: Difference["kind"]): number =>
    real.filter((one) => one.kind === kind).length;
  const settled = result.differences.length - real.length;
  const run = (await target.ledger.find(name))?.run ?? 0;
  const verified = inJourney(state, (now, at) => ({
    ...now,
    verified: {
      at,
      run,
      source: result.collections.reduce((sum, one) => sum + one.source, 0),
      missing: count("missing"),
      different: count("different") + unnamed,
      extra: count("extra"),
      settled,
    },
  }));
  await changeMove(live.control, name, verified);
  return { ...result, clean: real.length + unnamed === 0, differences: real, settled };
}

async function unsettled(
  { source, tenant }: WorkParts,
  side: Side,
  epoch: number,
  differences: readonly Difference[],
): Promise<readonly Difference[]> {
  let left = differences;
  for (let look = 0; look < LOOKS && left.length > 0; look++) {
    if (look > 0) await sleep(LOOK_MS);
    await catchUp(source, side, epoch, CATCH_UP_MS);
    const equal = await Promise.all(
      left.map(async ({ collection, ledgerKey }) => {
        const at = { tenant, collection };
        const [ours, theirs] = await Promise.all([
          digestAt(source.driver, at, ledgerKey),
          digestAt(side.driver, at, ledgerKey),
        ]);
        return ours === theirs;
      }),
    );
    left = left.filter((_, index) => !equal[index]);
  }
  return left;
}

async function digestAt(
  driver: Driver,
  at: { readonly tenant: string; readonly collection: string },
  key: string,
): Promise<string | undefined> {
  const [found] = await driver.read(at, [key]);
  return found?.state === "present" ? digestHex(found.digest) : undefined;
}

/**
 * Writes all records of the target to a file, copies that file into a scratch move of its own, verifies it there and
 * takes the scratch move away: a backup that was not restored is a hope.
 */
export async function backUp(
  { name, target, live, tenant }: WorkParts,
  folder: string,
  options: WorkOptions,
): Promise<NonNullable<MoveState["backup"]>> {
  await mkdir(folder, { recursive: true });
  const stamp = new Date().toISOString().replaceAll(/[:.]/g, "-");
  const out = join(folder, `${name}-${stamp}.json`);
  const { files, records } = await exportMove(target, out, { ...options, move: name });
  const [file = out] = files;
  const scratch = `${name} backup check`;
  const schema = `outgrow_check_${Date.now().toString(36)}`;
  try {
    await copy(file, target, { ...options, move: scratch, tenant, schema });
    const { clean } = await verify(file, target, { ...options, move: scratch });
    const sha256 = await hashOf(file);
    const state = await changeMove(live.control, name, (now, at) => ({
      ...now,
      backup: { at, file, sha256, records, restored: clean },
    }));
    return state.backup as NonNullable<MoveState["backup"]>;
  } finally {
    if ((await target.ledger.find(scratch)) !== undefined) await target.ledger.drop(scratch);
  }
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash("sha256");
  if ((await stat(path)).isFile())
    for await (const piece of createReadStream(path)) hash.update(piece as Buffer);
  return hash.digest("hex");
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
