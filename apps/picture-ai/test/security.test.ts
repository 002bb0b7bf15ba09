/** What must not work, and what must not be said. */
import { readFile, rename, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { contentsOf, DEMO, type Running, sendWebhook, startApp, type Visitor } from "./support.ts";

describe("PictureAi's walls", () => {
  let app: Running;
  let member: Visitor;
  beforeAll(async () => {
    app = await startApp();
    member = app.visitor();
    await member.register("member@mail.example");
  });
  afterAll(() => app[Symbol.asyncDispose]());

  it("sec: a webhook that Stripe did not sign, or signed for other bytes or long ago, adds nothing", async () => {
    const before = await member.credits();
    const session = await member.openCheckout(4);
    const user = (await contentsOf(app)).users.at(-1)?.id as number;
    const paid = { id: session, user, credits: 500 };
    const { webhookSecret: secret } = app.stripe;
    const now = Math.floor(Date.now() / 1000);
    expect(await sendWebhook(app, paid, { secret: "whsec_guessed" })).toBe(400);
    expect(await sendWebhook(app, paid, { secret, timestamp: now - 3600 })).toBe(400);
    expect(
      await sendWebhook(app, paid, { secret, change: (body) => body.replace("500", "501") }),
    ).toBe(400);
    const bare = { method: "POST", body: "{}" };
    expect((await fetch(`${app.origin}/webhook/stripe`, bare)).status).toBe(400);
    expect(await member.credits()).toBe(before);
    expect((await contentsOf(app))["payments"]).toEqual([]);
    // The same in good order is taken.
    expect(await sendWebhook(app, { ...paid, credits: 1 }, { secret })).toBe(200);
    expect(await member.credits()).toBe(before + 1);
  });

  it("sec: forms from other sites, from nowhere and from a page without an origin are refused", async () => {
    const fields = { prompt: "A lake" };
    const before = await member.credits();
    const from = async (headers: Record<string, string>) =>
      (await member.post("/pictures", fields, headers)).status;
    expect(await from({ origin: "https://elsewhere.example" })).toBe(403);
    expect(await from({ origin: "null" })).toBe(403);
    expect(await from({})).toBe(403);
    expect(await from({ "sec-fetch-site": "cross-site" })).toBe(403);
    expect(await from({ origin: `${app.origin}.elsewhere.example` })).toBe(403);
    expect(await member.credits()).toBe(before);
    expect((await member.post("/sign-out", {}, { origin: "null" })).status).toBe(403);
    expect(await member.credits()).toBe(before);
  });

  it("sec: the cookie is for the server alone, and another signature, id or time makes it worthless", async () => {
    const visitor = app.visitor();
    const { headers } = await visitor.register("cookie@mail.example");
    const [cookie = ""] = headers.getSetCookie();
    expect(cookie).toMatch(/HttpOnly/);
    expect(cookie).toMatch(/SameSite=Lax/);
    const good = visitor.cookie;
    expect((await visitor.get("/history")).status).toBe(200);
    const parts = good.split(".");
    for (const [at, text] of [
      [0, "session=30"],
      [1, "99999999999"],
      [2, "A".repeat(16)],
      [3, "A".repeat(43)],
    ] as const) {
      visitor.cookie = parts.with(at, text).join(".");
      expect((await visitor.get("/history")).status, `part ${at}`).toBe(401);
    }
    visitor.cookie = good;
    expect((await visitor.get("/history")).status).toBe(200);
  });

  it("sec: a new password ends the sessions of the old one", async () => {
    const visitor = app.visitor();
    await visitor.register("moved@mail.example");
    const id = (await contentsOf(app)).users.at(-1)?.id as number;
    expect((await visitor.get("/history")).status).toBe(200);
    await app.storage.updatePasswordHash(id, "scrypt$another");
    expect((await visitor.get("/history")).status).toBe(401);
  });

  it("sec: an account of another service has no password, and nobody learns that it exists", async () => {
    const { users } = await contentsOf(app);
    const oauth = users.find(({ password_hash }) => password_hash === "google_oauth");
    const texts = [];
    for (const email of [oauth?.email as string, "nobody@mail.example"]) {
      for (const password of ["google_oauth", ""]) {
        const { status, text } = await app.visitor().signIn(email, password);
        expect(status).toBe(422);
        texts.push(text.replaceAll(email, ""));
      }
    }
    expect(new Set(texts).size).toBe(1);
  });

  it("sec: passwords cannot be tried one after the other", async () => {
    const statuses = [];
    for (let count = 0; count < 11; count++) {
      statuses.push((await app.visitor().signIn("tried@mail.example", `wrong ${count}`)).status);
    }
    expect(statuses).toEqual([...Array(10).fill(422), 429]);
    expect((await app.visitor().signIn(DEMO.email, DEMO.password)).status).toBe(303);
  });

  it("sec: a picture and its file are their owner's alone", async () => {
    const { location } = await member.post("/pictures", { prompt: "A quiet forest" });
    expect((await member.get(`${location}/file`)).status).toBe(200);
    const other = app.visitor();
    await other.register("curious@mail.example");
    for (const path of [location as string, `${location}/file`]) {
      expect((await other.get(path)).status).toBe(404);
      expect((await app.visitor().get(path)).status).toBe(401);
    }
  });

  it("sec: pages run no script; an SVG that is opened by itself is a sandbox", async () => {
    const { headers } = await member.get("/");
    const policy = headers.get("content-security-policy");
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toMatch(/script-src|unsafe/);
    expect(headers.get("x-content-type-options")).toBe("nosniff");
    expect(headers.get("cache-control")).toBe("no-store");
    const sample = await member.get("/samples/lake.svg");
    expect(sample.headers.get("content-security-policy")).toContain("sandbox");
  });

  it("sec: more than a form takes is refused before it is read", async () => {
    const { status } = await member.post("/pictures", { prompt: "x".repeat(100_000) });
    expect(status).toBe(413);
    const webhook = { method: "POST", body: "x".repeat(300_000) };
    expect((await fetch(`${app.origin}/webhook/stripe`, webhook)).status).toBe(413);
  });

  it("errors are pages with their status", async () => {
    const missing = await member.get("/nowhere");
    expect([missing.status, missing.text]).toEqual([404, expect.stringContaining("<h1>Not found")]);
    expect((await member.get("/samples/..%2fstyle.css")).status).toBe(404);
    expect((await member.post("/pictures", { prompt: "  " })).status).toBe(422);
    expect((await member.post("/pictures", { prompt: "x".repeat(501) })).status).toBe(422);
    expect((await app.visitor().post("/pictures", { prompt: "x" })).status).toBe(401);
    expect((await app.visitor().register("no address")).status).toBe(422);
    expect((await app.visitor().register("a@b.example", "short")).status).toBe(422);
    expect((await member.get("/register")).location).toBe("/");
  });
});

describe("PictureAi while its data cannot be read", () => {
  it.each([
    ["broken", (file: string) => writeFile(file, "{")],
    ["gone", (file: string) => rename(file, `${file}.away`)],
  ] as const)(
    "answers 503 with a file that is %s, never that somebody does not exist",
    async (_, harm) => {
      await using app = await startApp();
      const member = app.visitor();
      await member.register("member@mail.example");
      const session = await member.openCheckout(1);
      const whole = await readFile(app.file);
      await harm(app.file);
      const answers = [
        await member.get("/"),
        await member.get("/history"),
        await member.post("/pictures", { prompt: "A lake" }),
        await app.visitor().signIn("member@mail.example", "correct horse"),
        await app.visitor().register("member@mail.example"),
        await app.visitor().get("/credits"),
      ];
      expect(answers.map(({ status }) => status)).toEqual(Array(6).fill(503));
      expect(answers[0]?.headers.get("retry-after")).toBe("5");
      expect(answers[3]?.text).not.toContain("wrong");
      // Stripe hears it too, and tells again.
      expect(await app.stripe.pay(session)).toEqual([503]);
      await writeFile(app.file, whole);
      await expect.poll(() => member.credits(), { timeout: 15_000 }).toBe(23);
    },
  );
});
