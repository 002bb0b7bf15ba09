/** T1 and T2: what a batch brings is counted, and commits together with its checkpoint or not at all. */
import { encodeKey } from "../../collection/key.ts";
import { dumpRevision, revision } from "../../collection/revision.ts";
import type { Commit, LedgerWrite } from "../../store/driver.ts";
import type { CheckpointEntry } from "../../store/ledger.ts";
import { check, failure, includes, refused, same } from "../assert.ts";
import type { Bench, BenchCase } from "../bench.ts";
import type { MoveAtHand } from "../move-at-hand.ts";
import { deletion, heldText, rawTexts, record, twice, unreadable } from "../records.ts";

const run2 = dumpRevision(2);
const KEYS = ["a", "b", "c", "d", "e", "z"].map(encodeKey);

export const checkpoint = (changes: Partial<CheckpointEntry> = {}): CheckpointEntry => ({
  run: 1,
  file: 0,
  batch: 0,
  offset: 99,
  resume: { state: [1, "\u0000\ud800"] },
  last: false,
  ...changes,
});

/** A batch with everything that a commit may carry. */
const whole: LedgerWrite = {
  checkpoint: checkpoint(),
  quarantine: [unreadable()],
  templates: { things: { "": ["b", "a"] } },
  read: { things: 5 },
  duplicates: { things: 1 },
};

/** Where data and checkpoint cannot commit together, no commit may pretend so. */
async function together(move: MoveAtHand, body: () => Promise<void>): Promise<void> {
  if (move.driver.can.transaction) return body();
  const before = await move.everything(KEYS);
  const commit = { ledger: { checkpoint: checkpoint(), read: { things: 1 } } };
  await refused(
    () => move.commit([record("a", {})], commit),
    "UNSUPPORTED",
    "a commit with a checkpoint, without transactions",
  );
  same(await move.everything(KEYS), before, "what is there behind UNSUPPORTED");
}

async function addUp(bench: Bench): Promise<void> {
  await bench.histories(async (random) => {
    const move = await bench.move();
    let read = 0;
    for (let batch = 0; batch < 8; batch++) {
      const keys = random.shuffled(["a", "b", "c", "d"]).slice(0, random.whole(1, 4));
      const records = keys.map((key) => {
        const at = dumpRevision(random.whole(1, 2));
        if (random.once(6)) return deletion(key, at);
        const value = { count: random.whole(1, 2) };
        return random.once(8) ? twice(key, value, at) : record(key, value, { revision: at });
      });
      const aside = random.list(0, 2, () => unreadable());
      const doubled = random.whole(0, 2);
      const report = await move.put(records, {
        quarantine: aside,
        duplicates: { things: doubled },
        read: { things: records.length + aside.length + doubled },
      });
      const { applied, duplicate, stale, conflicts } = report;
      same(
        applied + duplicate + stale + conflicts.length,
        records.length,
        "law T1: the parts of a batch",
      );
      read += records.length + aside.length + doubled;
      same((await move.counts()).read, read, "law T1: all that was read");
    }
  });
}

async function plainCounts(bench: Bench): Promise<void> {
  const move = await bench.move();
  const first = [record("a", { title: "1" }), record("b", { title: "2" })];
  includes(await move.put(first), { applied: 2, duplicate: 0, stale: 0, conflicts: [] }, "a load");
  includes(await move.put(first), { applied: 0, duplicate: 2, stale: 0 }, "its repetition");
  const second = [
    record("a", { title: "1" }, { revision: run2 }),
    record("b", { title: "changed" }, { revision: run2 }),
    record("c", { title: "new" }, { revision: run2 }),
  ];
  includes(await move.put(second), { applied: 3, duplicate: 0, stale: 0 }, "a later run");
  includes(await move.put(first), { applied: 0, duplicate: 0, stale: 2 }, "a late batch");
  includes(
    await move.counts(),
    { read: 9, applied: 5, duplicate: 2, stale: 2, quarantined: 0 },
    "counts",
  );
  await move.put([], {
    read: { things: 3 },
    quarantine: [unreadable()],
    duplicates: { things: 2 },
  });
  includes(
    await move.counts(),
    { read: 12, applied: 5, duplicate: 4, stale: 2, quarantined: 1 },
    "a batch without records",
  );
  await move.commit([record("a", { title: "an app's" }, { revision: revision(1, 1) })]);
  same((await move.counts()).read, 12, "an app's write is in no count of the copy");
}

async function wrongCounts(bench: Bench): Promise<void> {
  const move = await bench.move();
  const before = await move.everything(KEYS);
  const secret = "a value that nobody may read";
  for (const read of [0, 2]) {
    const put = () => move.put([record("a", { title: secret })], { read: { things: read } });
    await failure(put, `law T1: one record where ${read} were read`);
    same(await move.everything(KEYS), before, "law T1: what a batch that does not add up leaves");
  }
}

