/**
 * The other side of the socket: uses the database that another process holds.
 *
 * 1. What was sent and not answered when the connection broke has an unknown end: it is reported,
 *    never repeated here. Only what was surely not begun is `Gone`, and may be done elsewhere.
 * 2. A holder that stops answering is noticed: no call waits for a process that sleeps.
 */
import { connect, type Socket } from "node:net";
import { OutgrowError } from "../../errors.ts";
import type { SqlParameter, SqlResult } from "../postgres/database.ts";
import { refuseDeep } from "./depth.ts";
import { encodeFrame, FrameReader } from "./frames.ts";
import { Gone, type Link, type LinkTransaction } from "./link.ts";
import {
  type ClientRequest,
  FAREWELL,
  fromWire,
  PROTOCOL,
  type ServerAnswer,
  type ServerFrame,
} from "./messages.ts";

const HELLO_MS = 1_000;
const PING_MS = 10_000;
const PINGS_MISSED = 3;

/**
 * `refused`: the socket is there, and nothing listens on it; `absent`: it is not there, or not any
 * more. `silent`: something listens, but does not answer as a holder would.
 */
export type NoLink = "refused" | "absent" | "silent" | "closing";

/** Connects to the holder that listens at `path`. */
export async function attach(path: string): Promise<AttachedLink | NoLink> {
  const socket = connect(path);
  const failure = await new Promise<string | undefined>((resolve) => {
    socket.once("connect", () => resolve(undefined));
    socket.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? "unknown"));
  });
  if (failure !== undefined) return failure === "ECONNREFUSED" ? "refused" : "absent";
  const link = new AttachedLink(socket);
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    socket.destroy();
  }, HELLO_MS);
  try {
    const answer = await link.ask({ op: "hello", protocol: PROTOCOL });
    if ("hello" in answer && answer.hello === "open") return link;
    socket.destroy();
    return "hello" in answer ? "closing" : "silent";
  } catch (error) {
    socket.destroy();
    // A holder of another version refuses; one that is just leaving hangs up.
    return late || OutgrowError.is(error, "UNSUPPORTED") ? "silent" : "absent";
  } finally {
    clearTimeout(timer);
  }
}

interface Waiting {
  readonly op: ClientRequest["op"];
  readonly resolve: (answer: ServerAnswer) => void;
  readonly reject: (error: Error) => void;
}

export class AttachedLink implements Link {
  readonly #socket: Socket;
  readonly #waiting = new Map<number, Waiting>();
  #state: "open" | "gone" = "open";
  #sent = 0;
  #unheard = 0;
  #pings: NodeJS.Timeout | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    const reader = new FrameReader();
    socket.on("data", (chunk) => {
      try {
        for (const frame of reader.push(chunk as Buffer)) this.#receive(frame as ServerFrame);
      } catch {
        socket.destroy();
      }
    });
    socket.on("error", () => {}); // "close" follows
    socket.once("end", () => socket.destroy());
    socket.once("close", () => this.#lost());
  }

  get state(): "open" | "gone" {
    return this.#state;
  }

  async query(text: string, parameters: readonly SqlParameter[]): Promise<SqlResult> {
    refuseDeep(parameters);
    return resultOf(await this.ask({ op: "query", text, parameters }));
  }

  async begin(readOnly: boolean): Promise<LinkTransaction> {
    const answer = await this.ask({ op: "begin", readOnly });
    if (!("transaction" in answer)) throw unexpected();
    return new AttachedTransaction(this, answer.transaction);
  }

