/**
 * Where the members of an object and the elements of a list stand in JSON text. What a file says of records that
 * nobody writes stays the very text that it was: numbers with their digits, escapes as they were spelt.
 */
import { OutgrowError } from "../../errors.ts";

/** A stretch of a text. */
export interface Slice {
  readonly start: number;
  readonly end: number;
}

export interface Member extends Slice {
  readonly name: string;
}

const space = /[ \t\r\n]*/y;

export class SlicedText {
  readonly text: string;
  readonly #file: string;

  /** @param file for messages. */
  constructor(text: string, file: string) {
    this.text = text;
    this.#file = file;
  }

  /** The text as a whole, without the space around it. @throws {OutgrowError} BUNDLE_SYNTAX */
  whole(): Slice {
    const start = this.#skip(0);
    const end = this.#valueEnd(start);
    if (this.#skip(end) !== this.text.length) this.#fail(end);
    return { start, end };
  }

  /** The members of the object that stands there. @throws {OutgrowError} BUNDLE_SYNTAX */
  members({ start }: Slice): Member[] {
    const members: Member[] = [];
    this.#each(start, "{", "}", (at) => {
      if (this.text[at] !== '"') this.#fail(at);
      const nameEnd = this.#stringEnd(at);
      const colon = this.#skip(nameEnd);
      if (this.text[colon] !== ":") this.#fail(colon);
      const value = this.#skip(colon + 1);
      const end = this.#valueEnd(value);
      members.push({ name: this.#parsed(at, nameEnd) as string, start: value, end });
      return end;
    });
    return members;
  }

  /** The elements of the list that stands there. @throws {OutgrowError} BUNDLE_SYNTAX */
  elements({ start }: Slice): Slice[] {
    const elements: Slice[] = [];
    this.#each(start, "[", "]", (at) => {
      const end = this.#valueEnd(at);
      elements.push({ start: at, end });
      return end;
    });
    return elements;
  }

  #each(start: number, open: string, close: string, item: (at: number) => number): void {
    if (this.text[start] !== open) this.#fail(start);
    let at = this.#skip(start + 1);
    if (this.text[at] === close) return;
    for (;;) {
      at = this.#skip(item(at));
      if (this.text[at] === close) return;
      if (this.text[at] !== ",") this.#fail(at);
      at = this.#skip(at + 1);
    }
  }

  #skip(at: number): number {
    space.lastIndex = at;
    space.test(this.text);
    return space.lastIndex;
  }

  #stringEnd(start: number): number {
    for (let at = start + 1; ; at++) {
      at = this.text.indexOf('"', at);
      if (at < 0) this.#fail(start);
      let slashes = 0;
      while (this.text[at - 1 - slashes] === "\\") slashes++;
      if (slashes % 2 === 0) return at + 1;
    }
  }

  /** Behind the value that begins there: brackets are paired and strings passed over, no more is looked at. */
  #valueEnd(start: number): number {
    const open: string[] = [];
    let at = start;
    for (;;) {
      const character = this.text[at];
      if (character === undefined) this.#fail(start);
      if (character === '"') at = this.#stringEnd(at);
      else if (character === "{" || character === "[") {
        open.push(character === "{" ? "}" : "]");
        at++;
      } else if (character === "}" || character === "]") {
        if (open.pop() !== character) this.#fail(at);
        at++;
      } else if (open.length > 0) at++;
      else {
        while (/[\w.+-]/.test(this.text[at] ?? "")) at++;
        if (at === start) this.#fail(at);
      }
      if (open.length === 0) return at;
    }
  }

  #parsed(start: number, end: number): unknown {
    try {
      return JSON.parse(this.text.slice(start, end));
    } catch {
      return this.#fail(start);
    }
  }

  #fail(at: number): never {
    const offset = Buffer.byteLength(this.text.slice(0, at));
    throw new OutgrowError("BUNDLE_SYNTAX", { file: this.#file, offset });
  }
}
