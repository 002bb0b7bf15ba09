import { type Inspection, inspect } from "../transfer/inspect.ts";
import { run } from "./run.ts";
import { bytes, count, style, table, visible } from "./screen.ts";
import { type ReadingOptions, reading } from "./source-options.ts";

export function inspectCommand(sources: readonly string[], options: ReadingOptions): Promise<void> {
  return run(options, async (context) => {
    const source = await reading(sources, options, context);
    const inspection = await inspect(source.spec, source.options);
    return { result: { inspection }, text: () => inspectionText(inspection) };
  });
}

/** Properties that have neither a column nor the key's. */
function inRest(
  { key }: Inspection["collections"][number]["layout"],
  properties: Inspection["collections"][number]["properties"],
): number {
  const keyName = key.from === "property" && key.path.length === 1 ? key.path[0] : undefined;
  return properties.filter(
    ({ name, column, table: own }) => column === undefined && own === undefined && name !== keyName,
  ).length;
}

/** What was found, as a person reads it. */
export function inspectionText(inspection: Inspection): string {
  const lines: string[] = [];
  for (const file of inspection.files) {
    const notes = file.notes.length === 0 ? "" : `, ${file.notes.join(", ")}`;
    lines.push(
      `${style("bold", visible(file.name))}  ${file.format}, ${bytes(file.bytes)}${notes}`,
    );
    if (file.repairs > 0) lines.push(`  ${count(file.repairs, "fault")} of syntax repaired`);
  }
  lines.push(
    "",
    table(
      ["collection", "table", ">records", "key", "columns", "in the rest"],
      inspection.collections.map(({ name, layout, records, key, properties }) => [
        visible(name),
        layout.tables.map(({ name }) => name).join(", "),
        records.toLocaleString("en-US"),
        key.from === "property"
          ? visible(key.path.join("."))
          : key.from === "format"
            ? "(its own)"
            : "(position)",
        String(layout.tables.reduce((sum, { columns }) => sum + columns.length, 0)),
        String(inRest(layout, properties)),
      ]),
    ),
  );
  lines.push("", `A copy takes about ${bytes(inspection.estimatedBytes)} of the target's disk.`);
  if (inspection.findings.length > 0) {
    lines.push(
      "",
      style("bold", count(inspection.findings.length, "finding")),
      table(
        ["code", "where", ">count", "what"],
        inspection.findings.map(({ code, collection, property, count: times, message }) => [
          code,
          visible(property === undefined ? collection : `${collection}.${property}`),
          times.toLocaleString("en-US"),
          message,
        ]),
      ),
    );
  }
  return lines.join("\n");
}
