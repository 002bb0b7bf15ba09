/** One change of stage, step by step: whom it waits for, and how it ends when it cannot. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { encodeKey } from "../../src/collection/key.ts";
import { OutgrowError } from "../../src/errors.ts";
import type { SideName } from "../../src/move/stages.ts";
import { changeStage, finish, readMove, takeBack } from "../../src/move/transition.ts";
import { memoryControl, memorySide } from "../support/memory-side.ts";
import { AT, commitOf, MOVE, Routed } from "../support/routed.ts";
import { Actor } from "../support/world.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** A conductor of the move, by this name. */
function conductor(move: Routed, by = "ada") {
  const actor = new Actor(by, false);
  const control = memoryControl(move.world, actor, "control", move.control);
  const side = async (name: SideName) => memorySide(move.world, actor, move[name]);
  return { name: MOVE, control, side, by };
}

const stateOf = async (move: Routed) => (await readMove(conductor(move).control, MOVE)).document;
const begun = { stage: "shadow", epoch: 1 } as const;

describe("the processes", () => {
  it("sem 1, law S1: one that lives and has not confirmed is waited for, before anything is fenced", async () => {
    const move = new Routed("shadow");
    const { control } = conductor(move);
    await control.beat(MOVE, "app", { confirmed: 1 });
    const says = setInterval(() => void control.beat(MOVE, "app", { confirmed: 1 }), 500);
    const changing = changeStage(conductor(move), begun, "live");
    await vi.advanceTimersByTimeAsync(30_000);
    expect([move.source.fence, (await stateOf(move)).stage]).toEqual([1, "shadow"]);
    clearInterval(says);
    await control.beat(MOVE, "app", { confirmed: 2 });
    await vi.advanceTimersByTimeAsync(100);
    expect(await changing).toMatchObject({ stage: "live", epoch: 2 });
    expect([move.source.fence, move.target.fence]).toEqual([2, 2]);
  });

  it("law S5: one that is silent is waited for as long as what it knows is good, and no longer", async () => {
    const move = new Routed("shadow");
    await conductor(move).control.beat(MOVE, "app", { confirmed: 1 });
    const changing = changeStage(conductor(move), begun, "live");
    await vi.advanceTimersByTimeAsync(4900);
    expect((await stateOf(move)).pending).toMatchObject({ to: "live", epoch: 2 });
    await vi.advanceTimersByTimeAsync(300);
    expect(await changing).toMatchObject({ stage: "live" });
  });

  it("one that lives and never confirms ends the change where it began, and is named", async () => {
    const move = new Routed("shadow");
    const { control } = conductor(move);
    const says = setInterval(() => void control.beat(MOVE, "stuck", { confirmed: 1 }), 500);
    await control.beat(MOVE, "stuck", { confirmed: 1 });
    const failed = expect(changeStage(conductor(move), begun, "live")).rejects.toMatchObject({
      code: "STAGE_CHANGING",
      message: expect.stringContaining("stuck"),
    });
    await vi.advanceTimersByTimeAsync(62_000);
    await failed;
    clearInterval(says);
    expect(await stateOf(move)).toMatchObject({ stage: "shadow", epoch: 2 });
    expect((await stateOf(move)).pending).toBeUndefined();
    // And the app goes on writing where it did.
    await move.router.commit(commitOf({ k: "v" }));
    expect(move.held("source", "k")).toBe("v");
  });
});

