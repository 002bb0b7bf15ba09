/** SQL identifiers and literals. Names come from data, so they are always quoted. */

export function quote(name: string): string {
  if (name.includes("\u0000")) throw new TypeError("An SQL name cannot hold NUL.");
  return `"${name.replaceAll('"', '""')}"`;
}

export function qualified(schema: string, table: string): string {
  return `${quote(schema)}.${quote(table)}`;
}

/** A text array in Postgres' input syntax, for `= any($1::text[])`. */
export function textArray(values: readonly string[]): string {
  const escaped = values.map((value) => `"${value.replace(/[\\"]/g, "\\$&")}"`);
  return `{${escaped.join(",")}}`;
}
