import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { canonicalText } from "../../src/collection/canonical.ts";
import { encodeKey } from "../../src/collection/key.ts";
import { type Exception, NameTemplates } from "../../src/collection/name-order.ts";
import { fromTaggedJson, toTaggedJson } from "../../src/collection/tagged-json.ts";
import type { Value } from "../../src/collection/value.ts";
import { CODECS, keyCell, ledgerKeyOf, offsetForm } from "../../src/layout/codec.ts";
import { compileLayout } from "../../src/layout/compile.ts";
import { inferLayout } from "../../src/layout/infer.ts";
import type { CodecName, Column, KeyColumn, Layout } from "../../src/layout/layout.ts";
import { sqlName } from "../../src/layout/names.ts";
import { CollectionProfile } from "../../src/layout/profile.ts";
import { VALUES } from "../collection/values.ts";
import { propertyRuns } from "../support/property.ts";
import { anyRecord } from "./any-layout.ts";
import { sqlText, throughLayout } from "./through-layout.ts";

const DERIVED = "432e37cb-71fc-5e9f-901b-2cfd82214f4a";
// biome-ignore format: values at the edges of codecs
const ODD: readonly Value[] = [
  "$4.99", "$199", "$0.05", "$-1.00", "-$1.00", "2024-02-29", "6/18/2025", "06/18/2025", "2026-02-06T00:45:19Z",
  "2025-08-24 15:51:55", "2024-01-02T03:04:05+02:00", "2024-01-02T03:04-00:00", "2024-01-02T03:04:05.123456+02:00",
  1_750_654_128_168, 1.5, 1e21, 1e-7, 0.1, 123_456.789, 5e-324, ["a", "", "NULL", "{}", ",", "\\"], [], ["a", null],
  { a: { b: [1e21, 5e-324] } }, "Draft", "draft",
];
const OPTIONS: Readonly<Record<string, Partial<Column>>> = {
  money: { prefix: "$", precision: 10, scale: 2 },
  decimal: { precision: 10, scale: 4 },
  "date-text": { pattern: "M/D/YYYY" },
  enum: { labels: { Draft: "draft" } },
};

describe("law L1: a layout gives back exactly the record it was given", () => {
  it("for any records under the layout inferred from others", () => {
    fc.assert(
      fc.property(
        fc.array(anyRecord, { minLength: 1, maxLength: 6 }),
        anyRecord,
        (records, later) => {
          const profile = new CollectionProfile("things");
          for (const record of records) profile.observe(record, undefined, 1);
          const layout = inferLayout(profile);
          const compiled = compileLayout(layout);
          for (const [position, record] of [...records, later].entries()) {
            const own =
              layout.key.from === "property"
                ? (record as { id?: Value } | undefined)?.id
                : position;
            if (typeof own !== "string" && typeof own !== "number") continue;
            if (Number.isNaN(own) || !compiled.keyFits(encodeKey(own))) continue;
            const back = throughLayout(layout, encodeKey(own), record);
            expect(canonicalText(back.value)).toBe(canonicalText(record));
            expect(back.key).toBe(encodeKey(own));
          }
        },
      ),
      propertyRuns(300),
    );
  });

  it("tells absent, null and undefined apart whatever NULL means in the column", () => {
    for (const nullMeans of ["absent", "null"] as const) {
      const layout: Layout = {
        version: 2,
        collection: "t",
        key: { from: "format" },
        tables: [
          {
            name: "t",
            tenantColumn: undefined,
            key: { name: "key", codec: "text" },
            restColumn: "rest",
            columns: [{ name: "a", codec: "text", path: ["a"], nullMeans }],
          },
        ],
      };
      for (const record of [{}, { a: null }, { a: undefined }, { a: "" }]) {
        expect(canonicalText(throughLayout(layout, "sk", record).value)).toBe(
          canonicalText(record),
        );
      }
    }
  });
});

