/**
 * How a record lies in the keys of a Redis, where an app expects them under names of its own: `user:{email}`,
 * `credits:{userId}`. As data: the ledger keeps it beside the layout, `drivers/redis/cells.ts` runs it.
 *
 * L1 holds as for tables: a cell holds a value only when it gives that very value back, and what has no place (a
 * record whose e-mail another record has already, a balance that is text) lies in the rest, counted with a reason.
 *
 * Names are templates: `{name}` stands for the record's property of that name, a text that is not empty or a whole
 * number. They begin with text of their own, and have no hash tag: this is for the default tenant on one server.
 */

export type RedisCell =
  /** The record as JSON, in a string, without what its counters hold. */
  | { readonly kind: "object"; readonly key: string }
  /**
   * The same as an element of its parent's list. `last`: in the source's order, as RPUSH makes it; `first`: the newest
   * one in front, as LPUSH does.
   */
  | { readonly kind: "list"; readonly key: string; readonly push: "first" | "last" }
  /** A string that leads to the record: `value` is a template too. Written only where its object or element is. */
  | { readonly kind: "pointer"; readonly key: string; readonly value: string }
  /** A property that is a whole number, as INCRBY takes it; it says `offset` more than the record. */
  | {
      readonly kind: "counter";
      readonly key: string;
      readonly property: string;
      readonly offset?: number | undefined;
    };

export interface RedisLayout {
  readonly cells: readonly RedisCell[];
}
