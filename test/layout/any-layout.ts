/** Random layouts over a small set of names, and random records that often fit them and often do not. */
import fc from "fast-check";
import { ExactNumber, isPlainObject, setOwn, type Value } from "../../src/collection/value.ts";
import type {
  ChildTableLayout,
  CodecName,
  Column,
  Layout,
  TableLayout,
} from "../../src/layout/layout.ts";
import { VALUES } from "../collection/values.ts";

export const anyScalar: fc.Arbitrary<Value> = fc.oneof(
  fc.constantFrom<Value>(...VALUES.map(([, value]) => value)),
  fc.string({ unit: "binary", maxLength: 8 }),
  fc.integer(),
  fc.double(),
  fc.uuid(),
  fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
  // biome-ignore format: what the codecs are about
  fc.constantFrom<Value>(
    null, true, -0, "$4.99", "$199", "$ 4.99", "-$4.99", 4.99, 0.6120000000000001, 1e21, 1e-7, "01/02/2024", "1/2/2024",
    "2024-02-30", "2024-02-29", "2024-02-29T12:00:00Z", "2025-08-24 15:51:55", "2024-01-02T03:04:05+02:00",
    "2024-01-02T03:04+00:00", "2024-01-02T03:04:05.1-05:30", 1_750_654_128_168, 1_750_654_128, "Draft", "draft", "",
    new ExactNumber("1e400"), "ééééé", "😀😀", "\ud83d", "a\u0000b",
  ),
);

const names = fc.constantFrom(
  "id",
  "a",
  "b",
  "c",
  "list",
  "map",
  "__proto__",
  "$rows",
  "$absent",
  "10",
);

function object(entries: readonly (readonly [string, Value])[]): Value {
  const record: Record<string, Value> = {};
  for (const [name, value] of entries) setOwn(record, name, value);
  return record;
}

/** Records, and what lies in them, three levels deep. */
const { any } = fc.letrec<{ any: Value; objects: Value; lists: Value }>((tie) => ({
  any: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    { weight: 4, arbitrary: anyScalar },
    { weight: 3, arbitrary: tie("objects") },
    { weight: 2, arbitrary: tie("lists") },
  ),
  objects: fc.array(fc.tuple(names, tie("any")), { maxLength: 5 }).map(object),
  lists: fc.oneof(
    fc.array(tie("objects"), { maxLength: 3 }),
    fc.array(tie("any"), { maxLength: 3 }),
  ) as fc.Arbitrary<Value>,
}));

export const anyRecord: fc.Arbitrary<Value> = fc.oneof(
  { weight: 9, arbitrary: fc.array(fc.tuple(names, any), { maxLength: 7 }).map(object) },
  { weight: 1, arbitrary: any },
);

// biome-ignore format: one row per column
const columns: readonly Omit<Column, "name" | "path" | "nullMeans">[] = [
  { codec: "text" }, { codec: "text", limit: 3, sqlType: "varchar(3)" }, { codec: "boolean" }, { codec: "integer" },
  { codec: "integer", type: "smallint" }, { codec: "number" }, { codec: "number", type: "real" }, { codec: "uuid" },
  { codec: "decimal", precision: 10, scale: 4, sqlType: "numeric(10,4)" },
  { codec: "decimal", precision: 6, scale: 2, sqlType: "numeric(6,2)", coerce: true },
  { codec: "money", prefix: "$", precision: 10, scale: 2, sqlType: "numeric(10,2)" },
  { codec: "money", prefix: "$", precision: 10, scale: 2, sqlType: "numeric(10,2)", coerce: true },
  { codec: "iso-timestamp" }, { codec: "iso-timestamp", type: "timestamp" }, { codec: "iso-seconds" },
  { codec: "sql-timestamp" }, { codec: "iso-date" }, { codec: "date-text", pattern: "M/D/YYYY" },
  { codec: "date-text", pattern: "DD.MM.YYYY", type: "timestamptz", coerce: true }, { codec: "epoch-ms" },
  { codec: "epoch-s" }, { codec: "date" }, { codec: "jsonb" }, { codec: "text-list" },
  { codec: "enum", labels: { Draft: "draft", draft: "drafted" } }, { codec: "reference", to: "others" },
  { codec: "reference", to: "others", late: true }, { codec: "text", late: true },
  { codec: "text", fill: "" }, { codec: "integer", fill: 0 }, { codec: "jsonb", fill: "{}" },
  { codec: "iso-timestamp", fill: 0 }, { codec: "boolean", fill: false }, { codec: "jsonb", coerce: true },
  { codec: "jsonb", type: "json", coerce: true, fill: "{}" }, { codec: "iso-timestamp", coerce: true }, { codec: "epoch-ms", coerce: true },
  { codec: "iso-seconds", type: "timestamp", sqlType: "timestamp(0) without time zone", coerce: true },
  { codec: "iso-date", coerce: true }, { codec: "date", coerce: true, fill: 0 },
  { codec: "enum", labels: { Draft: "draft", done: "DONE" }, coerce: true },
];

