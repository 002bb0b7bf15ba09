/** The command line as its user meets it. */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { bundleForBrowser, launchChromium, servePage } from "../support/chromium.ts";
import { runCli } from "../support/cli.ts";
import { moveThrough, workplace } from "../support/moving.ts";

const MAIN = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
const SNIPPET = fileURLToPath(new URL("../../demo/snapshot.js", import.meta.url));

describe("outcomes", () => {
  it("exit codes and --json tell done, error, quarantine and difference apart", async () => {
    await using place = await workplace();
    const good = await place.file("good.json", '[{"id":1}]');
    const bad = await place.file("bad.json", '[{"id":1},{"id":2,"n":NaN}]');
    const to = ["--to", place.url, "--json"];
    const outcomes = [
      await runCli(["inspect", bad, "--json"]),
      await runCli(["copy", good, ...to]),
      await runCli(["copy", bad, ...to]),
      await runCli(["verify", bad, ...to]),
      await runCli(["verify", good, ...to, "--move", "nothing"]),
      await runCli(["copy", join(place.folder, "none.json"), ...to]),
    ];
    expect(outcomes.map(({ code }) => code)).toEqual([0, 0, 2, 0, 1, 1]);
    const parsed = outcomes.map(
      ({ stdout }) => JSON.parse(stdout) as { ok: boolean; error?: { code: string; next: string } },
    );
    expect(parsed.map(({ ok }) => ok)).toEqual([true, true, true, true, false, false]);
    expect(parsed.slice(4).map(({ error }) => error?.code)).toEqual([
      "MOVE_UNKNOWN",
      "SOURCE_NOT_FOUND",
    ]);
    expect(parsed[5]?.error?.next).toBeTruthy();
  });

  it("a mistyped option runs nothing and says what was meant", async () => {
    await using place = await workplace();
    const source = await place.file("db.json", '[{"id":1}]');
    const { code, stderr } = await runCli(["copy", source, "--to", place.url, "--dry-rnu"]);
    expect(code).toBe(1);
    expect(stderr).toContain("--dry-run");
    expect(await place.target.ledger.moves()).toEqual([]);
  });

  it("--dry-run shows the SQL and writes nothing; drop wants a name or --yes", async () => {
    await using place = await workplace();
    const source = await place.file("db.json", '[{"id":1,"name":"a"}]');
    const dry = await runCli(["copy", source, "--to", place.url, "--dry-run"]);
    expect(dry.stdout).toContain('create table "public"."db"');
    expect(await place.target.ledger.moves()).toEqual([]);
    await runCli(["copy", source, "--to", place.url]);
    const asked = await runCli(["drop", "--move", "db", "--to", place.url]);
    expect([asked.code, asked.stderr]).toEqual([1, expect.stringContaining("CONFIRM")]);
    expect((await runCli(["drop", "--move", "db", "--to", place.url, "--yes"])).code).toBe(0);
    expect(await place.target.ledger.moves()).toEqual([]);
  });

  it("takes the target from a file or the environment, and never shows its password", async () => {
    await using place = await workplace();
    const source = await place.file("db.json", '[{"id":1}]');
    const address = new URL(place.url);
    address.password = "hunter2";
    const file = await place.file("target", `${address}\n`);
    const byFile = await runCli(["copy", source, "--to", `@${file}`]);
    const byVariable = await runCli(["status"], { env: { DATABASE_URL: address.href } });
    const wrong = await runCli(["status", "postgres://user:hunter2@127.0.0.1:1/none"]);
    expect([byFile.code, byVariable.code, wrong.code]).toEqual([0, 0, 1]);
    for (const { stdout, stderr } of [byFile, byVariable, wrong])
      expect(stdout + stderr).not.toContain("hunter2");
    expect(wrong.stderr).toContain("TARGET_UNREACHABLE");
  });

  it("what cannot be read is recognised and answered with the way round", async () => {
    await using place = await workplace();
    const sqlite = await place.file(
      "data.db",
      Buffer.concat([Buffer.from("SQLite format 3\u0000"), Buffer.alloc(100)]),
    );
    const csv = await place.file("data.csv", "id,name\n1,a\n2,b\n");
    const both = await Promise.all([runCli(["inspect", sqlite]), runCli(["inspect", csv])]);
    expect(both.map(({ code }) => code)).toEqual([1, 1]);
    expect(both[0]?.stderr).toMatch(/FORMAT_SQLITE[\s\S]*sqlite3 -json/);
    expect(both[1]?.stderr).toContain("FORMAT_CSV");
  });
});

