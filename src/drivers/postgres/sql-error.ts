/**
 * What a Postgres (or the way to it) said, as one of our codes. This is the retry table: which codes may be tried
 * again is a column of `ERRORS`, and only the transfer loop tries. The server's own message and DETAIL are left
 * out, because they quote values; names of constraints, tables and columns stay.
 */
import { type ErrorCode, OutgrowError } from "../../errors.ts";

interface DatabaseErrorShape {
  readonly code?: unknown;
  readonly message?: unknown;
  readonly constraint?: unknown;
  readonly table?: unknown;
  readonly column?: unknown;
}

const CONNECTION = new Set([
  "57P01",
  "57P02",
  "57P03",
  "ECONNREFUSED",
  "ECONNRESET",
  "EPIPE",
  "ETIMEDOUT",
  "ENOTFOUND",
  "EAI_AGAIN",
]);
const BUSY = new Set(["40001", "40P01", "55P03", "53300"]);
const RECORD = new Set(["23502", "23503", "23514", "54000", "54001"]);

export function sqlError(error: unknown): OutgrowError {
  if (error instanceof OutgrowError) return error;
  const { code, message, constraint, table, column } = (error ?? {}) as DatabaseErrorShape;
  const state = typeof code === "string" ? code : undefined;
  const names = [constraint, table, column].filter(
    (name) => typeof name === "string" && name !== "",
  );
  const place = names.length === 0 ? "" : ` (${names.join(", ")})`;
  const detail = state === undefined ? undefined : `SQLSTATE ${state}${place}`;
  return new OutgrowError(
    classify(state),
    { detail: detail ?? (typeof message === "string" ? connectionWords(message) : undefined) },
    { cause: state === undefined ? error : undefined, sqlState: state },
  );
}

function classify(state: string | undefined): ErrorCode {
  if (state === undefined) return "TARGET_UNREACHABLE";
  if (CONNECTION.has(state) || state.startsWith("08")) return "TARGET_UNREACHABLE";
  if (BUSY.has(state)) return "TARGET_BUSY";
  if (state === "53100") return "TARGET_FULL";
  if (state === "57014") return "TIMEOUT";
  if (RECORD.has(state) || state.startsWith("22")) return "RECORD_REFUSED";
  return "TARGET_REFUSED";
}

/** Client libraries' own words about a connection hold no values; anything else is not repeated. */
function connectionWords(message: string): string | undefined {
  return /connect|terminated|timeout|socket|closed/i.test(message) ? message : undefined;
}
