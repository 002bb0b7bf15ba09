/**
 * The digest of the record that a row stands for, from the bytes of its cells: what `decode` and `digest` come to,
 * without the value. It is for rows that say all of a record in columns and key; of the others nothing is said here.
 */

import { canonicalWriter } from "../collection/canonical.ts";
import type { CanonicalBytes } from "../collection/canonical-bytes.ts";
import { JsonTape } from "../collection/json-tape.ts";
import { compareText, decodeKey } from "../collection/key.ts";
import { sha256 } from "../collection/sha256.ts";
import { Place } from "../collection/shape-tree.ts";
import { TapeDigest } from "../collection/tape-digest.ts";
import { encodeWtf8 } from "../collection/wtf8.ts";
import { ledgerKeyOf } from "./codec.ts";
import type { Layout } from "./layout.ts";
import type { Field, RowTree } from "./row-tree.ts";

/** The cells of a row in Postgres' text output, UTF-8. Cell n lies from `starts[n]`, which is -1 for NULL. */
export interface CellBytes {
  readonly bytes: Uint8Array;
  readonly starts: Int32Array;
  readonly ends: Int32Array;
}

/** A property of the record: a column's, or the key's. */
interface Member {
  readonly name: string;
  /** The name in canonical text. */
  readonly head: Uint8Array;
  readonly field: Field | undefined;
  /** Of the objects in a column of JSON. */
  readonly place: Place;
}

const textOf = new TextDecoder("utf-8", { ignoreBOM: true });

export class RowDigest {
  readonly #layout: Layout;
  readonly #keyAt: number;
  readonly #restAt: number;
  /** In the order of canonical text. */
  readonly #members: readonly Member[];
  readonly #canonical: CanonicalBytes = canonicalWriter();
  readonly #tape = new JsonTape();
  readonly #tapeDigest = new TapeDigest();

  private constructor(layout: Layout, tree: RowTree, members: readonly Member[]) {
    const [root] = layout.tables;
    this.#layout = layout;
    this.#keyAt = root.tenantColumn === undefined ? 0 : 1;
    this.#restAt = tree.lead + tree.blank.length;
    this.#members = members;
  }

  /** `undefined` for layouts with child tables, which are nodes without a field, and others whose rows need more than their cells to be understood. */
  static of(layout: Layout, tree: RowTree, keyProperty: string | undefined): RowDigest | undefined {
    const [root] = layout.tables;
    if (root.restColumn === undefined) return undefined;
    const members: Member[] = [];
    for (const [name, { field }] of tree.nodes) {
      if (field === undefined || field.hasForm || field.column.late === true) return undefined;
      if (field.fillText !== undefined) return undefined;
      members.push(memberOf(name, field));
    }
    if (keyProperty !== undefined) members.push(memberOf(keyProperty, undefined));
    members.sort((a, b) => compareText(a.name, b.name));
    return new RowDigest(layout, tree, members);
  }

  /** The ledger text of a row's key. @param first the row's first cell. */
  key(cells: CellBytes, first: number): string {
    const text = cellText(cells, first + this.#keyAt) as string;
    return ledgerKeyOf(this.#layout.tables[0].key.codec, text);
  }

  /** 32 bytes; `undefined` where the cells do not say all, or not in a way that can be read from here. */
  digest(cells: CellBytes, first: number, key: string): Uint8Array | undefined {
    if ((cells.starts[first + this.#restAt] as number) >= 0) return undefined;
    const canonical = this.#canonical;
    let count = 0;
    for (const { field } of this.#members) if (isThere(field, cells, first)) count++;
    canonical.begin();
    canonical.object(count);
    for (const member of this.#members) {
      const { field } = member;
      if (!isThere(field, cells, first)) continue;
      canonical.append(member.head);
      if (field === undefined) canonical.write(decodeKey(key));
      else if (!this.#cell(field, member.place, cells, first + field.at)) return undefined;
    }
    return sha256(canonical.bytes);
  }

  #cell(field: Field, place: Place, cells: CellBytes, at: number): boolean {
    const { column, codec, isJson } = field;
    const start = cells.starts[at] as number;
    const end = cells.ends[at] as number;
    if (start < 0) {
      this.#canonical.write(null);
    } else if (isJson) {
      if (!this.#tape.readValue(cells.bytes, start, end, place)) return false;
      this.#canonical.append(this.#tapeDigest.text(this.#tape));
    } else if (column.codec === "text") {
      this.#canonical.text(cells.bytes, start, end);
    } else {
      const text = textOf.decode(cells.bytes.subarray(start, end));
      this.#canonical.write(codec.decode(text, column, null));
    }
    return true;
  }
}

function memberOf(name: string, field: Field | undefined): Member {
  return { name, head: encodeWtf8(`"${name.length}:${name}`), field, place: new Place() };
}

/** Whether the record has the member: the key's always, a column's unless NULL says that it has not. */
function isThere(field: Field | undefined, { starts }: CellBytes, first: number): boolean {
  if (field === undefined || (starts[first + field.at] as number) >= 0) return true;
  return field.column.nullMeans === "null";
}

function cellText({ bytes, starts, ends }: CellBytes, cell: number): string | null {
  const start = starts[cell] as number;
  return start < 0 ? null : textOf.decode(bytes.subarray(start, ends[cell]));
}
