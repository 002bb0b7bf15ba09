/**
 * What a Postgres (or the way to it) said, as one of our codes. This is the retry table: which
 * codes may be tried again is a column of `ERRORS`, and only the transfer loop tries. The server's
 * own message and DETAIL are left out, because they quote values; the names of constraints, tables
 * and columns stay.
 */
import { type ErrorCode, OutgrowError } from "../../errors.ts";

interface DatabaseErrorShape {
  readonly code?: unknown;
  readonly message?: unknown;
  readonly constraint?: unknown;
  readonly table?: unknown;
  readonly column?: unknown;
}

/** The server ended the session: it goes down, or the session was idle for longer than it allows. */
const SHUTDOWN = new Set(["57P01", "57P02", "57P03", "57P05", "25P03"]);
const NETWORK = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "ECONNABORTED",
  "EPIPE",
  "ETIMEDOUT",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
]);
const BUSY = new Set(["40001", "40P01", "55P03", "53300"]);
const RECORD = new Set(["23502", "23503", "23514", "54000", "54001"]);
/** A statement was given the wrong number of parameters: class 08, but nothing was lost. */
const PROTOCOL_VIOLATION = "08P01";

/** Any error of a Postgres client library as an `OutgrowError`; one that is that already stays. */
export function sqlError(error: unknown): OutgrowError {
  if (error instanceof OutgrowError) return error;
  const shape = (error ?? {}) as DatabaseErrorShape;
  const code = typeof shape.code === "string" ? shape.code : undefined;
  const sqlState = code !== undefined && isSqlState(code) ? code : undefined;
  if (sqlState !== undefined) {
    return new OutgrowError(
      classify(sqlState),
      { detail: sentence(sqlState, shape) },
      { sqlState },
    );
  }
  const words = typeof shape.message === "string" ? connectionWords(shape.message) : undefined;
  const unreachable = code === undefined || NETWORK.has(code);
  return new OutgrowError(
    unreachable ? "TARGET_UNREACHABLE" : "TARGET_REFUSED",
    { detail: code ?? words },
    { cause: error },
  );
}

/** Five capitals and digits, at least one of them a digit: `EPIPE` is none. */
function isSqlState(code: string): boolean {
  return /^(?=.*\d)[0-9A-Z]{5}$/.test(code);
}

function classify(state: string): ErrorCode {
  if (state === PROTOCOL_VIOLATION) return "TARGET_REFUSED";
  if (SHUTDOWN.has(state) || state.startsWith("08")) return "TARGET_UNREACHABLE";
  if (BUSY.has(state)) return "TARGET_BUSY";
  if (state === "53100") return "TARGET_FULL";
  if (state === "57014") return "TIMEOUT";
  if (RECORD.has(state) || state.startsWith("22")) return "RECORD_REFUSED";
  return "TARGET_REFUSED";
}

function sentence(state: string, shape: DatabaseErrorShape): string {
  const names: string[] = [];
  for (const what of ["constraint", "table", "column"] as const) {
    const name = shape[what];
    if (typeof name === "string" && name !== "") names.push(`${what} ${name}`);
  }
  return names.length === 0 ? `SQLSTATE ${state}` : `SQLSTATE ${state} (${names.join(", ")})`;
}

/** Client libraries' own words about a connection hold no values; anything else is not repeated. */
function connectionWords(message: string): string | undefined {
  return /connect|terminated|timeout|socket|closed/i.test(message) ? message : undefined;
}
