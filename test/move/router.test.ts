/** Where each call goes, once, whatever the stage; and what becomes of it while the stage changes. */
import { afterEach, describe, expect, it, vi } from "vitest";
import { collection } from "../../src/collection/define.ts";
import { encodeKey } from "../../src/collection/key.ts";
import { shape } from "../../src/collection/shape.ts";
import { OutgrowError } from "../../src/errors.ts";
import { STAGES } from "../../src/move/stages.ts";
import { storeOver } from "../../src/store/store.ts";
import { AT, commitOf, fullKey, Routed } from "../support/routed.ts";

interface Item {
  readonly id: string;
  readonly text?: string;
  readonly count?: number;
}
const items = collection("items", { schema: shape<Item>({ id: ["string"] }), key: "id" });

const KEY = encodeKey("k");

afterEach(() => {
  vi.useRealTimers();
});

describe.each(STAGES)("at $name", ({ name, reads, authority, mirrored }) => {
  const other = authority === "source" ? "target" : "source";

  it("sem 11: a read is asked once of the side that serves, and of no other", async () => {
    const move = new Routed(name);
    move.hold("k", "v");
    const [found] = await move.router.read(AT, [KEY]);
    expect(found?.value).toEqual({ id: "k", text: "v" });
    expect(move.world.count(`${reads}.read`)).toBe(1);
    expect(move.world.calls.filter((call) => call.startsWith(other))).toEqual([]);
    expect(move.counts.sides[reads].reads).toBe(1);
  });

  it("sem 11, law S4: a write is committed once, to the authority, which notes it for the other side", async () => {
    const move = new Routed(name);
    await move.router.commit(commitOf({ k: "v", gone: null }));
    expect(move.world.count(`${authority}.commit`)).toBe(1);
    expect(move.world.calls.filter((call) => call.startsWith(other))).toEqual([]);
    expect([...move[authority].outbox.keys()]).toEqual(
      mirrored === undefined ? [] : [fullKey("k"), fullKey("gone")],
    );
    expect(move.woken).toBe(mirrored === undefined ? 0 : 1);
    expect(move.counts.sides[authority].writes).toBe(1);
  });

  it("sem 11: counts and queries go once to the side that serves", async () => {
    const move = new Routed(name);
    move.hold("k", "v");
    const store = storeOver(move.router);
    expect(await store.collection(items).count()).toBe(1);
    expect((await store.collection(items).query({ limit: 5 })).records).toHaveLength(1);
    expect(move.world.count(`${reads}.count`)).toBe(1);
    expect(move.world.count(`${reads}.scan`)).toBe(1);
    expect(move.world.calls.filter((call) => call.startsWith(other))).toEqual([]);
  });
});

const unreachable = () => new OutgrowError("TARGET_UNREACHABLE");

it("sem 2, sem 7, law S4: whatever the other side does, the app's write succeeds and waits for it", async () => {
  for (const [stage, authority, other] of [
    ["dualwrite", "source", "target"],
    ["shadow", "source", "target"],
    ["live", "target", "source"],
    ["rampdown", "target", "source"],
  ] as const) {
    const move = new Routed(stage);
    move.world.before = (call) => {
      if (call.startsWith(other)) throw unreachable();
    };
    await move.router.commit(commitOf({ k: stage }));
    expect(move.held(authority, "k")).toBe(stage);
    expect(move[authority].outbox.has(fullKey("k"))).toBe(true);
  }
});

