/** Bad input at the entrance for files, by the numbers of the corpus: each has the outcome that was decided for it. */
import { describe, expect, it } from "vitest";
import { canonicalText } from "../../src/collection/canonical.ts";
import { parseJson } from "../../src/collection/parse-json.ts";
import { type Moved, moveFile } from "../support/moving.ts";

/** All records stored, verify clean, and the file comes back with the same value and order of names. */
async function exactly(text: string, name?: string): Promise<Moved> {
  const moved = await moveFile(text, name);
  expect(moved.codes).toEqual([]);
  expect(moved.verified.clean).toBe(true);
  expect(moved.total("read")).toBe(moved.total("applied") + moved.total("duplicate"));
  expect(canonicalText(parseJson(moved.exported).value)).toBe(canonicalText(parseJson(text).value));
  return moved;
}

const rows = (...records: readonly string[]): string => `[${records.join(",")}]`;
const nested = (levels: number): string => `${"[".repeat(levels)}${"]".repeat(levels)}`;

describe("numbers", () => {
  it("input c-21: 9007199254740993 keeps its digits", async () => {
    const { exported } = await exactly(rows('{"id":1,"n":9007199254740993}', '{"id":2,"n":1}'));
    expect(exported).toContain("9007199254740993");
  });

  it("input c-22: 1e400 and 1e-400 become neither Infinity nor 0", async () => {
    const { exported } = await exactly(
      rows('{"id":1,"n":1e400}', '{"id":2,"n":1e-400}', '{"id":3,"n":0.5}'),
    );
    expect(exported).toMatch(/1e400[\s\S]*1e-400/);
  });

  it("input c-23, c-27: -0 and 0.30000000000000004 come back bit for bit", async () => {
    const { exported } = await exactly(
      rows('{"id":1,"n":-0,"m":[-0]}', '{"id":2,"n":0.30000000000000004}'),
    );
    expect(exported).toMatch(/"n":\s*-0[,}\s]/);
  });

  it("input c-25: a literal NaN is quarantined with its bytes, and the others go on", async () => {
    const moved = await moveFile(rows('{"id":1}', '{"id":2,"n":NaN}', '{"id":3}'));
    expect(moved.codes).toEqual(["JSON_SYNTAX"]);
    expect(Buffer.from(moved.quarantine[0]?.raw ?? []).toString()).toBe('{"id":2,"n":NaN}');
    expect(moved.total("applied")).toBe(2);
    expect(moved.verified.clean).toBe(true);
  });
});

describe("strings", () => {
  it("input c-33: NUL spills beside its column", async () => {
    const { copied } = await exactly(rows('{"id":1,"t":"a\\u0000b"}', '{"id":2,"t":"ok"}'));
    expect(copied.spills).toEqual([{ collection: "db", column: "t", code: "STR_NUL", count: 1 }]);
  });

  it("input c-34: lone and reversed surrogates come back as they were, not as U+FFFD", async () => {
    const { exported } = await exactly(
      rows('{"id":1,"t":"\\ud83d"}', '{"id":2,"t":"\\ude00\\ud83d"}', '{"id":3,"t":"\ufffd"}'),
    );
    expect((JSON.parse(exported) as { t: string }[])[0]?.t).toBe("\ud83d");
  });

  it("input c-35, c-37, c-44 to c-48: odd text is text", async () => {
    const odd = [
      "\u{1F469}\u200d\u{1F467}",
      "\ufffe",
      "\u2028",
      "\u202e",
      "<img onerror=x>",
      "=HYPERLINK(1)",
      "'); drop table x;--",
      "$1 %s \\",
      "\u001b[31m\r\n",
    ];
    await exactly(
      JSON.stringify(
        odd.map((text, id) => ({ id, text, [text]: { $date: 0, $types: "x", "#": 1, $: 2 } })),
      ),
    );
  });
});

