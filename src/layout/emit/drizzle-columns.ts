/** Column builders of drizzle-orm's pg-core. */
import { timeText } from "./sql.ts";
import type { DescribedColumn } from "./tables.ts";

/** What a module imports from pg-core: filled by those that write it. */
export type Imports = Set<string>;

/**
 * `bigint("views", { mode: "number" }).notNull()`. The modes give what the app wrote, as far as a mode does.
 *
 * @param enums the constant of an enum type, by its name.
 */
export function columnBuilder(
  column: DescribedColumn,
  imports: Imports,
  enums: ReadonlyMap<string, string>,
): string {
  const call = builderCall(column, imports, enums);
  const fallback = column.default === undefined ? "" : `.default(${defaultValue(column)})`;
  return `${call}${column.nullable ? "" : ".notNull()"}${fallback}`;
}

function builderCall(
  { name, type, codec }: DescribedColumn,
  imports: Imports,
  enums: ReadonlyMap<string, string>,
): string {
  const build = (builder: string, options: Readonly<Record<string, unknown>> = {}): string => {
    imports.add(builder);
    const given = Object.entries(options).filter(([, value]) => value !== undefined);
    const list = given.map(([option, value]) => `${option}: ${JSON.stringify(value)}`).join(", ");
    return `${builder}(${JSON.stringify(name)}${list === "" ? "" : `, { ${list} }`})`;
  };
  const { precision, scale, length } = type;
  switch (type.kind) {
    case "bigint":
      return build("bigint", { mode: "number" });
    case "numeric":
      // Text that was read as an amount has no number of its own: its digits stay.
      return build("numeric", { precision, scale, mode: codec === "money" ? undefined : "number" });
    case "double precision":
      return build("doublePrecision");
    case "timestamptz":
      return build("timestamp", { precision, withTimezone: true, mode: timeMode(codec) });
    case "timestamp":
      return build("timestamp", { precision, mode: timeMode(codec) });
    case "date":
      return build("date", { mode: "string" });
    case "text[]":
      return `${build("text")}.array()`;
    case "varchar[]":
      return `${build("varchar", { length })}.array()`;
    case "varchar":
    case "char":
      return build(type.kind, { length });
    case "enum": {
      const constant = enums.get(type.enumName ?? "");
      return `${constant ?? "text"}(${JSON.stringify(name)})`;
    }
    case "other": {
      imports.add("customType");
      const dataType = `dataType: () => ${JSON.stringify(type.text)}`;
      return `customType<{ data: string }>({ ${dataType} })(${JSON.stringify(name)})`;
    }
    default:
      return build(type.kind);
  }
}

function timeMode(codec: DescribedColumn["codec"]): "date" | "string" {
  return codec === "date" || codec === "epoch-ms" || codec === "epoch-s" ? "date" : "string";
}

function defaultValue({ type, codec, default: cell }: DescribedColumn): string {
  if (typeof cell === "number") {
    const time = timeText(type.kind, cell);
    if (time === undefined) return String(cell);
    const asDate = type.kind !== "date" && timeMode(codec) === "date";
    return asDate ? `new Date(${cell})` : JSON.stringify(time);
  }
  // Cells of json hold its text; those of numeric its digits.
  if (typeof cell === "string" && (type.kind === "json" || type.kind === "jsonb")) return cell;
  if (typeof cell === "string" && type.kind === "numeric")
    return codec === "money" ? JSON.stringify(cell) : cell;
  return JSON.stringify(cell);
}
