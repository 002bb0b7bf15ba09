/**
 * PictureAi as one function from a request to its answer. What it stands on is given to it; it keeps nothing itself
 * but counts of failed sign-ins.
 */
import { readFileSync } from "node:fs";
import { type Context, Hono, type MiddlewareHandler } from "hono";
import { bodyLimit } from "hono/body-limit";
import { getCookie } from "hono/cookie";
import { HTTPException } from "hono/http-exception";
import { secureHeaders } from "hono/secure-headers";
import { OutgrowError } from "outgrow";
import { Attempts } from "./auth.ts";
import { type Env, originOf, PageError, type Parts } from "./http.ts";
import { landscape } from "./images/local.ts";
import { errorPage } from "./pages/error.ts";
import { SAMPLES } from "./pages/pictures.ts";
import { accountRoutes, cookieName } from "./routes/account.ts";
import { creditRoutes, webhookRoutes } from "./routes/credits.ts";
import { pictureRoutes } from "./routes/pictures.ts";

const FORM_BYTES = 16 * 1024;
const WEBHOOK_BYTES = 256 * 1024;
const FILES = [
  ["style.css", "text/css; charset=utf-8"],
  ["icon.svg", "image/svg+xml"],
] as const;

export function pictureAi(parts: Parts): { fetch(request: Request): Promise<Response> } {
  const app = new Hono<Env>();
  // Outside of the pages' headers, which would take the place of these.
  for (const path of ["/pictures/:id/file", "/samples/:file"]) app.use(path, sandboxed);
  app.use(headers(parts));
  app.notFound((context) => answer(context, new PageError(404, "There is no such page."), parts));
  app.onError((error, context) => answer(context, pageErrorOf(error), parts));

  const tooMuch = () => {
    throw new PageError(413, "That is more than this page takes.");
  };
  for (const [name, type] of FILES) {
    const text = readFileSync(new URL(`../public/${name}`, import.meta.url), "utf8");
    app.get(`/${name}`, (context) => context.body(text, 200, cached(type, 3600)));
  }
  app.get("/samples/:file", (context) => {
    const prompt = SAMPLES.get(context.req.param("file"));
    if (prompt === undefined) return context.notFound();
    return context.body(landscape(prompt), 200, cached("image/svg+xml", 3600));
  });
  app.use("/webhook/*", bodyLimit({ maxSize: WEBHOOK_BYTES, onError: tooMuch }));
  app.route("/webhook", webhookRoutes(parts));

  const pages = new Hono<Env>();
  pages.use(bodyLimit({ maxSize: FORM_BYTES, onError: tooMuch }));
  pages.use(sameOrigin(parts), whoIsThere(parts));
  pages.route("/", accountRoutes(parts, new Attempts()));
  pages.route("/", creditRoutes(parts));
  pages.route("/", pictureRoutes(parts));
  app.route("/", pages);
  return { fetch: async (request) => app.fetch(request) };
}

function cached(type: string, seconds: number): Record<string, string> {
  return { "content-type": type, "cache-control": `public, max-age=${seconds}` };
}

/** No scripts, no frames, nothing from elsewhere; forms may lead to where is paid. */
function headers({ payments, origin }: Parts): MiddlewareHandler<Env> {
  return secureHeaders({
    contentSecurityPolicy: {
      defaultSrc: ["'none'"],
      styleSrc: ["'self'"],
      imgSrc: ["'self'"],
      formAction: ["'self'", ...payments.origins],
      baseUri: ["'none'"],
      frameAncestors: ["'none'"],
    },
    // With `no-referrer` browsers send forms without their origin.
    referrerPolicy: "same-origin",
    strictTransportSecurity: origin?.startsWith("https:") ?? false,
  });
}

/** An SVG that is opened by itself is a page. */
const sandboxed: MiddlewareHandler<Env> = async (context, next) => {
  await next();
  if (!context.res.ok) return;
  context.header(
    "content-security-policy",
    "default-src 'none'; style-src 'unsafe-inline'; sandbox",
  );
};

/** Forms of other sites are none of ours. Every browser of today says where a form comes from. */
function sameOrigin(parts: Parts): MiddlewareHandler<Env> {
  return async (context, next) => {
    if (context.req.method !== "GET" && context.req.method !== "HEAD") {
      const from = context.req.header("origin");
      const site = context.req.header("sec-fetch-site");
      const ours = from === undefined ? site === "same-origin" : sameHost(from, context, parts);
      if (!ours) throw new PageError(403, "This form was not sent from this site.");
    }
    await next();
  };
}

/** The scheme may differ: behind a proxy that ends TLS the app sees http. */
function sameHost(from: string, context: Context<Env>, parts: Parts): boolean {
  return URL.canParse(from) && new URL(from).host === new URL(originOf(context, parts)).host;
}

function whoIsThere(parts: Parts): MiddlewareHandler<Env> {
  return async (context, next) => {
    context.header("cache-control", "no-store");
    const token = getCookie(context, cookieName(parts));
    const session = token === undefined ? undefined : parts.sessions.read(token);
    if (session !== undefined) {
      const user = await parts.storage.getUserById(session.user);
      if (user !== undefined && parts.sessions.isHolder(session, user)) context.set("user", user);
    }
    await next();
  };
}

function pageErrorOf(error: unknown): PageError {
  if (error instanceof PageError) return error;
  if (error instanceof HTTPException) {
    return new PageError(400, "The request could not be read.", { cause: error });
  }
  const stored = OutgrowError.is(error);
  const text = stored
    ? "The app cannot reach its data at the moment. Nothing was lost; please try again shortly."
    : "That was our fault. Please try again.";
  return new PageError(stored ? 503 : 500, text, { cause: error });
}

function answer(
  context: Context<Env>,
  error: PageError,
  { report = console.error }: Parts,
): Response | Promise<Response> {
  const { status, message, cause } = error;
  if (status >= 500) report(`${status} for ${context.req.method} ${context.req.path}`, cause);
  if (status === 503) context.header("retry-after", "5");
  // What was not read of the body still lies in the connection.
  if (status === 413) context.header("connection", "close");
  return context.html(errorPage(context.var.user, status, message), status);
}