  async close(): Promise<void> {
    if (this.#state === "gone") return;
    await new Promise<void>((resolve) => {
      this.#socket.once("close", () => resolve());
      this.#socket.ref();
      this.#socket.end();
    });
  }

  /** @throws {Gone | OutgrowError} what the holder answered, or TARGET_UNREACHABLE */
  async ask(request: ClientRequest): Promise<Exclude<ServerAnswer, { error: unknown }>> {
    if (this.#state === "gone") throw new Gone();
    const id = this.#sent++;
    const answer = await new Promise<ServerAnswer>((resolve, reject) => {
      this.#waiting.set(id, { op: request.op, resolve, reject });
      this.#busy();
      this.#socket.write(encodeFrame({ id, ...request }));
    });
    if ("error" in answer) throw fromWire(answer.error);
    return answer;
  }

  #receive(frame: ServerFrame): void {
    this.#unheard = 0;
    if (frame.id === FAREWELL) {
      this.#left();
      return;
    }
    const waiting = this.#waiting.get(frame.id);
    if (waiting === undefined) return; // the answer to a ping
    this.#waiting.delete(frame.id);
    if (this.#waiting.size === 0) this.#idle();
    if ("gone" in frame) waiting.reject(new Gone());
    else waiting.resolve(frame);
  }

  /** A process does not end while it waits for an answer, and may end while it does not. */
  #busy(): void {
    this.#socket.ref();
    this.#pings ??= setInterval(() => {
      if (this.#unheard++ >= PINGS_MISSED) this.#socket.destroy();
      else this.#socket.write(encodeFrame({ id: this.#sent++, op: "ping" }));
    }, PING_MS);
  }

  #idle(): void {
    this.#socket.unref();
    clearInterval(this.#pings);
    this.#pings = undefined;
    this.#unheard = 0;
  }

  /** The holder said goodbye: what it has not answered it has not begun. */
  #left(): void {
    for (const { reject } of this.#waiting.values()) reject(new Gone());
    this.#waiting.clear();
    this.#lost();
    this.#socket.end();
  }

  #lost(): void {
    this.#state = "gone";
    this.#idle();
    for (const { op, reject } of this.#waiting.values()) {
      reject(op === "begin" ? new Gone() : lost());
    }
    this.#waiting.clear();
  }
}

class AttachedTransaction implements LinkTransaction {
  readonly #link: AttachedLink;
  readonly #transaction: number;

  constructor(link: AttachedLink, transaction: number) {
    this.#link = link;
    this.#transaction = transaction;
  }

  async query(text: string, parameters: readonly SqlParameter[] = []): Promise<SqlResult> {
    refuseDeep(parameters);
    return resultOf(await this.#ask({ op: "run", text, parameters }));
  }

  async copyIn(
    table: string,
    columns: readonly string[],
    chunks: readonly Uint8Array[],
  ): Promise<number> {
    const answer = await this.#ask({ op: "copy", table, columns, chunks });
    if (!("count" in answer)) throw unexpected();
    return answer.count;
  }

  async commit(): Promise<void> {
    try {
      await this.#link.ask({ op: "commit", transaction: this.#transaction });
    } catch (error) {
      // Sent, and the holder died: it may have committed or not.
      if (!OutgrowError.is(error, "TARGET_UNREACHABLE")) throw notGone(error);
      throw new OutgrowError("OUTCOME_UNKNOWN", {}, { cause: error });
    }
  }

  /** Never fails: a holder that cannot be told rolls back when the connection ends. */
  async rollback(): Promise<void> {
    await this.#link.ask({ op: "rollback", transaction: this.#transaction }).catch(() => {});
  }

  async #ask(request: Within) {
    try {
      return await this.#link.ask({ ...request, transaction: this.#transaction });
    } catch (error) {
      throw notGone(error);
    }
  }
}

type Without<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;
type Within = Without<Extract<ClientRequest, { op: "run" | "copy" }>, "transaction">;

/** A transaction cannot be continued over another link. */
function notGone(error: unknown): unknown {
  return error instanceof Gone ? lost() : error;
}

function lost(): OutgrowError {
  return new OutgrowError("TARGET_UNREACHABLE", {
    detail: "the process that holds the embedded database ended",
  });
}

function resultOf(answer: ServerAnswer): SqlResult {
  if (!("result" in answer)) throw unexpected();
  return answer.result;
}

function unexpected(): OutgrowError {
  return new OutgrowError("INTERNAL", { detail: "an answer of another kind" });
}
