/** What a move survives: kills, two movers, changed sources, planted corruption. */
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { copyText } from "../../src/cli/copy.ts";
import { digest } from "../../src/collection/canonical.ts";
import { digestHex } from "../../src/collection/digest-sum.ts";
import { openTarget } from "../../src/drivers/open-target.ts";
import { copy } from "../../src/transfer/copy.ts";
import { exportMove } from "../../src/transfer/export.ts";
import { verify } from "../../src/transfer/verify.ts";
import { runCli } from "../support/cli.ts";
import { type Workplace, workplace } from "../support/moving.ts";
import { sql } from "../support/sql.ts";

/** Enough records for a dozen batches, with some of each outcome among them. */
function manyRecords(count = 8000): string {
  const records = Array.from({ length: count }, (_, id) => ({
    id,
    name: `record ${id}`,
    filler: "x".repeat(1500),
    nested: { list: [id, null, { deep: true }] },
  }));
  const lines = records.map((record) => JSON.stringify(record));
  lines.splice(
    2500,
    0,
    '{"id":70000,"n":NaN}',
    '{"id":5,"name":"another five"}',
    lines[77] as string,
  );
  return `[${lines.join(",\n")}]`;
}

/**
 * All that a move left behind, as one digest: rows, sidecar, counts, quarantine. Not the revision, and not what was
 * there already: a kill that comes when all is done makes the next call a new run, which has a higher one.
 */
async function stateOf(place: Workplace, move: string): Promise<string> {
  const driver = await place.target.open(move);
  const parts: string[] = [];
  for (const { collection } of driver.layouts) {
    for await (const batch of driver.scan({ tenant: "default", collection }, { order: "key" })) {
      for (const { key, value, position } of batch) {
        parts.push(`${key} ${position} ${digestHex(digest(value))}`);
      }
    }
  }
  const found = await place.target.ledger.find(move);
  const quarantine = await place.target.ledger.quarantined(move);
  for (const { unchanged: _, ...counts } of Object.values(found?.counts ?? {})) {
    parts.push(JSON.stringify(counts));
  }
  parts.push(
    ...quarantine
      .map(({ code, key, offset, raw }) => `${code} ${key} ${offset} ${raw.length}`)
      .sort(),
  );
  return digestHex(digest(parts.join("\n")));
}

describe("law T2: a copy that dies goes on where it stopped", () => {
  const FAILPOINTS = ["commit.begin", "commit.before_commit", "commit.after_commit", "copy.batch"];

  it("fault F02: killed at each failpoint on the first and on a later batch: the end is that of a clean run", async () => {
    await using place = await workplace();
    const source = await place.file("many.json", manyRecords());
    await copy(source, place.target, { move: "clean", schema: "clean" });
    const expected = await stateOf(place, "clean");
    for (const failpoint of FAILPOINTS) {
      const move = failpoint.replace(".", "_");
      for (const hit of [1, 2]) {
        const killed = await runCli(
          ["copy", source, "--to", place.url, "--move", move, "--schema", move],
          {
            env: { OUTGROW_FAILPOINT: `${failpoint}=kill9@${hit}` },
          },
        );
        expect([killed.signal, failpoint, hit]).toEqual(["SIGKILL", failpoint, hit]);
      }
      const done = await runCli([
        "copy",
        source,
        "--to",
        place.url,
        "--move",
        move,
        "--schema",
        move,
        "--json",
      ]);
      expect(done.code, done.stdout + done.stderr).toBe(2);
      expect(JSON.parse(done.stdout).resumed).toBe(true);
      expect(await stateOf(place, move), failpoint).toBe(expected);
      expect((await verify(source, place.target, { move })).clean).toBe(true);
    }
  }, 240_000);

  it(
    "fault F01: killed at random moments",
    async () => {
      const kills = 20 * Number(process.env["RUNS"] ?? 1);
      const seed = Number(process.env["SEED"] ?? 20261121);
      let random = seed;
      const next = (): number => {
        random = (Math.imul(random, 1664525) + 1013904223) >>> 0;
        return random / 2 ** 32;
      };
      await using place = await workplace();
      const source = await place.file("many.json", manyRecords());
      await copy(source, place.target, { move: "clean", schema: "clean" });
      const expected = await stateOf(place, "clean");
      let reached = 0;
      for (let kill = 0, round = 0; kill < kills; round++) {
        const move = `round_${round}`;
        const arguments_ = ["copy", source, "--to", place.url, "--move", move, "--schema", move];
        for (;;) {
          const result = await runCli(
            arguments_,
            kill < kills ? { killAfterMs: 250 + next() * 1500 } : {},
          );
          if (result.signal !== "SIGKILL") break;
          kill++;
          if ((await place.target.ledger.find(move))?.phase === "copying") reached++;
        }
        expect(await stateOf(place, move), `seed=${seed} round ${round}`).toBe(expected);
      }
      console.log(`seed=${seed} kills=${kills} of which ${reached} in the middle of a copy`);
      expect(reached).toBeGreaterThan(0);
    },
    300_000 * Number(process.env["RUNS"] ?? 1),
  );
});

