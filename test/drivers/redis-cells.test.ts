/** Declared layouts: records under an app's own names, exactly, whatever they hold and whoever had a name before. */
import fc from "fast-check";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { canonicalText, digest } from "../../src/collection/canonical.ts";
import { encodeKey } from "../../src/collection/key.ts";
import { dumpRevision, revision } from "../../src/collection/revision.ts";
import type { Value } from "../../src/collection/value.ts";
import { compileCells } from "../../src/drivers/redis/cells.ts";
import { openRedis } from "../../src/drivers/redis/index.ts";
import type { Reply } from "../../src/drivers/redis/resp.ts";
import { TcpConnection } from "../../src/drivers/redis/tcp.ts";
import type { Layout } from "../../src/layout/layout.ts";
import type { RedisCell } from "../../src/layout/redis-layout.ts";
import type { RecordWrite, Target } from "../../src/store/driver.ts";
import { VALUES } from "../collection/values.ts";
import { propertyRuns } from "../support/property.ts";
import { freshRedis, restProxy } from "../support/redis.ts";
import {
  deletion,
  layoutOf,
  type MoveAtHand,
  newMove,
  raws,
  record,
  workbench,
} from "./backends.ts";

const at = { tenant: "default", collection: "things" };
const run2 = dumpRevision(2);

const USERS: readonly RedisCell[] = [
  { kind: "object", key: "user:{email}" },
  { kind: "pointer", key: "user_id:{id}", value: "{email}" },
  { kind: "counter", key: "credits:{id}", property: "credits" },
  { kind: "counter", key: "used:{id}:all", property: "used", offset: -1 },
];
const DEEDS: readonly RedisCell[] = [{ kind: "list", key: "deeds:{user}", push: "first" }];
const COUNTERS: readonly RedisCell[] = [
  { kind: "counter", key: "next:user", property: "nextUser", offset: -1 },
];

const layout = (cells: readonly RedisCell[], collection = "things"): Layout => ({
  ...layoutOf(collection),
  key: { from: "property", path: ["id"] },
  redis: { cells },
});

let url: string;
let raw: TcpConnection;
let tcp: Target;
const ends: AsyncDisposable[] = [];
beforeAll(async () => {
  ({ url } = await freshRedis());
  raw = new TcpConnection(url);
  tcp = await openRedis(url);
  ends.push(raw, tcp);
});
afterEach(async () => {
  for (const { name } of await tcp.ledger.moves()) await tcp.ledger.drop(name);
  expect(await ask("KEYS", "*")).toEqual([]);
});
afterAll(async () => {
  for (const end of ends) await end[Symbol.asyncDispose]();
});

