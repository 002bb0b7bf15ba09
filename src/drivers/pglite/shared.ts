/**
 * One link per data directory and process, however often the directory is opened: by two parts of
 * an app, or by a module that a dev server loaded twice. Hence the registry is the process's own.
 */
import type { OutgrowError } from "../../errors.ts";
import { connect } from "./connect.ts";
import { Gone, type Link } from "./link.ts";

export interface SharedOptions {
  readonly watchdogMs: number;
  readonly idleMs: number;
}

const KEY = Symbol.for("outgrow.pglite.1");
type Registry = Map<string, Shared>;

function registry(): Registry {
  const holder = globalThis as { [KEY]?: Registry };
  holder[KEY] ??= new Map();
  return holder[KEY];
}

export class Shared {
  readonly #directory: string;
  readonly #options: SharedOptions;
  #references = 0;
  #link: Promise<Link> | undefined;
  #poisoned: OutgrowError | undefined;

  private constructor(directory: string, options: SharedOptions) {
    this.#directory = directory;
    this.#options = options;
  }

  /** The link to this directory, with one reference more. The first opener's options count. */
  static async open(directory: string, options: SharedOptions): Promise<Shared> {
    let shared = registry().get(directory);
    if (shared === undefined) {
      shared = new Shared(directory, options);
      registry().set(directory, shared);
    }
    shared.#references++;
    try {
      await shared.#current();
      return shared;
    } catch (error) {
      await shared.release();
      throw error;
    }
  }

  /** Gives one reference back; the last closes the link, after all that is under way. */
  async release(): Promise<void> {
    this.#references--;
    if (this.#references > 0) return;
    this.#forget();
    const link = await this.#link?.catch(() => undefined);
    if (this.#poisoned === undefined) await link?.close();
  }

  /** Does something over the link; over another one, if the holder left before it was begun. */
  async over<R>(work: (link: Link) => Promise<R>): Promise<R> {
    for (;;) {
      const link = await this.#current();
      try {
        return await work(link);
      } catch (error) {
        if (!(error instanceof Gone)) throw error;
      }
    }
  }

  /** Of several calls that find the link gone, the first replaces it. */
  async #current(): Promise<Link> {
    for (;;) {
      if (this.#poisoned !== undefined) throw this.#poisoned;
      this.#link ??= this.#connect();
      const asked = this.#link;
      try {
        const link = await asked;
        if (link.state === "open") return link;
      } catch (error) {
        if (this.#link === asked) this.#link = undefined; // the next call tries again
        throw error;
      }
      if (this.#link === asked) this.#link = undefined;
    }
  }

  #connect(): Promise<Link> {
    return connect(this.#directory, {
      ...this.#options,
      onPoisoned: (why) => {
        this.#poisoned = why;
        this.#forget();
      },
    });
  }

  #forget(): void {
    if (registry().get(this.#directory) === this) registry().delete(this.#directory);
  }
}
