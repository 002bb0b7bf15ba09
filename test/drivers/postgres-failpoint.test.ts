/** A commit that fails at any of its named places leaves nothing behind, and can be done again. */
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { dumpRevision } from "../../src/collection/revision.ts";
import { postgresTarget } from "../../src/drivers/postgres/index.ts";
import type { Target } from "../../src/store/driver.ts";
import { backends, codeOf, type MakeMove, type Opened, record, workbench } from "./backends.ts";

const PLACES = ["begin", "copied", "rows", "ledger", "before_commit"];
const STAGED_PLACES = ["begin", "staged", "judged", "rows", "ledger", "before_commit"];

describe.each(backends)("$name", (backend) => {
  let opened: Opened;
  let target: Target;
  let move: MakeMove;
  beforeAll(async () => {
    opened = await backend.open();
    target = postgresTarget(opened.database);
    move = workbench(target);
  });
  afterEach(() => {
    vi.unstubAllEnvs();
    vi.resetModules();
  });
  afterAll(() => opened[Symbol.asyncDispose]());

  /** The driver of the same move, loaded anew with a failpoint armed. */
  async function armed(place: string, name: string) {
    vi.stubEnv("OUTGROW_FAILPOINT", `commit.${place}=throw`);
    vi.resetModules();
    const { postgresTarget: again } = await import("../../src/drivers/postgres/index.ts");
    return again(opened.database).open(name);
  }

  async function state(): Promise<unknown> {
    const all = ["record", "checkpoint", "quarantine", "spill", "collection"];
    const parts = await Promise.all(
      all.map((table) =>
        opened.database.query(`select t::text from outgrow.${table} t order by 1`),
      ),
    );
    return parts.map(({ rows }) => rows);
  }

  const bad = {
    collection: "things",
    key: undefined,
    code: "DEPTH",
    detail: undefined,
    file: "f",
    offset: 0,
    position: 9,
    raw: new Uint8Array(),
  } as const;
  const ledger = {
    checkpoint: { run: 1, file: 0, batch: 1, offset: 5, resume: 1, last: true },
    quarantine: [bad],
    templates: { things: { "": ["title"] } },
    read: { things: 3 },
  };

  test.each(PLACES)(
    "law T2, fault F03: a load that fails at commit.%s leaves nothing",
    async (place) => {
      const { name, put, rows } = await move();
      const before = await state();
      const driver = await armed(place, name);
      const commit = {
        tenant: "default",
        writes: [
          { collection: "things", records: [record("a", { title: "\u0000" }), record("b", {})] },
        ],
        ledger,
      };
      expect(await codeOf(driver.commit(commit))).toBe(`failpoint commit.${place}`);
      expect(await state()).toEqual(before);
      expect(await rows()).toEqual({});
      expect(await put(commit.writes[0]?.records ?? [], ledger)).toMatchObject({ applied: 2 });
    },
  );

  test.each(STAGED_PLACES)(
    "law T2, fault F03: a staged batch that fails at commit.%s leaves nothing",
    async (place) => {
      const { name, put, rows } = await move();
      await put([record("a", { title: "1" }), record("b", { title: "b" })]);
      // A run that finds records stages all of its batches.
      await target.ledger.startRun(name, [], []);
      const before = [await state(), await rows()];
      const driver = await armed(place, name);
      const records = [
        record("a", { title: "conflict" }),
        record("b", { title: "new" }, { revision: dumpRevision(2) }),
      ];
      const commit = { tenant: "default", writes: [{ collection: "things", records }], ledger };
      const failed = await codeOf(driver.commit(commit));
      expect(failed).toBe(`failpoint commit.${place}`);
      expect([await state(), await rows()]).toEqual(before);
      expect(await put(records, ledger)).toMatchObject({ applied: 1, conflicts: [{ key: "sa" }] });
      expect(await rows()).toEqual({ b: { title: "new" } });
    },
  );

  test("law D2: a failure behind the commit says nothing about it: all is there", async () => {
    const { name, rows } = await move();
    const driver = await armed("after_commit", name);
    const commit = {
      tenant: "default",
      writes: [{ collection: "things", records: [record("a", {})] }],
      ledger: { ...ledger, read: { things: 2 } },
    };
    expect(await codeOf(driver.commit(commit))).toBe("failpoint commit.after_commit");
    expect(await rows()).toEqual({ a: {} });
    expect(await driver.commit(commit)).toMatchObject({ applied: 0, duplicate: 1 });
    expect((await target.ledger.find(name))?.counts["things"]).toMatchObject({
      read: 2,
      applied: 1,
      duplicate: 0,
    });
  });
});
