/** The protocol of Redis (RESP2): commands as bytes, and replies out of whatever pieces the network brings. */

/** What the server answers instead of a reply: `code` is its first word, the rest may quote arguments. */
export class RedisReplyError extends Error {
  readonly code: string;
  constructor(message: string) {
    super(message);
    this.code = /^[A-Z]+(?=$|\s)/.exec(message)?.[0] ?? "ERR";
  }
}

export type Reply = null | string | number | RedisReplyError | readonly Reply[];

/** Commands are written into buffers of this size: none is copied into one text, or one buffer, first. */
const PIECE = 256 * 1024;
/** Shorter arguments are written character by character: calling out of the engine would cost more. */
const SHORT = 48;
/** Room for `$`, the digits of a length, and line ends. */
const FRAME = 24;

/**
 * Commands as bytes, in pieces to send one after the other.
 *
 * The length of an argument stands before it, and is known only when it has been written. Nearly always it is that
 * of the text: so the text is written behind a length that is taken for granted, and moved where that was wrong.
 */
export function* encodeCommands(
  commands: readonly (readonly (string | Uint8Array)[])[],
): Generator<Buffer> {
  let piece = Buffer.allocUnsafeSlow(PIECE);
  let at = 0;
  for (const command of commands) {
    if (at + FRAME > piece.length) {
      yield piece.subarray(0, at);
      piece = Buffer.allocUnsafeSlow(PIECE);
      at = 0;
    }
    at = lineEnd(piece, number(piece, at, STAR, command.length));
    for (const argument of command) {
      const isText = typeof argument === "string";
      const most = (isText ? argument.length * 3 : argument.length) + FRAME;
      if (at + most > piece.length) {
        if (at > 0) yield piece.subarray(0, at);
        piece = Buffer.allocUnsafeSlow(Math.max(PIECE, most));
        at = 0;
      }
      at = isText ? bulk(piece, at, argument) : bulkBytes(piece, at, argument);
    }
  }
  if (at > 0) yield piece.subarray(0, at);
}

const [STAR, DOLLAR, CR, LF] = [42, 36, 13, 10] as const;

function number(piece: Buffer, from: number, mark: number, value: number): number {
  const end = from + 1 + digitsOf(value);
  piece[from] = mark;
  let left = value;
  for (let at = end - 1; at > from; at--) {
    piece[at] = 48 + (left % 10);
    left = Math.floor(left / 10);
  }
  return end;
}

function digitsOf(value: number): number {
  let digits = 1;
  for (let bound = 10; value >= bound; bound *= 10) digits++;
  return digits;
}

function lineEnd(piece: Buffer, at: number): number {
  piece[at] = CR;
  piece[at + 1] = LF;
  return at + 2;
}

function bulk(piece: Buffer, from: number, text: string): number {
  const { length } = text;
  const body = lineEnd(piece, number(piece, from, DOLLAR, length));
  if (length <= SHORT) {
    let index = 0;
    for (; index < length; index++) {
      const code = text.charCodeAt(index);
      if (code > 127) break;
      piece[body + index] = code;
    }
    if (index === length) return lineEnd(piece, body + length);
  }
  const written = piece.write(text, body, "utf8");
  if (written === length) return lineEnd(piece, body + length);
  // Not ASCII: its length in bytes may have more digits.
  const behind = from + 1 + digitsOf(written) + 2;
  if (behind !== body) piece.copyWithin(behind, body, body + written);
  lineEnd(piece, number(piece, from, DOLLAR, written));
  return lineEnd(piece, behind + written);
}

function bulkBytes(piece: Buffer, from: number, bytes: Uint8Array): number {
  const body = lineEnd(piece, number(piece, from, DOLLAR, bytes.length));
  piece.set(bytes, body);
  return lineEnd(piece, body + bytes.length);
}

interface Open {
  readonly items: Reply[];
  readonly length: number;
}

const [SIMPLE, ERROR, INTEGER] = [43, 45, 58];

/** Takes bytes in pieces and tells of each reply. What was parsed once is not parsed again. */
export class ReplyParser {
  readonly #onReply: (reply: Reply) => void;
  #chunks: Buffer[] = [];
  #held = 0;
  /** Nothing can be done with fewer bytes than these. */
  #needed = 1;
  #open: Open[] = [];

  constructor(onReply: (reply: Reply) => void) {
    this.#onReply = onReply;
  }

  /** @throws {TypeError} for bytes that are not of the protocol */
  take(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#held += chunk.length;
    if (this.#held < this.#needed) return;
    const bytes = this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks, this.#held);
    let at = 0;
    this.#needed = 1;
    while (at < bytes.length) {
      const next = this.#item(bytes, at);
      if (next === undefined) break;
      at = next;
    }
    this.#held = bytes.length - at;
    this.#chunks = this.#held === 0 ? [] : [bytes.subarray(at)];
  }

  /** @returns where the next item begins; `undefined` when this one is not all there yet. */
  #item(bytes: Buffer, at: number): number | undefined {
    const end = bytes.indexOf(CR, at);
    if (end === -1 || end + 1 >= bytes.length) {
      this.#needed = bytes.length - at + 1;
      return undefined;
    }
    const kind = bytes[at];
    const behind = end + 2;
    if (kind === DOLLAR) {
      const length = Number(bytes.toString("latin1", at + 1, end));
      if (length === -1) return this.#done(null, behind);
      if (bytes.length < behind + length + 2) {
        this.#needed = behind + length + 2 - at;
        return undefined;
      }
      return this.#done(bytes.toString("utf8", behind, behind + length), behind + length + 2);
    }
    const text = bytes.toString("utf8", at + 1, end);
    if (kind === INTEGER) return this.#done(Number(text), behind);
    if (kind === SIMPLE) return this.#done(text, behind);
    if (kind === ERROR) return this.#done(new RedisReplyError(text), behind);
    if (kind !== STAR) throw new TypeError("This is not the protocol of Redis.");
    const length = Number(text);
    if (length <= 0) return this.#done(length === 0 ? [] : null, behind);
    this.#open.push({ items: [], length });
    return behind;
  }

  #done(reply: Reply, behind: number): number {
    let finished: Reply = reply;
    for (let open = this.#open.at(-1); open !== undefined; open = this.#open.at(-1)) {
      open.items.push(finished);
      if (open.items.length < open.length) return behind;
      this.#open.pop();
      finished = open.items;
    }
    this.#onReply(finished);
    return behind;
  }
}
