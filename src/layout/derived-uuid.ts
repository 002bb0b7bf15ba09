/**
 * UUIDs for keys that are none, where a table insists on them: RFC 9562, version 5 (SHA-1 of a namespace and a
 * name). The same key gets the same UUID in every run, in every process.
 */
import { sha1 } from "@noble/hashes/legacy.js";

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Whether this is a UUID as Postgres writes it. */
export function isUuid(text: string): boolean {
  return text.length === 36 && uuidPattern.test(text);
}

/** Ours: a random one, for ever the same. */
const NAMESPACE = Uint8Array.from([
  0x5f, 0x1c, 0x9d, 0x0e, 0x6f, 0x3b, 0x4c, 0x0a, 0x9a, 0x57, 0x2e, 0x7b, 0x0d, 0x44, 0x81, 0xc6,
]);
const utf8 = new TextEncoder();

function uuidOf(name: string): string {
  const bytes = utf8.encode(name);
  const input = new Uint8Array(NAMESPACE.length + bytes.length);
  input.set(NAMESPACE);
  input.set(bytes, NAMESPACE.length);
  const hash = sha1(input).subarray(0, 16);
  hash[6] = ((hash[6] as number) & 0x0f) | 0x50;
  hash[8] = ((hash[8] as number) & 0x3f) | 0x80;
  const hex = Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** The UUID that stands for a key: the key itself where it is one. @param ledgerKey the key's ledger text. */
export function derivedUuid(tenant: string, collection: string, ledgerKey: string): string {
  if (ledgerKey.length === 37 && ledgerKey[0] === "s" && isUuid(ledgerKey.slice(1))) {
    return ledgerKey.slice(1);
  }
  // Lone surrogates, which no UTF-8 tells apart, are escaped.
  return uuidOf(JSON.stringify([tenant, collection, ledgerKey]));
}

/** The UUID of a child row: of its parent's cell, its list, and what tells it from its siblings. */
export function childUuid(parent: string, path: readonly string[], place: string): string {
  return uuidOf(JSON.stringify([parent, path, place]));
}