const nullMeans = fc.constantFrom("absent" as const, "null" as const);
const columnFor = fc.tuple(fc.constantFrom(...columns), nullMeans, fc.boolean());

type Shape =
  | {
      readonly kind: "column";
      readonly column: (typeof columns)[number];
      readonly nullMeans: "absent" | "null";
      readonly offset: boolean;
    }
  | { readonly kind: "group"; readonly members: readonly (readonly [string, Shape])[] }
  | {
      readonly kind: "child";
      readonly holds: "list" | "map" | "object";
      readonly own: boolean;
      readonly emptyMeans: "absent" | "empty";
      readonly members: readonly (readonly [string, Shape])[];
    };

const { members } = fc.letrec<{ shape: Shape; members: readonly (readonly [string, Shape])[] }>(
  (tie) => ({
    shape: fc.oneof(
      { maxDepth: 3 },
      {
        weight: 4,
        arbitrary: columnFor.map(
          ([column, means, offset]): Shape => ({
            kind: "column",
            column,
            nullMeans: means,
            offset,
          }),
        ),
      },
      {
        weight: 2,
        arbitrary: tie("members").map((inner): Shape => ({ kind: "group", members: inner })),
      },
      {
        weight: 2,
        arbitrary: fc
          .tuple(
            fc.constantFrom("list" as const, "map" as const, "object" as const),
            fc.boolean(),
            fc.constantFrom("absent" as const, "empty" as const),
            tie("members"),
          )
          .map(
            ([holds, own, emptyMeans, inner]): Shape => ({
              kind: "child",
              holds,
              own,
              emptyMeans,
              members: inner,
            }),
          ),
      },
    ),
    members: fc.uniqueArray(fc.tuple(names, tie("shape")), {
      maxLength: 4,
      selector: ([name]) => name,
    }),
  }),
);

const KEYS = fc.constantFrom<TableLayout["key"]["codec"]>("ledger-key", "text", "derived-uuid");

/** `ledgerRest`: the rest lies beside, as in a table without a column for it. */
export const anyLayout: fc.Arbitrary<Layout> = fc
  .tuple(
    members,
    KEYS,
    fc.boolean(),
    fc.boolean(),
    fc.constantFrom<Layout["key"]>({ from: "format" }, { from: "property", path: ["id"] }),
  )
  .map(([shape, codec, ledgerRest, tenant, key]) => {
    const tables: [TableLayout, ...ChildTableLayout[]] = [
      {
        name: "things",
        tenantColumn: tenant ? "tenant_id" : undefined,
        key: { name: "key", codec },
        restColumn: ledgerRest || codec === "derived-uuid" ? undefined : "rest",
        columns: [],
      },
    ];
    fill(tables, 0, [], shape);
    return { version: 2, collection: "things", key, tables };
  });

function fill(
  tables: [TableLayout, ...ChildTableLayout[]],
  at: number,
  path: readonly string[],
  shapes: readonly (readonly [string, Shape])[],
): void {
  const table = tables[at] as TableLayout | ChildTableLayout;
  for (const [name, shape] of shapes) {
    const place = [...path, name];
    if (shape.kind === "group") fill(tables, at, place, shape.members);
    else if (shape.kind === "column") {
      const offset = shape.offset && shape.column.fill === undefined;
      (table.columns as Column[]).push({
        name: `c${tables.length}_${table.columns.length}`,
        path: place,
        ...(offset
          ? {
              codec: "offset-timestamp" as CodecName,
              offsetColumn: `o${tables.length}_${table.columns.length}`,
            }
          : shape.column),
        nullMeans: shape.column.fill === undefined ? shape.nullMeans : "absent",
      });
    } else {
      const { holds, own, emptyMeans } = shape;
      const parent =
        "parent" in table && table.key.by === "place"
          ? [...table.key.parent, ...(table.key.place === undefined ? [] : [table.key.place])]
          : undefined;
      const child: ChildTableLayout = {
        name: `things_${tables.length}`,
        tenantColumn: table.tenantColumn,
        parent: at,
        path: place,
        holds,
        emptyMeans,
        columns: [],
        // One column holds the parent's key where that is one.
        key:
          own && parent === undefined
            ? {
                by: "own",
                column: "own_id",
                parent: "parent_id",
                from: ["id"],
                ...(holds === "map" || emptyMeans === "empty" ? { place: "place" } : {}),
              }
            : {
                by: "place",
                parent: (parent ?? ["parent_0"]).map((_, index) => `parent_${index}`),
                ...(holds === "object" ? {} : { place: "place" }),
              },
      };
      tables.push(child);
      fill(tables, tables.length - 1, [], shape.members);
    }
  }
}

