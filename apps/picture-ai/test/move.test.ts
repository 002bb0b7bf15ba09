/** PictureAi crosses while it is used: its data goes where its owner planned, and nobody is sent away. */
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { copy, openTarget, verify } from "outgrow";
import type { LiveMove, StageName } from "outgrow/move";
import { afterEach, describe, expect, it, vi } from "vitest";
import { loadConfig } from "../../../src/cli/load-config.ts";
import { TcpConnection } from "../../../src/drivers/redis/tcp.ts";
import { freshDatabase } from "../../../test/support/postgres.ts";
import { freshRedis, restProxy } from "../../../test/support/redis.ts";
import { sql } from "../../../test/support/sql.ts";
import { MOVE, PLACES, targetOf } from "../src/move.ts";
import { contentsOf, DEMO, type Running, startApp } from "./support.ts";

/** Somebody new registers, buys and has pictures made; somebody old looks. All of it works, at every stage. */
async function use(app: Running, name: string): Promise<void> {
  const visitor = app.visitor();
  expect((await visitor.register(`${name}@mail.example`)).status).toBe(303);
  const session = await visitor.openCheckout(1);
  expect(await app.stripe.pay(session, { times: 2 })).toEqual([200, 200]);
  const answers = await Promise.all(
    Array.from({ length: 4 }, (_, index) =>
      visitor.post("/pictures", { prompt: `${name} ${index}`, attempt: randomUUID() }),
    ),
  );
  expect(answers.map(({ status }) => status)).toEqual([303, 303, 303, 303]);
  expect(await visitor.credits()).toBe(19);
  expect((await visitor.get("/history")).text).toContain(`${name} 3`);
  const demo = app.visitor();
  expect((await demo.signIn(DEMO.email, DEMO.password)).status).toBe(303);
  expect((await demo.get("/history")).text).toContain("Uzayda çay içen kedi 🐈");
  expect(app.reported).toEqual([]);
}

/** Through the gate into a stage, as soon as it is open. */
async function enter(move: LiveMove, stage: StageName): Promise<void> {
  await expect
    .poll(async () => (await move.gates()).gates.filter(({ closed }) => closed !== undefined), {
      timeout: 15_000,
    })
    .toEqual([]);
  await move.advance(stage);
}

/** Resolves when the side that the app is served from has nothing that the other lacks. */
async function settled(move: LiveMove): Promise<void> {
  await expect.poll(async () => (await move.status()).outbox?.count, { timeout: 15_000 }).toBe(0);
}

/** From off to live, back, and over, with people at work at every stage. @returns what the file then says. */
async function cross(app: Running): ReturnType<typeof contentsOf> {
  const { move } = app;
  if (move === undefined) throw new Error("no move");
  await use(app, "off");
  await move.advance("dualwrite");
  await use(app, "dualwrite");
  await move.copy();
  expect(await move.verify()).toMatchObject({ clean: true });
  await enter(move, "shadow");
  await use(app, "shadow");
  await enter(move, "live");
  await use(app, "live");
  await move.back();
  await use(app, "back");
  await move.verify();
  await enter(move, "live");
  await use(app, "over");
  expect(await move.verify()).toMatchObject({ clean: true });
  await settled(move);

  const file = await contentsOf(app);
  const names = ["off", "dualwrite", "shadow", "live", "back", "over"];
  for (const name of names) {
    const user = file.users.find(({ email }) => email === `${name}@mail.example`);
    const own = file.transactions.filter(({ user_id }) => user_id === user?.id);
    expect(own.map(({ credits }) => credits).sort()).toEqual([-1, -1, -1, -1, 20]);
    expect(user).toMatchObject({ credits: 19, total_generated: 4 });
  }
  expect(new Set(file.transactions.map(({ id }) => id)).size).toBe(file.transactions.length);
  return file;
}

afterEach(() => {
  vi.unstubAllEnvs();
});

