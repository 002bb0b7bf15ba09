/**
 * Which properties hold keys of other records: those whose name fits a collection (or a list of records), and
 * whose values are found among its keys. The name alone proves nothing, and neither do the values alone.
 */
import { columnCodec } from "./infer-columns.ts";
import { type InferredKey, MISSING_SHARE } from "./infer-key.ts";
import type { KeySet } from "./key-set.ts";
import type { CollectionProfile } from "./profile.ts";
import { fitOf, stemsOf } from "./profile-names.ts";
import type {
  ElementId,
  ListProfile,
  PropertyProfile,
  ShapeProfile,
} from "./profile-properties.ts";

/** What may be referred to: the records of a collection, or the elements of a list. */
export interface Target {
  readonly collection: CollectionProfile;
  readonly list: ListProfile | undefined;
  /** The property that is the key there. */
  readonly keyName: string;
  readonly keys: KeySet;
  /** As a person calls it: `products`, `images of products`. */
  readonly label: string;
}

export interface Reference {
  readonly to: Target;
  /** Distinct values seen. */
  readonly distinct: number;
  /** How many of them are keys of the target; `undefined` when there are too many to say. */
  readonly contained: number | undefined;
}

export interface Candidate {
  readonly profile: CollectionProfile;
  readonly key: InferredKey;
}

/** Whether every value is a key of the target. */
export function isComplete(reference: Reference): boolean {
  return reference.contained === reference.distinct;
}

export type References = ReadonlyMap<PropertyProfile, Reference>;

/** Property -> what it refers to, over all collections of a move. */
export function findReferences(candidates: readonly Candidate[]): References {
  const targets = targetsByStem(candidates);
  const found = new Map<PropertyProfile, Reference>();
  for (const { profile, key } of candidates) {
    const own = key.rule.from === "property" ? key.rule.path.join(".") : undefined;
    for (const place of places(profile)) {
      for (const property of place.shape.properties.values()) {
        if (place.list === undefined && property.name === own) continue;
        const reference = referenceOf(property, place, targets);
        if (reference !== undefined) found.set(property, reference);
      }
    }
  }
  return found;
}

interface Place {
  readonly profile: CollectionProfile;
  readonly shape: ShapeProfile;
  readonly list: { readonly profile: ListProfile; readonly name: string } | undefined;
}

function* places(
  profile: CollectionProfile,
  shape: ShapeProfile = profile.shape,
  list?: Place["list"],
): Generator<Place> {
  yield { profile, shape, list };
  for (const { name, lists } of shape.properties.values()) {
    if (lists !== undefined && lists.shape.unnamed === 0) {
      yield* places(profile, lists.shape, { profile: lists, name });
    }
  }
}

function targetsByStem(candidates: readonly Candidate[]): Map<string, Target[]> {
  const targets = new Map<string, Target[]>();
  const add = (name: string, target: Target): void => {
    for (const stem of stemsOf(name)) {
      const known = targets.get(stem);
      if (known === undefined) targets.set(stem, [target]);
      else known.push(target);
    }
  };
  for (const { profile, key } of candidates) {
    if (key.profile === undefined) continue;
    add(profile.name, {
      collection: profile,
      list: undefined,
      keyName: key.column.name,
      keys: key.profile.distinct,
      label: profile.name,
    });
  }
  // Behind the collections: a collection is the better target.
  for (const { profile } of candidates) {
    for (const { list } of places(profile)) {
      const id = list && idOf(list.profile);
      if (list === undefined || id?.distinct === undefined) continue;
      add(list.name, {
        collection: profile,
        list: list.profile,
        keyName: id.name,
        keys: id.distinct,
        label: `${list.name} of ${profile.name}`,
      });
    }
  }
  return targets;
}

/** The property that all elements have as an id, unique or not. */
function idOf(list: ListProfile): ElementId | undefined {
  const { objects } = list.shape;
  return list.ids.find(
    (id) => id.present > 0 && id.others === 0 && (objects - id.present) * MISSING_SHARE <= objects,
  );
}

const KEY_CODECS = new Set(["text", "uuid", "integer", "number"]);

function referenceOf(
  property: PropertyProfile,
  place: Place,
  targets: ReadonlyMap<string, readonly Target[]>,
): Reference | undefined {
  // `products: [{ id, quantity }]` in an order: the list's name says whose id it is.
  const ownId = place.list?.profile.ids.find(({ name }) => name === property.name);
  const values = property.values ?? ownId?.distinct;
  if (values === undefined || values.size === 0) return undefined;
  if (!KEY_CODECS.has(columnCodec(property) ?? "")) return undefined;
  let best: (Reference & { share: number }) | undefined;
  const look = (stem: string, sure: boolean, exact: boolean): void => {
    for (const to of targets.get(stem) ?? []) {
      if (to.list !== undefined && to.list === place.list?.profile) continue;
      // `users.userId` repeats the record's own key; `comments.parentCommentId` refers to another comment.
      if (exact && to.list === undefined && to.collection === place.profile) continue;
      const reference = held(values, to);
      const { contained = 0 } = reference;
      const enough = sure ? contained > 0 : contained * 2 >= values.size;
      const share = contained / values.size;
      if (!enough && reference.contained !== undefined) continue;
      if (best === undefined || share > best.share) best = { ...reference, share };
    }
  };
  if (ownId !== undefined && place.list !== undefined) {
    for (const stem of stemsOf(place.list.name)) look(stem, false, false);
  }
  const fit = fitOf(property.name);
  for (const [index, stem] of fit.stems.entries()) {
    if (best === undefined) look(stem, fit.id && index === 0, index === 0);
  }
  return best && { to: best.to, distinct: best.distinct, contained: best.contained };
}

function held(values: KeySet, to: Target): Reference {
  const known = !values.full && !to.keys.full;
  const contained = known ? values.countIn(to.keys) : undefined;
  return { to, distinct: values.size, contained };
}

/** What the values say, in a sentence. */
export function evidenceOf({ to, distinct, contained }: Reference): string {
  if (contained === undefined) return `too many values to be held against the keys of ${to.label}`;
  if (contained < distinct) {
    const dangling = distinct - contained;
    return `${contained} of ${distinct} distinct values are keys of ${to.label}; ${dangling} dangling`;
  }
  return distinct === 1
    ? `the one distinct value is a key of ${to.label}`
    : `all ${distinct} distinct values are keys of ${to.label}`;
}
