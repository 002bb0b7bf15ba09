/** What goes in by binary COPY comes out as the codecs read it, on every Postgres there is. */

import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { encodeKey } from "../../src/collection/key.ts";
import {
  type CopyType,
  type CopyValue,
  copyBinary,
} from "../../src/drivers/postgres/copy-binary.ts";
import { ensureLedger } from "../../src/drivers/postgres/ledger-schema.ts";
import { textArray } from "../../src/drivers/postgres/quote.ts";
import { ledgerKeySql } from "../../src/drivers/postgres/tables.ts";
import { CODECS, keyType } from "../../src/layout/codec.ts";
import type { KeyColumn } from "../../src/layout/layout.ts";
import { propertyRuns } from "../support/property.ts";
import { backends, type Opened } from "./backends.ts";

const TYPES = [
  "integer",
  "text",
  "boolean",
  "bigint",
  "double precision",
  "uuid",
  "timestamptz",
  "json",
  "bytea",
] as const satisfies readonly CopyType[];

const FIRST_MS = Date.parse("0001-01-01T00:00:00.000Z");
const LAST_MS = Date.parse("9999-12-31T23:59:59.999Z");
const ms = fc.integer({ min: FIRST_MS, max: LAST_MS });
const text = fc.string({ unit: "grapheme" }).filter((value) => !value.includes("\u0000"));

