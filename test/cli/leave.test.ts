/** `outgrow leave`, as a person ends a move. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { openJsonFile } from "../../src/drivers/json-file/index.ts";
import { openDatabase, openTarget } from "../../src/drivers/open-target.ts";
import { openMove } from "../../src/move/index.ts";
import { catalogText } from "../support/catalog-text.ts";
import { runCli } from "../support/cli.ts";
import { execute, freshDatabase } from "../support/postgres.ts";

async function completeMove(url: string, path: string): Promise<void> {
  await using target = await openTarget(url);
  await using move = await openMove({
    name: "app",
    target,
    source: openJsonFile(path, { collections: [{ name: "users", key: "id" }] }),
    layout: { bind: { users: {} } },
    limits: { minCompared: 0, holdMs: 0, goodLatencyMs: 60_000 },
  });
  await move.advance("dualwrite");
  await move.copy();
  await move.verify();
  for (const stage of ["shadow", "live", "rampdown"] as const) await move.advance(stage);
  await move.backup(join(path, "..", "backups"));
  await move.confirm("A. Person");
  await move.advance("complete");
}

it("law S6: leave --forget takes our schema away, once a file has what lies only there", async () => {
  const folder = mkdtempSync(join(tmpdir(), "outgrow-leave-"));
  const database = await freshDatabase();
  const catalog = async () => {
    const { database: opened } = await openDatabase(database.url);
    await using sql = opened;
    return await catalogText(sql);
  };
  const cli = (...args: string[]) =>
    runCli(args, { cwd: folder, env: { DATABASE_URL: database.url, NO_COLOR: "1" } });
  try {
    const path = join(folder, "app.json");
    writeFileSync(path, '{"users":[{"id":1,"more":["x"]}]}');
    await execute(database.url, "create table users (id integer primary key)");
    const before = await catalog();
    const live = { jsonFile: "app.json", collections: [{ name: "users", key: "id" }] };
    const config = `export default ${JSON.stringify({ move: "app", live })};\n`;
    writeFileSync(join(folder, "outgrow.config.ts"), config);
    const tooEarly = await cli("leave");
    expect(tooEarly).toMatchObject({ code: 1, stdout: "" });
    expect(tooEarly.stderr).toContain("MOVE_UNKNOWN");
    expect(await catalog()).toEqual(before);

    await completeMove(database.url, path);
    expect((await cli("leave", "--rest-to", "rest.ndjson")).stderr).toContain("USAGE");
    expect((await cli("leave")).stdout).toContain("outgrow leave --forget");
    const refused = await cli("leave", "--forget");
    expect(refused).toMatchObject({ code: 2, stdout: "" });
    expect(refused.stderr).toContain("LEDGER_HOLDS");
    const left = await cli("leave", "--forget", "--rest-to", "rest.ndjson", "--json");
    expect(left).toMatchObject({ code: 0, stderr: "" });
    expect(left.json()).toEqual({ ok: true, left: "app", forgotten: true });
    expect(readFileSync(join(folder, "rest.ndjson"), "utf8")).toContain('"rest":{"more":["x"]}}\n');
    expect(await catalog()).toEqual(before);

    expect((await cli("leave", "--forget")).stderr).toContain("MOVE_UNKNOWN");
    expect(await catalog()).toEqual(before);
  } finally {
    await database.drop();
    rmSync(folder, { recursive: true, force: true });
  }
});
