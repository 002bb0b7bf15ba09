/** A request's body as JSON, read no further than it may go: a length that is not said, or not true, costs no memory. */
import { OutgrowError } from "../errors.ts";

/** In bytes: the longest call says a person's name. */
export const MAX_BODY = 10_000;

/** @throws {OutgrowError} BODY_TOO_LARGE, REQUEST_INVALID */
export async function bodyOf(request: Request): Promise<Readonly<Record<string, unknown>>> {
  if (Number(request.headers.get("content-length") ?? 0) > MAX_BODY) throw tooLarge();
  const text = await textOf(request.body);
  if (text === "") return {};
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body === "object" && body !== null && !Array.isArray(body)) {
      return body as Record<string, unknown>;
    }
  } catch {
    // told below
  }
  throw new OutgrowError("REQUEST_INVALID", { detail: "it is no JSON object" });
}

const tooLarge = (): OutgrowError => new OutgrowError("BODY_TOO_LARGE");

async function textOf(body: ReadableStream<Uint8Array> | null): Promise<string> {
  if (body === null) return "";
  const chunks: Uint8Array[] = [];
  let length = 0;
  const reader = body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    length += value.byteLength;
    if (length > MAX_BODY) {
      // Not cancelled: that would close the connection on which the refusal is yet to be told.
      reader.releaseLock();
      throw tooLarge();
    }
    chunks.push(value);
  }
  return Buffer.concat(chunks).toString("utf8");
}
