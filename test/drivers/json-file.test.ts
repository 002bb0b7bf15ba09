/** A JSON file as a side of a live move: what it keeps, what it refuses, and what several processes do to it. */
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { canonicalText, digestText } from "../../src/collection/canonical.ts";
import { encodeKey } from "../../src/collection/key.ts";
import type { Revision } from "../../src/collection/revision.ts";
import type { Value } from "../../src/collection/value.ts";
import { DOCUMENT, openJsonFile } from "../../src/drivers/json-file/index.ts";
import type { RecordWrite } from "../../src/store/driver.ts";
import type { SourceSide } from "../../src/store/side.ts";

const USERS = { tenant: "default", collection: "users" };
const COLLECTIONS = [
  { name: "users", key: "id" },
  { name: "tags", key: "name", at: "tagsByName" },
];

const TEXT = `{
  "users": [
    { "id": 1,   "email": "a\\u00e9@x.example", "credits": 1.50 },
    { "id": 2, "big": 9007199254740993, "zero": -0 }
  ],
  "tagsByName": {
    "10": { "name": "ten" }, "2": {"name":"two"}
  },
  "nextUserId": 3
}
`;

let folder: string;
let path: string;
const open = (): SourceSide => openJsonFile(path, { collections: COLLECTIONS });
const beside = (): string => join(folder, ".outgrow", "database.json");

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "outgrow-json-"));
  path = join(folder, "database.json");
  writeFileSync(path, TEXT);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write(key: unknown, value: Value | undefined, revision: Revision): RecordWrite {
  return {
    key: encodeKey(key),
    state: value === undefined ? "deleted" : "present",
    value,
    revision,
    digest: value === undefined ? new Uint8Array() : digestText(canonicalText(value)),
    position: undefined,
    exception: undefined,
  };
}

interface PutOptions {
  readonly collection?: string;
  readonly epoch?: number;
  readonly expect?: Revision | null;
}

/** Writes one record the way an app's call does. */
async function put(
  { driver }: SourceSide,
  key: unknown,
  value: Value | undefined,
  { collection = "users", epoch = 1, expect: expected }: PutOptions = {},
): Promise<Revision> {
  const [revision] = (await driver.issue(1, epoch)) as [Revision];
  const writes = [{ collection, records: [write(key, value, revision)] }];
  const expects =
    expected === undefined ? [] : [{ collection, key: encodeKey(key), revision: expected }];
  await driver.commit({ tenant: "default", writes, epoch, expects, capture: true });
  return revision;
}

const userText = (id: number): string =>
  JSON.stringify(
    (JSON.parse(readFileSync(path, "utf8")) as { users: { id: number }[] }).users.find(
      (user) => user.id === id,
    ),
  );

describe("what stays as it is", () => {
  it("law L1: records that nobody writes keep their very text; new ones look like the file", async () => {
    const side = open();
    await put(side, 3, { id: 3, email: "c@x.example" });
    expect(readFileSync(path, "utf8")).toBe(
      TEXT.replace(
        `"zero": -0 }\n`,
        `"zero": -0 },\n    {\n      "id": 3,\n      "email": "c@x.example"\n    }\n`,
      )
        .replace(`"2": {"name":"two"}`, `\n    "2": {"name":"two"}`)
        .replace("}, \n", "},\n"),
    );
  });

  it("law L1: a number that no double holds is read with its digits", async () => {
    const [found] = await open().driver.read(USERS, [encodeKey(2)]);
    expect(canonicalText(found?.value as Value)).toContain("9007199254740993");
  });

  it("what is left at the top is one record, and may be written", async () => {
    const side = open();
    const at = { tenant: "default", collection: DOCUMENT };
    expect((await side.driver.read(at, [encodeKey(0)]))[0]?.value).toEqual({ nextUserId: 3 });
    await put(side, 0, { nextUserId: 4, theme: "dark" }, { collection: DOCUMENT });
    expect(JSON.parse(readFileSync(path, "utf8"))).toMatchObject({ nextUserId: 4, theme: "dark" });
    expect((await open().driver.read(at, [encodeKey(0)]))[0]?.value).toEqual({
      nextUserId: 4,
      theme: "dark",
    });
  });

  it("records by their names keep that form", async () => {
    const side = open();
    await put(side, "7", { name: "seven" }, { collection: "tags" });
    const { tagsByName } = JSON.parse(readFileSync(path, "utf8")) as { tagsByName: object };
    expect(tagsByName).toEqual({ 2: { name: "two" }, 7: { name: "seven" }, 10: { name: "ten" } });
  });

  it("nothing lies beside the file before a move begins, nor after it is left", async () => {
    const side = open();
    await put(side, 3, { id: 3 });
    expect(existsSync(beside())).toBe(false);
    await side.fence.raise(2);
    expect(existsSync(beside())).toBe(true);
    await side.leave();
    expect(existsSync(beside())).toBe(false);
    expect(JSON.parse(userText(3))).toEqual({ id: 3 });
  });

  it("law D4: another tenant's address holds nothing, and takes nothing", async () => {
    const { driver } = open();
    const other = { tenant: "other", collection: "users" };
    expect(await driver.count(other)).toBe(0);
    expect(await driver.read(other, [encodeKey(1)])).toEqual([undefined]);
    const writes = [{ collection: "users", records: [] }];
    await expect(driver.commit({ tenant: "other", writes })).rejects.toMatchObject({
      code: "UNSUPPORTED",
    });
  });
});

