/** Which key a collection has, and the column that can hold all of its keys (DECISIONS 19). */
import { all, counted } from "./choices.ts";
import type { KeyColumn, KeyRule } from "./layout.ts";
import type { CollectionProfile, KeyProfile } from "./profile.ts";

/** A key may be lacking in one of this many records: those few are quarantined (ID_MISSING), not the key. */
export const MISSING_SHARE = 100;

export interface InferredKey {
  readonly rule: KeyRule;
  readonly column: KeyColumn;
  /** What was seen of it; `undefined` for the position. */
  readonly profile: KeyProfile | undefined;
}

export function inferKey(profile: CollectionProfile): InferredKey {
  if (profile.keyed) {
    const [key] = profile.keys;
    return {
      rule: { from: "format" },
      column: { name: profile.declaredKey ?? "key", codec: keyCodec(key) },
      profile: key,
    };
  }
  for (const key of profile.keys) {
    if (!serves(key, profile)) continue;
    return {
      rule: { from: "property", path: key.path },
      column: { name: key.path.join("_"), codec: keyCodec(key) },
      profile: key,
    };
  }
  return {
    rule: { from: "position" },
    column: { name: "position", codec: "integer" },
    profile: undefined,
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

/** Why this key, with counts. */
export function whyKey(
  profile: CollectionProfile,
  { rule, column, profile: key }: InferredKey,
): string {
  if (key === undefined) {
    return `no property is a key in ${counted(profile.records, "record")}: they are known by their place`;
  }
  if (profile.records === 0) return "there is no record; the format declares it";
  const from =
    rule.from === "format"
      ? "the format gives it beside the record"
      : profile.declaredKey !== undefined
        ? "the format declares it"
        : `it is in ${key.present} of ${counted(profile.records, "record")}`;
  const { repeated, full } = key.distinct;
  const unique = full
    ? "too many to be held against each other"
    : repeated === 0
      ? "no two are the same"
      : counted(repeated, "repeats an earlier one", "repeat an earlier one");
  return `${from}; ${unique}; ${typeOf(column.codec, key)}`;
}

function typeOf(codec: KeyColumn["codec"], key: KeyProfile): string {
  if (codec === "uuid") return all(key.present, "a UUID", "UUIDs");
  if (codec === "text") return all(key.present, "text", "text");
  if (codec === "integer") return all(key.present, "a whole number", "whole numbers");
  if (codec === "number") return all(key.present, "a number", "numbers");
  return "keys of several types, or of a type that SQL does not have, are held in tagged form";
}
