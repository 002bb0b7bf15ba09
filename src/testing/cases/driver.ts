/** The rest of a driver's contract: reading, revisions, limits, errors, names. */
import { encodeKey } from "../../collection/key.ts";
import { dumpRevision, revision } from "../../collection/revision.ts";
import { LIMITS, type Value } from "../../collection/value.ts";
import { ERRORS } from "../../errors.ts";
import { check, codeOf, failure, refused, same, withoutSecrets } from "../assert.ts";
import type { Bench, BenchCase } from "../bench.ts";
import { HOSTILE_NAMES } from "../hostile.ts";
import { deletion, heldText, record } from "../records.ts";

async function reading(bench: Bench): Promise<void> {
  const move = await bench.move();
  const records = ["a", "b", "c", "d"].map((key, position) =>
    record(key, { title: key }, { position }),
  );
  await move.put(records);
  await move.put([deletion("b", dumpRevision(2))]);
  const asked = ["d", "nothing", "b", "a", "d", "c", "a"];
  const read = await move.driver.read(move.at(), asked.map(encodeKey));
  const wanted = asked.map((key) => {
    if (key === "nothing") return undefined;
    return key === "b"
      ? deletion("b", dumpRevision(2))
      : records.find((one) => one.key === encodeKey(key));
  });
  same(read.map(heldText), wanted.map(heldText), "one answer per key, in the order asked");
  same(await move.driver.read(move.at(), []), [], "no keys, no answers");
  const many = Array.from({ length: 3000 }, (_, index) => encodeKey(index % 3 === 0 ? "a" : index));
  const found = await move.driver.read(move.at(), many);
  same(found.length, many.length, "answers to many keys");
  check(
    found.every((one, index) => (index % 3 === 0) === (one?.state === "present")),
    "many keys were answered in another order",
  );
}

async function issuing(bench: Bench): Promise<void> {
  const move = await bench.move();
  const others = await bench.move();
  const issued: string[] = [];
  for (const count of [1, 3, 0, 100]) {
    const some = await move.driver.issue(count);
    same(some.length, count, "revisions that were asked for");
    issued.push(...some);
    issued.push(...(await others.driver.issue(2)));
  }
  const rising = issued.every((one, index) => index === 0 || one > (issued[index - 1] as string));
  check(rising, "a revision is not higher than those that were issued before");
  const both = await Promise.all([1, 2, 3, 4, 5, 6].map(() => move.driver.issue(20)));
  same(
    new Set([...both.flat(), ...issued]).size,
    120 + issued.length,
    "revisions issued at once are different",
  );
  const copies = [dumpRevision(99_999_999), revision(0, 10 ** 14 - 1, "zzzzzzzz")];
  check(
    copies.every((copy) => copy < (issued[0] as string)),
    "a copy's revision is above an issued one",
  );
}

async function strangers(bench: Bench): Promise<void> {
  const move = await bench.move();
  const { driver } = move;
  const from = { tenant: bench.tenant, collection: "nowhere" };
  const all = async (ways: AsyncIterable<unknown>): Promise<void> => {
    for await (const _ of ways) check(false, "a batch out of nowhere");
  };
  const plan = { where: [], order: [], limit: 1, after: undefined, keyProperty: undefined };
  const calls: readonly (readonly [string, () => Promise<unknown>])[] = [
    ["read", async () => driver.read(from, ["sa"])],
    ["count", async () => driver.count(from)],
    ["scan", async () => all(driver.scan(from))],
    ["rebuild", async () => all(driver.rebuild(from))],
    ["query", async () => driver.query(from, plan)],
    [
      "commit",
      async () =>
        driver.commit({
          tenant: bench.tenant,
          writes: [{ collection: "nowhere", records: [record("a", {})] }],
        }),
    ],
    ["open", async () => (await bench.target()).open(`${move.name}-not`)],
  ];
  for (const [what, call] of calls)
    await refused(call, "MOVE_UNKNOWN", `${what} of what is not there`);
}

async function largeBatch(bench: Bench): Promise<void> {
  const move = await bench.move();
  const { records, bytes } = move.driver.can.batch;
  check(records >= 1 && bytes >= 1, "the batch that the driver says it takes");
  const names = Array.from({ length: records }, (_, index) => `n${String(index).padStart(8, "0")}`);
  const many = names.map((name, position) =>
    record(name, { title: name, count: position }, { position }),
  );
  same((await move.put(many)).applied, records, "a batch of as many records as the driver says");
  same(await move.driver.count(move.at()), records, "and they are there");
  same((await move.put(many)).duplicate, records, "and known again");
  const read = await move.driver.read(
    move.at(),
    many.map(({ key }) => key),
  );
  check(
    read.every((one) => one?.state === "present"),
    "and can be read at once",
  );
  const size = Math.floor(bytes / 8);
  const heavy = Array.from({ length: 8 }, (_, index) =>
    record(
      `heavy ${index}`,
      { title: String(index), text: String(index).repeat(Math.max(1, size - 200)) },
      { revision: dumpRevision(2) },
    ),
  );
  same((await move.put(heavy)).applied, 8, "a batch of as many bytes as the driver says");
  const found = await move.driver.read(
    move.at(),
    heavy.map(({ key }) => key),
  );
  same(found.map(heldText), heavy.map(heldText), "and they are what they were");
}