describe("a connection that is cut", () => {
  it("fault F09: a call that changes nothing is made again, and the app does not hear of it", async () => {
    const move = new Routed("live");
    move.hold("k", "v");
    const failed = new Map<string, number>();
    move.world.before = (call) => {
      const times = failed.get(call) ?? 0;
      failed.set(call, times + 1);
      if (call.startsWith("target") && times < 2) throw unreachable();
    };
    expect((await move.router.read(AT, [KEY]))[0]?.value).toMatchObject({ text: "v" });
    expect(await move.router.count(AT)).toBe(1);
    expect(await move.router.issue(2)).toHaveLength(2);
    expect([failed.get("target.read"), failed.get("target.count")]).toEqual([3, 3]);
  });

  it("fault F09: one that stays cut ends the call, after a few attempts", async () => {
    const move = new Routed("live");
    move.world.before = (call) => {
      if (call === "target.read") throw unreachable();
    };
    await expect(move.router.read(AT, [KEY])).rejects.toMatchObject({ code: "TARGET_UNREACHABLE" });
    expect(move.world.count("target.read")).toBe(7);
  });

  it("fault F09: while the stage changes, a call waits for it all the same", async () => {
    const move = new Routed("shadow");
    move.hold("k", "old");
    await move.viewer.refresh();
    move.say("shadow", 1, { pending: { to: "live", epoch: 2, by: "ada", at: 0 } });
    await move.viewer.refresh();
    move.source.fence = 2;
    let cuts = 4;
    move.world.before = (call) => {
      if (!call.startsWith("control")) return;
      if (cuts-- > 0) throw unreachable();
      move.enter("live", 2);
    };
    const read = move.router.read(AT, [KEY]);
    await move.router.commit(commitOf({ k: "new" }));
    expect(move.held("target", "k")).toBe("new");
    expect((await read)[0]?.key).toBe(KEY);
    expect(cuts).toBeLessThan(0);
  });
});

describe("an answer that is lost", () => {
  it("sem 6: a commit that took place is found by its revision, and not made again", async () => {
    const move = new Routed("dualwrite");
    let lost = 1;
    move.world.behind = (call) => {
      if (call === "source.commit" && lost-- > 0) throw new OutgrowError("OUTCOME_UNKNOWN");
    };
    const report = await move.router.commit(commitOf({ k: "v" }));
    expect(report.applied).toBe(1);
    expect(move.world.count("source.commit")).toBe(1);
    expect(move.held("source", "k")).toBe("v");
  });

  it("sem 6: a commit that did not is made again, under the same revision", async () => {
    const move = new Routed("dualwrite");
    move.hold("k", "older");
    let lost = 2;
    move.world.before = (call) => {
      if (call === "source.commit" && lost-- > 0) throw new OutgrowError("OUTCOME_UNKNOWN");
    };
    const commit = commitOf({ k: "v" });
    await move.router.commit(commit);
    expect(move.world.count("source.commit")).toBe(3);
    expect(move.source.at(AT, KEY)?.revision).toBe(commit.writes[0]?.records[0]?.revision);
    expect(move.held("source", "k")).toBe("v");
  });

  const increment = (move: Routed): Promise<Item> =>
    storeOver(move.router).transaction(async (tx) => {
      const found = await tx.collection(items).get("n");
      return tx.collection(items).put({ id: "n", count: (found?.count ?? 0) + 1 });
    });

  it("sem 6: a transaction whose answer was lost does not take place twice", async () => {
    const move = new Routed("dualwrite");
    let lost = 1;
    move.world.behind = (call) => {
      if (call === "source.commit" && lost-- > 0) throw new OutgrowError("OUTCOME_UNKNOWN");
      // And it cannot be asked for at once either: so the same commit is tried again.
      if (call === "source.read" && lost === 0 && move.world.count("source.read") === 2) {
        throw unreachable();
      }
    };
    await increment(move);
    expect(move.world.count("source.commit")).toBe(2);
    expect(move.source.at(AT, encodeKey("n"))?.value).toEqual({ id: "n", count: 1 });
  });

  it("sem 5, sem 6: nor when the stage changes before it can be asked for", async () => {
    const move = new Routed("shadow");
    let lost = 1;
    move.world.behind = (call) => {
      if (call !== "source.commit" || lost-- <= 0) return;
      // The fence rises behind the commit, its record is delivered, the target takes over.
      for (const [id, record] of move.source.records) move.target.records.set(id, record);
      move.enter("live", 2);
      throw new OutgrowError("OUTCOME_UNKNOWN");
    };
    move.world.before = (call) => {
      if (call === "source.read" && lost === 0 && move.world.count("source.commit") === 1) {
        throw unreachable();
      }
    };
    await increment(move);
    expect(move.world.count("source.commit")).toBe(2);
    expect(move.target.at(AT, encodeKey("n"))?.value).toEqual({ id: "n", count: 1 });
  });

  it("what cannot be found out is said to be unknown, not to have failed", async () => {
    vi.useFakeTimers();
    const move = new Routed("dualwrite");
    move.world.before = (call) => {
      if (call === "source.read") throw unreachable();
      if (call === "source.commit") throw new OutgrowError("OUTCOME_UNKNOWN");
    };
    const failed = expect(move.router.commit(commitOf({ k: "v" }))).rejects.toMatchObject({
      code: "OUTCOME_UNKNOWN",
    });
    await vi.runAllTimersAsync();
    await failed;
  });
});

