/**
 * From what was seen to a layout. Inference never picks a type that a value refuses: a property becomes a column
 * when all its values are of one scalar kind (or null), and everything else stays in the rest, where it is exact.
 */
import type { CodecName, Column, KeyColumn, KeyRule, Layout } from "./layout.ts";
import { sqlName } from "./names.ts";
import type { CollectionProfile, KeyProfile, Kind, PropertyProfile } from "./profile.ts";

const MAX_COLUMNS = 200;
/** A key may be lacking in one of this many records: those few are quarantined (ID_MISSING), not the key. */
const MISSING_SHARE = 100;

export interface InferOptions {
  /** Makes the tables multi-tenant: rows carry their tenant, which leads every key. */
  readonly tenantColumn?: boolean;
  /** SQL names of tables in use already in this move; the chosen one joins them. */
  readonly taken?: Set<string>;
}

/** The layout for what the profile saw. */
export function inferLayout(profile: CollectionProfile, options: InferOptions = {}): Layout {
  const { rule, column: keyColumn } = inferKey(profile);
  const names = new Set<string>();
  const tenantColumn = options.tenantColumn ? sqlName("tenant_id", names) : undefined;
  const keyProperty = rule.from === "property" && rule.path.length === 1 ? rule.path[0] : undefined;
  const key: KeyColumn = { ...keyColumn, name: sqlName(keyColumn.name, names) };
  const columns: Column[] = [];
  for (const property of candidates(profile, keyProperty)) {
    const codec = columnCodec(property);
    if (codec === undefined || columns.length >= MAX_COLUMNS) continue;
    const nulls = property.kinds.get("null") ?? 0;
    columns.push({
      name: sqlName(property.name, names),
      codec,
      property: property.name,
      nullMeans: nulls > profile.objects - presence(property) ? "null" : "absent",
    });
  }
  return {
    version: 1,
    collection: profile.name,
    key: rule,
    tables: [
      {
        name: sqlName(profile.name, options.taken ?? new Set(), "collection"),
        tenantColumn,
        key,
        columns,
        restColumn: sqlName("rest", names),
      },
    ],
  };
}

/** Properties in the order they were first seen, the rarest dropped when there are too many for a table. */
function candidates(
  profile: CollectionProfile,
  keyProperty: string | undefined,
): PropertyProfile[] {
  const all = [...profile.properties.values()].filter((property) => property.name !== keyProperty);
  if (all.length <= MAX_COLUMNS) return all;
  const kept = new Set([...all].sort((a, b) => presence(b) - presence(a)).slice(0, MAX_COLUMNS));
  return all.filter((property) => kept.has(property));
}

function presence(property: PropertyProfile): number {
  let count = 0;
  for (const times of property.kinds.values()) count += times;
  return count;
}

/** The codec that fits all values of a property, or `undefined` when they belong in the rest. */
export function columnCodec(property: PropertyProfile): CodecName | undefined {
  const kinds = new Set<Kind>(property.kinds.keys());
  const strings = property.kinds.get("string") ?? 0;
  kinds.delete("null");
  // `undefined` of IndexedDB is told apart from absent in the rest; it speaks for no type.
  kinds.delete("undefined");
  if (kinds.size === 0) return property.kinds.has("null") ? "text" : undefined;
  if (kinds.size === 1) {
    const [kind] = kinds;
    if (kind === "string") {
      if (property.uuids === strings) return "uuid";
      return property.isoTimestamps === strings ? "iso-timestamp" : "text";
    }
    if (kind === "boolean") return "boolean";
    if (kind === "integer") return "integer";
    if (kind === "number") return "number";
    return kind === "date" ? "date" : undefined;
  }
  return kinds.size === 2 && kinds.has("integer") && kinds.has("number") ? "number" : undefined;
}

/** Which key a collection has, and the column that can hold all of its keys. */
export function inferKey(profile: CollectionProfile): {
  rule: KeyRule;
  column: KeyColumn;
} {
  if (profile.keyed) {
    return {
      rule: { from: "format" },
      column: {
        name: profile.declaredKey ?? "key",
        codec: keyCodec(profile.keys[0]),
      },
    };
  }
  for (const key of profile.keys) {
    if (!serves(key, profile)) continue;
    return {
      rule: { from: "property", path: key.path },
      column: { name: key.path.join("_"), codec: keyCodec(key) },
    };
  }
  return {
    rule: { from: "position" },
    column: { name: "position", codec: "integer" },
  };
}

/**
 * A key is never null and, but for slips of the app, unique. Slips stay slips only while they are few: when most
 * records repeat a value it is no key, and the position identifies the records of the dump.
 */
function serves(key: KeyProfile, profile: CollectionProfile): boolean {
  // Without any record a declared key is all there is to go by.
  if (profile.records === 0) return profile.declaredKey !== undefined;
  const missing = profile.records - key.present;
  if (missing * MISSING_SHARE > profile.records && profile.declaredKey === undefined) return false;
  return key.distinct.size * 2 >= key.distinct.size + key.distinct.repeated;
}

function keyCodec(key: KeyProfile | undefined): KeyColumn["codec"] {
  if (key === undefined || key.present === 0) return "ledger-key";
  const { strings, integers, numbers, others } = key;
  if (others > 0) return "ledger-key";
  if (strings === 0) return numbers === 0 ? "integer" : "number";
  if (integers + numbers > 0 || key.unclean > 0) return "ledger-key";
  return key.uuids === strings ? "uuid" : "text";
}