describe("structure", () => {
  it("input c-60: an own __proto__ is data, at the top, nested and in arrays", async () => {
    const { exported } = await exactly(
      rows(
        '{"id":1,"__proto__":{"admin":true},"a":{"__proto__":1},"b":[{"__proto__":null}]}',
        '{"id":2}',
      ),
    );
    expect(exported.match(/__proto__/g)).toHaveLength(3);
    expect(({} as { admin?: boolean }).admin).toBeUndefined();
  });

  it("input c-61: constructor, toString, hasOwnProperty and then are data", async () => {
    await exactly(
      rows('{"id":1,"then":"x","constructor":{"prototype":1},"hasOwnProperty":false,"toString":0}'),
    );
  });

  it("input c-62: a name that stands twice is quarantined, escaped or not; --dup-keys=last keeps the last", async () => {
    const text = rows('{"id":1,"a":1,"a":2}', '{"id":2,"a":{"b":1,"\\u0062":2}}', '{"id":3,"a":1}');
    const moved = await moveFile(text);
    expect(moved.codes).toEqual(["DUP_KEY", "DUP_KEY"]);
    expect(moved.total("applied")).toBe(1);
    const lenient = await moveFile(text, "db.json", { duplicateNames: "last" });
    expect(lenient.codes).toEqual([]);
    expect((JSON.parse(lenient.exported) as { a: unknown }[])[0]?.a).toBe(2);
  });

  it("input c-63: depth 128 is stored, deeper is quarantined, and the database works afterwards", async () => {
    const deep = [127, 128, 7000, 1_000_000].map(
      (levels, id) => `{"id":${id},"d":${nested(levels)}}`,
    );
    const moved = await moveFile(rows(...deep, '{"id":9}'));
    expect(moved.codes).toEqual(["DEPTH", "DEPTH", "DEPTH"]);
    expect(moved.total("applied")).toBe(2);
    expect(moved.verified.clean).toBe(true);
  });

  it("input c-64: too many values are quarantined", async () => {
    const many = `{"id":1,"a":[${"0,".repeat(300_000)}0]}`;
    const moved = await moveFile(rows(many, '{"id":2}'));
    expect(moved.codes).toEqual(["TOO_MANY_NODES"]);
    expect(moved.quarantine[0]?.raw.length).toBe(many.length);
  });

  it("input c-42: a record over the limit is quarantined with its bytes; data URLs do not count", async () => {
    const big = `{"id":1,"t":"${"x".repeat(9 * 1024 * 1024)}"}`;
    const image = `{"id":2,"t":"data:image/png;base64,${"A".repeat(9 * 1024 * 1024)}"}`;
    const moved = await moveFile(rows(big, image, '{"id":3}'));
    expect(moved.codes).toEqual(["RECORD_TOO_LARGE"]);
    expect(moved.quarantine[0]?.raw.length).toBe(big.length);
    expect(moved.total("applied")).toBe(2);
  });

  it("input c-65, c-66: absent, null, [], {}, empty text and the empty name are told apart", async () => {
    await exactly(
      rows(
        '{"id":1,"a":null,"b":[],"c":{},"d":"","":0}',
        '{"id":2}',
        '{"id":3,"b":{},"c":[],"d":null,"":null}',
      ),
    );
  });

  it("input c-67: index-like names come back in their order, with one digest for every order", async () => {
    const { exported } = await exactly(
      rows(
        '{"id":1,"b":0,"10":0,"2":0}',
        '{"id":2,"2":0,"b":0,"10":0}',
        '{"10":0,"2":0,"b":0,"id":3}',
      ),
    );
    const names = [...exported.matchAll(/"(b|10|2|id)":/g)].map(([, name]) => name);
    expect(names).toEqual(["id", "b", "10", "2", "id", "2", "b", "10", "10", "2", "b", "id"]);
  });

  it("input c-68: names with dots, slashes, tildes and dollars", async () => {
    await exactly(rows('{"id":1,"a.b":1,"a~1b":2,"a/b":3,"$":4,"$x":{"$y":1}}'));
  });
});

