/** What the processes of an app do in a model of a move, and whether what they saw can have been so. */
import { collection } from "../../src/collection/define.ts";
import { encodeKey } from "../../src/collection/key.ts";
import { dumpRevision } from "../../src/collection/revision.ts";
import { shape } from "../../src/collection/shape.ts";
import { OutgrowError } from "../../src/errors.ts";
import type { Stored } from "../../src/store/driver.ts";
import type { Store } from "../../src/store/store.ts";
import { present } from "../../src/store/writes.ts";
import { type Call, disorder } from "./linear.ts";
import type { MemoryState } from "./memory-side.ts";
import type { Actor, World } from "./world.ts";

interface Item {
  readonly id: string;
  readonly text?: string;
  readonly count?: number;
}
const items = collection("items", { schema: shape<Item>({ id: ["string"] }), key: "id" });

export const AT = { tenant: "default", collection: "items" };
const KEYS = ["k1", "k2", "k3"];
/** Of these, there is none at the beginning. */
const ABSENT = "k3";
const ACCOUNTS = ["a", "b"];
const EACH = 10;

/** A law is broken, not the model. */
export class Broken extends Error {}

/** What the source holds before anybody has called. */
export function firstRecords(): readonly Stored[] {
  return [...KEYS, ...ACCOUNTS, "n"]
    .filter((id) => id !== ABSENT)
    .map((id) => {
      const count = ACCOUNTS.includes(id) ? EACH : 0;
      const value = KEYS.includes(id) ? { id, text: "old" } : { id, count };
      return { ...present(encodeKey(id), value), revision: dumpRevision(0) };
    });
}

export class Callers {
  calls = 0;
  /** Of them, those that began while the target could not be reached. */
  whileDown = 0;
  unknown = 0;
  readonly #world: World;
  readonly #mustSucceed: boolean;
  readonly #calls = new Map<string, Call[]>();
  /** Increments of the counter `n`, acknowledged and not known. */
  readonly #counted = { done: 0, unknown: 0 };
  #values = 0;

  constructor(world: World, mustSucceed: boolean) {
    this.#world = world;
    this.#mustSucceed = mustSucceed;
  }

  /** One call, by lot. */
  async call(actor: Actor, store: Store): Promise<void> {
    const { random } = this.#world;
    const kind = random.pick(["read", "read", "put", "put", "put", "delete", "count", "transfer"]);
    this.calls++;
    if (this.#world.down.size > 0) this.whileDown++;
    if (kind === "count") return this.#increment(store);
    if (kind === "transfer") return this.#transfer(store);
    const key = random.pick(KEYS);
    const face = store.collection(items);
    if (kind === "read") {
      await this.#told(actor, key, "read", null, async () => (await face.get(key))?.text ?? null);
    } else if (kind === "put") {
      const text = `v${++this.#values}`;
      await this.#told(actor, key, "write", text, async () => {
        await face.put({ id: key, text });
        return text;
      });
    } else {
      // What a deletion finds is a read; what it does, a write: told apart in time by nothing but this.
      await this.#told(actor, key, "write", null, async () => {
        if (!(await face.delete(key))) throw new OutgrowError("WRITE_CONFLICT");
        return null;
      });
    }
  }

  /** A call, as its caller saw it. @returns whether it succeeded */
  async #told(
    actor: Actor,
    key: string,
    kind: Call["kind"],
    value: string | null,
    call: () => Promise<string | null>,
  ): Promise<boolean> {
    const calls = this.#calls.get(key) ?? [];
    this.#calls.set(key, calls);
    const begun: { -readonly [K in keyof Call]: Call[K] } = {
      kind,
      value,
      start: this.#world.tick(),
      end: undefined,
      by: actor.name,
    };
    calls.push(begun);
    this.#world.note(`${actor.name} begins to ${kind} ${key} ${value}`);
    try {
      begun.value = await call();
      begun.end = this.#world.tick();
      this.#world.note(`${actor.name} has done: ${kind} ${key} ${begun.value}`);
      return true;
    } catch (error) {
      if (!OutgrowError.is(error)) throw error;
      this.#world.note(`${actor.name} could not ${kind} ${key}: ${error.code}`);
      // Of these it is known that nothing has taken place.
      if (["WRITE_CONFLICT", "STAGE_CHANGING"].includes(error.code)) {
        calls.splice(calls.indexOf(begun), 1);
      } else this.unknown++;
      this.#failed(error);
      return false;
    }
  }

  #failed(error: OutgrowError): void {
    if (this.#mustSucceed && error.code !== "WRITE_CONFLICT") {
      throw new Broken(`a call failed: ${error.message} ${String(error.cause ?? "")}`);
    }
  }

  async #increment(store: Store): Promise<void> {
    this.#counted.unknown++;
    try {
      await store.transaction(async (tx) => {
        const found = await tx.collection(items).get("n");
        await tx.collection(items).put({ id: "n", count: (found?.count ?? 0) + 1 });
      });
      this.#counted.done++;
      this.#counted.unknown--;
    } catch (error) {
      if (!OutgrowError.is(error)) throw error;
      if (error.code === "WRITE_CONFLICT") this.#counted.unknown--;
      this.#failed(error);
    }
  }

  async #transfer(store: Store): Promise<void> {
    const amount = this.#world.random.whole(-3, 3);
    try {
      await store.transaction(async (tx) => {
        const face = tx.collection(items);
        const [a, b] = [await face.get("a"), await face.get("b")];
        await face.put({ id: "a", count: (a?.count ?? 0) - amount });
        await face.put({ id: "b", count: (b?.count ?? 0) + amount });
      });
    } catch (error) {
      if (!OutgrowError.is(error)) throw error;
      this.#failed(error);
    }
  }

  /** Reads everything once more. @throws when what all callers saw cannot have been so. */
  async judge(actor: Actor, store: Store): Promise<void> {
    for (const key of KEYS) {
      const read = async () => (await store.collection(items).get(key))?.text ?? null;
      while (!(await this.#told(actor, key, "read", null, read)));
    }
    for (const key of KEYS) {
      const sentence = disorder(key === ABSENT ? null : "old", this.#calls.get(key) ?? []);
      if (sentence !== undefined) throw new Broken(`${key}: ${sentence}`);
    }
  }

  /** @throws when a side's accounts or its counter cannot be what the transactions made of them. */
  balanced(side: MemoryState): void {
    const count = (id: string): number => {
      const found = side.at(AT, encodeKey(id));
      return (found?.value as Item | undefined)?.count ?? 0;
    };
    const sum = count("a") + count("b");
    if (sum !== 2 * EACH) throw new Broken(`${side.name}: the accounts hold ${sum}`);
    const { done, unknown } = this.#counted;
    const n = count("n");
    if (n < done || n > done + unknown) {
      throw new Broken(`${side.name}: ${n} counted of ${done}, and ${unknown} of unknown outcome`);
    }
  }
}
