/** The way over HTTP, as Upstash speaks it: a command is a JSON array, a pipeline an array of them. */
import { OutgrowError } from "../../errors.ts";
import type { RedisConnection } from "./connection.ts";
import { RedisReplyError, type Reply } from "./resp.ts";

const ANSWER_MS = 60_000;
/** Upstash refuses requests above 1 MB; the envelope and the keys' JSON need some of it. */
const REQUEST_BYTES = 900_000;
/** Of one argument, so that a script with a few of them still fits. */
const ARGUMENT_BYTES = 300_000;
const SCRIPT_RECORDS = 2_000;

interface Answer {
  readonly result?: Reply;
  readonly error?: string;
}

export class RestConnection implements RedisConnection {
  readonly label: string;
  readonly limits = { records: SCRIPT_RECORDS, bytes: REQUEST_BYTES, argument: ARGUMENT_BYTES };
  readonly #url: string;
  readonly #token: string;
  /** What a replica must have seen before it answers: our own writes. */
  #sync: string | undefined;
  #closed = false;

  constructor(url: string, token: string) {
    this.#url = url.replace(/\/+$/, "");
    this.label = this.#url;
    this.#token = token;
  }

  /** In the request's JSON, quotes and what is not ASCII take more room. */
  cost(argument: string): number {
    return Buffer.byteLength(JSON.stringify(argument));
  }

  async send(commands: readonly (readonly string[])[]): Promise<readonly Reply[]> {
    if (this.#closed) throw new OutgrowError("STORE_CLOSED");
    const [only] = commands;
    if (commands.length === 1) return [replyOf(await this.#post("/", only))];
    const answers = await this.#post("/pipeline", commands);
    if (Array.isArray(answers)) return answers.map(replyOf);
    return commands.map(() => replyOf(answers));
  }

  async #post(path: string, body: unknown): Promise<unknown> {
    const response = await this.#request(path, body);
    const text = await response.text().catch((cause: unknown) => {
      throw new OutgrowError("OUTCOME_UNKNOWN", {}, { cause });
    });
    this.#sync = response.headers.get("upstash-sync-token") ?? this.#sync;
    if (response.status === 401 || response.status === 403) {
      throw new OutgrowError("TARGET_REFUSED", { detail: "the token is not accepted" });
    }
    if (response.status === 429) throw new OutgrowError("TARGET_BUSY", { detail: "HTTP 429" });
    if (response.status >= 500) {
      throw new OutgrowError("OUTCOME_UNKNOWN", { detail: `HTTP ${response.status}` });
    }
    try {
      return JSON.parse(text);
    } catch (cause) {
      const detail = `HTTP ${response.status}, and no JSON`;
      throw new OutgrowError("TARGET_REFUSED", { detail }, { cause });
    }
  }

  async #request(path: string, body: unknown): Promise<Response> {
    const headers: Record<string, string> = {
      authorization: `Bearer ${this.#token}`,
      "content-type": "application/json",
    };
    if (this.#sync !== undefined) headers["upstash-sync-token"] = this.#sync;
    try {
      return await fetch(this.#url + path, {
        method: "POST",
        headers,
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(ANSWER_MS),
        // The token goes to the address that was named, and to no other.
        redirect: "error",
      });
    } catch (cause) {
      const code = ((cause as Error).cause as NodeJS.ErrnoException | undefined)?.code;
      const isRefused = code === "ECONNREFUSED" || code === "ENOTFOUND" || code === "EAI_AGAIN";
      throw new OutgrowError(
        isRefused ? "TARGET_UNREACHABLE" : "OUTCOME_UNKNOWN",
        { detail: code },
        { cause },
      );
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
  }
}

function replyOf(answer: unknown): Reply {
  const { result, error } = answer as Answer;
  if (error !== undefined) return new RedisReplyError(error);
  return result === undefined ? null : result;
}
