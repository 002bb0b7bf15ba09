/** Leases: one mover at a time, and a mover that was taken over changes nothing more. */
import { dumpRevision } from "../../collection/revision.ts";
import type { Lease } from "../../store/ledger.ts";
import { check, codeOf, refused, same } from "../assert.ts";
import type { Bench, BenchCase } from "../bench.ts";
import type { MoveAtHand } from "../move-at-hand.ts";
import { record } from "../records.ts";

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const under = (move: MoveAtHand, lease: Lease, key: string) =>
  move.commit([record(key, { title: key }, { revision: dumpRevision(2) })], { lease });

async function exclusive(bench: Bench): Promise<void> {
  const { ledger } = await bench.target();
  const move = await bench.move();
  same((await move.find()).leased, false, "a new move is leased");
  const lease = await ledger.acquire(move.name);
  same(lease.move, move.name, "the lease's move");
  await refused(() => ledger.acquire(move.name), "MOVE_LEASED", "a second acquire");
  await move.beside(async (target) => {
    await refused(
      () => target.ledger.acquire(move.name),
      "MOVE_LEASED",
      "a second acquire, through another handle",
    );
  });
  same((await move.find()).leased, true, "a leased move is leased");
  await refused(
    () => ledger.drop(move.name),
    "MOVE_LEASED",
    "dropping a move that is being written",
  );
  same((await under(move, lease, "a")).applied, 1, "a commit under the lease");
  await ledger.heartbeat(lease);
  await ledger.release(lease);
  same((await move.find()).leased, false, "a released move is leased");
  const next = await ledger.acquire(move.name);
  check(next.number > lease.number, "a lease's number does not grow");
  const other = await bench.move();
  await ledger.release(await ledger.acquire(other.name));
  await ledger.release(next);
}

async function race(bench: Bench): Promise<void> {
  const { ledger } = await bench.target();
  const move = await bench.move();
  const movers = Array.from({ length: 6 }, () =>
    ledger.acquire(move.name).then(
      (lease) => lease.number,
      (error: unknown) => codeOf(error),
    ),
  );
  const won = (await Promise.all(movers)).filter((one) => one !== "MOVE_LEASED");
  same(
    won.map((one) => typeof one),
    ["number"],
    "movers that took the lease at once",
  );
}

async function fencing(bench: Bench): Promise<void> {
  const { ledger } = await bench.target();
  const move = await bench.move();
  const first = await ledger.acquire(move.name);
  await under(move, first, "a");
  await wait(40);
  await refused(() => ledger.acquire(move.name), "MOVE_LEASED", "a lease that has not lapsed");
  const second = await ledger.acquire(move.name, 20);
  check(second.number > first.number, "a lease's number does not grow");
  const before = await move.everything();
  await refused(
    () => under(move, first, "b"),
    "FENCED",
    "a commit under a lease that was taken over",
  );
  await refused(
    () => move.commit([], { lease: first, ledger: { templates: { things: { "": ["x"] } } } }),
    "FENCED",
    "a commit of nothing but ledger",
  );
  await refused(() => ledger.heartbeat(first), "FENCED", "its heartbeat");
  await refused(() => ledger.setPhase(move.name, "copied", first), "FENCED", "its phase");
  await refused(() => ledger.startRun(move.name, [], [], first), "FENCED", "its next run");
  await refused(() => ledger.prune(move.name, first), "FENCED", "its prune");
  await refused(() => ledger.settle(move.name, first), "FENCED", "its settlement");
  same(await move.everything(), before, "what a mover leaves that was taken over");
  await ledger.release(first);
  same((await move.find()).leased, true, "its release frees the lease of another");
  await under(move, second, "c");
  await ledger.setPhase(move.name, "copied", second);
  await move.holds({ a: { title: "a" }, c: { title: "c" } }, "what the two have written");
  await ledger.release(second);
}

/** What a mover does to a whole move, it does under its lease: one that slept undoes nothing of another's run. */
async function asleep(bench: Bench): Promise<void> {
  const { ledger } = await bench.target();
  const move = await bench.move();
  await move.put([record("a", { title: "a" }), record("b", { title: "b" })]);
  const first = await ledger.acquire(move.name);
  await wait(40);
  const second = await ledger.acquire(move.name, 20);
  await ledger.startRun(move.name, [], [], second);
  const run2 = await move.reopened();
  await under(run2, second, "a");
  const before = await run2.everything();
  const { name } = move;
  const ways: readonly (readonly [string, () => Promise<unknown>])[] = [
    ["prune", () => ledger.prune(name, first)],
    ["settle", () => ledger.settle(name, first)],
    ["startRun", () => ledger.startRun(name, [], [], first)],
    ["setPhase", () => ledger.setPhase(name, "copied", first)],
  ];
  for (const [what, way] of ways) {
    await refused(way, "FENCED", `${what} under a lease that was taken over`);
    same(await run2.everything(), before, `what ${what} under that lease leaves`);
  }
  await ledger.settle(name, second);
  same(await ledger.prune(name, second), 1, "records that the lease's holder prunes");
  await run2.holds({ a: { title: "a" } }, "what the lease's holder leaves");
  await refused(() => ledger.acquire(name), "MOVE_LEASED", "its lease, behind all that");
  await ledger.release(second);
}

/** A machine that is busy is slower than a short lease: it gets a longer one, until the case says something. */
async function alive(bench: Bench): Promise<void> {
  for (let silence = 60; ; silence *= 4) {
    const isSaid = await staysAlive(bench, silence);
    if (isSaid) return;
    check(silence < 10_000, "a lease that is kept alive can be had");
  }
}

/** @returns `false` when so much time went by that the lease may rightly be gone. */
async function staysAlive(bench: Bench, silence: number): Promise<boolean> {
  const { ledger } = await bench.target();
  const move = await bench.move();
  const lease = await ledger.acquire(move.name);
  // Far longer altogether than the lease may be silent.
  for (const beat of ["heartbeat", "commit", "heartbeat", "commit"]) {
    await wait(silence);
    const began = performance.now();
    if (beat === "heartbeat") await ledger.heartbeat(lease);
    else await under(move, lease, beat);
    const taken = await ledger.acquire(move.name, silence - 5).then(() => "taken", codeOf);
    if (taken === "taken" && performance.now() - began >= silence - 5) return false;
    same(taken, "MOVE_LEASED", `a lease right behind a ${beat}`);
  }
  await ledger.release(lease);
  return true;
}

export const LEASE_CASES: readonly BenchCase[] = [
  { name: "fault F04: one mover at a time", run: exclusive },
  { name: "fault F04: of several movers at once one takes the lease", run: race },
  { name: "fault F04: a lapsed lease is taken over, and the old mover is fenced", run: fencing },
  { name: "fault F04: a mover that was taken over neither prunes nor settles", run: asleep },
  { name: "fault F04: a heartbeat or a commit keeps a lease alive", run: alive },
];
