/** What the generators of legacy data share: numbers that a seed decides, and the texts made of them. */

const HEX = "0123456789abcdef";
const BASE36 = "0123456789abcdefghijklmnopqrstuvwxyz";

const WORDS =
  "amber basin cedar dune ember fjord grove harbor island juniper kelp lagoon meadow nectar orchard pebble quarry river saddle timber upland valley willow yarrow zephyr".split(
    " ",
  );

/** A record of JSON, as an app would have built it. */
export type Row = Record<string, unknown>;

/** mulberry32: small, fast, and the same everywhere. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** From 0 up to, but not, 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** Both ends included. */
  int(from: number, to: number): number {
    return from + Math.floor(this.next() * (to - from + 1));
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.int(0, items.length - 1)] as T;
  }

  #characters(alphabet: string, length: number): string {
    let text = "";
    while (text.length < length) text += alphabet[this.int(0, alphabet.length - 1)];
    return text;
  }

  hex(length: number): string {
    return this.#characters(HEX, length);
  }

  base36(length: number): string {
    return this.#characters(BASE36, length);
  }

  /** Version 4. */
  uuid(): string {
    const hex = this.hex(30);
    const variant = this.pick(["8", "9", "a", "b"]);
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(12, 15)}-${variant}${hex.slice(15, 18)}-${hex.slice(18)}`;
  }

  /** As Prisma's `cuid()` looks. */
  cuid(): string {
    return `c${this.base36(24)}`;
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.int(0, 255));
  }

  words(count: number): string {
    return Array.from({ length: count }, () => this.pick(WORDS)).join(" ");
  }

  title(count = 2): string {
    return this.words(count).replace(/\b[a-z]/g, (letter) => letter.toUpperCase());
  }

  sentence(count = 8): string {
    const words = this.words(count);
    return `${words[0]?.toUpperCase()}${words.slice(1)}.`;
  }
}

/** True for one index of each `period`: quirks are placed by it, so that they occur whatever the seed is. */
export function at(index: number, period: number, phase: number): boolean {
  return index % period === phase;
}

/** Divides a total by weights into whole numbers that add up to it. */
export function apportion<Name extends string>(
  total: number,
  weights: Readonly<Record<Name, number>>,
): Record<Name, number> {
  const names = Object.keys(weights) as Name[];
  const sum = names.reduce((all, name) => all + weights[name], 0);
  const exact = (name: Name): number => (total * weights[name]) / sum;
  const counts = Object.fromEntries(names.map((name) => [name, Math.floor(exact(name))])) as Record<
    Name,
    number
  >;
  let left = total - names.reduce((all, name) => all + counts[name], 0);
  const byRemainder = [...names].sort((a, b) => (exact(b) % 1) - (exact(a) % 1));
  for (const name of byRemainder) {
    if (left-- <= 0) break;
    counts[name]++;
  }
  return counts;
}

/** Makes that many, one after the other. */
export function times<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index));
}

export function iso(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
