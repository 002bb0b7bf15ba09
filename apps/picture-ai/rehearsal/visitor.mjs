/**
 * Somebody who uses the app through its pages and remembers all that it told them. What a page shows must be that, to
 * the unit: nobody else touches their account.
 */
import { randomUUID } from "node:crypto";

const TIMEOUT_MS = 30_000;

export class Visitor {
  /** What the balance may be: more than one where a request's outcome is not known. */
  balances = new Set([3]);
  pictures = new Set();
  bought = 0;
  #cookie = "";

  constructor({ name, servers, random, counts, fail }) {
    Object.assign(this, { name, servers, random, counts, fail });
  }

  /** Asks one of the servers that are up. @returns undefined when it went away in the middle. */
  async #ask(method, path, form, expected) {
    const { origin, generation, server } = this.servers.any(this.random);
    try {
      const response = await fetch(path.startsWith("http") ? path : `${origin}${path}`, {
        method,
        redirect: "manual",
        signal: AbortSignal.timeout(TIMEOUT_MS),
        headers: {
          cookie: this.#cookie,
          ...(method === "POST" && {
            origin: path.startsWith("http") ? new URL(path).origin : origin,
          }),
        },
        ...(form && { body: new URLSearchParams(form) }),
      });
      const cookie = response.headers.get("set-cookie")?.split(";")[0];
      if (cookie !== undefined && !path.startsWith("http")) this.#cookie = cookie;
      const text = await response.text();
      this.counts.requests++;
      if (response.status === 503 && !this.servers.calm) {
        // The database was cut off or its locks were held by a process that sleeps: said, and nothing is lost.
        this.counts.unavailable++;
        return undefined;
      }
      if (!expected.includes(response.status)) {
        this.counts.failed++;
        this.fail(`${this.name}: ${method} ${path} was answered with ${response.status}`);
      }
      return { status: response.status, text, location: response.headers.get("location") ?? "" };
    } catch (error) {
      // A server that was killed takes its requests along; one that was not has failed.
      if (server.generation === generation && server.up) {
        this.counts.failed++;
        this.fail(`${this.name}: ${method} ${path}: ${error.cause?.code ?? error.message}`);
      } else this.counts.unknown++;
      return undefined;
    }
  }

  async register() {
    const form = { email: `${this.name}@mail.example`, password: "a long enough password" };
    for (;;) {
      const answer = await this.#ask("POST", "/register", form, [303, 409]);
      if (answer?.status === 303) return;
      if (answer === undefined) continue;
      // The account is there: its registration's answer was lost.
      if ((await this.#ask("POST", "/sign-in", form, [303]))?.status === 303) return;
    }
  }

  async act() {
    const lot = this.random();
    if (lot < 0.45) await this.#generate();
    else if (lot < 0.6) await this.#buy();
    else if (lot < 0.8) await this.look();
    else await this.#history();
  }

  async #generate() {
    const before = this.balances;
    const attempt = randomUUID();
    const answer = await this.#ask(
      "POST",
      "/pictures",
      { prompt: `${this.name} ${attempt}`, attempt },
      [303, 402],
    );
    const spent = new Set(
      [...before].map((balance) => balance - 1).filter((balance) => balance >= 0),
    );
    if (answer === undefined) this.balances = new Set([...before, ...spent]);
    else if (answer.status === 303) {
      this.balances = spent;
      this.pictures.add(answer.location);
      this.counts.pictures++;
      if (spent.size === 0) this.fail(`${this.name}: a picture was made without a credit`);
    } else if (!before.has(0)) this.fail(`${this.name}: refused with a balance of ${[...before]}`);
    else this.balances = new Set([0]);
  }

  async #buy() {
    const before = this.balances;
    const checkout = await this.#ask("POST", "/credits", { package: "1" }, [303]);
    if (checkout?.status !== 303) return;
    const times = this.random() < 0.3 ? "2" : "1";
    const paid = await this.#ask("POST", checkout.location, { times }, [303]);
    const more = new Set([...before].map((balance) => balance + 20));
    // The webhook may come later where its first receiver went away.
    this.balances = this.servers.calm ? more : new Set([...before, ...more]);
    if (paid?.status === 303) this.counts.purchases++;
  }

  async #history() {
    await this.#ask("GET", "/history", undefined, [200]);
  }

  /** What the page says has to be what is known. */
  async look() {
    const page = await this.#ask("GET", "/", undefined, [200]);
    if (page === undefined) return;
    const shown = Number(/data-credits="(\d+)"/.exec(page.text)?.[1] ?? Number.NaN);
    this.counts.reads++;
    if (!this.balances.has(shown)) {
      this.fail(
        `${this.name}: the page says ${shown} credits, it should be ${[...this.balances].join(" or ")}`,
      );
    } else if (this.servers.calm) this.balances = new Set([shown]);
  }

  /** Every picture that was promised is there. */
  async lookAtAll() {
    await this.look();
    for (const path of this.pictures) await this.#ask("GET", path, undefined, [200]);
  }
}
