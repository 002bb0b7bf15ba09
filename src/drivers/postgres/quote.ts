/** SQL identifiers and literals. Names come from data, so they are always quoted. */

export function quote(name: string): string {
  if (name.includes("\u0000")) throw new TypeError("An SQL name cannot hold NUL.");
  return `"${name.replaceAll('"', '""')}"`;
}

export function qualified(schema: string, table: string): string {
  return `${quote(schema)}.${quote(table)}`;
}

/** A text literal, which takes the type of what it is compared with. */
export function literal(text: string): string {
  if (text.includes("\u0000")) throw new TypeError("An SQL text cannot hold NUL.");
  const quoted = `'${text.replaceAll("'", "''")}'`;
  return text.includes("\\") ? `E${quoted.replaceAll("\\", "\\\\")}` : quoted;
}

/** A text array in Postgres' input syntax, for `= any($1::text[])`. */
export function textArray(values: readonly string[]): string {
  const escaped = values.map((value) => `"${value.replace(/[\\"]/g, "\\$&")}"`);
  return `{${escaped.join(",")}}`;
}

/** Whether a text column gives this text back: no NUL, no lone surrogate. */
export function isStorable(text: string): boolean {
  return !text.includes("\u0000") && text.isWellFormed();
}

/** The text with what a text column cannot hold replaced: for messages and names of files, never for data. */
export function storable(text: string): string {
  return text.toWellFormed().replaceAll("\u0000", "\ufffd");
}