describe("what waits", () => {
  it("law S3: is delivered before the other side takes over, in each direction", async () => {
    for (const [from, to, source, target] of [
      ["shadow", "live", "source", "target"],
      ["live", "shadow", "target", "source"],
      ["rampdown", "complete", "target", "source"],
    ] as const) {
      const move = new Routed(from);
      await move.router.commit(commitOf({ k: to, gone: null }));
      expect(move.held(target, "k")).toBeUndefined();
      const changing = changeStage(conductor(move), { stage: from, epoch: 1 }, to);
      await vi.advanceTimersByTimeAsync(6000);
      await changing;
      expect([move.held(source, "k"), move.held(target, "k")]).toEqual([to, to]);
      expect(move[source].outbox.size).toBe(0);
      expect(move[target].at(AT, encodeKey("gone"))?.state).toBe("deleted");
    }
  });

  it("law S3: also what was written just before the fence rose", async () => {
    const move = new Routed("shadow");
    await move.viewer.refresh();
    move.world.before = async (call) => {
      if (call !== "source.raise") return;
      await move.router.commit(commitOf({ k: "at the last moment" }));
    };
    const changing = changeStage(conductor(move), begun, "live");
    await vi.advanceTimersByTimeAsync(6000);
    await changing;
    expect(move.held("target", "k")).toBe("at the last moment");
  });

  it("law S3: and cannot be delivered, ends the change where it began", async () => {
    const move = new Routed("live");
    await move.router.commit(commitOf({ k: "v" }));
    move.world.before = (call) => {
      if (call === "source.commit") throw new OutgrowError("RECORD_REFUSED");
    };
    const changing = changeStage(conductor(move), { stage: "live", epoch: 1 }, "shadow");
    const failed = expect(changing).rejects.toMatchObject({ code: "STAGE_CHANGING" });
    await vi.advanceTimersByTimeAsync(40_000);
    await failed;
    expect(await stateOf(move)).toMatchObject({ stage: "live", epoch: 2 });
    const writing = move.router.commit(commitOf({ k2: "v" }));
    await vi.advanceTimersByTimeAsync(100);
    await writing;
    expect(move.held("target", "k2")).toBe("v");
  });
});

describe("several conductors", () => {
  it("law S5: of two who begin at once one does, the other is told", async () => {
    const move = new Routed("shadow");
    const all = Promise.allSettled([
      changeStage(conductor(move, "ada"), begun, "live"),
      changeStage(conductor(move, "bob"), begun, "dualwrite"),
    ]);
    await vi.advanceTimersByTimeAsync(6000);
    const ended = (await all).map(({ status }) => status).sort();
    expect(ended).toEqual(["fulfilled", "rejected"]);
    expect((await stateOf(move)).epoch).toBe(2);
  });

  it("law S5: nobody begins a change while another is under way, or from where the move no longer is", async () => {
    const move = new Routed("shadow");
    const pending = { to: "live", epoch: 2, by: "ada", at: 0 } as const;
    move.say("shadow", 1, { pending });
    const taken = { code: "STAGE_TAKEN" };
    const bob = conductor(move, "bob");
    await expect(changeStage(bob, begun, "dualwrite")).rejects.toMatchObject(taken);
    expect((await stateOf(move)).pending).toEqual(pending);
    move.enter("shadow", 3);
    await expect(changeStage(bob, begun, "dualwrite")).rejects.toMatchObject(taken);
    await expect(changeStage(bob, { stage: "live", epoch: 3 }, "rampdown")).rejects.toMatchObject(
      taken,
    );
    expect((await stateOf(move)).pending).toBeUndefined();
  });

  it("two who finish one change both see it done, and it is done once", async () => {
    const move = new Routed("shadow");
    move.say("shadow", 1, { pending: { to: "live", epoch: 2, by: "gone", at: 0 } });
    const both = Promise.all([finish(conductor(move, "ada")), finish(conductor(move, "bob"))]);
    await vi.advanceTimersByTimeAsync(6000);
    expect(await both).toMatchObject([{ stage: "live" }, { stage: "live" }]);
    const { history } = await stateOf(move);
    expect(history.filter(({ epoch }) => epoch === 2)).toMatchObject([{ by: "gone" }]);
  });

  it("law S5: what one takes back, another who was about to finish does not enter", async () => {
    const move = new Routed("shadow");
    move.say("shadow", 1, { pending: { to: "live", epoch: 2, by: "gone", at: 0 } });
    let isBack = false;
    move.world.before = async (call) => {
      if (call !== "target.raise" || isBack) return;
      isBack = true;
      await takeBack(conductor(move, "bob"), 2);
      await move.router.commit(commitOf({ k: "in between" }));
    };
    const failed = expect(finish(conductor(move, "ada"))).rejects.toMatchObject({
      code: "STAGE_TAKEN",
    });
    await vi.advanceTimersByTimeAsync(6000);
    await failed;
    expect(await stateOf(move)).toMatchObject({ stage: "shadow", epoch: 2 });
    expect(move.held("source", "k")).toBe("in between");
    expect(move.source.outbox.size).toBe(1);
  });
});

