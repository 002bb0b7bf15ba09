/**
 * One change of stage. Each step can be done again, and by anybody: what has been done is seen by what is durable.
 *
 *   1. The document says that the change is pending: processes that read it confirm, and ask with each call from then.
 *   2. Every process has confirmed, or has been silent for longer than its view of the stage is good.
 *      What waits in its outbox is delivered meanwhile, so that little is left for step 4.
 *   3. The authority's fence rises to the new epoch: nothing is written to it any more under the old one.
 *   4. Where its outbox is not served afterwards, it is emptied into the other side.
 *   5. The other side's fence rises as well: what others still deliver under the old epoch comes too late.
 *      What the deliveries have done is looked at once more: a record that was set aside closes the way forward.
 *      Where the other side becomes the authority, it makes itself ready.
 *   6. The document says the new stage and epoch. Whoever is the authority no more, or mirrors no more, clears away.
 *
 * Between 3 and 6 writes wait. Taken back, the stage stays and the epoch grows all the same, since a fence never falls.
 */
import { OutgrowError } from "../errors.ts";
import { failpoint } from "../failpoint.ts";
import type { Control, Versioned } from "../store/control.ts";
import type { Side } from "../store/side.ts";
import { deliver } from "./mirror.ts";
import { persist } from "./persist.ts";
import { type SideName, type Stage, type StageName, stageAfter, stageOf } from "./stages.ts";
import { HISTORY, type MoveState, type Pending, type ProcessReport, readState } from "./state.ts";
import { LEASE_MS } from "./view.ts";

export interface TransitionParts {
  readonly name: string;
  readonly control: Control;
  readonly side: (name: SideName) => Promise<Side>;
  /** Who does this, for the history. */
  readonly by: string;
  /** Why a stage may not be entered after all, asked behind the last delivery; `undefined` when it may. */
  readonly closed?: ((into: Stage) => Promise<string | undefined>) | undefined;
  /** How long step 4 may take before the change is taken back. Default 10 seconds. */
  readonly drainMs?: number | undefined;
  /** A process that has been silent for so long asks before it does anything. */
  readonly leaseMs?: number | undefined;
}

const POLL_MS = 50;
const DRAIN_MS = 10_000;
/** A process that lives and does not confirm is stuck: that is for a person to see to. */
const CONFIRM_MS = 60_000;

export type Change = (state: MoveState, now: number) => MoveState;

/** What work of this journey has found; nothing when the journey has ended meanwhile. @throws {OutgrowError} STAGE_TAKEN */
export const inJourney =
  ({ journey }: MoveState, change: Change): Change =>
  (now, at) => {
    if (now.journey !== journey) {
      throw new OutgrowError("STAGE_TAKEN", { detail: "the source was left alone meanwhile" });
    }
    return change(now, at);
  };

/** Reads the document. @throws {OutgrowError} MOVE_UNKNOWN, LEDGER_VERSION */
export async function readMove(control: Control, name: string): Promise<Versioned<MoveState>> {
  const found = await control.read(name);
  if (found === undefined) throw new OutgrowError("MOVE_UNKNOWN", { detail: name });
  return { ...found, document: readState(found.document) };
}

/**
 * Changes the document as it is now, by compare-and-set.
 * @param change may throw, when what it finds is not what it was meant for.
 */
export async function changeMove(
  control: Control,
  name: string,
  change: Change,
): Promise<MoveState> {
  for (;;) {
    const { version, document, now } = await readMove(control, name);
    const next = change(document, now);
    if (await control.replace(name, version, next)) return next;
  }
}

/**
 * Steps 1 to 6. A store that does not answer is waited for, for a while (persist.ts).
 * @throws {OutgrowError} STAGE_TAKEN when the move is not where `from` says; as `finish`.
 */
export async function changeStage(
  parts: TransitionParts,
  from: Pick<MoveState, "stage" | "epoch">,
  to: StageName,
): Promise<MoveState> {
  const epoch = from.epoch + 1;
  let ours: Pending | undefined;
  await persist((wasLost) =>
    changeMove(parts.control, parts.name, (state, at) => {
      // The announcement whose answer was lost stands; or a process of the app has ended the change already.
      if (wasLost && ours !== undefined && isAnnounced(state, ours)) return state;
      if (state.epoch !== from.epoch || state.stage !== from.stage || state.pending !== undefined) {
        throw new OutgrowError("STAGE_TAKEN", { detail: parts.name });
      }
      ours = { to, epoch, by: parts.by, at };
      return { ...state, pending: ours };
    }),
  );
  await failpoint("stage.pending");
  const state = await persist(() => finish(parts));
  // Ended by somebody else, it may have ended where it began, and others may have gone on from there.
  const passed = state.history.find((one) => one.epoch === epoch);
  if (passed?.stage === to) return state;
  throw new OutgrowError("STAGE_CHANGING", { detail: `the change to ${to} was taken back` });
}

function isAnnounced({ pending, history }: MoveState, ours: Pending): boolean {
  const { to, epoch, by, at } = ours;
  if (pending !== undefined) {
    return pending.to === to && pending.epoch === epoch && pending.by === by && pending.at === at;
  }
  return history.some((one) => one.epoch === epoch && one.by === by);
}

/**
 * Steps 2 to 6 of the change that is pending, whoever began it; nothing when none is.
 * @throws {OutgrowError} STAGE_CHANGING when a process does not confirm, or the outbox does not become empty;
 * GATE_CLOSED when a delivery was set aside: the change has been taken back then.
 */