describe.each(backends)("$name", (backend) => {
  let opened: Opened;
  beforeAll(async () => {
    opened = await backend.open();
    const columns = TYPES.map((type, index) => `c${index} ${type}`).join(", ");
    await opened.database.query(`create table t (${columns})`);
    await opened.database.transaction((sql) => ensureLedger(sql));
  });
  afterAll(() => opened[Symbol.asyncDispose]());

  async function roundTrip(
    rows: readonly (readonly CopyValue[])[],
  ): Promise<readonly (readonly (string | null)[])[]> {
    return opened.database.transaction(async (sql) => {
      const names = TYPES.map((_, index) => `c${index}`);
      expect(await sql.copyIn("t", names, copyBinary(TYPES, rows))).toBe(rows.length);
      const { rows: found } = await sql.query("select * from t order by c0");
      await sql.query("delete from t");
      return found;
    });
  }

  const PLAIN = { name: "c", codec: "text", path: ["c"], nullMeans: "absent" } as const;

  test("law T3: what the codecs of further types encode, Postgres gives back", async () => {
    // biome-ignore format: codec, type, cells and what Postgres says
    const cases: readonly (readonly [CopyType, readonly CopyValue[], readonly string[]])[] = [
      ["numeric", ["0", "0.00", "4.99", "-4.99", "1299.50", "-0.0001", "10000", "100000000.00010000", "1000000000000000000000", "0.0000001"],
                  ["0", "0.00", "4.99", "-4.99", "1299.50", "-0.0001", "10000", "100000000.00010000", "1000000000000000000000", "0.0000001"]],
      ["smallint", [-32768, 32767], ["-32768", "32767"]],
      ["real", [0.5, -1.25, Math.fround(0.1)], ["0.5", "-1.25", "0.1"]],
      ["date", ["0001-01-01", "1969-12-31", "2024-02-29", "9999-12-31"].map(Date.parse), ["0001-01-01", "1969-12-31", "2024-02-29", "9999-12-31"]],
      ["timestamp", [Date.parse("2025-08-24T15:51:55.120Z"), FIRST_MS], ["2025-08-24 15:51:55.12", "0001-01-01 00:00:00"]],
      ["jsonb", ['{"b":1e21,"a":["é",null]}', "[]", '"x"'], ['{"a": ["é", null], "b": 1000000000000000000000}', "[]", '"x"']],
      ["text[]", [[], ["a", "", 'q"\\', "NULL", "é,{}"]], ["{}", '{a,"","q\\"\\\\","NULL","é,{}"}']],
      ["varchar[]", [["a"]], ["{a}"]],
    ];
    for (const [type, cells, expected] of cases) {
      const found = await opened.database.transaction(async (sql) => {
        await sql.query(`create temporary table one (n integer, c ${type}) on commit drop`);
        const rows = cells.map((cell, index) => [index, cell]);
        await sql.copyIn("one", ["n", "c"], copyBinary(["integer", type], rows));
        return (await sql.query("select c from one order by n")).rows;
      });
      expect(
        found.map(([cell]) => cell),
        type,
      ).toEqual(expected);
    }
  });

  /** The row as the codecs read it. */
  const decoded = (row: readonly (string | null)[]): unknown[] =>
    TYPES.map((type, index) => {
      const cell = row[index] ?? null;
      if (cell === null) return null;
      if (type === "integer" || type === "bigint" || type === "double precision")
        return Number(cell);
      if (type === "boolean") return CODECS.boolean.decode(cell, PLAIN, null);
      if (type === "timestamptz") return (CODECS.date.decode(cell, PLAIN, null) as Date).getTime();
      if (type === "bytea") return cell;
      return cell;
    });

  test("law L1: extreme values of every type survive binary COPY", async () => {
    const id = "00000000-0000-0000-0000-000000000000";
    const max = "ffffffff-ffff-ffff-ffff-ffffffffffff";
    const rows: CopyValue[][] = [
      [-(2 ** 31), "", true, 2 ** 53 - 1, -0, id, FIRST_MS, "{}", new Uint8Array()],
      [
        0,
        "🧑‍🚀\u0001\n\\N\t",
        false,
        -(2 ** 53 - 1),
        5e-324,
        max,
        LAST_MS,
        '"\\u0000"',
        new Uint8Array([0, 255]),
      ],
      [
        1,
        "x".repeat(300_000),
        null,
        -1,
        1.7976931348623157e308,
        id,
        -1,
        `"${"é".repeat(70_000)}"`,
        new Uint8Array(400_000).fill(7),
      ],
      [2, null, null, null, null, null, null, null, null],
      [2 ** 31 - 1, "é", true, 0, 0.1, id, 0, "[1.0, 1e400]", new Uint8Array([1])],
    ];
    const found = await roundTrip(rows);
    const expected = rows.map((row) =>
      row.map((cell) =>
        cell instanceof Uint8Array ? `\\x${Buffer.from(cell).toString("hex")}` : cell,
      ),
    );
    expect(found.map(decoded)).toEqual(expected);
    expect(Object.is(decoded(found[0] ?? [])[4], -0)).toBe(true);
  });

  test("law L1: any row of any values survives binary COPY", async () => {
    const row = fc.tuple(
      fc.option(text),
      fc.option(fc.boolean()),
      fc.option(fc.maxSafeInteger()),
      fc.option(fc.double({ noNaN: true, noDefaultInfinity: true })),
      fc.option(fc.uuid()),
      fc.option(ms),
      fc.option(fc.json()),
      fc.option(fc.uint8Array()),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(row, { maxLength: 60 }), async (cells) => {
        const rows = cells.map((cell, index): CopyValue[] => [index, ...cell]);
        const found = await roundTrip(rows);
        const expected = rows.map((cell) =>
          cell.map((value) =>
            value instanceof Uint8Array ? `\\x${Buffer.from(value).toString("hex")}` : value,
          ),
        );
        expect(found.map(decoded)).toEqual(expected);
      }),
      propertyRuns(25),
    );
  });

  const keyCases: readonly (readonly [KeyColumn["codec"], fc.Arbitrary<string | number>])[] = [
    ["text", fc.oneof(text, fc.string({ unit: fc.constantFrom("\u0001", "\u0002", "a", "é") }))],
    ["uuid", fc.uuid()],
    ["integer", fc.maxSafeInteger()],
    ["number", fc.double({ noNaN: true, noDefaultInfinity: true })],
  ];
  test.each(keyCases)(
    "law D3: SQL says the ledger text of a key of codec %s as encodeKey does, in its order",
    async (codec, keys) => {
      const type = keyType({ codec });
      await fc.assert(
        fc.asyncProperty(fc.array(keys, { minLength: 1, maxLength: 100 }), async (values) => {
          const cells = textArray(
            values.map((value) => (Object.is(value, -0) ? "-0" : String(value))),
          );
          const collate = type === "text" ? ' collate "C"' : "";
          const { rows } = await opened.database.query(
            `select ${ledgerKeySql(codec, "k")} from unnest($1::${type}[]) as u(k) order by k${collate}`,
            [cells],
          );
          const expected = values.map((value) => Buffer.from(encodeKey(value)));
          expected.sort(Buffer.compare);
          expect(rows.map(([key]) => key)).toEqual(expected.map((key) => key.toString()));
        }),
        propertyRuns(25),
      );
    },
  );
});