async function largeRecord(bench: Bench): Promise<void> {
  const move = await bench.move();
  const large = record("large", {
    title: "é".repeat(1000),
    text: "x".repeat(LIMITS.recordBytes - 4000),
  });
  await move.put([large]);
  const blob = record("blob", { image: `data:image/png;base64,${"A".repeat(9 * 1024 * 1024)}` });
  await move.put([blob]);
  const wide: Value = Object.fromEntries(
    Array.from({ length: LIMITS.properties }, (_, index) => [`n${index}`, index]),
  );
  await move.put([record("wide", wide)]);
  const read = await move.driver.read(move.at(), [large.key, blob.key, encodeKey("wide")]);
  same(
    read.map(heldText),
    [large, blob, record("wide", wide)].map(heldText),
    "records of the largest sizes",
  );
}

/** What a store refuses for a record's sake is told without the record. */
async function discretion(bench: Bench): Promise<void> {
  const secret = "hunter2-is-in-no-message";
  const value = { title: secret, count: 1 };
  const typed = await bench.move({ parts: () => ({ key: "integer" }) });
  const told = await typed.commit([record(secret, value)]).catch((error: unknown) => error);
  if (told instanceof Error) same(codeOf(told), "KEY_TYPE", "a key that the column cannot hold");
  withoutSecrets(told instanceof Error ? told : undefined, [secret], "KEY_TYPE");
  const unique = await bench.move({ parts: () => ({ uniqueTitle: true }) });
  await unique.put([record("a", value)]);
  const { ledger } = await bench.target();
  await ledger.settle(unique.name, await ledger.acquire(unique.name));
  const second = await unique
    .put([record("b", { ...value, count: 2 })])
    .catch((error: unknown) => error);
  if (second instanceof Error)
    same(codeOf(second), "RECORD_REFUSED", "what a unique index refuses");
  withoutSecrets(second instanceof Error ? second : undefined, [secret], "RECORD_REFUSED");
  const move = await bench.move();
  const uneven = await failure(
    () => move.put([record(secret, value)], { read: { things: 9 } }),
    "law T1",
  );
  withoutSecrets(uneven, [secret], "a batch that does not add up");
  for (const call of [() => ledger.drop("no such move"), () => ledger.acquire("no such move")]) {
    const code = codeOf(await failure(call, "a move that is not there"));
    check(code !== undefined && Object.hasOwn(ERRORS, code), "an error without a code of ours");
  }
}

async function names(bench: Bench, name: string): Promise<void> {
  const move = await bench.move({ collections: [name, "plain"] });
  const ledger = { templates: { [name]: { "": ["b", "a"] } }, quarantine: [], read: { [name]: 1 } };
  same((await move.commit([record("a", { title: name })], { ledger })).applied, 1, "a record");
  same(await move.driver.count(move.at(name)), 1, "a record of a collection of an odd name");
  same(await move.driver.count(move.at("plain")), 0, "the other collection");
  const found = await move.find();
  same(
    found.collections.map((one) => one.name),
    [name, "plain"],
    "the collections of the move",
  );
  check(Object.hasOwn(found.counts, name), "the collection has no counts");
  same(found.counts[name]?.read, 1, "its counts");
  check(Object.hasOwn(found.templates, name), "the collection has no templates");
  same(found.templates[name], { "": ["b", "a"] }, "its templates");
  // A commit that says nothing of this collection counts nothing of it.
  const { tenant } = move.at();
  const writes = [{ collection: "plain", records: [record("b", {})] }];
  await move.driver.commit({ tenant, writes, ledger: { read: { plain: 1 } } });
  same((await move.find()).counts[name]?.read, 1, "its counts behind another collection's batch");
}

export const DRIVER_CASES: readonly BenchCase[] = [
  { name: "contract: read answers in the order asked, tombstones too", run: reading },
  { name: "contract: issued revisions rise, above every copy's", run: issuing },
  { name: "contract: what is not there is MOVE_UNKNOWN", run: strangers },
  { name: "contract: a batch of the size that the driver says", run: largeBatch },
  { name: "contract: records of the largest sizes", run: largeRecord },
  { name: "contract: errors have codes and tell nothing of records", run: discretion },
  ...HOSTILE_NAMES.map((name) => ({
    name: `contract: a collection may be called ${JSON.stringify(name)}`,
    run: (bench: Bench) => names(bench, name),
  })),
];
