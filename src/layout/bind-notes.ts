/** What may stand in the way of rows, and is only known when they are written: said beforehand. */
import type { Findings } from "./bind-types.ts";
import type { CatalogKey, CatalogTable } from "./catalog.ts";
import { counted } from "./choices.ts";

/**
 * @param written the columns that rows bring with them.
 * @param filled those of them that have a fill: it is the same in many rows.
 * @param key the column that identifies rows: the database keeps it unique, and so do we.
 */
export function sayWhatMayConflict(
  table: CatalogTable,
  written: ReadonlySet<string>,
  filled: ReadonlySet<string>,
  key: string,
  findings: Findings,
): void {
  sayUnique(table, written, filled, key, findings);
  for (const { name, definition } of checksOf(table, written)) {
    findings.note("CHECK", table.name, undefined, {
      message: `${name}: ${definition}. Nobody looked whether all values pass.`,
      next: "A record that does not is set aside; the others go on.",
    });
  }
  for (const name of table.triggers) {
    findings.note("TRIGGER", table.name, undefined, {
      message: `The trigger ${name} runs for the rows that are written, and may change them.`,
      next: "Verify says so afterwards; switch it off for the copy if it does.",
    });
  }
  if (table.empty === false) {
    const rows = table.rows === undefined ? "rows" : `about ${counted(table.rows, "row")}`;
    findings.note("ROWS", table.name, undefined, {
      message: `There are ${rows} already.`,
      next: "They stay as they are; a record whose key one of them has is set aside.",
    });
  }
  sayRights(table, findings);
}

function sayRights(table: CatalogTable, findings: Findings): void {
  const { missingPrivileges: missing, rowSecurity } = table;
  if (missing.length > 0) {
    const named = table.canInsert
      ? missing
      : ["insert", ...missing.filter((one) => one !== "insert")];
    findings.problem("PRIVILEGE", table.name, undefined, {
      message: `We may not ${named.join(", ")} in ${table.name}, which is ${table.owner}'s.`,
      next: `grant ${named.join(", ")} on ${JSON.stringify(table.name)} to the role that copies.`,
    });
  }
  if (rowSecurity !== "off") {
    findings.note("ROW_SECURITY", table.name, undefined, {
      message: `Row security is ${rowSecurity}: its policies decide which rows may be written and seen.`,
      next: "Copy as a role that they let through.",
    });
  }
}

function sayUnique(
  table: CatalogTable,
  written: ReadonlySet<string>,
  filled: ReadonlySet<string>,
  key: string,
  findings: Findings,
): void {
  const keys = table.primaryKey === undefined ? table.unique : [table.primaryKey, ...table.unique];
  for (const unique of keys) {
    if (!unique.columns.includes(key)) sayUniqueKey(table, unique, written, filled, findings);
  }
  for (const { name, definition } of [...table.oddUnique, ...table.exclusions]) {
    findings.note("UNIQUE", table.name, undefined, {
      message: `${name} allows no two rows of a kind: ${definition}. Nobody looked whether there are such.`,
      next: "The second record is set aside; the others go on.",
    });
  }
}

function sayUniqueKey(
  table: CatalogTable,
  { name, columns, nullsNotDistinct }: CatalogKey,
  written: ReadonlySet<string>,
  filled: ReadonlySet<string>,
  findings: Findings,
): void {
  const missing = columns.filter((column) => !written.has(column));
  // Rows with a NULL there are never the same, and what counts by itself is not either.
  const isDifferent = missing.some((missed) => {
    const column = table.columns.find((one) => one.name === missed);
    if (column === undefined || column.identity !== undefined || column.sequence !== undefined)
      return true;
    return column.default === undefined ? !nullsNotDistinct : column.default.includes("(");
  });
  if (isDifferent) return;
  const repeated = columns.filter((column) => filled.has(column));
  const fill = repeated.length > 0 ? `, and ${repeated.join(", ")} is filled with the same` : "";
  findings.note("UNIQUE", table.name, columns.length === 1 ? columns[0] : undefined, {
    message: `${name} allows each (${columns.join(", ")}) once. Nobody looked whether values repeat${fill}.`,
    next: "The second record is set aside; the others go on.",
  });
}

/** Those of the table, and of the domains of what is written. */
function checksOf(
  table: CatalogTable,
  written: ReadonlySet<string>,
): readonly { readonly name: string; readonly definition: string }[] {
  const columns = table.columns.filter(({ name }) => written.has(name));
  const domains = columns.flatMap(({ name, checks }) =>
    checks.map((check) => ({ name: `${check.name} (${name})`, definition: check.definition })),
  );
  return [...table.checks, ...domains];
}
