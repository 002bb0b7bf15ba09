/**
 * A mover that slept between two of its steps, while another took its lease and finished a run of its own: each
 * step that is left, whichever it is, is FENCED, and the other's run stays as it is.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import type { Target } from "../../src/store/driver.ts";
import type { Ledger } from "../../src/store/ledger.ts";
import { copy } from "../../src/transfer/copy.ts";
import { verify } from "../../src/transfer/verify.ts";
import { lapse } from "../support/fault-copy.ts";
import { type Workplace, workplace } from "../support/moving.ts";
import { sql } from "../support/sql.ts";

/** The target of a mover that falls asleep right before one step, and wakes when `other` is done. */
function sleeper(target: Target, step: keyof Ledger, other: () => Promise<unknown>): Target {
  let slept = false;
  const ledger = new Proxy(target.ledger, {
    get(real, name: keyof Ledger) {
      const method = real[name].bind(real) as (...args: unknown[]) => Promise<unknown>;
      if (name === "heartbeat") return () => Promise.resolve();
      return async (...args: unknown[]) => {
        if (name === step && !slept) {
          slept = true;
          await other();
        }
        return method(...args);
      };
    },
  });
  return { ...target, ledger, open: (move) => target.open(move) };
}

const WITH_REFERENCES = [
  "create table users (id text primary key)",
  "create table notes (id text primary key, text text, user_id text references users on delete set null)",
].join(";\n");
const bind = { users: {}, notes: {} };

const FIRST = { notes: [{ id: "n1", text: "one", userId: "u1" }], users: [{ id: "u1" }] };
/** Nothing of the first dump's, so that whoever deletes by the wrong run deletes all or nothing of it. */
const STALE = { notes: [{ id: "n2", text: "stale", userId: "u1" }], users: [{ id: "u1" }] };
const LATER = {
  notes: [
    { id: "n1", text: "one", userId: "u1" },
    { id: "n3", text: "later", userId: "u2" },
  ],
  users: [{ id: "u1" }, { id: "u2" }],
};

async function stateOf({ url, target }: Workplace): Promise<unknown> {
  const move = await target.ledger.find("m");
  const rows = await sql(
    url,
    `select 'user' as what, to_jsonb(u) as row from users u union all select 'note', to_jsonb(n) from notes n
     order by 1, 2`,
  );
  const known = await sql(
    url,
    "select collection, key, revision, state, position from outgrow.record order by 1, 2",
  );
  return { run: move?.run, phase: move?.phase, counts: move?.counts, rows, known };
}

const STEPS = ["startRun", "checkpoints", "prune", "settle", "setPhase"] as const;

it.each(STEPS)(
  "fault F51: who slept right before %s, while another mover finished a run, is FENCED, and nothing is lost",
  async (step) => {
    await using place = await workplace();
    await sql(place.url, WITH_REFERENCES);
    const first = await place.file("first.json", JSON.stringify(FIRST));
    const stale = await place.file("stale.json", JSON.stringify(STALE));
    const later = await place.file("later.json", JSON.stringify(LATER));
    const options = { move: "m", bind, prune: true };
    await copy(first, place.target, options);
    let expected: unknown;
    const slow = sleeper(place.target, step, async () => {
      await lapse(place.url, "m");
      const other = await copy(later, place.target, { ...options, again: true });
      expect(other.settlement.dangling).toEqual([]);
      expected = await stateOf(place);
    });
    await expect(copy(stale, slow, options)).rejects.toMatchObject({ code: "FENCED" });
    expect(await stateOf(place)).toEqual(expected);
    expect((await verify(later, place.target, { move: "m" })).clean).toBe(true);
    expect(await sql(place.url, "select id from notes order by 1")).toEqual([
      { id: "n1" },
      { id: "n3" },
    ]);
  },
);

const KEYS =
  "select conname from pg_constraint where contype = 'f' and connamespace = 'public'::regnamespace";

it.each(["prune", "settle"] as const)(
  "fault F51: who slept right before %s, while another's run is under way, does nothing to that run",
  async (step) => {
    await using place = await workplace();
    const { target, url } = place;
    const notes = [1, 2, 3].map((id) => ({ id, parts: [{ size: id, name: `part ${id}` }] }));
    const source = await place.file("app.json", JSON.stringify({ notes }));
    const options = { move: "m", prune: true, flatten: "all" as const };
    await copy(source, target, options);
    expect(await sql(url, KEYS)).toHaveLength(1);
    const slow = sleeper(target, step, async () => {
      await lapse(url, "m");
      const lease = await target.ledger.acquire("m");
      const move = await target.ledger.find("m");
      await target.ledger.startRun("m", move?.files ?? [], [], lease);
    });
    await expect(copy(source, slow, options)).rejects.toMatchObject({ code: "FENCED" });
    // It has brought nothing yet: by its number, all that is there is of an earlier run.
    expect(await sql(url, "select id from notes")).toHaveLength(3);
    // And it may bring what refers to a record before that record.
    expect(await sql(url, KEYS)).toEqual([]);
  },
);

it("fault F04: a lease is not taken from a mover that was at something long under its lock", async () => {
  await using place = await workplace();
  await sql(place.url, WITH_REFERENCES);
  const first = await place.file("first.json", JSON.stringify(FIRST));
  const later = await place.file("later.json", JSON.stringify(LATER));
  await copy(first, place.target, { move: "m", bind });
  const { ledger } = place.target;
  const lease = await ledger.acquire("m");
  const move = await ledger.find("m");
  await ledger.startRun("m", move?.files ?? [], [], lease);
  // A prune that takes longer than a lease holds, in which its heart cannot beat.
  await sql(
    place.url,
    `create function slow() returns trigger language plpgsql as $$ begin perform pg_sleep(0.5); return old; end $$;
     create trigger slow before delete on notes for each row execute function slow()`,
  );
  await lapse(place.url, "m");
  const pruned = ledger.prune("m", lease);
  await sleep(150);
  await expect(copy(later, place.target, { move: "m", bind })).rejects.toMatchObject({
    code: "MOVE_LEASED",
  });
  expect(await pruned).toBe(2);
  await ledger.setPhase("m", "copied", lease);
  await ledger.release(lease);
});
