import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { canonicalText } from "../../src/collection/canonical.ts";
import { encodeKey } from "../../src/collection/key.ts";
import { type Exception, NameTemplates } from "../../src/collection/name-order.ts";
import { fromTaggedJson, toTaggedJson } from "../../src/collection/tagged-json.ts";
import { ExactNumber, type Value } from "../../src/collection/value.ts";
import { CODECS, keyCell, ledgerKeyOf } from "../../src/layout/codec.ts";
import { compileLayout } from "../../src/layout/compile.ts";
import { inferLayout } from "../../src/layout/infer.ts";
import type { CodecName, Layout, SqlValue } from "../../src/layout/layout.ts";
import { sqlName } from "../../src/layout/names.ts";
import { CollectionProfile } from "../../src/layout/profile.ts";
import { VALUES } from "../collection/values.ts";
import { propertyRuns } from "../support/property.ts";

/** Postgres' text output of a cell, as the drivers read it back. */
function sqlText(cell: SqlValue, type: string): string | null {
  if (cell === null) return null;
  if (type === "boolean") return cell ? "t" : "f";
  if (type === "timestamptz") {
    const iso = new Date(cell as number).toISOString();
    return `${iso.slice(0, 10)} ${iso.slice(11, 19)}${`.${iso.slice(20, 23)}`.replace(/\.?0+$/, "")}+00`;
  }
  return Object.is(cell, -0) ? "-0" : String(cell);
}

function throughLayout(layout: Layout, key: string, value: Value): { key: string; value: Value } {
  const compiled = compileLayout(layout);
  const rows: SqlValue[][][] = [[]];
  compiled.encode(key, value, "default", rows, () => {});
  const types = compiled.tables[0]?.columns.map(({ type }) => type) ?? [];
  return compiled.decode(
    (rows[0]?.[0] ?? []).map((cell, index) => sqlText(cell, types[index] ?? "")),
  );
}

const scalar = fc.oneof(
  fc.constantFrom<Value>(...VALUES.map(([, value]) => value)),
  fc.string({ unit: "binary", maxLength: 8 }),
  fc.integer(),
  fc.double(),
  fc.uuid(),
  fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
  fc.constantFrom<Value>(null, true, "$4.99", "01/02/2024", "2024-02-30", new ExactNumber("1e400")),
);
const name = fc.oneof(
  fc.constantFrom("id", "rest", "a", "b", "__proto__", "$date", "tenant_id", "10", "2"),
  fc.string({ unit: "binary", maxLength: 4 }),
);
const anyRecord: fc.Arbitrary<Value> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.array(fc.tuple(name, scalar), { maxLength: 8 }).map((entries) => {
      const record: Record<string, Value> = {};
      for (const [property, value] of entries) {
        Object.defineProperty(record, property, {
          value,
          enumerable: true,
          configurable: true,
          writable: true,
        });
      }
      return record;
    }),
  },
  { weight: 1, arbitrary: scalar },
);
const codec = fc.constantFrom<CodecName>(
  "text",
  "boolean",
  "integer",
  "number",
  "uuid",
  "iso-timestamp",
  "date",
);
const anyLayout: fc.Arbitrary<Layout> = fc
  .array(fc.tuple(name, codec, fc.constantFrom("absent" as const, "null" as const)), {
    maxLength: 6,
  })
  .map((columns) => ({
    version: 1,
    collection: "things",
    key: { from: "format" },
    tables: [
      {
        name: "things",
        tenantColumn: undefined,
        key: { name: "key", codec: "ledger-key" },
        restColumn: "rest",
        columns: [
          ...new Map(
            columns.map(([property, codecName, nullMeans], index) => [
              property,
              { name: `c${index}`, codec: codecName, property, nullMeans },
            ]),
          ).values(),
        ],
      },
    ],
  }));

describe("law L1: a layout gives back exactly the record it was given", () => {
  it("for any record under any layout", () => {
    fc.assert(
      fc.property(anyLayout, anyRecord, (layout, record) => {
        const back = throughLayout(layout, encodeKey("k"), record);
        expect(canonicalText(back.value)).toBe(canonicalText(record));
      }),
      propertyRuns(500),
    );
  });

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
        version: 1,
        collection: "t",
        key: { from: "format" },
        tables: [
          {
            name: "t",
            tenantColumn: undefined,
            key: { name: "key", codec: "text" },
            restColumn: "rest",
            columns: [{ name: "a", codec: "text", property: "a", nullMeans }],
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
  it("law T3: hold a value only when they give that very value back", () => {
    for (const [codecName, { encode, decode, sql }] of Object.entries(CODECS)) {
      if (codecName === "ledger-key") continue;
      for (const [label, value] of VALUES) {
        if (value === null) continue;
        const cell = encode(value);
        if (cell === undefined) continue;
        const back = decode(sqlText(cell, sql) as string);
        expect(canonicalText(back), `${codecName} ${label}`).toBe(canonicalText(value));
      }
    }
  });

  it("input c-23, c-33, c-34, c-51: refuse -0 as an integer, NUL, half pairs, impossible and odd dates", () => {
    expect(CODECS.integer.encode(-0)).toBeUndefined();
    expect(CODECS.text.encode("a\u0000b")).toBeUndefined();
    expect(CODECS.text.encode("\ud83d")).toBeUndefined();
    for (const text of [
      "2024-02-30T00:00:00.000Z",
      "2024-01-15",
      "2024-01-15T00:00:00Z",
      "+275760-09-13T00:00:00.000Z",
      "now",
    ]) {
      expect(CODECS["iso-timestamp"].encode(text), text).toBeUndefined();
    }
    expect(CODECS.number.encode(Number.NaN)).toBeUndefined();
  });

  it("key columns give back the ledger text", () => {
    for (const [codecName, keys] of [
      ["text", ["a", "", "a\u0001b"]],
      ["integer", [0, -5, 2 ** 53 - 1]],
      ["number", [0.5, -1e300]],
      ["uuid", ["ee99b735-e01b-4ff2-a812-8dfd6f11b8c3"]],
      ["ledger-key", ["a", 1, new Date(0), ["a", 1]]],
    ] as const) {
      for (const key of keys) {
        const text = encodeKey(key);
        expect(ledgerKeyOf(codecName, String(keyCell(codecName, text)))).toBe(text);
      }
    }
    expect(keyCell("text", encodeKey(1))).toBeUndefined();
    expect(keyCell("text", encodeKey("\u0000"))).toBeUndefined();
    expect(keyCell("uuid", encodeKey("EE99B735-E01B-4FF2-A812-8DFD6F11B8C3"))).toBeUndefined();
  });
});

describe("inference", () => {
  const inferred = (records: readonly Value[], collection = "things"): Layout => {
    const profile = new CollectionProfile(collection);
    for (const record of records) profile.observe(record, undefined, 1);
    return inferLayout(profile);
  };
  const codecs = (layout: Layout): Record<string, string> =>
    Object.fromEntries(layout.tables[0].columns.map((column) => [column.property, column.codec]));

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
