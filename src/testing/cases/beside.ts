/** Moves that lie beside each other in one store have nothing in common. */
import { encodeKey } from "../../collection/key.ts";
import { dumpRevision } from "../../collection/revision.ts";
import { same } from "../assert.ts";
import type { Bench, BenchCase } from "../bench.ts";
import type { MoveAtHand } from "../move-at-hand.ts";
import { deletion, record, unreadable } from "../records.ts";
import { checkpoint } from "./commit.ts";

const KEYS = ["a", "b", "c", "d"].map(encodeKey);

/** One move's work: the same keys, places and numbers of batches as everybody's, with contents of its own. */
async function work(move: MoveAtHand, title: string, batches: number): Promise<void> {
  const { collection } = move.at();
  for (let batch = 0; batch < batches; batch++) {
    const records = ["a", "b", `own ${batch}`].map((key) =>
      record(key, { title, count: batch }, { revision: dumpRevision(batch + 1), position: batch }),
    );
    await move.put(records, {
      ...(move.driver.can.transaction ? { checkpoint: checkpoint({ batch }) } : {}),
      templates: { [collection]: { "": [title] } },
      quarantine: [unreadable({ collection, position: batch, detail: title })],
      read: { [collection]: records.length + 1 },
    });
  }
}

/** All that may be done to a move short of dropping it. */
async function upheaval(move: MoveAtHand): Promise<void> {
  const ledger = await move.ledger();
  const { collection } = move.at();
  const clash = record("a", { title: "clash" }, { revision: dumpRevision(2) });
  const read = { [collection]: 2 };
  await move.put([clash, deletion("b", dumpRevision(9))], { read });
  const [entry] = await move.quarantined();
  await ledger.updateQuarantined(move.name, entry?.id ?? 0, { state: "accepted" });
  await move.asMover(async (lease) => {
    await ledger.settle(move.name, lease);
    await ledger.setPhase(move.name, "copied", lease);
    await ledger.startRun(move.name, [], [], lease);
    await ledger.prune(move.name, lease);
  });
}

async function sideBySide(bench: Bench): Promise<void> {
  const { ledger } = await bench.target();
  const one = await bench.move();
  const elsewhere = await bench.move();
  const { schema } = one.made;
  const within = await bench.move({ collections: ["others"], move: { schema } });
  await work(one, "one", 3);
  const before = await one.everything(KEYS);
  for (const other of [elsewhere, within]) {
    await work(other, "another's", 2);
    await upheaval(other);
  }
  same(await one.everything(KEYS), before, "a move, beside others' work");
  const others = [await elsewhere.everything(KEYS), await within.everything(KEYS)];
  await upheaval(one);
  await ledger.drop(one.name);
  const left = [await elsewhere.everything(KEYS), await within.everything(KEYS)];
  same(left, others, "moves, beside one that was dropped");
}

async function atOnce(bench: Bench): Promise<void> {
  const moves = [await bench.move(), await bench.move(), await bench.move()];
  await Promise.all(moves.map((move, index) => work(move, `title ${index}`, 4)));
  for (const [index, move] of moves.entries()) {
    const title = `title ${index}`;
    const own = [0, 1, 2, 3].map((count) => [`own ${count}`, { title, count }] as const);
    const last = { title, count: 3 };
    await move.holds({ a: last, b: last, ...Object.fromEntries(own) }, "one of several moves");
    same((await move.counts()).read, 4 * 4, "records that one of several moves has read");
    const { templates } = await move.find();
    same(templates["things"], { "": [title] }, "its orders of names");
  }
}

export const BESIDE_CASES: readonly BenchCase[] = [
  { name: "contract: two moves side by side see nothing of each other", run: sideBySide },
  { name: "contract: moves that are written at once lose nothing", run: atOnce },
];
