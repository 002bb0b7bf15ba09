/**
 * The thread in which PGlite runs. Its queries block a whole event loop, and after some faults it
 * never answers again: here it blocks nobody, and it can be ended from outside (engine.ts).
 */
import { parentPort, workerData } from "node:worker_threads";
import { PGlite, type Results } from "@electric-sql/pglite";
import type { SqlParameter, SqlResult } from "../postgres/database.ts";

export type WorkerRequest =
  | { readonly op: "query"; readonly text: string; readonly parameters: readonly SqlParameter[] }
  | { readonly op: "copy"; readonly text: string; readonly chunks: readonly Uint8Array[] }
  | { readonly op: "close" };

/** An error's parts that hold no values, and the words of those that did not come from Postgres. */
export interface WorkerFault {
  readonly code: string | undefined;
  readonly constraint: string | undefined;
  readonly table: string | undefined;
  readonly column: string | undefined;
  readonly words: string | undefined;
}

export type WorkerReply =
  | { readonly ready: true }
  | { readonly result: SqlResult }
  | { readonly fault: WorkerFault };

const SETTINGS = [
  "set timezone = 'UTC'",
  "set datestyle = 'ISO'",
  "set intervalstyle = 'postgres'",
  "set bytea_output = 'hex'",
  "set extra_float_digits = 1",
  "set client_min_messages = warning",
].join(";");

/** White space, comments and semicolons: the only text for which Postgres completes no command. */
const NO_COMMAND = /^(?:\s|;|--[^\n]*(?:\n|$)|\/\*(?:[^*]|\*(?!\/))*\*\/)*$/;

async function open(directory: string): Promise<PGlite> {
  const database = await PGlite.create(directory);
  // Of every type there is or will be: text in, text out.
  database.parsers = new Proxy({}, { get: () => (text: string) => text });
  database.serializers = new Proxy({}, { get: () => asText });
  await database.exec(SETTINGS);
  return database;
}

function asText(value: string | Uint8Array): string {
  if (typeof value === "string") return value;
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  return `\\x${bytes.toString("hex")}`;
}

async function run(
  database: PGlite,
  request: Exclude<WorkerRequest, { readonly op: "close" }>,
): Promise<SqlResult> {
  if (request.op === "copy") {
    const blob = new Blob(request.chunks as Uint8Array<ArrayBuffer>[]);
    return answer(await database.query(request.text, [], { blob, rowMode: "array" }), request.text);
  }
  const { text, parameters } = request;
  const options = { rowMode: "array" } as const;
  const results =
    parameters.length === 0
      ? await database.exec(text, options)
      : [await database.query(text, [...parameters], options)];
  return answer(results.at(-1), text);
}

/** PGlite swallows what its WASM throws: a statement that completed nothing has been lost. */
function answer(result: Results<unknown> | undefined, text: string): SqlResult {
  const command = (result as { command?: string } | undefined)?.command;
  if (result === undefined || (command === undefined && !NO_COMMAND.test(text))) {
    throw new Error("a statement was neither completed nor refused");
  }
  const rows = result.rows as SqlResult["rows"];
  return { rows, count: result.rowCount ?? rows.length };
}

function fault(error: unknown): WorkerFault {
  const parts = (error ?? {}) as Record<string, unknown>;
  const text = (name: string) => (typeof parts[name] === "string" ? parts[name] : undefined);
  const code = text("code");
  return {
    code,
    constraint: text("constraint"),
    table: text("table"),
    column: text("column"),
    words: code === undefined ? `${text("name")}: ${text("message")}` : undefined,
  };
}

if (parentPort !== null) {
  const port = parentPort;
  const reply = (message: WorkerReply) => port.postMessage(message);
  try {
    const database = await open((workerData as { directory: string }).directory);
    port.on("message", async (request: WorkerRequest) => {
      try {
        if (request.op !== "close") return reply({ result: await run(database, request) });
        await database.close();
        port.close();
      } catch (error) {
        reply({ fault: fault(error) });
      }
    });
    reply({ ready: true });
  } catch (error) {
    reply({ fault: fault(error) });
  }
}
