/** Shadow comparison: what it counts, what it calls a difference, and that nobody ever waits for it. */
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { digestHex } from "../../src/collection/digest-sum.ts";
import { encodeKey } from "../../src/collection/key.ts";
import { revision } from "../../src/collection/revision.ts";
import { OutgrowError } from "../../src/errors.ts";
import { deliver } from "../../src/move/mirror.ts";
import { present } from "../../src/store/writes.ts";
import { memorySide } from "../support/memory-side.ts";
import { AT, commitOf, fullKey, Routed } from "../support/routed.ts";
import { Actor } from "../support/world.ts";

const KEY = encodeKey("k");

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** Reads so often, and lets all comparisons end. */
async function readAndLook(move: Routed, times = 1, keys = [KEY]): Promise<void> {
  for (let n = 0; n < times; n++) {
    await move.router.read(AT, keys);
    await vi.advanceTimersByTimeAsync(30_000);
  }
  await move.comparer.idle();
}

const NONE = { equal: 0, mismatched: 0, busy: 0, unknown: 0, dropped: 0 };
const unreachable = () => new OutgrowError("TARGET_UNREACHABLE");

it("a sample of 0 asks the other side for nothing, a sample of 1 for everything", async () => {
  const none = new Routed("shadow", { sample: 0 });
  none.hold("k", "v");
  await readAndLook(none, 20);
  expect(none.counts.comparisons).toEqual(NONE);
  expect(none.world.count("target.read")).toBe(0);
  const all = new Routed("shadow", { sample: 1 });
  all.hold("k", "v");
  await readAndLook(all, 20, [KEY, encodeKey("absent")]);
  expect(all.counts.comparisons).toEqual({ ...NONE, equal: 40 });
  expect(all.world.count("target.read")).toBe(20);
});

it("a sample in between is taken by lot", async () => {
  let lot = 0;
  vi.spyOn(Math, "random").mockImplementation(() => (lot++ % 10) / 10);
  const move = new Routed("shadow", { sample: 0.3 });
  await readAndLook(move, 100);
  expect(move.counts.comparisons).toEqual({ ...NONE, equal: 30 });
});

it("which side is asked as well is the stage's affair: in live it is the source, in dualwrite nobody", async () => {
  for (const [stage, other] of [
    ["shadow", "target"],
    ["live", "source"],
  ] as const) {
    const move = new Routed(stage, { sample: 1 });
    move.hold("k", "v");
    await readAndLook(move);
    expect(move.world.count(`${other}.read`)).toBe(1);
    // It is known from this how fast that side would serve.
    expect(move.counts.sides[other].reads).toBe(1);
  }
  const dualwrite = new Routed("dualwrite", { sample: 1 });
  await readAndLook(dualwrite);
  expect(dualwrite.world.count("target.read")).toBe(0);
});

it("sem 46: at off the source is compared with itself, and differs from itself never", async () => {
  const move = new Routed("off", { sample: 1 });
  move.hold("k", "v", ["source"]);
  await readAndLook(move, 5);
  expect(move.counts.comparisons).toEqual({ ...NONE, equal: 5 });
});

it("sem 47: a record that differs is named by key and digests, never by what it holds", async () => {
  const move = new Routed("shadow", { sample: 1 });
  const served = move.hold("k", "secret-1", ["source"]);
  const other = move.hold("k", "secret-2", ["target"]);
  await readAndLook(move);
  expect(move.counts.comparisons).toEqual({ ...NONE, mismatched: 1 });
  expect(move.comparer.mismatches).toEqual([
    {
      collection: "items",
      key: KEY,
      served: digestHex(served.digest),
      other: digestHex(other.digest),
    },
  ]);
  expect(JSON.stringify(move.comparer.mismatches)).not.toContain("secret");
});

it("sem 43: a record that one side lacks differs, whichever side it is", async () => {
  for (const side of ["source", "target"] as const) {
    const move = new Routed("shadow", { sample: 1 });
    move.hold("k", "v", [side]);
    await readAndLook(move);
    expect(move.counts.comparisons).toEqual({ ...NONE, mismatched: 1 });
    const absent = side === "source" ? "other" : "served";
    expect(move.comparer.mismatches[0]?.[absent]).toBeNull();
  }
});

it("sem 37: a record on its way is busy, and equal once it has arrived; it is no mismatch", async () => {
  const move = new Routed("shadow", { sample: 1 });
  move.hold("k", "old");
  await move.router.commit(commitOf({ k: "new" }));
  await readAndLook(move);
  expect(move.counts.comparisons).toEqual({ ...NONE, busy: 1 });
  const reading = move.router.read(AT, [KEY]);
  await vi.advanceTimersByTimeAsync(10);
  const actor = new Actor("mirror", false);
  const sideOf = (state: typeof move.source) => memorySide(move.world, actor, state);
  await deliver(sideOf(move.source), sideOf(move.target), 1);
  await reading;
  await vi.advanceTimersByTimeAsync(30_000);
  expect(move.counts.comparisons).toEqual({ ...NONE, busy: 1, equal: 1 });
});

