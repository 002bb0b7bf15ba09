/**
 * Form: the order of names inside records. It is no part of what a record says, but an export gives it back.
 *
 * Nearly all records of a collection write their names in one order, some leaving names out. So a collection
 * keeps one template for each path (all indices of an array are one path): the order of all names seen there.
 * A record whose objects are subsequences of their templates needs nothing of its own; a template takes in a
 * new name where the record shows it, which never changes what it says about earlier records. Only a record
 * that contradicts a template carries its own orders: the exception.
 *
 * Objects used as maps (names are data) would grow a template without end: beyond `TEMPLATE_NAMES` it grows no
 * more, and objects that it does not cover carry their own order.
 */

import type { NameOrders } from "./parse-json.ts";
import type { NamesOf, Path } from "./tagged-json.ts";
import { isPlainObject, type ObjectValue, type Value } from "./value.ts";

const TEMPLATE_NAMES = 500;
const TEMPLATE_PATHS = 5000;
/** Places that are remembered to be quick. Where names are data there is no end of them. */
const PLACES = 20_000;

/** JSON-able, so that the ledger can keep it: path -> names in order. */
export type Templates = Record<string, string[]>;

/** A record's own orders: pairs of the n-th object of the record, in walking order, and its names. */
export type Exception = readonly (readonly [number, readonly string[]])[];

const NO_ORDERS: NameOrders = new Map();

/** The text of a path; `0` stands for any index. Names are JSON, so that no name can look like two. */
function childPath(path: string, name: string | 0): string {
  return name === 0 ? `${path}[]` : `${path}.${JSON.stringify(name)}`;
}

/** A place in the records of a collection, with what is known of the names there. */
class Place {
  readonly path: string;
  template: readonly string[] | undefined;
  /** The last list of names that fitted. It still does: a template never contradicts what it has learnt. */
  fitted: readonly string[] | undefined;
  readonly #inner = new Map<string | 0, Place>();

  constructor(path: string) {
    this.path = path;
  }

  at(name: string | 0): Place | undefined {
    return this.#inner.get(name);
  }

  add(name: string | 0): Place {
    const place = new Place(childPath(this.path, name));
    this.#inner.set(name, place);
    return place;
  }
}

export class NameTemplates {
  readonly #templates: Map<string, string[]>;
  #root = new Place("");
  #places = 1;
  #ranks: Map<string, Map<string, number>> | undefined;
  /** Whoever reads records tells them apart by the names of all their objects: one object for each form. */
  readonly #said = new WeakSet<object>();
  /** Whether something was learnt since `takeChanged`. */
  #changed = false;

  constructor(saved: Templates = {}) {
    this.#templates = new Map(Object.entries(saved));
  }

