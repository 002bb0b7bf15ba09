/** Where a page ended, as a text that a client keeps: base64url of JSON. It holds values, and is no secret. */
import { fromBase64, toBase64 } from "../collection/bytes.ts";
import { readNumber } from "../collection/exact-number.ts";
import { decodeKey } from "../collection/key.ts";
import { ExactNumber, type Value } from "../collection/value.ts";
import { OutgrowError } from "../errors.ts";
import { RANK, rankOf } from "./query-values.ts";

/** A record's place in the order of a query: the values that it is ordered by, and its key. */
export interface Place {
  readonly values: readonly Value[];
  /** Ledger text. */
  readonly key: string;
}

/** Any value without an order: they all have one place. */
const OTHER: Value = Object.freeze([]);

const VERSION = 1;
const utf8 = new TextEncoder();
const strictUtf8 = new TextDecoder("utf-8", { fatal: true });

/** @param order names the query's order: a cursor fits no other. */
export function encodeCursor(order: readonly string[], place: Place): string {
  // JSON escapes lone surrogates, so the text is well formed.
  const text = JSON.stringify([VERSION, order, place.values.map(written), place.key]);
  return toBase64(utf8.encode(text)).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

function written(value: Value): readonly unknown[] {
  const rank = rankOf(value);
  switch (rank) {
    case RANK.boolean:
      return [rank, value];
    case RANK.number:
      return [rank, value instanceof ExactNumber ? value.text : String(value)];
    case RANK.date: {
      const time = (value as Date).getTime();
      return [rank, Number.isNaN(time) ? null : time];
    }
    case RANK.text:
      return [rank, value];
    default:
      return [rank];
  }
}

/** @throws {OutgrowError} QUERY_CURSOR when it is none of ours, or of a query with another order. */
export function decodeCursor(order: readonly string[], cursor: string): Place {
  const parts = parsed(cursor);
  if (!Array.isArray(parts) || parts.length !== 4 || parts[0] !== VERSION)
    throw refused("unreadable");
  const [, names, values, key] = parts as readonly unknown[];
  if (!Array.isArray(names) || JSON.stringify(names) !== JSON.stringify(order)) {
    throw refused("it belongs to a query with another order");
  }
  if (!Array.isArray(values) || values.length !== order.length || !isLedgerKey(key)) {
    throw refused("unreadable");
  }
  return { values: values.map(read), key };
}

function parsed(cursor: unknown): unknown {
  if (typeof cursor !== "string" || !/^[\w-]+$/.test(cursor)) throw refused("unreadable");
  const padded = cursor.replaceAll("-", "+").replaceAll("_", "/");
  const bytes = fromBase64(padded + "=".repeat((4 - (padded.length % 4)) % 4));
  if (bytes === undefined) throw refused("unreadable");
  try {
    return JSON.parse(strictUtf8.decode(bytes)) as unknown;
  } catch {
    throw refused("unreadable");
  }
}

function isLedgerKey(key: unknown): key is string {
  if (typeof key !== "string") return false;
  try {
    // Any text of the right form will do: it is compared, never looked up.
    decodeKey(key);
  } catch {
    return false;
  }
  return key.isWellFormed() && !key.includes("\u0000");
}

const NUMBER_WORDS: readonly unknown[] = ["NaN", "Infinity", "-Infinity"];
const NUMERAL = /^-?\d{1,100000}(?:\.\d{1,100000})?(?:[eE][+-]?\d{1,20})?$/;

function read(part: unknown): Value {
  const [rank, content] = Array.isArray(part) ? (part as readonly unknown[]) : [];
  switch (rank) {
    case RANK.absent:
      return undefined;
    case RANK.null:
      return null;
    case RANK.boolean:
      if (typeof content === "boolean") return content;
      break;
    case RANK.number:
      if (NUMBER_WORDS.includes(content)) return Number(content);
      if (typeof content === "string" && NUMERAL.test(content)) return readNumber(content);
      break;
    case RANK.date:
      if (content === null) return new Date(Number.NaN);
      if (typeof content === "number" && Math.abs(content) <= 8.64e15) return new Date(content);
      break;
    case RANK.text:
      if (typeof content === "string") return content;
      break;
    case RANK.other:
      return OTHER;
  }
  throw refused("unreadable");
}

function refused(detail: string): OutgrowError {
  return new OutgrowError("QUERY_CURSOR", { detail });
}
