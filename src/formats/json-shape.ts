/**
 * Where the collections of a JSON file lie. The rules, first match first:
 *
 * 1. An array at the top is a collection, named by the file's stem.
 * 2. `{ids, entities}` with the same ids in both (Redux Toolkit's entity adapter) is a keyed collection.
 * 3. An object of three or more objects of one kind is a keyed collection: name = key. One in ten of its values
 *    may be something else; it is a record like any other.
 * 4. 2 and 3 hold for the whole top (then named by the stem) and for each of its members. Where 3 holds for both,
 *    whatever there is more of are the records: `{profiles: {…1000}, scores: {…1000}, …}` has collections.
 * 5. A member that is an array is a collection when at least half of its elements are objects, or when it is longer
 *    than 1 MiB. An empty one is an empty collection where the file has others.
 * 6. All else at the top is one record, of collection `document`.
 * 7. Where two members have one name and one of them is a collection, all are kept: the last of the collections,
 *    which is what JSON.parse would show an app, has the name, earlier ones a name made from it.
 */

import { freeCollectionName, plainPart } from "./collection-names.ts";
import type { Part } from "./format.ts";

/** How `ids` of an entity adapter stood beside `entities`. */
export interface AdapterIds {
  readonly first: "ids" | "entities";
  /** `same`: the ids in the order of the entities, as strings or as numbers; else the ids themselves. */
  readonly order: "sameStrings" | "sameNumbers" | readonly (string | number)[];
}

export interface JsonMember {
  readonly name: string;
  /** Its ordinal in the file: names may stand twice. */
  readonly at: number;
  readonly shape: "array" | "keyed" | "adapter" | "document";
  /** Set unless it belongs to the document. */
  readonly collection?: string;
  readonly ids?: AdapterIds;
}

/** JSON-able: what the file is besides its records. */
export interface JsonEnvelope {
  /** `members`: an object whose members are told apart; `value`: a single value, which is the document. */
  readonly top: "array" | "keyed" | "adapter" | "members" | "value";
  readonly ids?: AdapterIds;
  /** In the order of the file. */
  readonly members: readonly JsonMember[];
  /** The collection of the document, where there is one. */
  readonly document?: string;
  readonly bom: boolean;
  /** Length of the text. */
  readonly bytes: number;
}

/** What the survey saw of one value at the top, or of the top itself. */
export interface Seen {
  readonly name: string;
  readonly at: number;
  readonly kind: "object" | "array" | "string" | "scalar";
  readonly offset: number;
  bytes: number;
  /** Members or elements, and how many of them are objects. */
  count: number;
  objects: number;
  /** Whether its objects are of one kind. */
  oneKind: boolean;
  adapter: AdapterIds | undefined;
}

const LARGE_ARRAY = 1024 * 1024;

/** Rule 3, for what it says of one object. */
export function isKeyed(seen: Pick<Seen, "count" | "objects" | "oneKind">): boolean {
  return seen.objects >= 3 && seen.objects * 10 >= seen.count * 9 && seen.oneKind;
}

/** Whether a member is a collection for certain: rules 2, 3 and 5 without the empty array. */
export function isCollection(seen: Seen): boolean {
  if (seen.kind === "object") return seen.adapter !== undefined || isKeyed(seen);
  if (seen.kind !== "array") return false;
  return (seen.count > 0 && seen.objects * 2 >= seen.count) || seen.bytes > LARGE_ARRAY;
}

/** Rule 4: whether the members of a top that is keyed by rule 3 are rather collections of their own. */
export function membersWin(members: readonly Seen[]): boolean {
  const keyed = members.filter((member) => member.kind === "object" && isCollection(member));
  const inner = keyed.reduce((sum, { count }) => sum + count, 0);
  return keyed.length * 2 > members.length && inner / keyed.length > members.length;
}

/** Whether the top is one collection. */
export function topShape(top: Seen, members: readonly Seen[]): JsonEnvelope["top"] {
  if (top.kind === "array") return "array";
  if (top.kind !== "object") return "value";
  if (top.adapter !== undefined) return "adapter";
  return isKeyed(top) && !membersWin(members) ? "keyed" : "members";
}

/** Tells the members of the top apart, names their collections, and counts. */
export function placeMembers(seen: readonly Seen[]): {
  readonly members: readonly JsonMember[];
  readonly parts: readonly Part[];
  readonly document: string | undefined;
} {
  const others = seen.some(isCollection);
  const names = nameCollections(
    seen.filter((one) => isCollection(one) || (others && one.kind === "array" && one.count === 0)),
  );
  const parts: Part[] = [];
  const members = seen.map((one): JsonMember => {
    const { name, at, kind, adapter } = one;
    const collection = names.get(one);
    if (collection === undefined) return { name, at, shape: "document" };
    const shape = kind === "array" ? "array" : adapter === undefined ? "keyed" : "adapter";
    parts.push(plainPart(collection, shape !== "array", one.count));
    return { name, at, shape, collection, ...(adapter === undefined ? {} : { ids: adapter }) };
  });
  if (parts.length === members.length) return { members, parts, document: undefined };
  const document = freeCollectionName("document", new Set(names.values()));
  return { members, parts: [...parts, plainPart(document, false, 1)], document };
}

/** Rule 7. */
function nameCollections(collections: readonly Seen[]): ReadonlyMap<Seen, string> {
  const last = new Map(collections.map((one) => [one.name, one]));
  const taken = new Set(last.keys());
  const names = new Map<Seen, string>();
  for (const one of collections) {
    const name = last.get(one.name) === one ? one.name : freeCollectionName(one.name, taken);
    taken.add(name);
    names.set(one, name);
  }
  return names;
}

/** Names of members that stand twice with a collection among them: to be said, since an app sees one of them. */
export function namedTwice(members: readonly JsonMember[]): string[] {
  const seen = new Map<string, boolean>();
  const twice = new Set<string>();
  for (const { name, collection } of members) {
    const earlier = seen.get(name);
    if (earlier !== undefined && (earlier || collection !== undefined)) twice.add(name);
    seen.set(name, (earlier ?? false) || collection !== undefined);
  }
  return [...twice];
}
