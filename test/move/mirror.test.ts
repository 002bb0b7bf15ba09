/** Deliveries: whatever their order, however often, and whatever one of them meets. */
import { afterEach, describe, expect, it, vi } from "vitest";
import { encodeKey } from "../../src/collection/key.ts";
import { dumpRevision, revision } from "../../src/collection/revision.ts";
import { OutgrowError } from "../../src/errors.ts";
import { type Direction, deliver, Mirror } from "../../src/move/mirror.ts";
import type { Commit } from "../../src/store/driver.ts";
import type { Side } from "../../src/store/side.ts";
import { deletion, present } from "../../src/store/writes.ts";
import { MemoryState, memorySide } from "../support/memory-side.ts";
import { AT, commitOf, fullKey, PlainWorld } from "../support/routed.ts";
import { Actor } from "../support/world.ts";

class Sides {
  readonly world = new PlainWorld();
  readonly source = new MemoryState("source");
  readonly target = new MemoryState("target");
  readonly from: Side;
  readonly to: Side;
  /** What the target says to commits that hold a record of this id. */
  readonly refuses = new Map<string, Error>();

  constructor() {
    const actor = new Actor("process", false);
    this.from = memorySide(this.world, actor, this.source);
    const to = memorySide(this.world, actor, this.target);
    const commit = async (given: Commit) => {
      for (const { records } of given.writes) {
        for (const { key } of records) {
          const refused = [...this.refuses].find(([id]) => encodeKey(id) === key);
          if (refused !== undefined) throw refused[1];
        }
      }
      return to.driver.commit(given);
    };
    this.to = { ...to, driver: { ...to.driver, commit } };
  }

  /** Written by the app, and captured. */
  async write(records: Readonly<Record<string, string | null>>, counter = 1): Promise<void> {
    const { writes } = commitOf(records);
    const issued = writes.map((write) => ({
      ...write,
      records: write.records.map((one, n) => ({ ...one, revision: revision(1, counter + n) })),
    }));
    await this.from.driver.commit({ ...AT, writes: issued, capture: true, epoch: 1 });
  }

  get held(): Record<string, string | undefined> {
    const all = [...this.target.records.values()].filter(({ state }) => state === "present");
    return Object.fromEntries(all.map(({ value }) => Object.values(value as object)));
  }
}

const refused = () => new OutgrowError("RECORD_REFUSED", {}, { sqlState: "23505" });

afterEach(() => {
  vi.useRealTimers();
});

it("law S4: what waits is delivered and taken out; delivered again it changes nothing", async () => {
  const sides = new Sides();
  await sides.write({ a: "1", b: "2" });
  const entries = await sides.from.outbox.pending(10);
  expect(await deliver(sides.from, sides.to, 1)).toMatchObject({ delivered: 2, refused: [] });
  expect(sides.held).toEqual({ a: "1", b: "2" });
  expect(sides.source.outbox.size).toBe(0);
  for (const entry of entries) sides.source.outbox.set(fullKey("x"), { ...entry, since: 0 });
  await deliver(sides.from, sides.to, 1);
  expect(sides.held).toEqual({ a: "1", b: "2" });
});

it("law S4: a key that is written again while it is delivered stays, and arrives", async () => {
  const sides = new Sides();
  await sides.write({ a: "1" });
  sides.world.behind = async (call) => {
    if (
      call !== "target.commit" ||
      sides.source.at(AT, encodeKey("a"))?.revision !== revision(1, 1)
    )
      return;
    await sides.write({ a: "2" }, 5);
  };
  await deliver(sides.from, sides.to, 1);
  expect([sides.held["a"], sides.source.outbox.size]).toEqual(["1", 1]);
  await deliver(sides.from, sides.to, 1);
  expect([sides.held["a"], sides.source.outbox.size]).toEqual(["2", 0]);
});

it("sem 4: a delivery that read an earlier state and arrives late changes nothing", async () => {
  const sides = new Sides();
  await sides.write({ a: "1" });
  let late: (() => Promise<unknown>) | undefined;
  const driver = {
    ...sides.to.driver,
    commit: async (commit: Commit) => {
      late = () => sides.to.driver.commit(commit);
      throw new OutgrowError("TIMEOUT");
    },
  };
  await expect(deliver(sides.from, { driver }, 1)).rejects.toMatchObject({ code: "TIMEOUT" });
  expect(sides.source.outbox.size).toBe(1);
  await sides.write({ a: "2" }, 5);
  await deliver(sides.from, sides.to, 1);
  await late?.();
  expect(sides.held["a"]).toBe("2");
});