const ask = async (...command: string[]): Promise<Reply> => (await raw.send([command]))[0] as Reply;
const keys = async (): Promise<string[]> =>
  ((await ask("KEYS", "*")) as string[]).filter((name) => !/^\{|^outgrow:/.test(name)).sort();
const user = (id: number | string, more: object, position = 0): RecordWrite =>
  record(id, { id, ...more } as Value, { position });

describe("law L1", () => {
  const odd = VALUES.map(([, value]) => value);
  const id = fc.oneof(fc.integer({ min: 1, max: 6 }), fc.constantFrom("1", "2", "x:{}*", "é"));
  const name = fc.oneof(
    fc.constantFrom("a@x", "b@x", "*", "{default}:outgrow:1:move", "", "\ud800", "x".repeat(2000)),
    fc.constantFrom(null, undefined, 7, 1.5, -0, { not: "a name" }),
  );
  const number = fc.oneof(
    fc.integer({ min: -3, max: 100 }),
    fc.constantFrom<Value>(0, -0, 1.5, "5", null, undefined, 2 ** 53 - 1, -(2 ** 53) + 1, [1]),
    fc.constantFrom(...odd),
  );
  const accounts = fc.record(
    { email: name, credits: number, used: number, other: fc.constantFrom(...odd) },
    { requiredKeys: [] },
  );
  const deeds = fc.record(
    { user: fc.oneof(id, name), other: fc.constantFrom(...odd) },
    { requiredKeys: [] },
  );
  /** Batches of writes, and what they say: by revision, so that the same revision of a key says the same. */
  const histories = (value: fc.Arbitrary<object>) => {
    const write = fc.record({ id, counter: fc.integer({ min: 1, max: 9 }) });
    const batch = fc.uniqueArray(write, { selector: (one) => encodeKey(one.id), minLength: 1 });
    return fc.record({
      batches: fc.array(batch, { minLength: 1, maxLength: 4 }),
      contents: fc.array(value, { minLength: 9, maxLength: 9 }),
    });
  };
  const isDeletion = (counter: number): boolean => counter % 4 === 0;

  test.each([
    ["objects, pointers and counters", "tcp", USERS, accounts, 120],
    ["elements of lists", "tcp", DEEDS, deeds, 80],
    ["two copies of a record", "tcp", [...USERS, { kind: "object", key: "u:{id}" }], accounts, 40],
    ["counters alone", "tcp", COUNTERS, accounts, 30],
    ["objects over HTTP", "rest", USERS, accounts, 15],
    ["lists over HTTP", "rest", DEEDS, deeds, 15],
  ] as const)("%s give back what was written, in any order (%s)", async (...row) => {
    const [, way, cells, value, runs] = row;
    await using proxy = way === "rest" ? await restProxy(url) : undefined;
    await using target = await openRedis(proxy?.url ?? url, { token: proxy?.token });
    const move = workbench(target);
    await fc.assert(
      fc.asyncProperty(histories(value as fc.Arbitrary<object>), async (given) => {
        const { name: own, driver, put, rows, counts } = await move([layout(cells)]);
        const writeOf = (one: { readonly id: string | number; readonly counter: number }) => {
          const said = { ...given.contents[one.counter - 1], id: one.id } as Value;
          const at = { revision: revision(0, one.counter), position: one.counter };
          return isDeletion(one.counter) ? deletion(one.id, at.revision) : record(one.id, said, at);
        };
        for (const batch of given.batches) {
          expect((await put(batch.map(writeOf))).conflicts).toEqual([]);
        }
        const last = new Map<string, RecordWrite>();
        for (const one of given.batches.flat()) {
          const write = writeOf(one);
          const earlier = last.get(write.key);
          if (earlier === undefined || earlier.revision < write.revision)
            last.set(write.key, write);
        }
        const present = [...last.values()].filter(({ state }) => state === "present");
        const wanted = present.map(({ key, value: said }) => [key.slice(1), canonicalText(said)]);
        const found = Object.entries(await rows());
        expect(found.map(([key, said]) => [key, canonicalText(said)]).sort()).toEqual(
          wanted.sort(),
        );
        const stored = await driver.read(at, [...last.keys()]);
        expect(stored.map((one) => [one?.state, canonicalText(one?.value)])).toEqual(
          [...last.values()].map((one) => [one.state, canonicalText(one.value)]),
        );
        expect(await driver.count(at)).toBe(present.length);
        expect((await counts()).quarantined).toBe(0);
        await target.ledger.drop(own);
        expect(await ask("KEYS", "*")).toEqual([]);
      }),
      propertyRuns(runs),
    );
  });
});

const users = (cells: readonly RedisCell[] = USERS): Promise<MoveAtHand> =>
  workbench(tcp)([layout(cells)]);

describe("whose a key is", () => {
  test("the first who has a name keeps it; the others lie beside, whole, until it is free", async () => {
    const { put, rows, name, driver } = await users();
    const two = [user(1, { email: "a@x", credits: 5 }), user(2, { email: "a@x", credits: 7 }, 1)];
    await put(two);
    expect(await keys()).toEqual(["credits:1", "credits:2", "user:a@x", "user_id:1"]);
    expect(JSON.parse((await ask("GET", "user:a@x")) as string)).toEqual({ id: 1, email: "a@x" });
    const found = await rows();
    expect(Object.values(found)).toEqual(two.map(({ value }) => value));
    expect(await tcp.ledger.spills(name)).toEqual([
      { collection: "things", column: "user:{email}", code: "KEY_TAKEN", count: 1 },
      { collection: "things", column: "user_id:{id}", code: "KEY_TAKEN", count: 1 },
    ]);
    // The first one leaves it, in the very batch that the second one is written again.
    const moved = [
      record(1, { id: 1, email: "b@x" }, { revision: run2 }),
      record(2, { id: 2, email: "a@x", credits: 8 }, { revision: run2 }),
    ];
    expect((await put(moved)).applied).toBe(2);
    expect(await keys()).toEqual(["credits:2", "user:a@x", "user:b@x", "user_id:1", "user_id:2"]);
    expect(await ask("GET", "credits:2")).toBe("8");
    expect((await driver.read(at, [encodeKey(2)]))[0]?.value).toEqual(moved[1]?.value);
    expect(await tcp.ledger.spills(name)).toEqual([]);
  });

  test("sec: keys that somebody else has are never touched, nor taken away", async () => {
    const { put, rows, name } = await users();
    const theirs = [
      ["credits:1", "99"],
      ["user:b@x", "theirs"],
      ["user_id:1", "theirs"],
    ] as const;
    for (const [key, value] of theirs) await ask("SET", key, value);
    await put([user(1, { email: "a@x", credits: 5 }), user(2, { email: "b@x", credits: 7 }, 1)]);
    expect(Object.values(await rows())).toEqual([
      { id: 1, email: "a@x", credits: 5 },
      { id: 2, email: "b@x", credits: 7 },
    ]);
    await put([record(1, { id: 1, email: "b@x" }, { revision: run2 }), deletion(2, run2)]);
    expect(await keys()).toEqual(["credits:1", "user:b@x", "user_id:1"]);
    await tcp.ledger.drop(name);
    for (const [key, value] of theirs) {
      expect(await ask("GET", key), key).toBe(value);
      await ask("DEL", key);
    }
  });

  test("sec: a list keeps what an app pushed to it; an element that changed keeps its place", async () => {
    const { put, name } = await users(DEEDS);
    const deed = (id: number, what: string, more = {}) =>
      record(id, { id, user: 7, what }, { position: id, ...more });
    await put([deed(1, "a"), deed(2, "b"), deed(3, "c")]);
    await ask("LPUSH", "deeds:7", "theirs");
    const list = async () =>
      ((await ask("LRANGE", "deeds:7", "0", "-1")) as string[]).map((one) =>
        one === "theirs" ? one : (JSON.parse(one) as { what: string }).what,
      );
    expect(await list()).toEqual(["theirs", "c", "b", "a"]);
    await put([deed(2, "changed", { revision: run2 }), deletion(3, run2)]);
    expect(await list()).toEqual(["theirs", "changed", "a"]);
    await tcp.ledger.drop(name);
    expect(await list()).toEqual(["theirs"]);
    await ask("DEL", "deeds:7");
  });

  test("what an app has made another kind of key stays, and the record goes beside it", async () => {
    const { put, rows } = await users(DEEDS);
    await put([record(1, { id: 1, user: 7 })]);
    await raw.send([
      ["DEL", "deeds:7"],
      ["SET", "deeds:7", "theirs"],
    ]);
    await put([
      record(1, { id: 1, user: 7, b: 2 }, { revision: run2 }),
      record(2, { id: 2, user: 7 }),
    ]);
    expect(await ask("GET", "deeds:7")).toBe("theirs");
    expect(Object.values(await rows())).toEqual([
      { id: 1, user: 7, b: 2 },
      { id: 2, user: 7 },
    ]);
    await ask("DEL", "deeds:7");
  });
});

test("of two records with one key and revision both go to quarantine, the counters put back in", async () => {
  for (const [cells, more] of [
    [USERS, { email: "a@x", credits: 5, used: 3 }],
    [USERS, { credits: 5 }],
    [DEEDS, { user: 4 }],
  ] as const) {
    const { put, quarantined, name } = await users(cells);
    await put([record(1, { id: 1, ...more })]);
    await put([record(1, { id: 1, other: true })]);
    expect(raws(await quarantined())).toEqual([
      { id: 1, ...more },
      { id: 1, other: true },
    ]);
    expect(await keys()).toEqual([]);
    await tcp.ledger.drop(name);
  }
});

test("a cell that is gone, or says something else, shows in what is read", async () => {
  const { put, rows } = await users();
  await put([user(1, { email: "a@x", credits: 5 })]);
  const seen = async (...command: string[]): Promise<Value | undefined> => {
    const [name = ""] = command.slice(1);
    const before = (await ask("GET", name)) as string;
    await ask(...command);
    const [found] = Object.values(await rows());
    await ask("SET", name, before);
    return found;
  };
  expect(await seen("SET", "credits:1", "6")).toEqual({ id: 1, email: "a@x", credits: 6 });
  expect(await seen("SET", "credits:1", "05")).toEqual({ id: 1, email: "a@x", credits: "05" });
  expect(await seen("DEL", "credits:1")).toEqual({ id: 1, email: "a@x" });
  expect(await seen("SET", "user_id:1", "b@x")).toEqual({ id: 1, email: "b@x", credits: 5 });
  expect(await seen("SET", "user:a@x", '{"id":1}')).toMatchObject({ id: 1, email: "a@x" });
  expect(await seen("SET", "user:a@x", "[]")).toEqual([]);
  expect(await seen("DEL", "user:a@x")).toBeUndefined();
});

test("layouts that name others' keys, or cannot be read back, are refused with a reason", async () => {
  const refused = (cells: readonly RedisCell[], more: Partial<Layout> = {}): string => {
    try {
      compileCells({ ...layout(cells), ...more });
      return "";
    } catch (error) {
      return (error as Error).message;
    }
  };
  expect(refused(USERS)).toBe("");
  expect(refused([])).toMatch(/at least one/);
  expect(refused([{ kind: "object", key: "{id}" }])).toMatch(/text of its own/);
  expect(refused([{ kind: "object", key: "outgrow:{id}" }])).toMatch(/text of its own/);
  expect(refused(DEEDS, { key: { from: "position" } })).toMatch(/holds the record's key/);
  expect(refused([{ kind: "pointer", key: "p:{id}", value: "fixed" }])).toMatch(/names a property/);
  expect(refused([...COUNTERS, ...COUNTERS])).toMatch(/one counter/);
  const off: RedisCell = { kind: "counter", key: "c", property: "n", offset: 0.5 };
  expect(refused([off])).toMatch(/whole number/);
  const id: RedisCell = { kind: "counter", key: "c:{id}", property: "id" };
  expect(refused([...DEEDS, id])).toMatch(/no counter does/);
  const taken = newMove([layout([{ kind: "object", key: "outgrow:{id}" }])]);
  await expect(tcp.ledger.create(taken)).rejects.toMatchObject({ code: "CONFIG_INVALID" });
  expect(await tcp.ledger.moves()).toEqual([]);
});

test("a record that is read while a commit replaces it is the old one or the new one", async () => {
  const { put, driver } = await users();
  const key = encodeKey(1);
  const versions = Array.from(
    { length: 40 },
    (_, n): Value => ({
      id: 1,
      email: `${n}@x`,
      credits: n,
      used: n,
    }),
  );
  await put([record(1, versions[0] as Value, { revision: revision(0, 1) })]);
  const digests = new Map(versions.map((value) => [canonicalText(value), digest(value)]));
  const writing = (async () => {
    for (const [n, value] of versions.entries()) {
      await put([record(1, value, { revision: revision(0, n + 1) })]);
    }
  })();
  let isOver = false;
  void writing.finally(() => {
    isOver = true;
  });
  await using reader = await openRedis(url);
  const other = await reader.open((await tcp.ledger.moves())[0]?.name ?? "");
  while (!isOver) {
    const [found] = await other.read(at, [key]);
    expect(Buffer.from(found?.digest ?? [])).toEqual(
      Buffer.from(digests.get(canonicalText(found?.value)) ?? []),
    );
  }
  await writing;
  expect((await driver.read(at, [key]))[0]?.value).toEqual(versions.at(-1));
});
