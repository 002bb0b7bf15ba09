/**
 * The holder's side of the socket: serves its database to other processes of this user.
 *
 * 1. A client's transaction is rolled back when the client goes, or leaves it alone for too long:
 *    nobody's turn depends on a process that may be dead.
 * 2. While the holder closes, whatever is asked is answered with `gone`, and surely not begun.
 */
import { chmodSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { setImmediate } from "node:timers/promises";
import { OutgrowError } from "../../errors.ts";
import { encodeFrame, FrameReader } from "./frames.ts";
import type { Holder } from "./holder.ts";
import { Gone, type LinkTransaction } from "./link.ts";
import { type ClientFrame, FAREWELL, PROTOCOL, type ServerAnswer, toWire } from "./messages.ts";
import { newSocketPath, removeSocket } from "./socket-path.ts";

const FAREWELL_MS = 500;

export class HolderServer {
  readonly path = newSocketPath();
  readonly #server: Server;
  readonly #clients = new Set<Client>();
  readonly #idleMs: number;
  #holder: Holder | undefined;

  /** @param idleMs how long a client may leave its transaction alone. */
  constructor(idleMs: number) {
    this.#idleMs = idleMs;
    this.#server = createServer((socket) => this.#connected(socket));
    this.#server.unref();
  }

  /** Clients that come before `serve` are answered after it. */
  async listen(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(this.path, () => resolve());
    }).catch((error: NodeJS.ErrnoException) => {
      const detail = `cannot listen on ${this.path} (${error.code})`;
      throw new OutgrowError("TARGET_REFUSED", { detail }, { cause: error });
    });
    if (process.platform !== "win32") chmodSync(this.path, 0o600);
    this.#server.unref();
  }

  serve(holder: Holder): void {
    this.#holder = holder;
  }

  /** After the holder closed or its engine ended: what is asked from now on is never begun. */
  async close(): Promise<void> {
    this.#server.close();
    removeSocket(this.path);
    await setImmediate(); // answers that are ready go out before the farewell
    await Promise.all([...this.#clients].map((client) => client.end()));
  }

  #connected(socket: Socket): void {
    socket.unref();
    const holder = this.#holder;
    if (holder === undefined) return void socket.destroy();
    const client = new Client(socket, holder, this.#idleMs);
    this.#clients.add(client);
    socket.once("close", () => this.#clients.delete(client));
  }
}

interface Open {
  readonly transaction: LinkTransaction;
  idle: NodeJS.Timeout | undefined;
  /** Why it ended without the client's asking for it. */
  lapsed: boolean;
  running: number;
}

/** One attached process. */
class Client {
  readonly #socket: Socket;
  readonly #holder: Holder;
  readonly #idleMs: number;
  readonly #open = new Map<number, Open>();
  #transactions = 0;
  #closed = false;

  constructor(socket: Socket, holder: Holder, idleMs: number) {
    this.#socket = socket;
    this.#holder = holder;
    this.#idleMs = idleMs;
    const reader = new FrameReader();
    socket.on("data", (chunk) => {
      try {
        for (const frame of reader.push(chunk as Buffer)) this.#receive(frame as ClientFrame);
      } catch {
        socket.destroy(); // it does not speak our language
      }
    });
    socket.on("error", () => {}); // "close" follows
    socket.once("close", () => this.#left());
  }

  /** Says goodbye; resolves when that was heard, or after a moment. */
  async end(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const closed = new Promise<void>((resolve) => this.#socket.once("close", () => resolve()));
    this.#socket.end(encodeFrame({ id: FAREWELL, gone: true }));
    const timer = setTimeout(() => this.#socket.destroy(), FAREWELL_MS);
    await closed;
    clearTimeout(timer);
  }

  async #receive(frame: ClientFrame): Promise<void> {
    let answer: ServerAnswer | { readonly gone: true };
    try {
      answer = await this.#answer(frame);
    } catch (error) {
      answer = error instanceof Gone ? { gone: true } : { error: toWire(error) };
    }
    if (!this.#closed) this.#socket.write(encodeFrame({ id: frame.id, ...answer }));
  }

  async #answer(frame: ClientFrame): Promise<ServerAnswer> {
    switch (frame.op) {
      case "hello":
        if (frame.protocol !== PROTOCOL) throw new OutgrowError("UNSUPPORTED");
        return { hello: this.#holder.closing ? "closing" : "open" };
      case "ping":
        return { done: true };
      case "query":
        return { result: await this.#holder.query(frame.text, frame.parameters) };
      case "begin":
        return { transaction: await this.#begin(frame.readOnly) };
      case "run": {
        const { text, parameters } = frame;
        return { result: await this.#within(frame, (sql) => sql.query(text, parameters)) };
      }
      case "copy": {
        const { table, columns, chunks } = frame;
        return { count: await this.#within(frame, (sql) => sql.copyIn(table, columns, chunks)) };
      }
      case "commit":
        await this.#within(frame, (sql) => sql.commit());
        this.#forget(frame.transaction);
        return { done: true };
      case "rollback":
        await this.#rollback(frame.transaction);
        return { done: true };
    }
  }

  async #begin(readOnly: boolean): Promise<number> {
    const transaction = await this.#holder.begin(readOnly);
    const number = this.#transactions++;
    const open: Open = { transaction, idle: undefined, lapsed: false, running: 0 };
    this.#open.set(number, open);
    if (this.#closed) await this.#rollback(number);
    else this.#watch(open);
    return number;
  }

  async #within<R>(
    frame: { readonly transaction: number },
    work: (sql: LinkTransaction) => Promise<R>,
  ): Promise<R> {
    const open = this.#open.get(frame.transaction);
    if (open === undefined || open.lapsed) throw lapsed(this.#idleMs);
    clearTimeout(open.idle);
    open.running++;
    try {
      return await work(open.transaction);
    } finally {
      open.running--;
      if (open.running === 0 && this.#open.has(frame.transaction)) this.#watch(open);
    }
  }

  #watch(open: Open): void {
    open.idle = setTimeout(() => {
      open.lapsed = true;
      void open.transaction.rollback();
    }, this.#idleMs);
    open.idle.unref();
  }

  async #rollback(number: number): Promise<void> {
    const open = this.#forget(number);
    if (open !== undefined && !open.lapsed) await open.transaction.rollback();
  }

  #forget(number: number): Open | undefined {
    const open = this.#open.get(number);
    clearTimeout(open?.idle);
    this.#open.delete(number);
    return open;
  }

  #left(): void {
    this.#closed = true;
    for (const number of [...this.#open.keys()]) void this.#rollback(number);
  }
}

function lapsed(idleMs: number): OutgrowError {
  return new OutgrowError("TIMEOUT", {
    detail: `the transaction was left alone for ${idleMs} ms and was rolled back`,
  });
}
