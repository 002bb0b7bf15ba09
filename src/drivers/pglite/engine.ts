/**
 * PGlite in its worker, under a watchdog.
 *
 * 1. One request at a time; each has a deadline.
 * 2. A request past its deadline, an error without a SQLSTATE and a full disk all mean that this
 *    PGlite may never answer again. It is ended at once, and nothing is asked of it any more. What
 *    it had committed is in its files, as after a `kill -9`.
 */
import { Worker } from "node:worker_threads";
import { OutgrowError } from "../../errors.ts";
import type { SqlParameter, SqlResult } from "../postgres/database.ts";
import { sqlError } from "../postgres/sql-error.ts";
import { refuseDeep } from "./depth.ts";
import type { WorkerFault, WorkerReply, WorkerRequest } from "./worker.ts";

/** Making a data directory takes seconds, repairing a large one after a kill may take longer. */
const OPEN_MS = 120_000;
const CLOSE_MS = 30_000;

/** Called, before anybody else learns of it, when an engine had to be ended. */
export type OnEnd = (why: OutgrowError) => void;

interface Pending {
  readonly resolve: (reply: WorkerReply) => void;
  readonly reject: (error: OutgrowError) => void;
}

export class Engine {
  readonly #worker: Worker;
  readonly #watchdogMs: number;
  readonly #onEnd: OnEnd;
  #pending: Pending | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #ended: OutgrowError | undefined;

  private constructor(worker: Worker, watchdogMs: number, onEnd: OnEnd) {
    this.#worker = worker;
    this.#watchdogMs = watchdogMs;
    this.#onEnd = onEnd;
    worker.on("message", (reply: WorkerReply) => this.#pending?.resolve(reply));
    worker.on("error", (error) => this.#failed(poisoned("its thread failed", error)));
    worker.on("exit", () => this.#failed(poisoned("its thread ended")));
  }

  /** @throws {OutgrowError} TARGET_REFUSED, TARGET_FULL, DATADIR_POISONED */
  static async start(directory: string, watchdogMs: number, onEnd: OnEnd): Promise<Engine> {
    const worker = new Worker(workerFile(import.meta.url), {
      workerData: { directory },
      execArgv: [],
      name: "pglite",
    });
    const engine = new Engine(worker, watchdogMs, onEnd);
    try {
      const reply = await engine.#exchange(undefined, OPEN_MS);
      if ("fault" in reply) throw openFailed(reply.fault);
    } catch (error) {
      engine.#ended = error as OutgrowError;
      await worker.terminate();
      throw error;
    }
    worker.unref();
    return engine;
  }

  /** @throws {OutgrowError} DEPTH, DATADIR_POISONED, and all that `sqlError` makes */
  async query(text: string, parameters: readonly SqlParameter[]): Promise<SqlResult> {
    refuseDeep(parameters);
    return await this.#inTurn({ op: "query", text, parameters });
  }

  async copyIn(
    table: string,
    columns: readonly string[],
    chunks: readonly Uint8Array[],
  ): Promise<number> {
    const text = `copy ${table} (${columns.join(", ")}) from '/dev/blob' with (format binary)`;
    return (await this.#inTurn({ op: "copy", text, chunks })).count;
  }

  /** Lets PGlite finish its files; ends it if it does not. */
  async stop(): Promise<void> {
    await this.#last;
    if (this.#ended !== undefined) return;
    this.#ended = new OutgrowError("STORE_CLOSED");
    this.#worker.ref();
    const exit = new Promise<void>((resolve) => this.#worker.once("exit", () => resolve()));
    const timer = setTimeout(() => void this.#worker.terminate(), CLOSE_MS);
    this.#worker.postMessage({ op: "close" } satisfies WorkerRequest);
    await exit;
    clearTimeout(timer);
  }

  #inTurn(request: WorkerRequest): Promise<SqlResult> {
    const answer = this.#last.then(() => this.#ask(request));
    this.#last = answer.catch(() => {});
    return answer;
  }

  async #ask(request: WorkerRequest): Promise<SqlResult> {
    if (this.#ended !== undefined) throw this.#ended;
    let reply: WorkerReply;
    this.#worker.ref();
    try {
      reply = await this.#exchange(request, this.#watchdogMs);
    } catch (error) {
      throw await this.#end(error as OutgrowError);
    }
    this.#worker.unref();
    if ("result" in reply) return reply.result;
    if ("ready" in reply) throw await this.#end(poisoned("it answered out of turn"));
    const { fault } = reply;
    if (fault.code === undefined) throw await this.#end(poisoned(undefined, fault.words));
    const error = sqlError(fault);
    throw error.code === "TARGET_FULL" ? await this.#end(error) : error;
  }

  #exchange(request: WorkerRequest | undefined, deadlineMs: number): Promise<WorkerReply> {
    return new Promise<WorkerReply>((resolve, reject) => {
      const timer = setTimeout(
        () => this.#failed(poisoned(`no answer within ${deadlineMs} ms`)),
        deadlineMs,
      );
      const settle = () => {
        clearTimeout(timer);
        this.#pending = undefined;
      };
      this.#pending = {
        resolve: (reply) => {
          settle();
          resolve(reply);
        },
        reject: (error) => {
          settle();
          reject(error);
        },
      };
      if (request !== undefined) this.#worker.postMessage(request);
    });
  }

  /** Whoever waits learns of it first; if nobody does, the next to ask will. */
  #failed(why: OutgrowError): void {
    if (this.#pending !== undefined) this.#pending.reject(why);
    else if (this.#ended === undefined) void this.#end(why);
  }

  async #end(why: OutgrowError): Promise<OutgrowError> {
    this.#ended = why;
    await this.#worker.terminate();
    this.#onEnd(why);
    return why;
  }
}

/** Tests run from the sources, but a worker thread cannot: there it is the built one. */
function workerFile(own: string): URL {
  if (own.endsWith(".ts")) return new URL("../../../dist/drivers/pglite/worker.js", own);
  return new URL("./worker.js", own);
}

function poisoned(detail: string | undefined, cause?: unknown): OutgrowError {
  return new OutgrowError("DATADIR_POISONED", { detail }, { cause });
}

function openFailed(fault: WorkerFault): OutgrowError {
  if (fault.code === "ENOSPC" || fault.code === "53100") return new OutgrowError("TARGET_FULL");
  const code = fault.code === undefined ? "" : ` (${fault.code})`;
  const detail = `PGlite could not open the directory${code}`;
  return new OutgrowError("TARGET_REFUSED", { detail }, { cause: fault.words });
}
