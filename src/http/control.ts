/**
 * A move over HTTP, for the studio and for scripts: `(Request) => Response`, as the web has them, so that it can be
 * mounted in anything that speaks these. Docs: docs/http.md.
 *
 *   GET  /status   where the move is, and its gates          GET  /metrics  the same as Prometheus text
 *   POST /stage    { "to": "shadow" }, one stage forward      POST /back     one stage back
 *   POST /resume   { "abort": false }                         POST /confirm  { "by": "NAME" }
 *   POST /copy, /verify   the work of a stage; with `Accept: application/x-ndjson`, its progress line by line
 *
 * Every request needs the token. What is asked for goes through the same gates as everywhere.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { OutgrowError } from "../errors.ts";
import type { LiveMove } from "../move/live-move.ts";
import { METRICS_TYPE, metricsText } from "../move/metrics.ts";
import { STAGES, type StageName } from "../move/stages.ts";
import { failure, json, LINES, lines, text, type Work } from "./answers.ts";
import { bodyOf } from "./body.ts";

export interface ControlOptions {
  /** What `Authorization: Bearer …` has to say: at least 16 characters. */
  readonly token: string;
  /** The path under which the handler is mounted, taken off where a request's path still has it. Default: none. */
  readonly base?: string | undefined;
}

type Handler = (request: Request) => Promise<Response>;
type Body = Readonly<Record<string, unknown>>;
type Method = "GET" | "POST";
type Route = (body: Body, request: Request) => Promise<Response>;

/** @throws {TypeError} for a token that could be guessed, or a base that is no path. */
export function controlHandler(move: LiveMove, options: ControlOptions): Handler {
  if (options.token.length < 16) throw new TypeError("A token has at least 16 characters.");
  const base = (options.base ?? "").replace(/\/+$/, "");
  if (base !== "" && !base.startsWith("/")) throw new TypeError("A base begins with a slash.");
  const routes = routesOf(move);
  return async (request) => {
    try {
      if (!isAllowed(request, options.token)) throw new OutgrowError("UNAUTHORIZED");
      const calls = routes.get(pathOf(request, base));
      if (calls === undefined) throw new OutgrowError("CALL_UNKNOWN");
      const method = request.method as Method;
      const call = Object.hasOwn(calls, method) ? calls[method] : undefined;
      if (call === undefined) {
        return failure(new OutgrowError("CALL_METHOD"), { allow: Object.keys(calls).join(", ") });
      }
      return await call(request.method === "POST" ? await bodyOf(request) : {}, request);
    } catch (error) {
      return failure(error, OutgrowError.is(error, "UNAUTHORIZED") ? CHALLENGE : undefined);
    }
  };
}

const CHALLENGE = { "www-authenticate": "Bearer" };

/** Without the base, and without slashes at its end. */
function pathOf(request: Request, base: string): string {
  const path = new URL(request.url).pathname.replace(/\/+$/, "");
  return path.startsWith(`${base}/`) ? path.slice(base.length) : path;
}

function routesOf(move: LiveMove): ReadonlyMap<string, Partial<Record<Method, Route>>> {
  const shown = async (): Promise<Response> =>
    json(200, { ok: true, ...(await move.status()), ...(await move.gates()) });
  const change = (what: (body: Body) => Promise<unknown>): Record<"POST", Route> => ({
    POST: async (body) => {
      await what(body);
      return shown();
    },
  });
  const work = (what: Work): Record<"POST", Route> => ({
    POST: async (_, request) => {
      if (request.headers.get("accept")?.includes(LINES)) return lines(what);
      const { signal } = request;
      return json(200, { ok: true, ...(await what({ signal, onProgress: () => {} })) });
    },
  });
  return new Map<string, Partial<Record<Method, Route>>>([
    ["/status", { GET: shown }],
    ["/metrics", { GET: async () => text(metricsText(await move.status()), METRICS_TYPE) }],
    ["/stage", change(({ to }) => move.advance(stageName(to)))],
    ["/back", change(() => move.back())],
    ["/resume", change(({ abort }) => move.resume({ abort: abort === true }))],
    ["/confirm", change(({ by }) => move.confirm(personName(by)))],
    ["/copy", work((options) => move.copy(options))],
    ["/verify", work((options) => move.verify(options))],
  ]);
}

function stageName(to: unknown): StageName | undefined {
  if (to === undefined) return undefined;
  const stage = STAGES.find(({ name }) => name === to);
  if (stage === undefined) throw invalid("to");
  return stage.name;
}

function personName(by: unknown): string {
  if (typeof by !== "string" || by.trim() === "") throw invalid("by");
  return by;
}

const invalid = (detail: string) => new OutgrowError("REQUEST_INVALID", { detail });

/** Digests have one length, and comparing them takes one time. */
function isAllowed(request: Request, token: string): boolean {
  const given = /^Bearer (.+)$/i.exec(request.headers.get("authorization") ?? "")?.[1] ?? "";
  const digest = (value: string): Buffer => createHash("sha256").update(value).digest();
  return timingSafeEqual(digest(given), digest(token));
}
