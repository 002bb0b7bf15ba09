/** PictureAi's demo data, copied as the app copies it: its balances become accounts, to the unit. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { copy, openStore, openTarget, verify } from "outgrow";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Hold, Transaction, User } from "../../../apps/picture-ai/src/collections.ts";
import { MOVE, PLACES } from "../../../apps/picture-ai/src/move.ts";
import { TcpConnection } from "../../../src/drivers/redis/tcp.ts";
import { freshRedis } from "../../../test/support/redis.ts";
import {
  type Credits,
  existingAccount,
  type Finding,
  redisCommands,
  redisCredits,
  SEED_NAMES,
} from "../../src/credits/index.ts";
import { postgresPlace } from "../support/backends.ts";
import { importBalances } from "../support/picture-ai-credits.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const sum = (numbers: readonly number[]): number => numbers.reduce((all, one) => all + one, 0);

interface Data {
  readonly users: User[];
  readonly transactions: readonly Transaction[];
  readonly holds: Hold[];
}

describe("PictureAi's balances", () => {
  let folder: string;
  let file: string;
  let data: Data;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "outgrow-credits-"));
    file = join(folder, "database.json");
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  /** Writes the demo's file, with so many pictures being made for its first user. */
  async function write(pictures: number): Promise<void> {
    const text = await readFile(join(root, "apps/picture-ai/demo/database.json"), "utf8");
    data = JSON.parse(text) as Data;
    const [user] = data.users;
    if (user === undefined) throw new Error("The demo has no users.");
    data.users[0] = { ...user, credits: user.credits - pictures };
    const hold = { user_id: user.id, prompt: "", created_at: "2026-01-01T00:00:00.000Z" };
    for (let at = 0; at < pictures; at++) {
      data.holds.push({ ...hold, id: `picture-${at}`, state: "open" });
    }
    await writeFile(file, JSON.stringify(data));
  }

  const historyOf = (id: number): Transaction[] =>
    data.transactions.filter((row) => row.user_id === id);
  const heldBy = (id: number): number => data.holds.filter((hold) => hold.user_id === id).length;

  /** What is to be found, reckoned anew: everybody began with three credits, as far as anybody knows. */
  function expected(): Finding[] {
    return data.users.flatMap(({ id, credits }): Finding[] => {
      const account = String(id);
      const rows = historyOf(id);
      const sessions = rows.flatMap(({ stripe_session_id: session }) => session ?? []);
      const twice = sessions.filter((session, at) => sessions.indexOf(session) < at);
      const explained = 3 + sum(rows.map((row) => row.credits));
      const balance = credits + heldBy(id);
      const gap = { account, expected: String(explained), found: String(balance) };
      return [
        ...(explained === balance ? [] : [{ code: "LEDGER_GAP" as const, ...gap }]),
        ...twice.map((at): Finding => ({ code: "PAYMENT_TWICE", account, at })),
      ];
    });
  }

  async function expectBalances(credits: Credits): Promise<void> {
    for (const { id, credits: available } of data.users) {
      const account = String(id);
      expect(await credits.balance(account)).toEqual({ available, held: heldBy(id) });
      const { entries } = await credits.history(account, { limit: 1000 });
      expect(sum(entries.map((entry) => entry.credits))).toBe(available);
      const old = entries.filter(({ kind }) => kind === "imported").toReversed();
      expect(old.map(({ imported }) => imported)).toEqual(historyOf(id));
    }
    const told = await credits.reconcile();
    expect(told).toMatchObject({ findings: [], accounts: data.users.length });
    const held = data.holds.length;
    expect(told.total).toBe(BigInt(sum(data.users.map((user) => user.credits)) + held));
  }

  it("promise P14: from the tables of the move, every balance and every old entry, to the unit", async () => {
    await write(2);
    await using place = await postgresPlace();
    await using target = await openTarget(place.url);
    await copy(file, target, { ...PLACES, move: MOVE });
    expect(await verify(file, target, { move: MOVE })).toMatchObject({ clean: true });
    const store = await openStore(target, { move: MOVE });
    const credits = await place.open();

    const told = await importBalances(store, credits);
    await expectBalances(credits);
    expect(told.findings).toEqual(expected());
    const codes = told.findings.map(({ code }) => code);
    expect(codes.filter((code) => code === "PAYMENT_TWICE")).toHaveLength(1);
    expect(codes.filter((code) => code === "LEDGER_GAP").length).toBeGreaterThan(8);
    const known = new Set(data.users.map(({ id }) => id));
    expect(told.unowned).toEqual(data.transactions.filter(({ user_id }) => !known.has(user_id)));
    expect(told.unowned).toHaveLength(1);

    expect(await importBalances(store, credits)).toEqual(told);
    await expectBalances(credits);

    // The webhook of an old session comes once more; a picture that was being made fails.
    const bought = data.transactions.find(({ id, type }) => id > 100 && type === "purchase");
    const { user_id, credits: amount = 0, stripe_session_id } = bought ?? {};
    const account = String(user_id);
    const before = await credits.balance(account);
    const again = { account, amount, payment: stripe_session_id ?? "", key: "webhook" };
    expect(await credits.grant(again)).toMatchObject({ replayed: true });
    expect(await credits.balance(account)).toEqual(before);
    const first = String(data.users[0]?.id);
    const { hold = "" } = await credits.reserve({ account: first, amount: 1, key: "picture-0" });
    const voided = await credits.void({ account: first, hold, key: "failed" });
    expect(voided).toMatchObject({ available: (data.users[0]?.credits ?? 0) + 1, held: 1 });
    expect(await credits.reconcile()).toMatchObject({ agrees: true });
  });

  it("promise P14: from the keys of the seed, which stay where they are", async () => {
    await write(0);
    const { url, drop } = await freshRedis();
    await using target = await openTarget(url);
    await copy(file, target, { ...PLACES, move: MOVE });
    await using tcp = new TcpConnection(url);
    const connection = redisCommands(tcp);
    const names = { names: SEED_NAMES };
    const list = (id: number) => connection.command(["LRANGE", `transactions:${id}`, "0", "-1"]);
    const credits = await redisCredits(connection, names);
    const lists = await Promise.all(data.users.map(({ id }) => list(id) as Promise<string[]>));
    const findings: Finding[] = [];
    for (const { id } of data.users) {
      const account = String(id);
      const old = await existingAccount(connection, account, names);
      findings.push(...(await credits.importOpening({ account, ...old, initial: 3 })).findings);
    }
    expect(findings).toEqual(expected().filter(({ code }) => code !== "PAYMENT_TWICE"));
    await expectBalances(credits);
    for (const [at, { id, credits: balance }] of data.users.entries()) {
      // What the ledger added stands in front.
      const old = lists[at] ?? [];
      expect(((await list(id)) as string[]).slice(-old.length || Infinity)).toEqual(old);
      expect(await connection.command(["GET", `credits:${id}`])).toBe(String(balance));
    }
    await drop();
  });
});
