/** A move that went back to `off` begins again, and one that is complete is left: with a real file and a real store. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { collection } from "../../src/collection/define.ts";
import { shape } from "../../src/collection/shape.ts";
import { openJsonFile } from "../../src/drivers/json-file/index.ts";
import { type LiveMove, openMove } from "../../src/move/index.ts";
import { LIVE_PLACES, type LivePlace } from "../support/live-place.ts";

interface Note {
  readonly id: number;
  readonly text: string;
}
const Notes = collection("notes", {
  schema: shape<Note>({ id: ["number"], text: ["string"] }),
  key: "id",
});

let folder: string;
let place: LivePlace;
const closing: AsyncDisposable[] = [];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "outgrow-journeys-"));
  const notes = [1, 2, 3, 4].map((id) => ({ id, text: "first" }));
  writeFileSync(join(folder, "db.json"), JSON.stringify({ notes }, null, 2));
});
afterEach(async () => {
  for (const one of closing.splice(0).reverse()) await one[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

async function open(): Promise<LiveMove> {
  const target = await place.open();
  const path = join(folder, "db.json");
  const source = openJsonFile(path, { collections: [{ name: "notes", key: "id" }] });
  const compare = { sample: 1 };
  const limits = { minCompared: 0, holdMs: 0, goodLatencyMs: 10_000 };
  const move = await openMove({ name: "app", source, target, limits, compare, refreshMs: 50 });
  closing.push(target, move);
  return move;
}

describe.each(LIVE_PLACES)("into %s", (_, make) => {
  beforeEach(async () => {
    place = await make();
    closing.push(place);
  });

  it("law S1, sem 18, sem 19: what a second journey finds of the first is gone, for processes that lived through both", async () => {
    const [app, conductor] = [await open(), await open()];
    const notes = (await app.store()).collection(Notes);
    await conductor.advance("dualwrite");
    await conductor.copy();
    await notes.put({ id: 1, text: "captured" });
    await notes.put({ id: 5, text: "captured" });
    // These are delivered, so that the target holds revisions that no copy outranks.
    await conductor.verify();
    await conductor.advance("shadow");
    await notes.get(1);
    // The process has looked into the target, and will find another one there.
    await expect.poll(async () => (await conductor.status()).comparisons.equal).toBeGreaterThan(0);
    await conductor.back();
    await conductor.back();
    await notes.put({ id: 1, text: "nobody captured this" });
    await notes.delete(5);
    await notes.delete(2);
    await conductor.advance("dualwrite");
    await conductor.copy();
    await notes.put({ id: 3, text: "captured again" });
    expect(await conductor.verify()).toMatchObject({ clean: true });
    await conductor.advance("shadow");
    await conductor.advance("live");
    const found = await notes.getMany([1, 2, 3, 4, 5]);
    const texts = found.map((note) => note?.text);
    expect(texts).toEqual([
      "nobody captured this",
      undefined,
      "captured again",
      "first",
      undefined,
    ]);
    await notes.put({ id: 1, text: "in the target" });
    expect(await notes.get(1)).toMatchObject({ text: "in the target" });
  });

  it("law S6: nothing leaves complete, nor does a process that opens the move behind its end", async () => {
    const conductor = await open();
    await expect(conductor.leave()).rejects.toMatchObject({ code: "GATE_CLOSED" });
    await conductor.advance("dualwrite");
    await conductor.copy();
    await conductor.verify();
    for (const stage of ["shadow", "live", "rampdown"] as const) await conductor.advance(stage);
    await conductor.backup(folder);
    await conductor.confirm("A. Person");
    await conductor.advance("complete");
    await expect(conductor.advance()).rejects.toMatchObject({ code: "STAGE_FINAL" });
    await expect(conductor.back()).rejects.toMatchObject({ code: "STAGE_FINAL" });
    await conductor.leave();
    const late = await open();
    const notes = (await late.store()).collection(Notes);
    await notes.put({ id: 6, text: "in the target" });
    expect((await late.status()).state.stage).toBe("complete");
    // It is not forgotten while somebody stands on it.
    await expect(conductor.leave({ forget: true })).rejects.toMatchObject({ code: "GATE_CLOSED" });
    await late[Symbol.asyncDispose]();
    await conductor.leave({ forget: true });
  });
});
