/** The ledger: moves, runs, quarantine, and what is taken back. */
import { canonicalText } from "../../collection/canonical.ts";
import { encodeKey } from "../../collection/key.ts";
import { dumpRevision, revision } from "../../collection/revision.ts";
import type { SourceFile } from "../../store/ledger.ts";
import { check, codeOf, failure, includes, refused, same } from "../assert.ts";
import type { Bench, BenchCase } from "../bench.ts";
import { byPlace } from "../layouts.ts";
import { deletion, heldText, record, twice, unreadable } from "../records.ts";
import { checkpoint } from "./commit.ts";

const run2 = dumpRevision(2);
const file: SourceFile = {
  fingerprint: { name: "suite.json", bytes: 3, modified: 1, sha256: "ab" },
  collections: { things: "things" },
  survey: { odd: ["\u0000\ud800", 1e21, { b: 1, a: 2 }], null: null },
};

async function creating(bench: Bench): Promise<void> {
  const { ledger, open } = await bench.target();
  const name = bench.nameOfMove();
  same(await ledger.find(name), undefined, "a move that is not there");
  await refused(async () => open(name), "MOVE_UNKNOWN", "opening a move that is not there");
  const move = await bench.move({ collections: ["things", "others"], move: { files: [file] } });
  const wanted = move.made;
  same(JSON.stringify(wanted.files), JSON.stringify([file]), "the files, word by word");
  includes(wanted, { run: 1, phase: "copying", tenant: bench.tenant, leased: false }, "a new move");
  const found = await move.find();
  same(found, wanted, "what find says");
  const listed = await ledger.moves();
  same(
    listed.filter((one) => one.name === move.name),
    [wanted],
    "what moves says",
  );
  same(
    found.collections.map(({ layout }) => layout),
    move.driver.layouts,
    "the driver's layouts",
  );
  same(
    found.counts["others"],
    { read: 0, applied: 0, duplicate: 0, stale: 0, quarantined: 0 },
    "counts of a new move",
  );
  for (const time of [found.createdAt, found.updatedAt]) {
    same(new Date(time).toISOString(), time, "a time as toISOString writes it");
  }
  same(
    [await ledger.checkpoints(move.name), await ledger.spills(move.name), await move.quarantined()],
    [[], [], []],
    "a new move's ledger",
  );
}

async function creatingTwice(bench: Bench): Promise<void> {
  const { ledger } = await bench.target();
  const move = await bench.move();
  await move.put([record("a", { title: "a" })]);
  const before = await move.everything();
  const same_ = bench.newMove({ move: { name: move.name } });
  await refused(() => ledger.create(same_), ["MOVE_TAKEN", "TABLE_TAKEN"], "the same move again");
  const elsewhere = bench.newMove({ move: { name: move.name, schema: `${move.name}-b` } });
  await refused(
    () => ledger.create(elsewhere),
    ["MOVE_TAKEN", "TABLE_TAKEN"],
    "a move of the same name, elsewhere",
  );
  same(await move.everything(), before, "what the first move holds");
  same(
    (await ledger.moves()).filter(({ name }) => name === move.name).length,
    1,
    "moves of this name",
  );
  // What was refused has left nothing: another move may have that place.
  const other = await bench.move({ move: { schema: `${move.name}-b` } });
  same(await other.driver.count(other.at()), 0, "records in that place");
}

async function running(bench: Bench): Promise<void> {
  const { ledger } = await bench.target();
  const move = await bench.move();
  await move.put([record("a", { title: "\u0000" }), record("b", {})], {
    ...(move.driver.can.transaction ? { checkpoint: checkpoint() } : {}),
    quarantine: [unreadable()],
    read: { things: 3 },
  });
  await ledger.setPhase(move.name, "copied");
  same((await move.find()).phase, "copied", "the phase");
  const more = { name: "more", layout: bench.layout("more", "more") };
  const started = await ledger.startRun(move.name, [file], [more]);
  includes(started, { run: 2, phase: "copying", files: [file] }, "a new run");
  same(
    started.collections.map(({ name }) => name),
    ["things", "more"],
    "its collections",
  );
  same(await ledger.checkpoints(move.name), [], "a new run has no checkpoints");
  same(
    await move.counts(),
    { read: 0, applied: 0, duplicate: 0, stale: 0, quarantined: 0 },
    "a new run's counts",
  );
  const again = await move.reopened();
  same((await again.scan()).length, 2, "records of the run before stay");
  const writes = [{ collection: "more", records: [record("x", { a: 1 })] }];
  await again.driver.commit({ tenant: bench.tenant, writes });
  same(await again.driver.count(again.at("more")), 1, "records of the new collection");
  const next = [
    record("a", { title: "new" }, { revision: run2 }),
    record("b", {}, { revision: run2 }),
  ];
  includes(await again.put(next), { applied: 2, stale: 0, duplicate: 0 }, "records of the new run");
  same((await again.counts()).applied, 2, "counts of the new run");
  await refused(
    () => ledger.startRun(`${move.name}-not`, [], []),
    "MOVE_UNKNOWN",
    "a run of no move",
  );
}

