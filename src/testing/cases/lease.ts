/** Leases: one mover at a time, and a mover that was taken over changes nothing more. */
import { dumpRevision } from "../../collection/revision.ts";
import type { Lease } from "../../store/ledger.ts";
import { check, codeOf, refused, same } from "../assert.ts";
import type { Bench, BenchCase, MoveAtHand } from "../bench.ts";
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
  same(await move.everything(), before, "what a mover leaves that was taken over");
  await ledger.release(first);
  same((await move.find()).leased, true, "its release frees the lease of another");
  await under(move, second, "c");
  await ledger.setPhase(move.name, "copied", second);
  await move.holds({ a: { title: "a" }, c: { title: "c" } }, "what the two have written");
  await ledger.release(second);
}

async function alive(bench: Bench): Promise<void> {
  const { ledger } = await bench.target();
  const move = await bench.move();
  const lease = await ledger.acquire(move.name);
  // Far longer altogether than the lease may be silent.
  for (const beat of ["heartbeat", "commit", "heartbeat", "commit"]) {
    await wait(60);
    if (beat === "heartbeat") await ledger.heartbeat(lease);
    else await under(move, lease, beat);
    await refused(
      () => ledger.acquire(move.name, 50),
      "MOVE_LEASED",
      `a lease right behind a ${beat}`,
    );
  }
  await ledger.release(lease);
}

export const LEASE_CASES: readonly BenchCase[] = [
  { name: "fault F04: one mover at a time", run: exclusive },
  { name: "fault F04: of several movers at once one takes the lease", run: race },
  { name: "fault F04: a lapsed lease is taken over, and the old mover is fenced", run: fencing },
  { name: "fault F04: a heartbeat or a commit keeps a lease alive", run: alive },
];
