/** D1: of the writes to a key the highest revision stays, whatever their order, and however often each arrives. */
import { canonicalText } from "../../collection/canonical.ts";
import { encodeKey } from "../../collection/key.ts";
import { dumpRevision, revision } from "../../collection/revision.ts";
import type { Value } from "../../collection/value.ts";
import type { RecordWrite } from "../../store/driver.ts";
import { same } from "../assert.ts";
import type { Bench, BenchCase } from "../bench.ts";
import type { MoveAtHand } from "../move-at-hand.ts";
import type { Random } from "../random.ts";
import { deletion, heldText, rawTexts, record, twice } from "../records.ts";

const KEYS = ["a", "b", "c", "\u0001d", "é"];
const [run2, run3] = [dumpRevision(2), dumpRevision(3)];

/** What stands behind a revision of a key: told by the revision alone, so that no two writes are in conflict. */
function writeOf(key: string, counter: number): RecordWrite {
  const at = revision(counter > 9 ? 1 : 0, counter);
  // Some revisions repeat the content of others.
  const value = {
    title: `content ${counter % 4}`,
    count: counter % 2,
    more: { deep: [counter % 4] },
  };
  return counter % 3 === 0
    ? deletion(key, at)
    : record(key, value, { revision: at, position: counter });
}

/** Batches in which a key stands once. */
function batchesOf(random: Random, writes: readonly RecordWrite[]): RecordWrite[][] {
  const batches: RecordWrite[][] = [[]];
  const size = random.whole(1, 6);
  for (const write of writes) {
    const last = batches.at(-1) as RecordWrite[];
    if (last.length >= size || last.some(({ key }) => key === write.key)) batches.push([write]);
    else last.push(write);
  }
  return batches;
}

async function holdsWinners(move: MoveAtHand, history: readonly RecordWrite[]): Promise<void> {
  const winners = new Map<string, RecordWrite>();
  for (const write of history) {
    const before = winners.get(write.key);
    if (before === undefined || before.revision < write.revision) winners.set(write.key, write);
  }
  const keys = [...winners.keys()];
  const read = await move.driver.read(move.at(), keys);
  same(read.map(heldText), [...winners.values()].map(heldText), "law D1: the last of each key");
  const present = [...winners.values()].filter(({ state }) => state === "present");
  const scanned = (await move.scan({ size: 2 })).map(heldText);
  const byKey = present.sort((a, b) => (a.key < b.key ? -1 : 1));
  same(scanned, byKey.map(heldText), "law D1: what a scan gives");
  const rows = Object.fromEntries(byKey.map(({ key, value }) => [key, canonicalText(value)]));
  same(await move.rows(), rows, "law D1: what the app's tables say");
  same(await move.driver.count(move.at()), present.length, "law D1: count");
}

async function anyOrder(bench: Bench): Promise<void> {
  await bench.histories(async (random) => {
    const move = await bench.move();
    const history = random.list(5, 30, () => writeOf(random.pick(KEYS), random.whole(1, 12)));
    for (const batch of batchesOf(random, history)) {
      const { applied, duplicate, stale, conflicts } = await move.put(batch);
      same(conflicts, [], "law D1: conflicts of equal writes");
      same(applied + duplicate + stale, batch.length, "law T1: the parts of a batch");
    }
    await holdsWinners(move, history);
    same((await move.counts()).read, history.length, "law T1: records read");
  });
}

async function clashes(bench: Bench): Promise<void> {
  await bench.histories(async (random) => {
    const move = await bench.move();
    const history = random.list(
      2,
      12,
      () => [random.pick(["a", "b"]), random.whole(1, 3)] as const,
    );
    const value = ([key, content]: readonly [string, number]): Value => ({
      title: `${key}${content}`,
    });
    for (const one of history) await move.put([record(one[0], value(one))]);
    const aside = await move.quarantined();
    const kept = [...Object.values(await move.rows()), ...rawTexts(aside)];
    const wanted = history.map((one) => canonicalText(value(one)));
    same([...new Set(kept)].sort(), [...new Set(wanted)].sort(), "law D1: contents that are kept");
    const { applied } = await move.counts();
    same(
      applied,
      Object.keys(await move.rows()).length,
      "law T1: applied, without what was taken out",
    );
  });
}

