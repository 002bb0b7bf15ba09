/**
 * Counts distinct keys in bounded memory: open addressing over 52-bit hashes, 8 bytes a slot, outside the heap.
 * Beyond `MAX_KEYS` it stops counting and says so; the copy finds every repetition all the same, because the
 * target's primary key does. Two of four million keys share a hash once in about a thousand collections: then
 * one key too many counts as repeated, in a number that is only ever shown.
 */
const MAX_KEYS = 4_000_000;

export class KeySet {
  #slots = new Float64Array(1024);
  /** Distinct keys seen while counting. */
  size = 0;
  /** Keys that were there already. */
  repeated = 0;
  /** Whether keys were left uncounted. */
  full = false;

  add(key: string): void {
    if (this.full) return;
    if (this.size * 2 >= this.#slots.length) {
      if (this.size >= MAX_KEYS) {
        this.full = true;
        return;
      }
      this.#grow();
    }
    if (this.#put(this.#slots, hash52(key))) this.size++;
    else this.repeated++;
  }

  #put(slots: Float64Array, hash: number): boolean {
    const mask = slots.length - 1;
    let slot = hash & mask;
    while (slots[slot] !== 0) {
      if (slots[slot] === hash) return false;
      slot = (slot + 1) & mask;
    }
    slots[slot] = hash;
    return true;
  }

  #grow(): void {
    const larger = new Float64Array(this.#slots.length * 2);
    for (const hash of this.#slots) if (hash !== 0) this.#put(larger, hash);
    this.#slots = larger;
  }
}

/** A hash from 1 to 2^52, by two multiplicative hashes of different seeds (cyrb53's scheme). */
function hash52(text: string): number {
  let a = 0xdeadbeef;
  let b = 0x41c6ce57;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    a = Math.imul(a ^ code, 0x9e3779b1);
    b = Math.imul(b ^ code, 0x5f356495);
  }
  a = Math.imul(a ^ (a >>> 16), 0x85ebca6b) ^ Math.imul(b ^ (b >>> 13), 0xc2b2ae35);
  b = Math.imul(b ^ (b >>> 16), 0x85ebca6b) ^ Math.imul(a ^ (a >>> 13), 0xc2b2ae35);
  return 1 + (b >>> 12) * 0x1_0000_0000 + (a >>> 0);
}