async function quarantine(bench: Bench): Promise<void> {
  const { ledger } = await bench.target();
  const move = await bench.move();
  const entry = unreadable({
    key: "sa",
    code: "DEPTH",
    detail: "a word",
    offset: 2 ** 40,
    position: 8,
  });
  const odd = unreadable({ detail: "\u0000\ud800", file: "a\u0000b", raw: new Uint8Array() });
  await move.put([], { read: { things: 2 }, quarantine: [entry, odd] });
  const [first, second] = await move.quarantined();
  check(first !== undefined && second !== undefined, "an entry of quarantine is lost");
  check(first.id !== second.id, "two entries have one number");
  includes(first, { ...entry, run: 1, state: "open", note: undefined }, "an entry");
  same(second.raw.length, 0, "bytes of an entry that has none");
  const { id } = first;
  const [bare] = await move.quarantined({ raw: false, id, state: "open" });
  same([bare?.id, bare?.raw.length], [id, 0], "an entry without its bytes");
  await ledger.updateQuarantined(move.name, id, { raw: new Uint8Array([1]), key: "sb" });
  const [edited] = await move.quarantined({ id });
  includes(
    edited ?? first,
    { ...entry, key: "sb", raw: new Uint8Array([1]), state: "open" },
    "an edited entry",
  );
  await ledger.updateQuarantined(move.name, id, { state: "replayed", note: "fine" });
  await ledger.updateQuarantined(move.name, second.id, { state: "accepted" });
  const states = (await move.quarantined()).map(({ state, note }) => [state, note]);
  same(
    states,
    [
      ["replayed", "fine"],
      ["accepted", undefined],
    ],
    "closed entries",
  );
  same(await move.quarantined({ state: "open" }), [], "open entries");
  same(
    (await move.quarantined({ state: "replayed" })).map((one) => one.id),
    [id],
    "replayed entries",
  );
  const edit = { raw: new Uint8Array([2]) };
  await refused(
    () => ledger.updateQuarantined(move.name, id, edit),
    "QUARANTINE_UNKNOWN",
    "editing a closed entry",
  );
  await refused(
    () => ledger.updateQuarantined(move.name, id + 9999, { note: "x" }),
    "QUARANTINE_UNKNOWN",
    "an entry that is not there",
  );
  const other = await bench.move();
  await refused(
    () => ledger.updateQuarantined(other.name, id, { note: "x" }),
    "QUARANTINE_UNKNOWN",
    "another move's entry",
  );
  same((await move.quarantined({ id }))[0]?.raw, new Uint8Array([1]), "the bytes at last");
}

async function pruning(bench: Bench): Promise<void> {
  const { ledger } = await bench.target();
  const move = await bench.move();
  const values = Object.fromEntries(
    ["a", "b", "c", "d", "e"].map((key) => [key, { title: `run 1 ${key}` }]),
  );
  await move.put([
    ...Object.entries(values).map(([key, value]) => record(key, value)),
    deletion("f"),
  ]);
  await move.put([twice("e", { title: "clash" })]);
  await move.commit([record("c", { title: "an app's" }, { revision: revision(1, 1) })]);
  const lease = await ledger.acquire(move.name);
  await ledger.startRun(move.name, [], [], lease);
  const again = await move.reopened();
  await again.put([record("b", { title: "run 2" }, { revision: run2 })]);
  await again.put([record("d", values["d"], { revision: run2 })]);
  same(await ledger.prune(move.name, lease), 1, "records of an earlier run that are pruned");
  const left = { b: { title: "run 2" }, c: { title: "an app's" }, d: { title: "run 1 d" } };
  await again.holds(left, "behind pruning");
  const [gone] = await again.driver.read(again.at(), [encodeKey("a")]);
  same(heldText(gone), heldText(deletion("a", run2)), "the tombstone of a pruned record");
  same(
    (await again.put([record("a", { title: "late" })])).stale,
    1,
    "a late batch of the earlier run",
  );
  same(await ledger.prune(move.name, lease), 0, "pruning again");
  await again.holds(left, "behind pruning again");
}