async function tombstones(bench: Bench): Promise<void> {
  const move = await bench.move();
  await move.put([record("a", { title: "1" }), record("b", { title: "2" })]);
  const gone = await move.put([deletion("a", run2), deletion("c", run2)]);
  same(gone.applied, 2, "deletions are applied, of keys that were never there too");
  await move.holds({ b: { title: "2" } }, "behind deletions");
  const late = await move.put([record("a", { title: "late" }), record("c", { title: "late" })]);
  same([late.applied, late.stale], [0, 2], "writes older than a tombstone");
  same((await move.put([deletion("a", run2)])).duplicate, 1, "the same deletion again");
  same((await move.put([deletion("b", dumpRevision(0))])).stale, 1, "an older deletion");
  await move.holds({ b: { title: "2" } }, "behind late writes");
  const [tomb] = await move.driver.read(move.at(), [encodeKey("a")]);
  same([tomb?.state, tomb?.revision], ["deleted", run2], "the tombstone");
  await move.put([record("a", { title: "again" }, { revision: run3 })]);
  await move.holds({ a: { title: "again" }, b: { title: "2" } }, "behind a newer write");
}

async function duplicates(bench: Bench): Promise<void> {
  const move = await bench.move();
  const first = [record("a", { title: "1", b: [1, 2] }, { position: 4 }), record("b", "text")];
  await move.put(first);
  // The order of names is no content.
  const again = [record("a", { b: [1, 2], title: "1" }, { position: 4 }), record("b", "text")];
  const report = await move.put(again);
  same([report.applied, report.duplicate], [0, 2], "the same records again");
  same(
    (await move.put([record("a", { title: "1", b: [2, 1] })])).conflicts.length,
    1,
    "other content",
  );
  same((await move.put([deletion("b")])).conflicts.length, 1, "a deletion of the same revision");
}

async function conflicts(bench: Bench): Promise<void> {
  const move = await bench.move();
  const one = { title: "one", madeAt: undefined, more: [1, { x: -0 }] };
  await move.put([record("a", one, { position: 3 }), record("b", { title: "b" })]);
  const second = [record("a", { title: "two" }, { position: 4 }), record("c", { title: "c" })];
  const report = await move.put(second);
  same(report.conflicts, [{ collection: "things", key: "sa" }], "the conflict");
  same([report.applied, report.duplicate, report.stale], [1, 0, 0], "the rest of the batch");
  await move.holds({ b: { title: "b" }, c: { title: "c" } }, "both are out of the table");
  same(
    (await move.put([record("a", { title: "three" }, { position: 5 })])).conflicts.length,
    1,
    "a third",
  );
  const entries = await move.quarantined();
  const places = entries.map(({ key, code, position }) => [key, code, position]);
  same(
    places,
    [3, 4, 5].map((at) => ["sa", "ID_CONFLICT", at]),
    "all three are in quarantine",
  );
  const said = [one, { title: "two" }, { title: "three" }].map((value) => canonicalText(value));
  same(rawTexts(entries), said, "what quarantine keeps of them");
  same(
    entries.slice(1).map(({ file, offset }) => [file, offset]),
    [
      ["suite.json", 7],
      ["suite.json", 7],
    ],
    "their origin",
  );
  same(await move.driver.read(move.at(), ["sa"]), [undefined], "a key in conflict, read");
  same((await move.counts()).quarantined, 3, "counts");
  // A person's decision has a higher revision: it settles the conflict.
  const decision = record("a", { title: "decided" }, { revision: revision(0, 1, "decision") });
  same((await move.put([decision])).applied, 1, "a decision");
  const rows = { a: { title: "decided" }, b: { title: "b" }, c: { title: "c" } };
  await move.holds(rows, "behind the decision");
}

