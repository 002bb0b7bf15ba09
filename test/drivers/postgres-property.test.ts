/** Any order and any repetition of writes ends in the same state: the highest revision of each key. */

import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Revision, revision } from "../../src/collection/revision.ts";
import type { Value } from "../../src/collection/value.ts";
import { postgresTarget } from "../../src/drivers/postgres/index.ts";
import type { RecordWrite, Stored, Target } from "../../src/store/driver.ts";
import { propertyRuns } from "../support/property.ts";
import {
  backends,
  deletion,
  type MakeMove,
  type Opened,
  raws,
  record,
  workbench,
} from "./backends.ts";

const KEYS = ["a", "b", "c", "\u0001d", "é"];

/** What a history says: each (key, revision) once, its content told by the revision. */
interface Write {
  readonly key: string;
  readonly counter: number;
}

const revisionOf = (counter: number): Revision => revision(0, counter);
const isDeletion = (counter: number): boolean => counter % 3 === 0;
/** Some revisions repeat the content of others: the sidecar then only takes the revision. */
const contentOf = (counter: number): Value => ({
  title: `content ${counter % 4}`,
  count: counter % 2,
});

function writeOf({ key, counter }: Write): RecordWrite {
  const at = revisionOf(counter);
  return isDeletion(counter)
    ? deletion(key, at)
    : record(key, contentOf(counter), { revision: at, position: counter });
}

/** Batches in which a key stands once. */
function batchesOf(writes: readonly Write[], size: number): Write[][] {
  const batches: Write[][] = [[]];
  for (const write of writes) {
    const last = batches.at(-1) as Write[];
    if (last.length >= size || last.some(({ key }) => key === write.key)) batches.push([write]);
    else last.push(write);
  }
  return batches;
}

const writes = fc.array(
  fc.record({ key: fc.constantFrom(...KEYS), counter: fc.integer({ min: 1, max: 12 }) }),
  { minLength: 1, maxLength: 25 },
);

describe.each(backends)("$name", (backend) => {
  let opened: Opened;
  let target: Target;
  let move: MakeMove;
  beforeAll(async () => {
    opened = await backend.open();
    target = postgresTarget(opened.database);
    move = workbench(target);
  });
  afterAll(() => opened[Symbol.asyncDispose]());

  test("law D1, D3, T1: the highest revision stays whatever the order and repetition, and all is counted", async () => {
    await fc.assert(
      fc.asyncProperty(writes, fc.integer({ min: 1, max: 6 }), async (history, size) => {
        const { put, rows, counts, driver, name } = await move();
        for (const batch of batchesOf(history, size)) {
          const report = await put(batch.map(writeOf));
          expect(report.conflicts).toEqual([]);
          expect(report.applied + report.duplicate + report.stale).toBe(batch.length);
        }
        const winners = new Map<string, number>();
        for (const { key, counter } of history) {
          winners.set(key, Math.max(counter, winners.get(key) ?? 0));
        }
        const present = [...winners].filter(([, counter]) => !isDeletion(counter));
        const expected = present.map(([key, counter]) => [key, contentOf(counter)] as const);
        const at = { tenant: "default", collection: "things" };
        const found: Stored[] = [];
        for await (const batch of driver.scan(at, { size: 2 })) found.push(...batch);
        const texts = found.map(({ key }) => key);
        expect(texts).toEqual(
          [...texts].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))),
        );
        const states = new Map(found.map((stored) => [stored.key, stored]));
        for (const [key, counter] of winners) {
          const write = writeOf({ key, counter });
          const [stored] = await driver.read(at, [write.key]);
          const { origin: _, ...held } = write;
          expect({ ...stored, digest: Buffer.from(stored?.digest ?? []) }).toEqual({
            ...held,
            digest: Buffer.from(held.digest),
          });
          if (!isDeletion(counter))
            expect(states.get(write.key)?.revision).toBe(revisionOf(counter));
        }
        expect(found).toHaveLength(expected.length);
        expect(Object.values(await rows()).sort(byText)).toEqual(
          expected.map(([, value]) => value).sort(byText),
        );
        expect(await driver.count(at)).toBe(expected.length);
        expect((await counts()).read).toBe(history.length);
        await target.ledger.drop(name);
      }),
      propertyRuns(backend.name === "postgres" ? 25 : 10),
    );
  });

  test("law T1: of equal revisions with other content none is lost: table, or quarantine", async () => {
    const clash = fc.record({
      key: fc.constantFrom("a", "b", "c"),
      content: fc.integer({ min: 1, max: 3 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(clash, { minLength: 1, maxLength: 12 }), async (history) => {
        const { put, rows, counts, quarantined, name } = await move();
        for (const { key, content } of history) {
          await put([record(key, { title: `${key}${content}` })]);
        }
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
      propertyRuns(backend.name === "postgres" ? 15 : 6),
    );
  });

  test("law D3: a scan by position gives the source's order, an app's own records behind them", async () => {
    const { put, driver, schema } = await move();
    const count = 500;
    const keys = Array.from({ length: count }, (_, index) => `k${(index * 7919) % count}`);
    await put(keys.map((key, position) => record(key, { count: position }, { position })));
    await put([record("app", { count: -1 }, { revision: revision(1, 1) })]);
    await opened.database.query(`insert into "${schema}".things (id, count) values ('by-sql', -2)`);
    const counted: unknown[] = [];
    for await (const batch of driver.scan(
      { tenant: "default", collection: "things" },
      { order: "position", size: 77 },
    )) {
      expect(batch.length).toBeLessThanOrEqual(77);
      counted.push(...batch.map(({ value }) => (value as { count: number }).count));
    }
    expect(counted).toEqual([...keys.keys(), -1, -2]);
  });

  test("law D3: right after a load, without statistics, no scan and no commit compares all rows with all", async () => {
    const { put, driver } = await move();
    const count = 20_000;
    const keys = Array.from({ length: count }, (_, index) => `k${index}`);
    const records = keys.map((key, position) => record(key, { count: position }, { position }));
    await put(records);
    // Comparing 20,000 rows with 20,000 takes minutes.
    const started = performance.now();
    const at = { tenant: "default", collection: "things" };
    for (const order of ["key", "position"] as const) {
      let found = 0;
      for await (const batch of driver.scan(at, { order })) found += batch.length;
      expect(found).toBe(count);
    }
    expect(await put(records)).toMatchObject({ duplicate: count });
    const read = await driver.read(
      at,
      records.map(({ key }) => key),
    );
    expect(read.every((stored) => stored?.state === "present")).toBe(true);
    expect(performance.now() - started).toBeLessThan(20_000);
  });

  test("law D3: leaving a scan early ends its transaction; an aborted one throws INTERRUPTED", async () => {
    const { put, driver } = await move();
    await put(Array.from({ length: 50 }, (_, index) => record(`k${index}`, { count: index })));
    const at = { tenant: "default", collection: "things" };
    // More often than there are connections: none may stay taken.
    for (let round = 0; round < 8; round++) {
      for await (const batch of driver.scan(at, { size: 5 })) {
        expect(batch).toHaveLength(5);
        break;
      }
    }
    expect(await driver.count(at)).toBe(50);
    const stop = new AbortController();
    const scanned = (async () => {
      for await (const _ of driver.rebuild(at, { size: 5, signal: stop.signal })) stop.abort();
    })();
    await expect(scanned).rejects.toMatchObject({ code: "INTERRUPTED" });
    expect(await driver.count(at)).toBe(50);
  });
});

function byText(a: Value, b: Value): number {
  return JSON.stringify(a) < JSON.stringify(b) ? -1 : 1;
}
