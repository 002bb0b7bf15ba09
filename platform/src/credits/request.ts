/** What a ledger takes, checked before anything is sent; and what makes two requests the same one. */
import { hash, randomUUID } from "node:crypto";
import { PlatformError } from "../errors.ts";

const NAME_LENGTH = 200;
const NOTE_LENGTH = 1_000;
const DEFAULT_TTL_MS = 15 * 60_000;
const LONGEST_MS = 3650 * 86_400_000;

export type Operation = "grant" | "purchase" | "spend" | "reserve" | "capture" | "void" | "refund";

/** A change as a backend gets it: checked, and with all that the store must decide by. */
export interface Order {
  readonly operation: Operation;
  readonly account: string;
  readonly key: string;
  /** Of the request: another one under the same key has another. 43 characters. */
  readonly digest: string;
  /** Of this call, whichever of its attempts arrives; also the id of a hold that it opens. */
  readonly call: string;
  readonly keepMs: number;
  readonly amount?: number | undefined;
  readonly hold?: string | undefined;
  readonly ttlMs?: number | undefined;
  readonly of?: number | undefined;
  readonly payment?: string | undefined;
  readonly note?: string | undefined;
}

type Given = { readonly [Name in keyof Order]?: unknown };

/** @throws {PlatformError} AMOUNT_INVALID, REQUEST_INVALID */
export function order(operation: Operation, given: Given, keepMs: number): Order {
  const account = named("account", given.account);
  const needsAmount = !["capture", "void", "refund"].includes(operation);
  const asked = {
    amount: needsAmount || given.amount !== undefined ? amountOf(given.amount, account) : undefined,
    hold: operation === "capture" || operation === "void" ? named("hold", given.hold) : undefined,
    ttlMs: operation === "reserve" ? ttlOf(given.ttlMs ?? DEFAULT_TTL_MS) : undefined,
    of: operation === "refund" ? placeOf(given.of) : undefined,
    payment: given.payment === undefined ? undefined : named("payment", given.payment),
    note: given.note === undefined ? undefined : written("note", given.note, NOTE_LENGTH),
  };
  const { amount, hold, ttlMs, of, payment, note } = asked;
  const digest = digestOf([operation, account, amount, hold, ttlMs, of, payment, note]);
  const key = named("key", given.key);
  return { operation, account, key, digest, call: newCall(), keepMs, ...asked };
}

export function newCall(): string {
  return randomUUID();
}

/** Of what can be written as JSON; `undefined` counts as null. */
export function digestOf(request: readonly unknown[]): string {
  return hash("sha256", JSON.stringify(request), "base64url");
}

/** @throws {PlatformError} AMOUNT_INVALID */
export function amountOf(amount: unknown, account: string): number {
  if (Number.isSafeInteger(amount) && (amount as number) > 0) return amount as number;
  throw new PlatformError("AMOUNT_INVALID", { account, detail: wrongWith(amount) });
}

/** What a number lacks, without the number. */
export function wrongWith(amount: unknown): string {
  if (typeof amount !== "number") return `it is ${amount === null ? "null" : `a ${typeof amount}`}`;
  if (Number.isNaN(amount)) return "it is not a number";
  if (!Number.isInteger(amount))
    return Number.isFinite(amount) ? "it is a fraction" : "it is infinite";
  if (amount < 0) return "it is negative";
  return amount === 0 ? "it is zero" : "it is larger than that";
}

/** A name that can be part of a key in every store. @throws {PlatformError} REQUEST_INVALID */
export function named(what: string, name: unknown): string {
  const text = written(what, name, NAME_LENGTH);
  if (text === "" || /[\u0000-\u001f\u007f]/.test(text)) {
    const detail = `${what} must have 1 to ${NAME_LENGTH} characters, and none that cannot be seen`;
    throw new PlatformError("REQUEST_INVALID", { detail });
  }
  return text;
}

/** @throws {PlatformError} TENANT_INVALID */
export function tenantOf(tenant: string | undefined): string {
  try {
    return tenant === undefined ? "default" : named("tenant", tenant);
  } catch (cause) {
    throw new PlatformError("TENANT_INVALID", { detail: "a name is needed" }, { cause });
  }
}

function written(what: string, text: unknown, length: number): string {
  if (typeof text !== "string") {
    throw new PlatformError("REQUEST_INVALID", { detail: `${what} must be a text` });
  }
  if (text.length > length) {
    throw new PlatformError("REQUEST_INVALID", { detail: `${what} is longer than ${length}` });
  }
  if (!text.isWellFormed() || text.includes("\u0000")) {
    throw new PlatformError("REQUEST_INVALID", { detail: `${what} is no well-formed text` });
  }
  return text;
}

function ttlOf(ttlMs: unknown): number {
  return span("ttlMs", ttlMs);
}

/** Milliseconds. @throws {PlatformError} REQUEST_INVALID */
export function span(what: string, ms: unknown): number {
  if (Number.isSafeInteger(ms) && (ms as number) > 0 && (ms as number) <= LONGEST_MS) {
    return ms as number;
  }
  const detail = `${what} must be a whole number of milliseconds, at most ten years`;
  throw new PlatformError("REQUEST_INVALID", { detail });
}

function placeOf(place: unknown): number {
  if (Number.isSafeInteger(place) && (place as number) > 0) return place as number;
  throw new PlatformError("REQUEST_INVALID", { detail: "`of` must be the place of an entry" });
}
