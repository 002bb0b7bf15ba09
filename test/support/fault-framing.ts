/** Where one protocol message ends and the next begins. */

/** up: from the client to the server. */
export type Direction = "up" | "down";
export type Framing = "postgres" | "chunks";

export interface Message {
  readonly direction: Direction;
  /** Postgres' letter of the message; `startup`, `ssl` for those without; `chunk` without framing. */
  readonly type: string;
  readonly bytes: Buffer;
  /** Number of its connection, from 1. */
  readonly connection: number;
}

export type Frame = Omit<Message, "direction" | "connection">;

export interface Framer {
  up(data: Buffer): readonly Frame[];
  down(data: Buffer): readonly Frame[];
}

export function makeFramer(framing: Framing): Framer {
  if (framing === "postgres") return new PostgresFramer();
  const chunk = (bytes: Buffer): readonly Frame[] => [{ type: "chunk", bytes }];
  return { up: chunk, down: chunk };
}

const SSL_REQUEST = 80877103;
const GSS_REQUEST = 80877104;

/**
 * Postgres' messages are a letter, a length that counts itself, and a body. Only what a client says first has no
 * letter; and the answer to its question for TLS is a single byte.
 */
class PostgresFramer implements Framer {
  #up: Buffer = Buffer.alloc(0);
  #down: Buffer = Buffer.alloc(0);
  #started = false;
  /** Single bytes that the server still owes. */
  #answers = 0;

  up(data: Buffer): readonly Frame[] {
    this.#up = Buffer.concat([this.#up, data]);
    const frames: Frame[] = [];
    for (;;) {
      const letters = this.#started ? 1 : 0;
      const bytes = whole(this.#up, letters);
      if (bytes === undefined) return frames;
      this.#up = this.#up.subarray(bytes.length);
      if (this.#started) {
        frames.push({ type: String.fromCharCode(bytes[0] as number), bytes });
        continue;
      }
      const code = bytes.readInt32BE(4);
      const asks = code === SSL_REQUEST || code === GSS_REQUEST;
      if (asks) this.#answers++;
      else this.#started = true;
      frames.push({ type: asks ? "ssl" : "startup", bytes });
    }
  }

  down(data: Buffer): readonly Frame[] {
    this.#down = Buffer.concat([this.#down, data]);
    const frames: Frame[] = [];
    for (;;) {
      const bytes = this.#answers > 0 ? first(this.#down) : whole(this.#down, 1);
      if (bytes === undefined) return frames;
      this.#down = this.#down.subarray(bytes.length);
      if (this.#answers > 0) {
        this.#answers--;
        frames.push({ type: "ssl", bytes });
      } else {
        frames.push({ type: String.fromCharCode(bytes[0] as number), bytes });
      }
    }
  }
}

function first(buffer: Buffer): Buffer | undefined {
  return buffer.length === 0 ? undefined : buffer.subarray(0, 1);
}

/** The message at the beginning, when all of it is there. */
function whole(buffer: Buffer, letters: number): Buffer | undefined {
  if (buffer.length < letters + 4) return undefined;
  const length = letters + buffer.readInt32BE(letters);
  return buffer.length < length ? undefined : buffer.subarray(0, length);
}

/** Whether a client's message (Query or Parse) holds this SQL. */
export function says(message: Message, sql: string): boolean {
  return (
    message.direction === "up" &&
    (message.type === "Q" || message.type === "P") &&
    message.bytes.includes(sql)
  );
}

export const isCommit = (message: Message): boolean => says(message, "commit\0");

/** The server's word that a transaction was committed. */
export const isCommitted = (message: Message): boolean =>
  message.direction === "down" && message.type === "C" && message.bytes.includes("COMMIT\0");
