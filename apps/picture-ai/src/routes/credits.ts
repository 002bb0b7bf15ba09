/** Buying credits, and what was done with them. */
import { Hono } from "hono";
import { type Env, formOf, originOf, PageError, type Parts, signedIn } from "../http.ts";
import { creditsPage, historyPage, paidPage } from "../pages/credits.ts";
import { ForgedError, PaymentError } from "../payments.ts";

export function creditRoutes(parts: Parts): Hono<Env> {
  const { storage, payments } = parts;
  const app = new Hono<Env>();

  app.get("/credits", async (context) => {
    const packages = await storage.getCreditPackages();
    const cancelled = context.req.query("cancelled") !== undefined;
    return context.html(creditsPage(context.var.user, packages, cancelled));
  });

  app.post("/credits", async (context) => {
    const user = signedIn(context);
    const id = Number((await formOf(context))("package"));
    const found = Number.isSafeInteger(id) ? await storage.getCreditPackage(id) : undefined;
    if (!found?.is_active) throw new PageError(404, "There is no such package.");
    const { name, credits, price } = found;
    const origin = originOf(context, parts);
    try {
      const url = await payments.checkout({
        user: user.id,
        email: user.email,
        name,
        credits,
        price,
        paidUrl: `${origin}/credits/paid?session={CHECKOUT_SESSION_ID}`,
        cancelledUrl: `${origin}/credits?cancelled=1`,
      });
      return context.redirect(url, 303);
    } catch (cause) {
      if (!(cause instanceof PaymentError)) throw cause;
      const text = "Payments do not answer at the moment. Nothing was paid; please try again.";
      throw new PageError(502, text, { cause });
    }
  });

  app.get("/credits/paid", async (context) => {
    const user = signedIn(context);
    const payment = await storage.getPayment(context.req.query("session") ?? "");
    if (payment !== undefined && payment.user_id !== user.id) {
      throw new PageError(404, "There is no such payment.");
    }
    return context.html(paidPage(user, payment));
  });

  app.get("/history", async (context) => {
    const user = signedIn(context);
    return context.html(historyPage(user, await storage.getUserTransactions(user.id)));
  });
  return app;
}

/**
 * Where Stripe tells what was paid, once or more often. Any answer but 2xx has it tell again: also when the store is
 * down, and when there is no such account, so that a payment is never forgotten in silence.
 */
export function webhookRoutes({ storage, payments }: Parts): Hono<Env> {
  return new Hono<Env>().post("/stripe", async (context) => {
    const signature = context.req.header("stripe-signature") ?? "";
    try {
      const paid = await payments.receive(await context.req.text(), signature);
      if (paid === undefined) return context.json({ received: true });
      const { session, user, credits, amount } = paid;
      const { changes } = await storage.recordPurchase(user, credits, amount, session);
      if (changes === 0 && (await storage.getPayment(session)) === undefined) {
        return context.json({ error: "no such account" }, 404);
      }
      return context.json({ received: true, changes });
    } catch (error) {
      if (!(error instanceof ForgedError)) throw error;
      return context.json({ error: error.message }, 400);
    }
  });
}