describe("while the stage changes", () => {
  it("sem 5, law S5: a write that was routed by the stage before is refused there and made where it belongs", async () => {
    const move = new Routed("shadow");
    await move.viewer.refresh();
    move.enter("live", 2);
    await move.router.commit(commitOf({ k: "v" }));
    expect(move.held("source", "k")).toBeUndefined();
    expect(move.held("target", "k")).toBe("v");
    expect(move.target.at(AT, KEY)?.revision).toMatch(/^00000002\./);
    expect(move.target.outbox.has(fullKey("k"))).toBe(true);
  });

  it("sem 12: a write that began in live is not lost on the way back", async () => {
    const move = new Routed("live");
    await move.viewer.refresh();
    move.enter("shadow", 2);
    await move.router.commit(commitOf({ k: "v" }));
    expect(move.held("target", "k")).toBeUndefined();
    expect(move.held("source", "k")).toBe("v");
    expect(move.source.outbox.has(fullKey("k"))).toBe(true);
  });

  it("sem 12: after complete a write reaches the target alone, and nothing waits for the source", async () => {
    const move = new Routed("rampdown");
    await move.viewer.refresh();
    move.enter("complete", 2);
    await move.router.commit(commitOf({ k: "v" }));
    expect([move.held("source", "k"), move.held("target", "k")]).toEqual([undefined, "v"]);
    expect(move.source.outbox.size + move.target.outbox.size).toBe(0);
  });

  it("law S5: a write waits between the fence and the new stage", async () => {
    const move = new Routed("shadow");
    const pending = { to: "live", epoch: 2, by: "ada", at: 0 } as const;
    move.say("shadow", 1, { pending });
    move.source.fence = 2;
    let done = false;
    const writing = move.router.commit(commitOf({ k: "v" })).then(() => {
      done = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(done).toBe(false);
    move.enter("live", 2);
    await writing;
    expect(move.held("target", "k")).toBe("v");
  });

  it("a write that has waited for too long says so, and nothing was stored", async () => {
    vi.useFakeTimers();
    const move = new Routed("shadow");
    const pending = { to: "live", epoch: 2, by: "ada", at: 0 } as const;
    move.say("shadow", 1, { pending });
    move.source.fence = 2;
    const failed = expect(move.router.commit(commitOf({ k: "v" }))).rejects.toMatchObject({
      code: "STAGE_CHANGING",
    });
    await vi.advanceTimersByTimeAsync(20_000);
    await failed;
    expect(move.source.records.size + move.target.records.size).toBe(0);
  });

  it("law S5: while a change is pending each read asks for the stage before it is served", async () => {
    const move = new Routed("shadow");
    const pending = { to: "live", epoch: 2, by: "ada", at: 0 } as const;
    move.say("shadow", 1, { pending });
    await move.viewer.refresh();
    move.hold("k", "old", ["source"]);
    move.hold("k", "new", ["target"]);
    expect((await move.router.read(AT, [KEY]))[0]?.value).toMatchObject({ text: "old" });
    move.enter("live", 2);
    expect((await move.router.read(AT, [KEY]))[0]?.value).toMatchObject({ text: "new" });
  });

  it("a view that has lapsed is not relied upon: who slept asks first", async () => {
    const move = new Routed("shadow");
    move.hold("k", "old", ["source"]);
    move.hold("k", "new", ["target"]);
    await move.viewer.refresh();
    move.enter("live", 2);
    move.now = 4999;
    expect((await move.router.read(AT, [KEY]))[0]?.value).toMatchObject({ text: "old" });
    move.now = 5000;
    expect((await move.router.read(AT, [KEY]))[0]?.value).toMatchObject({ text: "new" });
  });
});

describe("when the stage cannot be read", () => {
  const deaf = (move: Routed) => {
    move.world.before = (call) => {
      if (call.startsWith("control") || call.startsWith("target")) throw unreachable();
    };
    move.now += 60_000;
  };

  it("sem 10: a process that never knew a stage neither reads nor writes", async () => {
    const move = new Routed("dualwrite");
    deaf(move);
    await expect(move.router.commit(commitOf({ k: "v" }))).rejects.toMatchObject({
      code: "STAGE_UNREADABLE",
    });
    await expect(move.router.read(AT, [KEY])).rejects.toMatchObject({ code: "STAGE_UNREADABLE" });
    expect(move.source.records.size).toBe(0);
  });

  it("sem 10, law S2: up to shadow the app goes on without the target, however long that takes", async () => {
    for (const stage of ["off", "dualwrite", "shadow"] as const) {
      const move = new Routed(stage);
      await move.viewer.refresh();
      deaf(move);
      await move.router.commit(commitOf({ k: stage }));
      move.now += 3_600_000;
      expect((await move.router.read(AT, [KEY]))[0]?.value).toMatchObject({ text: stage });
      expect(move.source.outbox.size).toBe(stage === "off" ? 0 : 1);
    }
  });

  it("law S2: the target may hang, too: a call waits for the stage for a second, others not at all", async () => {
    vi.useFakeTimers();
    const move = new Routed("dualwrite");
    await move.viewer.refresh();
    move.hold("k", "v", ["source"]);
    move.now += 60_000;
    move.world.before = (call) =>
      call.startsWith("control") ? new Promise<void>(() => {}) : undefined;
    const first = move.router.read(AT, [KEY]);
    await vi.advanceTimersByTimeAsync(1000);
    expect((await first)[0]?.value).toMatchObject({ text: "v" });
    expect((await move.router.read(AT, [KEY]))[0]?.value).toMatchObject({ text: "v" });
    expect(move.world.count("control.beat")).toBe(2);
  });

  it("an answer that never comes keeps nobody from asking again", async () => {
    vi.useFakeTimers();
    const move = new Routed("live");
    await move.viewer.refresh();
    move.now += 60_000;
    let hung = 1;
    move.world.before = (call) =>
      call === "control.beat" && hung-- > 0 ? new Promise<void>(() => {}) : undefined;
    const asked = expect(move.viewer.refresh()).rejects.toMatchObject({ code: "STAGE_UNREADABLE" });
    const next = move.viewer.refresh();
    await vi.advanceTimersByTimeAsync(5000);
    await asked;
    expect((await next).state.stage).toBe("live");
  });

  it("sem 10, law S5: once the fence has risen the last known stage serves nothing", async () => {
    const move = new Routed("shadow");
    move.hold("k", "old", ["source"]);
    await move.viewer.refresh();
    move.enter("live", 2);
    deaf(move);
    await expect(move.router.read(AT, [KEY])).rejects.toMatchObject({ code: "STAGE_UNREADABLE" });
    await expect(move.router.commit(commitOf({ k: "v" }))).rejects.toMatchObject({
      code: "STAGE_UNREADABLE",
    });
    expect(move.held("source", "k")).toBe("old");
  });
});
