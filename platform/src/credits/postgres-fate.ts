/** What an error of a Postgres client says of the statement. Each statement commits itself: there is no COMMIT to lose. */
import { PlatformError } from "../errors.ts";
import type { Fate } from "./retry.ts";

/** Serialization, deadlock, a lock that was not to be had: the statement was undone. */
const CONTENDED = new Set(["40001", "40P01", "55P03"]);
/** The server had no room for the connection, or was not up: it never saw the statement. */
const UNSENT = new Set(["53300", "57P03", "08001", "08004"]);
/** The session was ended, or the connection broke: before or after the statement was done. */
const UNKNOWN = /^(?:57P0[124]|08)/;
/** Schema, function or table are not there. */
const MISSING = new Set(["3F000", "42883", "42P01"]);
/** The client never got as far as to send anything. */
const NO_CONNECTION = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
]);

export function fateOfSql(cause: unknown): Fate {
  const { code, message } = (cause ?? {}) as {
    readonly code?: unknown;
    readonly message?: unknown;
  };
  const name = typeof code === "string" ? code : "";
  const error = (which: PlatformError["code"], detail?: string): PlatformError =>
    new PlatformError(which, { detail }, { cause });
  if (/^(?=.*\d)[0-9A-Z]{5}$/.test(name)) {
    const detail = `SQLSTATE ${name}`;
    if (CONTENDED.has(name)) return { is: "contended", error: error("LEDGER_BUSY", detail) };
    // The server's own deadline: the caller decides whether to wait as long again.
    if (name === "57014") return { is: "refused", error: error("LEDGER_BUSY", detail) };
    if (UNSENT.has(name)) return { is: "unsent", error: error("LEDGER_UNREACHABLE", detail) };
    if (UNKNOWN.test(name)) return { is: "unknown", error: error("LEDGER_UNREACHABLE", detail) };
    if (MISSING.has(name)) return { is: "refused", error: error("LEDGER_MISSING", detail) };
    return { is: "refused", error: error("LEDGER_REFUSED", detail) };
  }
  // node-postgres has no code for a pool that is full.
  const isUnsent =
    NO_CONNECTION.has(name) || /^timeout exceeded when trying to connect/.test(String(message));
  const detail = name === "" ? undefined : name;
  return { is: isUnsent ? "unsent" : "unknown", error: error("LEDGER_UNREACHABLE", detail) };
}
