/** Finds the collections of a localStorage dump: see dump-keys.ts, and `place` below. */
import { OutgrowError } from "../errors.ts";
import { checkParts, freeCollectionName, isCollectionName, plainPart } from "./collection-names.ts";
import { familyName, findFamilies, type Holding } from "./dump-keys.ts";
import { type Held, holdingOf, type Spelling, spellingOf, valueText } from "./dump-values.ts";
import type { Input, Part, Survey, SurveyOptions } from "./format.ts";
import { hasMark } from "./json-survey.ts";
import { Scanner, type Slice } from "./scanner.ts";

/** One key of the dump. */
export interface DumpKey {
  readonly key: string;
  readonly holding: Holding;
  /** Its value is a whole collection, or one record of this one. */
  readonly collection: string;
  readonly whole?: true;
  readonly spelling?: Spelling;
}

/** JSON-able. */
export interface DumpEnvelope {
  /** In the order of the file. */
  readonly keys: readonly DumpKey[];
  /** Prefix and collection of each family. */
  readonly families: readonly (readonly [string, string])[];
  /** The collection of single values, where there are any. */
  readonly singles?: string;
  readonly bom: boolean;
}

interface Found extends Held {
  readonly key: string;
  readonly offset: number;
  readonly spelling: Spelling;
}

/** @throws {OutgrowError} BUNDLE_SYNTAX (also for a value that is no string), LIMIT, ENCODING */
export async function surveyDump(input: Input, options: SurveyOptions = {}): Promise<Survey> {
  const scanner = dumpScanner(input, options);
  const found: Found[] = [];
  for await (const events of scanner.over(input.open(0, options.signal))) {
    for (const event of events) if (event.type === "slice") found.push(look(event, input.name));
    options.onProgress?.(scanner.offset);
  }
  const { parts, envelope } = place(found, input);
  checkParts(parts, input.name);
  const { name, notes } = input;
  return { format: "localstorage", name, parts, envelope, repairs: scanner.repairs, notes };
}

export function dumpScanner(
  input: Input,
  options: Pick<SurveyOptions, "repair">,
  from?: ConstructorParameters<typeof Scanner>[0]["from"],
): Scanner {
  return new Scanner({
    decide: (_kind, _name, within) => (within.length === 0 ? "enter" : "take"),
    repair: options.repair,
    from,
    file: input.name,
  });
}

function look(slice: Slice, file: string): Found {
  const { name, kind, offset } = slice;
  if (name === undefined || kind !== "string") {
    const detail = "a value of a localStorage dump must be a string";
    throw new OutgrowError("BUNDLE_SYNTAX", { file, offset, detail });
  }
  const text = valueText(slice);
  if (typeof text !== "string") {
    return { key: name, offset, holding: "broken", count: 0, objects: 0, spelling: undefined };
  }
  const held = holdingOf(text);
  const plain = held.holding === "text" || held.holding === "broken";
  return { ...held, key: name, offset, spelling: plain ? undefined : spellingOf(text) };
}

const mostlyObjects = ({ holding, count, objects }: Found): boolean =>
  holding === "array" && count > 0 && objects * 2 >= count;

/** A key that is no name for a collection (too long, with NUL) keeps its value as a single one. */
function wholeCollections(found: readonly Found[], others: boolean): Set<Found> {
  return new Set(
    found.filter(
      (one) =>
        (mostlyObjects(one) || (others && one.holding === "array" && one.count === 0)) &&
        isCollectionName(one.key),
    ),
  );
}

function place(
  found: readonly Found[],
  input: Input,
): { parts: readonly Part[]; envelope: DumpEnvelope } {
  const objects = found.filter(({ holding }) => holding === "object").map(({ key }) => key);
  const prefixes = findFamilies(objects);
  const whole = wholeCollections(found, prefixes.size > 0 || found.some(mostlyObjects));
  const taken = new Set<string>();
  const counts = new Map<string, { keyed: boolean; records: number }>();
  for (const { key, offset, count } of whole) {
    if (taken.has(key)) {
      const detail = "a collection stands twice";
      throw new OutgrowError("BUNDLE_SYNTAX", { file: input.name, offset, detail });
    }
    taken.add(key);
    counts.set(key, { keyed: false, records: count });
  }
  const families = nameFamilies(prefixes, taken);
  const singles = freeCollectionName("local_storage", taken);
  const keys = found.map((one): DumpKey => {
    const { key, holding, spelling } = one;
    const about = { key, holding, ...(spelling === undefined ? {} : { spelling }) };
    if (whole.has(one)) return { ...about, collection: key, whole: true };
    const prefix = holding === "object" ? prefixes.get(key) : undefined;
    const family = prefix === undefined ? undefined : families.get(prefix);
    const collection = family ?? singles;
    const count = counts.get(collection) ?? { keyed: true, records: 0 };
    count.records++;
    counts.set(collection, count);
    return { ...about, collection };
  });
  const parts = Array.from(counts, ([name, { keyed, records }]) => plainPart(name, keyed, records));
  return {
    parts,
    envelope: {
      keys,
      families: [...families],
      ...(counts.has(singles) ? { singles } : {}),
      bom: hasMark(input),
    },
  };
}

/** Prefix -> collection. A prefix that is no name for a collection makes no family. */
function nameFamilies(prefixes: ReadonlyMap<string, string>, taken: Set<string>) {
  const names = new Map<string, string>();
  for (const prefix of prefixes.values()) {
    if (names.has(prefix) || !isCollectionName(familyName(prefix))) continue;
    const name = freeCollectionName(familyName(prefix), taken);
    taken.add(name);
    names.set(prefix, name);
  }
  return names;
}
