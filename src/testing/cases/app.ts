/** What an app's own writes need beyond a copy's: revisions of an epoch, and writes on condition. */
import { encodeKey } from "../../collection/key.ts";
import { type Revision, revision } from "../../collection/revision.ts";
import type { Expectation, RecordWrite } from "../../store/driver.ts";
import { check, codeOf, refused, same } from "../assert.ts";
import type { Bench, BenchCase } from "../bench.ts";
import { deletion, record } from "../records.ts";

const epochOf = (one: Revision): number => Number(one.split(".")[0]);
const at = (counter: number): Revision => revision(1, counter);

/** What is expected of keys: a revision, or `null` for no record. */
function expecting(expected: Readonly<Record<string, Revision | null>>, collection: string) {
  const expects = Object.entries(expected).map(([key, one]): Expectation => {
    return { collection, key: encodeKey(key), revision: one };
  });
  return { expects };
}

async function expectations(bench: Bench): Promise<void> {
  const move = await bench.move();
  const write = (key: string, counter: number): RecordWrite =>
    record(key, { title: `${key} ${counter}` }, { revision: at(counter) });
  const given = (expected: Parameters<typeof expecting>[0]) =>
    expecting(expected, move.at().collection);
  await move.commit([write("a", 1), write("b", 1), write("c", 1)]);
  await move.commit([deletion("c", at(2))]);
  const keys = ["a", "b", "c", "d"].map(encodeKey);
  const before = await move.everything(keys);
  const ways: readonly (readonly [string, readonly RecordWrite[], ReturnType<typeof given>])[] = [
    ["of a revision that is not there any more", [write("a", 9)], given({ a: at(0) })],
    ["of a revision that is not there yet", [write("a", 9)], given({ a: at(2) })],
    ["of no record, where there is one", [write("a", 9)], given({ a: null })],
    ["of a record, where there is none", [write("d", 9)], given({ d: at(1) })],
    ["of one key among others", [write("b", 9), write("d", 9)], given({ b: at(1), a: null })],
    ["of a key that is only read", [write("d", 9)], given({ b: at(2) })],
    ["of what a deletion would delete", [deletion("a", at(9))], given({ a: at(3) })],
  ];
  for (const [what, records, more] of ways) {
    await refused(() => move.commit(records, more), "WRITE_CONFLICT", `an expectation ${what}`);
    same(await move.everything(keys), before, `what an expectation ${what} leaves`);
  }
  const met = [write("a", 3), write("b", 3), write("d", 3)];
  const report = await move.commit(met, given({ a: at(1), d: null }));
  same(report.applied, 3, "records whose expectation is met");
  const anew = await move.commit([write("c", 4)], given({ c: null }));
  same(anew.applied, 1, "a record where one was deleted");
  const titles = ["a 3", "b 3", "c 4", "d 3"].map((title) => [title[0], { title }] as const);
  await move.holds(Object.fromEntries(titles), "behind all that");
}

async function racing(bench: Bench): Promise<void> {
  const move = await bench.move();
  await move.commit([record("a", { title: "0" }, { revision: at(1) })]);
  const racers = Array.from({ length: 5 }, (_, index) =>
    move
      .commit(
        [record("a", { title: String(index) }, { revision: at(index + 2) })],
        expecting({ a: at(1) }, move.at().collection),
      )
      .then(({ applied }) => applied, codeOf),
  );
  const ends = (await Promise.all(racers)).map(String).sort();
  const lost = Array.from({ length: 4 }, () => "WRITE_CONFLICT");
  same(ends, ["1", ...lost], "writers at once that expect the same revision");
}

async function epochs(bench: Bench): Promise<void> {
  const { driver } = await bench.move();
  const early = await driver.issue(2);
  const high = await driver.issue(2, 40);
  const higher = await driver.issue(2, 40);
  const late = await driver.issue(2);
  const found = [early, high, higher, late].map((some) => some.map(epochOf));
  const wanted = [1, 40, 40, 1].map((epoch) => [epoch, epoch]);
  same(found, wanted, "epochs of issued revisions");
  const rising = [...early, ...late, ...high, ...higher];
  check(
    rising.every((one, index) => index === 0 || one > (rising[index - 1] as string)),
    "a revision is not higher than those of its epoch before",
  );
}

export const APP_CASES: readonly BenchCase[] = [
  { name: "contract: a write that expects a revision is stored only upon that", run: expectations },
  { name: "contract: of writers that expect the same revision one succeeds", run: racing },
  { name: "contract: revisions are issued in the epoch that is asked for", run: epochs },
];