describe("who wins", () => {
  it("law D1: the higher revision stays, whatever the order; the same again changes nothing", async () => {
    const side = open();
    await side.fence.raise(2);
    const [low, high] = (await side.driver.issue(2, 2)) as [Revision, Revision];
    const commit = (record: RecordWrite) =>
      side.driver.commit({
        tenant: "default",
        writes: [{ collection: "users", records: [record] }],
      });
    const later = write(1, { id: 1, credits: 9 }, high);
    expect(await commit(later)).toMatchObject({ applied: 1 });
    expect(await commit(write(1, { id: 1, credits: 5 }, low))).toMatchObject({ stale: 1 });
    expect(await commit(later)).toMatchObject({ duplicate: 1 });
    expect(await commit(write(1, { id: 1, credits: 6 }, high))).toMatchObject({
      conflicts: [{ collection: "users" }],
    });
    expect(JSON.parse(userText(1))).toEqual({ id: 1, credits: 9 });
  });

  it("sem 20: a deletion is kept as a tombstone, also of a key that was never there", async () => {
    const side = open();
    await side.fence.raise(2);
    const gone = await put(side, 77, undefined, { epoch: 2 });
    expect((await open().driver.read(USERS, [encodeKey(77)]))[0]).toMatchObject({
      state: "deleted",
      revision: gone,
    });
  });

  it("law S5: below the fence nothing is written, whoever raised it", async () => {
    const [ours, theirs] = [open(), open()];
    await put(ours, 1, { id: 1, credits: 7 }, { epoch: 1 });
    await theirs.fence.raise(3);
    await expect(put(ours, 1, { id: 1, credits: 8 }, { epoch: 2 })).rejects.toMatchObject({
      code: "FENCED",
    });
    expect(JSON.parse(userText(1))).toEqual({ id: 1, credits: 7 });
    await put(ours, 1, { id: 1, credits: 9 }, { epoch: 3 });
    expect(JSON.parse(userText(1))).toEqual({ id: 1, credits: 9 });
  });

  it("a compare-and-set takes what was read, and nothing else", async () => {
    for (const begun of [false, true]) {
      const side = open();
      if (begun) await side.fence.raise(2);
      const read = async () => (await side.driver.read(USERS, [encodeKey(1)]))[0]?.revision;
      const before = (await read()) as Revision;
      await put(side, 1, { id: 1, n: begun ? 1 : 2 }, { epoch: 2, expect: before });
      const again = put(side, 1, { id: 1, n: 3 }, { epoch: 2, expect: before });
      await expect(again).rejects.toMatchObject({ code: "WRITE_CONFLICT" });
      const taken = put(side, 1, { id: 1, n: 3 }, { epoch: 2, expect: null });
      await expect(taken).rejects.toMatchObject({ code: "WRITE_CONFLICT" });
    }
  });
});

