/** Which lists become tables of their own (DECISIONS 20). */
import { counted } from "./choices.ts";
import { MISSING_SHARE } from "./infer-key.ts";
import { evidenceOf, isComplete, type References } from "./infer-references.ts";
import type { ElementId, ListProfile, PropertyProfile } from "./profile-properties.ts";

export type Flatten = "none" | "auto" | "all";

/** Fewer elements than this say nothing of what the app will write tomorrow. */
const ELEMENTS = 3;
/** One element of so many may be something else than an object: it goes to the rest. */
const ODD_SHARE = 100;
/** `auto` makes children, and children of children. */
const LEVELS = 2;

export interface ListChoice {
  /** A table, or a column like any other. */
  readonly child: boolean;
  /** What tells the elements of one list apart. */
  readonly id: ElementId | undefined;
  readonly why: string;
}

/**
 * What becomes of a property, when its values are lists; `undefined` when there is nothing to choose.
 *
 * @param level 1 for a list of the record's own.
 */
export function chooseList(
  property: PropertyProfile,
  owners: number,
  level: number,
  flatten: Flatten,
  references: References,
): ListChoice | undefined {
  const { lists } = property;
  if (lists === undefined || lists.shape.objects === 0) return undefined;
  const no = (why: string): ListChoice => ({ child: false, id: undefined, why });
  const kinds = new Map(property.kinds);
  for (const kind of ["array", "null", "undefined"] as const) kinds.delete(kind);
  if (kinds.size > 0) return undefined;
  if (flatten === "none") return no("no list becomes a table (flatten: none)");
  if (lists.odd * ODD_SHARE >= lists.elements && lists.odd > 0) {
    return no(`${lists.odd} of ${counted(lists.elements, "element")} are no plain objects`);
  }
  if (lists.shape.unnamed > 0) return no("the names inside its elements are data, as in a map");
  const holders = lists.lists - lists.empty;
  const seen = `${holders} of ${owners} have ${property.name}: lists of objects`;
  const id = uniqueId(lists);
  const yes = (why: string): ListChoice => ({ child: true, id, why: `${seen} ${why}` });
  if (flatten === "all") return yes("(flatten: all)");
  if (level > LEVELS) return no(`a list ${level} levels deep; tables go ${LEVELS} deep`);
  if (lists.elements < ELEMENTS) {
    return no(
      `only ${counted(lists.elements, "element")} in all lists: too few to tell their kind`,
    );
  }
  if (!lists.shape.oneKind)
    return no("its elements have too few names in common to be of one kind");
  if (id !== undefined) return yes(`whose ${id.name} is unique within the record`);
  for (const inner of lists.shape.properties.values()) {
    const reference = references.get(inner);
    if (reference !== undefined && isComplete(reference)) {
      return yes(`whose ${inner.name} refers to ${reference.to.label}: ${evidenceOf(reference)}`);
    }
  }
  for (const reference of references.values()) {
    if (reference.to.list === lists && isComplete(reference)) {
      return yes(`that others refer to: ${evidenceOf(reference)}`);
    }
  }
  return no("lists of objects that have no id unique within the record and refer to nothing");
}

function uniqueId(list: ListProfile): ElementId | undefined {
  const { objects } = list.shape;
  return list.ids.find(
    (id) =>
      id.present > 0 &&
      id.others === 0 &&
      id.clashes === 0 &&
      (objects - id.present) * MISSING_SHARE <= objects,
  );
}