describe("one mover at a time", () => {
  it("fault F04: a second mover of a move under way is refused with its holder, and changes nothing", async () => {
    await using place = await workplace();
    const source = await place.file("db.json", '[{"id":1}]');
    await copy(source, place.target);
    const lease = await place.target.ledger.acquire("db");
    await expect(copy(source, place.target)).rejects.toMatchObject({ code: "MOVE_LEASED" });
    expect((await place.target.ledger.find("db"))?.run).toBe(1);
    await place.target.ledger.release(lease);
    expect((await copy(source, place.target)).run).toBe(2);
  });

  it("fault F05: two command lines at once on one embedded database lose nothing", async () => {
    await using place = await workplace();
    const to = `pglite:${join(place.folder, "data")}`;
    const one = await place.file("one.json", manyRecords(3000));
    const two = await place.file("two.json", manyRecords(3000));
    const results = await Promise.all([
      runCli(["copy", one, "--to", to, "--schema", "one", "--json"]),
      runCli(["copy", two, "--to", to, "--schema", "two", "--json"]),
    ]);
    expect(results.map(({ code }) => code)).toEqual([2, 2]);
    await using target = await openTarget(to);
    for (const source of [one, two]) expect((await verify(source, target)).clean).toBe(true);
  }, 120_000);
});