it("law D1: a revision stands for one content, also for who reads while it is being written", async () => {
  const side = open();
  await side.fence.raise(2);
  const said = new Map<Revision, string>();
  let isWriting = true;
  const reading = (async () => {
    while (isWriting) {
      const [found] = await side.driver.read(USERS, [encodeKey(1)]);
      const content = canonicalText(found?.value as Value);
      const before = said.get(found?.revision as Revision) ?? content;
      expect(content).toBe(before);
      said.set(found?.revision as Revision, content);
      await Promise.resolve();
    }
  })();
  for (let n = 0; n < 100; n++) {
    await Promise.all([
      put(side, 1, { id: 1, n }, { epoch: 2 }),
      side.driver.read(USERS, [encodeKey(1)]).then((found) => {
        const [one] = found;
        const content = canonicalText(one?.value as Value);
        expect(content).toBe(said.get(one?.revision as Revision) ?? content);
        said.set(one?.revision as Revision, content);
      }),
    ]);
  }
  isWriting = false;
  await reading;
  expect(said.size).toBeGreaterThan(10);
});

describe("what waits for the other side", () => {
  it("law S4: a captured key waits, through a restart, until its newest revision was delivered", async () => {
    const side = open();
    await side.fence.raise(2);
    const first = await put(side, 1, { id: 1, n: 1 }, { epoch: 2 });
    const second = await put(side, 1, { id: 1, n: 2 }, { epoch: 2 });
    const entry = { ...USERS, key: encodeKey(1) };
    expect(await open().outbox.pending(10)).toEqual([{ ...entry, revision: second }]);
    await side.outbox.settle([{ ...entry, revision: first }]);
    expect((await open().outbox.depth()).count).toBe(1);
    await side.outbox.settle([{ ...entry, revision: second }]);
    expect((await open().outbox.depth()).count).toBe(0);
  });

  it("sem 17: what goes round the store is found, counted and captured; also a write in place", async () => {
    const side = open();
    await side.fence.raise(2);
    const database = JSON.parse(readFileSync(path, "utf8")) as { users: { id: number }[] };
    database.users.push({ id: 9 });
    database.users.splice(1, 1);
    writeFileSync(path, JSON.stringify(database));
    expect(await side.foreignWrites()).toMatchObject({ users: 2 });
    expect(await side.foreignWrites()).toEqual({});
    const waiting = (await side.outbox.pending(10)).filter(
      ({ collection }) => collection === "users",
    );
    expect(new Set(waiting.map(({ key }) => key))).toEqual(new Set([encodeKey(9), encodeKey(2)]));
  });

  it("sem 34: a snapshot is one state, and the app's next write does not change it", async () => {
    const side = open();
    await using snapshot = await side.snapshot();
    await put(side, 1, { id: 1, n: 1 });
    expect(readFileSync(snapshot.spec.slice("json:".length), "utf8")).toBe(TEXT);
  });
});

it("a snapshot has collections that the file does not have yet, empty", async () => {
  writeFileSync(path, `{"users":[{"id":1}],"nextUserId":2}`);
  await using snapshot = await open().snapshot();
  expect(JSON.parse(readFileSync(snapshot.spec.slice("json:".length), "utf8"))).toEqual({
    users: [{ id: 1 }],
    nextUserId: 2,
    tagsByName: [],
  });
});