describe("ids and relations", () => {
  it("input c-86: the same record twice is one row and one repetition", async () => {
    const moved = await moveFile(rows('{"id":1,"a":1}', '{"a":1,"id":1}', '{"id":2}'));
    expect([moved.total("applied"), moved.total("duplicate"), moved.codes]).toEqual([2, 1, []]);
    expect(moved.verified.clean).toBe(true);
  });

  it("input c-87: one id with two contents: both quarantined, a third one too, wherever they stand", async () => {
    const filler = Array.from({ length: 12_000 }, (_, index) => `{"id":${index + 10}}`);
    const moved = await moveFile(
      rows(
        '{"id":1,"a":1}',
        '{"id":2,"a":1}',
        '{"id":2,"a":2}',
        '{"id":3,"a":1}',
        ...filler,
        '{"id":3,"a":2}',
        '{"id":1,"a":2}',
        '{"id":1,"a":1}',
      ),
    );
    expect(moved.codes).toEqual(Array(7).fill("ID_CONFLICT"));
    expect(moved.total("applied")).toBe(12_000);
    expect(moved.total("quarantined")).toBe(7);
    expect(moved.verified.clean).toBe(true);
  });

  it('input c-89: 1 and "1" are two records; missing and null ids do not make others lose theirs', async () => {
    await exactly(rows('{"id":1}', '{"id":"1"}', '{"id":"prod_1"}', '{"id":""}', '{"id":7.5}'));
    await exactly(rows('{"id":1}', '{"id":null}', "{}", '{"id":"x"}'));
    const many = Array.from({ length: 300 }, (_, index) => `{"id":${index}}`);
    const moved = await moveFile(rows(...many, '{"name":"no id"}'));
    expect(moved.codes).toEqual(["ID_MISSING"]);
  });

  it("input c-41: a key over 1 KiB is quarantined", async () => {
    const moved = await moveFile(rows(`{"id":"${"k".repeat(2000)}"}`, '{"id":"a"}', '{"id":"b"}'));
    expect(moved.codes).toEqual(["KEY_TOO_LONG"]);
  });

  it("input c-90, c-91: dangling and circular references are kept as they are", async () => {
    await exactly('{"a":[{"id":1,"parent":2,"productId":"gone"},{"id":2,"parent":1}],"b":[]}');
  });

  it("input c-97: a hundred identical rows without id are a hundred records", async () => {
    const moved = await exactly(rows(...Array(100).fill('{"a":1}')));
    expect(moved.total("applied")).toBe(100);
  });

  it("input c-96: another tenant's id inside a record is data", async () => {
    const moved = await moveFile(rows('{"id":1,"tenant_id":"other","role":"ADMIN"}'), "db.json", {
      tenant: "mine",
    });
    expect(moved.verified.clean).toBe(true);
    expect(JSON.parse(moved.exported)).toEqual([{ id: 1, tenant_id: "other", role: "ADMIN" }]);
  });
});

describe("envelope", () => {
  it("input c-08, c-13: a byte order mark; NDJSON with blank lines, CRLF and no final newline", async () => {
    await exactly(`[{"id":1}]`);
    const bom = await moveFile(`\ufeff[{"id":1}]`);
    expect(bom.total("applied")).toBe(1);
    const lines = await moveFile('{"id":1}\r\n\r\n{"id":2}\n{"id":3}', "lines.ndjson");
    expect([lines.total("applied"), lines.verified.clean]).toEqual([3, true]);
  });

  it("input c-10: bytes that are not UTF-8 are quarantined as they are", async () => {
    const content = Buffer.concat([
      Buffer.from('[{"id":1,"t":"'),
      Buffer.from([0xff, 0xc0, 0xaf]),
      Buffer.from('"},{"id":2}]'),
    ]);
    const moved = await moveFile(content);
    expect(moved.codes).toEqual(["UTF8_INVALID"]);
    expect(
      Buffer.from(moved.quarantine[0]?.raw ?? []).includes(Buffer.from([0xff, 0xc0, 0xaf])),
    ).toBe(true);
  });

  it("input c-02, c-12, c-14: a broken file is refused with the byte, and nothing is written", async () => {
    for (const [text, code] of [
      ['[{"id":1},{"id":', "BUNDLE_SYNTAX"],
      ['[{"id":1},]', "BUNDLE_SYNTAX"],
      ['[{"id":1}{"id":2}]', "BUNDLE_SYNTAX"],
      ["", "SOURCE_EMPTY"],
    ] as const) {
      await expect(moveFile(text), text).rejects.toMatchObject({ code });
    }
    const repaired = await moveFile('[{"id":1}{"id":2},]', "db.json", { repair: true });
    expect(repaired.total("applied")).toBe(2);
  });

  it("input c-19: hostile names of collections are quoted, and the catalog is as before", async () => {
    const text = JSON.stringify({
      '"; drop table x;--': [{ id: 1 }],
      "../../x": [{ id: 1 }],
      "pg_catalog.pg_user": [{ id: 1 }],
      __proto__x: [{ id: 1 }],
    });
    await exactly(text);
  });
});