describe("PictureAi under way", () => {
  it("into Postgres: serves at every stage, to live, back, and over; credits balance to the unit", async () => {
    const { url } = await freshDatabase();
    await using app = await startApp({ target: url });
    const file = await cross(app);
    const rows = await sql(
      url,
      "select id::int, email, credits::int, total_generated::int from users order by id",
    );
    const onFile = file.users.map(({ id, email, credits, total_generated }) => {
      return { id, email, credits, total_generated };
    });
    expect(rows).toEqual(onFile.sort((a, b) => a.id - b.id));
    expect(
      await sql(
        url,
        `select count(*)::int as all, count(*) filter (where state = 'captured')::int as captured,
          (select count(*)::int from transactions) as transactions,
          (select count(*)::int from payments) as payments,
          (select count(*)::int from pictures where provider = 'local') as pictures
        from holds`,
      ),
    ).toEqual([
      {
        all: 24,
        captured: 24,
        transactions: file.transactions.length,
        payments: 6,
        pictures: 24,
      },
    ]);
  });

  it("into Redis: serves at every stage likewise, under the keys of its plan, and to the end", async () => {
    const { url } = await freshRedis();
    await using app = await startApp({ target: url });
    const file = await cross(app);
    await using raw = new TcpConnection(url);
    const ask = async (...command: string[]) => (await raw.send([command]))[0];
    for (const user of file.users) {
      const { credits, ...rest } = user;
      const own = file.transactions.filter(({ user_id }) => user_id === user.id);
      expect(JSON.parse(String(await ask("GET", `user:${user.email}`)))).toEqual(rest);
      expect(await ask("GET", `user_id:${user.id}`)).toBe(user.email);
      expect(await ask("GET", `credits:${user.id}`)).toBe(String(credits));
      const list = (await ask("LRANGE", `transactions:${user.id}`, "0", "-1")) as string[];
      const ids = list.map((text) => JSON.parse(text).id).sort((a, b) => a - b);
      expect(ids).toEqual(own.map(({ id }) => id).sort((a, b) => a - b));
    }
    const { nextUserId, nextTransactionId } = file as unknown as Record<string, number>;
    expect(await ask("GET", "counters:nextUserId")).toBe(String(Number(nextUserId) - 1));
    expect(await ask("GET", "counters:nextTransactionId")).toBe(
      String(Number(nextTransactionId) - 1),
    );
    expect(await ask("KEYS", "{default}:holds:*")).toHaveLength(24);
    expect(await ask("KEYS", "{default}:payments:*")).toHaveLength(6);

    const { move } = app;
    await enter(move as LiveMove, "rampdown");
    await use(app, "rampdown");
    const { restored } = (await move?.backup(join(app.file, "..", "backups"))) ?? {};
    expect(restored).toBe(true);
    await move?.confirm("A. Person");
    await enter(move as LiveMove, "complete");
    await use(app, "complete");
    await move?.leave();
    const id = JSON.parse(String(await ask("GET", "user:complete@mail.example"))).id;
    expect(await ask("GET", `credits:${id}`)).toBe("19");
    // The file is what it was when the last write had reached it.
    expect((await contentsOf(app)).users.some(({ email }) => email.startsWith("complete"))).toBe(
      false,
    );
  });

  it("the commands move it to where the app's own variables say", async () => {
    const config = fileURLToPath(new URL("../outgrow.config.ts", import.meta.url));
    vi.stubEnv("DATABASE_URL", "postgres://not.asked");
    vi.stubEnv("REDIS_URL", "redis://cache.example:6379/1");
    expect((await loadConfig(config)).target).toBe("redis://cache.example:6379/1");
  });

  it("into Redis over Upstash's REST, as a host's variables name it", async () => {
    const { url: redis } = await freshRedis();
    await using rest = await restProxy(redis);
    vi.stubEnv("KV_REST_API_TOKEN", rest.token);
    const target = targetOf({ KV_REST_API_URL: rest.url, DATABASE_URL: "postgres://not.asked" });
    await using app = await startApp({ target: target ?? "none" });
    const move = app.move as LiveMove;
    await move.advance("dualwrite");
    await move.copy();
    await move.verify();
    await enter(move, "shadow");
    await use(app, "shadow");
    await enter(move, "live");
    await use(app, "live");
    expect(await move.verify()).toMatchObject({ clean: true });
    await using raw = new TcpConnection(redis);
    const [found] = await raw.send([["GET", "user:live@mail.example"]]);
    const { id } = JSON.parse(String(found));
    expect(await raw.send([["GET", `credits:${id}`]])).toEqual(["19"]);
    expect(await raw.send([["LLEN", `transactions:${id}`]])).toEqual([5]);
  });

  it("into Redis: the demo's data lies under the keys of its plan, and is what the file says", async () => {
    await using app = await startApp();
    const { url } = await freshRedis();
    await using target = await openTarget(url);
    await copy(app.file, target, { ...PLACES, move: MOVE });
    expect(await verify(app.file, target, { move: MOVE })).toMatchObject({ clean: true });
    await using raw = new TcpConnection(url);
    const ask = async (...command: string[]) => (await raw.send([command]))[0];
    const { users, transactions } = await contentsOf(app);
    const demo = users.find(({ email }) => email === DEMO.email);
    const id = String(demo?.id);
    const { credits, ...rest } = demo ?? {};
    expect(JSON.parse(String(await ask("GET", `user:${DEMO.email}`)))).toEqual(rest);
    expect(await ask("GET", `user_id:${id}`)).toBe(DEMO.email);
    expect(await ask("GET", `credits:${id}`)).toBe(String(credits));
    const list = (await ask("LRANGE", `transactions:${id}`, "0", "-1")) as string[];
    const own = transactions.filter(({ user_id }) => user_id === demo?.id);
    expect(list.map((text) => JSON.parse(text))).toEqual(own.toReversed());
    expect(await ask("GET", "counters:nextUserId")).toBe(String(users.length));
  });
});
