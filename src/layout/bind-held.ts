/** How many of the values that were seen a column holds, as far as their counts can tell. */
import type { Written } from "./bind-codec.ts";
import type { SeenProperty } from "./bind-types.ts";
import { labelFor } from "./codec-enum.ts";
import type { CodecName } from "./layout.ts";
import type { Kind } from "./profile-properties.ts";

// biome-ignore format: one row per codec
export const SEEN_TIMES: readonly (readonly [codec: CodecName, what: string, count: (seen: SeenProperty) => number])[] = [
  ["iso-timestamp", "ISO timestamps in UTC with milliseconds", (seen) => seen.isoTimestamps ?? 0],
  ["iso-seconds",   "ISO timestamps in UTC with seconds",      (seen) => seen.isoSeconds ?? 0],
  ["sql-timestamp", "timestamps as SQLite writes them",        (seen) => seen.sqlTimestamps ?? 0],
  ["iso-date",      "dates such as YYYY-MM-DD",                (seen) => seen.isoDates ?? 0],
  ["date",          "Dates",                                   (seen) => seen.kinds.get("date") ?? 0],
  ["epoch-ms",      "whole numbers, taken as milliseconds since 1970", (seen) => seen.kinds.get("integer") ?? 0],
];

/** Kinds that no column holds: what NULL or the rest says. */
const NOTHING: ReadonlySet<Kind> = new Set<Kind>(["null", "undefined"]);

export interface Held {
  /** Values that are something. */
  readonly values: number;
  /** Those that the column holds, as far as counts can tell. */
  readonly held: number;
  /** Whether some texts are too long, of which nobody counted how many. */
  readonly tooLong: boolean;
}

/** How many of the seen values a column holds. */
export function heldBy(column: Written, seen: SeenProperty): Held {
  let values = 0;
  for (const [kind, count] of seen.kinds) if (!NOTHING.has(kind)) values += count;
  const of = (...kinds: Kind[]): number =>
    kinds.reduce((sum, kind) => sum + (seen.kinds.get(kind) ?? 0), 0);
  // A character is at most two units: a text within the limit surely fits.
  const longest = seen.longestText ?? 0;
  const tooLong = column.codec === "text" && column.limit !== undefined && longest > column.limit;
  const exact = seen.exact ?? 0;
  return { values, tooLong, held: Math.max(0, count(column, seen, of, exact)) };
}

function count(
  { codec, labels = {}, coerce }: Written,
  seen: SeenProperty,
  of: (...kinds: Kind[]) => number,
  exact: number,
): number {
  const time = SEEN_TIMES.find(([name]) => name === codec);
  // Spellings with an offset are not counted: a rule that takes them says that there are some.
  if (time !== undefined) return coerce ? of("string", "date", "integer") : time[2](seen);
  switch (codec) {
    case "boolean":
    case "integer":
      return of(codec);
    case "number":
      return of("integer", "number") - exact;
    case "decimal":
      return of("integer", "number", ...(coerce ? (["string"] as const) : [])) - exact;
    case "money":
      return coerce ? of("string", "integer", "number") - exact : of("string");
    case "uuid":
      return seen.uuids ?? 0;
    case "reference":
      return of("string", "integer", "number") - exact;
    case "jsonb":
      if (coerce) return of("object", "array", "string", "boolean", "integer", "number", "date");
      return (
        of("object", "array", "string", "boolean", "integer", "number") -
        exact -
        (seen.notJson ?? 0)
      );
    case "text-list":
      return of("array");
    case "epoch-s":
      return coerce ? of("string", "date", "integer") : of("integer");
    case "ledger-key":
      return of("string", "integer", "number", "date") - exact;
    case "enum": {
      if (seen.texts === undefined) return of("string");
      let held = 0;
      for (const [text, times] of seen.texts) {
        const isHeld = Object.hasOwn(labels, text) || (coerce && labelFor(text, labels));
        if (isHeld) held += times;
      }
      return held;
    }
    default:
      return of("string");
  }
}
