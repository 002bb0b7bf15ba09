/** A record through a layout without a database: cells become the text that Postgres says of them. */
import { parseJson } from "../../src/collection/parse-json.ts";
import { ExactNumber, type Value } from "../../src/collection/value.ts";
import { plainDecimal } from "../../src/layout/codec-number.ts";
import { sqlTime } from "../../src/layout/codec-time.ts";
import { compileLayout, familyOf } from "../../src/layout/compile.ts";
import type { Layout, SqlType, SqlValue } from "../../src/layout/layout.ts";

/** Numbers as numeric, names in jsonb's own order (shorter ones first, in bytes): what jsonb makes of a text. */
function jsonbText(text: string): string {
  const write = (value: unknown): string => {
    if (typeof value === "number") return plainDecimal(value);
    // numeric keeps every digit.
    if (value instanceof ExactNumber) return value.text;
    if (Array.isArray(value)) return `[${value.map(write).join(", ")}]`;
    if (typeof value !== "object" || value === null) return JSON.stringify(value);
    const members = Object.entries(value)
      .map(([name, inner]) => ({ name, inner, bytes: Buffer.from(name) }))
      .sort((a, b) => a.bytes.length - b.bytes.length || Buffer.compare(a.bytes, b.bytes))
      .map(({ name, inner }) => `${JSON.stringify(name)}: ${write(inner)}`);
    return `{${members.join(", ")}}`;
  };
  return write(parseJson(text).value);
}

/** Postgres' text output of a cell, as the drivers read it back. */
export function sqlText(cell: SqlValue, type: SqlType, scale?: number): string | null {
  if (cell === null) return null;
  if (type === "boolean") return cell ? "t" : "f";
  if (type === "timestamptz" || type === "timestamp" || type === "date") {
    return sqlTime(cell as number, type);
  }
  if (type === "jsonb") return jsonbText(cell as string);
  if (type === "real" && !Object.is(cell, -0)) return String(Math.fround(cell as number));
  if (type === "text[]" || type === "varchar[]") {
    const items = (cell as string[]).map((item) => `"${item.replace(/[\\"]/g, "\\$&")}"`);
    return `{${items.join(",")}}`;
  }
  if (type === "numeric" && scale !== undefined) {
    const [whole = "", fraction = ""] = String(cell).split(".");
    return scale === 0 ? whole : `${whole}.${fraction.padEnd(scale, "0")}`;
  }
  return Object.is(cell, -0) ? "-0" : String(cell);
}

/** Encodes and decodes a record. Child rows come back in the order of their keys, as the driver asks for them. */
export function throughLayout(
  layout: Layout,
  key: string,
  value: Value,
): { readonly key: string; readonly value: Value; readonly rows: SqlValue[][][] } {
  const compiled = compileLayout(layout);
  const rows: SqlValue[][][] = compiled.tables.map(() => []);
  const rest = compiled.encode(key, { value }, "default", rows, {
    spill: () => {},
    late: () => {},
  });
  const texts = rows.map((list, index) => {
    const table = compiled.tables[index];
    const scales = new Map(
      layout.tables[index]?.columns.map((column) => [column.name, column.scale]),
    );
    const read = list.map((row) =>
      row.map((cell, at) => {
        const column = table?.columns[at];
        return sqlText(cell, column?.type ?? "text", scales.get(column?.name ?? ""));
      }),
    );
    const width = table?.keyWidth ?? 0;
    return read.sort((a, b) => compareKeys(a.slice(0, width), b.slice(0, width)));
  });
  const [cells = []] = texts[0] ?? [];
  const family = familyOf(layout, texts);
  const known = compiled.restInLedger ? { key, rest } : {};
  return { ...compiled.decode({ cells, family, ...known }), rows };
}

function compareKeys(a: readonly (string | null)[], b: readonly (string | null)[]): number {
  for (const [at, text] of a.entries()) {
    const left = text ?? "";
    const right = b[at] ?? "";
    const numbers = /^\d+$/.test(left) && /^\d+$/.test(right);
    const order = numbers ? Number(left) - Number(right) : left < right ? -1 : left > right ? 1 : 0;
    if (order !== 0) return order;
  }
  return 0;
}
