/** Splits chunks of bytes into lines, cut anywhere, in constant memory. Only LF ends a line; JSON ignores a CR. */

export interface Line {
  /** Without the LF; `undefined` when the line is longer than `longest`. May share memory with a chunk. */
  readonly bytes: Uint8Array | undefined;
  readonly offset: number;
  readonly length: number;
}

const LONGEST = 256 * 1024 * 1024;

export class LineSplitter {
  readonly #longest: number;
  /** Offset of the line under way. */
  #start: number;
  #parts: Uint8Array[] = [];
  #held = 0;

  constructor(offset = 0, longest = LONGEST) {
    this.#start = offset;
    this.#longest = longest;
  }

  /** Offset behind the last line that was handed out. */
  get offset(): number {
    return this.#start;
  }

  /** The lines of each chunk, to be gone through before the next turn. */
  async *over(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Iterable<Line>> {
    for await (const chunk of chunks) yield this.#lines(chunk);
    if (this.#held > 0) yield [this.#line(new Uint8Array(0), 0)];
  }

  *#lines(chunk: Uint8Array): Generator<Line> {
    let at = 0;
    for (;;) {
      const end = chunk.indexOf(0x0a, at);
      if (end < 0) break;
      yield this.#line(chunk.subarray(at, end), 1);
      at = end + 1;
    }
    this.#hold(chunk.subarray(at));
  }

  #hold(piece: Uint8Array): void {
    this.#held += piece.length;
    if (this.#held > this.#longest) this.#parts = [];
    else if (piece.length > 0) this.#parts.push(piece);
  }

  #line(last: Uint8Array, ending: number): Line {
    const parts = this.#parts;
    const offset = this.#start;
    const length = this.#held + last.length;
    this.#start += length + ending;
    this.#parts = [];
    this.#held = 0;
    if (length > this.#longest) return { bytes: undefined, offset, length };
    if (parts.length === 0) return { bytes: last, offset, length };
    const bytes = new Uint8Array(length);
    let at = 0;
    for (const part of [...parts, last]) {
      bytes.set(part, at);
      at += part.length;
    }
    return { bytes, offset, length };
  }
}

/** Whether a line holds nothing. */
export function isBlank({ bytes }: Line): boolean {
  if (bytes === undefined) return false;
  for (const byte of bytes) {
    if (byte !== 0x20 && byte !== 0x09 && byte !== 0x0d) return false;
  }
  return true;
}
