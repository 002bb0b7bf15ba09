/**
 * JSON as it was written: numbers beyond a double stay exact, a name that stands twice is found, and the order
 * of names is remembered where a JavaScript object cannot keep it (`{"10":…,"2":…}`). `JSON.parse` is several
 * times faster and right for nearly every record; the scanner tells which ones need this.
 */
import { readNumber } from "./exact-number.ts";
import { setOwn, type Value } from "./value.ts";

/** The order in which an object's names were written, for objects that reorder them. */
export type NameOrders = Map<object, readonly string[]>;

export interface ParsedJson {
  readonly value: Value;
  readonly orders: NameOrders;
  /** The name that stood twice in one object, if any did; the last of its values is kept. */
  readonly duplicate: string | undefined;
}

/** @throws {SyntaxError} with the character's index, never with the text around it. */
export function parseJson(text: string): ParsedJson {
  const parser = new Parser(text);
  const value = parser.document();
  return { value, orders: parser.orders, duplicate: parser.duplicate };
}

const numberPattern = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const spacePattern = /[ \t\r\n]*/y;
const arrayIndex = /^(?:0|[1-9]\d{0,9})$/;
const words: ReadonlyMap<string, Value> = new Map<string, Value>([
  ["true", true],
  ["false", false],
  ["null", null],
]);

class Parser {
  readonly orders: NameOrders = new Map();
  duplicate: string | undefined;
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  document(): Value {
    const value = this.#value();
    this.#space();
    if (this.#at !== this.#text.length) this.#fail();
    return value;
  }

  #fail(): never {
    throw new SyntaxError(`not JSON at character ${this.#at}`);
  }

  #space(): void {
    spacePattern.lastIndex = this.#at;
    spacePattern.test(this.#text);
    this.#at = spacePattern.lastIndex;
  }

  #next(): string {
    this.#space();
    return this.#text[this.#at] ?? this.#fail();
  }

  #value(): Value {
    const first = this.#next();
    if (first === "{") return this.#object();
    if (first === "[") return this.#array();
    if (first === '"') return this.#string();
    if (first === "-" || (first >= "0" && first <= "9")) return this.#number();
    for (const [word, value] of words) {
      if (this.#text.startsWith(word, this.#at)) {
        this.#at += word.length;
        return value;
      }
    }
    return this.#fail();
  }

  #number(): Value {
    numberPattern.lastIndex = this.#at;
    const match = numberPattern.exec(this.#text);
    if (match === null) this.#fail();
    this.#at = numberPattern.lastIndex;
    return readNumber(match[0]);
  }

  #string(): string {
    // Found by hand, not by a pattern: a data URL of megabytes would overflow a pattern's stack.
    const start = this.#at;
    let end = start + 1;
    for (;;) {
      const quote = this.#text.indexOf('"', end);
      if (quote < 0) this.#fail();
      let slashes = 0;
      while (this.#text[quote - 1 - slashes] === "\\") slashes++;
      end = quote + 1;
      if (slashes % 2 === 0) break;
    }
    this.#at = end;
    try {
      return JSON.parse(this.#text.slice(start, end)) as string;
    } catch {
      this.#at = start;
      return this.#fail();
    }
  }

  #array(): Value {
    const array: Value[] = [];
    this.#at++;
    if (this.#next() === "]") {
      this.#at++;
      return array;
    }
    for (;;) {
      array.push(this.#value());
      const separator = this.#next();
      this.#at++;
      if (separator === "]") return array;
      if (separator !== ",") this.#fail();
    }
  }

  #object(): Value {
    const object: Record<string, Value> = {};
    const names: string[] = [];
    const seen = new Set<string>();
    let reordered = false;
    this.#at++;
    if (this.#next() === "}") {
      this.#at++;
      return object;
    }
    for (;;) {
      if (this.#next() !== '"') this.#fail();
      const name = this.#string();
      if (this.#next() !== ":") this.#fail();
      this.#at++;
      setOwn(object, name, this.#value());
      if (seen.has(name)) {
        this.duplicate ??= name;
      } else {
        seen.add(name);
        names.push(name);
        reordered ||= arrayIndex.test(name);
      }
      const separator = this.#next();
      this.#at++;
      if (separator === "}") break;
      if (separator !== ",") this.#fail();
    }
    if (reordered) this.orders.set(object, names);
    return object;
  }
}
