/** Two movers of one move: at once, and one that slept while the other took over. */
import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { lapse } from "../support/fault-copy.ts";
import { appFile, onServer, reached, seeded, stateOf, times } from "../support/fault-move.ts";
import { type Mover, startMover } from "../support/fault-mover.ts";
import { type Workplace, workplace } from "../support/moving.ts";
import { freshDatabase } from "../support/postgres.ts";

const RUNS = Number(process.env["RUNS"] ?? 1);

interface Race {
  readonly source: string;
  readonly expected: Record<string, string>;
}

async function race(place: Workplace): Promise<Race> {
  const source = await place.file("app.json", appFile({ pages: 12 }));
  const { code } = await startMover(command(source, place.url)).ended;
  expect(code).toBe(2);
  return { source, expected: await stateOf(place.url, "m") };
}

const command = (source: string, url: string): string[] => [
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
const codeOf = (ended: { readonly stdout: string }): string =>
  JSON.parse(ended.stdout).error?.code ?? "done";

/** How the second of two may end. */
const SECOND = new Set(["done", "MOVE_LEASED", "TABLE_TAKEN", "FENCED"]);

const SESSIONS = `select coalesce(string_agg(state, ','), '') from pg_stat_activity
  where application_name = 'outgrow' and datname = current_database()`;

/** Stops a mover in the middle of its copy, inside or outside of a transaction. `false` when it ended before. */
async function sleepIn(url: string, mover: Mover, where: "inside" | "outside"): Promise<boolean> {
  for (let tried = 0; mover.running; tried++) {
    mover.signal("SIGSTOP");
    // The server may still be at a statement that was sent before.
    await sleep(60);
    const [begun] = await onServer(url, (query) =>
      query(
        "select to_regclass('outgrow.checkpoint') is not null and to_regclass('m.orders') is not null",
      ),
    );
    const found = begun?.[0] as unknown as boolean;
    const rows = found
      ? await onServer(url, (query) =>
          query("select phase, (select count(*) from outgrow.checkpoint) from outgrow.move"),
        )
      : [];
    const [phase, done] = rows[0] ?? [];
    const [states] = await onServer(url, (query) => query(SESSIONS));
    // In the middle of a statement is neither: of a COPY, the server waits for the rest as long as a statement may take.
    const state = /active/.test(states?.[0] ?? "")
      ? "between"
      : /idle in transaction/.test(states?.[0] ?? "")
        ? "inside"
        : "outside";
    if (phase === "copying" && Number(done) > 0 && state === where) return true;
    mover.signal("SIGCONT");
    await sleep(7 + (tried % 13));
  }
  return false;
}

it(
  "fault F04: two command lines at once on one move: one leads, the other is told so, and the state is that of one",
  async () => {
    const random = seeded(20261201);
    await using place = await workplace();
    const { source, expected } = await race(place);
    const counts = { races: 0, "told so": 0 };
    for (let round = 0; round < times(3); round++) {
      const { url, drop } = await freshDatabase();
      const movers = [startMover(command(source, url)), startMover(command(source, url))];
      const all = await Promise.all(movers.map(({ ended }) => ended));
      const codes = all.map(codeOf);
      counts.races++;
      // Who comes while the other makes the move finds its tables; who comes later, its lease.
      const told = codes.filter((code) => code !== "done");
      expect(codes, `seed=${random.seed}`).toContain("done");
      for (const one of all) expect(SECOND.has(codeOf(one)), one.stdout).toBe(true);
      counts["told so"] += told.length;
      expect(await stateOf(url, "m")).toEqual(expected);
      await drop();
    }
    reached("F04", random.seed, counts);
  },
  60_000 * Math.max(2, RUNS),
);

it.each(["outside", "inside"] as const)(
  "fault F51: a mover that sleeps %s of a transaction while another takes over is FENCED and changes nothing",
  async (where) => {
    const random = seeded(20261202);
    await using place = await workplace();
    const source = await place.file("app.json", appFile({ pages: 12 }));
    // What the other copies is a later dump: were the sleeper not fenced, idempotence would not hide what it does.
    const later = await place.file("later.json", appFile({ pages: 12, dump: 2 }));
    const counts = { slept: 0, fenced: 0 };
    for (let round = 0; counts.slept < times(1) && round < times(8); round++) {
      const { url, drop } = await freshDatabase();
      const name = new URL(url).pathname.slice(1);
      // Who sleeps inside of a transaction holds its locks until the server ends it.
      await onServer(url, (query) =>
        query(`alter database ${name} set idle_in_transaction_session_timeout = '700ms'`),
      );
      const stale = startMover(command(source, url));
      if (await sleepIn(url, stale, where)) {
        counts.slept++;
        const refused = await startMover(command(source, url)).ended;
        expect([refused.code, codeOf(refused)]).toEqual([75, "MOVE_LEASED"]);
        if (where === "inside") await sleep(900);
        await lapse(url, "m");
        const second = await startMover([...command(later, url), "--again"]).ended;
        expect(codeOf(second), second.stdout).toBe("done");
        const before = await stateOf(url, "m");
        stale.signal("SIGCONT");
        const ended = await stale.ended;
        expect([ended.code, codeOf(ended)]).toEqual([75, "FENCED"]);
        counts.fenced++;
        expect(await stateOf(url, "m")).toEqual(before);
      }
      await stale.ended;
      await drop();
    }
    reached(`F51 ${where}`, random.seed, counts);
  },
  60_000 * Math.max(2, RUNS),
);
