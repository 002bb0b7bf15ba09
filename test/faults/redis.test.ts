/** A Redis that is killed, hangs, or whose connection is cut (A4, A5): the same call goes on, and ends as undisturbed. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { RedisLayout } from "../../src/layout/redis-layout.ts";
import type { CopyOptions } from "../../src/transfer/copy.ts";
import { LOST, until } from "../support/fault-copy.ts";
import { appFile, reached, seeded, times } from "../support/fault-move.ts";
import { type Mover, startMover } from "../support/fault-mover.ts";
import {
  emptyRedis,
  goOnRedis,
  isCopied,
  redisCheckpoints,
  redisState,
  tryRedisCopy,
} from "../support/fault-redis.ts";
import { freshRedis, startRedis } from "../support/redis.ts";
import { startProxy } from "../support/tcp-proxy.ts";

const RUNS = Number(process.env["RUNS"] ?? 1);
const MOVE = "m";

/** Names of the app's own for some of its collections. */
const KEYS: Readonly<Record<string, RedisLayout>> = {
  people: {
    cells: [
      { kind: "object", key: "person:{name}" },
      { kind: "pointer", key: "person_id:{id}", value: "{name}" },
    ],
  },
  orders: { cells: [{ kind: "list", key: "orders:{personId}", push: "first" }] },
};
const WAYS: readonly (readonly [string, CopyOptions])[] = [
  ["names of ours", { move: MOVE }],
  ["names of the app's", { move: MOVE, redis: KEYS }],
];

let folder: string;
const file = async (name: string, text: string): Promise<string> => {
  const path = join(folder, name);
  await writeFile(path, text);
  return path;
};
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "outgrow-redis-faults-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** What an undisturbed copy leaves behind in this database. */
async function undisturbed(url: string, source: string, options: CopyOptions) {
  await emptyRedis(url);
  expect(await tryRedisCopy(url, source, options)).toBe("done");
  const expected = await redisState(url);
  await emptyRedis(url);
  return expected;
}

it(
  "anchor A4, fault F45, F48: a Redis that is killed or hangs in the middle of a copy: the same call goes on",
  async () => {
    const random = seeded(20261201);
    const source = await file("large.json", appFile({ pages: 24 }));
    const counts = { kills: 0, hangs: 0, "in the middle": 0, ended: 0 };
    const server = await startRedis();
    try {
      for (const [way, [name, options]] of WAYS.entries()) {
        const expected = await undisturbed(server.url, source, options);
        for (let round = 0; round < times(2); round++) {
          const copying = tryRedisCopy(server.url, source, options);
          await until(
            "a checkpoint",
            async () => ((await redisCheckpoints(server.url, MOVE)) ?? 0) > 0,
          );
          await sleep(random.below(150));
          const before = (await redisCheckpoints(server.url, MOVE)) ?? 0;
          if (before < 11) counts["in the middle"]++;
          // Killed and back while the mover still tries, or when it has given up; or it hangs.
          const deed = (["back", "later", "hangs"] as const)[(2 * way + round) % 3];
          if (deed === "hangs") {
            counts.hangs++;
            server.signal("SIGSTOP");
            await sleep(random.below(400));
            server.signal("SIGCONT");
          } else {
            counts.kills++;
            await server.kill9();
            if (deed === "later") await copying;
            await server.restart();
          }
          const ended = await copying;
          counts.ended++;
          if (ended !== "done") expect(LOST, name).toContain(ended);
          // What was acknowledged by a checkpoint before the kill is still there.
          expect(await redisCheckpoints(server.url, MOVE)).toBeGreaterThanOrEqual(before);
          if (ended !== "done") await goOnRedis(server.url, source, options);
          const what = `seed=${random.seed} ${name} round ${round}`;
          expect(await redisState(server.url), what).toEqual(expected);
          await emptyRedis(server.url);
        }
      }
    } finally {
      await server.stop();
    }
    reached("A4 Redis", random.seed, counts);
  },
  120_000 * Math.max(1, RUNS),
);

it(
  "anchor A5, fault F48: cut at the n-th piece to or from a Redis: the end is that of a clean copy",
  async () => {
    const random = seeded(20261202);
    const source = await file("small.json", appFile({ people: 20 }));
    const { url } = await freshRedis();
    await using proxy = await startProxy(url, "chunks");
    const through = proxy.through(url);
    const counts = { cuts: 0, "ended by itself": 0, "with a code": 0 };
    for (const [name, options] of WAYS) {
      const expected = await undisturbed(url, source, options);
      for (const direction of ["up", "down"] as const) {
        for (let left = times(12), at = 1; left > 0; left--) {
          const when = random.pick(["before", "after"] as const);
          const deed = random.pick(["cut", "reset"] as const);
          proxy.arm({ direction, at, when, deed });
          const ended = await tryRedisCopy(through, source, options);
          const isReached = proxy.reached.length > 0;
          proxy.arm();
          const what = `seed=${random.seed} ${name} ${direction} ${at} ${when} ${deed}`;
          if (ended !== "done") {
            expect(LOST, what).toContain(ended);
            await goOnRedis(through, source, options);
          }
          expect(await redisState(url), what).toEqual(expected);
          await emptyRedis(url);
          if (!isReached) break;
          counts.cuts++;
          counts[ended === "done" ? "ended by itself" : "with a code"]++;
          at += RUNS > 1 ? 1 : 1 + random.below(4);
        }
      }
    }
    reached("A5 Redis", random.seed, counts);
  },
  120_000 * Math.max(1, RUNS),
);

/** A kill at a random time, or while batches are being written: the time may pass those by. */
async function kill(url: string, mover: Mover, below: (limit: number) => number): Promise<void> {
  if (below(2) === 0) await sleep(200 + below(400));
  else while (mover.running && ((await redisCheckpoints(url, MOVE)) ?? 0) === 0) await sleep(5);
  await sleep(below(60));
  mover.signal("SIGKILL");
}

it(
  "anchor A1, fault F01: a mover that is killed on its way into a Redis is gone on with",
  async () => {
    const random = seeded(20261203);
    const source = await file("killed.json", appFile({ pages: 12 }));
    const { url, drop } = await freshRedis();
    const options = { move: MOVE };
    const expected = await undisturbed(url, source, options);
    const args = ["copy", source, "--to", url, "--move", MOVE];
    const counts = { kills: 0 };
    for (let round = 0; round < times(2) || (counts.kills === 0 && round < 20); round++) {
      for (let left = 3; left >= 0; left--) {
        const mover = startMover(args);
        if (left > 0) void kill(url, mover, random.below);
        const { signal, code, stderr } = await mover.ended;
        if (signal === null) {
          expect(code, stderr).toBe(2);
          break;
        }
        counts.kills++;
        if (await isCopied(url, MOVE)) break;
      }
      expect(await redisState(url), `seed=${random.seed} round ${round}`).toEqual(expected);
      await emptyRedis(url);
    }
    await drop();
    reached("A1 Redis", random.seed, counts);
  },
  120_000 * Math.max(1, RUNS),
);
