/**
 * JSON that stands for what jsonb cannot hold exactly: as JSON.stringify would write it, without NUL characters and
 * halves of surrogate pairs. It is spelt as Postgres spells jsonb, so that the rest can tell whether it was changed.
 */
import { ExactNumber, isPlainObject, type Value } from "../collection/value.ts";
import { plainDecimal } from "./codec-number.ts";

/** More digits than anybody's numbers have: numeric takes some 16,000 behind the point. */
const DIGITS = 1000;
const plainNumber = /^-?\d+(?:\.\d+)?$/;
const utf8 = new TextEncoder();

/** `undefined` where nothing of it is JSON. */
export function standingJson(value: Value): string | undefined {
  switch (typeof value) {
    case "string":
      return JSON.stringify(clean(value));
    case "number":
      return Number.isFinite(value) ? numberText(value) : undefined;
    case "bigint":
    case "boolean":
      return String(value);
    case "object":
      return value === null ? "null" : writeObject(value);
    default:
      return undefined;
  }
}

const numberText = (value: number): string => plainDecimal(Object.is(value, -0) ? 0 : value);

const clean = (text: string): string => text.replaceAll("\u0000", "").toWellFormed();

function writeObject(value: Value & object): string | undefined {
  if (Array.isArray(value)) {
    // A hole is null, as in JSON.stringify.
    const elements = Array.from(value as readonly Value[], (one) => standingJson(one) ?? "null");
    return `[${elements.join(", ")}]`;
  }
  if (value instanceof Date) {
    return Number.isNaN(value.getTime()) ? undefined : JSON.stringify(value.toISOString());
  }
  if (value instanceof ExactNumber) {
    const { text } = value;
    return plainNumber.test(text) && text.length <= DIGITS && /[1-9]/.test(text) ? text : undefined;
  }
  if (!isPlainObject(value)) return undefined;
  const members = new Map<string, string>();
  for (const name of Object.keys(value)) {
    const text = standingJson(value[name]);
    if (text !== undefined) members.set(clean(name), text);
  }
  const inOrder = [...members].map(([name, text]) => ({ name, text, bytes: utf8.encode(name) }));
  inOrder.sort((a, b) => compareNames(a.bytes, b.bytes));
  return `{${inOrder.map(({ name, text }) => `${JSON.stringify(name)}: ${text}`).join(", ")}}`;
}

/** As jsonb keeps names: the shorter first, then by their bytes. */
function compareNames(a: Uint8Array, b: Uint8Array): number {
  if (a.length !== b.length) return a.length - b.length;
  for (const [index, byte] of a.entries()) {
    const difference = byte - (b[index] as number);
    if (difference !== 0) return difference;
  }
  return 0;
}
