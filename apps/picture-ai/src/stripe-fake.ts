/**
 * Stripe as far as this app knows it, on this machine: checkout sessions, a page to pay on, and webhooks that are
 * really signed. For demos, tests and rehearsals; no money moves.
 */
import { randomBytes } from "node:crypto";
import { serve } from "@hono/node-server";
import { Hono } from "hono";
import { html } from "hono/html";
import Stripe from "stripe";

export interface StripeFake extends AsyncDisposable {
  /** Its address, for `stripePayments`. */
  readonly server: string;
  readonly secretKey: string;
  readonly webhookSecret: string;
  /** Where webhooks go: named after the app has its port. */
  deliverTo(address: string): void;
  /** Pays a session as its page's button does. @returns the statuses that the webhook's receiver answered with. */
  pay(session: string, options?: { readonly times?: number }): Promise<readonly number[]>;
}

interface Checkout {
  readonly id: string;
  readonly amount: number;
  readonly name: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly successUrl: string;
  readonly cancelUrl: string;
  paid: boolean;
}

/** Milliseconds before a webhook that failed is sent again. Stripe itself tries for three days. */
const AGAIN_MS = [500, 2000, 8000];
const DELIVERY_MS = 10_000;

/** @param options.port default: a free one. */
export async function startStripeFake(
  options: { readonly port?: number } = {},
): Promise<StripeFake> {
  const secretKey = `sk_test_${randomBytes(12).toString("hex")}`;
  const webhookSecret = `whsec_${randomBytes(24).toString("hex")}`;
  const checkouts = new Checkouts(secretKey, webhookSecret);
  const app = new Hono();
  const listening = await new Promise<{ port: number; server: ReturnType<typeof serve> }>(
    (resolve, reject) => {
      const server = serve(
        { fetch: app.fetch, hostname: "127.0.0.1", port: options.port ?? 0 },
        ({ port }) => resolve({ port, server }),
      );
      server.once("error", reject);
    },
  );
  const origin = `http://127.0.0.1:${listening.port}`;
  addRoutes(app, checkouts, origin);
  return {
    server: origin,
    secretKey,
    webhookSecret,
    deliverTo: (address) => {
      checkouts.webhook = address;
    },
    pay: (session, { times = 1 } = {}) => checkouts.pay(session, times),
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        checkouts.end();
        listening.server.close(() => resolve());
        if ("closeAllConnections" in listening.server) listening.server.closeAllConnections();
      }),
  };
}

class Checkouts {
  readonly all = new Map<string, Checkout>();
  /** Sessions by the key under which they were asked for: asked again, Stripe gives the same. */
  readonly byRequest = new Map<string, Checkout>();
  readonly secretKey: string;
  webhook: string | undefined;
  readonly #webhookSecret: string;
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #stripe: Stripe;

  constructor(secretKey: string, webhookSecret: string) {
    this.secretKey = secretKey;
    this.#webhookSecret = webhookSecret;
    this.#stripe = new Stripe(secretKey);
  }

  create(form: ReadonlyMap<string, string>, request: string | undefined): Checkout {
    const known = request === undefined ? undefined : this.byRequest.get(request);
    if (known !== undefined) return known;
    const metadata = [...form].flatMap(([name, value]) => {
      const [, key] = /^metadata\[(.+)\]$/.exec(name) ?? [];
      return key === undefined ? [] : [[key, value] as const];
    });
    const checkout: Checkout = {
      id: `cs_test_${randomBytes(18).toString("hex")}`,
      amount: Number(form.get("line_items[0][price_data][unit_amount]")),
      name: form.get("line_items[0][price_data][product_data][name]") ?? "",
      metadata: Object.fromEntries(metadata),
      successUrl: form.get("success_url") ?? "",
      cancelUrl: form.get("cancel_url") ?? "",
      paid: false,
    };
    this.all.set(checkout.id, checkout);
    if (request !== undefined) this.byRequest.set(request, checkout);
    return checkout;
  }

  async pay(id: string, times: number): Promise<readonly number[]> {
    const checkout = this.all.get(id);
    if (checkout === undefined) throw new Error(`There is no checkout session ${id}.`);
    checkout.paid = true;
    const body = JSON.stringify({
      id: `evt_${randomBytes(12).toString("hex")}`,
      object: "event",
      type: "checkout.session.completed",
      created: Math.floor(Date.now() / 1000),
      data: { object: sessionOf(checkout, undefined) },
    });
    const send = () => this.#deliver(body, AGAIN_MS);
    return Promise.all(Array.from({ length: times }, send));
  }

