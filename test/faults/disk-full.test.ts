/** The server's disk is full in the middle of a copy (A7): the copy says so, keeps what it has, and goes on later. */
import { expect, it } from "vitest";
import { LOST } from "../support/fault-copy.ts";
import { smallDisk } from "../support/fault-disk.ts";
import { appFile, onServer, reached, seeded, stateOf, times } from "../support/fault-move.ts";
import { startMover } from "../support/fault-mover.ts";
import { workplace } from "../support/moving.ts";

const RUNS = Number(process.env["RUNS"] ?? 1);
const MIB = 2 ** 20;

/** Text that the server cannot press together: a copy takes the room that its source takes. */
function wideApp(seed: number): string {
  const random = seeded(seed);
  const word = (): string => Math.floor(random.next() * 2 ** 52).toString(36);
  const rows = Array.from({ length: 24_000 }, (_, id) => ({
    id,
    text: Array.from({ length: 90 }, word).join(" "),
  }));
  const { pages: _, ...app } = JSON.parse(
    appFile({ people: 20, pages: 1 }).replace("NaN", "1"),
  ) as Record<string, unknown>;
  return JSON.stringify({ ...app, wide: rows });
}

const CHECKPOINTS = "select count(*) from outgrow.checkpoint";

it.each([
  ["its tables' disk", false, 96, 4],
  ["all of its disk, with the write-ahead log", true, 400, 10],
] as const)(
  "anchor A7, fault F25: %s is full: nothing acknowledged is lost, and the same command finishes when there is room",
  async (_, whole, megabytes, least) => {
    const random = seeded(20261203);
    await using place = await workplace();
    const source = await place.file("app.json", wideApp(1));
    const command = (url: string) => [
      "copy",
      source,
      "--to",
      url,
      "--move",
      "m",
      "--schema",
      "m",
      "--json",
    ];
    expect((await startMover(command(place.url)).ended).code).toBe(2);
    const expected = await stateOf(place.url, "m");
    await using disk = await smallDisk(megabytes, whole);
    const counts: Record<string, number> = { full: 0, "paused behind a checkpoint": 0 };
    for (let round = 0; round < times(whole ? 1 : 2); round++) {
      await onServer(disk.url, (query) =>
        query("drop schema if exists m cascade; drop schema if exists outgrow cascade; checkpoint"),
      );
      await disk.leave((least + random.below(14)) * MIB);
      const { code, stdout } = await startMover(command(disk.url)).ended;
      const failed = JSON.parse(stdout).error?.code;
      const what = `seed=${random.seed} round ${round}: ${stdout}`;
      if (failed === "TARGET_FULL") expect(code, what).toBe(3);
      // A server without room for its log stops.
      else expect(whole ? LOST : [], what).toContain(failed);
      counts["full"]!++;
      let done = 0;
      if (failed === "TARGET_FULL")
        done = Number((await onServer(disk.url, (query) => query(CHECKPOINTS)))[0]?.[0]);
      await disk.heal();
      if (whole) await disk.restart();
      const kept = Number((await onServer(disk.url, (query) => query(CHECKPOINTS)))[0]?.[0]);
      expect(kept, what).toBeGreaterThanOrEqual(done);
      if (kept > 0) counts["paused behind a checkpoint"]!++;
      const again = await startMover(command(disk.url)).ended;
      expect(again.code, again.stdout).toBe(2);
      if (kept > 0) expect(JSON.parse(again.stdout).resumed).toBe(true);
      expect(await stateOf(disk.url, "m"), what).toEqual(expected);
    }
    reached(`A7 ${whole ? "whole" : "tables"}`, random.seed, counts);
  },
  120_000 * Math.max(1, RUNS),
);