describe("codecs", () => {
  const plain: Column = { name: "c", codec: "text", path: ["c"], nullMeans: "absent" };
  const space = { tenant: "default" };
  const encode = (codec: CodecName, value: Value, more: Partial<Column> = {}): unknown =>
    CODECS[codec].encode(value, { ...plain, codec, ...more }, space);

  it("law T3: hold a value only when they give that very value back", () => {
    const values = [...VALUES.map(([, value]) => value), ...ODD];
    for (const [name, codec] of Object.entries(CODECS)) {
      if (name === "ledger-key") continue;
      const column: Column = { ...plain, codec: name as CodecName, ...OPTIONS[name] };
      for (const value of values) {
        if (value === null) continue;
        const cell = codec.encode(value, column, space);
        if (cell === undefined) continue;
        const text = sqlText(cell, column.type ?? codec.sql, column.scale) as string;
        const back = codec.decode(text, column, offsetForm(value));
        expect(canonicalText(back), `${name} ${String(value)}`).toBe(canonicalText(value));
      }
    }
  });

  it("hold what they are for", () => {
    for (const [codec, value, more] of [
      ["money", "$4.99", { prefix: "$", scale: 2 }],
      ["decimal", 0.25, { precision: 10, scale: 4 }],
      ["iso-seconds", "2026-02-06T00:45:19Z", {}],
      ["sql-timestamp", "2025-08-24 15:51:55", {}],
      ["iso-date", "2026-02-06", {}],
      ["date-text", "6/18/2025", { pattern: "M/D/YYYY" }],
      ["offset-timestamp", "2024-01-02T03:04:05.12-05:30", {}],
      ["epoch-ms", 1_750_654_128_168, {}],
      ["jsonb", { a: [1, null, { b: "é" }] }, {}],
      ["text-list", ["a", "", '"\\'], {}],
      ["enum", "Draft", { labels: { Draft: "draft" } }],
    ] as const) {
      expect(encode(codec, value as Value, more), codec).toBeDefined();
    }
  });

  it("input c-23, c-33, c-34, c-51: refuse -0 as an integer, NUL, half pairs, impossible and odd dates", () => {
    expect(encode("integer", -0)).toBeUndefined();
    expect(encode("integer", 40_000, { type: "smallint" })).toBeUndefined();
    expect(encode("decimal", 0.6120000000000001, { precision: 10, scale: 4 })).toBeUndefined();
    expect(encode("decimal", -0, { scale: 2 })).toBeUndefined();
    expect(encode("money", "$199", { prefix: "$", scale: 2 })).toBeUndefined();
    expect(encode("jsonb", { a: -0 })).toBeUndefined();
    expect(encode("jsonb", ["\u0000"])).toBeUndefined();
    expect(encode("text", "a\u0000b")).toBeUndefined();
    expect(encode("text", "abcd", { limit: 3 })).toBeUndefined();
    expect(encode("text", "\ud83d")).toBeUndefined();
    for (const text of [
      "2024-02-30T00:00:00.000Z",
      "2024-01-15",
      "2024-01-15T00:00:00Z",
      "+275760-09-13T00:00:00.000Z",
      "now",
    ]) {
      expect(encode("iso-timestamp", text), text).toBeUndefined();
    }
    for (const text of ["2024-02-30", "2024-1-5", "0000-01-01"]) {
      expect(encode("iso-date", text), text).toBeUndefined();
    }
    expect(encode("number", Number.NaN)).toBeUndefined();
  });

  it("a rule makes a cell of what does not fit, and says what the cell will be", () => {
    for (const [codec, value, cell, more] of [
      ["money", "$199", "199.00", { scale: 2 }],
      ["money", "$1,299.5", "1299.50", { scale: 2 }],
      ["money", "4,99 €", "4.99", { scale: 2 }],
      ["money", 4.989, "4.99", { scale: 2 }],
      ["decimal", 0.61205, "0.6121", { precision: 10, scale: 4 }],
      ["decimal", -0.00004, "0.0000", { precision: 10, scale: 4 }],
      [
        "date-text",
        "2026-02-06T10:00:00.000Z",
        Date.parse("2026-02-06T10:00:00.000Z"),
        { type: "timestamptz" },
      ],
    ] as const) {
      const column = { ...plain, codec, ...more } as Column;
      expect(CODECS[codec].coerce?.(value, column, space)?.cell, String(value)).toBe(cell);
    }
    for (const value of ["about $5", "free", "$", "1.2.3", true, "12,3456"]) {
      expect(
        CODECS.money.coerce?.(value, { ...plain, scale: 2 }, space),
        String(value),
      ).toBeUndefined();
    }
  });

  it("key columns give back the ledger text", () => {
    const cellOf = (codec: KeyColumn["codec"], text: string): unknown =>
      keyCell({ codec }, text, "things", "default");
    for (const [codec, keys] of [
      ["text", ["a", "", "a\u0001b"]],
      ["integer", [0, -5, 2 ** 53 - 1]],
      ["number", [0.5, -1e300]],
      ["uuid", ["ee99b735-e01b-4ff2-a812-8dfd6f11b8c3"]],
      ["derived-uuid", ["ee99b735-e01b-4ff2-a812-8dfd6f11b8c3"]],
      ["ledger-key", ["a", 1, new Date(0), ["a", 1]]],
    ] as const) {
      for (const key of keys) {
        const text = encodeKey(key);
        expect(ledgerKeyOf(codec, String(cellOf(codec, text)))).toBe(text);
      }
    }
    expect(cellOf("text", encodeKey(1))).toBeUndefined();
    expect(cellOf("text", encodeKey("\u0000"))).toBeUndefined();
    expect(cellOf("uuid", encodeKey("EE99B735-E01B-4FF2-A812-8DFD6F11B8C3"))).toBeUndefined();
    // The same key has one UUID, in all runs of all versions.
    expect(cellOf("derived-uuid", encodeKey("sample-1"))).toBe(DERIVED);
    expect(cellOf("derived-uuid", encodeKey("sample-2"))).not.toBe(DERIVED);
    expect(keyCell({ codec: "derived-uuid" }, encodeKey("sample-1"), "things", "b")).not.toBe(
      DERIVED,
    );
  });
});

