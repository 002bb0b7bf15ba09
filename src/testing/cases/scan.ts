/** D3: a scan yields each key that exists throughout it exactly once. */
import { compareText, encodeKey, type Key } from "../../collection/key.ts";
import { dumpRevision, revision } from "../../collection/revision.ts";
import type { KeyColumn } from "../../layout/layout.ts";
import { check, refused, same } from "../assert.ts";
import type { Bench, BenchCase } from "../bench.ts";
import { HOSTILE_KEYS } from "../hostile.ts";
import { deletion, heldText, record } from "../records.ts";

const MANY = 60;
const sorted = (keys: readonly Key[]): string[] => keys.map(encodeKey).sort(compareText);

async function byKey(bench: Bench): Promise<void> {
  const move = await bench.move();
  const records = HOSTILE_KEYS.map((key, position) =>
    record(key, { count: position }, { position }),
  );
  for (let from = 0; from < records.length; from += 17)
    await move.put(records.slice(from, from + 17));
  const wanted = sorted(HOSTILE_KEYS);
  for (const size of [1, 7, wanted.length, 1000]) {
    const found: string[] = [];
    for await (const batch of move.driver.scan(move.at(), { size })) {
      check(batch.length <= size, `a batch of ${batch.length} where ${size} were asked for`);
      found.push(...batch.map(({ key }) => key));
    }
    same(found, wanted, `law D3: keys of a scan in batches of ${size}`);
  }
  const held = new Map(records.map((one) => [one.key, heldText(one)]));
  same(
    (await move.scan()).map(heldText),
    wanted.map((key) => held.get(key)),
    "all that is known of each",
  );
  same(Object.keys(await move.rows()).sort(compareText), wanted, "law D3: keys of a rebuild");
}

/** Text keys that fit the key column, out of their order. */
const KEYS_OF: Readonly<Record<KeyColumn["codec"], readonly Key[]>> = {
  text: ["b", "a", "ab", "B", "é", "\ue000", "\u{1f600}", "", "a\u0001", "a "],
  integer: [10, -5, 0, 2, 2 ** 40, -(2 ** 40), 1],
  number: [10, -0.5, 0, 2, 1e21, -1e300, 5e-324],
  uuid: ["b", "3", "0", "f", "7"].map((digit) => `${digit.repeat(8)}-0000-4000-8000-000000000000`),
  "ledger-key": ["b", 3, new Date(0), ["a"], new Uint8Array([1])],
  "derived-uuid": ["b", "a", "user/1", "c", "zz", "é", "11111111-2222-4333-8444-555555555555"],
};

async function orderOf(bench: Bench, codec: KeyColumn["codec"]): Promise<void> {
  const move = await bench.move({ parts: () => ({ key: codec, rest: codec !== "derived-uuid" }) });
  const keys = KEYS_OF[codec];
  await move.put(keys.map((key) => record(key, { title: "x" })));
  same(
    (await move.scan({ size: 2 })).map(({ key }) => key),
    sorted(keys),
    "law D3: ascending keys",
  );
  const held = await move.driver.read(move.at(), keys.map(encodeKey));
  same(
    held.map((one) => one?.key),
    keys.map(encodeKey),
    "read finds each",
  );
}

/** Writes go on while the scan does. A store that takes one at a time may make them wait for its end. */
async function whileOthersWrite(bench: Bench): Promise<void> {
  const move = await bench.move();
  const name = (index: number): string => `m${String(index).padStart(3, "0")}`;
  const stay = Array.from({ length: MANY }, (_, index) => index * 3);
  const go = stay.map((index) => index + 1);
  await move.put([...stay, ...go].map((index) => record(name(index), { count: index })));
  const under: Promise<unknown>[] = [];
  const found: string[] = [];
  let step = 0;
  for await (const batch of move.driver.scan(move.at(), { size: 20 })) {
    found.push(...batch.map(({ key }) => key));
    const at = revision(1, ++step);
    // Before, around and behind where the scan stands.
    const near = [step, step * 9, MANY * 3 - step];
    const write = move.commit([
      ...near.map((index) => record(`${name(index)}x`, { count: -1 }, { revision: at })),
      ...go.slice(step * 7, step * 7 + 5).map((index) => deletion(name(index), at)),
      record(name((step % MANY) * 3), { count: step }, { revision: at }),
    ]);
    under.push(write);
    await Promise.race([write.catch(() => {}), new Promise((resolve) => setTimeout(resolve, 20))]);
  }
  await Promise.all(under);
  same(found, [...new Set(found)].sort(compareText), "law D3: each key once, ascending");
  const throughout = new Set(found);
  const missed = stay.map((index) => encodeKey(name(index))).filter((key) => !throughout.has(key));
  same(missed, [], "law D3: keys that were there throughout and were missed");
}

