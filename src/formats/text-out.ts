/** Text on its way out of a format's writer. */
import type { Sink } from "./format.ts";

const PIECE = 64 * 1024;

/** Text on its way to a sink, in pieces of a useful size. */
export class TextOut {
  readonly #sink: Sink;
  #text = "";

  constructor(sink: Sink) {
    this.#sink = sink;
  }

  add(text: string): void {
    this.#text += text;
  }

  /** Whether enough has come together to be worth a `flush`. */
  get full(): boolean {
    return this.#text.length >= PIECE;
  }

  async flush(): Promise<void> {
    const text = this.#text;
    this.#text = "";
    if (text !== "") await this.#sink(text);
  }
}
