/**
 * Counts distinct keys in bounded memory: open addressing over 52-bit hashes, 8 bytes a slot, outside the heap.
 * Beyond its limit it stops counting and says so; the copy finds every repetition all the same, because the
 * target's primary key does. Two of four million keys share a hash once in about a thousand collections: then
 * one key too many counts as repeated, or as contained, in a number that is only ever shown: what is built on it
 * (a foreign key) is proved again by the database.
 */
const MAX_KEYS = 4_000_000;
/** Most sets stay small, and a source may have ten thousand collections. */
const FIRST_SLOTS = 16;
/** Of all slots, before there are twice as many. Fuller ones are searched too long. */
const FILLED = 0.7;

export class KeySet {
  readonly #limit: number;
  #slots = new Float64Array(FIRST_SLOTS);
  /** Distinct keys seen while counting. */
  size = 0;
  /** Keys that were there already. */
  repeated = 0;
  /** Whether keys were left uncounted. */
  full = false;

  constructor(limit = MAX_KEYS) {
    this.#limit = limit;
  }

  /** @returns whether the key is new. */
  add(key: string): boolean {
    if (this.full) return false;
    if (this.size >= this.#limit) {
      this.full = true;
      return false;
    }
    if (this.size >= this.#slots.length * FILLED) this.#grow();
    if (put(this.#slots, hash52(key))) {
      this.size++;
      return true;
    }
    this.repeated++;
    return false;
  }

  has(key: string): boolean {
    return contains(this.#slots, hash52(key));
  }

  /** How many of this set's keys are in the other one too. */
  countIn(other: KeySet): number {
    let count = 0;
    for (const hash of this.#slots) if (hash !== 0 && contains(other.#slots, hash)) count++;
    return count;
  }

  #grow(): void {
    const larger = new Float64Array(this.#slots.length * 2);
    for (const hash of this.#slots) if (hash !== 0) put(larger, hash);
    this.#slots = larger;
  }
}

function put(slots: Float64Array, hash: number): boolean {
  const slot = slotOf(slots, hash);
  if (slots[slot] === hash) return false;
  slots[slot] = hash;
  return true;
}

function contains(slots: Float64Array, hash: number): boolean {
  return slots[slotOf(slots, hash)] === hash;
}

/** Where the hash lies, or the free slot where it would. */
function slotOf(slots: Float64Array, hash: number): number {
  const mask = slots.length - 1;
  let slot = hash & mask;
  while (slots[slot] !== 0 && slots[slot] !== hash) slot = (slot + 1) & mask;
  return slot;
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
