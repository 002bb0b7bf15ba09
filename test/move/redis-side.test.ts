/** Redis as a side of a move: what the machine relies upon, seen in a real one, over both ways and in both layouts. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { encodeKey } from "../../src/collection/key.ts";
import { dumpRevision, revision } from "../../src/collection/revision.ts";
import { TcpConnection } from "../../src/drivers/redis/tcp.ts";
import { deliver } from "../../src/move/mirror.ts";
import { firstState } from "../../src/move/state.ts";
import type { LiveTarget, RecordWrite, Target } from "../../src/store/driver.ts";
import type { Side } from "../../src/store/side.ts";
import { deletion, present } from "../../src/store/writes.ts";
import { copy } from "../../src/transfer/copy.ts";
import { LIVE_PLACES, type LivePlace, OWN_KEYS } from "../support/live-place.ts";
import { MemoryState, memorySide } from "../support/memory-side.ts";
import { PlainWorld } from "../support/routed.ts";
import { Actor } from "../support/world.ts";

const MOVE = "an app: {its} move";
const USERS = { tenant: "default", collection: "users" };
const WAYS = LIVE_PLACES.slice(1).flatMap(([name, make]) => [
  [name, make, {}] as const,
  [`${name}, under its own keys`, make, OWN_KEYS] as const,
]);

const user = (id: number, email: string, counter: number, epoch = 1): RecordWrite => {
  const record = present(encodeKey(id), { id, email, credits: 3 });
  return { ...record, revision: revision(epoch, counter) };
};
const gone = (id: number, counter: number): RecordWrite => {
  return { ...deletion(encodeKey(id)), revision: revision(1, counter) };
};

describe.each(WAYS)("%s", (_, make, layout) => {
  let folder: string;
  let target: Target;
  let live: LiveTarget;
  let side: Side;
  let place: LivePlace;
  let again: () => Promise<unknown>;
  const closing: AsyncDisposable[] = [];

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "outgrow-side-"));
    const path = join(folder, "app.json");
    const users = [1, 2, 3].map((id) => ({ id, email: `u${id}@x.example`, credits: 3 }));
    writeFileSync(path, JSON.stringify({ users }));
    place = await make();
    target = await place.open();
    closing.push(place, target);
    live = target.live as LiveTarget;
    await live.control.replace(MOVE, 0, firstState(Date.now(), "a test"));
    again = () => copy(`json:${path}`, target, { ...layout, move: MOVE, again: true });
    await again();
    side = await live.side(MOVE);
  });
  afterEach(async () => {
    for (const one of closing.splice(0).reverse()) await one[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  const emailOf = async (id: number, from = side): Promise<unknown> => {
    const [found] = await from.driver.read(USERS, [encodeKey(id)]);
    return found?.state === "present" ? (found.value as { email: string }).email : found?.state;
  };
  const put = (
    records: readonly RecordWrite[],
    more: { epoch?: number; capture?: boolean } = {},
    to = side,
  ) => to.driver.commit({ ...USERS, writes: [{ collection: "users", records }], ...more });

  it("sem 5, law S5: a fence only rises, and refuses what is of an earlier epoch with all that it brought", async () => {
    expect(await side.fence.current()).toBe(0);
    await side.fence.raise(5);
    const refused = put([user(1, "late", 1)], { epoch: 4, capture: true });
    await expect(refused).rejects.toMatchObject({ code: "FENCED" });
    expect(await emailOf(1)).toBe("u1@x.example");
    expect(await side.outbox.depth()).toEqual({ count: 0, oldestMs: undefined });
    await side.fence.raise(3);
    expect(await side.fence.current()).toBe(5);
    await put([user(1, "new", 2)], { epoch: 5 });
    expect(await emailOf(1)).toBe("new");
    // A copy has no epoch: its lease and its revisions judge it.
    expect(await put([{ ...user(1, "copied", 1), revision: dumpRevision(9) }])).toMatchObject({
      stale: 1,
    });
  });

  it("law S5: who slept until the copy was dropped and made anew is refused by the fence of before", async () => {
    await side.fence.raise(4);
    await put([user(1, "in the target", 1)], { epoch: 4, capture: true });
    await target.ledger.drop(MOVE);
    const slept = put([user(2, "late", 9)], { epoch: 3 });
    await expect(slept).rejects.toMatchObject({ code: "FENCED" });
    await again();
    const anew = await live.side(MOVE);
    expect([await anew.fence.current(), await anew.outbox.depth()]).toMatchObject([
      4,
      { count: 0 },
    ]);
    await expect(put([user(2, "late", 9)], { epoch: 3 }, anew)).rejects.toMatchObject({
      code: "FENCED",
    });
    expect(await emailOf(1, anew)).toBe("u1@x.example");
  });

  it("law T2: a mover that slept until the copy was dropped and made anew writes nothing into the new one", async () => {
    const slept = await target.ledger.acquire(MOVE, 0);
    await target.ledger.release(slept);
    await target.ledger.drop(MOVE);
    await again();
    const lease = await target.ledger.acquire(MOVE, 0);
    expect(lease.number).toBeGreaterThan(slept.number);
    const anew = await target.open(MOVE);
    const records = [{ ...user(7, "late", 1), revision: dumpRevision(1) }];
    const late = anew.commit({
      ...USERS,
      writes: [{ collection: "users", records }],
      lease: slept,
    });
    await expect(late).rejects.toMatchObject({ code: "FENCED" });
  });

  it("sem 2, law S4: a key waits in the outbox if, and only if, its record was stored", async () => {
    const at = { collection: "users", key: encodeKey(1), revision: null };
    const refused = side.driver.commit({
      ...USERS,
      writes: [{ collection: "users", records: [user(2, "never", 2)] }],
      expects: [at],
      capture: true,
    });
    await expect(refused).rejects.toMatchObject({ code: "WRITE_CONFLICT" });
    expect(await side.outbox.depth()).toEqual({ count: 0, oldestMs: undefined });
    await put([user(2, "now", 3), gone(3, 4)], { capture: true });
    const waiting = await side.outbox.pending(10);
    expect(waiting.map(({ key }) => key).sort()).toEqual([encodeKey(2), encodeKey(3)].sort());
    await put([user(2, "later", 5)], { capture: true });
    // The newer state has not been delivered, whatever was taken for delivered before.
    await side.outbox.settle(waiting);
    const left = [{ ...USERS, key: encodeKey(2), revision: revision(1, 5) }];
    expect(await side.outbox.pending(10)).toEqual(left);
    await put([user(2, "older", 4)], { capture: true });
    expect(await side.outbox.pending(10)).toEqual(left);
    await side.outbox.settle(left);
    expect(await side.outbox.pending(10)).toEqual([]);
  });

  it("sem 2: a key that is written again and again, and delivered each time, has not waited since the first time", async () => {
    await put([user(1, "first", 1)], { capture: true });
    const first = await side.outbox.pending(10);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    await put([user(1, "second", 2)], { capture: true });
    expect((await side.outbox.depth()).oldestMs).toBeGreaterThanOrEqual(990);
    await side.outbox.settle(first);
    const { count, oldestMs = Number.NaN } = await side.outbox.depth();
    expect(count).toBe(1);
    expect(oldestMs).toBeLessThan(900);
  });

  it("law S4: the longest waiting come first, as many as are asked for, whatever was written again", async () => {
    for (const id of [3, 1, 2]) {
      await put([user(id, `e${id}`, id)], { capture: true });
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await put([user(3, "again", 9)], { capture: true });
    const keys = (await side.outbox.pending(2)).map(({ key }) => key);
    expect(keys).toEqual([encodeKey(3), encodeKey(1)]);
    const { count, oldestMs } = await side.outbox.depth();
    expect(count).toBe(3);
    expect(oldestMs).toBeGreaterThanOrEqual(15);
    expect(oldestMs).toBeLessThan(60_000);
  });

  it("sem 18, sem 19, sem 20: a copy that comes late changes nothing that was written, deleted, or deleted before it came", async () => {
    await put([user(1, "written", 1), gone(2, 2), gone(9, 3)]);
    const late = [1, 2, 9].map((id) => ({ ...user(id, "copied", 1), revision: dumpRevision(7) }));
    expect(await put(late)).toMatchObject({ applied: 0, stale: 3 });
    const all = [await emailOf(1), await emailOf(2), await emailOf(9)];
    expect(all).toEqual(["written", "deleted", "deleted"]);
  });

  it("sem 4, sem 6: deliveries in any order, and any number of them, leave the newest", async () => {
    await put([user(1, "newer", 6)]);
    expect(await put([user(1, "older", 5)])).toMatchObject({ applied: 0, stale: 1 });
    expect(await put([user(1, "newer", 6)])).toMatchObject({ applied: 0, duplicate: 1 });
    expect(await emailOf(1)).toBe("newer");
  });

  it("sem 26: records of a collection that the copy did not have do not hold up the others", async () => {
    const source = new MemoryState("source");
    const from = memorySide(new PlainWorld(), new Actor("process", false), source);
    const records = [1, 2, 4].map((id) => user(id, `new${id}`, id));
    const order = { ...present(encodeKey("o"), { id: "o" }), revision: revision(1, 9) };
    await from.driver.commit({
      ...USERS,
      writes: [
        { collection: "orders", records: [order] },
        { collection: "users", records },
      ],
      capture: true,
    });
    const { delivered, refused } = await deliver(from, side, 1);
    expect(delivered).toBe(3);
    expect(refused.map(({ entry, code }) => [entry.collection, code])).toEqual([
      ["orders", "MOVE_UNKNOWN"],
    ]);
    expect([await emailOf(1), await emailOf(4)]).toEqual(["new1", "new4"]);
  });

  it("law T2: what an app writes at once is there as a whole, whatever its size", async () => {
    const bio = "π".repeat(700);
    const values = Array.from({ length: 1500 }, (_, n) => {
      return { id: n + 10, email: `m${n}@x.example`, credits: n, bio: n % 2 ? bio : "" };
    });
    const image = { id: 9, email: "nine", credits: 1, bio: "🐈".repeat(200_000) };
    const commitOf = (epoch: number) => {
      const many = [image, ...values].map((value, n): RecordWrite => {
        return { ...present(encodeKey(value.id), value), revision: revision(epoch, n + 1) };
      });
      return { ...USERS, writes: [{ collection: "users", records: many }], epoch, capture: true };
    };
    const { rest } = place;
    const before = rest?.seen.requests ?? 0;
    await side.driver.commit(commitOf(1));
    const requests = (rest?.seen.requests ?? 0) - before;
    // Whichever of its requests is cut off, all of it is there or nothing is.
    for (let n = requests - 1; rest !== undefined && n <= requests; n++) {
      const { writes, ...more } = commitOf(n + 1);
      const records = writes[0]?.records ?? [];
      rest.cutEvery = rest.seen.requests + n;
      await side.driver.commit({ writes, ...more }).catch((error) => {
        expect(error).toMatchObject({ code: "OUTCOME_UNKNOWN" });
      });
      rest.cutEvery = 0;
      const keys = records.map(({ key }) => key);
      const there = (await side.driver.read(USERS, keys)).map((one) => one?.revision);
      const stored = there.filter((one, index) => one === records[index]?.revision);
      expect([0, records.length]).toContain(stored.length);
    }
    await side.fence.raise(20);
    const commit = commitOf(20);
    const many = commit.writes[0]?.records ?? [];
    const report = await side.driver.commit(commit);
    expect(report).toMatchObject({ applied: many.length, conflicts: [] });
    expect((await side.outbox.depth()).count).toBe(many.length);
    const keys = many.map(({ key }) => key);
    const found = await side.driver.read(USERS, keys);
    expect(found.map((one) => one?.value)).toEqual(many.map(({ value }) => value));
    expect(await side.driver.commit(commit)).toMatchObject({ applied: 0, duplicate: many.length });
    await side.outbox.settle(await side.outbox.pending(many.length));
    expect((await side.outbox.depth()).count).toBe(0);
  });

  it("law P6: a move that is left and forgotten leaves no key of its stages; dropped, none at all", async () => {
    await side.fence.raise(3);
    await put([user(1, "x", 1)], { epoch: 3, capture: true });
    await live.control.beat(MOVE, "app", {});
    await live.control.remove(MOVE);
    expect(await side.fence.current()).toBe(0);
    expect(await live.control.read(MOVE)).toBeUndefined();
    // Dropped first, the fence stays for the stages' sake, and goes with them.
    await live.control.replace(MOVE, 0, {});
    await side.fence.raise(4);
    await target.ledger.drop(MOVE);
    expect(await side.fence.current()).toBe(4);
    await live.control.remove(MOVE);
    expect(await side.fence.current()).toBe(0);
    await again();
    await side.fence.raise(5);
    await target.ledger.drop(MOVE);
    expect(await keysLeft()).toEqual([]);
  });

  async function keysLeft(): Promise<readonly string[]> {
    await using raw = new TcpConnection(place.redis ?? "");
    const [names] = await raw.send([["KEYS", "*"]]);
    return (names as string[]).sort();
  }
});