it("law S5: a mirror that slept through a change of stage delivers nothing", async () => {
  const sides = new Sides();
  await sides.write({ a: "1" });
  sides.target.fence = 2;
  await expect(deliver(sides.from, sides.to, 1)).rejects.toMatchObject({ code: "FENCED" });
  expect(sides.target.records.size).toBe(0);
  expect(sides.source.outbox.size).toBe(1);
});

it("sem 18, sem 19: a copy of a record that was written, or deleted, meanwhile does not come back", async () => {
  const sides = new Sides();
  const copied = ["a", "b"].map((id) => ({
    ...present(encodeKey(id), { id, text: "as copied" }),
    revision: dumpRevision(3),
  }));
  for (const record of copied)
    sides.source.records.set(JSON.stringify([...Object.values(AT), record.key]), record);
  await sides.write({ a: "new", b: null });
  await deliver(sides.from, sides.to, 1);
  const report = await sides.to.driver.commit({
    ...AT,
    writes: [{ collection: AT.collection, records: copied }],
  });
  expect(report).toMatchObject({ applied: 0, stale: 2 });
  expect(sides.held).toEqual({ a: "new" });
});

it("sem 20: a deletion that arrives before its record leaves a tombstone, and the record stays away", async () => {
  const sides = new Sides();
  const gone = { ...deletion(encodeKey("a")), revision: revision(1, 9) };
  await sides.from.driver.commit({
    ...AT,
    writes: [{ collection: AT.collection, records: [gone] }],
    capture: true,
  });
  await deliver(sides.from, sides.to, 1);
  expect(sides.target.at(AT, encodeKey("a"))?.state).toBe("deleted");
  const { writes } = commitOf({ a: "earlier" });
  expect(await sides.to.driver.commit({ ...AT, writes })).toMatchObject({ applied: 0, stale: 1 });
  expect(sides.held).toEqual({});
});

it("sem 21: a tombstone outlives the delivery on both sides", async () => {
  const sides = new Sides();
  await sides.write({ a: "1" });
  await deliver(sides.from, sides.to, 1);
  await sides.write({ a: null }, 5);
  await deliver(sides.from, sides.to, 1);
  for (const side of [sides.source, sides.target]) {
    expect(side.at(AT, encodeKey("a"))).toMatchObject({
      state: "deleted",
      revision: revision(1, 5),
    });
  }
});

describe("a record that the other side refuses", () => {
  it("sem 26: does not hold up the others, nor fail the delivery; it stays and is named with its code", async () => {
    const sides = new Sides();
    sides.refuses.set("b", refused());
    await sides.write({ a: "1", b: "2", c: "3", d: "4", e: "5" });
    const { delivered, refused: left } = await deliver(sides.from, sides.to, 1);
    expect(delivered).toBe(4);
    expect(left).toMatchObject([{ entry: { key: encodeKey("b") }, code: "23505" }]);
    expect(sides.held).toEqual({ a: "1", c: "3", d: "4", e: "5" });
    expect([...sides.source.outbox.keys()]).toEqual([fullKey("b")]);
  });

  it("sem 26: whatever the reason is that only it has", async () => {
    const reasons: [Error, string][] = [
      [new OutgrowError("MOVE_UNKNOWN", { collection: "items" }), "MOVE_UNKNOWN"],
      [new OutgrowError("KEY_TYPE"), "KEY_TYPE"],
      [new TypeError("A tenant is well-formed text."), "INTERNAL"],
    ];
    for (const [reason, code] of reasons) {
      const sides = new Sides();
      sides.refuses.set("a", reason);
      await sides.write({ a: "1", b: "2" });
      expect((await deliver(sides.from, sides.to, 1)).refused).toMatchObject([{ code }]);
      expect(sides.held).toEqual({ b: "2" });
    }
  });

  it("law S4: a store that is away, busy or full refuses no record: all wait", async () => {
    for (const code of ["TARGET_UNREACHABLE", "TARGET_BUSY", "TARGET_FULL", "TIMEOUT"] as const) {
      const sides = new Sides();
      sides.refuses.set("a", new OutgrowError(code));
      await sides.write({ a: "1", b: "2" });
      await expect(deliver(sides.from, sides.to, 1)).rejects.toMatchObject({ code });
      expect(sides.world.count("target.commit")).toBe(0);
      expect(sides.source.outbox.size).toBe(2);
    }
  });
});