async function byPosition(bench: Bench): Promise<void> {
  const move = await bench.move();
  const places = Array.from({ length: 50 }, (_, index) => (index * 37) % 50);
  await move.put(
    places.map((position) => record(`p${(position * 7) % 50}`, { count: position }, { position })),
  );
  await move.put([record("app 2", { count: 101 }, { revision: revision(1, 1) })]);
  await move.put([record("app 1", { count: 100 }, { revision: revision(1, 2) })]);
  const found: unknown[] = [];
  for await (const batch of move.driver.scan(move.at(), { order: "position", size: 9 })) {
    check(batch.length <= 9, "a batch is larger than was asked for");
    found.push(...batch.map(({ value }) => (value as { count: number }).count));
  }
  const wanted = [...Array.from({ length: 50 }, (_, index) => index), 100, 101];
  same(found, wanted, "law D3: the source's order, an app's own behind it");
}

async function leaving(bench: Bench): Promise<void> {
  const move = await bench.move();
  const name = (index: number): string => `k${String(index).padStart(2, "0")}`;
  const records = Array.from({ length: 40 }, (_, index) => record(name(index), { count: index }));
  await move.put(records);
  // More often than a pool has connections: none may stay taken.
  for (let round = 0; round < 12; round++) {
    for await (const batch of move.driver.scan(move.at(), { size: 4 })) {
      check(batch.length > 0, "an empty batch");
      break;
    }
  }
  for (const way of ["scan", "rebuild"] as const) {
    const stop = new AbortController();
    const all = async (): Promise<void> => {
      const options = { size: 4, signal: stop.signal };
      for await (const _ of move.driver[way](move.at(), options)) stop.abort();
    };
    await refused(all, "INTERRUPTED", `${way}, interrupted under way`);
    await refused(all, "INTERRUPTED", `${way}, interrupted before it began`);
  }
  await move.put([record("k00", { count: -1 }, { revision: dumpRevision(2) })]);
  same(await move.driver.count(move.at()), 40, "records behind scans that were left");
}

async function empty(bench: Bench): Promise<void> {
  const move = await bench.move();
  for (const order of ["key", "position"] as const) {
    same(await move.scan({ order }), [], "a scan of nothing");
  }
  await move.put([record("a", { title: "a" }), record("b", { title: "b" })]);
  await move.put([deletion("a", dumpRevision(2)), record("b", { title: "clash" })]);
  same(await move.scan(), [], "law D3: tombstones and conflicts are in no scan");
  same(await move.rows(), {}, "nor in a rebuild");
  same(await move.driver.count(move.at()), 0, "nor in a count");
}

export const SCAN_CASES: readonly BenchCase[] = [
  {
    name: "law D3: a scan gives each key once, by ascending key, in batches of any size",
    run: byKey,
  },
  ...(["text", "integer", "number", "uuid", "derived-uuid"] as const).map((codec) => ({
    name: `law D3: a scan is by ascending key where the table's key is ${codec}`,
    run: (bench: Bench) => orderOf(bench, codec),
  })),
  {
    name: "law D3: while others write, a scan gives what stays exactly once",
    run: whileOthersWrite,
  },
  { name: "law D3: a scan by position gives the source's order", run: byPosition },
  { name: "law D3: tombstones and conflicts are in no scan", run: empty },
  { name: "law D3: a scan that is left or interrupted holds nothing up", run: leaving },
];
