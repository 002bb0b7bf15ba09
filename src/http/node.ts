/** A web-standard handler behind Node's own server, or what stands on it (Express, Fastify). */
import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ReadableStream as NodeReadableStream } from "node:stream/web";
import { OutgrowError } from "../errors.ts";
import { failure } from "./answers.ts";

type Handler = (request: Request) => Promise<Response>;

/**
 * A listener for `node:http`. Bodies pass through in both directions as they come, unread before the handler; a
 * caller who goes away ends what is done for him. It is to stand before whatever reads bodies.
 */
export function nodeListener(
  handler: Handler,
): (req: IncomingMessage, res: ServerResponse) => Promise<void> {
  return async (req, res) => {
    const gone = new AbortController();
    res.once("close", () => gone.abort());
    const response = await answer(handler, req, gone.signal);
    res.writeHead(response.status, Object.fromEntries(response.headers));
    if (response.body === null) {
      res.end();
      return;
    }
    const body = Readable.fromWeb(response.body as NodeReadableStream);
    // A caller who went away is nobody's error: the handler has been told by the end of its stream.
    await pipeline(body, res).catch(() => {});
  };
}

async function answer(
  handler: Handler,
  req: IncomingMessage,
  signal: AbortSignal,
): Promise<Response> {
  let request: Request;
  try {
    request = requestOf(req, signal);
  } catch (error) {
    if (OutgrowError.is(error)) return failure(error);
    // A method or an address that a Request cannot have.
    return failure(new OutgrowError("REQUEST_INVALID", { detail: "its head" }, { cause: error }));
  }
  return handler(request);
}

function requestOf(req: IncomingMessage, signal: AbortSignal): Request {
  const { method = "GET", url = "/" } = req;
  // What a framework has taken off the path, it keeps there.
  const path = (req as { readonly originalUrl?: string }).originalUrl ?? url;
  const headers = new Headers();
  for (const [name, values] of Object.entries(req.headersDistinct)) {
    for (const value of values ?? []) headers.append(name, value);
  }
  const hasBody = method !== "GET" && method !== "HEAD";
  // It would be taken for an empty one, which means something else.
  if (hasBody && req.readableDidRead) {
    throw new OutgrowError("REQUEST_INVALID", { detail: "a body parser has read its body before" });
  }
  const body = hasBody ? Readable.toWeb(req) : null;
  const init = { method, headers, body, signal, duplex: "half" };
  return new Request(`http://localhost${path}`, init as RequestInit);
}
