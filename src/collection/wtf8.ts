/**
 * WTF-8 (https://simonsapin.github.io/wtf-8/): UTF-8 that can hold lone surrogates, each as three bytes.
 * `TextEncoder` would turn every one of them into U+FFFD, so that different records got one digest.
 */
const utf8 = new TextEncoder();

/** The bytes of any JavaScript string; those of UTF-8 when it is well formed. */
export function encodeWtf8(text: string): Uint8Array {
  if (text.isWellFormed()) return utf8.encode(text);
  const bytes = new Uint8Array(text.length * 3);
  let length = 0;
  for (let index = 0; index < text.length; index++) {
    const code = text.codePointAt(index) as number;
    if (code < 0x80) {
      bytes[length++] = code;
    } else if (code < 0x800) {
      bytes[length++] = 0xc0 | (code >> 6);
      bytes[length++] = 0x80 | (code & 0x3f);
    } else if (code < 0x10000) {
      bytes[length++] = 0xe0 | (code >> 12);
      bytes[length++] = 0x80 | ((code >> 6) & 0x3f);
      bytes[length++] = 0x80 | (code & 0x3f);
    } else {
      bytes[length++] = 0xf0 | (code >> 18);
      bytes[length++] = 0x80 | ((code >> 12) & 0x3f);
      bytes[length++] = 0x80 | ((code >> 6) & 0x3f);
      bytes[length++] = 0x80 | (code & 0x3f);
      index++;
    }
  }
  return bytes.slice(0, length);
}
