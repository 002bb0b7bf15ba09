/** The stages' documents, in every kind of store that may be a move's target. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Control } from "../../src/store/control.ts";
import type { Target } from "../../src/store/driver.ts";
import { LIVE_PLACES, type LivePlace } from "../support/live-place.ts";

describe.each(LIVE_PLACES)("stages kept in %s", (_, make) => {
  let place: LivePlace;
  let targets: readonly Target[];
  let one: Control;
  let two: Control;

  beforeEach(async () => {
    place = await make();
    targets = [await place.open(), await place.open()];
    [one, two] = targets.map(({ live }) => live?.control) as [Control, Control];
  });
  afterEach(async () => {
    for (const target of targets) await target[Symbol.asyncDispose]();
    await place[Symbol.asyncDispose]();
  });

  it("law S5: of any number who replace one version, one does; its document is what all read from then on", async () => {
    expect(await one.read("app")).toBeUndefined();
    expect(await one.replace("app", 1, { before: "anything" })).toBe(false);
    for (const version of [0, 1, 2]) {
      const all = Array.from({ length: 8 }, (_, n) =>
        (n % 2 === 0 ? one : two).replace("app", version, { by: n, version }),
      );
      const done = await Promise.all(all);
      expect(done.filter(Boolean)).toHaveLength(1);
      const found = [await one.read("app"), await two.read("app")];
      const winner = { version: version + 1, document: { by: done.indexOf(true), version } };
      expect(found).toMatchObject([winner, winner]);
    }
    expect(await two.replace("app", 0, { again: true })).toBe(false);
    expect(await two.replace("other", 3, { early: true })).toBe(false);
  });

  it("law S1: a beat says that a process is there and reads the document; ages and times are the store's", async () => {
    expect(await one.beat("app", "early", {})).toBeUndefined();
    expect(await one.processes("app")).toEqual([]);
    await one.replace("app", 0, { text: "\n'\"\\ é 🐈", deep: [{ n: null }] });
    const told = await two.beat("app", "b:two\n", { confirmed: 1 });
    expect(told).toMatchObject({
      version: 1,
      document: { text: "\n'\"\\ é 🐈", deep: [{ n: null }] },
    });
    const before = (await one.read("app"))?.now ?? 0;
    await one.beat("app", "a", { confirmed: 2 });
    await new Promise((resolve) => setTimeout(resolve, 120));
    await two.beat("app", "b:two\n", { confirmed: 3 });
    const [a, b] = await one.processes("app");
    expect(a).toMatchObject({ process: "a", document: { confirmed: 2 } });
    expect(b).toMatchObject({ process: "b:two\n", document: { confirmed: 3 } });
    expect(a?.ageMs).toBeGreaterThanOrEqual(100);
    expect(b?.ageMs).toBeLessThan(a?.ageMs ?? 0);
    const after = (await two.read("app"))?.now ?? 0;
    expect(after - before).toBeGreaterThanOrEqual(100);
    // The document is the stages', whatever processes say of themselves.
    expect((await one.read("app"))?.version).toBe(1);
  });

  it("a process that leaves is not told of; a move that is removed begins as one that never was", async () => {
    await one.replace("app", 0, { stage: "off" });
    await one.replace("other", 0, { stage: "live" });
    await one.beat("app", "a", {});
    await two.beat("app", "b", {});
    await two.forget("app", "a");
    await two.forget("app", "nobody");
    expect((await one.processes("app")).map(({ process }) => process)).toEqual(["b"]);
    await one.remove("app");
    expect(await two.read("app")).toBeUndefined();
    expect(await two.processes("app")).toEqual([]);
    expect((await two.read("other"))?.document).toEqual({ stage: "live" });
    expect(await two.replace("app", 0, { stage: "off" })).toBe(true);
    expect((await one.read("app"))?.version).toBe(1);
  });
});
