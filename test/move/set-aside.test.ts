/** A record that the last delivery before a change of stage could not place: the target does not have it. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { encodeKey } from "../../src/collection/key.ts";
import { revision } from "../../src/collection/revision.ts";
import { openJsonFile } from "../../src/drivers/json-file/index.ts";
import { openTarget } from "../../src/drivers/open-target.ts";
import { openMove } from "../../src/move/index.ts";
import { present } from "../../src/store/writes.ts";
import { execute, freshDatabase } from "../support/postgres.ts";

let folder: string;
const closing: AsyncDisposable[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "outgrow-aside-"));
});
afterEach(async () => {
  for (const one of closing.splice(0).reverse()) await one[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

it("law S3: what is set aside behind the fence keeps the way forward closed, and not the way back", async () => {
  const database = await freshDatabase();
  closing.push({ [Symbol.asyncDispose]: () => database.drop() });
  const { url } = database;
  const path = join(folder, "database.json");
  writeFileSync(path, JSON.stringify({ members: [{ id: 1, email: "one@x.example" }] }));
  await execute(url, "create table members (id integer primary key, email text not null)");
  const source = openJsonFile(path, { collections: [{ name: "members", key: "id" }] });
  const target = await openTarget(url);
  closing.push(target);
  const move = await openMove({
    name: "app",
    source,
    target,
    layout: { schema: "public", bind: "auto" },
    limits: { minCompared: 0, holdMs: 0, goodLatencyMs: 10_000 },
  });
  closing.push(move);
  await move.advance("dualwrite");
  await move.copy();
  await move.verify();
  await move.advance("shadow");
  // Somebody else's row is in the way of what a process that died has written and not delivered.
  await execute(url, "insert into members values (2, 'by SQL')");
  const { epoch } = (await move.status()).state;
  const record = { ...present(encodeKey(2), { id: 2, email: "two@x.example" }) };
  await source.driver.commit({
    tenant: "default",
    writes: [{ collection: "members", records: [{ ...record, revision: revision(epoch, 1) }] }],
    epoch,
    capture: true,
  });
  expect((await move.gates()).gates.filter(({ closed }) => closed !== undefined)).toEqual([]);
  await expect(move.advance("live")).rejects.toMatchObject({
    code: "GATE_CLOSED",
    message: expect.stringContaining("1 record in quarantine"),
  });
  const { state } = await move.status();
  expect(state).toMatchObject({ stage: "shadow", epoch: epoch + 1 });
  expect(state.pending).toBeUndefined();
  expect(await move.back()).toMatchObject({ stage: "dualwrite" });
}, 60_000);