export async function finish(parts: TransitionParts): Promise<MoveState> {
  const { control, name } = parts;
  const { document: state } = await readMove(control, name);
  const { pending } = state;
  if (pending === undefined) return state;
  const [before, after] = [stageOf(state.stage), stageOf(pending.to)];
  try {
    await confirmed(parts, pending.epoch);
    await failpoint("stage.confirmed");
    const authority = await parts.side(before.authority);
    const served = after.authority === before.authority && after.mirrored === before.mirrored;
    const drains = before.mirrored !== undefined && after.name !== "off" && !served;
    const to = drains ? await parts.side(before.mirrored) : undefined;
    if (to !== undefined) await catchUp(authority, to, state.epoch, parts.drainMs ?? DRAIN_MS);
    await authority.fence.raise(pending.epoch);
    await failpoint("stage.fenced");
    if (to !== undefined) await drain(authority, to, pending.epoch, parts.drainMs ?? DRAIN_MS);
    await failpoint("stage.drained");
    await fenceOther(parts, before.authority, pending.epoch);
    const closed = stageAfter(before.name) === after ? await parts.closed?.(after) : undefined;
    if (closed !== undefined) {
      const detail = `${after.name}: ${closed}`.replace(/\.$/, "");
      throw new OutgrowError("GATE_CLOSED", { detail });
    }
    if (after.authority !== before.authority) {
      await (await parts.side(after.authority)).takeOver?.();
    }
    await failpoint("stage.flip");
  } catch (error) {
    const isOver =
      OutgrowError.is(error, "STAGE_CHANGING") || OutgrowError.is(error, "GATE_CLOSED");
    if (isOver) await takeBack(parts, pending.epoch);
    throw error;
  }
  const changed = await changeMove(control, name, (now, at) => {
    // Somebody else has finished it, or taken it back.
    if (now.pending?.epoch !== pending.epoch) {
      if (now.stage === pending.to && now.epoch === pending.epoch) return now;
      throw new OutgrowError("STAGE_TAKEN", { detail: name });
    }
    return entered(now, pending.to, pending.epoch, at, pending.by);
  });
  if (after.authority !== before.authority || after.mirrored === undefined) {
    // It clears away: the change is made, whatever becomes of this.
    await (await parts.side(before.authority)).standDown?.().catch(() => {});
  }
  return changed;
}

async function fenceOther(parts: TransitionParts, one: SideName, epoch: number): Promise<void> {
  try {
    await (await parts.side(one === "source" ? "target" : "source")).fence.raise(epoch);
  } catch (error) {
    // A target that was not copied to: there is nothing that anybody could have begun to deliver to.
    if (!OutgrowError.is(error, "MOVE_UNKNOWN")) throw error;
  }
}

/** Ends a pending change where it began, under an epoch of its own. */
export async function takeBack(parts: TransitionParts, epoch: number): Promise<MoveState> {
  const { document: state } = await readMove(parts.control, parts.name);
  if (state.pending?.epoch !== epoch) return state;
  // An epoch begins behind its fence: else somebody who has not heard of it writes under the one before, and loses.
  await (await parts.side(stageOf(state.stage).authority)).fence.raise(epoch);
  return changeMove(parts.control, parts.name, (now, at) => {
    if (now.pending?.epoch !== epoch) return now;
    return { ...entered(now, now.stage, epoch, at, parts.by), since: now.since };
  });
}

function entered(
  { pending: _, ...state }: MoveState,
  stage: StageName,
  epoch: number,
  at: number,
  by: string,
): MoveState {
  const history = [...state.history, { stage, epoch, at, by }].slice(-HISTORY);
  const begins =
    stageOf(state.stage).mirrored === undefined && stageOf(stage).mirrored === "target";
  const journey = begins ? { journey: epoch, copied: undefined, verified: undefined } : {};
  return { ...state, ...journey, stage, epoch, since: at, history };
}

async function confirmed(
  { control, name, leaseMs = LEASE_MS }: TransitionParts,
  epoch: number,
): Promise<void> {
  const deadline = performance.now() + CONFIRM_MS;
  for (;;) {
    const late = (await control.processes(name)).find(({ document, ageMs }) => {
      return ageMs <= leaseMs && (document as ProcessReport).confirmed < epoch;
    });
    if (late === undefined) return;
    if (performance.now() > deadline) {
      const detail = `the process ${late.process} does not confirm it`;
      throw new OutgrowError("STAGE_CHANGING", { detail });
    }
    await sleep(POLL_MS);
  }
}

/** Delivers until nothing waits. @throws {OutgrowError} STAGE_CHANGING */
export async function drain(from: Side, to: Side, epoch: number, ms: number): Promise<void> {
  const deadline = performance.now() + ms;
  for (;;) {
    const { delivered } = await deliver(from, to, epoch);
    const { count } = await from.outbox.depth();
    if (count === 0) return;
    if (performance.now() > deadline) {
      const detail = `${count} records are not delivered`;
      throw new OutgrowError("STAGE_CHANGING", { detail });
    }
    if (delivered === 0) await sleep(POLL_MS);
  }
}

/**
 * Delivers what waits now, while the app goes on writing: until one delivery has looked at all there was.
 * @throws {OutgrowError} STAGE_CHANGING when that takes longer, or some record is refused all the time.
 */
export async function catchUp(from: Side, to: Side, epoch: number, ms: number): Promise<void> {
  const deadline = performance.now() + ms;
  for (;;) {
    const { delivered, refused, isAll } = await deliver(from, to, epoch);
    if (isAll && refused.length === 0) return;
    if (performance.now() > deadline) {
      const { count } = await from.outbox.depth();
      throw new OutgrowError("STAGE_CHANGING", { detail: `${count} records are not delivered` });
    }
    if (delivered === 0) await sleep(POLL_MS);
  }
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
