import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { canonicalText, digest, digestText, keyedDigest } from "../../src/collection/canonical.ts";
import { bucketOf, DigestSum, digestHex } from "../../src/collection/digest-sum.ts";
import { normaliseNumber, readNumber } from "../../src/collection/exact-number.ts";
import {
  compareText,
  decodeKey,
  displayKey,
  encodeKey,
  type Key,
} from "../../src/collection/key.ts";
import { parseJson } from "../../src/collection/parse-json.ts";
import { dumpRevision, revision } from "../../src/collection/revision.ts";
import { sha256 } from "../../src/collection/sha256.ts";
import { fromTaggedJson, toTaggedJson } from "../../src/collection/tagged-json.ts";
import { ExactNumber, type Value } from "../../src/collection/value.ts";
import { encodeWtf8 } from "../../src/collection/wtf8.ts";
import { propertyRuns } from "../support/property.ts";
import { VALUES } from "./values.ts";
import { makeVectors, type Vectors } from "./vectors.ts";

const golden = JSON.parse(
  readFileSync(new URL("./golden-vectors.json", import.meta.url), "utf8"),
) as Vectors;

describe("canonical text", () => {
  it("is what the golden vectors say", () => {
    expect(makeVectors()).toEqual(golden);
  });

  it("tells all kinds of values apart (input c-65, c-66: absent, null, undefined, hole, [] and {})", () => {
    const digests = new Map<string, string>();
    for (const [name, value] of VALUES) {
      const hex = digestHex(digest(value));
      // `é` in its two forms are two texts, and so on for all the others.
      expect(digests.get(hex), name).toBeUndefined();
      digests.set(hex, name);
    }
  });

  it("input c-67: is the same for every order of names", () => {
    const orders = [
      ["10", "2", "b"],
      ["b", "10", "2"],
      ["2", "b", "10"],
    ];
    const texts = orders.map((names) =>
      canonicalText(Object.fromEntries(names.map((n) => [n, n]))),
    );
    expect(new Set(texts).size).toBe(1);
  });

  it("input c-21: two spellings of one exact number are one value, another digit is another", () => {
    expect(digest(new ExactNumber("1e400"))).toEqual(digest(new ExactNumber("10.0E+399")));
    expect(digest(new ExactNumber("9007199254740993"))).not.toEqual(digest(9007199254740992));
    expect(normaliseNumber("-0.0")).toBe("-0e0");
  });

  it("input c-21, c-22, c-27: only numbers that a double does not give back are exact", () => {
    for (const text of ["9007199254740993", "1e400", "1e-400", "0.1234567890123456789"]) {
      expect(readNumber(text), text).toBeInstanceOf(ExactNumber);
    }
    for (const text of [
      "0.30000000000000004",
      "9007199254740992",
      "1e21",
      "1.50",
      "-0",
      "100000000000000000000",
    ]) {
      expect(readNumber(text), text).toBe(Number(text));
    }
  });
});

const anyValue: fc.Arbitrary<Value> = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.constantFrom(...VALUES.map(([, value]) => value)),
    fc.string({ unit: "binary" }),
    fc.double(),
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(fc.string({ unit: "binary", maxLength: 6 }), tie("value"), { maxKeys: 5 }),
  ),
})).value;

describe("the digest of a value", () => {
  it("is that of its canonical text, however it is made", () => {
    fc.assert(
      fc.property(anyValue, fc.string({ unit: "binary" }), (value, key) => {
        expect(digest(value)).toEqual(digestText(canonicalText(value)));
        const whole = Buffer.concat([encodeWtf8(canonicalText(key)), digest(value)]);
        expect(keyedDigest(key, digest(value))).toEqual(sha256(whole));
      }),
      propertyRuns(),
    );
  });

  it("is the same for long texts, many names, and names that come in another order", () => {
    const long = "x".repeat(70_000);
    const many = Array.from({ length: 3000 }, (_, index) => ({ [`n${index}`]: index, a: "é" }));
    const orders = ["ba", "ab", "abc", "cab", "a"].map((names) =>
      Object.fromEntries(Array.from(names, (name) => [name, { [name]: long.slice(0, 90) }])),
    );
    const values: Value[] = [
      ...[long, `${long}é`, `${long}\ud800`, `${"y".repeat(63)}\udc00`, "z".repeat(64), "é"],
      ...[many, [...orders, ...orders], { [long]: long }, new Map([[long, orders as Value]])],
    ];
    for (const value of [...values, ...values]) {
      expect(digest(value)).toEqual(digestText(canonicalText(value)));
    }
  });
});

describe("tagged JSON", () => {
  it("law L1: gives back every value, whatever it looks like", () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        expect(canonicalText(fromTaggedJson(toTaggedJson(value)))).toBe(canonicalText(value));
      }),
      propertyRuns(),
    );
  });

  it("is plain JSON for plain JSON", () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false } as never), (value) => {
        fc.pre(!JSON.stringify(value).includes('"$') && !Object.is(value, -0));
        const text = JSON.stringify(value);
        fc.pre(!/-0(?![.\d])/.test(text) && text === JSON.stringify(JSON.parse(text)));
        expect(JSON.parse(toTaggedJson(JSON.parse(text) as Value))).toEqual(JSON.parse(text));
      }),
      propertyRuns(),
    );
  });

  it("input c-60: an own __proto__ is data and pollutes nothing", () => {
    const value = fromTaggedJson('{"$set":[{"__proto__":{"admin":true}}]}') as Set<Value>;
    const [inner] = value;
    expect(Object.hasOwn(inner as object, "__proto__")).toBe(true);
    expect(({} as { admin?: boolean }).admin).toBeUndefined();
  });
});

