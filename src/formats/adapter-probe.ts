/** Finds out whether an object is an entity adapter: `{ids: […], entities: {…}}` with the same ids in both. */
import type { AdapterIds } from "./json-shape.ts";
import type { Slice } from "./scanner.ts";

const textOf = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export class AdapterProbe {
  #first: "ids" | "entities" | undefined;
  readonly #ids: (string | number)[] = [];
  readonly #names: string[] = [];
  #hasIds = false;
  #hasEntities = false;
  #spoilt = false;

  /** A member of the object begins. */
  member(name: string | undefined, kind: string): void {
    if (name === "ids" && kind === "array" && !this.#hasIds) this.#hasIds = true;
    else if (name === "entities" && kind === "object" && !this.#hasEntities)
      this.#hasEntities = true;
    else this.#spoilt = true;
    this.#first ??= name === "ids" ? "ids" : "entities";
  }

  /** An element of `ids`. */
  id(slice: Slice): void {
    if (this.#spoilt) return;
    try {
      const value: unknown = JSON.parse(textOf.decode(slice.bytes));
      if (typeof value === "string" || typeof value === "number") this.#ids.push(value);
      else this.#spoilt = true;
    } catch {
      this.#spoilt = true;
    }
  }

  /** The name of an entity. */
  entity(name: string | undefined): void {
    if (!this.#spoilt && name !== undefined) this.#names.push(name);
  }

  /** How the ids stood, when it is an adapter. */
  result(): AdapterIds | undefined {
    const [ids, names] = [this.#ids, this.#names];
    if (this.#spoilt || !this.#hasIds || !this.#hasEntities || ids.length !== names.length) {
      return undefined;
    }
    const first = this.#first ?? "ids";
    if (ids.every((id, index) => String(id) === names[index])) {
      if (ids.every((id) => typeof id === "string")) return { first, order: "sameStrings" };
      if (ids.every((id) => typeof id === "number")) return { first, order: "sameNumbers" };
    }
    const known = new Set(names);
    const distinct = new Set(ids.map(String));
    if (known.size !== names.length || distinct.size !== ids.length) return undefined;
    return [...distinct].every((id) => known.has(id)) ? { first, order: ids } : undefined;
  }

  /** Entities seen. */
  get count(): number {
    return this.#names.length;
  }
}
