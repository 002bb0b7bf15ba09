/** PictureAi as its users meet it, over real HTTP, on its JSON file. */
import { randomUUID } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Hold } from "../src/collections.ts";
import { closeHolds } from "../src/generate.ts";
import { local } from "../src/images/local.ts";
import { ImageError, type ImageProvider, PROVIDER_MS } from "../src/images/provider.ts";
import { contentsOf, DEMO, type Running, sendWebhook, startApp, type Visitor } from "./support.ts";

/** Does what `next` says, then draws again. */
class Switch implements ImageProvider {
  readonly name = "switch";
  next: (() => Promise<never>) | undefined;
  made = 0;

  async make(prompt: string) {
    const { next } = this;
    this.next = undefined;
    if (next !== undefined) return next();
    this.made++;
    return local.make(prompt);
  }
}

describe("PictureAi on its JSON file", () => {
  let app: Running;
  let provider: Switch;
  let visitor: Visitor;
  beforeEach(async () => {
    provider = new Switch();
    app = await startApp({ provider });
    visitor = app.visitor();
  });
  afterEach(() => app[Symbol.asyncDispose]());
  const generate = (who: Visitor, prompt = "A lake at dawn", attempt: string = randomUUID()) =>
    who.post("/pictures", { prompt, attempt });

  it("registers, signs out and signs in; the account is in the file as it always was", async () => {
    const nextUserId = (await contentsOf(app))["nextUserId"];
    expect((await visitor.register("New@Mail.example ")).location).toBe("/");
    expect(await visitor.credits()).toBe(3);
    expect((await visitor.post("/sign-out", {})).status).toBe(303);
    expect((await visitor.get("/history")).status).toBe(401);
    expect((await visitor.signIn("new@mail.example", "wrong horse")).status).toBe(422);
    expect((await visitor.signIn("new@mail.example", "correct horse")).location).toBe("/");
    expect(await visitor.credits()).toBe(3);
    const contents = await contentsOf(app);
    expect(contents.users.at(-1)).toEqual({
      id: nextUserId,
      email: "new@mail.example",
      password_hash: expect.stringMatching(/^scrypt\$/),
      credits: 3,
      total_generated: 0,
      created_at: expect.stringMatching(/Z$/),
      last_login: expect.stringMatching(/Z$/),
    });
    expect(contents["nextUserId"]).toBe(Number(nextUserId) + 1);
  });

  it("of ten that register one address at once, one gets the account", async () => {
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => app.visitor().register("ten@mail.example")),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([303, ...Array(9).fill(409)]);
    const { users } = await contentsOf(app);
    expect(users.filter(({ email }) => email === "ten@mail.example")).toHaveLength(1);
    expect(new Set(users.map(({ id }) => id)).size).toBe(users.length);
  });

  it("the demo's account and its year of history are there, odd prompts too", async () => {
    expect((await visitor.signIn(DEMO.email, DEMO.password)).location).toBe("/");
    expect((await visitor.get("/history")).text).toContain("harbour");
    for (const id of [6, 27]) {
      const [user] = (await contentsOf(app)).users.filter((one) => one.id === id);
      expect((await app.storage.getUserTransactions(user?.id as number)).length).toBeGreaterThan(0);
    }
  });

  it("a purchase adds its credits once, although its webhook comes twice at once and later again", async () => {
    await visitor.register("buyer@mail.example");
    const session = await visitor.openCheckout(1);
    expect((await visitor.get(`/credits/paid?session=${session}`)).text).toContain("One moment");
    expect(await app.stripe.pay(session, { times: 2 })).toEqual([200, 200]);
    expect(await app.stripe.pay(session)).toEqual([200]);
    expect(await visitor.credits()).toBe(23);
    expect((await visitor.get(`/credits/paid?session=${session}`)).text).toContain("20 credits");
    const history = (await contentsOf(app)).transactions.filter(
      (row) => row.stripe_session_id === session,
    );
    expect(history).toMatchObject([{ type: "purchase", credits: 20, amount: 2500 }]);
  });

  it("a payment is shown to its buyer alone, and an unknown package is not sold", async () => {
    await visitor.register("buyer@mail.example");
    const session = await visitor.openCheckout(1);
    await app.stripe.pay(session);
    const other = app.visitor();
    await other.register("other@mail.example");
    expect((await other.get(`/credits/paid?session=${session}`)).status).toBe(404);
    for (const id of ["99", "1.5", "", "__proto__"]) {
      expect((await visitor.post("/credits", { package: id })).status).toBe(404);
    }
  });

  it("a payment of nobody is not taken for done: Stripe hears it, and the history gets no row", async () => {
    const { webhookSecret: secret } = app.stripe;
    const before = await contentsOf(app);
    const paid = { id: "cs_test_nobody", user: 900_000, credits: 20 };
    expect(await sendWebhook(app, paid, { secret })).toBe(404);
    const after = await contentsOf(app);
    expect(after.transactions).toEqual(before.transactions);
    expect(after["payments"]).toEqual([]);
  });

  it("a picture costs one credit and is in the gallery and the history", async () => {
    await visitor.register("painter@mail.example");
    const { location } = await generate(visitor, "Büyülü ormanda <b>göl</b>");
    expect(await visitor.credits()).toBe(2);
    expect((await visitor.get(location as string)).text).toContain("&lt;b&gt;göl");
    const file = await visitor.get(`${location}/file`);
    expect(file.headers.get("content-type")).toBe("image/svg+xml");
    expect(file.text).toBe(decoded((await local.make("Büyülü ormanda <b>göl</b>")).url));
    expect((await visitor.get("/")).text).toContain(location as string);
    expect((await visitor.get("/history")).text).toContain("Büyülü ormanda");
    const user = (await contentsOf(app)).users.at(-1);
    expect(user).toMatchObject({ credits: 2, total_generated: 1 });
  });

  it("one form sent three times makes one picture for one credit", async () => {
    await visitor.register("painter@mail.example");
    const attempt = randomUUID();
    const first = await generate(visitor, "A lake", attempt);
    const again = [
      await generate(visitor, "A lake", attempt),
      await generate(visitor, "x", attempt),
    ];
    expect(again.map(({ location }) => location)).toEqual([first.location, first.location]);
    expect(await visitor.credits()).toBe(2);
    expect(provider.made).toBe(1);
  });

  it.each([
    ["refused", 422],
    ["busy", 503],
    ["slow", 504],
    ["failed", 502],
  ] as const)(
    "a picture that is %s gives its credit back, with status %i",
    async (problem, status) => {
      await visitor.register("painter@mail.example");
      provider.next = () => Promise.reject(new ImageError(problem, "no"));
      const answer = await generate(visitor);
      expect(answer.status).toBe(status);
      expect(app.reported).toEqual(status < 500 ? [] : [`${status} for POST /pictures`]);
      expect(answer.text).toContain("Your credit is back");
      expect(await visitor.credits()).toBe(3);
      expect((await contentsOf(app))["pictures"]).toEqual([]);
      const holds = (await contentsOf(app))["holds"] as Hold[];
      expect(holds.map(({ state }) => state)).toEqual(["voided"]);
    },
  );

  it("the credit is taken before the provider is asked, and spent when it has answered", async () => {
    await visitor.register("painter@mail.example");
    let during: number | undefined;
    provider.next = async () => {
      during = await visitor.credits();
      throw new ImageError("failed", "no");
    };
    await generate(visitor);
    expect(during).toBe(2);
  });

  it("20 pictures at once on 3 credits: exactly 3 are made, the others hear that credits are gone", async () => {
    await visitor.register("crowd@mail.example");
    const answers = await Promise.all(Array.from({ length: 20 }, () => generate(visitor)));
    const statuses = answers.map(({ status }) => status).sort();
    expect(statuses).toEqual([...Array(3).fill(303), ...Array(17).fill(402)]);
    expect(await visitor.credits()).toBe(0);
    const { users, transactions } = await contentsOf(app);
    const user = users.at(-1);
    expect(user).toMatchObject({ credits: 0, total_generated: 3 });
    const own = transactions.filter(({ user_id }) => user_id === user?.id);
    expect(own.map(({ credits }) => credits)).toEqual([-1, -1, -1]);
    expect(new Set(transactions.map(({ id }) => id)).size).toBe(transactions.length);
  });

  it("a hold that its process left behind is given back once, and not before its time", async () => {
    await visitor.register("painter@mail.example");
    const user = (await contentsOf(app)).users.at(-1)?.id as number;
    const held = await app.storage.holdUserCredit(user, "A lake");
    expect(await closeHolds(app.storage)).toBe(0);
    expect(await visitor.credits()).toBe(2);
    const later = Date.now() + 4 * PROVIDER_MS;
    expect(await closeHolds(app.storage, later)).toBe(1);
    expect(await closeHolds(app.storage, later)).toBe(0);
    expect(await visitor.credits()).toBe(3);
    expect(await app.storage.captureHold(held?.hold.id as string)).toBe(false);
  });

  it("useUserCredit, addCredits and updateUserCredits answer as they always did", async () => {
    await visitor.register("painter@mail.example");
    const user = (await contentsOf(app)).users.at(-1)?.id as number;
    const { storage } = app;
    const used = await Promise.all(
      Array.from({ length: 6 }, () => storage.useUserCredit(user, "x")),
    );
    expect(used.filter(Boolean)).toHaveLength(3);
    expect(await storage.addCredits(user, 4)).toEqual({ id: user, changes: 1 });
    expect(await visitor.credits()).toBe(4);
    expect(await storage.updateUserCredits(user, 9)).toEqual({ id: user, changes: 1 });
    expect(await visitor.credits()).toBe(9);
    expect(await storage.addCredits(900_000, 4)).toEqual({ id: 900_000, changes: 0 });
    expect(await storage.useUserCredit(900_000, "x")).toBe(false);
  });
});

function decoded(url: string): string {
  return Buffer.from(url.slice(url.indexOf(",") + 1), "base64").toString("utf8");
}
