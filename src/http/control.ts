/**
 * A move over HTTP, for the studio and for scripts: `(Request) => Response`, as the web has them, so that it can be
 * mounted in anything that speaks these. Docs: docs/http.md.
 *
 *   GET  /status   where the move is, and its gates          GET  /metrics  the same as Prometheus text
 *   POST /stage    { "to": "shadow" }, one stage forward      POST /back     one stage back
 *   POST /resume   { "abort": false }                         POST /confirm  { "by": "NAME" }
 *   POST /copy, /verify   the work of a stage
 *
 * Every request needs the token. What is asked for goes through the same gates as everywhere.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { ERRORS, OutgrowError } from "../errors.ts";
import type { LiveMove } from "../move/live-move.ts";
import { metricsText } from "../move/metrics.ts";
import { STAGES, type StageName } from "../move/stages.ts";

export interface ControlOptions {
  /** What `Authorization: Bearer …` has to say: at least 16 characters. */
  readonly token: string;
  /** The path under which the handler is mounted. Default: none. */
  readonly base?: string | undefined;
}

type Handler = (request: Request) => Promise<Response>;
type Route = (body: Readonly<Record<string, unknown>>) => Promise<object | string>;

const MAX_BODY = 10_000;

/** @throws {TypeError} for a token that could be guessed. */
export function controlHandler(move: LiveMove, options: ControlOptions): Handler {
  if (options.token.length < 16) throw new TypeError("A token has at least 16 characters.");
  const routes = routesOf(move);
  const base = options.base ?? "";
  return async (request) => {
    try {
      if (!isAllowed(request, options.token))
        return refusal(401, "UNAUTHORIZED", "A token is wanted.");
      const { pathname } = new URL(request.url);
      const path = pathname.startsWith(base) ? pathname.slice(base.length) : pathname;
      const route = routes.get(`${request.method} ${path}`);
      if (route === undefined) return refusal(404, "NOT_FOUND", "There is no such call.");
      const answer = await route(request.method === "POST" ? await bodyOf(request) : {});
      if (typeof answer !== "string") return json(200, { ok: true, ...answer });
      return new Response(answer, { headers: { "content-type": "text/plain; version=0.0.4" } });
    } catch (error) {
      return failure(error);
    }
  };
}

function routesOf(move: LiveMove): ReadonlyMap<string, Route> {
  const shown = async () => ({ ...(await move.status()), ...(await move.gates()) });
  return new Map<string, Route>([
    ["GET /status", shown],
    ["GET /metrics", async () => metricsText(await move.status())],
    [
      "POST /stage",
      async ({ to }) => {
        await move.advance(stageName(to));
        return shown();
      },
    ],
    [
      "POST /back",
      async () => {
        await move.back();
        return shown();
      },
    ],
    [
      "POST /resume",
      async ({ abort }) => {
        await move.resume({ abort: abort === true });
        return shown();
      },
    ],
    [
      "POST /confirm",
      async ({ by }) => {
        if (typeof by !== "string" || by.trim() === "") throw invalid("by");
        await move.confirm(by);
        return shown();
      },
    ],
    ["POST /copy", async () => move.copy()],
    ["POST /verify", async () => move.verify()],
  ]);
}

function stageName(to: unknown): StageName | undefined {
  if (to === undefined) return undefined;
  const stage = STAGES.find(({ name }) => name === to);
  if (stage === undefined) throw invalid("to");
  return stage.name;
}

const invalid = (detail: string) => new OutgrowError("REQUEST_INVALID", { detail });

/** Digests have one length, and comparing them takes one time. */
function isAllowed(request: Request, token: string): boolean {
  const given = /^Bearer (.+)$/i.exec(request.headers.get("authorization") ?? "")?.[1] ?? "";
  const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(given), digest(token));
}

async function bodyOf(request: Request): Promise<Readonly<Record<string, unknown>>> {
  if (Number(request.headers.get("content-length") ?? 0) > MAX_BODY) throw invalid("its length");
  const text = await request.text();
  if (text.length > MAX_BODY) throw invalid("its length");
  if (text === "") return {};
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body === "object" && body !== null && !Array.isArray(body)) {
      return body as Record<string, unknown>;
    }
  } catch {
    // told below
  }
  throw invalid("it is no JSON object");
}

function failure(error: unknown): Response {
  const known = OutgrowError.is(error) ? error : new OutgrowError("INTERNAL", {}, { cause: error });
  const { code, message, next, site } = known;
  return json(ERRORS[code].status, { ok: false, error: { code, message, next, ...site } });
}

function refusal(status: number, code: string, message: string): Response {
  return json(status, { ok: false, error: { code, message } });
}

function json(status: number, body: object): Response {
  return new Response(JSON.stringify(body), {
    status,
    headers: { "content-type": "application/json", "cache-control": "no-store" },
  });
}
