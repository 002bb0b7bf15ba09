/** Values of every kind, each different from all others; shared by the tests and by the page in Chromium. */
import { BlobValue, ExactNumber, Reference, type Value } from "../../src/collection/value.ts";

const sparse: Value[] = new Array(3);
sparse[1] = "x";
const proto = JSON.parse('{"__proto__":{"admin":true},"a":1}') as Value;
const error = new TypeError("no");
Reflect.deleteProperty(error, "stack");

// biome-ignore format: one row per value
export const VALUES: readonly (readonly [string, Value])[] = [
  ["null", null], ["undefined", undefined], ["true", true], ["false", false],
  ["zero", 0], ["negative zero", -0], ["one", 1], ["fraction", 0.30000000000000004], ["huge", 1.7976931348623157e308],
  ["tiny", 5e-324], ["NaN", Number.NaN], ["Infinity", Number.POSITIVE_INFINITY], ["minus Infinity", Number.NEGATIVE_INFINITY],
  ["exact integer", new ExactNumber("9007199254740993")], ["exact huge", new ExactNumber("1e400")],
  ["exact tiny", new ExactNumber("-1.50E-400")], ["bigint", 123456789012345678901234567890n], ["text one", "1"],
  ["empty text", ""], ["NUL", "a\u0000b"], ["lone high", "\ud83d"], ["lone low", "\ude00"], ["reversed pair", "\ude00\ud83d"],
  ["emoji", "\u{1F469}\u200d\u{1F467}"], ["U+FFFD", "\ufffd"], ["U+2028", "\u2028"], ["composed", "\u00e9"], ["decomposed", "e\u0301"],
  ["empty array", []], ["empty object", {}], ["array of undefined", [undefined]], ["hole", new Array(1) as Value[]], ["sparse", sparse],
  ["object of undefined", { a: undefined }], ["object of null", { a: null }], ["empty name", { "": 1 }], ["nested", { a: [{ b: {} }] }],
  ["own __proto__", proto], ["constructor", { constructor: { prototype: 1 } }], ["thenable", { then: 1 }],
  ["surrogates before U+E000", { "\u{10000}": 1, "\ue000": 2 }], ["index names", { "2": 1, "10": 2, b: 3 }],
  ["tag look-alike", { $date: 0 }], ["tag of a tag", { $object: { $date: 0 } }], ["$types", { $types: { a: "date" }, a: 1 }],
  ["date", new Date(0)], ["invalid date", new Date(Number.NaN)], ["date text", "1970-01-01T00:00:00.000Z"],
  ["regexp", /a+/gi], ["regexp flags", /a+/g], ["map", new Map<Value, Value>([["a", 1], [{ k: 1 }, 2]])], ["set", new Set<Value>(["a", 1])],
  ["map order", new Map<Value, Value>([[{ k: 1 }, 2], ["a", 1]])], ["bytes", new Uint8Array([1, 2])],
  ["other bytes", new Int8Array([1, 2])], ["buffer", new Uint8Array([1, 2]).buffer as ArrayBuffer], ["view", new DataView(new ArrayBuffer(2))],
  ["big bytes", new BigInt64Array([1n, -1n])], ["part of a buffer", new Uint8Array([9, 1, 2, 9]).subarray(1, 3).slice(0, 1)],
  ["blob", new BlobValue("image/png", new Uint8Array([137]))], ["file", new BlobValue("image/png", new Uint8Array([137]), "a.png", 5)],
  ["error", error], ["boxed number", Object(5) as Value], ["boxed text", Object("5") as Value], ["reference", new Reference(["a", 0])],
];
