/**
 * The members of a record as its source wrote them. A column of JSON then takes the very bytes: nothing is written
 * out that has just been read.
 */
import type { Value } from "../collection/value.ts";
import type { Written } from "../layout/encode-row.ts";

const BACKSLASH = 0x5c;
const U = 0x75;

export class WrittenMembers implements Written {
  /** What was read from these bytes. */
  readonly value: Value;
  readonly #bytes: Uint8Array;
  /** Where each member begins and ends. */
  readonly #places: readonly number[];
  #isPlain: boolean | undefined;

  constructor(value: Value, bytes: Uint8Array, places: readonly number[]) {
    this.value = value;
    this.#bytes = bytes;
    this.#places = places;
  }

  get count(): number {
    return this.#places.length / 2;
  }

  at(index: number): Uint8Array | undefined {
    this.#isPlain ??= !this.#hasCodeEscape();
    if (!this.#isPlain) return undefined;
    return this.#bytes.subarray(this.#places[index * 2], this.#places[index * 2 + 1]);
  }

  /** Whether a `\u` stands anywhere: it may be NUL or half of a surrogate pair, which jsonb refuses. */
  #hasCodeEscape(): boolean {
    const bytes = this.#bytes;
    for (let at = bytes.indexOf(BACKSLASH); at >= 0; at = bytes.indexOf(BACKSLASH, at + 1)) {
      if (bytes[at + 1] === U) return true;
    }
    return false;
  }
}
