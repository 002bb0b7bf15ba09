/** Any order and any repetition of writes ends in the same state, over TCP and over HTTP. */
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Revision, revision } from "../../src/collection/revision.ts";
import type { Value } from "../../src/collection/value.ts";
import type { RedisConnection } from "../../src/drivers/redis/connection.ts";
import { openRedis, preflight, redisTarget } from "../../src/drivers/redis/index.ts";
import { TcpConnection } from "../../src/drivers/redis/tcp.ts";
import type { RecordWrite, Stored, Target } from "../../src/store/driver.ts";
import { propertyRuns } from "../support/property.ts";
import { freshRedis, restProxy } from "../support/redis.ts";
import { deletion, type MakeMove, raws, record, workbench } from "./backends.ts";

const at = { tenant: "default", collection: "things" };

const transports = [
  { name: "tcp", open: async (url: string) => ({ target: await openRedis(url) }) },
  {
    name: "rest",
    async open(url: string) {
      const proxy = await restProxy(url);
      return { target: await openRedis(proxy.url, { token: proxy.token }), proxy };
    },
  },
];

describe.each(transports)("$name", ({ name: transport, open }) => {
  let target: Target;
  let move: MakeMove;
  let raw: TcpConnection;
  const ends: AsyncDisposable[] = [];
  beforeAll(async () => {
    const { url } = await freshRedis();
    const opened = await open(url);
    target = opened.target;
    raw = new TcpConnection(url);
    ends.push(target, raw, ...("proxy" in opened ? [opened.proxy as AsyncDisposable] : []));
    move = workbench(target);
  });
  afterAll(async () => {
    for (const end of ends) await end[Symbol.asyncDispose]();
  });

  /** The indexes hold the present records, all of them and no other; so do the names. */
  async function expectIndexed(schema: string): Promise<void> {
    const [names] = await raw.send([["KEYS", `{${schema}:default}:*`]]);
    const all = names as string[];
    const own = (part: string): string =>
      all.find((name) => name.includes(`:${part}:things`)) ?? "";
    const [known, keys, order] = await raw.send([
      ["HGETALL", own("known")],
      ["ZRANGE", own("keys"), "0", "-1"],
      ["ZRANGE", own("order"), "0", "-1"],
    ]);
    const flat = known as string[];
    const present = flat.flatMap((key, index): [string, boolean][] => {
      const said = index % 2 === 0 ? (flat[index + 1] ?? "") : "";
      return said[0] === "p" ? [[key, said[76] !== "|"]] : [];
    });
    expect([...(keys as string[])].sort()).toEqual(present.map(([key]) => key).sort());
    const placed = present.filter(([, hasPlace]) => hasPlace);
    expect([...(order as string[])].sort()).toEqual(placed.map(([key]) => key).sort());
    expect(all.filter((name) => name.includes("}:things:"))).toHaveLength(present.length);
  }

  const KEYS = ["a", "b", "c", "\u0001d", "é"];
  const isDeletion = (counter: number): boolean => counter % 3 === 0;
  const contentOf = (counter: number): Value => ({ title: `content ${counter % 4}` });
  const revisionOf = (counter: number): Revision => revision(0, counter);
  const writeOf = ({ key, counter }: { key: string; counter: number }): RecordWrite =>
    isDeletion(counter)
      ? deletion(key, revisionOf(counter))
      : record(key, contentOf(counter), {
          revision: revisionOf(counter),
          ...(counter % 5 === 0 ? {} : { position: counter }),
        });

  test("law D1, D3, T1: the highest revision stays whatever the order and repetition, and all is counted", async () => {
    const write = fc.record({
      key: fc.constantFrom(...KEYS),
      counter: fc.integer({ min: 1, max: 12 }),
    });
    const histories = fc.array(
      fc.uniqueArray(write, { selector: ({ key }) => key, minLength: 1 }),
      {
        minLength: 1,
        maxLength: 8,
      },
    );
    await fc.assert(
      fc.asyncProperty(histories, async (batches) => {
        const { put, counts, driver, name, schema, rows } = await move();
        for (const batch of batches) {
          const report = await put(batch.map(writeOf));
          expect(report.conflicts).toEqual([]);
          expect(report.applied + report.duplicate + report.stale).toBe(batch.length);
          // Whoever asks completes the indexes, between two batches as well.
          if (batch.length % 2 === 0) await driver.count(at);
        }
        await driver.count(at);
        await expectIndexed(schema);
        const winners = new Map<string, number>();
        for (const { key, counter } of batches.flat()) {
          winners.set(key, Math.max(counter, winners.get(key) ?? 0));
        }
        for (const [key, counter] of winners) {
          const { origin: _, ...held } = writeOf({ key, counter });
          const [stored] = await driver.read(at, [held.key]);
          const digest = Buffer.from(held.digest);
          expect({ ...stored, digest: Buffer.from(stored?.digest ?? []) }).toEqual({
            ...held,
            digest,
          });
        }
        const present = [...winners].filter(([, counter]) => !isDeletion(counter));
        for (const order of ["key", "position"] as const) {
          const found: Stored[] = [];
          for await (const batch of driver.scan(at, { size: 2, order })) found.push(...batch);
          expect(new Set(found.map(({ key }) => key)).size).toBe(found.length);
          expect(found).toHaveLength(present.length);
        }
        expect(Object.keys(await rows())).toHaveLength(present.length);
        expect(await driver.count(at)).toBe(present.length);
        expect((await counts()).read).toBe(batches.flat().length);
        await target.ledger.drop(name);
      }),
      propertyRuns(transport === "tcp" ? 60 : 15),
    );
  });

  test("law T1: of equal revisions with other content none is lost: store, or quarantine", async () => {
    const clash = fc.record({
      key: fc.constantFrom("a", "b", "c"),
      content: fc.integer({ min: 1, max: 3 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(clash, { minLength: 1, maxLength: 12 }), async (history) => {
        const { put, rows, counts, quarantined, name, schema, driver } = await move();
        for (const { key, content } of history) {
          const at = content === 2 ? {} : { position: content };
          await put([record(key, { title: `${key}${content}` }, at)]);
        }
        await driver.count({ tenant: "default", collection: "things" });
        await expectIndexed(schema);
        const kept = [...Object.values(await rows()), ...raws(await quarantined())];
        const contents = new Set(kept.map((value) => (value as { title: string }).title));
        expect([...contents].sort()).toEqual(
          [...new Set(history.map(({ key, content }) => `${key}${content}`))].sort(),
        );
        const { applied, quarantined: aside } = await counts();
        expect(applied).toBe(Object.keys(await rows()).length);
        expect(aside).toBe((await quarantined()).length);
        await target.ledger.drop(name);
      }),
      propertyRuns(transport === "tcp" ? 30 : 8),
    );
  });
});

test("law D3: indexes that are completed while a load goes on lack nothing in the end", async () => {
  const { url } = await freshRedis();
  await using target = await openRedis(url);
  const { name, put, driver } = await workbench(target)();
  const some = (batch: number): RecordWrite[] =>
    Array.from({ length: 50 }, (_, n) => record(`${batch}-${n}`, {}, { position: batch * 50 + n }));
  await put(some(0));
  // Another batch comes between the last look at what is known, and the note that all of it is indexed.
  const plain = new TcpConnection(url);
  let came = 0;
  const slow: RedisConnection = {
    label: plain.label,
    limits: plain.limits,
    cost: (argument) => plain.cost(argument),
    async send(commands) {
      const isNote = commands.some((one) => one[0] === "EVALSHA" && one.includes("indexed:things"));
      if (isNote && came === 0) await put(some(++came));
      return plain.send(commands);
    },
    [Symbol.asyncDispose]: () => plain[Symbol.asyncDispose](),
  };
  await using other = redisTarget(slow, await preflight(plain));
  const through = await other.open(name);
  expect(await through.count(at)).toBe(100);
  expect(came).toBe(1);
  expect(await driver.count(at)).toBe(100);
  for (const order of ["key", "position"] as const) {
    const found: string[] = [];
    for await (const page of driver.scan(at, { order })) found.push(...page.map(({ key }) => key));
    expect(new Set(found).size).toBe(100);
  }
});