describe("sources", () => {
  it("a source that changed under an unfinished copy is SOURCE_MOVED; a finished one is a new run", async () => {
    await using place = await workplace();
    const source = await place.file("db.json", '[{"id":1,"a":1},{"id":2}]');
    const killed = await runCli(["copy", source, "--to", place.url], {
      env: { OUTGROW_FAILPOINT: "commit.begin=kill9@1" },
    });
    expect(killed.signal).toBe("SIGKILL");
    await place.file("db.json", '[{"id":1,"a":2}]');
    await expect(copy(source, place.target)).rejects.toMatchObject({ code: "SOURCE_MOVED" });
    const again = await copy(source, place.target, { again: true });
    expect(again.counts["db"]?.applied).toBe(1);
  });

  it("another app's file of the same name is MOVE_TAKEN; an unfinished copy is not gone on with for more", async () => {
    await using place = await workplace();
    const source = await place.file("data.json", '{"users":[{"id":1}],"notes":[{"id":1}]}');
    await runCli(["copy", source, "--to", place.url, "--only", "users"], {
      env: { OUTGROW_FAILPOINT: "commit.begin=kill9@1" },
    });
    await expect(copy(source, place.target)).rejects.toMatchObject({
      code: "SOURCE_MOVED",
      site: { collection: "notes" },
    });
    await copy(source, place.target, { again: true });
    await place.file("data.json", '{"orders":[{"id":1}]}');
    await expect(copy(source, place.target)).rejects.toMatchObject({ code: "MOVE_TAKEN" });
    expect((await place.target.ledger.find("data"))?.run).toBe(2);
  });

  it("a newer dump replaces, adds, and deletes only with prune", async () => {
    await using place = await workplace();
    const source = await place.file("db.json", '[{"id":1,"a":1},{"id":2}]');
    await copy(source, place.target);
    await place.file("db.json", '[{"id":1,"a":2},{"id":3}]');
    const second = await copy(source, place.target);
    expect(second.run).toBe(2);
    const counts = { read: 2, applied: 2, duplicate: 0, stale: 0, quarantined: 0 };
    expect(second.counts["db"]).toEqual(counts);
    expect(
      (await verify(source, place.target)).differences.map(({ kind, key }) => [kind, key]),
    ).toEqual([["extra", "2"]]);
    const pruned = await copy(source, place.target, { prune: true });
    expect(pruned.pruned).toBe(1);
    expect(copyText(pruned, "here")).toContain(
      "Stored 2 records (2 of them as they were) in here, 2 read in",
    );
    expect(pruned.counts["db"]).toEqual({ ...counts, unchanged: 2 });
    expect((await verify(source, place.target)).clean).toBe(true);
  });

  it("standard input, gzip and a folder are sources too, and a folder comes back as one", async () => {
    await using place = await workplace();
    const text = '{"users":[{"id":1}],"notes":[{"id":"a"}]}';
    const piped = await runCli(
      ["copy", "-", "--to", place.url, "--move", "piped", "--schema", "piped", "--json"],
      { stdin: text },
    );
    expect(piped.code, piped.stdout + piped.stderr).toBe(0);
    const path = await place.file("db.json", text);
    await promisify(execFile)("gzip", ["-k", path]);
    const zipped = await copy(`${path}.gz`, place.target, { move: "zipped", schema: "zipped" });
    expect(zipped.counts["users"]?.applied).toBe(1);
    await place.file("lines.ndjson", '{"id":1}\n{"id":2}\n');
    const folder = await copy(place.folder, place.target, { move: "folder", schema: "folder" });
    expect(Object.keys(folder.counts).length).toBe(5);
    const out = join(place.folder, "back");
    await exportMove(place.target, out, { move: "folder" });
    expect(JSON.parse(await readFile(join(out, "db.json"), "utf8"))).toEqual(JSON.parse(text));
  });

  it("two files with a table of one name need another schema: TABLE_TAKEN writes nothing", async () => {
    await using place = await workplace();
    await copy(await place.file("a.json", '{"users":[{"id":1}]}'), place.target);
    const other = await place.file("b.json", '{"users":[{"id":2}]}');
    await expect(copy(other, place.target)).rejects.toMatchObject({ code: "TABLE_TAKEN" });
    expect(await place.target.ledger.find("b")).toBeUndefined();
    await copy(other, place.target, { schema: "b" });
    const dropped = await place.target.ledger.drop("b");
    expect(dropped.tables).toEqual(["b.users"]);
    expect((await verify(join(place.folder, "a.json"), place.target)).clean).toBe(true);
    await place.target.ledger.drop("a");
    expect(
      await sql(place.url, "select 1 from pg_namespace where nspname in ('outgrow', 'b')"),
    ).toEqual([]);
    expect(await sql(place.url, "select 1 from pg_tables where schemaname = 'public'")).toEqual([]);
  });
});

describe("library calls", () => {
  it("tell progress, and stop at a signal with INTERRUPTED, to go on later", async () => {
    await using place = await workplace();
    const source = await place.file("many.json", manyRecords());
    const phases = new Set<string>();
    const stop = new AbortController();
    const stopped = copy(source, place.target, {
      signal: stop.signal,
      onProgress: ({ phase, records }) => {
        phases.add(phase);
        if (phase === "copy" && records > 0) stop.abort();
      },
    });
    await expect(stopped).rejects.toMatchObject({ code: "INTERRUPTED" });
    expect([...phases]).toEqual(["survey", "infer", "copy"]);
    const done = await copy(source, place.target);
    expect(done.resumed).toBe(true);
    const interrupted = new AbortController();
    interrupted.abort();
    await expect(
      verify(source, place.target, { signal: interrupted.signal }),
    ).rejects.toMatchObject({ code: "INTERRUPTED" });
  });

  it("verify finds the move by the file when its name is another", async () => {
    await using place = await workplace();
    const source = await place.file("db.json", '[{"id":1}]');
    await copy(source, place.target, { move: "renamed" });
    expect(await verify(source, place.target)).toMatchObject({ move: "renamed", clean: true });
  });
});