// biome-ignore format: texts and numbers that the codec of this name is for
const FITTING: Readonly<Partial<Record<CodecName, readonly Value[]>>> = {
  "offset-timestamp": ["2024-01-02T03:04:05+02:00", "2024-01-02T03:04-07:30", "2024-01-02T03:04:05.1Z", "2024-01-02T03:04:05.120+00:00"],
  "iso-timestamp": ["2026-02-06T00:45:19.270Z"], "iso-seconds": ["2026-02-06T00:45:19Z"], "iso-date": ["2026-02-06"],
  "sql-timestamp": ["2025-08-24 15:51:55"], "date-text": ["6/18/2025", "06.07.2025", "2025-06-18"], money: ["$4.99", "$199", 5],
  decimal: [0.25, -1.5, 0.6120000000000001], "epoch-ms": [1_750_654_128_168], "epoch-s": [1_750_654_128], enum: ["Draft", "draft"],
  jsonb: [{ b: [1, { a: null }] }, []], "text-list": [["a", "", "{}"], []], reference: ["sample-1", 5], boolean: [true, false],
  integer: [7, -7], number: [0.5], uuid: ["ee99b735-e01b-4ff2-a812-8dfd6f11b8c3"], text: ["é", "", "abc"], date: [new Date(5)],
};

/** Records that mostly fit a layout: values where its columns look for them, elements where child tables do. */
function fitting(layout: Layout, at: number): fc.Arbitrary<Value> {
  const table = layout.tables[at] as TableLayout | ChildTableLayout;
  const parts: [readonly string[], fc.Arbitrary<Value>][] = table.columns.map(({ path, codec }) => [
    path,
    fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...(FITTING[codec] ?? [null])) }, anyScalar),
  ]);
  for (const [index, child] of layout.tables.entries()) {
    if (!("parent" in child) || child.parent !== at) continue;
    const element = fc.oneof({ weight: 9, arbitrary: fitting(layout, index) }, anyScalar);
    const fits: fc.Arbitrary<Value> =
      child.holds === "list"
        ? fc.array(element, { maxLength: 3 })
        : child.holds === "map"
          ? fc.array(fc.tuple(names, element), { maxLength: 3 }).map(object)
          : element;
    // Lists with holes among them, and what is no list at all.
    const held = fc.oneof({ weight: 8, arbitrary: fits }, anyScalar);
    parts.push([child.path, held]);
  }
  return fc
    .tuple(
      fc.tuple(...parts.map(([, value]) => fc.option(value, { freq: 6, nil: LEFT_OUT }))),
      fc.array(fc.tuple(names, anyScalar), { maxLength: 2 }),
    )
    .map(([values, more]) => {
      const record: Record<string, Value> = {};
      for (const [name, value] of more) setOwn(record, name, value);
      for (const [index, [path]] of parts.entries()) {
        const value = values[index];
        if (value !== LEFT_OUT) setAt(record, path, value as Value);
      }
      return record;
    });
}

const LEFT_OUT = Symbol("left out");

function setAt(object: Record<string, Value>, path: readonly string[], value: Value): void {
  const [name = "", ...inner] = path;
  if (inner.length === 0) {
    setOwn(object, name, value);
    return;
  }
  const there = Object.hasOwn(object, name) ? object[name] : undefined;
  // What is there may be one of the values that all records share.
  const next: Record<string, Value> = {};
  if (isPlainObject(there))
    for (const [key, held] of Object.entries(there)) setOwn(next, key, held);
  setOwn(object, name, next);
  setAt(next, inner, value);
}

export const fittingRecord = (layout: Layout): fc.Arbitrary<Value> => fitting(layout, 0);

/** A layout, with a record that fits it or one that knows nothing of it. */
export const layoutAndRecord: fc.Arbitrary<readonly [Layout, Value]> = anyLayout.chain((layout) =>
  fc.tuple(
    fc.constant(layout),
    fc.oneof({ weight: 3, arbitrary: fitting(layout, 0) }, { weight: 1, arbitrary: anyRecord }),
  ),
);
