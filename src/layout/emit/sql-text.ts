/** SQL identifiers and literals for DDL. Names come from data, so they are always quoted. */

export function quoteName(name: string): string {
  if (name.includes("\u0000")) throw new TypeError("An SQL name cannot hold NUL.");
  return `"${name.replaceAll('"', '""')}"`;
}

export function qualifiedName(schema: string, name: string): string {
  return `${quoteName(schema)}.${quoteName(name)}`;
}

export function nameList(names: readonly string[]): string {
  return names.map(quoteName).join(", ");
}

/** A text literal that reads the same whatever `standard_conforming_strings` says. */
export function textLiteral(text: string): string {
  if (text.includes("\u0000")) throw new TypeError("SQL text cannot hold NUL.");
  const quoted = `'${text.replaceAll("'", "''").replaceAll("\\", "\\\\")}'`;
  return text.includes("\\") ? `E${quoted}` : quoted;
}