async function allOrNothing(bench: Bench): Promise<void> {
  const move = await bench.move({ collections: ["things", "others"] });
  await together(move, async () => {
    const { tenant } = move.at();
    const report = await move.driver.commit({
      tenant,
      writes: [
        {
          collection: "things",
          records: [record("a", { title: "a" }), record("b", {}), record("c", {})],
        },
        { collection: "others", records: [record("a", { title: "other" })] },
      ],
      ledger: { ...whole, read: { things: 5, others: 1 } },
    });
    includes(report, { applied: 4, duplicate: 0, stale: 0, conflicts: [] }, "the report");
    const { ledger } = await bench.target();
    same(await ledger.checkpoints(move.name), [whole.checkpoint], "law T2: the checkpoint");
    same((await move.find()).templates["things"], whole.templates?.["things"], "law T2: templates");
    same(
      await move.counts(),
      { read: 5, applied: 3, duplicate: 1, stale: 0, quarantined: 1 },
      "law T2: counts",
    );
    same(
      (await move.find()).counts["others"]?.applied,
      1,
      "law T2: counts of the other collection",
    );
    same(await move.driver.count(move.at("others")), 1, "law T2: records of the other collection");
    await move.holds({ a: { title: "a" }, b: {}, c: {} }, "law T2: records");
  });
}

async function refusals(bench: Bench): Promise<void> {
  const move = await bench.move();
  await together(move, async () => {
    await move.put([record("a", { title: "there" })]);
    const { ledger } = await bench.target();
    const old = await ledger.acquire(move.name);
    await ledger.release(old);
    const lease = await ledger.acquire(move.name);
    const before = await move.everything(KEYS);
    const good = [record("a", { title: "clash" }), record("b", {}), record("c", {})];
    const { tenant, collection } = move.at();
    const ways: readonly (readonly [string, Partial<Commit>])[] = [
      ["a lease that was taken over", { lease: old }],
      ["counts that do not add up", { ledger: { ...whole, read: { things: 99 } } }],
      [
        "a collection that is not there",
        {
          writes: [
            { collection, records: good },
            { collection: "nowhere", records: [record("x", {})] },
          ],
        },
      ],
    ];
    for (const [what, change] of ways) {
      const commit = {
        tenant,
        writes: [{ collection, records: good }],
        ledger: whole,
        lease,
        ...change,
      };
      await failure(() => move.driver.commit(commit), what);
      same(await move.everything(KEYS), before, `law T2: what ${what} leaves`);
    }
    const report = await move.commit(good, { ledger: whole, lease });
    same([report.applied, report.conflicts.length], [2, 1], "the same batch, at last");
    await ledger.release(lease);
  });
}

async function again(bench: Bench): Promise<void> {
  const move = await bench.move();
  await together(move, async () => {
    const records = [record("a", { title: "1" }), record("b", { title: "2" }), record("c", {})];
    includes(await move.put(records, whole), { applied: 3, duplicate: 0 }, "a batch");
    const before = await move.everything(KEYS);
    includes(
      await move.put(records, whole),
      { applied: 0, duplicate: 3, stale: 0, conflicts: [], spills: [] },
      "the same batch",
    );
    same(await move.everything(KEYS), before, "law T2: what the same batch changes");
    const next = { ...whole, checkpoint: checkpoint({ batch: 1, offset: 200, last: true }) };
    await move.put(records, next);
    same((await move.counts()).read, 10, "law T2: another batch of the same records is counted");
    same((await move.quarantined()).length, 2, "law T2: and what it sets aside");
  });
}

async function inOrder(bench: Bench): Promise<void> {
  const move = await bench.move();
  await together(move, async () => {
    const places = [
      [1, 0],
      [0, 2],
      [0, 0],
      [1, 10],
      [0, 1],
      [1, 2],
    ] as const;
    const entry = ([file, batch]: readonly [number, number]): CheckpointEntry =>
      checkpoint({
        file,
        batch,
        offset: 2 ** 40 + batch,
        resume: { file, batch },
        last: batch === 10,
      });
    for (const place of places) await move.put([], { checkpoint: entry(place), read: {} });
    const sorted = [...places].sort(([a, b], [c, d]) => a - c || b - d).map(entry);
    const { ledger } = await bench.target();
    same(await ledger.checkpoints(move.name), sorted, "checkpoints by file and batch");
    await ledger.startRun(move.name, [], []);
    same(await ledger.checkpoints(move.name), [], "a new run has no checkpoints");
  });
}