describe("inference", () => {
  const inferred = (records: readonly Value[], collection = "things"): Layout => {
    const profile = new CollectionProfile(collection);
    for (const record of records) profile.observe(record, undefined, 1);
    return inferLayout(profile);
  };
  const codecs = (layout: Layout): Record<string, string> =>
    Object.fromEntries(layout.tables[0].columns.map((column) => [column.path[0], column.codec]));

  it("never picks a type that a value refuses", () => {
    const layout = inferred([
      {
        id: 1,
        price: "$4.99",
        n: 1,
        mixed: 1,
        when: "2026-02-06T00:45:19.272Z",
        day: "2026-02-06T00:45:19.272Z",
        on: true,
      },
      {
        id: 2,
        price: "5",
        n: 1.5,
        mixed: "1",
        when: "2026-02-06T00:45:20.000Z",
        day: "2026-02-06",
        on: null,
      },
    ]);
    expect(codecs(layout)).toEqual({
      price: "text",
      n: "number",
      when: "iso-timestamp",
      day: "text",
      on: "boolean",
    });
    expect(layout.key).toEqual({ from: "property", path: ["id"] });
    expect(layout.tables[0].key).toEqual({ name: "id", codec: "integer" });
  });

  it("finds the key: id first, then others, and the position when none is unique and never null", () => {
    expect(inferred([{ _id: "a" }, { _id: "b" }]).key).toEqual({ from: "property", path: ["_id"] });
    expect(inferred([{ userId: "a" }, { userId: "b" }], "users").key).toEqual({
      from: "property",
      path: ["userId"],
    });
    expect(inferred([{ id: 1 }, {}]).key).toEqual({ from: "position" });
    expect(inferred([{ id: 1 }, { id: 1 }, { id: 1 }, { id: 1 }, { id: 2 }]).key).toEqual({
      from: "position",
    });
    // input c-87: one slip does not unmake a key.
    expect(
      inferred([
        { id: "1", a: 1 },
        { id: "1", a: 2 },
      ]).key,
    ).toEqual({ from: "property", path: ["id"] });
    // input c-89: keys of several types keep them apart.
    expect(inferred([{ id: 1 }, { id: "1" }]).tables[0].key.codec).toBe("ledger-key");
  });

  it("gives every name a lawful, stable SQL name", () => {
    const taken = new Set<string>();
    const names = [
      "createdAt",
      "created_at",
      "URLOfPage",
      "user",
      "10",
      "",
      "\u0438\u043c\u044f",
      "\u0438\u043d\u044f",
      "x".repeat(80),
      "a\u0000b",
    ].map((one) => sqlName(one, taken));
    expect(names.slice(0, 4)).toEqual([
      "created_at",
      expect.stringMatching(/^created_at_[0-9a-f]{8}$/),
      "url_of_page",
      "user_",
    ]);
    expect(new Set(names).size).toBe(names.length);
    for (const one of names) expect(one).toMatch(/^[a-z_][a-z0-9_]{0,62}$/);
    expect(sqlName("\u0438\u043c\u044f", new Set())).toBe(names[6]);
  });
});

