/** What another implementation is held against: made here, kept in golden-vectors.json, the same in a browser. */
import { canonicalText, digestText } from "../../src/collection/canonical.ts";
import { digestHex } from "../../src/collection/digest-sum.ts";
import { encodeKey, type Key } from "../../src/collection/key.ts";
import { portableSha256 } from "../../src/collection/sha256.ts";
import { toTaggedJson } from "../../src/collection/tagged-json.ts";
import { encodeWtf8 } from "../../src/collection/wtf8.ts";
import { VALUES } from "./values.ts";

export interface Vectors {
  readonly values: readonly { name: string; tagged: string; canonical: string; digest: string }[];
  readonly keys: readonly { key: string; text: string }[];
}

const KEYS: readonly Key[] = [
  Number.NEGATIVE_INFINITY,
  -1.5,
  -1,
  0,
  0.5,
  1,
  10,
  Number.MAX_SAFE_INTEGER,
  Number.POSITIVE_INFINITY,
  new Date(-1),
  new Date(0),
  "",
  "\u0000",
  "\u0001",
  "1",
  "a",
  "a\u0000",
  "a\u0001",
  "ab",
  "\ue000",
  "\u{10000}",
  new Uint8Array([]),
  new Uint8Array([0]),
  new Uint8Array([255]),
  [],
  [1],
  ["a"],
  ["a", "b"],
  [["a"]],
];

export function makeVectors(): Vectors {
  return {
    values: VALUES.map(([name, value]) => {
      const canonical = canonicalText(value);
      const digest = digestHex(digestText(canonical));
      const portable = digestHex(portableSha256(encodeWtf8(canonical)));
      if (digest !== portable) throw new Error(`two digests of ${name}`);
      return { name, tagged: toTaggedJson(value), canonical, digest };
    }),
    keys: KEYS.map((key) => ({ key: toTaggedJson(key as never), text: encodeKey(key) })),
  };
}