async function dropping(bench: Bench): Promise<void> {
  const { ledger } = await bench.target();
  const keep = await bench.move();
  const move = await bench.move();
  const fill = async (one: typeof move): Promise<void> => {
    await one.put([record("a", { title: "\u0000", items: [{ label: "x" }] }), record("b", {})], {
      ...(one.driver.can.transaction ? { checkpoint: checkpoint() } : {}),
      quarantine: [unreadable()],
      read: { things: 3 },
    });
    await one.put([deletion("b", run2), twice("c", {})]);
  };
  await fill(keep);
  await fill(move);
  const before = await keep.everything(["sa", "sb", "sc"]);
  const { tables } = await ledger.drop(move.name);
  check(
    tables.every((table) => typeof table === "string"),
    "the names of what was dropped",
  );
  same(await ledger.find(move.name), undefined, "law S6: a dropped move");
  same(
    (await ledger.moves()).filter(({ name }) => name === move.name),
    [],
    "law S6: moves",
  );
  await refused(
    async () => (await bench.target()).open(move.name),
    "MOVE_UNKNOWN",
    "law S6: opening it",
  );
  await refused(() => ledger.drop(move.name), "MOVE_UNKNOWN", "law S6: dropping it again");
  for (const list of ["checkpoints", "quarantined", "spills"] as const) {
    const left = await ledger[list](move.name).catch((error: unknown) => codeOf(error));
    check(
      left === "MOVE_UNKNOWN" || (Array.isArray(left) && left.length === 0),
      `law S6: ${list} are left`,
    );
  }
  same(await keep.everything(["sa", "sb", "sc"]), before, "law S6: the other move");
  // In the same place, under the same name, nothing of the first is there.
  const anew = await bench.move({ move: { name: move.name, schema: move.made.schema } });
  const seen = (await anew.everything(["sa", "sb", "sc"])) as {
    collections: readonly { read: unknown; count: number }[];
  };
  same(
    seen.collections.map(({ read, count }) => [read, count]),
    [[["nothing", "nothing", "nothing"], 0]],
    "law S6: records of a new move",
  );
  same((await anew.find()).run, 1, "law S6: the run of a new move");
  same(
    [await ledger.checkpoints(anew.name), await anew.quarantined(), await ledger.spills(anew.name)],
    [[], [], []],
    "law S6: a new move's ledger",
  );
  includes(
    await anew.put([record("a", { title: "new" }), record("c", {})]),
    { applied: 2, stale: 0, duplicate: 0, conflicts: [] },
    "law S6: records of the same keys",
  );
}

async function settling(bench: Bench): Promise<void> {
  const { ledger } = await bench.target();
  const move = await bench.move({ parts: (table) => ({ children: byPlace(table) }) });
  const items = [{ label: "x", parts: { one: { size: 1 } } }, "text"];
  await move.put([
    record("a", { title: "a", count: 1, items }),
    record("b", { count: 1, items: [] }),
  ]);
  const rows = await move.rows();
  const lease = await ledger.acquire(move.name);
  const first = await ledger.settle(move.name, lease);
  const second = await ledger.settle(move.name, lease);
  same(
    [second.made, second.refused, second.dangling],
    [first.made, first.refused, first.dangling],
    "what a second settlement says",
  );
  same(second.sequences, [], "sequences that a second settlement raises");
  same(await move.rows(), rows, "the records");
  await move.put([record("a", { title: "b" }, { revision: run2 })]);
  same(Object.values(await move.rows())[0], canonicalText({ title: "b" }), "a write behind it");
  const nobody = `${move.name}-not`;
  await refused(() => ledger.settle(nobody, lease), "MOVE_UNKNOWN", "settling no move");
}

async function catalog(bench: Bench): Promise<void> {
  const target = await bench.target();
  const move = await bench.move();
  try {
    const { tables } = await target.catalog(move.made.schema);
    const names = tables.map(({ name }) => name);
    check(
      move.made.collections.every(({ layout }) => names.includes(layout.tables[0].name)),
      "a table of the move is in no catalog",
    );
  } catch (error) {
    if ((error as Error).name === "AssertionError") throw error;
    same(codeOf(error), "UNSUPPORTED", "a catalog of a store without tables");
  }
}

async function unknown(bench: Bench): Promise<void> {
  const { ledger } = await bench.target();
  const nobody = bench.nameOfMove();
  const lease = { move: nobody, number: 1 };
  await refused(() => ledger.prune(nobody, lease), "MOVE_UNKNOWN", "pruning no move");
  await refused(() => ledger.acquire(nobody), "MOVE_UNKNOWN", "the lease of no move");
  await failure(() => ledger.setPhase(nobody, "copied"), "the phase of no move");
}

export const LEDGER_CASES: readonly BenchCase[] = [
  { name: "ledger: a move that was made is found as it was made", run: creating },
  { name: "ledger: a move is not made twice, and a refusal leaves nothing", run: creatingTwice },
  {
    name: "ledger: a new run counts from zero, keeps records, and takes new collections",
    run: running,
  },
  {
    name: "ledger: quarantined bytes can be listed, edited while open, and closed",
    run: quarantine,
  },
  { name: "ledger: prune deletes what a newer run lacks, and no app's write", run: pruning },
  { name: "law S6: drop leaves nothing of the move, and all of others", run: dropping },
  { name: "ledger: settling again changes nothing", run: settling },
  { name: "ledger: the catalog tells the move's tables, or is UNSUPPORTED", run: catalog },
  { name: "ledger: a move that is not there is MOVE_UNKNOWN", run: unknown },
];
