/** A JSON file as a side of a move, where two of its processes come into each other's way. */
import { copyFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { encodeKey } from "../../src/collection/key.ts";
import { dumpRevision, revision } from "../../src/collection/revision.ts";
import { openJsonFile } from "../../src/drivers/json-file/index.ts";
import type { RecordWrite } from "../../src/store/driver.ts";
import type { OutboxEntry, SourceSide } from "../../src/store/side.ts";
import { deletion, present } from "../../src/store/writes.ts";

const USERS = { tenant: "default", collection: "users" };

let folder: string;
let path: string;
const open = (): SourceSide => openJsonFile(path, { collections: [{ name: "users", key: "id" }] });

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "outgrow-json-side-"));
  path = join(folder, "app.json");
  writeFileSync(path, JSON.stringify({ users: [{ id: 1, email: "one" }] }));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const put = (side: SourceSide, records: readonly RecordWrite[], epoch = 1) =>
  side.driver.commit({
    ...USERS,
    writes: [{ collection: "users", records }],
    epoch,
    capture: true,
  });
const user = (id: number, email: string, given: RecordWrite["revision"]): RecordWrite => {
  return { ...present(encodeKey(id), { id, email }), revision: given };
};
const emailOf = async (side: SourceSide, id: number): Promise<unknown> => {
  const [found] = await side.driver.read(USERS, [encodeKey(id)]);
  return found?.state === "present" ? (found.value as { email: string }).email : found?.state;
};

it("law D1: what a process has issued is not issued again when another writes the journal anew", async () => {
  const [one, two] = [open(), open()];
  await one.fence.raise(1);
  const [first] = await two.driver.issue(1);
  await put(two, [user(1, "by two", first as RecordWrite["revision"])]);
  const under = await one.driver.issue(3);
  const journal = join(folder, ".outgrow", "app.json", "journal.ndjson");
  copyFileSync(journal, `${journal}.new`);
  renameSync(`${journal}.new`, journal);
  const next = await one.driver.issue(3);
  expect(new Set([...under, ...next]).size).toBe(6);
  expect(([...next].sort()[0] as string) > (under[2] as string)).toBe(true);
});

it("sem 4, sem 6: deliveries in any order, and any number of them, leave the newest", async () => {
  const side = open();
  await side.fence.raise(1);
  await put(side, [user(1, "newer", revision(1, 9))]);
  expect(await put(side, [user(1, "older", revision(1, 5))])).toMatchObject({ stale: 1 });
  expect(await put(side, [user(1, "newer", revision(1, 9))])).toMatchObject({ duplicate: 1 });
  expect(await emailOf(open(), 1)).toBe("newer");
});

it("sem 18, sem 19: what a copy would bring late does not come back into the file", async () => {
  const side = open();
  await side.fence.raise(1);
  await put(side, [
    user(1, "written", revision(1, 1)),
    { ...deletion(encodeKey(2)), revision: revision(1, 2) },
  ]);
  const late = [1, 2].map((id) => user(id, "copied", dumpRevision(1)));
  expect(await put(side, late)).toMatchObject({ applied: 0, stale: 2 });
  expect([await emailOf(side, 1), await emailOf(side, 2)]).toEqual(["written", "deleted"]);
});

it("sem 5, law S5: a process that has not heard of the fence writes nothing below it", async () => {
  const [one, two] = [open(), open()];
  await one.fence.raise(1);
  await put(two, [user(1, "before", revision(1, 1))]);
  await one.fence.raise(2);
  await expect(put(two, [user(1, "late", revision(1, 7))])).rejects.toMatchObject({
    code: "FENCED",
  });
  expect(await emailOf(one, 1)).toBe("before");
});

it("sem 2: a key that is written again and again, and delivered each time, has not waited since the first time", async () => {
  const side = open();
  await side.fence.raise(1);
  await put(side, [user(1, "first", revision(1, 1))]);
  const [first] = await side.outbox.pending(10);
  await new Promise((resolve) => setTimeout(resolve, 1000));
  await put(side, [user(1, "second", revision(1, 2))]);
  expect((await side.outbox.depth()).oldestMs).toBeGreaterThanOrEqual(990);
  await side.outbox.settle([first as OutboxEntry]);
  for (const seen of [side, open()]) {
    const { count, oldestMs = Number.NaN } = await seen.outbox.depth();
    expect(count).toBe(1);
    expect(oldestMs).toBeLessThan(900);
  }
});
