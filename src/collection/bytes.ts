/** Base64 without Node's Buffer, so that it is the same in a browser. Strict: what is not base64 is refused. */
const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const strict = /^[A-Za-z0-9+/]*={0,2}$/;

export function toBase64(bytes: Uint8Array): string {
  let text = "";
  for (let index = 0; index < bytes.length; index += 3) {
    const a = bytes[index] as number;
    const b = bytes[index + 1];
    const c = bytes[index + 2];
    text += alphabet[a >> 2];
    text += alphabet[((a & 3) << 4) | ((b ?? 0) >> 4)];
    text += b === undefined ? "=" : alphabet[((b & 15) << 2) | ((c ?? 0) >> 6)];
    text += c === undefined ? "=" : alphabet[c & 63];
  }
  return text;
}

/** `undefined` when the text is not canonical base64. */
export function fromBase64(text: string): Uint8Array | undefined {
  if (text.length % 4 !== 0 || !strict.test(text)) return undefined;
  // The bits that padding leaves over must be zero, or two texts would stand for the same bytes.
  if (text.endsWith("==") && !"AQgw".includes(text.at(-3) as string)) return undefined;
  if (
    text.endsWith("=") &&
    !text.endsWith("==") &&
    !"AEIMQUYcgkosw048".includes(text.at(-2) as string)
  ) {
    return undefined;
  }
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let index = 0; index < binary.length; index++) bytes[index] = binary.charCodeAt(index);
  return bytes;
}

/** The names of the views over an ArrayBuffer that structured clone keeps. */
export const VIEW_NAMES = [
  "Int8Array",
  "Uint8Array",
  "Uint8ClampedArray",
  "Int16Array",
  "Uint16Array",
  "Int32Array",
  "Uint32Array",
  "Float32Array",
  "Float64Array",
  "BigInt64Array",
  "BigUint64Array",
  "DataView",
] as const;
export type ViewName = (typeof VIEW_NAMES)[number];

/** The bytes that a view shows, and only those: not what lies around it in a larger buffer. */
export function viewBytes(view: ArrayBufferView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

export function viewName(view: ArrayBufferView): ViewName {
  return Object.prototype.toString.call(view).slice(8, -1) as ViewName;
}

/** A view of this name over a copy of `bytes`; `undefined` when the bytes do not fill whole elements. */
export function makeView(name: ViewName, bytes: Uint8Array): ArrayBufferView | undefined {
  const buffer = bytes.slice().buffer as ArrayBuffer;
  const View = globalThis[name] as unknown as {
    new (buffer: ArrayBuffer): ArrayBufferView;
    BYTES_PER_ELEMENT?: number;
  };
  if (bytes.length % (View.BYTES_PER_ELEMENT ?? 1) !== 0) return undefined;
  return new View(buffer);
}
