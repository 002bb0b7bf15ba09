/** Who makes pictures: one interface, and what can go wrong behind it. */

export interface Image {
  /** `data:`, of one of `IMAGE_TYPES`. */
  readonly url: string;
}

export interface ImageProvider {
  readonly name: string;
  /** @throws ImageError */
  make(prompt: string): Promise<Image>;
}

/**
 * `refused`: the prompt is not allowed there. `busy`: later it may work. `slow`: no answer in time. `failed`: all else,
 * a wrong key as well.
 */
export type ImageProblem = "refused" | "busy" | "slow" | "failed";

export class ImageError extends Error {
  readonly problem: ImageProblem;

  constructor(problem: ImageProblem, message: string, options?: ErrorOptions) {
    super(message, options);
    this.problem = problem;
  }
}

export const IMAGE_TYPES: readonly string[] = [
  "image/png",
  "image/jpeg",
  "image/webp",
  "image/svg+xml",
];

/** Milliseconds that a provider may take for a picture. Holds that are older belong to nobody. */
export const PROVIDER_MS = 90_000;
const MOST_BYTES = 8 * 1024 * 1024;

/**
 * Asks a provider's HTTP interface.
 *
 * @returns the JSON of its answer.
 * @throws ImageError by the answer's status.
 */
export async function askProvider(
  url: string,
  headers: Readonly<Record<string, string>>,
  body: object,
  timeoutMs: number,
): Promise<unknown> {
  const response = await send(url, timeoutMs, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
  const text = (await bounded(response)).toString("utf8");
  if (!response.ok) throw new ImageError(problemOf(response.status), `HTTP ${response.status}`);
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ImageError("failed", "The answer is no JSON.", { cause });
  }
}

/** Brings the picture at an address home: addresses of providers expire. @throws ImageError */
export async function fetchImage(url: string, timeoutMs: number): Promise<Image> {
  const response = await send(url, timeoutMs, { redirect: "error" });
  if (!response.ok) throw new ImageError(problemOf(response.status), `HTTP ${response.status}`);
  const [type = ""] = (response.headers.get("content-type") ?? "").split(";");
  return imageOf(type.trim().toLowerCase(), await bounded(response));
}

/** @throws ImageError for a type that is not shown. */
export function imageOf(type: string, bytes: Buffer): Image {
  if (!IMAGE_TYPES.includes(type)) throw new ImageError("failed", `The answer is ${type}.`);
  return { url: `data:${type};base64,${bytes.toString("base64")}` };
}

async function send(url: string, timeoutMs: number, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, { ...init, signal: AbortSignal.timeout(timeoutMs) });
  } catch (cause) {
    throw ofConnection(cause);
  }
}

async function bounded(response: Response): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of response.body ?? []) {
      size += chunk.byteLength;
      if (size > MOST_BYTES) throw new ImageError("failed", "The answer is too large.");
      chunks.push(chunk);
    }
  } catch (cause) {
    throw cause instanceof ImageError ? cause : ofConnection(cause);
  }
  return Buffer.concat(chunks);
}

function ofConnection(cause: unknown): ImageError {
  const slow = cause instanceof DOMException && cause.name === "TimeoutError";
  return slow
    ? new ImageError("slow", "No answer in time.", { cause })
    : new ImageError("failed", "No answer.", { cause });
}

function problemOf(status: number): ImageProblem {
  if (status === 400 || status === 422) return "refused";
  if (status === 408 || status === 504) return "slow";
  if (status === 429 || status === 503) return "busy";
  return "failed";
}
