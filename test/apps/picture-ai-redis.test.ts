/** PictureAi leaves its `data/database.json` for the keys of its seed in Redis, where its own commands find the data. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { canonicalText } from "../../src/collection/canonical.ts";
import type { Value } from "../../src/collection/value.ts";
import { openRedis } from "../../src/drivers/redis/index.ts";
import type { Reply } from "../../src/drivers/redis/resp.ts";
import { TcpConnection } from "../../src/drivers/redis/tcp.ts";
import type { Target } from "../../src/store/driver.ts";
import { type CopyResult, copy } from "../../src/transfer/copy.ts";
import { exportMove } from "../../src/transfer/export.ts";
import { verify } from "../../src/transfer/verify.ts";
import { freshRedis } from "../support/redis.ts";
import { PICTURE_AI_KEYS } from "./layouts-picture-ai-redis.ts";
import { pictureAi } from "./picture-ai.ts";
import type { Row } from "./random.ts";

const RECORDS = 10_000;
const LISTS = ["users", "transactions", "creditPackages"] as const;
const canonical = (value: unknown): string => canonicalText(value as Value);

/** What JSON gives back of a text. */
const asJson = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

describe("PictureAi's JSON file in the keys of its seed", () => {
  const text = pictureAi({ records: RECORDS });
  const source = JSON.parse(text) as Record<(typeof LISTS)[number], Row[]> & Record<string, number>;
  const { users, transactions } = source;
  /** `transactions:18` is the list of user 18 and of user "18": one name. */
  const byUser = new Map<string, Row[]>();
  for (const row of transactions) {
    const id = String(row["user_id"]);
    byUser.set(id, [...(byUser.get(id) ?? []), row]);
  }
  /** Names are a user's own as long as nobody came first. */
  const first = (name: (row: Row) => unknown): ReadonlyMap<string, Row> => {
    const found = new Map<string, Row>();
    for (const row of users) {
      const at = String(name(row));
      if (!found.has(at)) found.set(at, row);
    }
    return found;
  };
  const byEmail = first(({ email }) => email);
  const byId = first(({ id }) => id);
  /** Somebody who did something, under a name of his own. */
  const somebody = users.find(
    (row) =>
      typeof row.id === "number" &&
      byEmail.get(String(row["email"])) === row &&
      (byUser.get(String(row.id))?.filter(({ user_id }) => user_id === row.id).length ?? 0) > 3,
  ) as Row;
  const me = String(somebody.id);

  let folder: string;
  let path: string;
  let target: Target;
  let raw: TcpConnection;
  let copied: CopyResult;
  const ask = async (...command: string[]): Promise<Reply> =>
    (await raw.send([command]))[0] as Reply;
  const names = async (pattern: string): Promise<string[]> =>
    ((await ask("KEYS", pattern)) as string[]).sort();
  const own = { redis: PICTURE_AI_KEYS };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "outgrow-picture-ai-"));
    path = join(folder, "database.json");
    await writeFile(path, text);
    const { url } = await freshRedis();
    target = await openRedis(url);
    raw = new TcpConnection(url);
    await raw.send([["SET", "session:1", "theirs"]]);
    copied = await copy(path, target, own);
  });
  afterAll(async () => {
    await target[Symbol.asyncDispose]();
    await raw[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  it("has every record", () => {
    for (const name of LISTS) {
      const { length } = source[name];
      expect(copied.counts[name], name).toEqual({
        read: length,
        applied: length,
        duplicate: 0,
        stale: 0,
        quarantined: 0,
      });
    }
  });

  it("counts what could not have its key: e-mails and ids that somebody had first", () => {
    const spills = Object.fromEntries(
      copied.spills.map(({ column, code, count }) => [`${column} ${code}`, count]),
    );
    const repeated = users.length - byEmail.size;
    expect(repeated).toBeGreaterThan(20);
    expect(spills).toEqual({
      "user:{email} KEY_TAKEN": repeated,
      // Who is not found by e-mail is not found by id either: it would be somebody else.
      "user_id:{id} KEY_TAKEN": repeated,
    });
  });

  it("answers the app's commands: who somebody is", async () => {
    let checked = 0;
    for (const user of users) {
      if (byEmail.get(String(user["email"])) !== user) continue;
      if (checked++ > 300) break;
      const { credits, ...held } = user;
      expect(JSON.parse((await ask("GET", `user:${user["email"]}`)) as string)).toEqual(held);
      expect(await ask("GET", `user_id:${user.id}`)).toBe(user["email"]);
      expect(await ask("GET", `credits:${user.id}`)).toBe(String(credits));
    }
    expect(await names("user:*")).toHaveLength(byEmail.size);
    expect(await names("credits:*")).toHaveLength(byId.size);
  });

  it("answers the app's commands: credits and what was done with them, the newest first", async () => {
    const credits = somebody["credits"] as number;
    expect(await ask("GET", `credits:${me}`)).toBe(String(credits));
    expect(await names("transactions:*")).toEqual(
      [...byUser.keys()].map((id) => `transactions:${id}`).sort(),
    );
    for (const [id, rows] of byUser) {
      const elements = (await ask("LRANGE", `transactions:${id}`, "0", "-1")) as string[];
      const wanted = rows.map(asJson).reverse();
      expect(
        elements.map((one) => JSON.parse(one)),
        id,
      ).toEqual(wanted);
    }
    expect(await ask("INCRBY", `credits:${me}`, "-1")).toBe(credits - 1);
    expect(await ask("INCRBY", `credits:${me}`, "1")).toBe(credits);
  });

  it("answers the app's commands: the next id is one that nobody has", async () => {
    expect(await ask("INCR", "counters:nextUserId")).toBe(source["nextUserId"]);
    expect(await ask("DECR", "counters:nextUserId")).toBe((source["nextUserId"] as number) - 1);
    expect(await names("counters:*")).toEqual(
      ["nextPackageId", "nextTransactionId", "nextUserId"].map((name) => `counters:${name}`),
    );
  });

  it("law L1: verifies clean, and gives the file back", async () => {
    const { clean, collections, differences } = await verify(path, target);
    expect({ clean, differences }).toEqual({ clean: true, differences: [] });
    expect(Object.fromEntries(collections.map(({ name, equal }) => [name, equal]))).toEqual({
      users: users.length,
      transactions: transactions.length,
      creditPackages: source.creditPackages.length,
      document: 1,
    });
    const out = join(folder, "exported.json");
    await exportMove(target, out, { move: copied.move });
    const exported = JSON.parse(await readFile(out, "utf8")) as typeof source;
    expect(Object.keys(exported)).toEqual(Object.keys(source));
    for (const name of LISTS) {
      expect(exported[name].map(canonical), name).toEqual(source[name].map(canonical));
    }
    expect(exported["nextUserId"]).toBe(source["nextUserId"]);
  });

  it("verify sees what somebody changed: an object, a pointer, a counter, an element", async () => {
    const [alice, bob, carol] = [...byEmail.values()] as [Row, Row, Row];
    const old = (await ask("GET", `user:${alice["email"]}`)) as string;
    const list = `transactions:${[...byUser.keys()][0]}`;
    const element = (await ask("LINDEX", list, "0")) as string;
    const { id } = JSON.parse(element) as Row;
    await raw.send([
      ["SET", `user:${alice["email"]}`, old.replace("total_generated", "other")],
      ["SET", `user_id:${bob.id}`, "nobody@example.test"],
      ["INCR", `credits:${carol.id}`],
      ["LSET", list, "0", element.replace('"type"', '"kind"')],
    ]);
    const { differences } = await verify(path, target);
    expect(differences.map(({ kind, key }) => `${kind} ${key}`).sort()).toEqual(
      [alice.id, bob.id, carol.id, id].map((one) => `different ${one}`).sort(),
    );
    await raw.send([
      ["SET", `user:${alice["email"]}`, old],
      ["SET", `user_id:${bob.id}`, bob["email"] as string],
      ["DECR", `credits:${carol.id}`],
      ["LSET", list, "0", element],
    ]);
    expect((await verify(path, target)).clean).toBe(true);
  });

  it("is copied again without changing a key, and a changed file changes what it says", async () => {
    const list = `transactions:${me}`;
    const before = await ask("LRANGE", list, "0", "-1");
    const again = await copy(path, target, own);
    expect(again).toMatchObject({ run: 2, spills: copied.spills });
    expect(await ask("LRANGE", list, "0", "-1")).toEqual(before);
    expect((await verify(path, target)).clean).toBe(true);
    const changed = structuredClone(source);
    const isMine = (row: Row): boolean => row["user_id"] === somebody.id;
    const user = changed.users.find(({ id }) => id === somebody.id);
    const bought = changed.transactions.find(isMine);
    Object.assign(user as Row, { email: "new@example.test", credits: 1000 });
    Object.assign(bought as Row, { prompt: "changed" });
    const gone = changed.transactions.findLastIndex(isMine);
    changed.transactions.splice(gone, 1);
    await writeFile(path, JSON.stringify(changed));
    expect(await copy(path, target, { ...own, prune: true })).toMatchObject({ run: 3, pruned: 1 });
    expect(await ask("GET", `credits:${me}`)).toBe("1000");
    expect(await ask("GET", `user_id:${me}`)).toBe("new@example.test");
    expect(await ask("EXISTS", `user:${somebody["email"]}`)).toBe(0);
    const elements = (await ask("LRANGE", list, "0", "-1")) as string[];
    expect(elements.map((one) => JSON.parse(one))).toEqual(
      changed.transactions
        .filter((row) => String(row["user_id"]) === me)
        .map(asJson)
        .reverse(),
    );
    expect((await verify(path, target)).clean).toBe(true);
  });

  it("is refused where somebody has such keys already, and leaves no key behind", async () => {
    await target.ledger.drop(copied.move);
    expect(await names("*")).toEqual(["session:1"]);
    await ask("SET", "credits:7", "99");
    await expect(copy(path, target, own)).rejects.toMatchObject({
      code: "TABLE_TAKEN",
      site: { collection: "users", detail: "credits:{id}" },
    });
    await expect(copy(path, target, { ...own, tenant: "other" })).rejects.toMatchObject({
      code: "UNSUPPORTED",
    });
    expect(await names("*")).toEqual(["credits:7", "session:1"]);
  });
});
