/** The app on this machine as its users meet it: a server on a copy of the demo's data, and somebody with cookies. */
import { cp, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { serve } from "@hono/node-server";
import Stripe from "stripe";
import { pictureAi } from "../src/app.ts";
import { Sessions } from "../src/auth.ts";
import type { Transaction, User } from "../src/collections.ts";
import { local } from "../src/images/local.ts";
import type { ImageProvider } from "../src/images/provider.ts";
import { type OpenedStore, openStore } from "../src/open-store.ts";
import { stripePayments } from "../src/payments.ts";
import { openStorage, type Storage } from "../src/storage.ts";
import { type StripeFake, startStripeFake } from "../src/stripe-fake.ts";

export const DEMO = { email: "demo@picture-ai.example", password: "pictures please" } as const;
export const SECRET = "a secret of the tests, long enough";
/** Cheap enough for many accounts. */
const COST = { N: 1024, r: 8, p: 1 } as const;
/** A move that need not be watched for long. */
const HURRY = {
  limits: { minCompared: 5, holdMs: 0, goodLatencyMs: 10_000 },
  compare: { sample: 1 },
  refreshMs: 100,
} as const;
const DATA = fileURLToPath(new URL("../demo/database.json", import.meta.url));

export interface Running extends AsyncDisposable {
  readonly origin: string;
  /** The JSON file. */
  readonly file: string;
  readonly storage: Storage;
  readonly move: OpenedStore["move"];
  readonly stripe: StripeFake;
  /** What the app has answered with 500 and above. */
  readonly reported: readonly string[];
  visitor(): Visitor;
}

export interface Setting {
  readonly provider?: ImageProvider;
  /** Where the data moves to. */
  readonly target?: string;
}

export async function startApp({ provider = local, target }: Setting = {}): Promise<Running> {
  const folder = await mkdtemp(join(tmpdir(), "picture-ai-"));
  const file = join(folder, "database.json");
  await cp(DATA, file);
  const opened = await openStore(file, target, HURRY);
  const storage = openStorage(opened.store);
  const stripe = await startStripeFake();
  const reported: string[] = [];
  const app = pictureAi({
    storage,
    provider,
    payments: stripePayments(stripe),
    sessions: new Sessions(SECRET),
    passwordCost: COST,
    report: (request) => reported.push(request),
  });
  const { server, port } = await new Promise<{ server: ReturnType<typeof serve>; port: number }>(
    (resolve) => {
      const options = { fetch: app.fetch, hostname: "127.0.0.1", port: 0 };
      const server = serve(options, ({ port }) => resolve({ server, port }));
    },
  );
  const origin = `http://127.0.0.1:${port}`;
  stripe.deliverTo(`${origin}/webhook/stripe`);
  return {
    origin,
    file,
    storage,
    move: opened.move,
    stripe,
    reported,
    visitor: () => new Visitor(origin),
    async [Symbol.asyncDispose]() {
      await stripe[Symbol.asyncDispose]();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        if ("closeAllConnections" in server) server.closeAllConnections();
      });
      await opened[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export interface Answer {
  readonly status: number;
  readonly location: string | null;
  readonly headers: Headers;
  readonly text: string;
}

/** Somebody at the app, who keeps its cookie and comes from its own pages. */
export class Visitor {
  cookie = "";
  readonly #origin: string;

  constructor(origin: string) {
    this.#origin = origin;
  }

  get(path: string): Promise<Answer> {
    return this.#send(path, {});
  }

  post(
    path: string,
    fields: Readonly<Record<string, string>>,
    headers: Readonly<Record<string, string>> = { origin: this.#origin },
  ): Promise<Answer> {
    return this.#send(path, { method: "POST", body: new URLSearchParams(fields), headers });
  }

  async #send(path: string, init: RequestInit): Promise<Answer> {
    const headers = { ...(init.headers as Record<string, string>), cookie: this.cookie };
    const response = await fetch(new URL(path, this.#origin), {
      ...init,
      headers,
      redirect: "manual",
    });
    for (const cookie of response.headers.getSetCookie()) this.cookie = cookie.split(";")[0] ?? "";
    return {
      status: response.status,
      location: response.headers.get("location"),
      headers: response.headers,
      text: await response.text(),
    };
  }

  register(email: string, password = "correct horse"): Promise<Answer> {
    return this.post("/register", { email, password });
  }

  signIn(email: string, password: string): Promise<Answer> {
    return this.post("/sign-in", { email, password });
  }

  /** What the menu says. */
  async credits(): Promise<number> {
    const [, credits] = /data-credits="(\d+)"/.exec((await this.get("/")).text) ?? [];
    return Number(credits);
  }

  /** @returns the checkout session, opened for a package. */
  async openCheckout(id: number): Promise<string> {
    const { location } = await this.post("/credits", { package: String(id) });
    return location?.split("/").at(-1) ?? "";
  }
}

/** Tells the app that a session was paid. @returns the answer's status. */
export async function sendWebhook(
  { origin }: Running,
  session: { readonly id: string; readonly user: number; readonly credits: number },
  signing: {
    readonly secret: string;
    readonly timestamp?: number;
    /** What happens to the text behind the signature. */
    readonly change?: (body: string) => string;
  },
): Promise<number> {
  const { id, user, credits } = session;
  const metadata = { user: String(user), credits: String(credits) };
  const payload = JSON.stringify({
    id: "evt_1",
    object: "event",
    type: "checkout.session.completed",
    data: { object: { id, payment_status: "paid", amount_total: 2500, metadata } },
  });
  const { secret, timestamp, change = (body) => body } = signing;
  const header = new Stripe("sk_test_x").webhooks.generateTestHeaderString({
    payload,
    secret,
    ...(timestamp === undefined ? {} : { timestamp }),
  });
  const response = await fetch(`${origin}/webhook/stripe`, {
    method: "POST",
    headers: { "stripe-signature": header },
    body: change(payload),
  });
  return response.status;
}

/** What lies in the JSON file. */
export async function contentsOf({ file }: Running): Promise<{
  readonly users: readonly User[];
  readonly transactions: readonly Transaction[];
  readonly [collection: string]: unknown;
}> {
  return JSON.parse(await readFile(file, "utf8"));
}
