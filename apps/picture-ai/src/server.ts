/**
 * Serves PictureAi.
 *
 * PORT, HOST               where it listens; 8787 on this machine
 * DATABASE_FILE            data/database.json; the demo's data, where there is none
 * MOVE_TARGET              where the data moves to, while the app is live: `pglite:data/postgres`, `postgres://…`,
 *                          `redis://…`; or REDIS_URL, KV_REST_API_URL, UPSTASH_REDIS_REST_URL, DATABASE_URL
 * APP_ORIGIN               the address that browsers know, behind a proxy
 * SESSION_SECRET           32 characters or more, the same for all processes; default: made once, kept beside the data
 * STRIPE_SECRET_KEY, STRIPE_WEBHOOK_SECRET   default: a stand-in for Stripe on this machine
 * STRIPE_SERVER            another address than Stripe's, such as that of a stand-in
 * OPENAI_API_KEY, FAL_KEY  who makes the pictures; default: the app itself
 */
import { randomBytes } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { serve } from "@hono/node-server";
import { pictureAi } from "./app.ts";
import { Sessions } from "./auth.ts";
import { closeHolds } from "./generate.ts";
import { fal } from "./images/fal.ts";
import { local } from "./images/local.ts";
import { openAi } from "./images/openai.ts";
import type { ImageProvider } from "./images/provider.ts";
import { targetOf } from "./move.ts";
import { openStore } from "./open-store.ts";
import { stripePayments } from "./payments.ts";
import { openStorage } from "./storage.ts";
import { startStripeFake } from "./stripe-fake.ts";

const DEMO = fileURLToPath(new URL("../demo/database.json", import.meta.url));
const DATA = fileURLToPath(new URL("../data/database.json", import.meta.url));
const CLOSE_HOLDS_MS = 60_000;

type Environment = Readonly<Record<string, string | undefined>>;

async function main(environment: Environment): Promise<void> {
  const { PORT = "8787", HOST = "127.0.0.1", DATABASE_FILE: file = DATA } = environment;
  const port = Number(PORT);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new Error("PORT is a number from 0 to 65535.");
  }
  mkdirSync(dirname(file), { recursive: true });
  if (!existsSync(file)) copyFileSync(DEMO, file);
  const opened = await openStore(file, targetOf(environment));
  const storage = openStorage(opened.store);
  const { payments, paidTo, end } = await paymentsOf(environment);
  const app = pictureAi({
    storage,
    payments,
    provider: providerOf(environment),
    sessions: new Sessions(environment["SESSION_SECRET"] ?? secretBeside(file)),
    origin: environment["APP_ORIGIN"],
  });
  const sweep = setInterval(() => void closeHolds(storage).catch(console.error), CLOSE_HOLDS_MS);
  const server = serve({ fetch: app.fetch, hostname: HOST, port }, (address) => {
    const origin = `http://${HOST}:${address.port}`;
    paidTo(`${origin}/webhook/stripe`);
    console.log(`PictureAi: ${environment["APP_ORIGIN"] ?? origin}`);
  });
  server.once("error", (error: Error) => {
    console.error(`PictureAi cannot listen: ${error.message}`);
    process.exit(1);
  });
  const stop = (): void => {
    clearInterval(sweep);
    server.close(async () => {
      await end();
      await opened[Symbol.asyncDispose]();
      process.exit(0);
    });
    if ("closeIdleConnections" in server) server.closeIdleConnections();
  };
  process.once("SIGTERM", stop).once("SIGINT", stop);
}

async function paymentsOf(environment: Environment) {
  const { STRIPE_SECRET_KEY, STRIPE_WEBHOOK_SECRET, STRIPE_SERVER: server } = environment;
  if (STRIPE_SECRET_KEY !== undefined) {
    if (STRIPE_WEBHOOK_SECRET === undefined) throw new Error("STRIPE_WEBHOOK_SECRET is missing.");
    const access = {
      secretKey: STRIPE_SECRET_KEY,
      webhookSecret: STRIPE_WEBHOOK_SECRET,
      ...(server !== undefined && { server }),
    };
    return { payments: stripePayments(access), paidTo: () => {}, end: async () => {} };
  }
  const fake = await startStripeFake();
  return {
    payments: stripePayments(fake),
    paidTo: fake.deliverTo,
    end: () => fake[Symbol.asyncDispose](),
  };
}

function providerOf({ OPENAI_API_KEY, FAL_KEY }: Environment): ImageProvider {
  if (FAL_KEY !== undefined) return fal({ key: FAL_KEY });
  if (OPENAI_API_KEY !== undefined) return openAi({ key: OPENAI_API_KEY });
  return local;
}

/** Readable for its owner alone. Of two processes that begin together, both get the one that was written first. */
function secretBeside(file: string): string {
  const path = join(dirname(file), "session-secret");
  try {
    writeFileSync(path, randomBytes(32).toString("base64url"), { mode: 0o600, flag: "wx" });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
  return readFileSync(path, "utf8").trim();
}

main(process.env).catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
});
