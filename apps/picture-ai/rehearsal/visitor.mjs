/**
 * Somebody who uses the app through its pages and remembers all that it told them. Nobody else touches their account
 * and they do one thing at a time, so what a page shows must be just that, to the unit. What they get no answer to
 * they ask again, as the same wish: it must have happened once, or not at all.
 */
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

const TIMEOUT_MS = 60_000;
const AGAIN_MS = 200;
/** Holds that are younger than this belong to somebody: three times as long as a picture may take. */
const SWEPT_MS = 260_000;
const FIRST_CREDITS = 3;
const BOUGHT_CREDITS = 20;

const creditsOf = (page) => Number(/data-credits="(\d+)"/.exec(page)?.[1] ?? Number.NaN);

export class Visitor {
  /** Ids of pictures that were promised, the newest last. */
  pictures = [];
  /** Ids of checkout sessions whose webhook was answered with 2xx. */
  paid = [];
  /** Attempts that lost their process: a credit is set aside for them, and later given back. */
  held = [];
  #cookie = "";
  #balance = FIRST_CREDITS;
  #act = Promise.resolve();
  /** Balances that a look from a second window may find, as long as it takes. */
  #windows = new Set();

  /** @param world servers, stripe, troubles, counts, fail */
  constructor({ name, random, meetsSleepers, world }) {
    Object.assign(this, { name, random, meetsSleepers, world });
  }

  /**
   * Asks one of the servers.
   * @returns undefined when it was killed under the request, or could not answer for a reason that is known.
   */
  async #ask(method, path, { form, expected }) {
    const { servers, counts, troubles, fail } = this.world;
    const { server, origin, generation } = await servers.any(this.random, this.meetsSleepers);
    const beganAt = performance.now();
    const what = `${this.name}: ${method} ${path}`;
    try {
      const response = await fetch(`${origin}${path}`, {
        method,
        redirect: "manual",
        signal: AbortSignal.timeout(TIMEOUT_MS),
        headers: { cookie: this.#cookie, ...(method === "POST" && { origin }) },
        ...(form && { body: new URLSearchParams(form) }),
      });
      const text = await response.text();
      const cookie = response.headers.get("set-cookie")?.split(";")[0];
      if (cookie !== undefined) this.#cookie = cookie;
      this.#count(server, beganAt);
      if (response.status === 503 && troubles.excuse(beganAt)) {
        counts.unavailable++;
        return undefined;
      }
      if (!expected.includes(response.status)) {
        counts.failed++;
        fail(
          `${what} was answered with ${response.status}${servers.lastWords(server, response.status)}`,
        );
      }
      return { status: response.status, text, location: response.headers.get("location") ?? "" };
    } catch (error) {
      // A server that was killed takes its requests along; one that was not has failed.
      const isKilled = server.generation !== generation;
      if (isKilled || servers.hasJustSlept(server, beganAt)) counts.unknown++;
      else {
        counts.failed++;
        fail(`${what}: ${error.cause?.code ?? error.message}`);
      }
      return undefined;
    }
  }

