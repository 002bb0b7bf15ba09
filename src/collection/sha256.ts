import { sha256 as portable } from "@noble/hashes/sha2.js";

type CryptoModule = {
  hash?: (algorithm: string, data: string | Uint8Array, encoding: "buffer") => Uint8Array;
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
  ? (data) => native("sha256", data, "buffer")
  : portableSha256;

/** The portable implementation, exported so that the vectors can hold both against each other. */
export function portableSha256(data: string | Uint8Array): Uint8Array {
  return portable(typeof data === "string" ? utf8.encode(data) : data);
}