  /** What to keep in the ledger when something was learnt since the last call, else `undefined`. */
  takeChanged(): Templates | undefined {
    if (!this.#changed) return undefined;
    this.#changed = false;
    return Object.fromEntries(this.#templates);
  }

  /** Whether records of this form need nothing of their own: once said, it is so for good. */
  says(form: object): boolean {
    return this.#said.has(form);
  }

  /** @param form of a record that `observe` has just found to need nothing of its own. */
  noteSaid(form: object): void {
    this.#said.add(form);
  }

  /** Learns from a record; returns its exception when the templates cannot say its orders. */
  observe(value: Value, orders: NameOrders = NO_ORDERS): Exception | undefined {
    // Nearly always there is nothing to learn, which is found out without writing a path down.
    if (typeof value !== "object" || this.#isSaid(value, this.#root, orders)) return undefined;
    if (this.#places > PLACES) {
      this.#root = new Place("");
      this.#places = 1;
    }
    const own: [number, readonly string[]][] = [];
    let objects = 0;
    const walk = (node: Value, path: string): void => {
      if (Array.isArray(node)) {
        const inner = childPath(path, 0);
        for (const element of node) if (typeof element === "object") walk(element, inner);
      } else if (isPlainObject(node)) {
        const names = orders.get(node) ?? Object.keys(node);
        const position = objects++;
        if (names.length > 1 && !this.#fits(path, names)) own.push([position, names]);
        // Children in the canonical sequence: the reader has no other order to walk in.
        for (const name of Object.keys(node).sort()) {
          const child = node[name];
          if (typeof child === "object" && child !== null) walk(child, childPath(path, name));
        }
      }
    };
    walk(value, "");
    return own.length === 0 ? undefined : own;
  }

  /** Whether the templates say the orders of all objects in here already. */
  #isSaid(node: Value, place: Place, orders: NameOrders): boolean {
    if (Array.isArray(node)) {
      let inner: Place | undefined;
      for (const element of node as readonly Value[]) {
        if (typeof element !== "object" || element === null) continue;
        inner ??= place.at(0) ?? this.#added(place, 0);
        if (inner === undefined || !this.#isSaid(element, inner, orders)) return false;
      }
      return true;
    }
    if (!isPlainObject(node)) return true;
    const names = (orders.size === 0 ? undefined : orders.get(node)) ?? Object.keys(node);
    if (names.length > 1 && !isSame(names, place.fitted)) {
      place.template ??= this.#templates.get(place.path);
      if (place.template === undefined || !isSubsequence(names, place.template)) return false;
      place.fitted = names;
    }
    for (const name of names) {
      const child = node[name];
      if (typeof child !== "object" || child === null) continue;
      const inner = place.at(name) ?? this.#added(place, name);
      if (inner === undefined || !this.#isSaid(child, inner, orders)) return false;
    }
    return true;
  }

  #added(place: Place, name: string | 0): Place | undefined {
    return this.#places++ > PLACES ? undefined : place.add(name);
  }

  #fits(path: string, names: readonly string[]): boolean {
    const template = this.#templates.get(path);
    if (template === undefined) {
      if (names.length > TEMPLATE_NAMES || this.#templates.size >= TEMPLATE_PATHS) return false;
      this.#templates.set(path, [...names]);
      this.#changed = true;
      this.#ranks = undefined;
      return true;
    }
    let at = 0;
    let unknown = 0;
    for (const name of names) {
      let next = at;
      while (next < template.length && template[next] !== name) next++;
      if (next < template.length) {
        at = next + 1;
      } else if (template.includes(name)) {
        return false;
      } else {
        unknown++;
      }
    }
    return unknown === 0 || this.#learn(path, template, names, unknown);
  }

  /** Takes the new names in right behind the known name that precedes them. */
  #learn(path: string, template: string[], names: readonly string[], unknown: number): boolean {
    if (template.length + unknown > TEMPLATE_NAMES) return false;
    this.#changed = true;
    this.#ranks = undefined;
    let at = 0;
    for (const name of names) {
      const known = template.indexOf(name);
      if (known >= 0) at = known + 1;
      else template.splice(at++, 0, name);
    }
    this.#templates.set(path, template);
    return true;
  }

  /** The reader's side: in which order to write the names of each object of this record. */
  namesOf(value: Value, exception: Exception | undefined): NamesOf {
    const own = exception === undefined ? undefined : ownOrders(value, exception);
    const ranks = this.#rankMaps();
    return (object, path) => {
      const names = own?.get(object);
      if (names !== undefined) return names;
      const rank = ranks.get(pathText(path));
      const present = Object.keys(object);
      if (rank === undefined) return present;
      const last = rank.size;
      return present.sort((a, b) => (rank.get(a) ?? last) - (rank.get(b) ?? last));
    };
  }

  #rankMaps(): Map<string, Map<string, number>> {
    if (this.#ranks === undefined) {
      this.#ranks = new Map();
      for (const [path, names] of this.#templates) {
        this.#ranks.set(path, new Map(names.map((name, index) => [name, index])));
      }
    }
    return this.#ranks;
  }
}

function isSame(a: readonly string[], b: readonly string[] | undefined): boolean {
  if (a.length !== b?.length) return false;
  for (let index = 0; index < a.length; index++) if (a[index] !== b[index]) return false;
  return true;
}

function isSubsequence(names: readonly string[], template: readonly string[]): boolean {
  let at = 0;
  for (const name of names) {
    while (at < template.length && template[at] !== name) at++;
    if (at++ === template.length) return false;
  }
  return true;
}

function pathText(path: Path): string {
  return path === undefined ? "" : childPath(pathText(path.parent), path.name);
}

/** Finds the objects that an exception speaks of, by walking as `observe` walked. */
function ownOrders(value: Value, exception: Exception): Map<ObjectValue, readonly string[]> {
  const wanted = new Map(exception);
  const found = new Map<ObjectValue, readonly string[]>();
  let objects = 0;
  const walk = (node: Value): void => {
    if (Array.isArray(node)) {
      for (const element of node) walk(element);
    } else if (isPlainObject(node)) {
      const names = wanted.get(objects++);
      if (names !== undefined) found.set(node, names);
      for (const name of Object.keys(node).sort()) walk(node[name]);
    }
  };
  walk(value);
  return found;
}
