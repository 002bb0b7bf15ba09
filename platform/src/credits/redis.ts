/** A ledger in Redis: one script for each change, which holds the balance, its history and the answer's key together. */
import { createHash } from "node:crypto";
import { PlatformError } from "../errors.ts";
import type {
  Answer,
  Audit,
  Backend,
  Opened,
  Opening,
  OverdueHold,
  Page,
  Purchase,
} from "./backend.ts";
import type { Balance, Credits, Entry } from "./credits.ts";
import { Ledger, type LedgerOptions } from "./ledger.ts";
import { auditRedis } from "./redis-audit.ts";
import { fateOfRedis, type RedisConnection, refusalOf } from "./redis-connection.ts";
import { entryOf, importedText, parsed } from "./redis-entry.ts";
import { type Names, names, type RedisNames } from "./redis-names.ts";
import { preflightRedis, type RedisPreflightOptions } from "./redis-preflight.ts";
import { SCRIPTS, type Script } from "./redis-scripts.ts";
import { type Operation, type Order, tenantOf } from "./request.ts";
import { settled } from "./retry.ts";
import { type Outcome, Together } from "./together.ts";

export interface RedisCreditsOptions extends LedgerOptions, RedisPreflightOptions {
  /** Names of counters and lists; see `SEED_NAMES`. */
  readonly names?: RedisNames | undefined;
}

/**
 * A ledger in a Redis that may hold one: looks first whether the server would lose or throw away what it acknowledged.
 *
 * @throws {PlatformError} KV_NOT_DURABLE, KV_EVICTS, KV_CLUSTER, LEDGER_UNREACHABLE, LEDGER_REFUSED
 */
export async function redisCredits(
  connection: RedisConnection,
  options: RedisCreditsOptions = {},
): Promise<Credits> {
  const named = names(tenantOf(options.tenant), options.names);
  const look = (): Promise<void> => preflightRedis(connection, options, named.together);
  await settled(look, fateOfRedis, false, options);
  return new Ledger(new Redis(connection, named), options);
}

/**
 * The balance and history that an app's own code left under the ledger's names, as `importOpening` takes them.
 *
 * @throws {PlatformError} IMPORT_CONFLICT for keys of another kind, such as a list that is one JSON text
 */
export async function existingAccount(
  connection: RedisConnection,
  account: string,
  options: Pick<RedisCreditsOptions, "tenant" | "names"> = {},
): Promise<{ readonly balance: unknown; readonly history: readonly unknown[] }> {
  const named = names(tenantOf(options.tenant), options.names);
  const [balanceKey, historyKey] = named.account(account);
  const read = async (): Promise<{ balance: unknown; history: readonly unknown[] }> => {
    try {
      const balance = await connection.command(["GET", balanceKey]);
      const items = (await connection.command(["LRANGE", historyKey, "0", "-1"])) as string[];
      return { balance: numberOf(balance), history: items.reverse().map(parsed) };
    } catch (error) {
      if (refusalOf(error) !== "WRONGTYPE") throw error;
      const detail = "a counter and a list were expected";
      throw new PlatformError("IMPORT_CONFLICT", { account, detail }, { cause: error });
    }
  };
  return settled(read, fateOfRedis, false);
}

/** All is text in a Redis: what reads as the number that wrote it is one, the rest is told as it is. */
function numberOf(balance: unknown): unknown {
  if (balance === null) return 0;
  const number = Number(balance);
  return String(number) === balance ? number : balance;
}

/** The server does nothing else meanwhile: a millisecond or two. */
const MOST_TOGETHER = 64;

class Redis implements Backend {
  readonly #connection: RedisConnection;
  readonly #names: Names;
  readonly #together = new Map<Operation, Together<Order, Answer>>();

  constructor(connection: RedisConnection, named: Names) {
    this.#connection = connection;
    this.#names = named;
  }

  fateOf(error: unknown): ReturnType<typeof fateOfRedis> {
    return fateOfRedis(error);
  }

  post(order: Order): Promise<Answer> {
    const { operation } = order;
    let together = this.#together.get(operation);
    if (together === undefined) {
      together = new Together((orders) => this.#postAll(operation, orders), MOST_TOGETHER);
      this.#together.set(operation, together);
    }
    return together.ask(order);
  }

  async #postAll(
    operation: Operation,
    orders: readonly Order[],
  ): Promise<readonly Outcome<Answer>[]> {
    const { payments, due, accounts } = this.#names;
    const keys = [payments, due, accounts];
    for (const { account, key } of orders) {
      keys.push(...this.#names.account(account), this.#names.request(key));
    }
    const args = orders.flatMap(({ digest, call, keepMs, account, note, amount, ...order }) => [
      ...[digest, call, String(keepMs), account, note === undefined ? "" : JSON.stringify(note)],
      ...[
        String(amount ?? ""),
        String(order.payment ?? order.hold ?? order.ttlMs ?? order.of ?? ""),
      ],
    ]);
    const answers = (await this.#run(SCRIPTS[operation], keys, args)) as readonly string[];
    return answers.map((text) =>
      text.startsWith("{") ? (JSON.parse(text) as Answer) : new Error(text),
    );
  }

  async open(opening: Opening): Promise<Opened> {
    const { account, key, digest, call, keepMs, balance, entries, payments } = opening;
    const list = await this.#adoptable(account, entries);
    const answer = await this.#run(SCRIPTS.open, this.#keys(account, key), [
      ...[digest, call, String(keepMs), account, ""],
      ...[String(balance), list, String(payments.length)],
      ...payments.flatMap(({ payment, credits, at }) => [payment, String(credits), String(at)]),
      ...entries.map(({ kind, credits, imported }) => importedText(kind, credits, imported)),
    ]);
    return JSON.parse(answer as string) as Opened;
  }

