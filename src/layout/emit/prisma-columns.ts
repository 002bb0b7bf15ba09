/** Fields of Prisma models, without their names. */
import { timeText } from "./sql.ts";
import type { DescribedColumn } from "./tables.ts";

export interface PrismaType {
  /** `String?`, `Int[]`, `Unsupported("citext")?`. */
  readonly type: string;
  /** `@db.VarChar(40)`, where it is not what Prisma takes by itself. */
  readonly native?: string | undefined;
}

/** @param enums the name of an enum, by that of its type in the database. */
export function prismaType(
  column: DescribedColumn,
  enums: ReadonlyMap<string, string>,
): PrismaType {
  const { type, nullable } = column;
  const optional = nullable ? "?" : "";
  const of = (scalar: string, native?: string): PrismaType => ({
    type: `${scalar}${optional}`,
    native: native === undefined ? undefined : `@db.${native}`,
  });
  const digits = type.precision === undefined ? "" : `(${type.precision}, ${type.scale ?? 0})`;
  const length = type.length === undefined ? "" : `(${type.length})`;
  switch (type.kind) {
    case "text":
      return of("String");
    case "varchar":
      return of("String", `VarChar${length}`);
    case "char":
      return of("String", `Char${length}`);
    case "uuid":
      return of("String", "Uuid");
    case "boolean":
      return of("Boolean");
    case "bigint":
      return of("BigInt");
    case "integer":
      return of("Int");
    case "smallint":
      return of("Int", "SmallInt");
    case "double precision":
      return of("Float");
    case "real":
      return of("Float", "Real");
    case "numeric":
      return of("Decimal", `Decimal${digits}`);
    case "timestamptz":
      return of("DateTime", `Timestamptz(${type.precision ?? 6})`);
    case "timestamp":
      return of("DateTime", `Timestamp(${type.precision ?? 6})`);
    case "date":
      return of("DateTime", "Date");
    case "jsonb":
      return of("Json");
    case "json":
      return of("Json", "Json");
    case "text[]":
      // Prisma has no optional lists: NULL reads as an empty one.
      return { type: "String[]" };
    case "varchar[]":
      return { type: "String[]", native: `@db.VarChar${length}` };
    case "enum": {
      const known = enums.get(type.enumName ?? "");
      return of(known ?? `Unsupported(${prismaText(type.text)})`);
    }
    default:
      return of(`Unsupported(${prismaText(type.text)})`);
  }
}

/** `@default("x")`, where Prisma has a way to write it. */
export function prismaDefault({ type, default: cell }: DescribedColumn): string | undefined {
  if (cell === undefined || type.kind === "other" || type.kind === "enum") return undefined;
  if (typeof cell === "object") return `@default([${cell.map(prismaText).join(", ")}])`;
  if (typeof cell === "boolean") return `@default(${cell})`;
  if (typeof cell === "number") {
    const time = timeText(type.kind, cell);
    if (time === undefined) return `@default(${cell})`;
    return `@default(${prismaText(type.kind === "date" ? `${time}T00:00:00.000Z` : time)})`;
  }
  return type.kind === "numeric" ? `@default(${cell})` : `@default(${prismaText(cell)})`;
}

/** Prisma's text literals are JSON's. */
export const prismaText = (text: string): string => JSON.stringify(text);
