/** L1 and T3: every value and every key comes back exactly, from the app's tables alone. */
import { canonicalText } from "../../collection/canonical.ts";
import { encodeKey, type Key } from "../../collection/key.ts";
import { dumpRevision } from "../../collection/revision.ts";
import type { Value } from "../../collection/value.ts";
import type { RecordWrite } from "../../store/driver.ts";
import { fail, same } from "../assert.ts";
import type { Bench, BenchCase } from "../bench.ts";
import { HOSTILE_KEYS, HOSTILE_VALUES } from "../hostile.ts";
import { type LayoutParts, TYPED_PROPERTIES, VARIANTS } from "../layouts.ts";
import type { MoveAtHand } from "../move-at-hand.ts";
import { deletion, heldText, record } from "../records.ts";

/** A key that every key column of the suites can hold. */
const uuid = (number: number): string =>
  `${number.toString(16).padStart(8, "0")}-0000-4000-8000-000000000000`;

/** Where a value may stand: it is the record, a property, in a list, in a row of a child table, deep below. */
function around(value: Value, property: string): Value[] {
  return [
    value,
    { title: value },
    { [property]: value, inner: { text: value, more: 1 } },
    { items: value, detail: value },
    {
      items: [{ id: "x", label: value, parts: { one: { size: value } } }, value],
      detail: { size: value, more: value },
    },
    { items: [{ id: value }, { id: value, parts: value }], count: 3 },
  ];
}

function hostileRecords(): Value[] {
  return HOSTILE_VALUES.flatMap(([, value], index) =>
    around(value, TYPED_PROPERTIES[index % TYPED_PROPERTIES.length] as string),
  );
}

/** Every hostile value in every typed property, a record for each property. */
function typedRecords(): Value[] {
  return HOSTILE_VALUES.map(([, value]) =>
    Object.fromEntries(
      TYPED_PROPERTIES.map((name) => [name, name === "inner" ? { text: value } : value]),
    ),
  );
}

/** Both ways out, the ledger's and the app's own, for all that was put in. */
async function comesBack(move: MoveAtHand, records: readonly RecordWrite[]): Promise<void> {
  const wanted = new Map(records.map((one) => [one.key, one]));
  const rows = new Map<string, string>();
  for await (const batch of move.driver.rebuild(move.at(), { size: 50 })) {
    for (const { key, value, foreign } of batch) {
      same(foreign, false, "a row of the move's own is foreign");
      rows.set(key, canonicalText(value));
    }
  }
  for (const { key, value } of records) {
    const text = canonicalText(value);
    if (rows.get(key) !== text) fail(`law L1: rebuild gives ${rows.get(key)} for ${text}`);
  }
  same(rows.size, wanted.size, "law L1: rebuilt records");
  const read = await move.driver.read(move.at(), [...wanted.keys()]);
  for (const [index, one] of [...wanted.values()].entries()) {
    same(heldText(read[index]), heldText(one), `law L1: read of ${canonicalText(one.value)}`);
  }
  for (const one of await move.scan({ size: 64 })) {
    same(heldText(one), heldText(wanted.get(one.key)), "law L1: scan");
  }
}

async function comeBack(bench: Bench, parts?: (table: string) => LayoutParts): Promise<void> {
  const move = await bench.move(parts === undefined ? {} : { parts });
  const values = [...hostileRecords(), ...typedRecords()];
  const first = values.map((value, index) => record(uuid(index), value, { position: index }));
  await move.put(first);
  await comesBack(move, first);
  // Each is replaced by another one: nothing of what it was may stay.
  const turned = [...values.slice(7), ...values.slice(0, 7)];
  const second = turned.map((value, index) =>
    record(uuid(index), value, { revision: dumpRevision(2), position: index }),
  );
  await move.put(second);
  await comesBack(move, second);
  const gone = second.filter((_, index) => index % 2 === 0);
  await move.put(gone.map((_, index) => deletion(uuid(index * 2), dumpRevision(3))));
  await comesBack(
    move,
    second.filter((_, index) => index % 2 === 1),
  );
}

