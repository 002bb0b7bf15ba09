/**
 * Which column holds a property. Inference never picks a type that a value refuses: a property becomes a column
 * when all its values are of one kind (or null), and everything else stays in the rest, where it is exact.
 */
import { all, counted, listed } from "./choices.ts";
import type { CodecName } from "./layout.ts";
import type { Kind, PropertyProfile } from "./profile-properties.ts";

const LESS = new Set<Kind>(["null", "undefined"]);

/** The kinds of the values that a column would have to hold. */
function held(property: PropertyProfile): Map<Kind, number> {
  // `undefined` of IndexedDB is told apart from absent in the rest; like null, it speaks for no type.
  return new Map([...property.kinds].filter(([kind]) => !LESS.has(kind)));
}

function total(kinds: ReadonlyMap<Kind, number>): number {
  let sum = 0;
  for (const count of kinds.values()) sum += count;
  return sum;
}

/** The codec that fits all values of a property, or `undefined` when they belong in the rest. */
export function columnCodec(property: PropertyProfile): CodecName | undefined {
  const kinds = held(property);
  const count = total(kinds);
  if (count === 0) return property.kinds.has("null") ? "text" : undefined;
  const only = (...allowed: Kind[]): boolean =>
    [...kinds.keys()].every((kind) => allowed.includes(kind));
  if (only("string")) return textCodec(property, count);
  if (only("boolean")) return "boolean";
  if (only("integer")) return "integer";
  // A column that is NULL for most values, with the truth in the rest, is of no use to anybody.
  if (only("integer", "number")) return property.exact * 2 > count ? undefined : "number";
  if (only("date")) return "date";
  if (only("object", "array")) return property.notJson * 2 > count ? undefined : "jsonb";
  return undefined;
}

function textCodec(property: PropertyProfile, count: number): CodecName {
  if (property.uuids === count) return "uuid";
  if (property.isoTimestamps === count) return "iso-timestamp";
  if (property.isoSeconds === count) return "iso-seconds";
  if (property.sqlTimestamps === count) return "sql-timestamp";
  return property.isoDates === count ? "iso-date" : "text";
}

/** What NULL stands for: whichever of null and absent there is more of. */
export function nullMeans(property: PropertyProfile, objects: number): "absent" | "null" {
  const nulls = property.kinds.get("null") ?? 0;
  return nulls > objects - property.presence ? "null" : "absent";
}

// biome-ignore format: one row per codec
const CODEC_WORDS: Partial<Record<CodecName, readonly [one: string, many: string]>> = {
  uuid:            ["a UUID", "UUIDs"],
  "iso-timestamp": ["an ISO timestamp in UTC with milliseconds", "ISO timestamps in UTC with milliseconds"],
  "iso-seconds":   ["an ISO timestamp in UTC with seconds", "ISO timestamps in UTC with seconds"],
  "sql-timestamp": ["a timestamp as SQLite writes it", "timestamps as SQLite writes them"],
  "iso-date":      ["a date such as YYYY-MM-DD", "dates such as YYYY-MM-DD"],
  text:            ["text", "text"],
  boolean:         ["true or false", "true or false"],
  integer:         ["a whole number", "whole numbers"],
  number:          ["a number", "numbers"],
  date:            ["a Date", "Dates"],
  jsonb:           ["an object or a list", "objects or lists"],
};

/** Why this codec, with counts. */
export function whyColumn(property: PropertyProfile, codec: CodecName, objects: number): string {
  const kinds = held(property);
  const count = total(kinds);
  if (count === 0) return `nothing but null in ${counted(property.presence, "record")}`;
  const [one, many] = CODEC_WORDS[codec] ?? ["", ""];
  const plain = codec === "jsonb" ? listed(kinds) : all(count, one, many);
  return `${plain}${mostly(property, codec, count)}${lacking(property, objects)}`;
}

/** What kept text from being of a stricter type: the engineer may want to mend it. */
function mostly(property: PropertyProfile, codec: CodecName, count: number): string {
  const fraction = property.kinds.get("number") ?? 0;
  if (codec === "number" && fraction < count) return `, ${fraction} of them not whole`;
  if (codec !== "text") return "";
  const forms = [
    [property.uuids, "UUIDs"],
    [property.isoTimestamps, "ISO timestamps with milliseconds"],
    [property.isoSeconds, "ISO timestamps with seconds"],
    [property.sqlTimestamps, "timestamps as SQLite writes them"],
    [property.isoDates, "ISO dates"],
  ] as const;
  const some = forms.filter(([times]) => times > 0).map(([times, words]) => `${times} ${words}`);
  return some.length === 0 ? "" : `, among them ${some.join(", ")}`;
}

function lacking(property: PropertyProfile, objects: number): string {
  const nulls = property.kinds.get("null") ?? 0;
  const absent = objects - property.presence;
  const parts: string[] = [];
  if (nulls > 0) parts.push(`${nulls} null`);
  if (absent > 0) parts.push(`absent from ${absent} of ${objects}`);
  return parts.length === 0 ? "" : `; ${parts.join(", ")}`;
}

/** Why a property has no column. */
export function whyRest(property: PropertyProfile): string {
  const kinds = held(property);
  const count = total(kinds);
  if (count === 0) return "nothing but undefined";
  if (property.notJson * 2 > count) {
    return `${property.notJson} of ${counted(count, "value")} hold what jsonb cannot hold`;
  }
  if (property.exact * 2 > count) {
    return `${property.exact} of ${counted(count, "number")} have more digits than a double holds`;
  }
  const kind = kinds.keys().next().value;
  if (kinds.size === 1 && kind === "other") return listed(kinds);
  return `no one type holds ${listed(kinds)}`;
}
