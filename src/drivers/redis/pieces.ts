/** Arguments too long for one request: brought in pieces to keys that lapse by themselves, and named by their number. */
import { randomUUID } from "node:crypto";
import { askAll, type RedisConnection } from "./connection.ts";

/** A shorter text is not worth its place in a piece. */
const SHORT = 64;
/** Long enough for a commit that is tried again for minutes. */
const LIFE_SECONDS = "3600";

export class Pieces {
  readonly names: string[] = [];
  readonly #connection: RedisConnection;
  readonly #prefix: string;
  readonly #texts: string[] = [];
  /** The one that holds many texts. */
  #pack: { readonly number: number; bytes: number } | undefined;

  constructor(connection: RedisConnection, prefix: string) {
    this.#connection = connection;
    this.#prefix = prefix;
  }

  /** The argument itself, or, where it is too long, what stands for it. */
  long(argument: string): string {
    const { argument: limit } = this.#connection.limits;
    if (argument.length * 6 <= limit || this.#connection.cost(argument) <= limit) return argument;
    return `\u0001${this.#add(argument)}`;
  }

  /** The same where many that are not long are too much together: they share a piece. */
  packed(argument: string): string {
    const long = this.long(argument);
    if (long !== argument || argument.length < SHORT) return long;
    this.#pack ??= { number: this.#add(""), bytes: 0 };
    const { number, bytes: from } = this.#pack;
    this.#texts[number - 1] += argument;
    this.#pack.bytes += Buffer.byteLength(argument);
    return `\u0001${number}:${from}:${this.#pack.bytes - 1}`;
  }

  #add(text: string): number {
    this.#texts.push(text);
    return this.names.push(this.#prefix + randomUUID());
  }

  /** Brings what is long, before the script that takes it. */
  async bring(): Promise<void> {
    for (const [index, text] of this.#texts.entries()) {
      const name = this.names[index] as string;
      let from = 0;
      for (const piece of cut(text, this.#connection)) {
        // At its place rather than at the end: a piece whose answer was lost may be sent again.
        await askAll(this.#connection, [
          ["SETRANGE", name, String(from), piece],
          ["EXPIRE", name, LIFE_SECONDS],
        ]);
        from += Buffer.byteLength(piece);
      }
    }
  }

  /** For a script that did not take them. */
  async discard(): Promise<void> {
    if (this.names.length > 0) await askAll(this.#connection, [["UNLINK", ...this.names]]);
  }
}

function* cut(text: string, connection: RedisConnection): Generator<string> {
  const { argument, bytes } = connection.limits;
  for (let from = 0; from < text.length; ) {
    let to = Math.min(from + argument, text.length);
    while (connection.cost(text.slice(from, to)) > bytes - argument / 2) to = (from + to) >> 1;
    // Not between the halves of a pair.
    if (to < text.length && /[\ud800-\udbff]/.test(text[to - 1] ?? "")) to--;
    yield text.slice(from, to);
    from = to;
  }
}
