/**
 * What inference chose, and why, in plain sentences: `plan` prints them, and an engineer decides by them. They
 * tell names and counts, never a value.
 */
import type { Kind } from "./profile-properties.ts";

export interface Choice {
  readonly collection: string;
  /** The SQL name of the table that it is about. */
  readonly table: string;
  /** The property below what the table's rows stand for, or the columns of an index, or the table. */
  readonly subject: string;
  readonly kind: "key" | "column" | "json" | "child" | "rest" | "reference" | "index";
  readonly choice: string;
  readonly why: string;
}

// biome-ignore format: one row per kind
const KIND_WORDS: Readonly<Record<Kind, readonly [one: string, many: string]>> = {
  string:    ["text", "texts"],
  integer:   ["whole number", "whole numbers"],
  number:    ["other number", "other numbers"],
  boolean:   ["true or false", "true or false"],
  date:      ["date", "dates"],
  null:      ["null", "null"],
  undefined: ["undefined", "undefined"],
  object:    ["object", "objects"],
  array:     ["list", "lists"],
  other:     ["value that JSON does not have", "values that JSON does not have"],
};

/** `1 record`, `3 records`. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** `the one value is a UUID`, `all 735 values are UUIDs`. */
export function all(count: number, one: string, many: string): string {
  return count === 1 ? `the one value is ${one}` : `all ${count} values are ${many}`;
}

/** `12 texts, 3 whole numbers`. */
export function listed(kinds: ReadonlyMap<Kind, number>): string {
  return [...kinds].map(([kind, count]) => counted(count, ...KIND_WORDS[kind])).join(", ");
}
