/**
 * The canonical text of a value: one text for each value, whatever the order of its keys or the spelling of
 * its numbers; different texts for different values. Its SHA-256 is the record's digest, for ever: this format
 * is frozen, and `test/collection/golden-vectors.json` holds it for other implementations.
 *
 *   null _      undefined u      true T      false F      hole of a sparse array h
 *   number      # ECMAScript's Number::toString ;     -0 is "-0"; NaN, Infinity, -Infinity by name
 *   exact       = digits e exponent ;                  see ExactNumber; no trailing zero in the digits
 *   bigint      i decimal digits ;
 *   string      " length : characters                  length in UTF-16 code units
 *   array       [ count : elements
 *   object      { count : (string value)*              by name, in the order of the names' WTF-8 bytes
 *   date        D epoch milliseconds ;                 or "NaN"
 *   regexp      R string(source) string(flags)
 *   map, set    M count : (value value)*, S count : value*, in insertion order
 *   bytes       B string(name of the class) string(base64)
 *   blob        L string(type) string(base64) value(name) value(lastModified)
 *   error       E { … } an object of name, message and the own properties
 *   boxed       O value
 *   reference   ^ array of the path
 *
 * The text is encoded as WTF-8, so that a lone surrogate counts as itself.
 */
import { toBase64, viewBytes, viewName } from "./bytes.ts";
import { CanonicalBytes, sortedNames } from "./canonical-bytes.ts";
import { errorParts } from "./error-parts.ts";
import { normaliseNumber } from "./exact-number.ts";
import { sha256 } from "./sha256.ts";
import {
  BlobValue,
  ExactNumber,
  isBoxed,
  type ObjectValue,
  Reference,
  type Value,
} from "./value.ts";
import { encodeWtf8 } from "./wtf8.ts";

/** The canonical text, which may hold lone surrogates. Depth is bounded by the caller (LIMITS.depth). */
export function canonicalText(value: Value): string {
  switch (typeof value) {
    case "string":
      return `"${value.length}:${value}`;
    case "number":
      return `#${Object.is(value, -0) ? "-0" : value};`;
    case "boolean":
      return value ? "T" : "F";
    case "undefined":
      return "u";
    case "bigint":
      return `i${value};`;
    default:
      if (value === null) return "_";
      if (Array.isArray(value)) return arrayText(value);
      return specialText(value) ?? objectText(value as ObjectValue);
  }
}

function arrayText(array: readonly Value[]): string {
  let text = `[${array.length}:`;
  for (let index = 0; index < array.length; index++) {
    const element = array[index];
    text += element === undefined && !Object.hasOwn(array, index) ? "h" : canonicalText(element);
  }
  return text;
}

function objectText(object: ObjectValue): string {
  const names = sortedNames(object);
  let text = `{${names.length}:`;
  for (const name of names) {
    text += `"${name.length}:${name}${canonicalText(object[name])}`;
  }
  return text;
}

const stringText = (text: string): string => `"${text.length}:${text}`;

/** What is an object to `typeof` and neither an array nor a plain object. */
function specialText(value: object): string | undefined {
  const prototype = Object.getPrototypeOf(value);
  if (prototype === Object.prototype || prototype === null) return undefined;
  if (value instanceof Date) return `D${value.getTime()};`;
  if (value instanceof ExactNumber) return `=${normaliseNumber(value.text)};`;
  if (value instanceof Map) {
    let text = `M${value.size}:`;
    for (const [key, entry] of value) text += canonicalText(key) + canonicalText(entry);
    return text;
  }
  if (value instanceof Set) {
    let text = `S${value.size}:`;
    for (const entry of value) text += canonicalText(entry);
    return text;
  }
  if (ArrayBuffer.isView(value)) {
    return `B${stringText(viewName(value))}${stringText(toBase64(viewBytes(value)))}`;
  }
  if (value instanceof ArrayBuffer) {
    return `B${stringText("ArrayBuffer")}${stringText(toBase64(new Uint8Array(value)))}`;
  }
  if (value instanceof BlobValue) {
    const file = canonicalText(value.name) + canonicalText(value.lastModified);
    return `L${stringText(value.type)}${stringText(toBase64(value.bytes))}${file}`;
  }
  if (value instanceof RegExp) return `R${stringText(value.source)}${stringText(value.flags)}`;
  if (value instanceof Error) return `E${canonicalText(errorParts(value))}`;
  if (value instanceof Reference) return `^${canonicalText(value.path)}`;
  if (isBoxed(value)) {
    return `O${canonicalText(value.valueOf() as Value)}`;
  }
  return undefined;
}

/** SHA-256 of a canonical text: 32 bytes. */
export function digestText(text: string): Uint8Array {
  return sha256(text.isWellFormed() ? text : encodeWtf8(text));
}

const canonicalBytes = canonicalWriter();

/** Writes canonical texts as bytes, piece by piece. */
export function canonicalWriter(): CanonicalBytes {
  return new CanonicalBytes(specialText);
}

/** The digest of a value: SHA-256 of its canonical text as WTF-8, 32 bytes. */
export function digest(value: Value): Uint8Array {
  canonicalBytes.begin();
  canonicalBytes.write(value);
  return sha256(canonicalBytes.bytes);
}

/** A digest that binds a value to its key: SHA-256 of the key's canonical text and the value's digest. */
export function keyedDigest(key: string, valueDigest: Uint8Array): Uint8Array {
  canonicalBytes.begin();
  canonicalBytes.write(key);
  canonicalBytes.append(valueDigest);
  return sha256(canonicalBytes.bytes);
}