describe("a mirror at work", () => {
  const begun = (sides: Sides, direction?: () => Promise<Direction | undefined>) => {
    vi.useFakeTimers();
    const { from, to } = sides;
    const mirror = new Mirror(direction ?? (async () => ({ from, to, epoch: 1 })));
    mirror.start();
    return mirror;
  };

  it("sem 26: more refused records than a batch holds do not starve those behind them", async () => {
    const sides = new Sides();
    const bad = Array.from({ length: 600 }, (_, n) => `bad${n}`);
    for (const id of bad) sides.refuses.set(id, refused());
    await sides.write(Object.fromEntries(bad.map((id) => [id, "1"])));
    const mirror = begun(sides);
    await vi.advanceTimersByTimeAsync(300);
    await sides.write({ good: "1" }, 1000);
    mirror.wake();
    await vi.advanceTimersByTimeAsync(1000);
    expect(sides.held).toEqual({ good: "1" });
    expect(mirror.refused).toHaveLength(600);
    await mirror.stop();
  });

  it("sem 26: a refused record is not tried all the time; written again, or later, it is", async () => {
    const sides = new Sides();
    sides.refuses.set("a", refused());
    await sides.write({ a: "1" });
    let asked = 0;
    const { commit } = sides.to.driver;
    const counted = (given: Commit) => {
      asked++;
      return commit(given);
    };
    const to = { ...sides.to, driver: { ...sides.to.driver, commit: counted } };
    const mirror = begun(sides, async () => ({ from: sides.from, to, epoch: 1 }));
    await vi.advanceTimersByTimeAsync(3000);
    expect([asked, mirror.refused.length]).toEqual([1, 1]);
    await sides.write({ a: "2" }, 5);
    mirror.wake();
    await vi.advanceTimersByTimeAsync(1000);
    expect([asked, mirror.refused.length]).toEqual([2, 1]);
    sides.refuses.clear();
    await vi.advanceTimersByTimeAsync(6000);
    expect([asked, mirror.refused.length]).toEqual([3, 0]);
    expect(sides.held).toEqual({ a: "2" });
    await mirror.stop();
  });

  it("law S4: it goes on when the other side does, and when the stage can be read again", async () => {
    const sides = new Sides();
    await sides.write({ a: "1" });
    sides.world.before = (call) => {
      if (call.startsWith("target")) throw new OutgrowError("TARGET_UNREACHABLE");
    };
    const mirror = begun(sides);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(sides.held).toEqual({});
    sides.world.before = () => {};
    await vi.advanceTimersByTimeAsync(5000);
    expect(sides.held).toEqual({ a: "1" });
    await mirror.stop();
  });

  it.each([
    ["three times as long as it took", 100, 400],
    ["a second at the most", 1500, 2500],
  ])("woken all the time it rests behind a delivery: %s", async (_, takesMs, everyMs) => {
    const sides = new Sides();
    let deliveries = 0;
    const { commit } = sides.to.driver;
    const slow = async (given: Commit) => {
      deliveries++;
      await new Promise((resolve) => setTimeout(resolve, takesMs));
      return commit(given);
    };
    const to = { ...sides.to, driver: { ...sides.to.driver, commit: slow } };
    const mirror = begun(sides, async () => ({ from: sides.from, to, epoch: 1 }));
    // An app that writes every 20 ms, for as long as ten deliveries take with what lies between them.
    const writes = (10 * everyMs) / 20;
    for (let n = 1; n <= writes; n++) {
      await sides.write({ [`k${n % 50}`]: `${n}` }, n);
      mirror.wake();
      await vi.advanceTimersByTimeAsync(20);
    }
    expect(deliveries).toBeLessThanOrEqual(11);
    expect(deliveries).toBeGreaterThanOrEqual(9);
    await vi.advanceTimersByTimeAsync(2 * everyMs);
    expect(sides.source.outbox.size).toBe(0);
    expect(sides.held["k0"]).toBe(String(writes));
    await mirror.stop();
  });

  it("what was refused in another stage is nobody's concern any more", async () => {
    const sides = new Sides();
    sides.refuses.set("a", refused());
    await sides.write({ a: "1" });
    let stage: Direction | undefined = { from: sides.from, to: sides.to, epoch: 1 };
    const mirror = begun(sides, async () => stage);
    await vi.advanceTimersByTimeAsync(500);
    expect(mirror.refused).toHaveLength(1);
    stage = undefined;
    await vi.advanceTimersByTimeAsync(500);
    expect(mirror.refused).toEqual([]);
    await mirror.stop();
  });
});