describe("form: the order of names", () => {
  const written = (records: readonly string[]): string[] => {
    const templates = new NameTemplates();
    const kept: [Value, Exception | undefined][] = records.map((text) => {
      const value = JSON.parse(text) as Value;
      return [value, templates.observe(value)];
    });
    // What comes out of a target has its names in some other order.
    const shuffled = (value: Value): Value => JSON.parse(canonicalOrder(value)) as Value;
    return kept.map(([value, exception]) => {
      const back = shuffled(value);
      return toTaggedJson(back, { names: templates.namesOf(back, exception) });
    });
  };
  const canonicalOrder = (value: Value): string =>
    JSON.stringify(value, (_, inner: unknown) =>
      typeof inner === "object" && inner !== null && !Array.isArray(inner)
        ? Object.fromEntries(Object.entries(inner).sort().reverse())
        : inner,
    );

  it("comes back for records that leave names out, add names, and contradict each other", () => {
    const records = [
      '{"id":1,"name":"a","tags":[{"z":1,"a":2}]}',
      '{"id":2,"new":0,"name":"b"}',
      '{"name":"c","id":3,"tags":[{"a":2},{"z":1,"a":2},{"a":1,"z":2}]}',
      '{"id":4,"tags":[],"meta":{"y":{"b":1,"a":1},"x":0}}',
    ];
    expect(written(records)).toEqual(records);
  });

  it("comes back for any records", () => {
    const record = fc.dictionary(
      fc.constantFrom("a", "b", "c", "d"),
      fc.oneof(
        fc.integer({ min: 0 }),
        fc.dictionary(fc.constantFrom("x", "y", "z"), fc.constant(1)),
      ),
    );
    fc.assert(
      fc.property(fc.array(record, { maxLength: 6 }), (values) => {
        const texts = values.map((value) => JSON.stringify(value));
        expect(written(texts)).toEqual(texts);
      }),
      propertyRuns(),
    );
  });

  it("survives being kept in the ledger", () => {
    const templates = new NameTemplates();
    templates.observe({ b: 1, a: 2 });
    const again = new NameTemplates(JSON.parse(JSON.stringify(templates.takeChanged())) as never);
    const value = fromTaggedJson('{"a":2,"b":1}');
    expect(toTaggedJson(value, { names: again.namesOf(value, undefined) })).toBe('{"b":1,"a":2}');
  });
});