async function keys(bench: Bench): Promise<void> {
  const move = await bench.move();
  const value = (index: number): Value => ({ count: index });
  await move.put(HOSTILE_KEYS.map((key, index) => record(key, value(index))));
  const wanted = Object.fromEntries(
    HOSTILE_KEYS.map((key, index) => [encodeKey(key), canonicalText(value(index))]),
  );
  same(await move.rows(), wanted, "law L1: keys and what they lead to");
  for (const [index, key] of HOSTILE_KEYS.entries()) {
    const [found] = await move.driver.read(move.at(), [encodeKey(key)]);
    same(found?.value, value(index), `law L1: what the key ${encodeKey(key)} leads to`);
  }
  const odd = HOSTILE_KEYS.filter((_, index) => index % 2 === 1);
  await move.put(odd.map((key: Key) => deletion(key, dumpRevision(2))));
  const left = HOSTILE_KEYS.filter((_, index) => index % 2 === 0).map(encodeKey);
  same(Object.keys(await move.rows()).sort(), left.sort(), "law L1: keys that were not deleted");
}

async function form(bench: Bench): Promise<void> {
  const move = await bench.move();
  const records = [
    record("a", { b: 1, a: 2 }, { exception: [[0, ["b", "a"]]], position: 0 }),
    record(
      "b",
      { x: { "\ud800": 1, "\u0000": 2 } },
      { exception: [[1, ["\ud800", "\u0000", "__proto__"]]], position: 2 ** 40 },
    ),
    record("c", { title: "no place" }),
  ];
  await move.put(records);
  await comesBack(move, records);
  const changed = records.map(({ exception: _, position: __, ...one }) => ({
    ...one,
    revision: dumpRevision(2),
    exception: undefined,
    position: 7,
  }));
  await move.put(changed);
  await comesBack(move, changed);
}

/** `rebuild` is what verify trusts: it says what the app would read, whatever the ledger remembers. */
async function altered(bench: Bench): Promise<void> {
  const move = await bench.move();
  await move.put([record("a", { title: "written", count: 1 }), record("b", { title: "b" })]);
  const { alter } = bench.options;
  if (alter === undefined)
    fail("give the suite `alter`, or a gap with the reason why there is none");
  const { tenant, collection } = move.at();
  await alter({ move: move.made, tenant, collection, key: encodeKey("a"), title: "altered" });
  const wanted = {
    sa: canonicalText({ title: "altered", count: 1 }),
    sb: canonicalText({ title: "b" }),
  };
  same(await move.rows(), wanted, "law L1: a rebuild of what was altered");
}

async function spills(bench: Bench): Promise<void> {
  const move = await bench.move();
  const { ledger } = await bench.target();
  const odd = { title: "nul \u0000", count: 1.5, madeAt: "yesterday", more: ["\ud800"] };
  const summed = new Map<string, number>();
  const put = async (records: readonly RecordWrite[]): Promise<number> => {
    const report = await move.put(records);
    for (const { column, code, count } of report.spills) {
      summed.set(`${column} ${code}`, (summed.get(`${column} ${code}`) ?? 0) + count);
    }
    return report.spills.length;
  };
  await put([record("a", odd), record("b", { title: "fine" }), record("c", { title: 5 })]);
  same(await put([record("a", odd)]), 0, "law T3: a duplicate spills nothing");
  await put([record("b", odd, { revision: dumpRevision(2) })]);
  const told = (await ledger.spills(move.name)).map(({ column, code, count }) => [
    `${column} ${code}`,
    count,
  ]);
  same(told.sort(), [...summed].sort(), "law T3: spills that the ledger counts");
  await ledger.startRun(move.name, [], []);
  same(await ledger.spills(move.name), [], "law T3: a new run counts from zero");
}

export const VALUE_CASES: readonly BenchCase[] = [
  { name: "law L1: every value comes back exactly", run: (bench) => comeBack(bench) },
  ...VARIANTS.map(({ name, parts }) => ({
    name: `law L1: every value comes back exactly from ${name}`,
    run: (bench: Bench) => comeBack(bench, parts),
  })),
  { name: "law L1: every kind of key leads to its own record", run: keys },
  { name: "law L1: rebuild says what the app's own tables say", run: altered },
  { name: "law L1: places and orders of names come back", run: form },
  { name: "law T3: what spills is counted, once", run: spills },
];
