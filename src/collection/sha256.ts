import { sha256 as portable } from "@noble/hashes/sha2.js";

type CryptoModule = {
  hash?: (algorithm: string, data: string | Uint8Array, encoding: "latin1") => string;
};

/**
 * Node's own SHA-256 where there is a Node, reached without an import so that this folder stays isomorphic;
 * the portable one everywhere else. Both give the same bytes: the golden vectors run through both.
 */
const native = (
  globalThis as {
    process?: { getBuiltinModule?: (name: string) => CryptoModule | undefined };
  }
).process?.getBuiltinModule?.("node:crypto")?.hash;

const utf8 = new TextEncoder();

/** SHA-256 of well-formed text as UTF-8, or of bytes: 32 bytes. */
export const sha256: (data: string | Uint8Array) => Uint8Array = native
  ? (data) => fromLatin1(native("sha256", data, "latin1"))
  : portableSha256;

const BYTES = 32;
/** Digests that lie in one buffer: each in one of its own costs more than the hash. */
const TOGETHER = 128;
let room = new Uint8Array(0);
let used = 0;

/** Node is quicker to give a text of 32 characters than a buffer of 32 bytes. */
function fromLatin1(text: string): Uint8Array {
  if (used === room.length) {
    room = new Uint8Array(TOGETHER * BYTES);
    used = 0;
  }
  for (let index = 0; index < BYTES; index++) room[used + index] = text.charCodeAt(index);
  const digest = room.subarray(used, used + BYTES);
  used += BYTES;
  return digest;
}

/** The portable implementation, exported so that the vectors can hold both against each other. */
export function portableSha256(data: string | Uint8Array): Uint8Array {
  return portable(typeof data === "string" ? utf8.encode(data) : data);
}
