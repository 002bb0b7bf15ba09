/**
 * The way over TCP or TLS. One connection: what is sent at once is answered in order. Lost, it is made anew for the
 * next command; a command is never sent twice, for only its sender knows whether it may be.
 */
import { connect as connectPlain, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { OutgrowError } from "../../errors.ts";
import { maskPassword } from "../mask.ts";
import type { Argument, RedisConnection } from "./connection.ts";
import { refusal } from "./connection.ts";
import { encodeCommands, RedisReplyError, type Reply, ReplyParser } from "./resp.ts";

const CONNECT_MS = 10_000;
/** A script of a large batch takes a second; a server that says nothing for so long does not answer at all. */
const ANSWER_MS = 60_000;
/** One script of a batch. Redis does nothing else meanwhile, so it is kept below a few tenths of a second. */
const SCRIPT_RECORDS = 20_000;
const SCRIPT_BYTES = 16 * 1024 * 1024;
/** What an app writes at once. */
const WHOLE_BYTES = 64 * 1024 * 1024;

interface Waiting {
  readonly replies: Reply[];
  readonly count: number;
  readonly resolve: (replies: readonly Reply[]) => void;
  readonly reject: (error: unknown) => void;
}

export class TcpConnection implements RedisConnection {
  readonly label: string;
  readonly limits = {
    records: SCRIPT_RECORDS,
    bytes: SCRIPT_BYTES,
    whole: WHOLE_BYTES,
    argument: Number.POSITIVE_INFINITY,
  };
  readonly takesBytes = true;
  readonly inOrder = true;
  readonly #url: URL;
  readonly #answerMs: number;
  #socket: Promise<Line> | undefined;
  #closed = false;

  /** @param answerMs how long an answer may take */
  constructor(address: string, answerMs = ANSWER_MS) {
    this.label = maskPassword(address);
    this.#url = parseUrl(address);
    this.#answerMs = answerMs;
  }

  cost(argument: string): number {
    return argument.length;
  }

  async send(commands: readonly (readonly Argument[])[]): Promise<readonly Reply[]> {
    return (await this.#line()).send(commands);
  }

  #line(): Promise<Line> {
    if (this.#closed) return Promise.reject(new OutgrowError("STORE_CLOSED"));
    if (this.#socket === undefined) {
      const opening = openLine(this.#url, this.#answerMs, () => {
        if (this.#socket === opening) this.#socket = undefined;
      });
      this.#socket = opening;
      opening.catch(() => {
        if (this.#socket === opening) this.#socket = undefined;
      });
    }
    return this.#socket;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    const line = await this.#socket?.catch(() => undefined);
    line?.close();
  }
}

function parseUrl(address: string): URL {
  try {
    return new URL(address);
  } catch (cause) {
    throw new OutgrowError("TARGET_ADDRESS", { detail: maskPassword(address) }, { cause });
  }
}

async function openLine(url: URL, answerMs: number, onEnd: () => void): Promise<Line> {
  const socket = await openSocket(url);
  const line = new Line(socket, answerMs, onEnd);
  const hello: string[][] = [];
  if (url.password !== "") {
    const user = decodeURIComponent(url.username);
    hello.push(["AUTH", ...(user === "" ? [] : [user]), decodeURIComponent(url.password)]);
  }
  const database = url.pathname.replace(/^\//, "");
  if (database !== "" && database !== "0") hello.push(["SELECT", database]);
  try {
    const replies = hello.length === 0 ? [] : await line.send(hello);
    for (const reply of replies) if (reply instanceof RedisReplyError) throw refusal(reply);
  } catch (error) {
    line.close();
    // Nothing that matters was under way yet.
    if (!OutgrowError.is(error, "OUTCOME_UNKNOWN")) throw error;
    throw new OutgrowError("TARGET_UNREACHABLE", error.site, { cause: error });
  }
  return line;
}

function openSocket(url: URL): Promise<Socket> {
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const port = url.port === "" ? 6379 : Number(url.port);
  return new Promise((resolve, reject) => {
    const isTls = url.protocol === "rediss:";
    const socket = isTls
      ? connectTls({ host, port, servername: host })
      : connectPlain({ host, port });
    const fail = (cause: Error): void => {
      socket.destroy();
      const detail = (cause as NodeJS.ErrnoException).code ?? cause.name;
      reject(new OutgrowError("TARGET_UNREACHABLE", { detail }, { cause }));
    };
    const timer = setTimeout(() => fail(new Error("it does not answer")), CONNECT_MS);
    socket.once("error", fail);
    socket.once(isTls ? "secureConnect" : "connect", () => {
      clearTimeout(timer);
      socket.off("error", fail);
      resolve(socket);
    });
    socket.once("close", () => clearTimeout(timer));
  });
}

/** One connection while it lasts. */
class Line {
  readonly #socket: Socket;
  readonly #answerMs: number;
  readonly #onEnd: () => void;
  readonly #waiting: Waiting[] = [];
  #timer: NodeJS.Timeout | undefined;
  #ended = false;

  constructor(socket: Socket, answerMs: number, onEnd: () => void) {
    this.#socket = socket;
    this.#answerMs = answerMs;
    this.#onEnd = onEnd;
    const parser = new ReplyParser((reply) => this.#take(reply));
    socket.setNoDelay(true);
    socket.setKeepAlive(true, 30_000);
    socket.on("data", (chunk) => {
      try {
        parser.take(chunk);
      } catch (error) {
        this.#end(error);
      }
    });
    socket.on("error", (error) => this.#end(error));
    socket.on("close", () => this.#end(new Error("the connection was closed")));
    // An idle connection keeps no process alive.
    socket.unref();
  }

  send(commands: readonly (readonly Argument[])[]): Promise<readonly Reply[]> {
    if (this.#ended) return Promise.reject(new OutgrowError("TARGET_UNREACHABLE"));
    return new Promise((resolve, reject) => {
      if (this.#waiting.length === 0) this.#socket.ref();
      this.#waiting.push({ replies: [], count: commands.length, resolve, reject });
      this.#watch();
      // Piece by piece: the server reads the first while the next is written.
      for (const piece of encodeCommands(commands)) this.#socket.write(piece);
    });
  }

  #take(reply: Reply): void {
    const [first] = this.#waiting;
    if (first === undefined) {
      this.#end(new Error("an answer without a question"));
      return;
    }
    first.replies.push(reply);
    if (first.replies.length < first.count) return;
    this.#waiting.shift();
    this.#watch();
    first.resolve(first.replies);
  }

  /** Waits for the next answer, as long as one is due. */
  #watch(): void {
    clearTimeout(this.#timer);
    if (this.#waiting.length === 0) {
      this.#socket.unref();
      return;
    }
    this.#timer = setTimeout(() => this.#end(new Error("no answer in time")), this.#answerMs);
  }

  #end(cause: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#socket.destroy();
    this.#onEnd();
    for (const { reject } of this.#waiting.splice(0)) {
      reject(new OutgrowError("OUTCOME_UNKNOWN", {}, { cause }));
    }
  }

  close(): void {
    this.#end(new Error("closed"));
  }
}