  /**
   * The digest of a list that is there already, for the script to see that it is still the same: it stays as it was
   * written, if it says what was given.
   */
  async #adoptable(account: string, entries: Opening["entries"]): Promise<string> {
    const [, key] = this.#names.account(account);
    const history = entries.filter(({ kind }) => kind === "imported").reverse();
    let texts: readonly string[];
    try {
      texts = (await this.#connection.command(["LRANGE", key, "0", "-1"])) as readonly string[];
    } catch (error) {
      if (refusalOf(error) !== "WRONGTYPE") throw error;
      return "";
    }
    const isSame =
      texts.length === history.length &&
      texts.every((text, at) => JSON.stringify(parsed(text)) === history[at]?.imported);
    return isSame ? createHash("sha1").update(texts.join("\n")).digest("hex") : "";
  }

  async balance(account: string): Promise<Balance> {
    const reply = await this.#run(SCRIPTS.balance, this.#names.account(account));
    const [available = "", held = ""] = reply as readonly string[];
    if (available === "unopened") throw new PlatformError("ACCOUNT_NOT_OPEN", { account });
    if (available === "corrupt") throw new PlatformError("ACCOUNT_CORRUPT", { account });
    return { available: Number(available), held: Number(held) };
  }

  async history(
    account: string,
    before: number | undefined,
    limit: number,
  ): Promise<readonly Entry[]> {
    const [, key] = this.#names.account(account);
    const reply = await this.#run(SCRIPTS.history, [key], [String(before ?? ""), String(limit)]);
    const [last, ...texts] = reply as readonly [number, ...string[]];
    return texts.map((text, index) => entryOf(text, last - index));
  }

  async freeze(account: string, isFrozen: boolean): Promise<boolean> {
    const [, , state] = this.#names.account(account);
    return (await this.#run(SCRIPTS.freeze, [state], [isFrozen ? " frozen" : ""])) === 1;
  }

  async sweep(limit: number): Promise<{ readonly released: number; readonly forgotten: number }> {
    const due = await this.#run(SCRIPTS.due, [this.#names.due], [String(limit)]);
    let released = 0;
    for (const account of due as readonly string[]) {
      const keys = this.#keys(account, "");
      const reply = await this.#run(SCRIPTS.release, keys, ["", "", "", account]);
      // An account that cannot be read is reconciliation's to tell; the others' holds end nevertheless.
      if (typeof reply === "number") released += reply;
    }
    return { released, forgotten: 0 };
  }

  async audit(after: string | undefined): Promise<Page<Audit>> {
    const { accounts, next } = await this.#accounts(after);
    const items: Audit[] = [];
    const run = (script: Script, keys: readonly string[]): Promise<unknown> =>
      this.#run(script, keys);
    for (const account of accounts) {
      items.push(await auditRedis(this.#connection, run, this.#names.account(account), account));
    }
    return { items, next };
  }

  async overdue(
    olderThanMs: number | undefined,
    after: string | undefined,
  ): Promise<Page<OverdueHold>> {
    const { accounts, next } = await this.#accounts(after);
    const items: OverdueHold[] = [];
    for (const account of accounts) {
      const [, , , holds, deadlines] = this.#names.account(account);
      const args = [String(olderThanMs ?? "")];
      const ids = (await this.#run(SCRIPTS.overdue, [holds, deadlines], args)) as string[];
      items.push(...ids.map((hold) => ({ account, hold })));
    }
    return { items, next };
  }

  async purchases(after: string | undefined): Promise<Page<Purchase>> {
    const { payments } = this.#names;
    const reply = await this.#connection.command(["HSCAN", payments, after ?? "0", "COUNT", "500"]);
    const [cursor, flat] = reply as readonly [string, readonly string[]];
    const items: Purchase[] = [];
    for (let at = 0; at + 1 < flat.length; at += 2) {
      const [, amount = "", account = "", answer = ""] =
        /^(\d+)\n([^\n]*)\n(.*)$/s.exec(flat[at + 1] ?? "") ?? [];
      const done = JSON.parse(answer) as { readonly at: number };
      items.push({ payment: flat[at] ?? "", account, credits: BigInt(amount), at: done.at });
    }
    return { items, next: String(cursor) === "0" ? undefined : String(cursor) };
  }

  /** A scan may tell an account twice: what is said of it is then said twice. */
  async #accounts(after: string | undefined): Promise<{
    readonly accounts: readonly string[];
    readonly next: string | undefined;
  }> {
    const { accounts } = this.#names;
    const reply = await this.#connection.command(["SSCAN", accounts, after ?? "0", "COUNT", "500"]);
    const [cursor, found] = reply as readonly [string, readonly string[]];
    return { accounts: found, next: String(cursor) === "0" ? undefined : String(cursor) };
  }

  #keys(account: string, key: string): readonly string[] {
    const { payments, due, accounts } = this.#names;
    return [...this.#names.account(account), this.#names.request(key), payments, due, accounts];
  }

  /** By its digest, and with its text where the server does not have it (any more): then it did nothing. */
  async #run(
    { text, digest }: Script,
    keys: readonly string[],
    args: readonly string[] = [],
  ): Promise<unknown> {
    const rest = [String(keys.length), ...keys, ...args];
    try {
      return await this.#connection.command(["EVALSHA", digest, ...rest]);
    } catch (error) {
      if (refusalOf(error) !== "NOSCRIPT") throw error;
      return this.#connection.command(["EVAL", text, ...rest]);
    }
  }
}
