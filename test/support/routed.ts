/** A router, or a whole process, over two memory sides whose every call can be watched, held up or made to fail. */
import { encodeKey } from "../../src/collection/key.ts";
import { revision } from "../../src/collection/revision.ts";
import { type CompareOptions, Comparer } from "../../src/move/compare.ts";
import { Counts } from "../../src/move/counts.ts";
import { Router } from "../../src/move/router.ts";
import type { SideName, StageName } from "../../src/move/stages.ts";
import { firstState, type MoveState } from "../../src/move/state.ts";
import { Viewer } from "../../src/move/view.ts";
import type { Commit, Stored } from "../../src/store/driver.ts";
import { deletion, present } from "../../src/store/writes.ts";
import { MemoryControlState, MemoryState, memoryControl, memorySide } from "./memory-side.ts";
import { Actor, World } from "./world.ts";

/** A world in which calls happen at once. */
export class PlainWorld extends World {
  /** `store.call`, in the order in which they began. */
  readonly calls: string[] = [];
  /** Called before and behind the effect: what it throws, the caller is told. */
  before: (call: string) => Promise<void> | void = () => {};
  behind: (call: string) => Promise<void> | void = () => {};

  constructor() {
    super(1);
  }

  override async call<T>(_: Actor, store: string, what: string, effect: () => T): Promise<T> {
    const call = `${store}.${what}`;
    this.calls.push(call);
    await this.before(call);
    const result = effect();
    await this.behind(call);
    return result;
  }

  count(call: string): number {
    return this.calls.filter((one) => one === call).length;
  }
}

export const MOVE = "app";
export const AT = { tenant: "default", collection: "items" };

/** Both sides, the control document, and what the router counts. */
export class Routed {
  readonly world = new PlainWorld();
  readonly source = new MemoryState("source");
  readonly target = new MemoryState("target");
  readonly control = new MemoryControlState();
  readonly counts = new Counts();
  readonly comparer: Comparer;
  readonly viewer: Viewer;
  readonly router: Router;
  /** By which the viewer's lease is measured. */
  now = 0;
  woken = 0;

  constructor(stage: StageName, compare: CompareOptions = { sample: 0 }) {
    const actor = new Actor("process", false);
    this.comparer = new Comparer(this.counts, compare);
    this.enter(stage, 1);
    const control = memoryControl(this.world, actor, "control", this.control);
    this.viewer = new Viewer(
      () => control.beat(MOVE, "process", {}),
      () => {},
      5000,
      () => this.now,
    );
    const sides = {
      source: memorySide(this.world, actor, this.source),
      target: memorySide(this.world, actor, this.target),
    };
    this.router = new Router({
      viewer: this.viewer,
      side: async (name: SideName) => sides[name],
      counts: () => this.counts,
      comparer: () => this.comparer,
      captured: () => this.woken++,
    });
  }

  /** The document says so, and both fences are there. */
  enter(stage: StageName, epoch: number, more: Partial<MoveState> = {}): void {
    this.say(stage, epoch, more);
    this.source.fence = epoch;
    this.target.fence = epoch;
  }

  /** The document says so. */
  say(stage: StageName, epoch: number, more: Partial<MoveState> = {}): void {
    const version = (this.control.moves.get(MOVE)?.version ?? 0) + 1;
    const text = JSON.stringify({ ...firstState(0, "a test"), stage, epoch, ...more });
    this.control.moves.set(MOVE, { version, text });
  }

  /** A record that both sides hold, or one of them. */
  hold(id: string, text: string, sides: readonly SideName[] = ["source", "target"]): Stored {
    const record = { ...present(encodeKey(id), { id, text }), revision: revision(0, 1) };
    for (const side of sides) this[side].records.set(fullKey(id), record);
    return record;
  }

  held(side: SideName, id: string): string | undefined {
    const value = this[side].at(AT, encodeKey(id))?.value as { text: string } | undefined;
    return value?.text;
  }
}

export function fullKey(id: string): string {
  return JSON.stringify([AT.tenant, AT.collection, encodeKey(id)]);
}

/** A commit that puts records, or deletes those whose text is `null`. */
export function commitOf(records: Readonly<Record<string, string | null>>): Commit {
  const all = Object.entries(records).map(([id, text], index) => ({
    ...(text === null ? deletion(encodeKey(id)) : present(encodeKey(id), { id, text })),
    revision: revision(1, index + 1),
  }));
  return { tenant: AT.tenant, writes: [{ collection: AT.collection, records: all }] };
}
