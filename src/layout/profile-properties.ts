/**
 * What was seen under the names of objects: of records, and of the objects in their lists. All counts, and all of
 * it bounded: names, lists within lists, and sets of distinct values.
 */
import { encodeKey } from "../collection/key.ts";
import { ExactNumber, isPlainObject, type ObjectValue, type Value } from "../collection/value.ts";
import { KeySet } from "./key-set.ts";
import { fitOf, singularOf } from "./profile-names.ts";
import { textForm } from "./profile-text.ts";

/** Names of one kind of list element: with more of them, the names are data, and the element is a map. */
const ELEMENT_NAMES = 200;
/** Names of list elements in one collection, all together. */
const NESTED_NAMES = 3000;
/** Lists within lists within lists are looked at so deep. */
const LIST_LEVELS = 3;
/** Properties of one collection whose distinct values are counted, because they may refer to another one. */
const REFERENCES = 32;
/** Distinct values counted of such a property: 8 MiB. */
const REFERENCE_VALUES = 500_000;
/** Lists of one collection whose elements' ids are counted over all records. */
const ID_SETS = 48;
/** Longer text is no key of another record. */
const REFERENCE_LENGTH = 256;
/** Distinct texts kept of one property, how long they may be, and how many of one collection. */
const TEXTS = 64;
const TEXT_LENGTH = 63;
const ALL_TEXTS = 8192;
/** Up to so many elements of a list are compared one by one. */
const FEW = 8;

export const KINDS = [
  "string",
  "integer",
  "number",
  "boolean",
  "date",
  "null",
  "undefined",
  "object",
  "array",
  "other",
] as const;
export type Kind = (typeof KINDS)[number];

const STRING = 0;
const INTEGER = 1;
const NUMBER = 2;
const BOOLEAN = 3;
const DATE = 4;
const NULL = 5;
const UNDEFINED = 6;
const OBJECT = 7;
const ARRAY = 8;
const OTHER = 9;

/** What one collection may still count, and which of its properties may be references. */
export class Bounds {
  #names = NESTED_NAMES;
  #references = REFERENCES;
  #idSets = ID_SETS;
  #texts = ALL_TEXTS;
  readonly #stems: ReadonlySet<string>;

  /** @param stems what the collections of the source are called (stemsOf). */
  constructor(stems: ReadonlySet<string>) {
    this.#stems = stems;
  }

  takeText(): boolean {
    return this.#texts-- > 0;
  }

  giveTexts(count: number): void {
    this.#texts += count;
  }

  takeName(): boolean {
    return this.#names-- > 0;
  }