async function doubles(bench: Bench): Promise<void> {
  const move = await bench.move();
  await move.put([record("b", { title: "stored" }, { position: 0 })]);
  const report = await move.put([
    twice("a", { title: "twice a" }),
    twice("b", { title: "twice b" }),
    record("c", { title: "c" }),
  ]);
  same(report.conflicts.map(({ key }) => key).sort(), ["sa", "sb"], "keys that stand twice");
  same((await move.put([record("a", { title: "third" })])).conflicts.length, 1, "a third, later");
  await move.holds({ c: { title: "c" } }, "the table");
  const titles = ["stored", "third", "twice a", "twice b"].map((title) => canonicalText({ title }));
  same(rawTexts(await move.quarantined()).sort(), titles.sort(), "quarantine");
  const newer = record("a", { title: "run 2" }, { revision: run2 });
  same((await move.put([newer])).applied, 1, "a newer run settles it");
  // What an earlier run left is not part of a conflict in a later one.
  await move.put([twice("c", { title: "twice c" }, run2)]);
  same((await move.quarantined()).length, 5, "a later run's conflict sets aside only its own");
  await move.holds({ a: { title: "run 2" } }, "the table at last");
}

async function sameContent(bench: Bench): Promise<void> {
  const move = await bench.move();
  await move.put([record("a", { title: "1" }, { position: 1 })]);
  const again = record("a", { title: "1" }, { revision: run3, position: 8 });
  same((await move.put([again])).applied, 1, "the same content in a later run is applied");
  same(
    (await move.scan()).map(heldText),
    [heldText(again)],
    "revision and position of the later run",
  );
  const between = record("a", { title: "between" }, { revision: run2 });
  same((await move.put([between])).stale, 1, "a run between the two");
  await move.holds({ a: { title: "1" } }, "the table");
}

async function twoWriters(bench: Bench): Promise<void> {
  const move = await bench.move();
  const keys = ["a", "b", "c", "d"];
  const rounds = Array.from({ length: 8 }, (_, index) => index + 1);
  // Each through a handle of its own, over the same keys, in opposite orders.
  const writer = (mine: readonly number[], odd: number): Promise<void> =>
    move.beside(async (target) => {
      const driver = await target.open(move.name);
      for (const round of mine) {
        const at = revision(0, round * 2 + odd);
        const all = [...keys, `own ${odd} ${round}`];
        const records = (odd ? all : all.reverse()).map((key) =>
          record(key, { round, odd }, { revision: at }),
        );
        const { collection, tenant } = move.at();
        const ledger = { read: { [collection]: records.length } };
        const report = await driver.commit({ tenant, writes: [{ collection, records }], ledger });
        same(
          report.applied + report.stale,
          records.length,
          "law T1: the parts of a writer's batch",
        );
      }
    });
  await Promise.all([writer(rounds, 1), writer([...rounds].reverse(), 0)]);
  const expected: Record<string, Value> = {};
  for (const key of keys) expected[key] = { round: 8, odd: 1 };
  for (const round of rounds)
    for (const odd of [0, 1]) expected[`own ${odd} ${round}`] = { round, odd };
  await move.holds(expected, "behind two writers");
  same((await move.counts()).read, 2 * 8 * 5, "law T1: records read by both");
}

export const ORDER_CASES: readonly BenchCase[] = [
  {
    name: "law D1: the highest revision stays in any order and repetition of writes",
    run: anyOrder,
  },
  {
    name: "law D1: a deletion wins and loses by its revision, and leaves a tombstone",
    run: tombstones,
  },
  { name: "law D1: equal revision and content is a duplicate", run: duplicates },
  {
    name: "law D1: equal revision and other content: both are quarantined, and a third",
    run: conflicts,
  },
  { name: "law D1: a key that stands twice in a batch is in conflict from then on", run: doubles },
  { name: "law D1: of clashing writes none is lost: table or quarantine", run: clashes },
  { name: "law D1: a later run with the same content takes the revision over", run: sameContent },
  { name: "law D1: two writers at once lose nothing", run: twoWriters },
];
