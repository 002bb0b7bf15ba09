/**
 * A record's row straight from what its source wrote: no value is made of a text or of JSON that a column takes as it
 * is. It is for records whose every member has a column, or is the key; of any other, encode-row.ts makes the row.
 */
import type { KeySpace } from "./codec.ts";
import type { RootKey, Written } from "./encode-row.ts";
import type { SqlValue } from "./layout.ts";
import type { Field, RowTree } from "./row-tree.ts";

/** What becomes of each member, in the order of the names: the key's own has no column. */
type Plan = readonly (Field | "key")[];

export class WrittenEncoder {
  readonly #tree: RowTree;
  readonly #keyProperty: string | undefined;
  /** By the list of names; null where there is no plan. */
  readonly #plans = new WeakMap<readonly string[], Plan | null>();

  /** @param keyProperty the property that the key's own column holds. */
  constructor(tree: RowTree, keyProperty: string | undefined) {
    this.#tree = tree;
    this.#keyProperty = keyProperty;
  }

  /**
   * Fills a row whose cells are blank so far.
   * @returns whether the row says all of the record; if not, what is filled is right and the rest is open.
   */
  encode(written: Written, row: SqlValue[], key: RootKey, space: KeySpace): boolean {
    let plan = this.#plans.get(written.names);
    if (plan === undefined) {
      plan = this.#planOf(written.names) ?? null;
      this.#plans.set(written.names, plan);
    }
    if (plan === null) return false;
    for (let index = 0; index < plan.length; index++) {
      const field = plan[index] as Field | "key";
      if (field === "key") {
        if (!key.says(written.member(index))) return false;
      } else if (written.isNull(index)) {
        if (field.fillText !== undefined || field.column.nullMeans !== "null") return false;
      } else {
        const cell = cellOf(field, written, index, space);
        if (cell === undefined) return false;
        row[field.at] = cell;
      }
    }
    return true;
  }

  #planOf(names: readonly string[]): Plan | undefined {
    const { nodes, expected } = this.#tree;
    const there = new Set(names);
    if (expected.some(([name]) => !there.has(name))) return undefined;
    if (this.#keyProperty !== undefined && !there.has(this.#keyProperty)) return undefined;
    const plan: (Field | "key")[] = [];
    for (const name of names) {
      const field = nodes.get(name)?.field;
      if (field !== undefined && !field.hasForm && field.column.late !== true) plan.push(field);
      else if (name === this.#keyProperty && !nodes.has(name)) plan.push("key");
      else return undefined;
    }
    return plan;
  }
}

/** The cell of a member that is not null; `undefined` where its column does not take it as it is. */
function cellOf(
  { column, codec, isJson }: Field,
  written: Written,
  index: number,
  space: KeySpace,
): SqlValue | undefined {
  if (isJson) return written.json(index);
  if (column.codec === "text" && column.limit === undefined) {
    const text = written.text(index);
    if (text !== undefined) return text;
  }
  return codec.encode(written.member(index), column, space);
}
