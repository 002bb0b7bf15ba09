/** Values on a socket: four bytes of length, then the value as V8 serialises it. */
import { deserialize, serialize } from "node:v8";

/** Nothing that we send comes near it; what claims to is not from us. */
const MAX_BYTES = 1024 * 1024 * 1024;

export function encodeFrame(value: unknown): Buffer {
  const body = serialize(value);
  const frame = Buffer.allocUnsafe(4 + body.length);
  frame.writeUInt32BE(body.length, 0);
  frame.set(body, 4);
  return frame;
}

/** Cuts a stream of bytes into values. */
export class FrameReader {
  #chunks: Buffer[] = [];
  #size = 0;

  /** The values that are complete now. @throws {RangeError} if it cannot be our stream */
  *push(chunk: Buffer): Generator<unknown> {
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    while (this.#size >= 4) {
      const length = this.#head().readUInt32BE(0);
      if (length > MAX_BYTES) throw new RangeError("The frame is too long.");
      if (this.#size < 4 + length) return;
      const whole = Buffer.concat(this.#chunks, this.#size);
      const rest = whole.subarray(4 + length);
      this.#chunks = rest.length === 0 ? [] : [rest];
      this.#size = rest.length;
      yield deserialize(whole.subarray(4, 4 + length));
    }
  }

  #head(): Buffer {
    const first = this.#chunks[0];
    if (first !== undefined && first.length >= 4) return first;
    const whole = Buffer.concat(this.#chunks, this.#size);
    this.#chunks = [whole];
    return whole;
  }
}
