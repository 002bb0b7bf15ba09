/**
 * Credits are bought on Stripe's page. What counts as paid is what Stripe's webhook says, whose signature is checked
 * over the very bytes that came; what the browser brings back counts for nothing.
 */
import Stripe from "stripe";

export interface Order {
  readonly user: number;
  readonly email: string;
  readonly name: string;
  readonly credits: number;
  /** In kurus. */
  readonly price: number;
  /** Where the buyer comes back to: `{CHECKOUT_SESSION_ID}` in it stands for the session. */
  readonly paidUrl: string;
  readonly cancelledUrl: string;
}

export interface Paid {
  readonly session: string;
  readonly user: number;
  readonly credits: number;
  /** In kurus. */
  readonly amount: number;
}

export interface Payments {
  /** Origins of the pages on which is paid: forms may lead there. */
  readonly origins: readonly string[];
  /** @returns the address of the page. @throws PaymentError */
  checkout(order: Order): Promise<string>;
  /** @returns what was paid, `undefined` for other news. @throws ForgedError when it is not Stripe's. */
  receive(body: string, signature: string): Promise<Paid | undefined>;
}

export class PaymentError extends Error {}
export class ForgedError extends Error {}

export interface StripeAccess {
  readonly secretKey: string;
  readonly webhookSecret: string;
  /** Another server than Stripe's: `http://127.0.0.1:4242`. */
  readonly server?: string;
}

const CURRENCY = "try";
const TIMEOUT_MS = 20_000;
/** Seconds that a webhook's signature is valid. */
const TOLERANCE = 300;
const PAID_EVENTS = ["checkout.session.completed", "checkout.session.async_payment_succeeded"];

export function stripePayments({ secretKey, webhookSecret, server }: StripeAccess): Payments {
  const stripe = new Stripe(secretKey, {
    timeout: TIMEOUT_MS,
    maxNetworkRetries: 2,
    telemetry: false,
    ...(server === undefined ? {} : addressOf(server)),
  });
  return {
    origins: [server ?? "https://checkout.stripe.com"],

    async checkout(order) {
      try {
        const { url } = await stripe.checkout.sessions.create(sessionFor(order));
        if (url !== null) return url;
      } catch (cause) {
        throw new PaymentError("Stripe did not open a checkout session.", { cause });
      }
      throw new PaymentError("Stripe opened a checkout session without a page.");
    },

    async receive(body, signature) {
      let event: Stripe.Event;
      try {
        const { webhooks } = stripe;
        event = await webhooks.constructEventAsync(body, signature, webhookSecret, TOLERANCE);
      } catch (cause) {
        throw new ForgedError("The webhook is not signed by Stripe.", { cause });
      }
      if (!PAID_EVENTS.includes(event.type)) return undefined;
      return paidOf(event.data.object as Stripe.Checkout.Session);
    },
  };
}

function addressOf(server: string) {
  const { hostname, port, protocol } = new URL(server);
  return {
    host: hostname,
    port: port === "" ? (protocol === "http:" ? 80 : 443) : Number(port),
    protocol: protocol === "http:" ? "http" : "https",
  } as const;
}

function sessionFor(order: Order): Stripe.Checkout.SessionCreateParams {
  return {
    mode: "payment",
    line_items: [
      {
        quantity: 1,
        price_data: {
          currency: CURRENCY,
          unit_amount: order.price,
          product_data: { name: `${order.name}: ${order.credits} credits` },
        },
      },
    ],
    client_reference_id: String(order.user),
    customer_email: order.email,
    // The package may have other credits when the webhook comes: what was bought is what was shown.
    metadata: { user: String(order.user), credits: String(order.credits) },
    success_url: order.paidUrl,
    cancel_url: order.cancelledUrl,
  };
}

/** @returns `undefined` for a session that is not paid yet, and for one that this app did not open. */
function paidOf(session: Stripe.Checkout.Session): Paid | undefined {
  const user = Number(session.metadata?.["user"]);
  const credits = Number(session.metadata?.["credits"]);
  const amount = session.amount_total;
  if (session.payment_status !== "paid" || amount === null) return undefined;
  if (!Number.isSafeInteger(user) || !Number.isSafeInteger(credits) || credits < 1) {
    return undefined;
  }
  return { session: session.id, user, credits, amount };
}