  #count(server, beganAt) {
    const { counts } = this.world;
    counts.requests++;
    counts.slowestMs = Math.max(counts.slowestMs, Math.round(performance.now() - beganAt));
    if (!server.frozen && beganAt < server.thawedAt) counts.answersAfterSleep++;
  }

  /** The same request until it is answered. @returns the answer, and whether an earlier one was lost. */
  async #insist(method, path, { form, expected, lost = expected }) {
    for (let tries = 0; ; tries++) {
      const answer = await this.#ask(method, path, {
        form,
        expected: tries === 0 ? expected : lost,
      });
      if (answer !== undefined) return { ...answer, wasLost: tries > 0 };
      this.world.counts.askedAgain++;
      await sleep(AGAIN_MS);
    }
  }

  async register() {
    const form = { email: `${this.name}@mail.example`, password: "a long enough password" };
    const answer = await this.#insist("POST", "/register", {
      form,
      expected: [303],
      lost: [303, 409],
    });
    this.world.counts.registrations++;
    // The account is there: the answer to its registration was lost.
    if (answer.status === 409) await this.#insist("POST", "/sign-in", { form, expected: [303] });
  }

  get balance() {
    return this.#balance;
  }

  set balance(credits) {
    this.#balance = credits;
    for (const possible of this.#windows) possible.add(credits);
  }

  act() {
    this.#act = this.#actOnce();
    return this.#act;
  }

  async #actOnce() {
    const lot = this.random();
    if (lot < 0.45) await this.#generate();
    else if (lot < 0.6) await this.#buy();
    else if (lot < 0.8) await this.look();
    else await this.#history();
  }

  /**
   * Looks from a second window, at this very server, while the first one goes on. What it shows must have been so at
   * some moment from the question to the answer: a process that has slept must not tell of the time before.
   */
  async peek({ origin }, count) {
    const { counts, fail } = this.world;
    const possible = new Set([this.balance]);
    this.#windows.add(possible);
    try {
      const headers = { cookie: this.#cookie };
      const response = await fetch(origin, { headers, signal: AbortSignal.timeout(TIMEOUT_MS) });
      const shown = creditsOf(await response.text());
      // What the first window is about to be told may be in it already.
      await this.#act.catch(() => {});
      if (response.status !== 200) return;
      counts[count]++;
      if (possible.has(shown) || this.#givenBack() > 0) return;
      fail(
        `${this.name}: a second window says ${shown} credits, it was ${[...possible].join(", ")}`,
      );
    } catch {
      // A process that wakes may close connections that were idle for too long.
    } finally {
      this.#windows.delete(possible);
    }
  }

  /** The app's own sweep gives back what dead processes have set aside, in its time. */
  #givenBack() {
    const longAgo = performance.now() - SWEPT_MS;
    return this.held.filter(({ at }) => at < longAgo).length;
  }

  async #generate() {
    const { counts, fail } = this.world;
    const attempt = randomUUID();
    const form = { prompt: `${this.name} ${attempt}`, attempt };
    const asked = { form, expected: [303, 402], lost: [303, 402, 409] };
    let answer = await this.#insist("POST", "/pictures", asked);
    // Its process may have sent the end of it before it died.
    for (let look = 0; look < 3 && answer.status === 409; look++) {
      await sleep(AGAIN_MS);
      answer = await this.#insist("POST", "/pictures", { form, expected: asked.lost });
    }
    if (answer.status === 402) {
      if (this.balance > 0) fail(`${this.name}: refused with a balance of ${this.balance}`);
      counts.refusals++;
    } else if (answer.status === 303) {
      if (answer.location !== `/pictures/${attempt}`) fail(`${this.name}: another picture`);
      this.pictures.push(attempt);
      counts.pictures++;
      this.#spend();
    } else if (answer.status === 409 && answer.text.includes("being made already")) {
      this.held.push({ id: attempt, at: performance.now() });
      counts.held++;
      this.#spend();
    } else fail(`${this.name}: an attempt was given up (${answer.status})`);
    if (answer.status === 303 && this.random() < 0.3) {
      await this.#insist("GET", answer.location, { expected: [200] });
    }
  }

  #spend() {
    this.balance--;
    if (this.balance < 0) this.world.fail(`${this.name}: a picture was made without a credit`);
  }

  async #buy() {
    const form = { package: "1" };
    const { location } = await this.#insist("POST", "/credits", { form, expected: [303] });
    const session = location.split("/").at(-1) ?? "";
    const times = this.random() < 0.3 ? 2 : 1;
    // Stripe tells of a payment until somebody says that they have heard it.
    while (!(await this.#pay(session, times))) {
      this.world.counts.webhooksAgain++;
      await sleep(AGAIN_MS);
    }
    this.balance += BOUGHT_CREDITS;
    this.paid.push(session);
    this.world.counts.purchases++;
  }

  /** @returns whether the payment's webhook was accepted. */
  async #pay(session, times) {
    const { servers, stripe, troubles, fail } = this.world;
    const { origin } = await servers.any(this.random);
    const beganAt = performance.now();
    stripe.deliverTo(`${origin}/webhook/stripe`);
    const statuses = await stripe.pay(session, { times });
    for (const status of statuses) {
      if (status >= 200 && status < 300) continue;
      // 0 is no answer within Stripe's ten seconds: of a process that was killed, or waits for one that sleeps, or on a
      // busy machine. What counts is that the payment counts once in the end.
      const isExcused = status === 0 || troubles.excuse(beganAt);
      if (!isExcused) fail(`${this.name}: a webhook was answered with ${status}`);
    }
    return statuses.some((status) => status >= 200 && status < 300);
  }

  /** What was done last is in the list, whoever is asked. */
  async #history() {
    const { text } = await this.#insist("GET", "/history", { expected: [200] });
    this.world.counts.reads++;
    const last = this.pictures.at(-1);
    if (last !== undefined && !text.includes(last)) {
      this.world.fail(`${this.name}: the history does not know the last picture yet`);
    }
  }

  /** What the page says has to be what is known. */
  async look() {
    const { counts, fail } = this.world;
    const { text } = await this.#insist("GET", "/", { expected: [200] });
    counts.reads++;
    const shown = creditsOf(text);
    const back = this.#givenBack();
    if (!(shown >= this.balance && shown <= this.balance + back)) {
      fail(`${this.name}: the page says ${shown} credits, it should be ${this.balance}`);
    }
    const last = this.pictures.at(-1);
    if (last !== undefined && !text.includes(`/pictures/${last}`)) {
      fail(`${this.name}: the page does not show the last picture`);
    }
  }

  /** Every picture that was promised is there. */
  async lookAtAll() {
    await this.look();
    for (const id of this.pictures) {
      await this.#insist("GET", `/pictures/${id}`, { expected: [200] });
    }
  }
}
