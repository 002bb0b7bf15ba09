/**
 * Applies the marks of a row (`$types`: path -> type) and takes them out of it: the way in. In place, so that what
 * was remembered of an object's order stays with it; children before the values that hold them, in the order they
 * stand in, as the exporter numbered them.
 *
 * What looks like a mark inside the user's own data is data: only a `$types` at the top of a row is one, and a row
 * that has such a property itself comes wrapped (`{"$": row, "$types": true}`).
 */
import type { NameOrders } from "../collection/parse-json.ts";
import { isPlainObject, LIMITS, Reference, setOwn, type Value } from "../collection/value.ts";
import { REVIVERS, type ReviveState, TypeFault } from "./dexie-types.ts";

/** The property of a row that says what its values were. */
export const MARKS = "$types";

type Types = Readonly<Record<string, Value>>;

const escapeName = (name: string): string => name.replaceAll("~", "~0").replaceAll(".", "~1");
const unescapeName = (name: string): string => name.replaceAll("~1", ".").replaceAll("~0", "~");

/** The path of marks for a property, or an element, of what stands at `path`. */
export function childPath(path: string, name: string): string {
  return path === "" ? escapeName(name) : `${path}.${escapeName(name)}`;
}

/** A reference's path as typeson writes it. */
export function referencePath(reference: Reference): string {
  return reference.path.map((name) => escapeName(String(name))).join(".");
}

/**
 * The value that a row of an export stands for.
 *
 * @throws {TypeFault} when a mark has no place, no such type, or the wrong payload.
 */
export function revive(row: Value, orders: NameOrders | undefined): Value {
  if (!isPlainObject(row) || !Object.hasOwn(row, MARKS)) return row;
  const marks = row[MARKS];
  if (marks === true) return row["$"];
  if (!isPlainObject(marks)) {
    // Falsy marks are none to the importer; anything else cannot be applied.
    if (marks === null || marks === false || marks === 0 || marks === "") return row;
    throw new TypeFault("$types is no list of types");
  }
  if (isPlainObject(marks["$"])) return new Walk(marks["$"]).row(row["$"]);
  delete (row as Record<string, Value>)[MARKS];
  const order = orders?.get(row);
  if (order !== undefined) {
    (orders as Map<object, readonly string[]>).set(
      row,
      order.filter((name) => name !== MARKS),
    );
  }
  return new Walk(marks).row(row);
}

class Walk {
  readonly #types: Types;
  readonly #state: ReviveState = { buffers: [] };
  readonly #applied = new Set<string>();

  constructor(types: Types) {
    this.#types = types;
    if (Object.keys(types).length > LIMITS.nodes) throw new TypeFault("too many types");
  }

  row(value: Value): Value {
    const revived = this.#visit(value, "");
    if (this.#applied.size !== Object.keys(this.#types).length) {
      throw new TypeFault("a type is given for a place that does not exist");
    }
    return revived;
  }

  #visit(value: Value, path: string): Value {
    if (Array.isArray(value)) {
      for (let index = 0; index < value.length; index++) {
        const place = childPath(path, String(index));
        if (this.#isHole(place)) delete value[index];
        else value[index] = this.#visit(value[index] as Value, place);
      }
    } else if (isPlainObject(value)) {
      for (const name of Object.keys(value)) {
        const inner = value[name];
        const revived = this.#visit(inner, childPath(path, name));
        if (revived !== inner) setOwn(value, name, revived);
      }
    }
    if (!Object.hasOwn(this.#types, path)) return value;
    this.#count(path);
    return this.#apply(value, this.#types[path]);
  }

  /** Below a property with the empty name, two places have one path: no mark says which of them it means. */
  #count(path: string): void {
    if (this.#applied.has(path)) throw new TypeFault("a type is given for two places");
    this.#applied.add(path);
  }

  #isHole(path: string): boolean {
    if (!Object.hasOwn(this.#types, path) || this.#types[path] !== "sparseUndefined") return false;
    this.#count(path);
    return true;
  }

  #apply(payload: Value, types: Value): Value {
    let value = payload;
    for (const type of Array.isArray(types) ? (types as Value[]) : [types]) {
      if (type === "#") {
        value = reference(value);
        continue;
      }
      const reviver = typeof type === "string" ? REVIVERS.get(type) : undefined;
      if (reviver === undefined) throw new TypeFault("there is no such type");
      value = reviver(value, this.#state);
    }
    return value;
  }
}

function reference(payload: Value): Reference {
  if (typeof payload !== "string" || !payload.startsWith("#"))
    throw new TypeFault("a payload is no reference");
  const path = payload.slice(1);
  return new Reference(path === "" ? [] : path.split(".").map(unescapeName));
}