describe("what is refused", () => {
  const bad: readonly (readonly [string, string, string])[] = [
    ["cut off", TEXT.slice(0, 90), "BUNDLE_SYNTAX"],
    ["of nothing", "", "SOURCE_EMPTY"],
    ["with a record without a key", `{"users":[{"email":"x"}]}`, "ID_MISSING"],
    ["with one key twice", `{"users":[{"id":1},{"id":1}]}`, "ID_CONFLICT"],
    ["with a bad record", `{"users":[{"id":1,}]}`, "BUNDLE_SYNTAX"],
  ];
  it.each(bad)(
    "sem 33: a file %s is refused, not taken for empty, and not written",
    async (_, text, code) => {
      writeFileSync(path, text);
      const side = open();
      await expect(side.driver.count(USERS)).rejects.toMatchObject({ code });
      await expect(put(side, 5, { id: 5 })).rejects.toMatchObject({ code });
      expect(readFileSync(path, "utf8")).toBe(text);
    },
  );

  it("sem 33: a file that vanishes in the middle of a move is no empty store", async () => {
    const side = open();
    await side.fence.raise(2);
    renameSync(path, `${path}.away`);
    await expect(open().driver.count(USERS)).rejects.toMatchObject({ code: "SOURCE_NOT_FOUND" });
  });

  it("values that JSON has no word for", async () => {
    const refused = put(open(), 5, { id: 5, at: new Date(0) });
    await expect(refused).rejects.toMatchObject({ code: "RECORD_REFUSED" });
  });
});

describe("several processes", () => {
  /** Counts a record up twenty times by compare-and-set, in a process of its own. */
  const COUNT = `
    const at = { tenant: "default", collection: "users" };
    const key = encodeKey(1);
    for (let step = 0; step < 20; ) {
      const [found] = await driver.read(at, [key]);
      const value = { id: 1, n: found.value.n + 1 };
      const [revision] = await driver.issue(1, 2);
      const record = { key, state: "present", value, revision, digest: digest(value) };
      const expects = [{ collection: "users", key, revision: found.revision }];
      try {
        const writes = [{ collection: "users", records: [record] }];
        const commit = { tenant: "default", writes, epoch: 2, expects, capture: true };
        step += (await driver.commit(commit)).applied;
      } catch (error) {
        if (error.code !== "WRITE_CONFLICT") throw error;
      }
    }`;
  const built = (name: string): string =>
    JSON.stringify(new URL(`../../dist/${name}/index.js`, import.meta.url).href);
  const count = (failpoint?: string) => {
    const code = `
      const { openJsonFile } = await import(${built("drivers/json-file")});
      const { digest, encodeKey } = await import(${built("collection")});
      const collections = ${JSON.stringify(COLLECTIONS)};
      const { driver } = openJsonFile(${JSON.stringify(path)}, { collections });
      ${COUNT}`;
    const env = { ...process.env, ...(failpoint && { OUTGROW_FAILPOINT: failpoint }) };
    const child = spawn(process.execPath, ["--input-type=module", "-e", code], { env });
    let said = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (bytes: Buffer) => {
        said += String(bytes);
      });
    }
    return new Promise<{ code: number | null; said: string }>((resolve) => {
      child.on("close", (code) => resolve({ code, said }));
    });
  };

  it("law D2: counting up by compare-and-set from three processes loses no step", async () => {
    const side = open();
    await side.fence.raise(2);
    await put(side, 1, { id: 1, n: 0 }, { epoch: 2 });
    const ended = await Promise.all([count(), count(), count()]);
    expect(ended).toEqual(ended.map(() => ({ code: 0, said: "" })));
    expect(JSON.parse(userText(1))).toEqual({ id: 1, n: 60 });
  }, 30_000);

  it.each(["jsonfile.intent", "jsonfile.replaced"])(
    "sem 3: killed at %s, the write is there as a whole with its intent, or not at all",
    async (place) => {
      const side = open();
      await side.fence.raise(2);
      await put(side, 1, { id: 1, n: 0 }, { epoch: 2 });
      await side.outbox.settle(await side.outbox.pending(10));
      await count(`${place}=kill9@3`);
      const survivor = open();
      const [found] = await survivor.driver.read(USERS, [encodeKey(1)]);
      expect(found?.value).toEqual({ id: 1, n: place === "jsonfile.intent" ? 2 : 3 });
      const [waiting] = await survivor.outbox.pending(10);
      expect(waiting?.revision).toBe(found?.revision);
      expect(await survivor.foreignWrites()).toEqual({});
      await put(survivor, 1, { id: 1, n: 10 }, { epoch: 2, expect: found?.revision as Revision });
      expect(JSON.parse(userText(1))).toEqual({ id: 1, n: 10 });
    },
    30_000,
  );
});
