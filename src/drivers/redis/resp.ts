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

/** Pieces of about this length are handed to the socket: a batch is not copied into one text first. */
const PIECE = 256 * 1024;

/** The command as texts to send one after the other. */
export function* commandTexts(command: readonly string[]): Generator<string> {
  let text = `*${command.length}\r\n`;
  for (const argument of command) {
    text += `$${Buffer.byteLength(argument)}\r\n${argument}\r\n`;
    if (text.length > PIECE) {
      yield text;
      text = "";
    }
  }
  if (text !== "") yield text;
}

interface Open {
  readonly items: Reply[];
  readonly length: number;
}

const CR = 13;
const [SIMPLE, ERROR, INTEGER, BULK, ARRAY] = [43, 45, 58, 36, 42];

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
    if (kind === BULK) {
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
    if (kind !== ARRAY) throw new TypeError("This is not the protocol of Redis.");
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
