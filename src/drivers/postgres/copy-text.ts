/**
 * A row in the text format of COPY, cut into cells (documentation of COPY, "Text Format"): tabs part them, `\N` is
 * NULL, and a backslash stands before whatever would be misunderstood.
 */
import type { CellBytes } from "../../layout/row-digest.ts";

const CELLS = 2048;
const FIRST_BYTES = 64 * 1024;
const TAB = 0x09;
const NEWLINE = 0x0a;
const BACKSLASH = 0x5c;
const N = 0x4e;

/** What stands behind a backslash for another character. */
const MEANT = new Uint8Array(256).map((_, byte) => byte);
for (const [letter, character] of Object.entries({ b: 8, f: 12, n: 10, r: 13, t: 9, v: 11 })) {
  MEANT[letter.charCodeAt(0)] = character;
}

const textOf = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Good until the next row is read. */
export class CopyText implements CellBytes {
  bytes: Uint8Array = new Uint8Array(FIRST_BYTES);
  /** Where each cell begins; -1 for NULL. A table has 1,600 columns at most. */
  readonly starts = new Int32Array(CELLS);
  readonly ends = new Int32Array(CELLS);
  count = 0;

  read(line: Uint8Array): void {
    const { length } = line;
    if (length > this.bytes.length) this.bytes = new Uint8Array(length * 2);
    const { bytes } = this;
    let cell = 0;
    let at = 0;
    let isNull = false;
    this.starts[0] = 0;
    for (let index = 0; index < length; index++) {
      const byte = line[index] as number;
      // Most are letters, which no other question is asked about.
      if (byte > BACKSLASH) {
        bytes[at++] = byte;
      } else if (byte === BACKSLASH) {
        const next = line[++index] as number;
        // Of a text that is `\N` the backslash is doubled.
        if (next === N) isNull = true;
        else bytes[at++] = MEANT[next] as number;
      } else if (byte === TAB || byte === NEWLINE) {
        this.ends[cell] = at;
        if (isNull) this.starts[cell] = -1;
        isNull = false;
        this.starts[++cell] = at;
      } else {
        bytes[at++] = byte;
      }
    }
    this.count = cell;
  }

  /** The cells from this one on, as texts. */
  texts(first: number): (string | null)[] {
    const texts: (string | null)[] = [];
    for (let cell = first; cell < this.count; cell++) texts.push(this.text(cell));
    return texts;
  }

  text(cell: number): string | null {
    const start = this.starts[cell] as number;
    return start < 0 ? null : textOf.decode(this.bytes.subarray(start, this.ends[cell]));
  }
}