describe("keys", () => {
  const anyKey: fc.Arbitrary<Key> = fc.letrec<{ key: Key }>((tie) => ({
    key: fc.oneof(
      { depthSize: "small" },
      fc.string({ unit: "binary" }),
      fc.double({ noNaN: true }),
      fc.date({ noInvalidDate: true }),
      fc.uint8Array({ maxLength: 4 }),
      fc.array(tie("key"), { maxLength: 3 }),
    ),
  })).key;

  it("come back from their ledger text, which every store can hold", () => {
    fc.assert(
      fc.property(anyKey, (key) => {
        const text = encodeKey(key);
        expect(text.isWellFormed() && !text.includes("\u0000")).toBe(true);
        expect(encodeKey(decodeKey(text))).toBe(text);
      }),
      propertyRuns(),
    );
  });

  it("sort by their ledger text as IndexedDB sorts them", () => {
    const numbers = [
      Number.NEGATIVE_INFINITY,
      -1e300,
      -1.5,
      -0,
      5e-324,
      1,
      2,
      10,
      1e300,
      Number.POSITIVE_INFINITY,
    ];
    const keys: Key[] = [
      ...numbers,
      new Date(-5),
      new Date(0),
      "",
      "\u0000",
      "\u0001",
      "a",
      "a\u0000b",
      "b",
      new Uint8Array([1]),
      [],
      [1],
      [1, "a"],
      [2],
    ];
    const texts = keys.map(encodeKey);
    expect([...texts].sort(compareText)).toEqual(texts);
  });

  it("compare by code point, as UTF-8 bytes do", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }), (a, b) => {
        fc.pre(a.isWellFormed() && b.isWellFormed());
        expect(Math.sign(compareText(a, b))).toBe(
          Math.sign(Buffer.compare(Buffer.from(a), Buffer.from(b))),
        );
      }),
      propertyRuns(),
    );
  });

  it('input c-89: 1 and "1" are different keys, and what is no key is refused with its kind', () => {
    expect(encodeKey(1)).not.toBe(encodeKey("1"));
    for (const wrong of [null, undefined, Number.NaN, {}, true, new Date(Number.NaN)]) {
      expect(() => encodeKey(wrong)).toThrow(expect.objectContaining({ code: "KEY_INVALID" }));
    }
    expect(displayKey(encodeKey(["a", 1]))).toBe('["a",1]');
  });
});

describe("the lossless parser", () => {
  it("agrees with JSON.parse on all JSON, and remembers orders that objects cannot", () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 5 }), (text) => {
        expect(canonicalText(parseJson(text).value)).toBe(canonicalText(JSON.parse(text) as Value));
      }),
      propertyRuns(),
    );
    const { value, orders } = parseJson('{"b":1,"10":2,"2":{"1":0,"0":0}}');
    expect(orders.get(value as object)).toEqual(["b", "10", "2"]);
  });

  it("input c-62: finds a name that stands twice, escaped or not", () => {
    expect(parseJson('{"a":1,"a":2}').duplicate).toBe("a");
    expect(parseJson('{"a":1,"\\u0061":2}').duplicate).toBe("a");
    expect(parseJson('{"a":{"b":1},"b":1}').duplicate).toBeUndefined();
  });

  it("refuses what is not JSON, and never quotes it", () => {
    for (const text of ["{'a':1}", "[1,]", "[NaN]", "{a:1}", "01", "[1 2]", '"\t"', "", "nul"]) {
      expect(() => parseJson(text), text).toThrow(/^not JSON at character \d+$/);
    }
  });
});

describe("digest sums", () => {
  const some = ["a", "b", "c"].map((text) => digest(text));
  const sum = (...digests: Uint8Array[]): string => {
    const total = new DigestSum();
    for (const one of digests) total.add(one);
    return total.hex;
  };

  it("do not depend on order, and a doubled pair does not cancel out", () => {
    const [a, b, c] = some as [Uint8Array, Uint8Array, Uint8Array];
    expect(sum(a, b, c)).toBe(sum(c, a, b));
    expect(sum(a, a)).not.toBe(sum(b, b));
    expect(sum(a, a, b)).not.toBe(sum(a, b, b));
  });

  it("add as numbers of 256 bits do", () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ minLength: 32, maxLength: 32 }), { maxLength: 5 }),
        (digests) => {
          const expected =
            digests.reduce((total, one) => total + BigInt(`0x${digestHex(one)}`), 0n) % 2n ** 256n;
          expect(BigInt(`0x${sum(...digests)}`)).toBe(expected);
        },
      ),
      propertyRuns(),
    );
  });

  it("spread keys over all buckets", () => {
    const used = new Set(Array.from({ length: 40_000 }, (_, index) => bucketOf(encodeKey(index))));
    expect(used.size).toBeGreaterThan(4000);
  });
});

describe("revisions", () => {
  it("compare as texts, later runs over earlier ones and an app's writes over every copy", () => {
    const ordered = [
      dumpRevision(1),
      dumpRevision(2),
      dumpRevision(10),
      revision(1, 0),
      revision(1, 1),
      revision(2, 0),
    ];
    expect([...ordered].sort()).toEqual(ordered);
    expect(() => revision(-1, 0)).toThrow(TypeError);
  });
});
