/** Kill -9 of the mover where it has several tables, child tables and bound tables to fill (A1); and of the server (A4). */
import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { LOST, until } from "../support/fault-copy.ts";
import {
  appFile,
  OWN_TABLES,
  onServer,
  type Random,
  reached,
  seeded,
  stateOf,
  times,
} from "../support/fault-move.ts";
import { type Mover, startMover } from "../support/fault-mover.ts";
import { workplace } from "../support/moving.ts";
import { freshDatabase, startPostgres } from "../support/postgres.ts";

const RUNS = Number(process.env["RUNS"] ?? 1);

/** Checkpoints of the move's current run; `undefined` while there is no ledger, or no server. */
async function checkpoints(url: string): Promise<number | undefined> {
  try {
    const [row] = await onServer(url, (query) =>
      query(
        "select count(*) from outgrow.checkpoint p join outgrow.move m on m.id = p.move and m.run = p.run",
      ),
    );
    return Number(row?.[0]);
  } catch {
    return undefined;
  }
}

const WAYS = {
  "new tables": { before: "", args: [] },
  "bound tables": { before: OWN_TABLES, args: ["--bind"] },
  "over an earlier copy": { before: "", args: [], over: true },
} as const satisfies Record<string, { before: string; args: readonly string[]; over?: boolean }>;

/** Half of the kills come at a random time, half of them while batches are being written: the time may pass those by. */
async function moment(url: string, mover: Mover, random: Random): Promise<void> {
  const writing = random.next() < 0.5;
  await sleep(writing ? random.below(60) : 200 + random.below(350));
  while (writing && mover.running) {
    const done = (await checkpoints(url)) ?? 0;
    if (done > 0 && done < 6) return sleep(random.below(20));
  }
}

it(
  "anchor A1, fault F01: killed at random into new tables, into tables of the app's own, over an earlier copy",
  async () => {
    const random = seeded(20261128);
    await using place = await workplace();
    const first = await place.file("app.json", appFile({ pages: 7 }));
    const later = await place.file("later.json", appFile({ pages: 7, dump: 2 }));
    const counts: Record<string, number> = { kills: 0, "in the middle": 0 };
    for (const [name, way] of Object.entries(WAYS)) {
      counts[name] = 0;
      const fresh = async () => {
        const database = await freshDatabase();
        const args = ["--to", database.url, "--move", "m", ...way.args];
        if (way.before !== "") await onServer(database.url, (query) => query(way.before));
        if ("over" in way) await startMover(["copy", first, ...args]).ended;
        return { ...database, args: ["copy", "over" in way ? later : first, ...args] };
      };
      const clean = await fresh();
      const undisturbed = await startMover(clean.args).ended;
      expect(undisturbed.code, name + undisturbed.stderr).toBe(2);
      const expected = await stateOf(clean.url, "m");
      await clean.drop();
      for (let kill = 0; kill < times(2) || (counts[name] === 0 && kill < 30); ) {
        const { url, args, drop } = await fresh();
        // One database is killed at up to three times; then its copy may end.
        for (let left = 3; ; left--) {
          const mover = startMover(args);
          if (left > 0) void moment(url, mover, random).then(() => mover.signal("SIGKILL"));
          const { signal, code, stderr } = await mover.ended;
          if (signal === null) {
            expect(code, stderr).toBe(2);
            if (left > 0) continue;
            break;
          }
          kill++;
          counts["kills"]!++;
          const done = await checkpoints(url);
          const middle = done !== undefined && done < 6;
          if (middle) {
            counts["in the middle"]!++;
            counts[name]!++;
          }
        }
        expect(await stateOf(url, "m"), `seed=${random.seed} ${name}`).toEqual(expected);
        await drop();
      }
    }
    reached("A1", random.seed, counts);
  },
  90_000 * Math.max(1, RUNS),
);

it(
  "anchor A4, fault F08: the server is killed in the middle of a copy and comes back: the same command goes on",
  async () => {
    const random = seeded(20261129);
    await using place = await workplace();
    const source = await place.file("app.json", appFile({ pages: 24 }));
    const server = await startPostgres();
    const counts = { kills: 0, "in the middle": 0, "ended by itself": 0, "with a code": 0 };
    try {
      const command = (move: string) => [
        "copy",
        source,
        "--to",
        server.url,
        "--move",
        move,
        "--schema",
        move,
        "--json",
      ];
      expect((await startMover(command("clean")).ended).code).toBe(2);
      const expected = await stateOf(server.url, "clean");
      for (let round = 0; round < times(3); round++) {
        await onServer(server.url, (query) =>
          query("drop schema clean cascade; drop schema outgrow cascade"),
        );
        const mover = startMover(command("clean"));
        await until("a checkpoint", async () => ((await checkpoints(server.url)) ?? 0) > 0);
        await sleep(random.below(250));
        const before = (await checkpoints(server.url)) ?? 0;
        await server.kill9();
        counts.kills++;
        if (before < 11) counts["in the middle"]++;
        // Back while the mover still tries, or when it has given up.
        if (round % 2 === 0) await server.restart();
        const { code, stdout } = await mover.ended;
        if (round % 2 === 1) await server.restart();
        counts[code === 2 ? "ended by itself" : "with a code"]++;
        if (code !== 2) expect(LOST, stdout).toContain(JSON.parse(stdout).error.code);
        // What was acknowledged by a checkpoint before the kill is still there.
        expect(await checkpoints(server.url)).toBeGreaterThanOrEqual(before);
        const again = await startMover(command("clean")).ended;
        expect(again.code, again.stdout).toBe(2);
        expect(await stateOf(server.url, "clean"), `seed=${random.seed} round ${round}`).toEqual(
          expected,
        );
      }
    } finally {
      await server.stop();
    }
    const { "ended by itself": itself, "with a code": code, ...kills } = counts;
    reached("A4", random.seed, { ...kills, ended: itself + code });
    console.log(`A4 ended by itself: ${itself}, with a code: ${code}`);
  },
  120_000 * Math.max(1, RUNS),
);