describe("a conductor that is cut off", () => {
  const lost = () => new OutgrowError("TARGET_UNREACHABLE");

  it("fault F09: goes on where the change stands, whichever answer is lost, and changes the stage once", async () => {
    const calls = ["control", "replace", "processes", "raise", "pending", "commit", "settle"];
    for (const what of calls) {
      for (const when of ["before", "behind"] as const) {
        for (let nth = 1; nth <= 2; nth++) {
          const move = new Routed("shadow");
          await move.router.commit(commitOf({ k: "v" }));
          let left = nth;
          move.world[when] = (call) => {
            if (call.endsWith(`.${what}`) && --left === 0) throw lost();
          };
          const changing = changeStage(conductor(move), begun, "live");
          await vi.advanceTimersByTimeAsync(20_000);
          expect(await changing, `${what} ${when} ${nth}`).toMatchObject({
            stage: "live",
            epoch: 2,
          });
          expect(move.held("target", "k")).toBe("v");
          const { history } = await stateOf(move);
          expect(history.filter(({ epoch }) => epoch === 2)).toHaveLength(1);
        }
      }
    }
  });

  it("fault F09: for good says so in the end, and whoever looks may end the change", async () => {
    const move = new Routed("shadow");
    move.world.before = (call) => {
      if (call === "source.raise") throw lost();
    };
    const failed = expect(changeStage(conductor(move), begun, "live")).rejects.toMatchObject({
      code: "TARGET_UNREACHABLE",
    });
    await vi.advanceTimersByTimeAsync(70_000);
    await failed;
    expect((await stateOf(move)).pending).toMatchObject({ to: "live", epoch: 2 });
    move.world.before = () => {};
    const ending = finish(conductor(move, "bob"));
    await vi.advanceTimersByTimeAsync(1000);
    expect(await ending).toMatchObject({ stage: "live" });
  });

  it("law S5: takes nobody else's change for its own", async () => {
    const move = new Routed("shadow");
    let isFirst = true;
    move.world.before = (call) => {
      if (call !== "control.replace" || !isFirst) return;
      isFirst = false;
      move.say("shadow", 1, { pending: { to: "live", epoch: 2, by: "bob", at: 0 } });
      throw lost();
    };
    const failed = expect(changeStage(conductor(move), begun, "live")).rejects.toMatchObject({
      code: "STAGE_TAKEN",
    });
    await vi.advanceTimersByTimeAsync(1000);
    await failed;
  });

  it("law S5: is told when somebody has taken its change back before it looked again", async () => {
    const move = new Routed("shadow");
    let looks = 0;
    move.world.before = async (call) => {
      // The first look is before the announcement, the second one is to end the change.
      if (call !== "control.control" || ++looks !== 2) return;
      await takeBack(conductor(move, "bob"), 2);
    };
    const failed = expect(changeStage(conductor(move), begun, "live")).rejects.toMatchObject({
      code: "STAGE_CHANGING",
    });
    await vi.advanceTimersByTimeAsync(1000);
    await failed;
    expect(await stateOf(move)).toMatchObject({ stage: "shadow", epoch: 2 });
  });

  it("law S5: two who end one change while it goes on are not FENCED by each other", async () => {
    const move = new Routed("shadow");
    await move.router.commit(commitOf({ k: "v" }));
    let isOther = false;
    move.world.before = async (call) => {
      if (call !== "target.commit" || isOther) return;
      isOther = true;
      // A process of the app has ended it before this delivery arrives.
      await finish(conductor(move, "bob"));
    };
    const changing = changeStage(conductor(move), begun, "live");
    await vi.advanceTimersByTimeAsync(5000);
    expect(await changing).toMatchObject({ stage: "live", epoch: 2 });
  });
});
