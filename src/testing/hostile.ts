/**
 * What a store is likely to get wrong: values, keys, tenants and names. Each value is different from all others, so
 * that a store which makes one of another is found out.
 */
import type { Key } from "../collection/key.ts";
import { BlobValue, ExactNumber, Reference, type Value } from "../collection/value.ts";

const sparse: Value[] = new Array(3);
sparse[1] = "x";
const bare = new TypeError("no");
Reflect.deleteProperty(bare, "stack");
const nested = (levels: number): Value => (levels === 0 ? "deep" : { in: [nested(levels - 1)] });

/** Values by name. Any of them may be a record, a property of one, or an element of a list in one. */
// biome-ignore format: one row per kind
export const HOSTILE_VALUES: readonly (readonly [name: string, value: Value])[] = [
  ["null", null], ["undefined", undefined], ["true", true], ["false", false], ["text true", "true"], ["text null", "null"],
  ["zero", 0], ["negative zero", -0], ["one", 1], ["text one", "1"], ["fraction", 0.30000000000000004], ["2^53", 2 ** 53],
  ["the largest double", 1.7976931348623157e308], ["the smallest double", 5e-324], ["1e21", 1e21],
  ["NaN", Number.NaN], ["Infinity", Number.POSITIVE_INFINITY], ["-Infinity", Number.NEGATIVE_INFINITY],
  ["an integer beyond 2^53", new ExactNumber("9007199254740993")], ["1e400", new ExactNumber("1e400")], ["-1.5e-400", new ExactNumber("-1.50E-400")],
  ["bigint", 123456789012345678901234567890n], ["bigint one", 1n], ["empty text", ""], ["a blank", " "], ["NUL", "a\u0000b"],
  ["U+0001", "\u0001"], ["a lone high surrogate", "\ud83d"], ["a lone low surrogate", "x\ude00"], ["reversed surrogates", "\ude00\ud83d"],
  ["emoji", "\u{1F469}\u200d\u{1F467}"], ["U+FFFD", "\ufffd"], ["U+2028", "\u2028"], ["composed é", "\u00e9"], ["decomposed é", "e\u0301"],
  ["CR LF", "a\r\nb"], ["quotes", "'; drop table x;-- \" \\ $1 %s {}"], ["COPY's end", "\\."], ["\\N", "\\N"],
  ["empty list", []], ["empty object", {}], ["list of null", [null]], ["list of undefined", [undefined]], ["a hole", new Array(1) as Value[]], ["sparse list", sparse],
  ["mixed list", [1, "1", null, [], {}]], ["property undefined", { a: undefined }], ["property null", { a: null }], ["empty name", { "": 1 }],
  ["own __proto__", JSON.parse('{"__proto__":{"admin":true},"a":1}') as Value], ["constructor", { constructor: { prototype: 1 } }],
  ["names like indices", { "2": 1, "10": 2, b: 3 }], ["name with a dot", { "a.b": 1 }], ["name with NUL", { "\u0000": 1 }], ["name half a pair", { "\ud800": 1 }],
  ["a tag's look", { $date: 0 }], ["a tag in a tag", { $object: { $date: 0 } }], ["$undefined", { $undefined: true }], ["$absent", { $absent: true }], ["$rows", { $rows: [] }],
  ["date", new Date(0)], ["its milliseconds as text", "0"], ["invalid date", new Date(Number.NaN)], ["the first date", new Date(-8.64e15)],
  ["time as text", "1970-01-01T00:00:00.000Z"], ["time without milliseconds", "1970-01-01T00:00:00Z"], ["a year beyond 9999", "+010000-01-01T00:00:00.000Z"],
  ["regexp", /a+/gi], ["regexp, other flags", /a+/g], ["map", new Map<Value, Value>([["a", 1], [{ k: 1 }, 2]])], ["the map in another order", new Map<Value, Value>([[{ k: 1 }, 2], ["a", 1]])],
  ["empty map", new Map()], ["set", new Set<Value>(["a", 1])], ["empty set", new Set()], ["bytes", new Uint8Array([0, 1, 255])], ["other bytes", new Int8Array([0, 1, -1])],
  ["no bytes", new Uint8Array()], ["buffer", new Uint8Array([0, 1, 255]).buffer], ["view", new DataView(new ArrayBuffer(2))], ["bigint bytes", new BigInt64Array([1n, -1n])],
  ["blob", new BlobValue("image/png", new Uint8Array([137]))], ["file", new BlobValue("image/png", new Uint8Array([137]), "a.png", 5)],
  ["error", bare], ["boxed number", Object(5) as Value], ["boxed text", Object("5") as Value], ["reference", new Reference(["a", 0])], ["deep", nested(50)],
  ["wide", Object.fromEntries(Array.from({ length: 400 }, (_, index) => [`n${index}`, index]))],
];

/** Keys of every kind; no two are one key. */
// biome-ignore format: one row per kind
export const HOSTILE_KEYS: readonly Key[] = [
  "", " ", "a", "A", "a ", "ab", "a\u0000", "a\u0000b", "a\u0001", "a\u0001\u0003", "\ud83d", "\ude00", "\ud83d\ude00", "\ufffd", "\ue000", "\uffff",
  "\u00e9", "e\u0301", "1", "01", "1.0", "null", "undefined", "__proto__", "constructor", "a/b", "../a", "a:b", "{a}", "a*", "a?", "[a]", "%", "_", "'", "\"", "\\", "\r\n",
  "11111111-2222-4333-8444-555555555555", "11111111-2222-4333-8444-55555555555A", "k".repeat(900),
  0, 1, -1, 0.5, 10, 2, 1e21, -1e-7, 2 ** 53, Number.MAX_VALUE, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY,
  new Date(0), new Date(1), new Date(-1), new Uint8Array(), new Uint8Array([0]), new Uint8Array([0, 255]), [], [[]], ["a"], ["a", "b"], ["ab"], [["a"], "b"], [1, "1"], ["a\u0001"],
];

/** Tenants that a careless store makes one of, reads as a pattern, or takes for a path. */
// biome-ignore format: one row per kind
export const HOSTILE_TENANTS: readonly string[] = [
  "A", "a", "a ", " a", "a:b", "a:", ":a", "b", "*", "?", "%", "_", "[a-z]", "a/../b", "..", "__proto__", "constructor", "null", "undefined", "default",
  "\u00e9", "e\u0301", "'; drop table x;--", "\"", "\\", "{a}", "$1", "\u{1F469}", "a\u0001", "A".repeat(200), "A".repeat(201), "", "a\u0000", "\ud800",
];

/** Names of collections that are data like any other. */
export const HOSTILE_NAMES: readonly string[] = [
  "Things",
  "two words",
  `"; drop table x;-- '\\ $1`,
  "a:b",
  "\u043a\u043b\u044e\u0447",
  "{a}*",
  "hasOwnProperty",
  "constructor",
  "__proto__",
];