it("sem 37: nor is one that is written at each look, and delivered at once", async () => {
  const move = new Routed("shadow", { sample: 1 });
  move.hold("k", "v0");
  let version = 0;
  // The worst of times: a write, and its delivery, between what the two sides are asked.
  move.world.behind = (call) => {
    if (call !== "target.read") return;
    const id = fullKey("k");
    const text = `v${++version}`;
    const record = { ...present(KEY, { id: "k", text }), revision: revision(1, version) };
    move.source.records.set(id, record);
    if (version % 2 === 0) move.target.records.set(id, record);
  };
  move.hold("k", "different", ["target"]);
  await readAndLook(move);
  expect(move.counts.comparisons.mismatched).toBe(0);
  expect(move.counts.comparisons.busy).toBe(1);
});

it("sem 9: a side that does not answer in time is unknown, and the reader has long been served", async () => {
  const move = new Routed("shadow", { sample: 1, timeoutMs: 100 });
  move.hold("k", "v");
  move.world.before = (call) => (call === "target.read" ? new Promise(() => {}) : undefined);
  const [found] = await move.router.read(AT, [KEY]);
  expect(found?.value).toMatchObject({ text: "v" });
  await vi.advanceTimersByTimeAsync(99);
  expect(move.counts.comparisons).toEqual(NONE);
  await vi.advanceTimersByTimeAsync(1);
  await move.comparer.idle();
  expect(move.counts.comparisons).toEqual({ ...NONE, unknown: 1 });
});

it("sem 9: an outbox that does not answer keeps no comparison alive", async () => {
  const move = new Routed("shadow", { sample: 1, timeoutMs: 100 });
  move.hold("k", "v", ["source"]);
  move.world.before = (call) => (call === "source.pending" ? new Promise(() => {}) : undefined);
  await readAndLook(move);
  expect(move.counts.comparisons).toEqual({ ...NONE, unknown: 1 });
});

it("sem 9: a side that fails five times in a row is left alone for ten seconds", async () => {
  const move = new Routed("shadow", { sample: 1 });
  move.hold("k", "v");
  move.world.before = (call) => {
    if (call === "target.read") throw unreachable();
  };
  for (let n = 0; n < 8; n++) {
    await move.router.read(AT, [KEY]);
    await vi.advanceTimersByTimeAsync(10);
  }
  expect(move.counts.comparisons).toEqual({ ...NONE, unknown: 5, dropped: 3 });
  expect(move.world.count("target.read")).toBe(5);
  move.world.before = () => {};
  await vi.advanceTimersByTimeAsync(10_000);
  await readAndLook(move);
  expect(move.counts.comparisons).toEqual({ ...NONE, unknown: 5, dropped: 3, equal: 1 });
});

it("sem 9: failures that are not in a row leave nobody alone", async () => {
  const move = new Routed("shadow", { sample: 1 });
  move.hold("k", "v");
  let asked = 0;
  move.world.before = (call) => {
    if (call === "target.read" && ++asked % 4 !== 0) throw unreachable();
  };
  for (let n = 0; n < 16; n++) {
    await move.router.read(AT, [KEY]);
    await vi.advanceTimersByTimeAsync(10);
  }
  expect(move.counts.comparisons).toEqual({ ...NONE, unknown: 12, equal: 4 });
});

it("sem 8: under load comparisons are dropped and counted, and reads are served", async () => {
  const move = new Routed("shadow", { sample: 1, atOnce: 2, timeoutMs: 500 });
  move.hold("k", "v");
  move.world.before = (call) => (call === "target.read" ? new Promise(() => {}) : undefined);
  const found = await Promise.all(Array.from({ length: 5 }, () => move.router.read(AT, [KEY])));
  expect(found.flat()).toHaveLength(5);
  await vi.advanceTimersByTimeAsync(1000);
  expect(move.counts.comparisons).toEqual({ ...NONE, unknown: 2, dropped: 3 });
});

it("sem 42: a record that cannot be compared differs, with the code why; the others are judged", async () => {
  const move = new Routed("shadow", { sample: 1 });
  move.hold("k", "v");
  move.hold("fine", "v");
  const broken = { ...move.hold("k", "v", []), digest: undefined as unknown as Uint8Array };
  move.target.records.set(fullKey("k"), broken);
  await readAndLook(move, 1, [KEY, encodeKey("fine")]);
  expect(move.counts.comparisons).toEqual({ ...NONE, mismatched: 1, equal: 1 });
  expect(move.comparer.mismatches).toEqual([
    { collection: "items", key: KEY, served: null, other: null, failed: "INTERNAL" },
  ]);
});

it("sem 42: a record that the other side cannot say differs", async () => {
  const move = new Routed("shadow", { sample: 1 });
  move.hold("k", "v");
  move.world.before = (call) => {
    if (call === "target.read") throw new OutgrowError("LOST_ROW");
  };
  await readAndLook(move);
  expect(move.counts.comparisons).toEqual({ ...NONE, mismatched: 1 });
  expect(move.comparer.mismatches[0]?.failed).toBe("LOST_ROW");
});

it("the last mismatches are kept, not all of them", async () => {
  const move = new Routed("shadow", { sample: 1 });
  for (let n = 0; n < 30; n++) {
    move.hold(`k${n}`, "v", ["source"]);
    await readAndLook(move, 1, [encodeKey(`k${n}`)]);
  }
  expect(move.counts.comparisons.mismatched).toBe(30);
  expect(move.comparer.mismatches).toHaveLength(20);
  expect(move.comparer.mismatches.at(-1)?.key).toBe(encodeKey("k29"));
});