describe("configuration", () => {
  it("init writes a configuration that copy and verify take; --only and --limit take a part", async () => {
    await using place = await workplace();
    await place.file("db.json", '{"users":[{"id":1,"fullName":"a"},{"id":2}],"notes":[{"id":1}]}');
    const at = { cwd: place.folder };
    expect((await runCli(["init", "db.json"], at)).code).toBe(0);
    expect((await runCli(["init", "db.json"], at)).stderr).toContain("EXPORT_EXISTS");
    const path = join(place.folder, "outgrow.config.ts");
    const config = await readFile(path, "utf8");
    await place.file("outgrow.config.ts", config.replace('"full_name"', '"name_in_full"'));
    const part = await runCli(
      [
        "copy",
        "--to",
        place.url,
        "--only",
        "users",
        "--limit",
        "1",
        "--move",
        "part",
        "--schema",
        "part",
        "--json",
      ],
      at,
    );
    expect(JSON.parse(part.stdout)).toMatchObject({ counts: { users: { read: 1 } } });
    const copied = await runCli(["copy", "--to", place.url, "--json"], at);
    expect(copied.code, copied.stderr + copied.stdout).toBe(0);
    expect((await runCli(["verify", "--to", place.url], at)).code).toBe(0);
    const move = await place.target.ledger.find("db");
    expect(move?.collections[0]?.layout.tables[0].columns[0]?.name).toBe("name_in_full");
  });
});

describe("a run that is interrupted", () => {
  it("Ctrl-C ends the batch, exits with 3 and prints the command that goes on", async () => {
    await using place = await workplace();
    const records = Array.from({ length: 40_000 }, (_, id) => ({ id, filler: "x".repeat(1000) }));
    const source = await place.file("long.json", JSON.stringify(records));
    const child = spawn(process.execPath, [MAIN, "copy", source, "--to", place.url]);
    let stderr = "";
    child.stderr.on("data", (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
    while ((await place.target.ledger.find("long").catch(() => undefined)) === undefined) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    child.kill("SIGINT");
    expect(await ended).toBe(3);
    expect(stderr).toContain("INTERRUPTED");
    expect(stderr).toMatch(/To go on: {2}outgrow copy .*long\.json --to postgres/);
    const again = await runCli(["copy", source, "--to", place.url, "--json"]);
    expect(JSON.parse(again.stdout)).toMatchObject({
      ok: true,
      resumed: true,
      counts: { long: { read: 40_000, applied: 40_000 } },
    });
  }, 120_000);
});

describe("the tour", () => {
  it("moves the demo data, verifies it, says what was set aside and why, twice", async () => {
    await using place = await workplace();
    for (let time = 0; time < 2; time++) {
      const { code, stdout, stderr } = await runCli(["tour"], { cwd: place.folder });
      expect(code, stderr).toBe(0);
      expect(stdout.match(/Verified/g)).toHaveLength(3);
      expect(stdout).toContain("88 records are in pglite:.outgrow/tour");
      expect(stdout).toContain("Two records of the source have one key and different content");
    }
    expect(existsSync(join(place.folder, ".outgrow/tour.lock"))).toBe(false);
  }, 120_000);
});

describe("snapshot", () => {
  it("the snippet saves localStorage and IndexedDB of a real browser as files that move and verify", async () => {
    const entry = fileURLToPath(new URL("../formats/dexie-browser-entry.ts", import.meta.url));
    const served = await servePage(await bundleForBrowser(entry));
    const browser = await launchChromium();
    try {
      const tab = await browser.newPage();
      await tab.goto(served.url);
      // Fills the database of every type, and the storage beside it.
      await tab.evaluate("page.exported()");
      await tab.evaluate(() => {
        localStorage.setItem("notes", JSON.stringify([{ id: 1, text: "a\u0000 \ud83d" }]));
        localStorage.setItem("darkMode", "dark");
      });
      const downloads: Promise<string>[] = [];
      tab.on("download", (download) => downloads.push(download.path()));
      await tab.evaluate(await readFile(SNIPPET, "utf8"));
      await expect.poll(() => downloads.length, { timeout: 20_000 }).toBe(2);
      await using place = await workplace();
      const files = await Promise.all(downloads.map(async (path) => readFile(await path, "utf8")));
      files.sort((a, b) => a.length - b.length);
      const storage = await moveThrough(
        place,
        await place.file("localstorage.json", files[0] as string),
      );
      expect([storage.codes, storage.verified.clean, storage.total("applied")]).toEqual([
        [],
        true,
        2,
      ]);
      const database = await moveThrough(
        place,
        await place.file("database.json", files[1] as string),
        { schema: "database" },
      );
      expect([database.codes, database.verified.clean]).toEqual([[], true]);
      const before = await tab.evaluate("page.sourceContents()");
      expect(
        await tab.evaluate(`page.importedContents(${JSON.stringify(database.exported)})`),
      ).toBe(before);
    } finally {
      await browser.close();
      await served.close();
    }
  }, 120_000);
});