async function probes(bench: Bench): Promise<void> {
  const move = await bench.move();
  await move.put([record("a", { title: "a" }), record("b", { title: "b" }), record("z", {})]);
  const before = await move.everything(KEYS);
  const batch = [
    record("a", { title: "clash" }),
    record("b", { title: "b" }),
    record("c", { title: "nul \u0000" }),
    record("d", { title: "new" }, { revision: run2 }),
    deletion("z", run2),
  ];
  const quarantine = { templates: whole.templates, quarantine: whole.quarantine };
  const withCheckpoint = move.driver.can.transaction ? { checkpoint: checkpoint() } : {};
  const commit = { ledger: { ...quarantine, read: { things: 6 }, ...withCheckpoint } };
  const probed = await move.commit(batch, { ...commit, probe: true });
  same(await move.everything(KEYS), before, "law T2: what a probe changes");
  same([probed.applied, probed.duplicate, probed.conflicts.length], [3, 1, 1], "what a probe says");
  const report = await move.commit(batch, commit);
  same(probed, report, "law T2: a probe says what the commit says");
  check((await move.counts()).read === 9, "a commit behind its probe is counted");
}

/** Everything is looked at through other handles: those that are open, and those opened afterwards. */
async function survives(bench: Bench, way: "beside" | "again"): Promise<void> {
  const move = await bench.move();
  const { can } = move.driver;
  const { ledger } = await bench.target();
  await move.put(
    [record("a", { title: "a", x: [1, -0] }, { position: 5 }), record("b", {}), record("c", {})],
    {
      ...(can.transaction ? { checkpoint: checkpoint() } : {}),
      templates: whole.templates,
      quarantine: [unreadable()],
      read: { things: 4 },
    },
  );
  await move.put([deletion("b", run2), record("c", { title: "clash" })]);
  const [issued = ""] = await move.driver.issue(1);
  const lease = await ledger.acquire(move.name);
  await ledger.release(lease);
  const before = await move.everything(KEYS);
  if (way === "again") await bench.close();
  await bench.through(async (target) => {
    const found = await target.ledger.find(move.name);
    // Of what does not survive, nothing is left: never a part.
    if (!can.durable && found === undefined) return;
    check(found !== undefined, "law D2: the move is not there any more");
    const driver = await target.open(move.name);
    const other = move.through(target, driver);
    same(await other.everything(KEYS), before, "law D2: what is there through another handle");
    const [next = ""] = await driver.issue(1);
    check(next > issued, "law D2: a revision was issued again");
    const later = await target.ledger.acquire(move.name);
    check(later.number > lease.number, "law D2: a lease's number was given again");
    await target.ledger.release(later);
  });
}

/** Each record is looked for the moment its write has resolved. */
async function atOnce(bench: Bench): Promise<void> {
  const move = await bench.move();
  await move.beside(async (target) => {
    const other = await target.open(move.name);
    for (const key of ["a", "b", "c"]) {
      const write = record(key, { title: key });
      await move.put([write]);
      const [found] = await other.read(move.at(), [write.key]);
      same(heldText(found), heldText(write), "law D2: what resolved a moment ago");
      const counted = (await target.ledger.find(move.name))?.counts["things"]?.applied;
      same(counted, await other.count(move.at()), "law D2: what was counted a moment ago");
    }
    await move.put([record("a", { title: "clash" })]);
    same(
      rawTexts(await target.ledger.quarantined(move.name)).length,
      2,
      "law D2: quarantine a moment ago",
    );
  });
}

export const COMMIT_CASES: readonly BenchCase[] = [
  { name: "law D2: what has resolved is there for others at once", run: atOnce },
  {
    name: "law D2: another handle beside sees all of it",
    run: (bench) => survives(bench, "beside"),
  },
  {
    name: "law D2: closed and opened again, all of it is there",
    run: (bench) => survives(bench, "again"),
  },
  { name: "law T1: applied, duplicate, stale and rejected add up in every batch", run: addUp },
  {
    name: "law T1: a load, its repetition, a later run and a late batch are counted",
    run: plainCounts,
  },
  { name: "law T1: a batch that does not add up commits nothing", run: wrongCounts },
  {
    name: "law T2: data, checkpoint, quarantine, templates and counts commit together",
    run: allOrNothing,
  },
  { name: "law T2: a commit that is refused leaves neither data nor checkpoint", run: refusals },
  { name: "law T2: the same checkpointed batch twice is a no-op", run: again },
  { name: "law T2: checkpoints come by file and batch, of the current run only", run: inOrder },
  { name: "law T2: a probe says what the store would say, and changes nothing", run: probes },
];