  end(): void {
    for (const timer of this.#timers) clearTimeout(timer);
  }

  /** @returns the first answer's status, 0 for none. Like Stripe, it goes on until one is good. */
  async #deliver(body: string, again: readonly number[]): Promise<number> {
    const secret = this.#webhookSecret;
    const header = this.#stripe.webhooks.generateTestHeaderString({ payload: body, secret });
    const status = await fetch(this.webhook ?? "", {
      method: "POST",
      headers: { "content-type": "application/json", "stripe-signature": header },
      body,
      signal: AbortSignal.timeout(DELIVERY_MS),
    }).then(
      (response) => response.status,
      () => 0,
    );
    const [delay, ...later] = again;
    if (delay !== undefined && (status < 200 || status > 299)) {
      const timer = setTimeout(() => {
        this.#timers.delete(timer);
        void this.#deliver(body, later);
      }, delay);
      this.#timers.add(timer.unref());
    }
    return status;
  }
}

function sessionOf(checkout: Checkout, url: string | undefined) {
  return {
    id: checkout.id,
    object: "checkout.session",
    mode: "payment",
    status: checkout.paid ? "complete" : "open",
    payment_status: checkout.paid ? "paid" : "unpaid",
    amount_total: checkout.amount,
    currency: "try",
    metadata: checkout.metadata,
    url: checkout.paid || url === undefined ? null : url,
  };
}

function addRoutes(app: Hono, checkouts: Checkouts, origin: string): void {
  app.post("/v1/checkout/sessions", async (context) => {
    if (context.req.header("authorization") !== `Bearer ${checkouts.secretKey}`) {
      return context.json(
        { error: { type: "invalid_request_error", message: "No such key." } },
        401,
      );
    }
    const form = new Map(new URLSearchParams(await context.req.text()));
    const checkout = checkouts.create(form, context.req.header("idempotency-key"));
    if (!Number.isSafeInteger(checkout.amount) || checkout.amount < 1) {
      const error = { type: "invalid_request_error", message: "No amount.", param: "unit_amount" };
      return context.json({ error }, 400);
    }
    return context.json(sessionOf(checkout, `${origin}/pay/${checkout.id}`));
  });

  app.get("/pay/:id", (context) => {
    const checkout = checkouts.all.get(context.req.param("id"));
    return checkout === undefined ? context.notFound() : context.html(payPage(checkout));
  });

  app.post("/pay/:id", async (context) => {
    const checkout = checkouts.all.get(context.req.param("id"));
    if (checkout === undefined) return context.notFound();
    const { times } = await context.req.parseBody();
    await checkouts.pay(checkout.id, times === "2" ? 2 : 1);
    return context.redirect(checkout.successUrl.replace("{CHECKOUT_SESSION_ID}", checkout.id), 303);
  });
}

const STYLE = `
  body { font: 16px/1.5 system-ui, sans-serif; background: #f3f4f8; color: #1c2030; margin: 0; }
  main { max-width: 26rem; margin: 12vh auto; background: #fff; border-radius: 16px; padding: 2rem;
    box-shadow: 0 8px 32px rgb(28 32 48 / 10%); }
  h1 { font-size: 1.1rem; margin: 0; } .price { font-size: 2.2rem; font-weight: 700; margin: .25rem 0 1.5rem; }
  button { width: 100%; font: inherit; font-weight: 600; padding: .8rem; border: 0; border-radius: 10px; cursor: pointer;
    background: #4f46e5; color: #fff; margin-bottom: .6rem; } button.second { background: #e7e8f3; color: #1c2030; }
  p.note { color: #5a6075; font-size: .9rem; }`;

function payPage(checkout: Checkout) {
  const price = (checkout.amount / 100).toFixed(2);
  return html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Pay (test)</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><style>${STYLE}</style></head>
<body><main>
<h1>${checkout.name}</h1>
<p class="price">₺${price}</p>
<form method="post">
<button name="times" value="1">Pay ₺${price}</button>
<button name="times" value="2" class="second">Pay, and have the webhook sent twice</button>
</form>
<p><a href="${checkout.cancelUrl}">Cancel</a></p>
<p class="note">A stand-in for Stripe's checkout page on this machine. No money moves.</p>
</main></body></html>`;
}
