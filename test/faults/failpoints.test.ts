/** Every named place of the program, passed for the first to third time, where it throws, dies or hangs (A2). */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { copy } from "../../src/transfer/copy.ts";
import { appFile, reached, seeded, stateOf } from "../support/fault-move.ts";
import { startMover, untilStill } from "../support/fault-mover.ts";
import { type Workplace, workplace } from "../support/moving.ts";
import { freshDatabase } from "../support/postgres.ts";

const ACTIONS = ["throw", "kill9", "hang"] as const;

/** Places that a first copy passes, and those that only a copy over another one does. */
const LOADING = [
  "copy.batch",
  "commit.begin",
  "commit.copied",
  "commit.rows",
  "commit.ledger",
  "commit.before_commit",
  "commit.after_commit",
];
const STAGED = ["commit.staged", "commit.judged", "commit.before_commit"];
/** Whose own tests stop there: test/drivers/json-file.test.ts, test/move/conductor-killed.test.ts. */
const ELSEWHERE = [
  ...["jsonfile.intent", "jsonfile.replaced"],
  ...["stage.pending", "stage.confirmed", "stage.fenced", "stage.drained", "stage.flip"],
];

/** Each action at each hit takes three rounds; the test run does one of them, a campaign all. */
const ROUNDS = Number(process.env["RUNS"] ?? 1) > 1 ? 3 : 1;

interface Course {
  readonly place: Workplace;
  readonly first: string;
  readonly second: string | undefined;
  readonly expected: Record<string, string>;
}

/** One copy into a database of its own that is stopped three times at one place, and then let through. */
async function stopped(course: Course, name: string, round: number): Promise<string[]> {
  const { url, drop } = await freshDatabase();
  try {
    const to = ["--to", url, "--move", "m", "--schema", "m"];
    if (course.second !== undefined) {
      const { code } = await startMover(["copy", course.first, ...to]).ended;
      expect(code).toBe(2);
    }
    const source = course.second ?? course.first;
    const done: string[] = [];
    for (const [index, hit] of [1, 2, 3].entries()) {
      const action = ACTIONS[(index + round) % ACTIONS.length] as (typeof ACTIONS)[number];
      const armed = `${name}=${action}@${hit}`;
      const mover = startMover(["copy", source, ...to], { OUTGROW_FAILPOINT: armed });
      if (action === "hang") {
        await untilStill(url, mover);
        mover.signal("SIGKILL");
      }
      const { code, signal, stdout, stderr } = await mover.ended;
      const how = action === "throw" ? [1, null] : [null, "SIGKILL"];
      expect([code, signal], `${armed}\n${stdout}${stderr}`).toEqual(how);
      if (action === "throw") expect(stderr).toContain(`failpoint ${name}`);
      done.push(armed);
    }
    const last = await startMover(["copy", source, ...to]).ended;
    expect(last.code, `${name} round ${round}\n${last.stdout}${last.stderr}`).toBe(2);
    expect(await stateOf(url, "m"), `${name} round ${round}`).toEqual(course.expected);
    return done;
  } finally {
    await drop();
  }
}

async function courses(place: Workplace): Promise<{ loading: Course; staged: Course }> {
  const first = await place.file("app.json", appFile({ pages: 7 }));
  const second = await place.file("later.json", appFile({ pages: 7, dump: 2 }));
  await copy(first, place.target, { move: "m", schema: "m" });
  const loaded = await stateOf(place.url, "m");
  await copy(second, place.target, { move: "m", schema: "m" });
  const staged = await stateOf(place.url, "m");
  return {
    loading: { place, first, second: undefined, expected: loaded },
    staged: { place, first, second, expected: staged },
  };
}

it(
  "anchor A2, faults F02 and F03: thrown out, killed and hung at every failpoint: the end is that of an undisturbed copy",
  async () => {
    const { seed, below } = seeded(20261127);
    await using place = await workplace();
    const { loading, staged } = await courses(place);
    const begin = below(3);
    const work = [
      LOADING.map((name) => [loading, name] as const),
      STAGED.map((name) => [staged, name] as const),
    ].flat();
    const done: string[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      for (const [index, [course, name]] of work.entries()) {
        done.push(...(await stopped(course, name, begin + round + index)));
      }
    }
    const count = (action: string) => done.filter((armed) => armed.includes(`=${action}@`)).length;
    reached("A2", seed, {
      places: new Set(done.map((armed) => armed.split("=")[0])).size,
      thrown: count("throw"),
      killed: count("kill9"),
      hung: count("hang"),
    });
    if (ROUNDS === 3) expect(new Set(done).size).toBe(new Set([...LOADING, ...STAGED]).size * 9);
  },
  150_000 * ROUNDS,
);

it("anchor A2: no failpoint of the sources is left out", () => {
  const folder = join(import.meta.dirname, "../../src");
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .flatMap((file) => [
      ...readFileSync(join(folder, file), "utf8").matchAll(/failpoint\("([^"]+)"\)/g),
    ])
    .map(([, name]) => name);
  expect(names.length).toBeGreaterThan(5);
  const stopped = new Set([...LOADING, ...STAGED, ...ELSEWHERE]);
  expect([...new Set(names)].sort()).toEqual([...stopped].sort());
});
