/**
 * Digests of many records added up without order, mod 2^256: equal multisets give equal sums. XOR would let a
 * doubled pair cancel out; a sum does not. Buckets bound what has to be looked at again when two sums differ.
 */
export const BUCKETS = 4096;

/** The bucket of a record: by its ledger key alone, so that both sides put it into the same one. FNV-1a, 12 bits. */
export function bucketOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < key.length; index++) {
    hash = Math.imul(hash ^ key.charCodeAt(index), 0x0100_0193);
  }
  return ((hash >>> 20) ^ (hash & 0xfff)) & 0xfff;
}

/** A sum of 32-byte digests mod 2^256, kept as eight 32-bit words. */
export class DigestSum {
  readonly #words = new Uint32Array(8);
  count = 0;

  add(digest: Uint8Array): void {
    let carry = 0;
    for (let word = 7; word >= 0; word--) {
      const at = word * 4;
      const part =
        (((digest[at] as number) << 24) |
          ((digest[at + 1] as number) << 16) |
          ((digest[at + 2] as number) << 8) |
          (digest[at + 3] as number)) >>>
        0;
      const sum = (this.#words[word] as number) + part + carry;
      this.#words[word] = sum;
      carry = sum > 0xffff_ffff ? 1 : 0;
    }
    this.count++;
  }

  equals(other: DigestSum): boolean {
    return this.count === other.count && this.hex === other.hex;
  }

  get hex(): string {
    return Array.from(this.#words, (word) => word.toString(16).padStart(8, "0")).join("");
  }
}

/** The bytes of a digest as lower-case hexadecimal. */
export function digestHex(digest: Uint8Array): string {
  let hex = "";
  for (const byte of digest) hex += byte.toString(16).padStart(2, "0");
  return hex;
}