  /** A set for the ids of a list's elements; one that takes nothing when there are too many of them. */
  idSet(): KeySet {
    return new KeySet(this.#idSets-- > 0 ? REFERENCE_VALUES : 0);
  }

  /** A set for the values of this property, when its name says that it may be a reference. */
  valuesOf(property: string): KeySet | undefined {
    const { stems, id } = fitOf(property);
    // `imageId` may refer to a list's elements, whose names are not known beforehand.
    if (!id && !stems.some((stem) => this.#stems.has(stem))) return undefined;
    return this.#references-- > 0 ? new KeySet(REFERENCE_VALUES) : undefined;
  }
}

/** What was seen under one property name. */
export class PropertyProfile {
  readonly name: string;
  /** Of the strings: how many have just the form that a codec writes. */
  uuids = 0;
  isoTimestamps = 0;
  isoSeconds = 0;
  sqlTimestamps = 0;
  isoDates = 0;
  /** Of the numbers: how many are only exact as text. */
  exact = 0;
  /** Characters of the longest string. */
  longestText = 0;
  /** Objects and lists with something inside that jsonb cannot hold. Counted for properties of records only. */
  notJson = 0;
  lists: ListProfile | undefined;
  /** The distinct strings and numbers, where the name says that they may be keys of other records. */
  values: KeySet | undefined;
  /** The distinct texts with their counts, while they are few and short: they may be labels. */
  texts: Map<string, number> | undefined = new Map();
  readonly #counts: number[] = new Array(KINDS.length).fill(0);
  readonly #bounds: Bounds;
  readonly #level: number;

  constructor(name: string, bounds: Bounds, level: number) {
    this.name = name;
    this.#bounds = bounds;
    this.#level = level;
    this.values = bounds.valuesOf(name);
  }

  /** What the values are: kind -> count. */
  get kinds(): ReadonlyMap<Kind, number> {
    const kinds = new Map<Kind, number>();
    for (const [index, kind] of KINDS.entries()) {
      const count = this.#counts[index] as number;
      if (count > 0) kinds.set(kind, count);
    }
    return kinds;
  }

  /** In how many objects the property is, whatever its value. */
  get presence(): number {
    return this.#counts.reduce((sum, count) => sum + count, 0);
  }

  observe(value: Value): void {
    const kind = kindOf(value);
    (this.#counts[kind] as number)++;
    if (kind === STRING) this.#observeText(value as string);
    else if (kind === INTEGER) this.values?.add(encodeKey(value));
    else if (kind === ARRAY) this.#observeList(value as readonly Value[]);
    else if (kind === NUMBER) {
      if (value instanceof ExactNumber) this.exact++;
      else if (this.values !== undefined && !Number.isNaN(value)) this.values.add(encodeKey(value));
    }
  }

  #observeText(text: string): void {
    if (text.length > this.longestText) this.longestText = text.length;
    if (this.texts !== undefined) this.#keepText(text, this.texts);
    switch (textForm(text)) {
      case "uuid":
        this.uuids++;
        break;
      case "iso-timestamp":
        this.isoTimestamps++;
        break;
      case "iso-seconds":
        this.isoSeconds++;
        break;
      case "sql-timestamp":
        this.sqlTimestamps++;
        break;
      case "iso-date":
        this.isoDates++;
    }
    if (this.values === undefined) return;
    if (text.length <= REFERENCE_LENGTH) this.values.add(encodeKey(text));
    else this.values = undefined;
  }

  #keepText(text: string, texts: Map<string, number>): void {
    const known = texts.get(text);
    if (known !== undefined) {
      texts.set(text, known + 1);
      return;
    }
    const fits = text.length <= TEXT_LENGTH && texts.size < TEXTS && this.#bounds.takeText();
    if (fits) {
      texts.set(text, 1);
      return;
    }
    this.texts = undefined;
    this.#bounds.giveTexts(texts.size);
  }

  #observeList(list: readonly Value[]): void {
    if (this.#level >= LIST_LEVELS) return;
    this.lists ??= new ListProfile(this.name, this.#bounds, this.#level + 1);
    this.lists.observe(list);
  }
}

/** Properties of objects that stand at one place. */
export class ShapeProfile {
  objects = 0;
  /** Values of names beyond the limit. */
  unnamed = 0;
  readonly properties = new Map<string, PropertyProfile>();
  readonly #limit: number;
  readonly #bounds: Bounds;
  readonly #level: number;

  constructor(limit: number, bounds: Bounds, level: number) {
    this.#limit = limit;
    this.#bounds = bounds;
    this.#level = level;
  }

  /** The profile of a name; `undefined` when there are too many. */
  property(name: string): PropertyProfile | undefined {
    const known = this.properties.get(name);
    if (known !== undefined) return known;
    if (this.properties.size >= this.#limit || (this.#level > 0 && !this.#bounds.takeName())) {
      this.unnamed++;
      return undefined;
    }
    const property = new PropertyProfile(name, this.#bounds, this.#level);
    this.properties.set(name, property);
    return property;
  }

  /** Whether more than half of all names are names that at least half of the objects have (as KindSample says). */
  get oneKind(): boolean {
    if (this.unnamed > 0) return false;
    let all = 0;
    let common = 0;
    for (const { presence } of this.properties.values()) {
      all += presence;
      if (presence * 2 >= this.objects) common += presence;
    }
    return this.objects > 0 && common * 2 > all;
  }
}

/** One property of list elements that may tell them apart. */
export interface ElementId {
  readonly name: string;
  /** Elements whose value is a string or a number. */
  present: number;
  /** Elements with another value, which is no id; null is none at all. */
  others: number;
  /** Lists in which two elements have the same id. */
  clashes: number;
  /** Ids of all records together. */
  distinct: KeySet | undefined;
}

/** What was seen of the lists under one property. */
export class ListProfile {
  lists = 0;
  empty = 0;
  elements = 0;
  /** Elements that are no plain objects. */
  odd = 0;
  longest = 0;
  readonly shape: ShapeProfile;
  readonly ids: readonly ElementId[];
  readonly #bounds: Bounds;

  constructor(name: string, bounds: Bounds, level: number) {
    this.#bounds = bounds;
    this.shape = new ShapeProfile(ELEMENT_NAMES, bounds, level);
    const singular = singularOf(name);
    const names = new Set(["id", "_id", "uuid", "key", `${singular}Id`, `${singular}_id`]);
    this.ids = [...names].map((id) => ({
      name: id,
      present: 0,
      others: 0,
      clashes: 0,
      distinct: undefined,
    }));
  }

  observe(list: readonly Value[]): void {
    this.lists++;
    this.elements += list.length;
    if (list.length === 0) this.empty++;
    if (list.length > this.longest) this.longest = list.length;
    let objects = 0;
    for (const element of list) {
      if (!isPlainObject(element)) {
        this.odd++;
        continue;
      }
      objects++;
      this.#observeElement(element);
    }
    if (objects === 0 || this.shape.unnamed > 0) return;
    for (const id of this.ids) {
      if (this.shape.properties.has(id.name)) observeIds(id, list, this.#bounds);
    }
  }

  #observeElement(element: ObjectValue): void {
    const { shape } = this;
    shape.objects++;
    // Once its names are known to be data, nothing more of it is of use.
    if (shape.unnamed > 0) return;
    for (const name of Object.keys(element)) shape.property(name)?.observe(element[name]);
  }
}

const seen = new Set<Value>();

function observeIds(id: ElementId, list: readonly Value[], bounds: Bounds): void {
  let clash = false;
  const few = list.length <= FEW;
  for (const [index, element] of list.entries()) {
    if (!isPlainObject(element) || !Object.hasOwn(element, id.name)) continue;
    const value = element[id.name];
    if (value === null || value === undefined) continue;
    if (!isId(value)) {
      id.others++;
      continue;
    }
    id.present++;
    id.distinct ??= bounds.idSet();
    id.distinct.add(encodeKey(value));
    if (id.clashes > 0 || clash) continue;
    if (few) clash = isBefore(list, index, id.name, value);
    else if (seen.has(value)) clash = true;
    else seen.add(value);
  }
  if (clash) id.clashes++;
  if (!few) seen.clear();
}

function isId(value: Value): value is string | number {
  return typeof value === "string"
    ? value.length <= REFERENCE_LENGTH
    : typeof value === "number" && !Number.isNaN(value);
}

function isBefore(list: readonly Value[], index: number, name: string, value: Value): boolean {
  for (let at = 0; at < index; at++) {
    const element = list[at];
    if (isPlainObject(element) && Object.hasOwn(element, name) && element[name] === value) {
      return true;
    }
  }
  return false;
}

function kindOf(value: Value): number {
  switch (typeof value) {
    case "string":
      return STRING;
    case "number":
      return Number.isSafeInteger(value) && !Object.is(value, -0) ? INTEGER : NUMBER;
    case "boolean":
      return BOOLEAN;
    case "undefined":
      return UNDEFINED;
    case "bigint":
      return OTHER;
    default:
      if (value === null) return NULL;
      if (Array.isArray(value)) return ARRAY;
      if (value instanceof ExactNumber) return NUMBER;
      if (value instanceof Date) return DATE;
      return isPlainObject(value) ? OBJECT : OTHER;
  }
}
